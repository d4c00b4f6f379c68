"""How many cases a question needs."""

import math

from scipy.special import ndtri


def cases_without_a_flip(margin: float, alpha: float) -> int:
    """Cases that a bucket needs to be held at `margin` even when nothing flips: ln(alpha)/ln(1 - margin), rounded up."""
    return math.ceil(math.log(alpha) / math.log1p(-margin))


def cases_to_hold(discordance: float, margin: float, alpha: float, power: float = 0.8) -> int:
    """Cases that would show a tie to be no worse by `margin`: (z_alpha + z_power)^2 d / margin^2 (Connor 1987).

    `discordance` is the share of flips in [0, 1]; never fewer than a bucket without a flip needs.
    """
    z = float(ndtri(power) - ndtri(alpha))
    return max(math.ceil(z * z * discordance / margin**2), cases_without_a_flip(margin, alpha))


def cases_to_improve(discordance: float, lift: float, alpha: float, power: float = 0.8) -> int | None:
    """Cases that would show a true `lift` above 0 (Connor 1987); None when there is no lift to show."""
    if lift <= 0:
        return None
    spread = -ndtri(alpha) * math.sqrt(discordance) + ndtri(power) * math.sqrt(max(discordance - lift**2, 0.0))
    return math.ceil((float(spread) / lift) ** 2)


def cases_for_share(losses: int, n: int, share: float, alpha: float, power: float = 0.8) -> int | None:
    """Cases that would show on which side of `share` the true share of losses is, if it is what was observed.

    Above it by P(Bin(n, share) >= c), below it by the mirrored test: (z_alpha sqrt(p0 (1 - p0)) + z_power sqrt(p (1 - p)))^2 /
    (p - p0)^2 (Fleiss 1981, 2.2), each share kept half a case away from 0 and 1. None at n = 0 and where the observed share is
    `share` itself; never fewer than 1.
    """
    if n == 0 or losses == share * n:
        return None
    observed = min(max(losses / n, 0.5 / n), 1 - 0.5 / n)
    if observed == share:
        return None
    reach = -ndtri(alpha) * math.sqrt(share * (1 - share)) + ndtri(power) * math.sqrt(observed * (1 - observed))
    return max(1, math.ceil((float(reach) / (observed - share)) ** 2))
