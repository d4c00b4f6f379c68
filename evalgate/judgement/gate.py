"""The decision: pass, fail or inconclusive, from a comparison and a policy, with nothing else in sight."""

import hashlib
import sys
from datetime import date
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import cache

from evalgate.judgement.rules import RULES, safety_bound, shown_harm
from evalgate.judgement.rules.finding import Evidence, Facts, Finding
from evalgate.judgement.scopes import decide_scope, exact
from evalgate.judgement.wording import contender_words, next_step, summary
from evalgate.policy import gate_sha256
from evalgate.records.comparison import Comparison, Pairs
from evalgate.records.gate_policy import NEVER_WAIVED, GatePolicy, Waiver
from evalgate.records.policy import FeaturePolicy
from evalgate.records.verdict import Outcome, PointRule, Verdict, Waived
from evalgate.stats.families import alpha_of_attempt
from evalgate.stats.sequential import nominal_alpha


def decide(comparison: Comparison, feature: FeaturePolicy, *, attempt: int | None = 1, today: str | None = None) -> Verdict:
    """The verdict. Every rule is evaluated; shown harm fails, anything in the way of a pass is inconclusive.

    `attempt` counts the candidates of the feature that were judged against this base, this one included, from 1; None where
    nobody counted, and then the first one's error rate is used. `today` (ISO date) is what waivers expire against: without
    it none applies.
    """
    gate = feature.gate
    alpha, spent = error_rates(gate, attempt, comparison.look)
    rejected = shown_harm(Facts(comparison, gate, alpha, spent))
    scopes = tuple(
        decide_scope(pairs, gate, spent, drop_proven=("scope", pairs.scope) in rejected)
        for pairs in (comparison.overall, *comparison.buckets)
    )
    evidence = Evidence(comparison, gate, scopes, rejected, alpha, spent)
    found = [_waived(one, feature, today) for rule in RULES for one in rule(evidence)]
    findings = [one for one, _ in found]
    outcome = _outcome(findings)
    reasons = tuple(one.reason for one in _deciding(findings, outcome))
    waived = tuple(
        Waived(rule=r.rule, scope=r.scope, state=r.state, owner=w.owner, reason=w.reason, expires=w.expires)
        for (_, r, _), w in found
        if w is not None
    )
    figures = tuple(one.figure for one in findings if one.figure is not None)
    return Verdict(
        verdict=outcome,
        summary=summary(outcome, comparison, scopes, reasons, waived),
        reasons=reasons,
        rules=tuple(one.reason for one in findings),
        scopes=scopes,
        safety_bound=None if comparison.safety is None else round(safety_bound(comparison.safety, alpha), 6),
        next_step=next_step(comparison, scopes, reasons) if outcome == "inconclusive" else None,
        confidence=gate.confidence,
        bucket_margin=gate.max_bucket_drop,
        attempt=attempt,
        figures=figures,
        waived=waived,
        contenders=contender_words(comparison, figures),
        today=today if feature.waivers else None,
        look=comparison.look,
        alpha=spent,
        point_rule=_point_rule(comparison, gate),
        comparison_sha256=comparison_sha256(comparison),
        policy_sha256=gate_sha256(feature),
    )


def error_rates(gate: GatePolicy, attempt: int | None, look: int | None) -> tuple[float, float]:
    """(of harm tests, of improved, tied and held): by attempt, and by look where there are several."""
    alpha = 1 - gate.confidence
    spent = alpha_of_attempt(alpha, attempt or 1)
    return (alpha, spent) if look is None else (_at_look(alpha, look), _at_look(spent, look))


@cache
def _at_look(alpha: float, look: int) -> float:
    return max(nominal_alpha(alpha, look), sys.float_info.min)  # a try so late shows nothing, and is judged all the same


def comparison_sha256(comparison: Comparison) -> str:
    """sha256 of compare.json as it is written."""
    return hashlib.sha256(comparison.model_dump_json(indent=2).encode() + b"\n").hexdigest()


def _waived(one: Finding, feature: FeaturePolicy, today: str | None) -> tuple[Finding, Waiver | None]:
    """The finding, out of the way where a waiver that has not expired covers it, and that waiver."""
    if one.effect not in ("blocks", "fails") or today is None or one.reason.rule in NEVER_WAIVED:
        return one, None
    for waiver in feature.waivers:
        covers = waiver.rule == one.reason.rule and _fits(waiver.scope, one.reason.scope)
        if covers and date.fromisoformat(today[:10]) <= date.fromisoformat(waiver.expires):
            return one._replace(effect="waived"), waiver
    return one, None


def _fits(pattern: str, scope: str) -> bool:
    """True for the scope itself, whatever characters it has, and for what the pattern matches."""
    return pattern == scope or fnmatchcase(scope, pattern)


def _outcome(findings: list[Finding]) -> Outcome:
    """fail when harm is shown, inconclusive when something is in the way, pass otherwise.

    Runs that may not be compared show no loss of quality; an unsafe answer is unsafe all the same.
    """
    comparable = all(finding.reason.rule != "comparable" for finding in findings)
    failing = {finding.reason.rule for finding in findings if finding.effect == "fails"}
    if "safety" in failing or (failing and comparable):
        return "fail"
    return "inconclusive" if failing or any(finding.effect == "blocks" for finding in findings) else "pass"


def _deciding(findings: list[Finding], outcome: Outcome) -> list[Finding]:
    """The findings that made the outcome what it is; for a pass, all that a pass rests on."""
    wanted = {"fail": {"fails"}, "inconclusive": {"blocks", "fails"}, "pass": {"fine", "waived"}}[outcome]
    return [finding for finding in findings if finding.effect in wanted]


def _point_rule(comparison: Comparison, gate: GatePolicy) -> PointRule:
    """What thresholds on point estimates would say: shown so that readers see what tests add, never used."""
    overall = comparison.overall
    missed = []
    if overall.n == 0 or _lift(overall) < exact(gate.min_lift):
        missed.append(f"mean lift below {gate.min_lift:g}")
    if overall.losses > exact(gate.max_regression_share) * overall.n:
        missed.append(f"losses above a share of {gate.max_regression_share:g}")
    dropped = [pairs for pairs in comparison.buckets if pairs.n and -_lift(pairs) > exact(gate.max_bucket_drop)]
    missed += [f"{pairs.scope} down more than {gate.max_bucket_drop:g}" for pairs in dropped]
    if comparison.safety is not None and comparison.safety.losses:
        missed.append("new unsafe answers")
    return PointRule(verdict="fail" if missed else "pass", because=tuple(missed))


def _lift(pairs: Pairs) -> Fraction:
    if pairs.graded is not None:
        return exact(round(pairs.graded.candidate - pairs.graded.base, 12))
    return Fraction(pairs.gains - pairs.losses, pairs.n)
