"""F1 per class and over all classes, from what was expected and what each variant answered."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalgate.stats.resamples import ALIKE, SEED, resamples_of
from evalgate.stats.resampling import Resampled

Side = Literal["base", "candidate"]
Array: TypeAlias = NDArray[np.float64]

PARTS = 5
"""Numbers that a unit adds per label, see `_units`."""


class Cell(NamedTuple):
    """Cases that were expected to be one label and answered alike."""

    cluster: int | None
    """Paraphrases of one question share it; None when each of the n cases stands alone."""
    expected: str
    base: str
    """What base answered."""
    candidate: str
    """What the candidate answered."""
    n: int
    """Cases, at least 0."""


def f1(cells: Sequence[Cell], side: Side, label: str) -> float | None:
    """2 TP/(2 TP + FP + FN) of one label, in [0, 1]; None when it was neither expected nor answered (so at n = 0)."""
    expected = sum(cell.n for cell in cells if cell.expected == label)
    answered = sum(cell.n for cell in cells if getattr(cell, side) == label)
    right = sum(cell.n for cell in cells if cell.expected == getattr(cell, side) == label)
    return 2 * right / (expected + answered) if expected + answered else None


def macro_f1(cells: Sequence[Cell], side: Side) -> float | None:
    """Mean F1 over the labels that are expected, each the same weight; None when none is."""
    labels = _expected(cells)
    return sum(f1(cells, side, label) or 0.0 for label in labels) / len(labels) if labels else None


def confusion(cells: Sequence[Cell], side: Side) -> dict[tuple[str, str], int]:
    """How many cases of each (expected, answered); pairs without a case are left out; empty at n = 0."""
    table: Counter[tuple[str, str]] = Counter()
    for cell in cells:
        table[cell.expected, getattr(cell, side)] += cell.n
    return {pair: n for pair, n in sorted(table.items()) if n}


def f1_difference(cells: Sequence[Cell], label: str | None, seed: int = SEED) -> Resampled:
    """Candidate's F1 minus base's, of one label or (None) of all expected ones, as evidence that `lift` can judge.

    Paired bootstrap-t over cases or clusters, standard error by the delta method (Efron and Tibshirani 1993, 12.5). What a
    unit may still cost is bound from the cases of the rarest class asked for: without a flip in E of them the F1 may have
    fallen by about 1.5/E. Nothing is shown where the label is never expected, at n = 0 and at n = 1.
    """
    labels = _expected(cells) if label is None else [label] if label in _expected(cells) else []
    flips, parts, often = _units(cells, labels)
    n = int(often.sum())
    if n == 0:
        return Resampled(0, 0, 0.0, 0.0, np.zeros(0), 0, 0)
    estimate, slopes = _difference((often @ parts)[None])
    step = _step(parts.reshape(len(often), PARTS, -1), often)
    lost, gained = (np.maximum(side * flips, 0) * step for side in (-1, 1))
    return Resampled(
        n=n,
        cases=sum(cell.n for cell in cells if not {cell.expected, cell.base, cell.candidate}.isdisjoint(labels)),
        estimate=float(estimate[0]),
        error=float(_error(often[None].astype(float), slopes, parts)[0]),
        ratios=_ratios(parts, often, float(estimate[0]), seed),
        losses=int(often @ (flips < 0)),
        gains=int(often @ (flips > 0)),
        step=step,
        lost=(float(often @ lost), float(often @ lost**2)),
        gained=(float(often @ gained), float(often @ gained**2)),
    )


def _expected(cells: Sequence[Cell]) -> list[str]:
    return sorted({cell.expected for cell in cells if cell.n})


def _units(cells: Sequence[Cell], labels: list[str]) -> tuple[Array, Array, NDArray[np.int64]]:
    """Kinds of independent units that touch a label: flips (kinds,), parts (kinds, PARTS * labels), how many (kinds,).

    Flips are gains less losses in the unit; parts are per label: expected, right by base, expected + answered by base,
    right by candidate, expected + answered by candidate.
    """
    rows: Counter[tuple[int, ...]] = Counter()
    clusters: dict[int, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.n and not {cell.expected, cell.base, cell.candidate}.isdisjoint(labels):
            if cell.cluster is None:
                rows[_row([cell._replace(n=1)], labels)] += cell.n
            else:
                clusters[cell.cluster].append(cell)
    rows.update(_row(members, labels) for members in clusters.values())
    kinds = np.array(sorted(rows), dtype=float).reshape(len(rows), 1 + PARTS * len(labels))
    return kinds[:, 0], kinds[:, 1:], np.array([rows[kind] for kind in sorted(rows)], dtype=np.int64)


def _row(members: list[Cell], labels: list[str]) -> tuple[int, ...]:
    """Flips of one unit, then its parts, label by label within each part."""
    parts = np.zeros((PARTS, len(labels)), dtype=int)
    flips, place = 0, {label: number for number, label in enumerate(labels)}
    for cell in members:
        flips += cell.n * (_right(cell.expected, cell.candidate, place) - _right(cell.expected, cell.base, place))
        for label in {cell.expected, cell.base, cell.candidate} & place.keys():
            expected, base, candidate = (int(label == of) for of in cell[1:4])
            row = (expected, expected * base, expected + base, expected * candidate, expected + candidate)
            parts[:, place[label]] += cell.n * np.array(row)
    return flips, *(int(part) for part in parts.ravel())


def _right(expected: str, answered: str, place: dict[str, int]) -> bool:
    """Whether the answer is right as far as these labels go: another wrong label outside them is as good as the right one."""
    return answered == expected or (expected not in place and answered not in place)


def _difference(totals: Array) -> tuple[Array, Array]:
    """Difference of mean F1, (rows,), and what each part of a unit adds to it, (rows, PARTS * labels); NaN without a label.

    totals: (rows, PARTS * labels).
    """
    expected, right_b, all_b, right_c, all_c = np.moveaxis(totals.reshape(len(totals), PARTS, -1), 1, 0)  # (rows, labels) each
    there = expected > 0
    share = there / np.maximum(there.sum(axis=1, keepdims=True), 1)
    per_b, per_c = share / np.maximum(all_b, 1), share / np.maximum(all_c, 1)
    f1_b, f1_c = 2 * right_b / np.maximum(all_b, 1), 2 * right_c / np.maximum(all_c, 1)
    slopes = np.stack([np.zeros_like(share), -2 * per_b, f1_b * per_b, 2 * per_c, -f1_c * per_c], axis=1)
    estimate = ((f1_c - f1_b) * share).sum(axis=1)
    return np.where(there.any(axis=1), estimate, np.nan), slopes.reshape(len(totals), -1)


def _error(counts: Array, slopes: Array, parts: Array) -> Array:
    """Standard error by the delta method: counts (rows, kinds), slopes (rows, parts), parts (kinds, parts) -> (rows,)."""
    n = counts[0].sum()
    squares = (counts * (slopes @ parts.T) ** 2).sum(axis=1)
    return np.where(squares > ALIKE**2, np.sqrt(squares * n / max(n - 1, 1)), 0.0) if n > 1 else np.zeros(len(counts))


def _ratios(parts: Array, often: NDArray[np.int64], estimate: float, seed: int) -> Array:
    """Sorted studentised values, (RESAMPLES,); 0 where a resample holds none of the labels."""
    ratios = []
    for counts in resamples_of(often, seed):
        again, slopes = _difference(counts @ parts)
        moved = np.nan_to_num(again - estimate)
        error = _error(counts, slopes, parts)
        moved[np.abs(moved) <= ALIKE] = 0.0
        limits = np.where(moved == 0, 0.0, np.copysign(np.inf, moved))
        ratios.append(np.divide(moved, error, out=limits, where=error > 0))
    return np.sort(np.concatenate(ratios))


def _step(parts: Array, often: NDArray[np.int64]) -> float:
    """The most that one more lost case moves the F1, in (0, 1]: by the rarest label, and more where its cases are clustered.

    A right answer that becomes another label takes (2 - F1)/(2 TP + FP + FN) of its own label and F1/(2 TP + FP + FN) of the
    other; three off the denominator, since what some three unseen losses take together is what a bound without a loss is about.
    """
    expected, right_b, all_b, right_c, all_c = np.tensordot(often, parts, axes=1)  # (labels,) each
    clustered = np.tensordot(often, parts[:, 0] ** 2, axes=1) / expected
    costs = []
    for right, count in ((right_b, all_b), (right_c, all_c)):
        score, per_case = 2 * right / count, clustered / np.maximum(count - 3, 1)
        costs.append(((2 - score) * per_case).max() + (score * per_case).max() * (len(expected) > 1))
    return float(min(1.0, max(costs) / len(expected)))
