"""The smallest true lift that the gate sees."""

from collections.abc import Mapping

import numpy as np
from scipy.special import bdtrc

from evalgate.records.policy import FeaturePolicy
from gate_tables.exact import binomial, least_gains


def smallest_lifts(n: int, ds: Mapping[str, float], feature: FeaturePolicy, power: float = 0.8) -> dict[str, float]:
    """For each discordance (at least the lift itself) the smallest true lift that a first attempt calls `improved` with this
    power, at n cases; by exact enumeration, to a tenth of a point."""
    flips = np.arange(n + 1)
    least = [least_gains(n, int(number), 1, feature) for number in flips]
    lifts = [tenths / 1000 for tenths in range(1, 1000)]

    def seen(d: float, lift: float) -> float:
        spread = max(d, lift)
        gained = [chance_of(gains, number, (spread + lift) / (2 * spread)) for number, gains in enumerate(least)]
        return float((binomial(n, spread, flips) * np.array(gained)).sum())

    return {name: next((lift for lift in lifts if seen(d, lift) >= power), 1.0) for name, d in ds.items()}


def chance_of(gains: int, flips: int, share: float) -> float:
    """The chance of at least so many gains among so many flips."""
    return 0.0 if gains > flips else 1.0 if gains <= 0 else float(bdtrc(gains - 1, flips, share))
