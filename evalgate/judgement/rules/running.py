"""What the candidate costs its users: time at the 95th percentile, and money a call."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Literal

from evalgate.judgement.rules.finding import Effect, Evidence, Facts, Finding, Harm, Sampler, finding
from evalgate.judgement.scopes import OVERALL, overall_state, sample_of
from evalgate.records.evaluate_policy import LEAST_PROBED
from evalgate.records.verdict import Figure
from evalgate.stats.speed import Ratio, mean_ratio, p95, ratio_p95

SLOWER, DEARER = "latency_p95", "cost_per_call"
Measurements = tuple[tuple[float, float], ...]
LEAST, MOST = 1e-15, 1e15
"""Costs and milliseconds that somebody measured lie between these; what lies beyond may have no ratio that is a number."""


def latency_harm(facts: Facts, _sampler: Sampler) -> Mapping[Harm, float]:
    """Slower than the policy bears; an improvement pays for it, and whether there is one must be known."""
    measured, pairs = _enough(facts.comparison.timings), facts.comparison.overall
    state = overall_state(sample_of(pairs), facts.gate, facts.spent, drop_proven=False)
    if measured is None or state == "improved" or pairs.n == 0 or pairs.unmeasured:
        return {}
    return {("rule", SLOWER): _ratio(measured, "p95").p_of(facts.gate.latency_p95.fail_above)}


def cost_harm(facts: Facts, _sampler: Sampler) -> Mapping[Harm, float]:
    """Dearer than the policy bears."""
    asked, measured = facts.gate.cost_per_call, _above_zero(facts.comparison.costs)
    return {} if asked is None or measured is None else {("rule", DEARER): _ratio(measured, "mean").p_of(asked.max_rise)}


def latency(evidence: Evidence) -> Iterator[Finding]:
    """The candidate is hardly slower; more is a warning that an improvement pays for, much more fails without one."""
    asked, measured = evidence.gate.latency_p95, _enough(evidence.comparison.timings)
    if measured is None:
        effect: Effect = "blocks" if asked.required else "fine"
        n = len(evidence.comparison.timings or ())
        yield finding(effect, SLOWER, OVERALL, "not measured", n=n, threshold=asked.fail_above)
        return
    told = _ratio(measured, "p95")
    effect, state = "fine", "within"
    if ("rule", SLOWER) in evidence.rejected:
        effect, state = "fails", "too slow"
    elif _above(told, asked.tolerate):
        much = "much slower" if _above(told, asked.fail_above) else "slower"
        effect = "fine" if evidence.improved else "blocks"
        state = f"{much}, paid for by the improvement" if evidence.improved else f"{much}, not proven too slow"
    yield _told(SLOWER, measured, told, effect, state, threshold=asked.fail_above, bound=told.p_of(asked.fail_above))


def cost(evidence: Evidence) -> Iterator[Finding]:
    """A call is hardly dearer."""
    asked, measured = evidence.gate.cost_per_call, _above_zero(evidence.comparison.costs)
    if asked is None:
        return
    if measured is None:
        effect: Effect = "blocks" if asked.required else "fine"
        yield finding(effect, DEARER, OVERALL, "not known", n=0, threshold=asked.max_rise)
        return
    told = _ratio(measured, "mean")
    proven, over = ("rule", DEARER) in evidence.rejected, _above(told, asked.max_rise)
    effect = "fails" if proven else "blocks" if over else "fine"
    state = "too dear" if proven else "dearer, not proven" if over else "within"
    yield _told(DEARER, measured, told, effect, state, threshold=asked.max_rise, bound=told.p_of(asked.max_rise))


def _above(told: Ratio, limit: float) -> bool:
    """True where the ratio is above 1 + limit by more than the last digits of a float."""
    return round(told.ratio - (1 + limit), 12) > 0


def _enough(timings: Measurements | None) -> Measurements | None:
    """The probe's times, where they are times, and enough for a 95th percentile."""
    return timings if timings is not None and len(timings) >= LEAST_PROBED and _can_be_divided(timings) else None


def _above_zero(costs: Measurements | None) -> Measurements | None:
    """Costs that can be divided; answers that cost nothing say nothing of a price."""
    return costs if costs and _can_be_divided(costs) else None


def _can_be_divided(measured: Measurements) -> bool:
    return all(LEAST <= value <= MOST for pair in measured for value in pair)


@lru_cache(maxsize=32)
def _ratio(measured: Measurements, of: Literal["p95", "mean"]) -> Ratio:
    """Resampled; asked for by the family and by the rule, drawn once."""
    base, candidate = ([pair[side] for pair in measured] for side in (0, 1))
    return ratio_p95(base, candidate) if of == "p95" else mean_ratio(base, candidate)


def _told(
    rule: str, measured: Measurements, told: Ratio, effect: Effect, state: str, *, threshold: float, bound: float
) -> Finding:
    base, candidate = ([pair[side] for pair in measured] for side in (0, 1))
    of = p95 if rule == SLOWER else _mean
    shown = Figure(
        rule=rule,
        scope=OVERALL,
        n=len(measured),
        base=of(base),
        candidate=of(candidate),
        low=round(told.low, 6),
        high=round(told.high, 6) if told.resampled.size else None,
        state=state,
        unit="ms" if rule == SLOWER else "cost",
    )
    return finding(
        effect, rule, OVERALL, state, n=len(measured), observed=told.ratio, bound=bound, threshold=threshold, figure=shown
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
