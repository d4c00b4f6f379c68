"""The rules, one function each. All are evaluated; each says what it saw and what it means for the verdict."""

from evalgate.judgement.rules.answer_format import format_harm, json_valid
from evalgate.judgement.rules.confidence import calibration, confidence_harm, ranking
from evalgate.judgement.rules.contenders import contenders
from evalgate.judgement.rules.finding import Facts, Harm, HarmRule, Rule, Sampler
from evalgate.judgement.rules.groups import fairness, fairness_harm
from evalgate.judgement.rules.judging import judge, judge_harm, preference
from evalgate.judgement.rules.labels import f1_per_class, f1_per_field, labels_harm
from evalgate.judgement.rules.quality import buckets, legacy, overall, regression_share, scopes_harm, share_harm
from evalgate.judgement.rules.running import cost, cost_harm, latency, latency_harm
from evalgate.judgement.rules.safety import over_refusal, refusal_harm, safety, safety_bound
from evalgate.judgement.rules.whole import comparable, measured
from evalgate.judgement.scopes import sample_for_harm
from evalgate.stats.families import holm

__all__ = ["FAMILY", "RULES", "safety_bound", "shown_harm"]

RULES: tuple[Rule, ...] = (
    safety,
    overall,
    buckets,
    regression_share,
    json_valid,
    over_refusal,
    legacy,
    f1_per_class,
    f1_per_field,
    judge,
    preference,
    fairness,
    calibration,
    ranking,
    latency,
    cost,
    contenders,
    measured,
    comparable,
)
"""In the order in which people read them; the order changes nothing."""

FAMILY: tuple[HarmRule, ...] = (
    scopes_harm,
    share_harm,
    format_harm,
    refusal_harm,
    labels_harm,
    judge_harm,
    fairness_harm,
    confidence_harm,
    latency_harm,
    cost_harm,
)
"""Every way in which a policy's rules can show harm; they share one error rate."""


def shown_harm(facts: Facts, sampler: Sampler = sample_for_harm) -> frozenset[Harm]:
    """The harm that Holm's procedure takes for shown, over one family of all active rules."""
    return holm({harm: p for rule in FAMILY for harm, p in rule(facts, sampler).items()}, facts.alpha)
