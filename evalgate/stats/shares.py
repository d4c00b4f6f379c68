"""One share on its own: its interval, and how many cases would place it above or below a line."""

import math

from scipy.special import ndtri

from evalgate.stats.counts import upper_bound


def share_interval(hits: int, n: int, alpha: float, *, unknown: int = 0, design_effect: float = 1.0) -> tuple[float, float]:
    """The interval of a share, each end at one-sided `alpha` (Clopper and Pearson 1934), on effective counts.

    `unknown` of the n are counted as misses for the lower end and as hits for the upper one, so that the interval holds
    whatever they are. (0, 1) at n = 0; never of zero width.
    """
    effective = n / design_effect
    low = 1 - upper_bound((n - hits) / design_effect, effective, alpha)
    return low, upper_bound((hits + unknown) / design_effect, effective, alpha)


def cases_to_place(distance: float, variance: float, alpha: float, power: float = 0.8) -> int | None:
    """Cases that would show a mean to be on its side of a line: (z_alpha + z_power)^2 variance / distance^2.

    The normal approximation of one test. `distance` from the line and the `variance` of one case are as observed; None
    where the mean lies on the line, and at least 1 otherwise.
    """
    if distance == 0:
        return None
    z = float(ndtri(power) - ndtri(alpha))
    return max(1, math.ceil(z * z * variance / distance**2))
