"""Which cases a person looks at: the regressions, the worst first, and gains and losses side by side."""

from itertools import zip_longest

from evalgate.records.comparison import Comparison, Flip
from evalgate.records.verdict import Verdict

WORST = 20
"""Regressions that a report puts before a person."""
STATES = ("harmed", "unclear", "held")
"""States of buckets, the worst first."""


def for_review(comparison: Comparison, verdict: Verdict) -> list[Flip]:
    """Every regression: those in protected buckets, then unsafe answers, then all others by the worst of their buckets.

    Within each by the state of the worst bucket (harmed, unclear, held), by case and by suite: the same for the same inputs.
    """
    protected = {rule.scope for rule in verdict.rules if rule.rule == "protected_bucket"}
    states = {scope.scope: STATES.index(scope.state) for scope in verdict.scopes[1:] if scope.state in STATES}

    def badness(flip: Flip) -> tuple[int, int, str, str]:
        unsafe = flip.suite.split("/")[0] == "safety"
        kind = 1 if unsafe else 0 if protected.intersection(flip.buckets) else 2
        worst = min((states.get(bucket, len(STATES)) for bucket in flip.buckets), default=len(STATES))
        return kind, 0 if unsafe else worst, flip.case_id, flip.suite

    return sorted((*comparison.regressions, *comparison.safety_regressions), key=badness)


def side_by_side(comparison: Comparison, shown: int) -> list[tuple[Flip | None, Flip | None]]:
    """(gain, loss), row by row, the first `shown` of each; None where one side has fewer."""
    return list(zip_longest(comparison.gains[:shown], comparison.regressions[:shown]))
