"""Greedy answers in batches: the shared prompt is computed once, rows leave as they finish.

Shapes: B rows of the batch, S longest own part of a question, P shared prefix, V vocabulary.
"""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import DynamicCache


class Question(NamedTuple):
    """A rendered conversation that waits for its answer."""

    place: int
    """Position in the request."""
    ids: list[int]


class Generated(NamedTuple):
    """Generated tokens, without the end-of-turn token."""

    place: int
    """Position in the request."""
    ids: list[int]
    latency_ms: float
    """From the start of its batch to its last token."""
    tokens_in: int
    tokens_out: int
    """End-of-turn counted."""
    confidence: float | None = None
    """Probability of all its tokens, end-of-turn counted; None where nobody asked."""


class Limits(NamedTuple):
    """Where answers end, and what is kept of them."""

    stop: int
    """The end-of-turn token."""
    max_new_tokens: int
    confidence: bool


def generate(
    network: Any,
    questions: Sequence[Question],
    *,
    stop: int,
    max_new_tokens: int,
    batch_rows: int,
    confidence: bool = False,
) -> Iterator[Generated]:
    """Yield every question's greedy answer, batches of equal length first; n = 0 yields nothing."""
    limits = Limits(stop, max_new_tokens, confidence)
    prefix = shared_prefix([question.ids for question in questions])
    ordered = sorted(questions, key=lambda question: (len(question.ids), question.place))
    with torch.inference_mode():
        cache = _prefill(network, prefix) if prefix else None
        for begin in range(0, len(ordered), batch_rows):
            rows = ordered[begin : begin + batch_rows]
            yield from _answer_batch(network, rows, _widened(cache, len(rows)), len(prefix), limits)


def shared_prefix(sequences: Sequence[list[int]]) -> list[int]:
    """The longest beginning that all sequences share, leaving each at least one token of its own."""
    if not sequences:
        return []
    low, high = min(sequences), max(sequences)
    length = 0
    while length < min(map(len, sequences)) - 1 and low[length] == high[length]:
        length += 1
    return low[:length]


def _prefill(network: Any, prefix: list[int]) -> DynamicCache:
    cache = DynamicCache()
    network(input_ids=torch.tensor([prefix]), past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache


def _widened(cache: DynamicCache | None, rows: int) -> DynamicCache:
    """The shared prefix's keys and values, one copy a row."""
    wide = DynamicCache()
    for number, layer in enumerate(cache.layers if cache is not None else []):
        wide.update(layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1), number)
    return wide


def _answer_batch(network: Any, rows: list[Question], cache: DynamicCache, prefix: int, limits: Limits) -> Iterator[Generated]:
    started = time.perf_counter()
    ids, mask = _left_padded([row.ids[prefix:] for row in rows], limits.stop)  # (B, S), (B, S)
    mask = torch.cat([torch.ones(len(rows), prefix, dtype=torch.long), mask], dim=1)  # (B, P + S)
    answers: list[list[int]] = [[] for _ in rows]
    surprise = [0.0] * len(rows)  # minus the log-probability of what was answered so far, in nats
    alive = list(range(len(rows)))
    for _ in range(limits.max_new_tokens):
        logits = _next_logits(network, ids, mask, cache)  # (B, V)
        chosen = logits.argmax(dim=-1)  # (B,)
        for row, token in zip(alive, chosen.tolist(), strict=True):
            answers[row].append(token)
        if limits.confidence:
            for row, nats in zip(alive, cross_entropy(logits.float(), chosen, reduction="none").tolist(), strict=True):  # (B,)
                surprise[row] += nats
        going = [
            i
            for i, token in enumerate(chosen.tolist())
            if token != limits.stop and len(answers[alive[i]]) < limits.max_new_tokens
        ]
        elapsed = (time.perf_counter() - started) * 1000
        for i in sorted(set(range(len(alive))) - set(going)):
            done = _generated(rows[alive[i]], answers[alive[i]], limits.stop, elapsed)
            yield done._replace(confidence=math.exp(-surprise[alive[i]])) if limits.confidence else done
        if not going:
            return
        if len(going) < len(alive):
            keep = torch.tensor(going)
            cache.batch_select_indices(keep)
            mask, chosen, alive = mask[keep], chosen[keep], [alive[i] for i in going]  # (B', ...)
        ids = chosen[:, None]  # (B, 1)
        mask = torch.cat([mask, torch.ones(len(alive), 1, dtype=torch.long)], dim=1)  # (B, P + S + t)


def _next_logits(network: Any, ids: Tensor, mask: Tensor, cache: DynamicCache) -> Tensor:
    """How likely each next token is in every row, before normalising, (B, V)."""
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]  # (B, S)
    logits = network(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits  # (B, 1, V)
    last: Tensor = logits[:, -1, :]  # (B, V)
    return last


def _left_padded(sequences: list[list[int]], filler: int) -> tuple[Tensor, Tensor]:
    """Token ids and mask, padded on the left to the longest, both (B, S)."""
    longest = max(map(len, sequences))
    ids = torch.tensor([[filler] * (longest - len(s)) + s for s in sequences])  # (B, S)
    mask = torch.tensor([[0] * (longest - len(s)) + [1] * len(s) for s in sequences])  # (B, S)
    return ids, mask


def _generated(row: Question, tokens: list[int], stop: int, elapsed: float) -> Generated:
    text = tokens[:-1] if tokens[-1] == stop else tokens
    return Generated(row.place, text, elapsed, len(row.ids), len(tokens))
