"""What was measured beside right and wrong, as rows of text: each value in its unit, each difference as people read it."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from evalgate.judgement.wording import points
from evalgate.records.verdict import Figure

Tone = Literal["good", "bad", "open"]
GOOD = ("held", "improved", "within", "beaten", "preferred", "not harmed", "clean")
BAD = ("harmed", "too slow", "too dear", "too wide", "base preferred", "above")
MARKS: dict[Tone, str] = {"good": "✅", "bad": "❌", "open": "❔"}
PLAIN = ("auc",)
"""Rules whose values are read as bare figures rather than as percentages."""


class FigureRow(NamedTuple):
    """One figure, ready to be shown."""

    rule: str
    scope: str
    n: int
    base: str
    candidate: str
    change: str
    """The difference in points, or how many times base's value."""
    interval: str
    """Of the change."""
    state: str
    tone: Tone

    @property
    def mark(self) -> str:
        """The sign that stands before its state."""
        return MARKS[self.tone]


def figure_rows(figures: Sequence[Figure], *, rules: Sequence[str] = (), but: Sequence[str] = ()) -> list[FigureRow]:
    """The figures of some rules (of all, without any) except others', in the order of the rules."""
    return [_row(figure) for figure in figures if (not rules or figure.rule in rules) and figure.rule not in but]


def not_fine(figures: Sequence[Figure], *, but: Sequence[str] = ()) -> list[FigureRow]:
    """The figures that are not as they should be, those that harm first."""
    return sorted(
        (row for row in figure_rows(figures, but=but) if row.tone != "good"), key=lambda row: ("bad", "open").index(row.tone)
    )


def tone_of(state: str) -> Tone:
    """How a state is taken; one that nobody foresaw is open."""
    return "good" if state in GOOD else "bad" if state in BAD else "open"


def _row(figure: Figure) -> FigureRow:
    return FigureRow(
        rule=figure.rule,
        scope=figure.scope,
        n=figure.n,
        base=_value(figure, figure.base),
        candidate=_value(figure, figure.candidate),
        change=_change(figure),
        interval=_interval(figure),
        state=figure.state,
        tone=tone_of(figure.state),
    )


def _value(figure: Figure, value: float | None) -> str:
    if value is None:
        return "-"
    if figure.unit == "ms":
        return f"{value:.4g} ms"
    if figure.unit == "share" and figure.rule not in PLAIN:
        return f"{value:.1%}"
    return f"{value:.3f}" if figure.rule in PLAIN else f"{value:.4g}"


def _change(figure: Figure) -> str:
    if figure.base is None or figure.candidate is None:
        return "-"
    if figure.unit in ("ms", "cost"):
        return f"× {figure.candidate / figure.base:.2f}" if figure.base > 0 else "-"
    return _signed(figure, figure.candidate - figure.base)


def _interval(figure: Figure) -> str:
    """A dash where an end is missing: then nothing can be shown."""
    if figure.low is None or figure.high is None:
        return "-"
    if figure.unit in ("ms", "cost"):
        return f"× {figure.low:.2f} to {figure.high:.2f}"
    return f"{_signed(figure, figure.low)} to {_signed(figure, figure.high)}"


def _signed(figure: Figure, value: float) -> str:
    if figure.unit == "share" and figure.rule not in PLAIN:
        return points(value, signed=True)
    return f"{value:+.3f}" if figure.rule in PLAIN else f"{value:+.4g}"
