"""Early stopping: in which order cases are asked, and after how many of them a verdict is looked at."""

import hashlib
from collections.abc import Sequence

from evalgate.judgement.plan import Key, PlannedCase
from evalgate.stats.sequential import LOOKS, cases_at

_TURNS = (0, 2, 1, 3)
"""The look, from 0, in which each of four neighbours is asked: any two looks that follow each other take every other case."""


def order(cases: Sequence[PlannedCase]) -> list[PlannedCase]:
    """Safety first, then suites of older tasks, then golden cases with their buckets interleaved.

    Golden cases stand bucket by bucket, the slice with the fewest values first; each look takes every fourth of them, so that
    a bucket of that slice has its share of each look to within one case, and so has every combination of buckets. Within
    a combination the order is by digest of suite and id, so that nobody chooses which cases come first.
    """
    golden = [case for case in cases if case.suite == "golden"]
    before = sorted((case for case in cases if case.suite != "golden"), key=lambda case: (case.suite[0] != "s", case.key))
    slices = _coarsest_first(golden)
    beside = sorted(golden, key=lambda case: (*(case.buckets.get(name, "") for name in slices), _draw(case.key)))
    ranked = sorted((_TURNS[place % LOOKS], _draw(case.key), place) for place, case in enumerate(beside))
    return [*before, *(beside[place] for _, _, place in ranked)]


def asked_until(look: int | None, cases: Sequence[PlannedCase]) -> list[PlannedCase]:
    """The cases that are asked up to a look, in their usual order; all of them without one, and at the last."""
    if look is None or look >= LOOKS:
        return list(cases)
    ordered = order(cases)
    golden = sum(case.suite == "golden" for case in ordered)
    chosen = {case.key for case in ordered[: len(ordered) - golden + cases_at(look, golden)]}
    return [case for case in cases if case.key in chosen]


def _coarsest_first(golden: Sequence[PlannedCase]) -> list[str]:
    """The slices, those with the fewest values first: they hold the most cases each."""
    values: dict[str, set[str]] = {}
    for case in golden:
        for name, value in case.buckets.items():
            values.setdefault(name, set()).add(value)
    return sorted(values, key=lambda name: (len(values[name]), name))


def _draw(key: Key) -> str:
    return hashlib.sha256("\0".join(key).encode()).hexdigest()
