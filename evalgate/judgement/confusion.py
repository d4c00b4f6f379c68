"""What each side took for what: base's and the candidate's confusion matrix in one grid."""

from collections import Counter
from typing import NamedTuple

from evalgate.records.comparison import Labelled

MOST_LABELS = 15
"""Labels that a report shows; the others are counted together."""


class Cell(NamedTuple):
    """Cases of one expected label that were answered as another."""

    base: int
    candidate: int
    right: bool
    """True where expected and answered label are the same."""


class Row(NamedTuple):
    """One expected label."""

    label: str | None
    """None: the labels that are counted together."""
    n: int
    cells: tuple[Cell, ...]
    """One a column."""


class Confusion(NamedTuple):
    """Expected labels down, answered ones across."""

    columns: tuple[str | None, ...]
    """The labels that cases expect, by name, then those that are only answered; None: counted together."""
    rows: tuple[Row, ...]
    left_out: int
    """Labels that are counted together."""
    unmeasured: int
    """Cases that are in no cell."""


def confusion(told: Labelled) -> Confusion | None:
    """The grid of the most frequent labels; None at n = 0."""
    expected: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    for _, label, base, candidate, n in told.cells:
        expected[label] += n
        answered.update({base: n})
        answered.update({candidate: n})
    if not expected.total():
        return None
    every = sorted(expected.keys() | answered.keys(), key=lambda label: (-(expected[label] + answered[label]), label))
    chosen = sorted(every[:MOST_LABELS], key=lambda label: (label not in expected, label))
    rest: list[str | None] = [None] if len(every) > MOST_LABELS else []
    columns = (*chosen, *rest)
    rows = (*(label for label in chosen if label in expected), *(rest if expected.keys() - set(chosen) else ()))
    counts = _counts(told, set(chosen))
    return Confusion(columns, tuple(_row(label, columns, counts) for label in rows), len(every) - len(chosen), told.unmeasured)


def _counts(told: Labelled, chosen: set[str]) -> tuple[Counter[tuple[str | None, str | None]], ...]:
    """Cases by (expected, answered), of base and of the candidate; a label that is not chosen is None."""
    sides: tuple[Counter[tuple[str | None, str | None]], ...] = (Counter(), Counter())
    for _, *labels, n in told.cells:
        label, base, candidate = (name if name in chosen else None for name in labels)
        sides[0][label, base] += n
        sides[1][label, candidate] += n
    return sides


def _row(label: str | None, columns: tuple[str | None, ...], counts: tuple[Counter[tuple[str | None, str | None]], ...]) -> Row:
    base, candidate = counts
    cells = tuple(Cell(base[label, to], candidate[label, to], label is not None and label == to) for to in columns)
    return Row(label, sum(cell.base for cell in cells), cells)
