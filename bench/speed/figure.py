"""A figure of the speed table: repeated measurements, their median with spread, and the target that they are held against."""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    """P1 to P11, and what is divided by what."""
    value: float
    """The median of `runs`."""
    low: float
    high: float
    target: str
    passed: bool | None
    """None: a figure without a target, or one that does not count; `note` says why."""
    runs: tuple[float, ...]
    """One a repetition, in order."""
    note: str = ""

    @property
    def mark(self) -> str:
        """PASS, FAIL, or ---- for what is held against nothing."""
        return "----" if self.passed is None else "PASS" if self.passed else "FAIL"


def figure(
    name: str,
    runs: Sequence[float],
    *,
    most: float | None = None,
    least: float | None = None,
    note: str = "",
    counts: bool = True,
) -> Figure:
    """The median of the runs held against the most or the least that it may be; n = 1 has no spread.

    With `counts` false the figure stands there, marked FAIL whatever it says: what was measured were not equal things.
    """
    middle, target, passed = statistics.median(runs), "none", None
    if most is not None:
        target, passed = f"at most {most:g}", middle <= most
    elif least is not None:
        target, passed = f"at least {least:g}", middle >= least
    passed = passed if counts or passed is None else False
    return Figure(name, _short(middle), _short(min(runs)), _short(max(runs)), target, passed, tuple(map(_short, runs)), note)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours by theirs, repetition by repetition: what slows the machine for a while slows both."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def tell(figures: Sequence[Figure], told: Mapping[str, Any]) -> int:
    """A line a figure on stderr, everything as JSON on stdout; 1 when a figure falls short of its target."""
    for one in figures:
        note = f"; {one.note}" if one.note else ""
        spread = f" ({one.low:g} to {one.high:g}, n = {len(one.runs)})" if len(one.runs) > 1 else ""
        print(f"{one.mark}  {one.name}: {one.value:g}{spread}, target: {one.target}{note}", file=sys.stderr)
    print(json.dumps({**told, "figures": [one._asdict() for one in figures]}, indent=2))
    return 1 if any(one.passed is False for one in figures) else 0


def _short(value: float) -> float:
    return float(f"{value:.4g}")
