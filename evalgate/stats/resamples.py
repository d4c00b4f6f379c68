"""Seeded resamples with replacement, in chunks, and the studentised values that come of them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 9_999
"""Resamples of a bootstrap: the smallest p-value is 1/10,000."""

SEED = 20_260_101
"""The seed where a caller names none; the result depends on it by little."""

CHUNK = 100_000
"""Counts of resamples that are held in memory at once: what fits a cache is five times as fast."""

ALIKE = 1e-9
"""Values closer than this, relative to their size, are one value."""


def resamples_of(often: NDArray[np.int64], seed: int, resamples: int = RESAMPLES) -> Iterator[NDArray[np.float64]]:
    """How often each kind of unit is drawn when n units are drawn with replacement, in chunks: (rows, kinds) each.

    `often` (kinds,) says how many of the n units are of each kind; the rows of all chunks are `resamples` in number.
    """
    n, kinds = int(often.sum()), len(often)
    draw = np.random.default_rng(seed)
    kind_of = np.repeat(np.arange(kinds), often)
    at_once = max(1, CHUNK // max(n, 1))
    for rows in (min(at_once, resamples - done) for done in range(0, resamples, at_once)):
        if kinds * 8 < n:
            yield draw.multinomial(n, often / n, size=rows).astype(float)
            continue
        drawn = draw.integers(0, n, size=(rows, n)) if kinds == n else kind_of[draw.integers(0, n, size=(rows, n))]
        drawn += np.arange(rows)[:, None] * kinds
        yield np.bincount(drawn.ravel(), minlength=rows * kinds).reshape(rows, kinds).astype(float)


def studentised(
    residuals: NDArray[np.float64], sizes: NDArray[np.float64], seed: int, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Sorted studentised values: residuals and sizes of the units, (n,) each -> (RESAMPLES,)."""
    n = len(residuals)
    kinds, often = np.unique(np.stack([residuals, sizes], axis=1), axis=0, return_counts=True)
    e, m = kinds[:, 0], kinds[:, 1]
    features = np.stack([e, m, e * e, e * m, m * m])  # (5, kinds)
    totals = np.concatenate(
        [np.einsum("rk,fk->rf", counts, features) for counts in resamples_of(often, seed, resamples)]
    )  # (resamples, 5)
    moved, size = totals[:, 0] / totals[:, 1], totals[:, 1]
    squares = totals[:, 2] - 2 * moved * totals[:, 3] + moved**2 * totals[:, 4]
    still = squares <= (ALIKE * size) ** 2
    error = np.sqrt(np.where(still, 0.0, squares) * n / max(n - 1, 1)) / size
    moved = np.where(np.abs(moved) <= ALIKE, 0.0, moved)
    limits = np.where(moved == 0, 0.0, np.copysign(np.inf, moved))
    return np.sort(np.divide(moved, error, out=limits, where=~still))
