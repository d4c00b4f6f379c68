"""One name for each question, whether the scores are right-or-wrong or anything between 0 and 1."""

from typing import TypeAlias

from evalgate.stats import paired, resampling
from evalgate.stats.paired import Counts
from evalgate.stats.resampling import Resampled

Sample: TypeAlias = Counts | Resampled
"""Paired evidence of one scope: counts of right-or-wrong answers, or resampled differences of scores."""


def p_up(sample: Sample) -> float:
    """p-value of an improvement, in [0, 1]; 1 at n = 0 and where nothing was gained."""
    return paired.p_up(sample) if isinstance(sample, Counts) else resampling.p_up(sample)


def p_down(sample: Sample) -> float:
    """p-value of a drop, in [0, 1]; 1 at n = 0 and where nothing was lost."""
    return paired.p_down(sample) if isinstance(sample, Counts) else resampling.p_down(sample)


def held(sample: Sample, margin: float, alpha: float) -> bool:
    """True when "the true drop is `margin` or more" is rejected at `alpha`; False at n = 0."""
    return paired.held(sample, margin, alpha) if isinstance(sample, Counts) else resampling.held(sample, margin, alpha)


def lift_interval(sample: Sample, alpha: float) -> tuple[float, float]:
    """Lift's interval, each end at one-sided `alpha`; (-1, 1) at n = 0, never of zero width."""
    return paired.lift_interval(sample, alpha) if isinstance(sample, Counts) else resampling.lift_interval(sample, alpha)


def certified_margin(sample: Sample, alpha: float) -> float:
    """The smallest drop that the evidence rules out, in [0, 1]; 1 at n = 0."""
    return paired.certified_margin(sample, alpha) if isinstance(sample, Counts) else resampling.certified_margin(sample, alpha)
