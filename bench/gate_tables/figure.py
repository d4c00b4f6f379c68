"""A figure of GATE.md's table: what was measured in each cell, the worst of it, and the target."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple


class Cell(NamedTuple):
    """One setting and what came of it; shares."""

    setting: str
    gate: float
    error: float
    """Standard error of `gate`; 0 where it was enumerated."""
    peer: float | None
    """The point rule, or what else the figure names as its peer."""


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    measure: str
    target: str
    value: float
    """The worst cell, in percent where the unit is "%"."""
    error: float
    peer: str
    passed: bool | None
    """None: there is no target."""
    unit: str = "%"
    cells: tuple[Cell, ...] = ()

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {**self._asdict(), "cells": [cell._asdict() for cell in self.cells]}

    @property
    def shown(self) -> str:
        """The value for people."""
        if self.unit != "%":
            return f"{self.value:.3g} {self.unit}"
        return f"{self.value:.2f} %" + (f" (s.e. {self.error:.2f})" if self.error else "")

    @property
    def mark(self) -> str:
        """PASS, FAIL, or ---- for what has no target."""
        return "----" if self.passed is None else "PASS" if self.passed else "FAIL"


def cell(setting: str, hits: int, runs: int, peer: float | None) -> Cell:
    """A share of runs with its standard error; at no hit or nothing but hits, that of one."""
    share = hits / runs
    smooth = min(max(hits, 1), runs - 1) / runs
    return Cell(setting, share, math.sqrt(smooth * (1 - smooth) / runs), peer)


def figure(
    name: str, measure: str, cells: Sequence[Cell], *, most: float | None = None, least: float | None = None, peer: str
) -> Figure:
    """The figure of its worst cell, held against a target in percent: at most, or at least; with neither, the largest cell."""
    worst = max(cells, key=lambda c: c.gate) if least is None else min(cells, key=lambda c: c.gate)
    passed, target = None, "none"
    if most is not None:
        passed, target = 100 * worst.gate <= most, f"<= {most:g} %"
    elif least is not None:
        passed, target = 100 * worst.gate >= least, f">= {least:g} %"
    peers = [100 * c.peer for c in cells if c.peer is not None]
    beside = f"{peer} {_span(peers)}" if peers else "-"
    at = "largest" if passed is None else "worst"
    told = f"{measure}; {at} at {worst.setting}" if len(cells) > 1 else f"{measure}, {worst.setting}"
    return Figure(name, told, target, 100 * worst.gate, 100 * worst.error, beside, passed, "%", tuple(cells))


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.0f} %" if round(low) == round(high) else f"{low:.0f} to {high:.0f} %"
