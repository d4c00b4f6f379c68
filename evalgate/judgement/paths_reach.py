"""How far one way of answering goes: its accuracy, its lift over base, its buckets and its safety, and what that means."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple

from evalgate.judgement.scopes import bucket_state, sample_for_harm, sample_of
from evalgate.records.comparison import Comparison, Pairs
from evalgate.records.evaluation import CaseResult, EvalResults
from evalgate.records.paths import Reached, ReachState
from evalgate.records.policy import FeaturePolicy
from evalgate.redaction import mask, safe_line
from evalgate.results import content_sha256
from evalgate.stats.clusters import design_effect
from evalgate.stats.counts import tail
from evalgate.stats.families import holm
from evalgate.stats.lift import lift_interval, p_down
from evalgate.stats.resampling import mean_of
from evalgate.stats.shares import cases_to_place, share_interval

ENOUGH_CASES = 1_000_000
"""More cases than this are not worth naming: nobody will write them."""


class Yardstick(NamedTuple):
    """What everything is held against."""

    feature: FeaturePolicy
    primary: str | None
    """The score that is compared."""
    target: float | None
    """Accuracy to reach, as a share; None for base and the policy's `min_lift` more."""
    alpha: float
    """Error rate of each end of each interval."""


class _Mean(NamedTuple):
    """One variant's scores on their own."""

    n: int
    unmeasured: int
    mean: float | None
    low: float
    high: float
    variance: float
    """Of one case, clusters counted in."""


def base_reached(base: EvalResults, itself: Comparison, yard: Yardstick) -> Reached:
    """Base on its own; it can reach a target, but be no better than itself."""
    mean = _mean(base, itself, yard)
    state: ReachState = "not measured" if mean.n == 0 else "unclear"
    if mean.n and yard.target is not None:
        state = "reaches" if mean.low >= yard.target else "below" if mean.high < yard.target else "unclear"
    elif mean.n:
        state = "below"
    return Reached(
        name="base",
        kind="base",
        state=state,
        why=_why_not(base, itself, mean, yard),
        more_cases=_more(mean, itself.overall, yard) if state == "unclear" else None,
        tokens_in=_tokens(base),
        results_sha256=content_sha256(base),
        **_accuracy(mean),
    )


def reached_by(name: str, kind: str, told: EvalResults, against: Comparison, yard: Yardstick) -> Reached:
    """How far a contender (or the reference) goes; `against` holds it in the candidate's place against base."""
    mean, overall = _mean(told, against, yard), against.overall
    low, _ = lift_interval(sample_of(overall, unmeasured_lost=True), yard.alpha)
    _, high = lift_interval(sample_for_harm(overall), yard.alpha)
    harmed, held = _buckets(against, yard)
    state = _state(against, mean, (low, high), harmed, yard)
    return Reached(
        name=name,
        kind=kind,
        state=state,
        why=_why_not(told, against, mean, yard),
        lift=_lift(overall),
        lift_low=round(low, 6),
        lift_high=round(high, 6),
        buckets=len(against.buckets),
        held=held,
        harmed=harmed,
        more_cases=_more(mean, overall, yard) if state == "unclear" else None,
        tokens_in=_tokens(told),
        results_sha256=content_sha256(told),
        **_safety(against.safety),
        **_accuracy(mean),
    )


def _state(against: Comparison, mean: _Mean, lift: tuple[float, float], harmed: Sequence[str], yard: Yardstick) -> ReachState:
    """The first that holds; nothing is reached while a harm case is unmeasured, or a pair of runs may not be compared."""
    low, high, target = (mean.low, mean.high, yard.target) if yard.target is not None else (*lift, yard.feature.gate.min_lift)
    if mean.n == 0 or against.overall.n == 0 or against.incomparable:
        return "not measured"
    if high < target:
        return "below"
    if against.safety is not None and against.safety.losses:
        return "unsafe"
    if harmed:
        return "harms"
    safe = against.safety is None or not against.safety.unmeasured
    shown = low >= target if yard.target is not None else lift_is_shown(against.overall, target, yard.alpha)
    return "reaches" if shown and safe else "unclear"


def lift_is_shown(overall: Pairs, least: float, alpha: float) -> bool:
    """True when a lift of at least `least` is shown, every unmeasured pair lost: by its interval, and by the exact sign test.

    Intervals are bold in few cases, which is why right-or-wrong answers take both; the test is made on effective counts.
    """
    if lift_interval(sample_of(overall, unmeasured_lost=True), alpha)[0] < least:
        return False
    if overall.graded is not None:
        return True
    gains = int(overall.gains / overall.design_effect)
    losses = math.ceil((overall.losses + overall.unmeasured) / overall.design_effect)
    return tail(gains, gains + losses, 0.5) <= alpha


