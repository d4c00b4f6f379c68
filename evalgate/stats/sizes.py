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
