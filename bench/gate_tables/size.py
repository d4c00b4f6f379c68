"""G5: the exact size of `held`, by enumeration of every table of counts."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri, xlogy

from evalgate.stats.paired import Counts, held
from gate_tables.figure import Cell

MARGINS = (0.05, 0.06, 0.07, 0.08, 0.09, 0.10)
NS = tuple(range(17, 168))


def worst_sizes(n: int, alpha: float, most_d: float = 1.0, margins: Sequence[float] = MARGINS) -> list[Cell]:
    """The largest chance, over d from the margin to `most_d`, that a bucket which truly lost the margin is held.

    A cell a margin. Beside it the same for Wald's interval, (b - c)/n + m > z * sqrt((b + c - (b - c)^2/n)/n^2).
    """
    gains, losses = every_table(n)
    found = []
    for margin in margins:
        chance = chances(n, gains, losses, margin, most_d)
        is_held = [held(Counts(n, b, c), margin, alpha) for b, c in zip(gains.tolist(), losses.tolist(), strict=True)]
        size = chance[:, np.array(is_held)].sum(axis=1)
        wald = chance[:, wald_held(n, gains, losses, margin, alpha)].sum(axis=1)
        at = int(size.argmax())
        setting = f"n = {n}, margin = {100 * margin:g} points, d = {ds(margin, most_d)[at]:.2f}"
        found.append(Cell(setting, float(size[at]), 0.0, float(wald.max())))
    return found


def every_table(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All (gains, losses) that n cases can have."""
    gains, losses = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
    there = gains + losses <= n
    return gains[there], losses[there]


def ds(margin: float, most_d: float) -> NDArray[np.float64]:
    """The discordances that are looked at: from the margin, where nothing is gained, to the most."""
    return np.unique(np.concatenate([np.linspace(margin, most_d, 41), margin + np.array([0.005, 0.01, 0.02, 0.04])]))


def chances(n: int, gains: NDArray[np.int64], losses: NDArray[np.int64], margin: float, most_d: float) -> NDArray[np.float64]:
    """The chance of every table, a row for each discordance, when the true drop is the margin."""
    rest = n - gains - losses
    ways = math.lgamma(n + 1) - gammaln(gains + 1) - gammaln(losses + 1) - gammaln(rest + 1)
    d = ds(margin, most_d)[:, None]
    gain, loss = np.maximum(d - margin, 0.0) / 2, (d + margin) / 2
    return np.exp(ways + xlogy(gains, gain) + xlogy(losses, loss) + xlogy(rest, np.maximum(1 - d, 0.0)))


def wald_held(n: int, gains: NDArray[np.int64], losses: NDArray[np.int64], margin: float, alpha: float) -> NDArray[np.bool_]:
    """Where Wald's interval excludes the margin; its width is zero where nothing flipped."""
    lift = (gains - losses) / n
    error = np.sqrt((gains + losses - n * lift**2) / n**2)
    return lift + margin > -ndtri(alpha) * error
