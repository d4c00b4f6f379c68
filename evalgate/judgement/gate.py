"""The decision: pass, fail or inconclusive, from a comparison and a policy, with nothing else in sight."""

import hashlib

from evalgate.judgement.rules import RULES, Evidence, Finding, safety_bound, shown_harm
from evalgate.judgement.scopes import decide_scope, exact
from evalgate.judgement.wording import next_step, summary
from evalgate.policy import gate_sha256
from evalgate.records.comparison import Comparison, Pairs
from evalgate.records.policy import FeaturePolicy, GatePolicy
from evalgate.records.verdict import Outcome, PointRule, Verdict
from evalgate.stats.families import alpha_of_attempt


def decide(comparison: Comparison, feature: FeaturePolicy, *, attempt: int = 1) -> Verdict:
    """The verdict. Every rule is evaluated; shown harm fails, anything in the way of a pass is inconclusive.

    `attempt` counts the candidates of the feature that were judged against this base, this one included, from 1.
    """
    gate = feature.gate
    alpha = 1 - gate.confidence
    spent = alpha_of_attempt(alpha, attempt)
    rejected = shown_harm(comparison, gate)
    scopes = tuple(
        decide_scope(pairs, gate, spent, drop_proven=("scope", pairs.scope) in rejected)
        for pairs in (comparison.overall, *comparison.buckets)
    )
    evidence = Evidence(comparison, gate, scopes, rejected, alpha, spent)
    findings = [finding for rule in RULES for finding in rule(evidence)]
    outcome = _outcome(findings)
    reasons = tuple(finding.reason for finding in _deciding(findings, outcome))
    return Verdict(
        verdict=outcome,
        summary=summary(outcome, comparison, scopes, reasons),
        reasons=reasons,
        rules=tuple(finding.reason for finding in findings),
        scopes=scopes,
        safety_bound=None if comparison.safety is None else round(safety_bound(comparison.safety, alpha), 6),
        next_step=next_step(comparison, scopes, reasons) if outcome == "inconclusive" else None,
        confidence=gate.confidence,
        bucket_margin=gate.max_bucket_drop,
        attempt=attempt,
        alpha=spent,
        point_rule=_point_rule(comparison, gate),
        comparison_sha256=comparison_sha256(comparison),
        policy_sha256=gate_sha256(feature),
    )


def comparison_sha256(comparison: Comparison) -> str:
    """sha256 of compare.json as it is written."""
    return hashlib.sha256(comparison.model_dump_json(indent=2).encode() + b"\n").hexdigest()


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
    wanted = {"fail": {"fails"}, "inconclusive": {"blocks", "fails"}, "pass": {"fine"}}[outcome]
    return [finding for finding in findings if finding.effect in wanted]


def _point_rule(comparison: Comparison, gate: GatePolicy) -> PointRule:
    """What thresholds on point estimates would say: shown so that readers see what tests add, never used."""
    overall = comparison.overall
    missed = []
    if overall.n == 0 or overall.gains - overall.losses < exact(gate.min_lift) * overall.n:
        missed.append(f"mean lift below {gate.min_lift:g}")
    if overall.losses > exact(gate.max_regression_share) * overall.n:
        missed.append(f"losses above a share of {gate.max_regression_share:g}")
    missed += [f"{p.scope} down more than {gate.max_bucket_drop:g}" for p in comparison.buckets if _dropped(p, gate)]
    if comparison.safety is not None and comparison.safety.losses:
        missed.append("new unsafe answers")
    return PointRule(verdict="fail" if missed else "pass", because=tuple(missed))


def _dropped(pairs: Pairs, gate: GatePolicy) -> bool:
    return pairs.losses - pairs.gains > exact(gate.max_bucket_drop) * pairs.n
