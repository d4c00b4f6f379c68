"""Rows become tokens, and tokens are split; nothing of it needs torch."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from evalgate.errors import DatasetError
from evalgate.ports import TrainingJob
from evalgate.prompts import Prompt, Tokenizer, TrainingTokens, training_tokens
from evalgate.records.suite import Message

MOST_PROBLEMS = 50


class Split(NamedTuple):
    """What is trained and what is held back."""

    trained: list[TrainingTokens]
    """The dataset's rows, and the replayed ones after them."""
    where: list[str]
    """Where each trained row stands, such as `datasets/x.jsonl:41`."""
    validated: list[TrainingTokens]
    """Never replayed ones: the loss is the dataset's own."""
    replayed: int
    """How many of the trained rows are replayed ones."""


def read_rows(job: TrainingJob, tokenizer: Tokenizer) -> Split:
    """All rows of a job as tokens, split; all problems of all rows at once.

    Raises:
        DatasetError: a row has no trainable token, no end-of-turn token in its mask, or too many tokens.
    """
    where = [f"{job.change.path}:{line}" for line in job.lines]
    own = _tokenise(job, job.prompt, job.rows, where, tokenizer)
    kept, validated = split(range(len(own)), job.settings.validation_share, job.settings.seed)
    replayed = _replayed(job, len(kept))
    general = [f"replayed row {place + 1}" for place in replayed]
    more = _tokenise(job, (), [job.replay[place] for place in replayed], general, tokenizer)
    trained, places = [own[i] for i in kept], [where[i] for i in kept]
    return Split([*trained, *more], [*places, *general], [own[i] for i in validated], len(more))


def split(places: Sequence[int], share: float, seed: int) -> tuple[list[int], list[int]]:
    """(training rows, validation rows): `share` of the rows at random, at least one left to train on."""
    kept = min(round(len(places) * share), len(places) - 1)
    chosen = set(random.Random(seed).sample(places, kept))  # noqa: S311  (a split, not a secret)
    return [place for place in places if place not in chosen], [place for place in places if place in chosen]


def shared_length(rows: Sequence[TrainingTokens]) -> int:
    """Tokens that all rows begin with and none is trained on."""
    low, high = min(row.ids for row in rows), max(row.ids for row in rows)
    limit = min(min(row.trained.index(True), len(row.ids) - 1) for row in rows)
    return next((i for i in range(limit) if low[i] != high[i]), limit)


def _tokenise(
    job: TrainingJob, prompt: Prompt, rows: Sequence[tuple[Message, ...]], where: Sequence[str], tokenizer: Tokenizer
) -> list[TrainingTokens]:
    """Every row as tokens."""
    tokens: list[TrainingTokens] = []
    problems: list[str] = []
    for place, turns in zip(where, rows, strict=True):
        try:
            row = training_tokens(tokenizer, prompt, turns, place)
        except DatasetError as error:
            problems.extend(error.problems)
            continue
        tokens.append(row)
        if len(row.ids) > job.settings.max_tokens:
            problems.append(f"{place}: {len(row.ids)} tokens, more than train.max_tokens {job.settings.max_tokens}: shorten it")
    if len(problems) > MOST_PROBLEMS:
        problems[MOST_PROBLEMS:] = [f"{job.change.path}: and {len(problems) - MOST_PROBLEMS} more rows"]
    if problems:
        raise DatasetError(*problems)
    return tokens


def _replayed(job: TrainingJob, own: int) -> list[int]:
    """Places of the general rows that are trained: so many that they make `train.replay.share` of all, drawn by the seed."""
    if job.settings.replay is None or not job.replay:
        return []
    share = job.settings.replay.share
    wanted = max(1, round(own * share / (1 - share)))
    drawn = random.Random(job.settings.seed).sample(range(len(job.replay)), min(wanted, len(job.replay)))  # noqa: S311
    return sorted(drawn)
