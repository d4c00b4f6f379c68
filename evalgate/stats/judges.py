"""What a judge's answers are worth: preferences asked in both orders, and few human labels beside many judged ones."""

import warnings
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Literal, NamedTuple

import numpy as np

from evalgate.errors import NotMeasured
from evalgate.stats.counts import upper_bound

Slot = Literal["first", "second", "tie"]


class Bias(NamedTuple):
    """How often a judge that prefers anything prefers what stands first."""

    n: int
    """Answers that were no tie."""
    first: int
    """Of these, answers for the first slot."""
    share: float | None
    """first/n in [0, 1]; None at n = 0. A judge without bias is near 1/2 when every pair is asked in both orders."""
    low: float
    high: float
    """Clopper and Pearson's interval, each end at one-sided alpha; (0, 1) at n = 0."""


def preference(first: Slot, second: Slot) -> Literal["win", "loss", "tie"]:
    """The candidate's win, loss or tie, from the order (base, candidate) and then the order (candidate, base).

    A win is "second", then "first"; a loss the other way round; whatever the two orders do not agree on is a tie.
    """
    if (first, second) == ("second", "first"):
        return "win"
    return "loss" if (first, second) == ("first", "second") else "tie"


def position_bias(answers: Sequence[Slot], alpha: float = 0.05) -> Bias:
    """Share of answers that prefer the first slot, over all answers of both orders that are no tie."""
    n, first = sum(answer != "tie" for answer in answers), sum(answer == "first" for answer in answers)
    low, high = 1 - upper_bound(n - first, n, alpha), upper_bound(first, n, alpha)
    return Bias(n, first, first / n if n else None, low, high)


class Combined(NamedTuple):
    """A mean by prediction-powered inference, with its interval, each end at one-sided alpha."""

    estimate: float
    low: float
    high: float


def ppi_mean(
    human: Sequence[float], judged_on_human: Sequence[float], judged_on_rest: Sequence[float], alpha: float = 0.05
) -> Combined:
    """Mean of what people would say, from few human labels and the judge's grades of the same and of many more cases.

    Prediction-powered inference with power tuning (Angelopoulos, Duchi and Zrnic 2023, PPI++), by the library `ppi_py`. Values
    of any scale. The normal interval needs a few dozen human labels. With fewer than two labels, or fewer than two further
    cases, the estimate is NaN; there and where nothing varies the interval is infinite: never of zero width.

    Raises:
        NotMeasured: the library is not installed.
        ValueError: not one judged grade for each human label, or a value that is no number.
    """
    labels, beside, rest = (np.asarray(values, dtype=float) for values in (human, judged_on_human, judged_on_rest))
    if len(labels) != len(beside) or not all(np.isfinite(values).all() for values in (labels, beside, rest)):
        raise ValueError(f"{len(labels)} human labels and {len(beside)} judged grades of the same cases: finite, one for one")
    library = _library()
    if min(len(labels), len(rest)) < 2:
        return Combined(float("nan"), -float("inf"), float("inf"))
    weight = None if np.ptp(np.concatenate([beside, rest])) else 0.0  # grades that never vary say nothing; else it is tuned
    low, high = (float(np.ravel(end)[0]) for end in library.ppi_mean_ci(labels, beside, rest, alpha=2 * alpha, lam=weight))
    wide = high - low > 1e-9 * max(1.0, abs(low))
    return Combined((low + high) / 2, low if wide else -float("inf"), high if wide else float("inf"))


def _library() -> ModuleType:
    try:
        with warnings.catch_warnings():  # it turns all warnings off when it is imported
            return import_module("ppi_py")
    except ImportError as missing:
        what = f"human labels: combining them with a judge's grades needs the library ppi_py ({missing})"
        raise NotMeasured(f"{what}; install evalgate-ft[ppi]") from missing
