"""Where lines and dots go in the report's pictures. Pure geometry; the templates draw."""

from collections.abc import Sequence
from typing import NamedTuple

from evalgate.records.training import TrainingRun
from evalgate.records.verdict import ScopeDecision

EDGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Where a scale may end."""
WIDTH, LABELS, ROW = 760.0, 210.0, 26.0
"""Pixels of the picture, of the label column, of a row."""


class Bar(NamedTuple):
    """One scope of the forest plot, in pixels."""

    scope: str
    state: str
    y: float
    low: float
    high: float
    lift: float | None


class Forest(NamedTuple):
    """Lift with its interval for every scope."""

    width: float
    height: float
    zero: float
    margin: float
    """Where the buckets' margin lies: an interval that begins to the right of it is held."""
    ticks: tuple[tuple[float, str], ...]
    bars: tuple[Bar, ...]


class Curve(NamedTuple):
    """The training loss, as an SVG polyline."""

    points: str
    first: float
    last: float
    highest: float
    steps: int


def forest(scopes: Sequence[ScopeDecision], margin: float) -> Forest:
    """The forest plot of all scopes, on one scale that shows every interval and the buckets' margin."""
    widest = max([margin, *(abs(end) for scope in scopes for end in (scope.low, scope.high))])
    edge = next(edge for edge in EDGES if edge >= min(widest, 1.0))

    def x(share: float) -> float:
        return round(LABELS + (share / edge + 1) / 2 * (WIDTH - LABELS - 20), 1)

    bars = tuple(
        Bar(s.scope, s.state, i * ROW + 18, x(s.low), x(s.high), None if s.lift is None else x(s.lift))
        for i, s in enumerate(scopes)
    )
    ticks = tuple((x(edge * part), f"{edge * part * 100:+.0f}" if part else "0") for part in (-1, -0.5, 0, 0.5, 1))
    return Forest(WIDTH, len(scopes) * ROW + 34, x(0), x(-margin), ticks, bars)


def loss_curve(training: TrainingRun) -> Curve | None:
    """The training loss over the steps; None when nothing was logged."""
    if not training.loss:
        return None
    highest = max(point.loss for point in training.loss) or 1.0
    last_step = max(point.step for point in training.loss) or 1
    drawn = " ".join(f"{p.step / last_step * 720 + 20:.1f},{110 - p.loss / highest * 95:.1f}" for p in training.loss)
    return Curve(drawn, training.loss[0].loss, training.loss[-1].loss, highest, last_step)
