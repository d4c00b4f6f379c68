"""What a training will cost, told before anything is spent. Estimates, and they say so."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson

from evalgate import jsonl
from evalgate.records.journal import Entry
from evalgate.records.policy import Budget
from evalgate.records.train_policy import Train

BYTES_A_TOKEN = 3.0
"""Of UTF-8. Cautious: English has about four, other languages and JSON fewer; a Chinese character is one token of three bytes."""
TOKENS_A_TURN = 8
"""Chat templates put some tokens around every turn."""
STOPPED = ("failed", "superseded", "cancelled")
"""Ends without a verdict; they say what was spent until then."""
RESERVE = 1.2
"""20 % for retries and validation."""


class Estimate(NamedTuple):
    """What the next training will take."""

    tokens: int
    """Tokens through the model, all epochs, reserve included."""
    minutes: float | None
    """Minutes of training; None while no speed is known."""
    amount: float | None
    """Money, in the budget's currency; None while no price is known."""
    measured: bool
    """True when the speed was measured in an earlier training of this feature."""


def estimate(content: bytes, settings: Train, budget: Budget, *, prompt: int, ledger: Sequence[Entry] = ()) -> Estimate:
    """Tokens x passes x price, plus 20 %.

    Args:
        content: The dataset.
        settings: How it will be trained.
        budget: Prices and, until one was measured, the speed.
        prompt: Bytes of the prompt, which stands before every row.
        ledger: Earlier steps of this feature; the last training tells the speed.
    """
    rows = [_tokens(line.value) for line in jsonl.read(content) if isinstance(line.value, dict)]
    passes = float(settings.epochs)
    if settings.max_steps is not None and settings.rows_a_step is not None and rows:
        passes = min(passes, settings.max_steps * settings.rows_a_step / len(rows))
    tokens = math.ceil((sum(rows) + len(rows) * prompt / BYTES_A_TOKEN) * passes * RESERVE)
    measured = _speed(ledger)
    speed = measured or budget.tokens_per_second
    minutes = None if speed is None else tokens / speed / 60
    return Estimate(tokens, minutes, _amount(tokens, minutes, budget), measured is not None)


def spent_in(month: str, ledger: Iterable[Entry]) -> float:
    """Money that trainings of this feature took in a month such as "2026-11", by their estimates.

    What was begun is reserved; failed trainings count, and what ended before it trained does not.
    """
    runs: dict[tuple[object, ...], dict[str, float]] = {}
    for entry in ledger:
        if entry.at.startswith(month) and entry.step in ("started", "trained", *STOPPED):
            run = (entry.pull, entry.work, entry.run) if entry.work or entry.run else (entry.key,)
            runs.setdefault(run, {})[entry.step] = entry.amount or 0.0
    return math.fsum(_spent(steps) for steps in runs.values())


def _spent(steps: Mapping[str, float]) -> float:
    """Money that one run took: what its training says, else what its end says, else what it began with."""
    ended = [amount for step, amount in steps.items() if step in STOPPED]
    return steps.get("trained") or (max(ended) if ended else steps.get("started", 0.0))


def _tokens(row: dict[str, object]) -> float:
    """Tokens of a row, cautiously; what is no plain text, such as tools and their calls, is counted as JSON."""
    turns = row.get("messages")
    if not isinstance(turns, list):
        return 0.0
    said = [value for turn in turns if isinstance(turn, dict) for name, value in turn.items() if name != "role"]
    return (_bytes(row.get("tools")) + sum(map(_bytes, said))) / BYTES_A_TOKEN + TOKENS_A_TURN * len(turns)


def _bytes(value: object) -> int:
    if value is None:
        return 0
    return len(value.encode() if isinstance(value, str) else orjson.dumps(value))


def _speed(ledger: Sequence[Entry]) -> float | None:
    """Tokens a second of the last training that told both."""
    told = [entry for entry in ledger if entry.step == "trained" and entry.tokens and entry.seconds]
    return None if not told else (told[-1].tokens or 0) / (told[-1].seconds or 1.0)


def _amount(tokens: int, minutes: float | None, budget: Budget) -> float | None:
    """Money for tokens and minutes; None when neither has a price, or minutes have one and nobody knows how many."""
    if budget.price_per_minute is not None and minutes is None:
        return None
    parts = [
        None if budget.price_per_million_tokens is None else tokens / 1e6 * budget.price_per_million_tokens,
        None if budget.price_per_minute is None or minutes is None else minutes * budget.price_per_minute,
    ]
    known = [part for part in parts if part is not None]
    return sum(known) if known else None
