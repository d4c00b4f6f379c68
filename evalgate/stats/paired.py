"""Paired right-or-wrong answers: is the candidate better, worse, or no worse by more than a margin?

Notation as in the statistics' sources: over n pairs, b = gains (base wrong, candidate right), c = losses (base right,
candidate wrong), D = (b - c)/n the lift. All tests are one-sided.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from scipy.special import ndtri, stdtr, stdtrit

from evalgate.stats.counts import mid_p, upper_bound


class Counts(NamedTuple):
    """Paired counts of one scope."""

    n: int
    """Pairs measured."""
    gains: int
    """b: base wrong, candidate right."""
    losses: int
    """c: base right, candidate wrong."""
    design_effect: float = 1.0
    """Variance inflation by clusters, at least 1."""
    clusters: int | None = None
    """Number of clusters; None when every case stands alone."""

    def flipped(self) -> "Counts":
        """The same scope seen from the other variant."""
        return self._replace(gains=self.losses, losses=self.gains)


def tango(counts: Counts, margin: float) -> float:
    """Tango's score statistic against H0: D <= -margin (Tango 1998), divided by sqrt(design effect).

    `margin` in (-1, 1); a negative one asks for superiority. 0 when n = 0 or when nothing varies.
    """
    n, b, c = counts.n, counts.gains, counts.losses
    p = -b - c - (2 * n - b + c) * margin
    product = c * margin * (1 + margin)
    q = (math.sqrt(max(p * p - 8 * n * product, 0.0)) - p) / (4 * n) if n else 0.0
    variance = n * (2 * q - margin * (1 + margin))
    return (b - c + n * margin) / math.sqrt(variance * counts.design_effect) if variance > 0 else 0.0


def p_up(counts: Counts) -> float:
    """p-value of an improvement: mid-p McNemar, or Tango at margin 0 against t(G - 1) with clusters; 1 with no flip.

    Clusters never lend evidence: where gains outnumber losses, mid-p McNemar of the cases alone is the least (ADR 0019).
    """
    if counts.clusters is None:
        return mid_p(counts.gains, counts.losses)
    if counts.gains + counts.losses == 0 or counts.clusters < 2:
        return 1.0
    clustered = float(stdtr(counts.clusters - 1, -tango(counts, 0.0)))
    return max(clustered, mid_p(counts.gains, counts.losses)) if counts.gains > counts.losses else clustered


def p_down(counts: Counts) -> float:
    """p-value of a drop; 1 with no flip."""
    return p_up(counts.flipped())


def held(counts: Counts, margin: float, alpha: float) -> bool:
    """True when "the true drop is `margin` or more" is rejected at `alpha`; False at n = 0 and for a single cluster.

    Tango's test, or the exact bound that looks at losses alone. With no gain only the exact bound counts, so that zero
    flips in few cases prove little; with gains either will do, so that losing the only gain never helps (ADR 0008).
    """
    if counts.n == 0 or counts.clusters == 1:
        return False
    if _worst_drop(counts, alpha) <= margin:
        return True
    return counts.gains > 0 and _score(counts, margin) > _critical(counts, alpha)


def lift_interval(counts: Counts, alpha: float) -> tuple[float, float]:
    """Lift's interval, each end at one-sided `alpha`: the margins that `held` would just accept, from both sides.

    (-1, 1) at n = 0; never of zero width.
    """
    return -_margin(counts, alpha), _margin(counts.flipped(), alpha)


def certified_margin(counts: Counts, alpha: float) -> float:
    """The smallest drop that the evidence rules out, in [0, 1]: "no worse than this"; 1 at n = 0."""
    return max(0.0, _margin(counts, alpha))


def _margin(counts: Counts, alpha: float) -> float:
    if counts.n == 0 or counts.clusters == 1:
        return 1.0
    exact = _worst_drop(counts, alpha)
    if counts.gains == 0:
        return exact
    critical = _critical(counts, alpha)
    return min(exact, _bisect(lambda margin: _score(counts, margin) > critical))


def _score(counts: Counts, margin: float) -> float:
    """Tango's statistic with the variance factor n/(n - 1) of Miettinen and Nurminen (1985), which small n needs (ADR 0008)."""
    return tango(counts, margin) * math.sqrt((counts.n - 1) / counts.n)


def _worst_drop(counts: Counts, alpha: float) -> float:
    """Upper bound of the drop when nothing was gained: Beta^-1(1 - alpha; c + 1, n - c), on effective counts."""
    return upper_bound(counts.losses / counts.design_effect, counts.n / counts.design_effect, alpha)


def _critical(counts: Counts, alpha: float) -> float:
    if counts.clusters is None:
        return -float(ndtri(alpha))
    return -float(stdtrit(counts.clusters - 1, alpha)) if counts.clusters > 1 else math.inf


def _bisect(accepts: Callable[[float], bool]) -> float:
    """The smallest margin in (-1, 1) that is accepted, from above, to 1e-9; 1 when none is."""
    low, high = -1 + 1e-9, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if accepts(middle) else (middle, high)
    return high
