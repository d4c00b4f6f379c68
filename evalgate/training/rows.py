"""Rows become tokens, and tokens are split; nothing of it needs torch."""

import random
from collections.abc import Sequence
from typing import Any

from evalgate.errors import DatasetError
from evalgate.ports import TrainingJob
from evalgate.prompts import Tokenizer, TrainingTokens, training_tokens

MOST_PROBLEMS = 50


def tokenise(job: TrainingJob, tokenizer: Tokenizer) -> list[TrainingTokens]:
    """Every row as tokens; all problems of all rows at once.

    Raises:
        DatasetError: a row has no trainable token, no end-of-turn token in its mask, or too many tokens.
    """
    tokens: list[TrainingTokens] = []
    problems: list[str] = []
    for line, turns in zip(job.lines, job.rows, strict=True):
        where = f"{job.change.path}:{line}"
        try:
            row = training_tokens(tokenizer, job.prompt, turns, where)
        except DatasetError as error:
            problems.extend(error.problems)
            continue
        tokens.append(row)
        if len(row.ids) > job.settings.max_tokens:
            problems.append(f"{where}: {len(row.ids)} tokens, more than train.max_tokens {job.settings.max_tokens}: shorten it")
    if len(problems) > MOST_PROBLEMS:
        problems[MOST_PROBLEMS:] = [f"{job.change.path}: and {len(problems) - MOST_PROBLEMS} more rows"]
    if problems:
        raise DatasetError(*problems)
    return tokens


def split(rows: Sequence[TrainingTokens], share: float, seed: int) -> tuple[list[TrainingTokens], list[TrainingTokens]]:
    """(training rows, validation rows): `share` of the rows at random, at least one left to train on."""
    kept = min(round(len(rows) * share), len(rows) - 1)
    chosen = set(random.Random(seed).sample(range(len(rows)), kept))  # noqa: S311  (a split, not a secret)
    return [r for i, r in enumerate(rows) if i not in chosen], [r for i, r in enumerate(rows) if i in chosen]


def as_dicts(rows: Sequence[TrainingTokens]) -> list[dict[str, Any]]:
    """The rows as transformers.Trainer takes them."""
    return [{"input_ids": row.ids, "trained": row.trained} for row in rows]


def shared_length(rows: Sequence[TrainingTokens]) -> int:
    """Tokens that all rows begin with and none is trained on."""
    low, high = min(row.ids for row in rows), max(row.ids for row in rows)
    limit = min(min(row.trained.index(True), len(row.ids) - 1) for row in rows)
    return next((i for i in range(limit) if low[i] != high[i]), limit)