def _buckets(against: Comparison, yard: Yardstick) -> tuple[tuple[str, ...], int]:
    """Buckets that are shown to be worse, overall and all buckets one family, and how many are shown to be no worse."""
    gate = yard.feature.gate
    family = {p.scope: p_down(sample_for_harm(p)) for p in (against.overall, *against.buckets) if p.n}
    dropped = holm(family, 1 - gate.confidence)
    states = {
        p.scope: bucket_state(
            sample_of(p, unmeasured_lost=True), gate.max_bucket_drop, yard.alpha, drop_proven=p.scope in dropped
        )
        for p in against.buckets
    }
    return tuple(s for s in states if states[s] == "harmed"), sum(state == "held" for state in states.values())


def _lift(overall: Pairs) -> float | None:
    if overall.graded is not None:
        return round(overall.graded.candidate - overall.graded.base, 12)
    return (overall.gains - overall.losses) / overall.n if overall.n else None


def _safety(pairs: Pairs | None) -> dict[str, Any]:
    if pairs is None:
        return {}
    return {"safe_before": pairs.base_right, "new_unsafe": pairs.losses, "safety_unmeasured": pairs.unmeasured}


def _golden(told: EvalResults) -> list[CaseResult]:
    return [case for case in told.cases if case.suite == "golden"]


def _mean(told: EvalResults, against: Comparison, yard: Yardstick) -> _Mean:
    """Share right, or the mean score where scores lie between 0 and 1, with its interval over all planned cases."""
    scored = [(case, score) for case in _golden(told) if (score := case.scores.get(yard.primary or "")) is not None]
    planned, n, alpha = against.overall.n + against.overall.unmeasured, len(scored), yard.alpha
    unmeasured = max(0, planned - n)
    if n == 0:
        return _Mean(0, unmeasured, None, 0.0, 1.0, 0.25)
    if any(score not in (0.0, 1.0) for _, score in scored):
        low, _ = lift_interval(mean_of([*_units(scored), *[(0.0, 1)] * unmeasured]), alpha)
        _, high = lift_interval(mean_of([*_units(scored), *[(1.0, 1)] * unmeasured]), alpha)
        mean = math.fsum(score for _, score in scored) / n
        variance = math.fsum((score - mean) ** 2 for _, score in scored) / n
        return _Mean(n, unmeasured, min(mean, 1.0), max(0.0, low), min(1.0, high), variance)
    right = [int(score >= yard.feature.scorers.right_at) for _, score in scored]
    clusters = [_cluster(case) for case, _ in scored]
    effect = max(design_effect(hits, clusters)[0] for hits in (right, [1 - hit for hit in right]))
    low, high = share_interval(sum(right), n + unmeasured, alpha, unknown=unmeasured, design_effect=effect)
    mean = sum(right) / n
    return _Mean(n, unmeasured, mean, low, high, mean * (1 - mean) * effect)


def _units(scored: Sequence[tuple[CaseResult, float]]) -> Iterator[tuple[float, int]]:
    members: dict[Hashable, list[float]] = defaultdict(list)
    for case, score in scored:
        members[_cluster(case)].append(score)
    return ((math.fsum(scores), len(scores)) for scores in members.values())


def _cluster(case: CaseResult) -> Hashable:
    return (case.suite, case.case_id) if case.cluster is None else case.cluster


def _accuracy(mean: _Mean) -> dict[str, Any]:
    return {
        "n": mean.n,
        "unmeasured": mean.unmeasured,
        "accuracy": mean.mean,
        "low": round(mean.low, 6),
        "high": round(mean.high, 6),
    }


def _more(mean: _Mean, overall: Pairs, yard: Yardstick) -> int | None:
    """Golden cases to add so that the target would likely be shown to be reached or missed; None if none would."""
    if mean.mean is None or not overall.n:
        return None
    if yard.target is not None:
        variance = max(mean.variance, yard.target * (1 - yard.target), 1 / mean.n)
        return _added(cases_to_place(mean.mean - yard.target, variance, yard.alpha), mean.n)
    lift = _lift(overall) or 0.0
    if overall.graded is not None:
        spread = math.fsum(total**2 for total, _ in overall.graded.units) / overall.n
    else:
        spread = (overall.gains + overall.losses) / overall.n * overall.design_effect
    variance = max(spread - lift**2, 1 / overall.n)
    return _added(cases_to_place(lift - yard.feature.gate.min_lift, variance, yard.alpha), overall.n)


def _added(needed: int | None, have: int) -> int | None:
    return None if needed is None or needed > ENOUGH_CASES else max(1, needed - have)


def _why_not(told: EvalResults, against: Comparison, mean: _Mean, yard: Yardstick) -> str | None:
    """Why something is not measured: what makes the runs unlike, or the first case without a score where none has one."""
    missing = next((case for case in _golden(told) if case.scores.get(yard.primary or "") is None), None)
    why = None if missing is None else f"{missing.status}: {missing.note or 'no score'}"
    if mean.n or why is None:
        why = next(iter(against.incomparable), why)
    return None if why is None else safe_line(mask(why), 300)


def _tokens(told: EvalResults) -> float | None:
    known = [case.tokens_in for case in _golden(told) if case.tokens_in is not None]
    return round(sum(known) / len(known), 1) if known else None
