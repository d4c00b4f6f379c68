"""Variants on transformers: one base model with several adapters and prompts, answering greedily in one schedule.

This package is the door to torch, transformers and peft for asking; `training/` is the door for training.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from evalgate.models.continuous import answer_continuously
from evalgate.models.generation import Generated, Limits, Question, answer_batch, batches
from evalgate.models.loading import load_base
from evalgate.models.networks import Networks
from evalgate.models.planner import Way, choose
from evalgate.models.shared_attention import Opening, can_share, open_with
from evalgate.ports import Answer, Asked
from evalgate.prompts import Prompt, opening_tokens, question_tokens
from evalgate.records.evaluate_policy import Evaluation
from evalgate.records.evaluation import Decoding, Variant
from evalgate.records.suite import Message
from evalgate.weights import Weights

FIRST = 16
"""Questions of a variant's first batch whose drafts are tried."""
TRIED = 64
"""Tokens of drafts that are verified before it is judged whether drafts pay."""
PAYS = 0.25
"""Share of the drafted tokens that must stand for drafts to go on."""


class Side(NamedTuple):
    """What makes a variant of a base model."""

    adapter: Path | None
    prompt: Prompt


class _Standing(NamedTuple):
    """How a variant's drafts have fared."""

    verified: int = 0
    stood: int = 0

    @property
    def pays(self) -> bool:
        """True while drafts may be worth their tokens."""
        return self.verified < TRIED or self.stood >= PAYS * self.verified

    def and_also(self, verified: int, stood: int) -> "_Standing":
        """This, and what another batch showed."""
        return _Standing(self.verified + verified, self.stood + stood)


class TransformersPanel:
    """Loaded variants of one base model, asked in one schedule so that noise hits all alike."""

    def __init__(self, network: Any, tokenizer: Any, sides: Mapping[str, Side], settings: Evaluation) -> None:
        """Take a loaded base.

        Raises:
            RegistryError: an adapter is not one of this base.
        """
        can_share(network)
        self._networks = Networks(network, {name: side.adapter for name, side in sides.items()})
        self._tokenizer = tokenizer
        self._sides = sides
        self._settings = settings
        self._pace: dict[Way, float] = {}
        self._openings: dict[str, Opening] = {}
        self._standing = dict.fromkeys(sides, _Standing())

    def answer(self, asked: Sequence[Asked], decoding: Decoding) -> Iterator[Answer]:
        """Yield one Answer for each, its place in `asked`: in batches of like length, the variants' batches in turn.

        A draft is what the caller expects, or else what a variant before said to the same turns; it is verified, never believed.
        """
        limits = Limits(self._tokenizer.eos_token_id, decoding.max_new_tokens, decoding.confidence)
        device = self._networks.device
        way = choose(self._settings.engine, device=device, confidence=limits.confidence, pace=self._pace)
        begun = time.perf_counter()
        yield from self._continuously(asked, limits) if way == "continuous" else self._in_batches(asked, limits)
        self._pace.setdefault(way, (time.perf_counter() - begun) / max(1, len(asked)))

    def _in_batches(self, asked: Sequence[Asked], limits: Limits) -> Iterator[Answer]:
        said: dict[tuple[Message, ...], list[int]] = {}
        for side, batch in self._schedule(asked, limits):
            network, opening = self._networks.of(side), self._opening(side)
            begins = all(question.ids[: len(opening.ids)] == opening.ids for question in batch)
            most = len(batch) if self._standing[side].verified >= TRIED else FIRST
            drafted = [
                self._drafted(side, question, said.get(asked[question.place].turns), limits) if number < most else question.plain
                for number, question in enumerate(batch)
            ]
            stood = 0
            for done in answer_batch(network, drafted, opening if begins else Opening([], []), limits):
                said.setdefault(asked[done.place].turns, done.ids)
                stood += done.stood
                yield self._answer(done)
            verified = sum(len(question.draft) for question in drafted)
            self._standing[side] = self._standing[side].and_also(verified, stood)

    def _continuously(self, asked: Sequence[Asked], limits: Limits) -> Iterator[Answer]:
        for side in sorted({one.side for one in asked}):
            questions = [self._question(place, one, limits) for place, one in enumerate(asked) if one.side == side]
            yield from map(self._answer, answer_continuously(self._networks.of(side), questions, limits))

    def _schedule(self, asked: Sequence[Asked], limits: Limits) -> Iterator[tuple[str, list[Question]]]:
        """Batches of one variant each, of like length; each variant in turn is the first to answer."""
        planned = []
        for side in sorted({one.side for one in asked}):
            opening = self._opening(side).ids
            questions = [self._question(place, one, limits) for place, one in enumerate(asked) if one.side == side]
            begins = [question for question in questions if question.ids[: len(opening)] == opening]
            others = [question for question in questions if question.ids[: len(opening)] != opening]
            sizes = {"rows": self._settings.batch_rows, "tokens": self._settings.batch_tokens}
            cut = [*batches(begins, len(opening), **sizes), *batches(others, 0, **sizes)]
            planned.append([(side, batch) for batch in cut])
        for number, turn in enumerate(zip_longest(*planned)):
            yield from (one for one in (turn if number % 2 == 0 else turn[::-1]) if one is not None)

    def _question(self, place: int, asked: Asked, limits: Limits) -> Question:
        ids = question_tokens(self._tokenizer, self._sides[asked.side].prompt, asked.turns)
        if asked.draft is None or not self._settings.drafts:
            return Question(place, ids)
        draft = self._tokenizer(asked.draft, add_special_tokens=False)["input_ids"]
        return Question(place, ids, (*draft, limits.stop))

    def _drafted(self, side: str, question: Question, said: list[int] | None, limits: Limits) -> Question:
        """The question with the draft that is verified: none where drafts do not pay."""
        if not self._settings.drafts or not self._standing[side].pays:
            return question.plain
        if question.draft or said is None:
            return question
        return question._replace(draft=(*said, limits.stop))

    def _opening(self, side: str) -> Opening:
        if side not in self._openings:
            ids = opening_tokens(self._tokenizer, self._sides[side].prompt)
            self._openings[side] = open_with(self._networks.of(side), ids)
        return self._openings[side]

    def _answer(self, done: Generated) -> Answer:
        text = self._tokenizer.decode(done.ids, skip_special_tokens=True)
        return Answer(done.place, text, None, done.latency_ms, done.tokens_in, done.tokens_out, done.confidence)


class TransformersModel:
    """One loaded variant; see `evalgate.ports.Model`."""

    def __init__(self, panel: TransformersPanel, variant: Variant) -> None:
        """Take a panel that knows the variant by its name."""
        self.variant = variant
        self._panel = panel

    def answer(self, conversations: Sequence[Sequence[Message]], decoding: Decoding) -> Iterator[Answer]:
        """Yield one Answer a conversation, shortest questions first."""
        return self._panel.answer([Asked(self.variant.name, tuple(turns)) for turns in conversations], decoding)


def load_panel(weights: Weights, sides: Mapping[str, Side], settings: Evaluation, *, cache: Path) -> TransformersPanel:
    """The variants of one base model, loaded once for all of them.

    Raises:
        RegistryError: an adapter is not one of this base.
    """
    network, tokenizer = load_base(weights, cache=cache, precision=settings.dtype)
    return TransformersPanel(network, tokenizer, sides, settings)
