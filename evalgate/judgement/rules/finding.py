"""What a rule may look at, and what it says."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from evalgate.records.comparison import Comparison, Pairs
from evalgate.records.gate_policy import GatePolicy
from evalgate.records.verdict import Figure, Reason, ScopeDecision
from evalgate.stats.lift import Sample, p_down

Effect = Literal["fine", "blocks", "fails", "waived"]
"""fine: does not stand in the way; blocks: no pass; fails: harm is shown; waived: it would, but an exception is signed."""
Harm = tuple[str, str]
"""(rule, what it looks at): one hypothesis of the family in which harm is shown."""


class Facts(NamedTuple):
    """What every rule may look at before anything is decided."""

    comparison: Comparison
    gate: GatePolicy
    alpha: float
    """Error rate of harm tests."""
    spent: float
    """Error rate that this attempt may spend on improved, tied and held."""


class Evidence(NamedTuple):
    """What every rule may look at when it decides."""

    comparison: Comparison
    gate: GatePolicy
    scopes: tuple[ScopeDecision, ...]
    """Overall first, then every bucket."""
    rejected: frozenset[Harm]
    """Harm that Holm's procedure takes for shown, over the whole family."""
    alpha: float
    """Error rate of harm tests."""
    spent: float
    """Error rate that this attempt may spend on improved, tied and held."""

    @property
    def improved(self) -> bool:
        """True when overall is improved."""
        return self.scopes[0].state == "improved"


class Finding(NamedTuple):
    """What a rule found."""

    effect: Effect
    reason: Reason
    figure: Figure | None = None
    """What was measured, for the rules that look beside right and wrong."""


Rule = Callable[[Evidence], Iterator[Finding]]
Sampler = Callable[[Pairs], Sample]
"""How counts become a test: as they are, or with every unmeasured case for or against the candidate."""


HarmRule = Callable[[Facts, Sampler], Mapping[Harm, float]]
"""A rule that can fail a candidate gives its p-values here: they stand in one family with all others."""


def harm_of(kind: str, scopes: Iterable[Pairs | None], sampler: Sampler) -> dict[Harm, float]:
    """The p-value of a drop in each scope in which something is measured."""
    return {(kind, pairs.scope): p_down(sampler(pairs)) for pairs in scopes if pairs is not None and pairs.n}


def finding(  # noqa: PLR0913  (a reason has seven fields, and rules read best when they name them)
    effect: Effect,
    rule: str,
    scope: str,
    state: str,
    *,
    n: int,
    observed: float | None = None,
    bound: float | None = None,
    threshold: float | None = None,
    figure: Figure | None = None,
) -> Finding:
    """A finding with its figures shortened to six digits."""
    reason = Reason(rule=rule, scope=scope, state=state, n=n, observed=short(observed), bound=short(bound), threshold=threshold)
    return Finding(effect, reason, figure)


def short(value: float | None) -> float | None:
    """Six significant digits."""
    return None if value is None else float(f"{value:.6g}")
