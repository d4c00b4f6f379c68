"""Whether the fine-tune beats what is cheaper: another prompt, retrieval, a host's structured output, an endpoint."""

from collections.abc import Iterator

from evalgate.judgement.rules.figures import figure_of, lift_of
from evalgate.judgement.rules.finding import Effect, Evidence, Finding, finding
from evalgate.judgement.scopes import lifted, sample_of
from evalgate.records.comparison import Contender
from evalgate.stats.lift import held, p_up


def contenders(evidence: Evidence) -> Iterator[Finding]:
    """Each contender is shown to be worse, or as good, or neither; it stands in the way only where the policy says so."""
    for one in evidence.comparison.contenders:
        sample, state = sample_of(one.pairs), state_of(one, evidence)
        effect: Effect = "blocks" if evidence.gate.must_beat_contenders and state != "beaten" else "fine"
        lift, shown = lift_of(one.pairs), figure_of("contenders", one.pairs, state, evidence.spent, scope=one.name)
        bound, least = p_up(sample), evidence.gate.min_lift
        yield finding(
            effect, "contenders", one.name, state, n=one.pairs.n, observed=lift, bound=bound, threshold=least, figure=shown
        )


def state_of(one: Contender, evidence: Evidence) -> str:
    """beaten: the candidate is shown to be better by the least lift; as good: shown to lose less than max_drop to it."""
    if one.results_sha256 is None:
        return "not asked"
    if one.pairs.n == 0 or one.pairs.unmeasured:
        return "not fully measured"
    sample = sample_of(one.pairs)
    if p_up(sample) <= evidence.spent and lifted(sample, evidence.gate.min_lift):
        return "beaten"
    return "as good" if held(sample.flipped(), evidence.gate.max_drop, evidence.spent) else "unclear"
