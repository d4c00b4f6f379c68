"""Many tests at once and many tries: Holm, and alpha spent over attempts."""

from collections.abc import Mapping
from typing import TypeVar

Name = TypeVar("Name", bound=tuple[str, ...] | str)


def holm(p_values: Mapping[Name, float], alpha: float) -> frozenset[Name]:
    """Names of the hypotheses that Holm's step-down procedure rejects at family-wise `alpha` (Holm 1979)."""
    rejected: set[Name] = set()
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    for rank, (name, p_value) in enumerate(ordered):
        if p_value > alpha / (len(ordered) - rank):
            break
        rejected.add(name)
    return frozenset(rejected)


def alpha_of_attempt(alpha: float, attempt: int) -> float:
    """What attempt 1, 2, ... may spend of `alpha` on showing that a candidate is good: 0.8, then 0.2/2, 0.2/4, ...

    The sum over all attempts is `alpha`, so trying again cannot buy a pass (a union bound, valid under any dependence).
    """
    if attempt < 1:
        raise ValueError(f"attempts count from 1, not {attempt}")
    return 0.8 * alpha if attempt == 1 else 0.2 * alpha * 0.5 ** min(attempt - 1, 1000)
