"""Ties and lifts that are drawn, to see what a rule says of them; and the chance that counts reach a limit, exactly.

Notation as elsewhere: over n pairs, b gains and c losses; discordance d = (b + c)/n, lift D = (b - c)/n.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, gammaln, xlog1py, xlogy

from evalgate.stats.counts import mid_p
from evalgate.stats.paired import Counts, held
from evalgate.stats.sizes import cases_to_hold, cases_without_a_flip

POWER = 0.8
"""How often something that is there should be found."""
PRECISION = 1e-4
"""Of a lift or a drop, as a share."""


LARGE = 2_000
"""Cases from which on a formula is as good as enumeration."""


class Drawn(NamedTuple):
    """Simulated runs."""

    outcomes: NDArray[np.int8]
    """(runs, units): 1 where a unit gained, -1 where it lost, 0 where nothing changed."""
    gains: NDArray[np.int64]
    """(runs, scopes): cases that gained."""
    losses: NDArray[np.int64]
    """(runs, scopes): cases that lost."""


def draw(sizes: Sequence[Sequence[int]], rates: Sequence[float], runs: int, seed: int) -> Drawn:
    """Runs in which unit u flips with chance rates[u] in [0, 1], gaining as often as it loses.

    `sizes`, (units, scopes), says how many cases of each scope are in a unit; they flip together. Units are independent.
    No unit gives no flips.
    """
    members = np.array(sizes, dtype=np.int64).reshape(len(rates), -1)  # (U, S)
    chance = np.random.default_rng(seed).random((runs, len(rates)))  # (R, U)
    half = np.array(rates) / 2
    outcomes = (chance < half).astype(np.int8) - (chance >= 1 - half).astype(np.int8)
    return Drawn(outcomes, (outcomes == 1) @ members, (outcomes == -1) @ members)


def smallest_lift(n: int, discordance: float, alpha: float, least: int, power: float = POWER) -> float | None:
    """The true lift that is shown (mid-p at most `alpha`, and b - c at least `least`) with `power`, in (0, 1].

    A lift above the discordance is all gains. None where not even n gains would be shown, and at n = 0.
    """
    needed = np.maximum(_shown_from(n, alpha), [(least + k + 1) // 2 for k in range(n + 1)])
    return _smallest(lambda lift: chance_of(n, needed, *_shares(discordance, lift)), power)


def smallest_drop(n: int, discordance: float, alpha: float, margin: float, spent: float, power: float = POWER) -> float | None:
    """The true drop that is shown with `power`: mid-p at most `alpha`, and not held within `margin` at `spent`.

    In (0, 1]; None where not even n losses would be shown, and at n = 0.
    """
    needed = np.maximum(_shown_from(n, alpha), _not_held_from(n, margin, spent))
    return _smallest(lambda drop: chance_of(n, needed, *_shares(discordance, drop)), power)


@lru_cache(maxsize=64)
def cases_held(discordance: float, margin: float, alpha: float, power: float = POWER) -> int:
    """About how many cases hold a tie within `margin` with `power`; exact up to a step, by a formula where it is thousands.

    More than `cases_to_hold` says where flips are few: the normal law that it rests on is too hopeful there.
    """
    least, formula = cases_without_a_flip(margin, alpha), cases_to_hold(discordance, margin, alpha, power)

    def enough(n: int) -> bool:
        return 1 - chance_of(n, _not_held_from(n, margin, alpha), discordance / 2, discordance / 2) >= power

    if formula > LARGE or enough(least):
        return formula if formula > LARGE else least
    low, high = least, max(formula, least + 1)
    while not enough(high):
        low, high = high, high + max(1, high // 4)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def chance_of(n: int, needed: NDArray[np.int64], hit: float, miss: float) -> float:
    """Chance that, of n pairs with shares `hit` and `miss` of flips either way, k flip and at least needed[k] are hits."""
    k = np.arange(n + 1)
    flips = min(hit + miss, 1.0)
    if n == 0 or flips == 0:
        return float(needed[0] <= 0)
    weight = np.exp(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, flips) + xlog1py(n - k, -flips))
    above = bdtrc(np.clip(needed - 1, 0, None), np.maximum(k, 1), hit / flips)
    reached = np.where(needed <= 0, 1.0, np.where(needed > k, 0.0, above))
    return float(weight @ reached)


def _shares(discordance: float, lift: float) -> tuple[float, float]:
    flips = max(discordance, lift)
    return (flips + lift) / 2, (flips - lift) / 2


def _smallest(chance: Callable[[float], float], power: float) -> float | None:
    if chance(1.0) < power:
        return None
    low, high = 0.0, 1.0
    while high - low > PRECISION:
        middle = (low + high) / 2
        low, high = (low, middle) if chance(middle) >= power else (middle, high)
    return high


@lru_cache(maxsize=64)
def _shown_from(n: int, alpha: float) -> NDArray[np.int64]:
    """For k = 0..n flips the fewest hits whose mid-p is at most `alpha`; k + 1 where none are."""
    return _fewest(n, lambda hits, k: mid_p(hits, k - hits) <= alpha)


@lru_cache(maxsize=64)
def _not_held_from(n: int, margin: float, spent: float) -> NDArray[np.int64]:
    """For k = 0..n flips the fewest losses that are not held within `margin`; k + 1 where all are."""
    return _fewest(n, lambda losses, k: not held(Counts(n, k - losses, losses), margin, spent))


def _fewest(n: int, is_so: Callable[[int, int], bool]) -> NDArray[np.int64]:
    """For k = 0..n the fewest hits of k for which it is so, and so for all more; from one k to the next it moves little."""
    found, hits = [], 0
    for k in range(n + 1):
        while hits > 0 and is_so(hits - 1, k):
            hits -= 1
        while hits <= k and not is_so(hits, k):
            hits += 1
        found.append(hits)
    return np.array(found, dtype=np.int64)


def least_difference(n: int, share: float) -> int:
    """The smallest whole b - c with (b - c)/n >= `share`, in exact arithmetic on the share as it is written."""
    return math.ceil(Fraction(str(share)) * n)
