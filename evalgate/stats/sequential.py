"""Looking before all cases are there: O'Brien-Fleming levels, and what the last look would show."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from evalgate.stats.paired import Counts

LOOKS = 4
"""Looks at equal shares of the golden cases; the last is all of them."""
GRID = 201
"""Points of the numerical integration, over 8 standard deviations below the boundary: exact to 1e-7."""


def nominal_alpha(alpha: float, look: int, looks: int = LOOKS) -> float:
    """One-sided level at which look 1, 2, ... of equally spaced looks may decide, so that all together spend `alpha`.

    O'Brien and Fleming (1979): reject at look k when z >= C sqrt(looks/k); C by `boundary`. With one look it is `alpha`.

    Raises:
        ValueError: no such look, or an alpha that is not between 0 and 1/2.
    """
    if not (1 <= look <= looks and 0 < alpha < 0.5):
        raise ValueError(f"look {look} of {looks} at alpha {alpha}: looks count from 1, and alpha is between 0 and 1/2")
    return float(ndtr(-boundary(alpha, looks) * math.sqrt(looks / look)))


def boundary(alpha: float, looks: int = LOOKS) -> float:
    """C of O'Brien and Fleming: what z must reach at the last look; `alpha` one-sided in (0, 1/2), to 1e-7."""
    low, high = float(-ndtri(alpha)), float(-ndtri(alpha / looks))
    while high - low > 1e-7:
        middle = (low + high) / 2
        low, high = (middle, high) if crossing(middle, looks) > alpha else (low, middle)
    return high


def crossing(limit: float, looks: int = LOOKS) -> float:
    """Chance under no effect that the sum of standard normal steps reaches limit sqrt(looks) at any look.

    The recursive integration of Armitage, McPherson and Rowe (1969), Simpson's rule.
    """
    edge = limit * math.sqrt(looks)
    sums = np.linspace(edge - 8 * math.sqrt(looks), edge, GRID)
    weights = _simpson(sums)
    density = np.exp(-(sums**2) / 2) / math.sqrt(2 * math.pi)  # of the sum so far, not yet crossed
    crossed = float(ndtr(-edge))
    kernel = np.exp(-((sums[:, None] - sums[None, :]) ** 2) / 2) / math.sqrt(2 * math.pi) if looks > 1 else np.zeros((0, 0))
    for _ in range(looks - 1):
        crossed += float((weights * density) @ ndtr(sums - edge))
        density = kernel @ (weights * density)
    return crossed


def _simpson(places: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.ones(len(places))
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    weights *= (places[1] - places[0]) / 3
    return weights


def cases_at(look: int, n: int, looks: int = LOOKS) -> int:
    """Cases that are asked before a look: the share look/looks of n, rounded up; n at the last."""
    return -(-n * look // looks)


def project(counts: Counts, n_end: int, draws: int = 400, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Gains and losses that the end may bring, (draws,) each, given what is counted so far; n_end cases in all.

    Predictive draws: shares of gains, losses and ties from their Dirichlet posterior (Jeffreys' prior, 1/2 each), then the
    cases still to come from these shares; with clusters the evidence so far, and what is to come, count by the design effect.
    With n = 0 only the prior speaks; with n_end = n every draw is what was counted.

    Raises:
        ValueError: n_end is below n.
    """
    to_come = n_end - counts.n
    if to_come < 0:
        raise ValueError(f"{counts.n} cases are counted, more than the {n_end} of the end")
    draw = np.random.default_rng(seed)
    seen = np.array([counts.gains, counts.losses, counts.n - counts.gains - counts.losses]) / counts.design_effect
    shares = draw.dirichlet(seen + 0.5, size=draws)
    independent = max(1, round(to_come / counts.design_effect)) if to_come else 0
    new = draw.multinomial(independent, shares)[:, :2] * (to_come / independent if independent else 0.0)
    whole = np.floor(new + draw.random(new.shape)).astype(np.int64)
    gains = counts.gains + np.minimum(whole[:, 0], to_come)
    return gains, counts.losses + np.minimum(whole[:, 1], counts.gains + to_come - gains)


def at_the_end(counts: Counts, gains: int, losses: int, n_end: int) -> Counts:
    """One projected end as counts: the same design effect, and as many clusters as n_end cases would hold."""
    clusters = None if counts.clusters is None else round(counts.clusters * n_end / counts.n) if counts.n else 0
    return counts._replace(n=n_end, gains=int(gains), losses=int(losses), clusters=clusters)
