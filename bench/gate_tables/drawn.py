"""Comparisons drawn from chances: six equal buckets, base right in four cases of five, no safety suite."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalgate.records.comparison import Comparison, Pairs
from evalgate.records.policy import FeaturePolicy

BASE = 0.8
BUCKETS = 6
MARGIN = 0.10
SHA = "0" * 64
Tables = NDArray[np.int64]
"""Runs x buckets x (gains, losses, right on both sides, wrong on both sides)."""


class Chances(NamedTuple):
    """What may happen to a case."""

    gain: float
    loss: float

    @classmethod
    def of(cls, lift: float, d: float) -> "Chances":
        """A true lift at this discordance, which is at least the lift's size."""
        d = max(d, abs(lift))
        return cls((d + lift) / 2, (d - lift) / 2)


@functools.cache
def policy(require: str = "improvement", max_regression_share: float = 0.15) -> FeaturePolicy:
    """GATE.md's settings for its figures: bucket margin 10 points, min_lift 3, 95 %."""
    known = {"confidence": 0.95, "min_lift": 0.03, "max_bucket_drop": MARGIN}
    gate = {**known, "require": require, "max_regression_share": max_regression_share}
    return FeaturePolicy.model_validate({"gate": gate})


def sizes(n: int) -> list[int]:
    """n cases in six buckets, as equal as they can be."""
    return [n // BUCKETS + (number < n % BUCKETS) for number in range(BUCKETS)]


def tables(draw: np.random.Generator, runs: int, n: int, chances: Sequence[Chances]) -> Tables:
    """Counts of so many runs; a pair of chances for each bucket."""
    drawn = [draw.multinomial(size, of_case(c), size=runs) for size, c in zip(sizes(n), chances, strict=True)]
    return np.stack(drawn, axis=1)


def of_case(chances: Chances) -> tuple[float, float, float, float]:
    """Chances of gained, lost, right on both sides, wrong on both sides."""
    return chances.gain, chances.loss, BASE - chances.loss, 1 - BASE - chances.gain


def comparisons(drawn: Tables) -> Iterator[Comparison]:
    """The records that the gate is given."""
    for table in drawn.tolist():
        overall = [sum(column) for column in zip(*table, strict=True)]
        yield comparison(pairs("overall", overall), (pairs(f"bucket/{i}", row) for i, row in enumerate(table)))


def pairs(scope: str, row: Sequence[int], design_effect: float = 1.0, clusters: int | None = None) -> Pairs:
    """One scope from (gains, losses, both right, both wrong)."""
    gains, losses, both_right, both_wrong = row
    return Pairs(
        scope=scope,
        n=sum(row),
        gains=gains,
        losses=losses,
        both_right=both_right,
        both_wrong=both_wrong,
        unmeasured=0,
        design_effect=design_effect,
        clusters=clusters,
        design_effect_if_lost=design_effect,
        clusters_if_lost=clusters,
    )


def comparison(overall: Pairs, buckets: Iterable[Pairs]) -> Comparison:
    """A comparison that holds these counts and nothing else."""
    return Comparison(
        feature="drawn",
        base="base",
        candidate="candidate",
        base_results_sha256=SHA,
        candidate_results_sha256=SHA,
        primary="exact_json",
        overall=overall,
        buckets=tuple(buckets),
        gains=(),
        regressions=(),
        safety_regressions=(),
        unmeasured=(),
        has_provenance=True,
        base_accuracy=overall.base_right / overall.n,
        candidate_accuracy=overall.candidate_right / overall.n,
    )


class PointRule(NamedTuple):
    """The rule found in guides, on every run: mean lift at least 3 points, losses under 15 %, no bucket down over 5."""

    lifted: NDArray[np.bool_]
    bucket_fires: NDArray[np.bool_]
    passes: NDArray[np.bool_]


def point_rule(drawn: Tables) -> PointRule:
    """What thresholds on point estimates say; in whole numbers, so that no rounding decides."""
    gains, losses, cases = drawn[:, :, 0], drawn[:, :, 1], drawn.sum(axis=2)
    lifted = 100 * (gains.sum(axis=1) - losses.sum(axis=1)) >= 3 * cases.sum(axis=1)
    fires = (100 * (losses - gains) > 5 * cases).any(axis=1)
    few = 100 * losses.sum(axis=1) < 15 * cases.sum(axis=1)
    return PointRule(lifted, fires, lifted & few & ~fires)
