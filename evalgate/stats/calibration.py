"""Whether confidence means what it says: expected calibration error, and the area under the ROC curve."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from evalgate.stats.resamples import CHUNK, RESAMPLES, SEED

Array = NDArray[np.float64]

BINS = 10
CASES_A_BIN = 5


class Difference(NamedTuple):
    """Candidate minus base, with one-sided p-values."""

    estimate: float | None
    """None where one of the two cannot be said."""
    error: float
    """Standard error; 0 where nothing varies or nothing can be shown."""
    low: float
    high: float
    """Interval, each end at one-sided 5 %; (-1, 1) where nothing can be shown; never of zero width."""
    p_up: float
    """H0 "difference <= 0"; 1 where nothing can be shown."""
    p_down: float
    """H0 "difference >= 0"; 1 where nothing can be shown."""


NOTHING = Difference(None, 0.0, -1.0, 1.0, 1.0, 1.0)


def expected_calibration_error(confidence: Sequence[float], right: Sequence[bool]) -> float | None:
    """Mean distance between confidence and the share that is right, over bins of equal mass, in [0, 1]; None below 5 cases.

    At most ten bins, never fewer than five cases each; cases of equal confidence share what is right among them, so that their
    order does not matter. Debiased as in Kumar, Liang and Ma (2019): the part of each bin's squared distance that chance alone
    would bring is taken off.

    Raises:
        ValueError: not as many on either side, or a confidence outside [0, 1].
    """
    pairs = _pairs(confidence, right)
    return float(_ece(pairs[None])[0]) if len(pairs) >= CASES_A_BIN else None


def ece_difference(base: Sequence[tuple[float, bool]], candidate: Sequence[tuple[float, bool]], seed: int = SEED) -> Difference:
    """Candidate's calibration error minus base's (up is worse), place by place the same cases: (confidence, right) each.

    A bootstrap of pairs for the standard error, a t-test on it; nothing is shown below ten cases.

    Raises:
        ValueError: as for `expected_calibration_error`.
    """
    if len(base) != len(candidate):
        raise ValueError(f"{len(base)} cases of base and {len(candidate)} of the candidate: they go in pairs")
    both = np.concatenate([_pairs(*zip(*side, strict=True)) if side else np.zeros((0, 2)) for side in (base, candidate)], axis=1)
    both = both[np.lexsort(both.T)]
    n = len(both)
    if n < 2 * CASES_A_BIN:
        return NOTHING
    estimate = float((_ece(both[None, :, 2:]) - _ece(both[None, :, :2]))[0])
    draw, at_once = np.random.default_rng(seed), max(1, CHUNK // n)
    resamples = RESAMPLES // 10  # enough for a standard error
    places = (draw.integers(0, n, size=(min(at_once, resamples - done), n)) for done in range(0, resamples, at_once))
    drawn = np.concatenate([_ece(rows[..., 2:]) - _ece(rows[..., :2]) for rows in (both[place] for place in places)])
    return _tested(estimate, float(drawn.std(ddof=1)), n, n)


def auc(scores: Sequence[float], positive: Sequence[bool]) -> float | None:
    """Chance that a positive case scores above a negative one, ties half, in [0, 1]; None without one of either."""
    values, labels = np.asarray(scores, dtype=float), np.asarray(positive, dtype=bool)
    if len(values) != len(labels):
        raise ValueError(f"{len(values)} scores and {len(labels)} labels")
    return float(_placements(values, labels)[0].mean()) if 0 < labels.sum() < len(labels) else None


def auc_difference(base: Sequence[float], candidate: Sequence[float], positive: Sequence[bool]) -> Difference:
    """Candidate's AUC minus base's on the same cases (up is better): DeLong, DeLong and Clarke-Pearson (1988).

    Nothing is shown below two cases of either label.

    Raises:
        ValueError: not as many on either side.
    """
    labels = np.asarray(positive, dtype=bool)
    if not len(base) == len(candidate) == len(labels):
        raise ValueError(f"{len(base)} scores of base, {len(candidate)} of the candidate and {len(labels)} labels")
    many, few = int(labels.sum()), int((~labels).sum())
    if min(many, few) < 2:
        return NOTHING
    up, down = (
        ours - theirs
        for ours, theirs in zip(*(_placements(np.asarray(side, dtype=float), labels) for side in (candidate, base)), strict=True)
    )
    return _tested(float(up.mean()), float((up.var(ddof=1) / many + down.var(ddof=1) / few) ** 0.5), len(labels), min(many, few))


def _placements(values: Array, positive: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Per positive case the share of negatives below it, per negative case the share of positives above it; ties half."""
    ours, theirs = np.sort(values[positive]), np.sort(values[~positive])
    below = np.searchsorted(theirs, values[positive], "left") + np.searchsorted(theirs, values[positive], "right")
    at_most = np.searchsorted(ours, values[~positive], "left") + np.searchsorted(ours, values[~positive], "right")
    return below / (2 * len(theirs)), 1 - at_most / (2 * len(ours))


def _pairs(confidence: Sequence[float], right: Sequence[bool]) -> Array:
    pairs = np.array(list(zip(confidence, right, strict=True)), dtype=float).reshape(-1, 2)
    if not ((pairs[:, 0] >= 0) & (pairs[:, 0] <= 1)).all():
        raise ValueError("a confidence is a share in [0, 1]")
    return pairs


def _ece(rows: Array) -> Array:
    """(rows, n, 2: confidence and right) -> (rows,)."""
    order = np.argsort(rows[..., 0], axis=1, kind="stable")
    confidence, right = (np.take_along_axis(rows[..., part], order, axis=1) for part in (0, 1))
    right = _shared(confidence, right)
    n = rows.shape[1]
    edges = np.linspace(0, n, min(BINS, max(1, n // CASES_A_BIN)) + 1).astype(int)
    total = np.zeros(len(rows))
    for low, high in pairwise(edges):
        share, said = right[:, low:high].mean(axis=1), confidence[:, low:high].mean(axis=1)
        chance = share * (1 - share) / (high - low - 1)
        total += (high - low) / n * np.sqrt(np.maximum((share - said) ** 2 - chance, 0.0))
    return total


def _shared(confidence: Array, right: Array) -> Array:
    """Right answers, spread evenly over cases of the same confidence; both sorted by confidence, (rows, n)."""
    n = confidence.shape[1]
    new = np.ones(confidence.shape, dtype=bool)
    new[:, 1:] = confidence[:, 1:] != confidence[:, :-1]
    first = np.maximum.accumulate(np.where(new, np.arange(n), 0), axis=1)
    last_of = np.ones(confidence.shape, dtype=bool)
    last_of[:, :-1] = new[:, 1:]
    last = np.minimum.accumulate(np.where(last_of, np.arange(n), n)[:, ::-1], axis=1)[:, ::-1]
    so_far = np.concatenate([np.zeros((len(right), 1)), right.cumsum(axis=1)], axis=1)
    shared: Array = (np.take_along_axis(so_far, last + 1, 1) - np.take_along_axis(so_far, first, 1)) / (last - first + 1)
    return shared


def _tested(estimate: float, error: float, n: int, fewest: int) -> Difference:
    """A t-test whose error also counts one more case that would say the opposite, so that no interval is of zero width."""
    spread = float(np.hypot(error, 1 / n))
    up = float(stdtr(fewest - 1, -estimate / spread))
    reach = float(stdtrit(fewest - 1, 0.95)) * spread
    return Difference(estimate, error, max(-1.0, estimate - reach), min(1.0, estimate + reach), up, 1 - up)
