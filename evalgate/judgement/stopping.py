"""Early stopping: whether the cases still to come could change anything."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from evalgate.judgement.plan import PlannedCase
from evalgate.judgement.rules import FAMILY
from evalgate.judgement.rules.finding import Facts
from evalgate.judgement.rules.quality import SHARE_RULE
from evalgate.judgement.scopes import OVERALL, bucket_state, exact, overall_state, sample_for_harm, sample_of
from evalgate.policy import judged_buckets
from evalgate.records.comparison import Comparison, Pairs
from evalgate.records.gate_policy import GatePolicy
from evalgate.records.policy import FeaturePolicy
from evalgate.records.verdict import Verdict
from evalgate.stats.counts import tail
from evalgate.stats.families import holm
from evalgate.stats.lift import p_down
from evalgate.stats.paired import Counts
from evalgate.stats.sequential import LOOKS, at_the_end, project

HOPE, DREAD = 0.05, 0.25
"""Asking ends as inconclusive when a pass is projected less often than the first, and a fail less often than the second."""
DRAWS = 200


class Ends(NamedTuple):
    """How often the cases still to come would end in a pass, and in a fail, in [0, 1]."""

    passes: float
    fails: float


def stops(
    verdict: Verdict, comparison: Comparison, feature: FeaturePolicy, planned: list[PlannedCase], rates: tuple[float, float]
) -> bool:
    """True when a look decides: a pass or a fail at its own level, the last look, or nothing left to hope and to dread.

    `planned` are all cases, asked or not; `rates` are the error rates at the last look (see `gate.error_rates`).
    """
    return stops_at(verdict, comparison, feature.gate, sizes(feature, planned), rates)


def stops_at(
    verdict: Verdict,
    comparison: Comparison,
    gate: GatePolicy,
    at_end: Mapping[str, int],
    rates: tuple[float, float],
    *,
    draws: int = DRAWS,
) -> bool:
    """The same, from the cases of each scope at the end (see `sizes`)."""
    if verdict.verdict != "inconclusive" or comparison.look is None or comparison.look >= LOOKS:
        return True
    if comparison.incomparable or comparison.unmeasured:
        return False  # what is in the way is no matter of chance
    if harm_elsewhere(comparison, gate, rates):
        return False
    ends = projected(comparison, gate, at_end, rates, draws=draws)
    return ends.passes < HOPE and ends.fails < DREAD


def harm_elsewhere(comparison: Comparison, gate: GatePolicy, rates: tuple[float, float]) -> bool:
    """True where a rule that `projected` does not draw, such as that of the format, may yet show harm."""
    facts = Facts(comparison, gate, *rates)
    p_values = [(harm, p) for rule in FAMILY for harm, p in rule(facts, sample_for_harm).items()]
    return any(p < DREAD for harm, p in p_values if harm[0] != "scope" and harm != ("rule", SHARE_RULE))


def sizes(feature: FeaturePolicy, planned: list[PlannedCase]) -> dict[str, int]:
    """Cases of each scope at the end, overall among them."""
    golden = [case for case in planned if case.suite == "golden"]
    found = {OVERALL: len(golden)}
    for case in golden:
        for bucket in judged_buckets(feature, case.buckets):
            found[bucket] = found.get(bucket, 0) + 1
    return found


def projected(
    comparison: Comparison,
    gate: GatePolicy,
    at_end: Mapping[str, int],
    rates: tuple[float, float],
    *,
    draws: int = DRAWS,
    seed: int = 17,
) -> Ends:
    """How often the whole suite would pass and fail, drawn from what was seen so far; (1, 1) where that cannot be drawn.

    Overall is the sum of its buckets where one slice has every case, so that both tell the same story.
    """
    scopes = (comparison.overall, *comparison.buckets)
    if any(pairs.graded is not None or pairs.n > at_end.get(pairs.scope, 0) for pairs in scopes):
        return Ends(1.0, 1.0)
    drawn = {p.scope: project(_counts(p), at_end[p.scope], draws, seed + place) for place, p in enumerate(scopes)}
    parts = _whole_slice(comparison)
    outcomes = []
    for i in range(draws):
        ends = {p.scope: (int(drawn[p.scope][0][i]), int(drawn[p.scope][1][i])) for p in scopes}
        if parts:
            ends[OVERALL] = sum(ends[name][0] for name in parts), sum(ends[name][1] for name in parts)
        outcomes.append(_outcome({p.scope: at_the_end(_counts(p), *ends[p.scope], at_end[p.scope]) for p in scopes}, gate, rates))
    return Ends(outcomes.count("pass") / draws, outcomes.count("fail") / draws)


def _outcome(ends: Mapping[str, Counts], gate: GatePolicy, rates: tuple[float, float]) -> str:
    alpha, spent = rates
    overall = ends[OVERALL]
    family = {name: p_down(counts) for name, counts in ends.items() if counts.n}
    lost, cases = math.floor(overall.losses / overall.design_effect), math.ceil(overall.n / overall.design_effect)
    family[SHARE_RULE] = tail(lost, cases, gate.max_regression_share)  # as the rule counts them
    rejected = holm(family, alpha)
    state = overall_state(overall, gate, spent, drop_proven=OVERALL in rejected)
    states = [
        bucket_state(counts, gate.max_bucket_drop, spent, drop_proven=name in rejected)
        for name, counts in ends.items()
        if name != OVERALL
    ]
    if state == "harmed" or "harmed" in states or SHARE_RULE in rejected:
        return "fail"
    enough = state == "improved" or (state == "tied" and gate.require == "no_harm")
    few = overall.losses <= exact(gate.max_regression_share) * overall.n
    return "pass" if enough and few and all(state == "held" for state in states) else "inconclusive"


def _counts(pairs: Pairs) -> Counts:
    sample = sample_of(pairs)
    assert isinstance(sample, Counts)  # noqa: S101  (`projected` looked)
    return sample


def _whole_slice(comparison: Comparison) -> list[str]:
    """Buckets of the first slice that has every case; nothing where none has."""
    slices: dict[str, list[Pairs]] = {}
    for pairs in comparison.buckets:
        slices.setdefault(pairs.scope.split("/")[0], []).append(pairs)
    whole = (parts for parts in slices.values() if sum(part.n for part in parts) == comparison.overall.n)
    return [part.scope for part in next(whole, [])]
