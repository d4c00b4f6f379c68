"""What the benches of this folder share: a figure with its target, and how figures are told."""

import json
import sys
from collections.abc import Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    name: str
    value: float
    target: str
    passed: bool
    spread: tuple[float, float] | None = None
    """Least and most of the repetitions whose median `value` is."""


def tell(figures: Sequence[Figure], **beside: object) -> int:
    """One line a figure on stderr, all as JSON on stdout; 1 when one falls short."""
    for figure in figures:
        spread = f" [{figure.spread[0]:,} to {figure.spread[1]:,}]" if figure.spread else ""
        print(
            f"{'PASS' if figure.passed else 'FAIL'}  {figure.name}: {figure.value:,}{spread} ({figure.target})", file=sys.stderr
        )
    print(json.dumps({"figures": [figure._asdict() for figure in figures], **beside}, indent=2))
    return 0 if all(figure.passed for figure in figures) else 1
