"""G6 and G8: how often the gate says `improved` where nothing is, with no luck in it.

For every number of flips the least gains that `decide` calls improved are looked for; what remains are binomial chances.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, gammaln, xlogy

from evalgate.judgement.gate import decide
from evalgate.records.policy import FeaturePolicy
from evalgate.stats.judges import preference
from gate_tables.drawn import comparison, pairs, policy
from gate_tables.figure import Cell

ATTEMPTS = 5
FIRST_SLOT = 0.72


def improved_in_five(n: int, ds: tuple[float, ...]) -> list[Cell]:
    """G6: five fresh candidates that are no better, one of them called improved; beside it, one seen 3 points up."""
    most = most_flips(n, max(ds))
    least = [[least_gains(n, flips, attempt) for flips in range(most + 1)] for attempt in range(1, ATTEMPTS + 1)]
    up = [math.ceil((flips + 0.03 * n) / 2 - 1e-9) for flips in range(most + 1)]
    found = []
    for d in ds:
        never = math.prod(1 - chance(n, d, gains) for gains in least)
        found.append(Cell(f"n = {n}, d = {d:.2f}", 1 - never, 0.0, 1 - (1 - chance(n, d, up)) ** ATTEMPTS))
    return found


def judge_improves(n: int) -> Cell:
    """G8: equal systems before a judge that prefers the first slot; both orders must agree. Beside it, the candidate first."""
    win = wins()
    least = [least_gains(n, flips, 1) for flips in range(most_flips(n, 2 * win) + 1)]
    once = float(bdtrc(least_gains(n, n, 1) - 1, n, FIRST_SLOT))
    return Cell(f"n = {n}", chance(n, 2 * win, least), 0.0, once)


def wins() -> float:
    """The chance that a candidate which is no better wins a case, both orders asked; that it loses one is as large."""
    slots = (("first", FIRST_SLOT), ("second", 1 - FIRST_SLOT))
    both = itertools.product(slots, slots)
    return sum(p * q for (one, p), (other, q) in both if preference(one, other) == "win")


def most_flips(n: int, d: float) -> int:
    """More flips than this come up less than once in a billion."""
    return min(n, math.ceil(n * d + 6.5 * math.sqrt(n * d) + 5))


def least_gains(n: int, flips: int, attempt: int, feature: FeaturePolicy | None = None) -> int:
    """The fewest gains among so many flips that the gate calls an improvement; one more than there are where none is."""
    low, high = 0, flips + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_improved(n, middle, flips - middle, attempt, feature) else (middle + 1, high)
    return low


def is_improved(n: int, gains: int, losses: int, attempt: int, feature: FeaturePolicy | None = None) -> bool:
    """What the gate says of overall; under GATE.md's settings where no policy is given."""
    one = comparison(pairs("overall", (gains, losses, n - gains - losses, 0)), ())
    return decide(one, feature or policy(), attempt=attempt).scopes[0].state == "improved"


def chance(n: int, d: float, least: list[int]) -> float:
    """The chance of at least `least[flips]` gains where a case flips with chance d, either way as likely."""
    flips = np.arange(len(least))
    return float((binomial(n, d, flips) * np.array(list(tails(least)))).sum())


def binomial(n: int, d: float, hits: NDArray[np.int64]) -> NDArray[np.float64]:
    ways = math.lgamma(n + 1) - gammaln(hits + 1) - gammaln(n - hits + 1)
    return np.exp(ways + xlogy(hits, d) + xlogy(n - hits, 1 - d))


def tails(least: list[int]) -> Iterator[float]:
    for flips, gains in enumerate(least):
        yield 0.0 if gains > flips else 1.0 if gains <= 0 else float(bdtrc(gains - 1, flips, 0.5))
