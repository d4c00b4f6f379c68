"""What a scope looks like in the table of further measures."""

from evalgate.judgement.scopes import sample_of
from evalgate.records.comparison import Pairs
from evalgate.records.verdict import Figure
from evalgate.stats.lift import lift_interval


def means(pairs: Pairs) -> tuple[float | None, float | None]:
    """Base's and the candidate's mean score over the measured pairs; None at n = 0."""
    if pairs.graded is not None:
        return pairs.graded.base, pairs.graded.candidate
    return (pairs.base_right / pairs.n, pairs.candidate_right / pairs.n) if pairs.n else (None, None)


def lift_of(pairs: Pairs) -> float | None:
    """The candidate's mean less base's; None at n = 0."""
    base, candidate = means(pairs)
    return None if base is None or candidate is None else candidate - base


def figure_of(rule: str, pairs: Pairs, state: str, spent: float, *, scope: str | None = None) -> Figure:
    """Both means and the lift's interval, each end at `spent`; `scope` takes the place of the pairs' own."""
    base, candidate = means(pairs)
    low, high = (round(end, 6) for end in lift_interval(sample_of(pairs), spent))
    name = pairs.scope if scope is None else scope
    return Figure(rule=rule, scope=name, n=pairs.n, base=base, candidate=candidate, low=low, high=high, state=state)
