"""Whether answers keep their format."""

from collections.abc import Iterator, Mapping

from evalgate.judgement.rules.finding import Effect, Evidence, Facts, Finding, Harm, Sampler, finding, harm_of
from evalgate.judgement.scopes import bucket_state, lifted, sample_of
from evalgate.stats.lift import certified_margin, p_up

SECOND_WAY = 0.1
"""Share of this attempt's error rate that a rise of well-formed answers must be proven at: it is a second way to a pass."""
FROM, TO = 0.95, 0.98
"""A proven rise from under the first to the second is an improvement, however small (GATE.md's words are the policy's)."""


def format_harm(facts: Facts, sampler: Sampler) -> Mapping[Harm, float]:
    """Fewer well-formed answers."""
    return harm_of("rule", [facts.comparison.json_valid], sampler)


def json_valid(evidence: Evidence) -> Iterator[Finding]:
    """Answers keep their format: shown to lose less than a point, or no loss seen at all; a proven drop fails."""
    pairs = evidence.comparison.json_valid
    if pairs is None:
        return
    if pairs.n == 0:
        yield finding("blocks", "json_valid", pairs.scope, "nothing measured", n=0)
        return
    sample, margin = sample_of(pairs), evidence.gate.json_valid.max_drop
    proven = ("rule", pairs.scope) in evidence.rejected
    state: str = bucket_state(sample, margin, evidence.spent, drop_proven=proven)
    if state != "harmed" and pairs.unmeasured > evidence.comparison.overall.unmeasured:
        yield finding("blocks", "json_valid", pairs.scope, "not fully measured", n=pairs.n, observed=float(pairs.unmeasured))
        return
    if format_improved(evidence):
        state = "improved"
    elif state == "unclear" and pairs.losses <= pairs.gains:
        state = "no drop seen"
    effect: Effect = "fails" if state == "harmed" else "blocks" if state == "unclear" else "fine"
    lift = (pairs.gains - pairs.losses) / pairs.n
    bound = certified_margin(sample, evidence.spent)
    yield finding(effect, "json_valid", pairs.scope, state, n=pairs.n, observed=lift, bound=bound, threshold=margin)


def format_improved(evidence: Evidence) -> bool:
    """True where well-formed answers rose by much, and that is proven."""
    pairs = evidence.comparison.json_valid
    if pairs is None or pairs.n == 0 or p_up(sample_of(pairs)) > SECOND_WAY * evidence.spent:
        return False
    mended = pairs.base_right < FROM * pairs.n and pairs.candidate_right >= TO * pairs.n
    return mended or lifted(sample_of(pairs), evidence.gate.json_valid.counts_as_rise)
