"""Greedy answers in batches: what all questions begin with is computed once, drafts are verified in one step, rows leave early.

Shapes: B rows of the batch, P opening, S longest own part of a row (question and draft), K most positions whose next token is
wanted, V vocabulary.
"""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import Cache, DynamicCache

from evalgate.models.shared_attention import NAME, Opening, own_cache

CROWDED = 0.875
"""Share of a batch's rows that must still be open for it to stay as it is: taking rows out copies all others."""


class Question(NamedTuple):
    """A rendered conversation that waits for its answer."""

    place: int
    """Position in the request."""
    ids: list[int]
    draft: tuple[int, ...] = ()
    """Tokens that the answer may well be, end-of-turn among them; empty for none."""

    @property
    def plain(self) -> "Question":
        """The question without its draft."""
        return self._replace(draft=())


class Generated(NamedTuple):
    """Generated tokens, without the end-of-turn token."""

    place: int
    """Position in the request."""
    ids: list[int]
    latency_ms: float | None
    """From the start of its batch to its last token; None where a draft was verified."""
    tokens_in: int
    tokens_out: int
    """End-of-turn counted."""
    confidence: float | None = None
    """Probability of all its tokens, end-of-turn counted; None where nobody asked."""
    stood: int = 0
    """Tokens of its draft that stood."""


class Limits(NamedTuple):
    """Where answers end, and what is kept of them."""

    stop: int
    """The end-of-turn token."""
    max_new_tokens: int
    confidence: bool = False


def batches(questions: Sequence[Question], opening: int, *, rows: int, tokens: int) -> list[list[Question]]:
    """The questions in batches, the shortest first, of at most `rows`, and `tokens` beyond the opening, padding counted.

    A question that is longer than `tokens` by itself is a batch by itself.
    """
    found: list[list[Question]] = []
    for question in sorted(questions, key=lambda one: (len(one.ids) + len(one.draft), one.place)):
        widest = len(question.ids) + len(question.draft) - opening  # they come in order of length
        if not found or len(found[-1]) >= rows or (len(found[-1]) + 1) * widest > tokens:
            found.append([])
        found[-1].append(question)
    return found


def answer_batch(network: Any, rows: Sequence[Question], opening: Opening, limits: Limits) -> Iterator[Generated]:
    """Yield each question's greedy answer as soon as it is done; all of them begin with the opening."""
    begun = time.perf_counter()
    with torch.inference_mode():
        drafts = [_until_its_end(row.draft, limits) for row in rows]
        own = [[*row.ids[len(opening.ids) :], *draft[:-1]] for row, draft in zip(rows, drafts, strict=True)]
        ids, mask = _left_padded(own, limits.stop, network.device)  # (B, S), (B, S)
        seen = _Seen(network, opening, mask)
        wanted = max(1, *map(len, drafts))
        logits = seen.logits(ids, keep=wanted)  # (B, K, V)
        answers, nats = _verified(logits, drafts, limits)
        seen.forget([max(0, len(draft) - len(answer)) for draft, answer in zip(drafts, answers, strict=True)])
        placed, open_rows = list(range(len(rows))), set(range(len(rows)))
        while True:
            took = (time.perf_counter() - begun) * 1000
            for row in [row for row in placed if row in open_rows and _ended(answers[row], limits)]:
                open_rows.remove(row)
                yield _generated(rows[row], answers[row], nats[row], took, limits)
            if not open_rows:
                return
            if len(open_rows) <= CROWDED * len(placed):
                going = [i for i, row in enumerate(placed) if row in open_rows]
                seen.keep(going)
                placed = [placed[i] for i in going]
            last = torch.tensor([[answers[row][-1]] for row in placed], device=network.device)  # (B', 1)
            logits = seen.logits(last, keep=1)[:, -1]  # (B', V)
            chosen = _best(logits)  # (B',)
            surprise = _nats(logits, chosen).tolist() if limits.confidence else [0.0] * len(placed)
            for row, token, more in zip(placed, chosen.tolist(), surprise, strict=True):
                if row in open_rows:
                    answers[row].append(token)
                    nats[row] += more


