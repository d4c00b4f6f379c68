"""Scores between 0 and 1: the bootstrap-t of a mean difference, kept honest where few units lost (ADR 0018)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainccinv, stdtrit

from evalgate.stats.resamples import ALIKE, SEED, studentised


class Resampled(NamedTuple):
    """A mean difference of scores, candidate minus base, and how it varies from resample to resample."""

    n: int
    """Independent units: clusters, or cases that stand alone."""
    cases: int
    """Cases in all units."""
    estimate: float
    """Mean difference over cases, in [floor, -floor]."""
    error: float
    """Standard error of the estimate; 0 when nothing varies or n < 2."""
    ratios: NDArray[np.float64]
    """Sorted studentised values (resampled estimate - estimate)/(its own error); infinite where a resample does not vary."""
    losses: int
    """Units whose difference is negative."""
    gains: int
    """Units whose difference is positive."""
    floor: float = -1.0
    """The lowest value that a difference can take."""
    step: float = 1.0
    """What one unit weighs: the share of all cases that is in it, in (0, 1]; size-weighted where units differ in size."""
    lost: tuple[float, float] = (0.0, 0.0)
    """Sum of what the losing units took from the estimate, and sum of its squares."""
    gained: tuple[float, float] = (0.0, 0.0)
    """Sum of what the gaining units gave to the estimate, and sum of its squares."""

    def flipped(self) -> "Resampled":
        """The same units seen from the other variant."""
        return self._replace(
            estimate=-self.estimate,
            ratios=-self.ratios[::-1],
            losses=self.gains,
            gains=self.losses,
            lost=self.gained,
            gained=self.lost,
        )


def mean_of(units: Sequence[tuple[float, int]], seed: int = SEED) -> Resampled:
    """Bootstrap-t of the mean difference; a unit is (sum of differences, cases) of one cluster, or (d, 1) of a case.

    The ratio estimator sum/cases with its linearised standard error (Cochran 1977, 6.4); units are resampled, and their
    order does not matter. With no unit the estimate is 0 and nothing is shown; with one, neither.

    Raises:
        ValueError: a unit has no case, or a difference that is outside [-1, 1] or no number.
    """
    ordered = np.array(sorted(units), dtype=float).reshape(-1, 2)
    sums, sizes = ordered[:, 0], ordered[:, 1]
    if not (np.all(sizes >= 1) and np.all(np.abs(sums) <= sizes * (1 + ALIKE))):
        raise ValueError("a unit is (sum of differences, cases) with each difference in [-1, 1] and at least one case")
    if not len(ordered):
        return Resampled(0, 0, 0.0, 0.0, np.zeros(0), 0, 0)
    cases = float(sizes.sum())
    estimate = float(sums.sum() / cases)
    return Resampled(
        n=len(ordered),
        cases=int(cases),
        estimate=estimate,
        error=_error(sums - estimate * sizes, cases),
        ratios=studentised(sums - estimate * sizes, sizes, seed),
        losses=int((sums < 0).sum()),
        gains=int((sums > 0).sum()),
        step=float((sizes**2).sum() / cases**2),
        lost=_moments(-sums[sums < 0] / cases),
        gained=_moments(sums[sums > 0] / cases),
    )


def _error(residuals: NDArray[np.float64], cases: float) -> float:
    n = len(residuals)
    squares = float((residuals**2).sum())
    return (squares * n / (n - 1)) ** 0.5 / cases if n > 1 and squares > (ALIKE * cases) ** 2 else 0.0


def _moments(parts: NDArray[np.float64]) -> tuple[float, float]:
    return float(parts.sum()), float((parts**2).sum())


def p_above(sample: Resampled, bound: float) -> float:
    """p-value of H0 "the true difference is `bound` or less", in (0, 1]; 1 at n < 2 and where nothing is above the bound.

    The larger of two: the bootstrap-t (Efron and Tibshirani 1993, 12.5), and a t-test of the sample with one more unit
    that loses all there is to lose, which stands for the losses that so few units may not have shown.
    """
    excess = sample.estimate - bound
    if sample.n < 2 or excess <= 0:
        return 1.0
    return min(1.0, max(_studentised(sample, excess), _guarded(sample, excess)))


def p_below(sample: Resampled, bound: float) -> float:
    """p-value of H0 "the true difference is `bound` or more": `p_above` seen from the other variant."""
    return p_above(sample.flipped(), -bound)


def p_up(sample: Resampled) -> float:
    """p-value of an improvement, H0 "difference <= 0"; 1 where no unit gained."""
    return p_above(sample, 0.0) if sample.gains else 1.0


def p_down(sample: Resampled) -> float:
    """p-value of a drop, H0 "difference >= 0"; 1 where no unit lost."""
    return p_up(sample.flipped())


def held(sample: Resampled, margin: float, alpha: float) -> bool:
    """True when "the true drop is `margin` or more" is rejected at `alpha`; False at n < 2.

    `p_above` at -margin, or the bound that looks at losses alone. With no gain only the latter counts.
    """
    return _margin(sample, alpha) <= margin


def lift_interval(sample: Resampled, alpha: float) -> tuple[float, float]:
    """The difference's interval, each end at one-sided `alpha`: what `held` would just accept, from both sides.

    (floor, -floor) at n < 2; never of zero width.
    """
    return -_margin(sample, alpha), _margin(sample.flipped(), alpha)


def certified_margin(sample: Resampled, alpha: float) -> float:
    """The smallest drop that the evidence rules out, in [0, 1]: "no worse than this"; 1 at n < 2."""
    return max(0.0, _margin(sample, alpha))


def _studentised(sample: Resampled, excess: float) -> float:
    observed = excess / sample.error if sample.error else np.inf
    at_least = observed - ALIKE * max(1.0, observed) if np.isfinite(observed) else observed
    return float(1 + len(sample.ratios) - np.searchsorted(sample.ratios, at_least, side="left")) / (1 + len(sample.ratios))


def _guarded(sample: Resampled, excess: float) -> float:
    """The alpha at which `_losses_to_come` reaches `excess`, to 1e-6 of itself."""
    low, high = -700.0, 0.0  # of log alpha
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if _losses_to_come(sample, float(np.exp(middle))) <= excess else (middle, high)
    return float(np.exp(high))


def _losses_to_come(sample: Resampled, alpha: float) -> float:
    """How far below the estimate the difference may lie when few losses were seen.

    The bound of the losses alone and the error of the rest, added as distances (MOVER: Zou and Donner 2008).
    """
    worst = (max(sample.estimate, 0.0) - sample.floor) * sample.step  # a unit that loses all does not gain, either
    lost = _lost_at_most(sample, alpha, worst) - sample.lost[0]
    rest = max(sample.error**2 - sample.lost[1], 0.0) ** 0.5 * float(stdtrit(sample.n, 1 - max(alpha, 1e-16)))
    return float((lost**2 + max(rest, 0.0) ** 2) ** 0.5)


def _margin(sample: Resampled, alpha: float) -> float:
    """The smallest margin that is held, in [floor, -floor]."""
    if sample.n < 2:
        return -sample.floor
    by_losses = _lost_at_most(sample, alpha, -sample.floor * sample.step)
    if not sample.gains:
        return min(-sample.floor, by_losses)
    rank = int(alpha * (1 + len(sample.ratios)) + ALIKE)  # p <= alpha: fewer than `rank` ratios reach the observed one
    studentised = float(sample.ratios[-rank]) * sample.error if rank else np.inf
    return float(min(-sample.floor, by_losses, max(studentised, _losses_to_come(sample, alpha)) - sample.estimate))


def _lost_at_most(sample: Resampled, alpha: float, worst: float) -> float:
    """Upper bound of the mean loss, gains apart, where one more unit may lose `worst`: a gamma bound (Fay and Feuer 1997).

    With no loss the exact bound, 1 - alpha^(1/n) for n lone cases.
    """
    if not sample.losses:
        return float(worst / sample.step * (1 - alpha**sample.step))
    mean, variance = sample.lost[0] + worst, sample.lost[1] + worst**2
    return float(gammainccinv(mean**2 / variance, alpha) * variance / mean)
