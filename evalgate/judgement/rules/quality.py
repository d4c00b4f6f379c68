"""Right and wrong: overall, every bucket, the share of regressions, and what older tasks lost."""

import math
from collections.abc import Iterator, Mapping

from evalgate.judgement.rules.answer_format import format_improved
from evalgate.judgement.rules.figures import figure_of, lift_of
from evalgate.judgement.rules.finding import Effect, Evidence, Facts, Finding, Harm, Sampler, finding, harm_of
from evalgate.judgement.scopes import OVERALL, bucket_state, exact, flips_of, sample_of
from evalgate.records.comparison import Pairs
from evalgate.stats.counts import tail
from evalgate.stats.lift import certified_margin

SHARE_RULE = "regression_share"


def scopes_harm(facts: Facts, sampler: Sampler) -> Mapping[Harm, float]:
    """A drop overall, in a bucket, or in a suite of an older task."""
    found = facts.comparison
    return harm_of("scope", (found.overall, *found.buckets), sampler) | harm_of("legacy", found.legacy, sampler)


def share_harm(facts: Facts, _sampler: Sampler) -> Mapping[Harm, float]:
    """More regressions than the policy allows."""
    pairs = facts.comparison.overall
    cases = pairs.n + pairs.unmeasured  # an unmeasured case is no regression
    return {("rule", SHARE_RULE): share_p(pairs.losses, cases, pairs, facts.gate.max_regression_share)} if pairs.n else {}


def share_p(losses: int, cases: int, pairs: Pairs, limit: float) -> float:
    """p-value of "more regressions than `limit`"; paraphrases of one question count as often as their design effect lets them."""
    return tail(math.floor(losses / pairs.design_effect), math.ceil(cases / pairs.design_effect), limit)


def overall(evidence: Evidence) -> Iterator[Finding]:
    """The candidate improves overall; with `require: no_harm`, or a proven rise of well-formed answers, a tie is enough."""
    scope, gate = evidence.scopes[0], evidence.gate
    tie_will_do = gate.require == "no_harm" or format_improved(evidence)
    enough = scope.state == "improved" or (scope.state == "tied" and tie_will_do)
    effect: Effect = "fails" if scope.state == "harmed" else "fine" if enough else "blocks"
    tie = tie_will_do and scope.state != "improved"
    yield finding(
        effect,
        "overall",
        OVERALL,
        scope.state,
        n=scope.n,
        observed=scope.lift,
        bound=scope.certified_margin if tie else scope.p_up,
        threshold=gate.max_drop if tie else gate.min_lift,
    )


def buckets(evidence: Evidence) -> Iterator[Finding]:
    """Every bucket is shown to be no worse than the margin."""
    for scope in evidence.scopes[1:]:
        effect: Effect = "fine" if scope.state == "held" else "fails" if scope.state == "harmed" else "blocks"
        protected = scope.scope in evidence.gate.protected
        yield finding(
            effect,
            "protected_bucket" if protected else "bucket",
            scope.scope,
            scope.state if scope.n else "nothing measured",
            n=scope.n,
            observed=scope.lift,
            bound=scope.certified_margin,
            threshold=evidence.gate.max_bucket_drop,
        )


def legacy(evidence: Evidence) -> Iterator[Finding]:
    """Every suite of an older task is shown to have lost less than the margin."""
    margin = evidence.gate.max_legacy_drop
    for pairs in evidence.comparison.legacy:
        sample = sample_of(pairs)
        state = bucket_state(sample, margin, evidence.spent, drop_proven=("legacy", pairs.scope) in evidence.rejected)
        effect: Effect = "fine" if state == "held" else "fails" if state == "harmed" else "blocks"
        yield finding(
            effect,
            "legacy",
            pairs.scope,
            state if pairs.n else "nothing measured",
            n=pairs.n,
            observed=lift_of(pairs),
            bound=certified_margin(sample, evidence.spent),
            threshold=margin,
            figure=figure_of("legacy", pairs, state, evidence.spent),
        )


def regression_share(evidence: Evidence) -> Iterator[Finding]:
    """Losses are a small share of all paired cases."""
    flips, limit = flips_of(evidence.comparison.overall), evidence.gate.max_regression_share
    if flips.n == 0:
        return
    over = exact(limit) * flips.n < flips.losses
    effect: Effect = "fails" if ("rule", SHARE_RULE) in evidence.rejected else "blocks" if over else "fine"
    state = {"fails": "above", "blocks": "above, not proven", "fine": "within"}[effect]
    bound = share_p(flips.losses, flips.n, evidence.comparison.overall, limit)
    yield finding(effect, SHARE_RULE, OVERALL, state, n=flips.n, observed=flips.losses / flips.n, bound=bound, threshold=limit)