class _Seen:
    """What the rows of a batch have seen so far: keys and values, and which of them count."""

    def __init__(self, network: Any, opening: Opening, mask: Tensor) -> None:
        self._network = network
        self._opening = opening
        self._shared = network.config._attn_implementation == NAME
        self._cache: Cache = own_cache(network) if self._shared else _copied(network, opening, len(mask))
        self._own = mask  # (B, S)

    def logits(self, ids: Tensor, *, keep: int) -> Tensor:
        """How likely each token is to follow the last `keep` positions, before normalising, (B, K, V)."""
        grown = ids.shape[1] + self._cache.get_seq_length() - (0 if self._shared else len(self._opening.ids))
        more = grown - self._own.shape[1]
        if more:
            self._own = torch.cat([self._own, self._own.new_ones(len(ids), more)], dim=1)  # (B, S + t)
        before = len(self._opening.ids)
        positions = (self._own.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :] + before  # (B, S)
        mask = self._own if self._shared else torch.cat([self._own.new_ones(len(ids), before), self._own], dim=1)
        apart = {"opening": self._opening} if self._shared else {}
        logits: Tensor = self._network(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=keep,
            **apart,
        ).logits  # (B, K, V)
        return logits

    def forget(self, last: Sequence[int]) -> None:
        """The last positions of each row count no more: tokens of a draft that did not stand."""
        for row, count in enumerate(last):
            if count:
                self._own[row, -count:] = 0

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows go on."""
        kept = torch.tensor(rows, device=self._own.device)
        self._cache.batch_select_indices(kept)
        self._own = self._own[kept]  # (B', S + t)


def _copied(network: Any, opening: Opening, rows: int) -> DynamicCache:
    """The opening's keys and values, one copy a row."""
    wide = DynamicCache(config=network.config)
    for number, (keys, values) in enumerate(opening.layers):
        wide.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), number)
    return wide


def _verified(logits: Tensor, drafts: Sequence[tuple[int, ...]], limits: Limits) -> tuple[list[list[int]], list[float]]:
    """Each row's first tokens, and what they weigh in nats: its draft as far as it is greedy, then the token that is.

    A draft's tokens were fed to the model but for the last, so row i's next tokens stand at the last max(1, len(draft))
    positions. A draft that stands as a whole adds nothing: its last token ends the answer.
    """
    answers: list[list[int]] = []
    nats: list[float] = []
    best = _best(logits)  # (B, K)
    for row, (draft, tokens) in enumerate(zip(drafts, best.tolist(), strict=True)):
        wanted = tokens[-max(1, len(draft)) :]
        stood = next((i for i, (ours, theirs) in enumerate(zip(draft, wanted, strict=False)) if ours != theirs), len(draft))
        answer = wanted[: stood + 1]
        begin = logits.shape[1] - len(wanted)
        ours = logits[row, begin : begin + len(answer)]  # (taken, V)
        answers.append(answer)
        nats.append(float(_nats(ours, best[row, begin : begin + len(answer)]).sum()) if limits.confidence else 0.0)
    return answers, nats


def _best(logits: Tensor) -> Tensor:
    """The most likely token, the first of those that are equally so; argmax says the same, five times slower in bfloat16."""
    best: Tensor = logits.max(dim=-1).indices
    return best


def _nats(logits: Tensor, chosen: Tensor) -> Tensor:
    """Minus the logarithm of each chosen token's probability, (B,)."""
    return cross_entropy(logits.float(), chosen, reduction="none")


def _until_its_end(draft: tuple[int, ...], limits: Limits) -> tuple[int, ...]:
    """What of a draft can be an answer: nothing behind its first end-of-turn token, and no more tokens than are allowed."""
    most = draft.index(limits.stop) + 1 if limits.stop in draft else len(draft)
    return draft[: min(most, limits.max_new_tokens)]


def _ended(answer: Sequence[int], limits: Limits) -> bool:
    return answer[-1] == limits.stop or len(answer) >= limits.max_new_tokens


def _left_padded(sequences: list[list[int]], filler: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids and mask, padded on the left to the longest, both (B, S)."""
    longest = max(map(len, sequences))
    ids = torch.tensor([[filler] * (longest - len(s)) + s for s in sequences], device=device)  # (B, S)
    mask = torch.tensor([[0] * (longest - len(s)) + [1] * len(s) for s in sequences], device=device)  # (B, S)
    return ids, mask


def _generated(row: Question, tokens: list[int], nats: float, took: float, limits: Limits) -> Generated:
    text = tokens[:-1] if tokens[-1] == limits.stop else tokens
    stood = next((i for i, (ours, theirs) in enumerate(zip(row.draft, tokens, strict=False)) if ours != theirs), len(tokens))
    return Generated(
        row.place,
        text,
        None if row.draft else took,
        len(row.ids),
        len(tokens),
        math.exp(-nats) if limits.confidence else None,
        min(stood, len(row.draft)),
    )
