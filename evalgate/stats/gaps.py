"""Fairness: is one group's rate above another's by more than a limit?"""

import math

import numpy as np
from scipy.special import ndtr


def gap_p(right_g: int, n_g: int, right_h: int, n_h: int, limit: float) -> float:
    """p-value of H0 "rate_g - rate_h <= limit" for two groups of different cases, in [0, 1]; 1 when a group is empty.

    The score test of Farrington and Manning (1990) with the factor N/(N - 1) of Miettinen and Nurminen (1985), less half a
    case of the smaller group: without that its exact size reaches 10.9 % where nearly all or none are right, with it 4.7 %
    at most (10 to 200 cases a group). `limit` in (-1, 1). One case in each group shows nothing at a limit of 0 or more.

    Raises:
        ValueError: more right answers than cases, or a limit outside (-1, 1).
    """
    if not (0 <= right_g <= n_g and 0 <= right_h <= n_h and -1 < limit < 1):
        raise ValueError(f"{right_g} of {n_g} against {right_h} of {n_h} at a limit of {limit}: not two groups and a share")
    if n_g == 0 or n_h == 0:
        return 1.0
    excess = right_g / n_g - right_h / n_h - limit - 0.5 / min(n_g, n_h)
    rate_h = likeliest_rate(right_g, n_g, right_h, n_h, limit)
    rate_g = rate_h + limit
    cases = n_g + n_h
    variance = (rate_g * (1 - rate_g) / n_g + rate_h * (1 - rate_h) / n_h) * cases / (cases - 1)
    if variance <= 1e-15:
        return 1.0
    return float(ndtr(-excess / math.sqrt(variance)))


def likeliest_rate(right_g: int, n_g: int, right_h: int, n_h: int, limit: float) -> float:
    """Group h's rate that makes both counts most likely when group g's is higher by `limit`.

    The middle root of Miettinen and Nurminen's cubic (1985, appendix I), kept where both rates are in [0, 1].
    """
    total, right = n_g + n_h, right_g + right_h
    quadratic = (n_g + 2 * n_h) * limit - total - right
    linear = (n_h * limit - total - 2 * right_h) * limit + right
    constant = right_h * limit * (1 - limit)
    b, c, d = quadratic / total, linear / total, constant / total
    shift = b / 3
    q = shift**3 - b * c / 6 + d / 2
    p = math.copysign(math.sqrt(max(shift**2 - c / 3, 0.0)), q)
    angle = (math.pi + math.acos(float(np.clip(q / p**3 if p else 0.0, -1, 1)))) / 3
    low, high = max(0.0, -limit), min(1.0, 1.0 - limit)
    return min(max(2 * p * math.cos(angle) - shift, low), high)
