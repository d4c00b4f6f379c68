"""Which rows make which step, planned before anything is trained: a run that was killed goes on with the same batches."""

import math
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from evalgate.records.train_policy import Train

SORTED_STEPS = 50
"""Where nothing is shared, rows of like length are put together among the rows of so many steps."""

Batch = tuple[int, ...]
"""Places of the rows that go through the model together; empty where a step has fewer rows than batches."""
Step = tuple[Batch, ...]
"""`Train.parts` batches, whose gradients make one step."""


class Lengths(NamedTuple):
    """What the rows cost."""

    own: Sequence[int]
    """Tokens of each row, those apart that all rows begin with."""
    shared: int
    """Tokens that all rows begin with; 0 where a batch cannot share them."""
    alike: bool
    """Put rows of like length together, because batches are padded."""


def plan(lengths: Lengths, settings: Train) -> list[Step]:
    """The steps of a training, in order: every row once an epoch, in an order of the seed's."""
    steps: list[Step] = []
    for epoch in range(settings.epochs):
        order = list(range(len(lengths.own)))
        generator = random.Random(f"{settings.seed} {epoch}")  # noqa: S311  (an order, not a secret)
        generator.shuffle(order)
        of_epoch = list(_steps(_alike(order, lengths, settings) if lengths.alike else order, lengths, settings))
        if lengths.alike:
            generator.shuffle(of_epoch)
        steps += of_epoch
        if settings.max_steps is not None and len(steps) >= settings.max_steps:
            break
    return steps[: settings.max_steps]


def in_batches(lengths: Lengths, settings: Train) -> list[Batch]:
    """All rows once, in batches for looking at them, longest first."""
    order = sorted(range(len(lengths.own)), key=lambda place: (-lengths.own[place], place))
    return list(_cut(order, lengths, settings, parts=1))


def every(settings: Train, steps: int) -> int | None:
    """Steps from one validation to the next; None where there is none on the way."""
    asked = settings.validate_every
    return None if asked is None else max(1, math.ceil(asked * steps) if asked < 1 else int(asked))


def _steps(order: Sequence[int], lengths: Lengths, settings: Train) -> Iterator[Step]:
    for rows in _cut(order, lengths, settings, parts=settings.parts):
        dealt = sorted(rows, key=lambda place: (-lengths.own[place], place)) if settings.parts > 1 else rows
        yield tuple(tuple(dealt[part :: settings.parts]) for part in range(settings.parts))


def _cut(order: Sequence[int], lengths: Lengths, settings: Train, *, parts: int) -> Iterator[Batch]:
    """The rows of one step after the other."""
    if settings.batch_tokens is None:
        size = settings.batch_rows * parts
        yield from (tuple(order[begin : begin + size]) for begin in range(0, len(order), size))
        return
    room = (settings.batch_tokens - lengths.shared) * parts
    rows: list[int] = []
    for place in order:
        taken = (*rows, place)
        own = [lengths.own[row] for row in taken]
        if rows and (max(own) * len(own) if lengths.alike else sum(own)) > room:
            yield tuple(rows)
            rows = []
        rows.append(place)
    if rows:
        yield tuple(rows)


def _alike(order: Sequence[int], lengths: Lengths, settings: Train) -> list[int]:
    """The order, sorted by length within stretches of some steps."""
    mean = max(1, sum(lengths.own) // max(1, len(lengths.own)))
    rows = settings.batch_rows if settings.batch_tokens is None else max(1, settings.batch_tokens // mean)
    stretch = SORTED_STEPS * rows * settings.parts
    cuts = (order[begin : begin + stretch] for begin in range(0, len(order), stretch))
    return [place for cut in cuts for place in sorted(cut, key=lambda place: (-lengths.own[place], place))]
