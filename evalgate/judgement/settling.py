"""What would settle what is unclear: which scope, how many cases, and what asking them costs."""

from typing import NamedTuple

from evalgate.records.comparison import Comparison
from evalgate.records.verdict import Reason, Verdict

SCOPES = ("overall", "bucket", "protected_bucket")
"""Rules whose scopes say how many cases would settle them."""


class Unsettled(NamedTuple):
    """Something that the evidence does not decide."""

    rule: str
    scope: str
    now: int
    """Cases that it rests on."""
    needed: int | None
    """Cases at which it would likely be decided (80 % power, if flips stay as frequent); None: not known."""
    cost: float | None
    """Of asking base and candidate the missing ones, in the policy's currency; None: not known."""

    @property
    def more(self) -> int | None:
        """Cases that are missing; None: not known."""
        return None if self.needed is None else max(self.needed - self.now, 0)


def unsettled(comparison: Comparison, verdict: Verdict) -> tuple[Unsettled, ...]:
    """Everything that is unclear, not proven or without a case, in the order of the rules; nothing where all is decided."""
    needed = {scope.scope: scope.cases_to_settle for scope in verdict.scopes}
    price = cost_of_a_case(comparison)
    found = []
    for rule in verdict.rules:
        if _is_open(rule):
            cases = needed.get(rule.scope) if rule.rule in SCOPES else None
            cost = None if cases is None or price is None else max(cases - rule.n, 0) * price
            found.append(Unsettled(rule.rule, rule.scope, rule.n, cases, cost))
    return tuple(found)


def cost_of_a_case(comparison: Comparison) -> float | None:
    """What asking base and candidate one case has cost on average, in the policy's currency; None where it is not known."""
    if not comparison.costs:
        return None
    return sum(base + candidate for base, candidate in comparison.costs) / len(comparison.costs)


def _is_open(rule: Reason) -> bool:
    return rule.state in ("unclear", "nothing measured") or "not proven" in rule.state
