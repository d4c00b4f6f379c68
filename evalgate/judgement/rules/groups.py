"""Fairness: how far groups of people lie apart, and whether the candidate drove them apart."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from evalgate.judgement.rules.finding import Effect, Evidence, Facts, Finding, Harm, Sampler, finding
from evalgate.judgement.scopes import exact
from evalgate.records.comparison import Comparison, Pairs
from evalgate.records.verdict import Figure
from evalgate.stats.gaps import gap_p

MOST_GROUPS = 50
"""Every two groups are a hypothesis: more of them and none could be shown."""


def fairness_harm(facts: Facts, _sampler: Sampler) -> Mapping[Harm, float]:
    """A gap between two groups above the limit, and wider than base's: every two of them are a hypothesis."""
    if facts.gate.fairness is None:
        return {}
    limit, groups = facts.gate.fairness.max_gap, _groups(facts.comparison, facts.gate.fairness.slice)
    ordered = _ordered(groups) if len(groups) <= MOST_GROUPS else []
    return {("fairness", _name(*pair)): min(1.0, 2 * _p_value(*pair, limit)) for pair in ordered}  # either may lead


def fairness(evidence: Evidence) -> Iterator[Finding]:
    """No group is left behind another by more than the limit, unless base left it as far behind."""
    asked = evidence.gate.fairness
    if asked is None:
        return
    groups = _groups(evidence.comparison, asked.slice)
    if len(groups) < 2:
        yield finding("blocks", "fairness", asked.slice, "nothing measured", n=sum(g.n for g in groups), threshold=asked.max_gap)
        return
    if len(groups) > MOST_GROUPS:
        yield finding("blocks", "fairness", asked.slice, "too many groups", n=len(groups), threshold=float(MOST_GROUPS))
        return
    best, worst = max(_ordered(groups), key=lambda pair: (_gap(*pair), pair[0].scope))
    wider = [pair for pair in _ordered(groups) if _is_wider(*pair, asked.max_gap)]
    proven = [pair for pair in wider if ("fairness", _name(*pair)) in evidence.rejected]
    if wider:
        best, worst = max(proven or wider, key=lambda pair: (_gap(*pair), pair[0].scope))
    gap = _gap(best, worst)
    state = "too wide" if proven else "too wide, not proven" if wider else "within"
    if not wider and exact(round(gap, 12)) > exact(asked.max_gap):
        state = "as wide as base's"
    effect: Effect = "fails" if proven else "blocks" if wider else "fine"
    n, p_value = best.n + worst.n, _p_value(best, worst, asked.max_gap)
    was = best.base_right / best.n - worst.base_right / worst.n
    name = _name(best, worst)
    shown = Figure(rule="fairness", scope=name, n=n, base=was, candidate=gap, state=state)
    yield finding(effect, "fairness", name, state, n=n, observed=gap, bound=p_value, threshold=asked.max_gap, figure=shown)


def fairness_stands(evidence: Evidence) -> bool:
    """True when no gap would be too wide with every unmeasured case counted as lost."""
    asked = evidence.gate.fairness
    if asked is None:
        return True
    lost = [
        pairs.model_copy(update={"n": pairs.n + pairs.unmeasured, "losses": pairs.losses + pairs.unmeasured})
        for pairs in _groups(evidence.comparison, asked.slice)
    ]
    return not any(_is_wider(*pair, asked.max_gap) for pair in _ordered(lost))


def _groups(comparison: Comparison, named: str) -> list[Pairs]:
    return [pairs for pairs in comparison.buckets if pairs.scope.split("/")[0] == named and pairs.n]


def _ordered(groups: Sequence[Pairs]) -> list[tuple[Pairs, Pairs]]:
    """Every two groups, the one that the candidate serves better first."""
    return [(one, other) if _gap(one, other) >= 0 else (other, one) for one, other in combinations(groups, 2)]


def _is_wider(ahead: Pairs, behind: Pairs, limit: float) -> bool:
    """True where the gap is above the limit and larger than it was in base."""
    was = ahead.base_right / ahead.n - behind.base_right / behind.n
    return exact(round(_gap(ahead, behind), 12)) > exact(limit) and _gap(ahead, behind) > was + 1e-12


def _gap(ahead: Pairs, behind: Pairs) -> float:
    return ahead.candidate_right / ahead.n - behind.candidate_right / behind.n


def _p_value(ahead: Pairs, behind: Pairs, limit: float) -> float:
    """p-value of H0 "the gap is within the limit, or no wider than base's": the larger of two, since both must be false.

    An unmeasured case counts as wrong in the group ahead and as right in the one behind, so that none can cause a fail. On
    effective counts, because paraphrases of one question say less than as many questions.
    """
    told = (
        (ahead.candidate_right, ahead.n + ahead.unmeasured),
        (behind.candidate_right + behind.unmeasured, behind.n + behind.unmeasured),
    )
    effects = ahead.design_effect, behind.design_effect
    counts = [(round(right / effect), max(1, round(n / effect))) for (right, n), effect in zip(told, effects, strict=True)]
    (right_g, n_g), (right_h, n_h) = ((min(right, n), n) for right, n in counts)
    return max(gap_p(right_g, n_g, right_h, n_h, limit), _widened(ahead, behind))


def _widened(ahead: Pairs, behind: Pairs) -> float:
    """p-value of H0 "the two groups rose by as much"; each group's variance counts one flip more than was seen."""
    sizes = ahead.n + ahead.unmeasured, behind.n + behind.unmeasured
    apart = (ahead.gains - ahead.losses - ahead.unmeasured) / sizes[0] - (
        behind.gains + behind.unmeasured - behind.losses
    ) / sizes[1]
    flips = [(p.gains + p.losses + p.unmeasured + 1) * p.design_effect for p in (ahead, behind)]
    error = math.sqrt(sum(flip / n**2 for flip, n in zip(flips, sizes, strict=True)))
    return 0.5 * math.erfc(apart / error / math.sqrt(2))


def _name(ahead: Pairs, behind: Pairs) -> str:
    return f"{ahead.scope} over {behind.scope}"
