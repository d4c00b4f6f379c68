"""The decision, and why."""

from typing import Literal

from pydantic import Field

from evalgate.records.base import Record, Sha256

Outcome = Literal["pass", "fail", "inconclusive"]
OverallState = Literal["improved", "tied", "harmed", "unclear"]
BucketState = Literal["held", "harmed", "unclear"]


class Reason(Record):
    """One rule, what it saw, and what it was held against."""

    rule: str = Field(description="the rule, e.g. overall, bucket, safety")
    scope: str = Field(description="what it looked at, e.g. intent/refund")
    state: str = Field(description="what it found, e.g. held, harmed, unclear, clean, not measured")
    n: int = Field(ge=0, description="cases it rests on")
    observed: float | None = Field(description="the observed figure (lift, share, count), if there is one")
    bound: float | None = Field(description="what the evidence supports (p-value, certified margin, upper bound)")
    threshold: float | None = Field(description="what the policy asks for")


class ScopeDecision(Record):
    """One row of the bucket table."""

    scope: str = Field(description='"overall" or a bucket')
    state: OverallState | BucketState = Field(description="the decision for this scope")
    n: int = Field(ge=0, description="pairs measured")
    gains: int = Field(ge=0, description="base wrong, candidate right")
    losses: int = Field(ge=0, description="base right, candidate wrong")
    unmeasured: int = Field(ge=0, description="cases not measured on both sides")
    base: float | None = Field(description="share base had right; none at n = 0")
    candidate: float | None = Field(description="share the candidate had right; none at n = 0")
    reference: float | None = Field(default=None, description="share the untuned reference had right")
    lift: float | None = Field(description="(gains - losses)/n; none at n = 0")
    low: float = Field(ge=-1, le=1, description="lower end of the lift's interval; -1 at n = 0")
    high: float = Field(ge=-1, le=1, description="upper end of the lift's interval; 1 at n = 0")
    certified_margin: float = Field(ge=0, le=1, description="no worse than this, at the confidence used; 1 at n = 0")
    p_up: float = Field(ge=0, le=1, description="one-sided p-value of an improvement; 1 with no flip")
    p_down: float = Field(ge=0, le=1, description="one-sided p-value of a drop; 1 with no flip")
    cases_to_settle: int | None = Field(default=None, description="cases that would likely settle an unclear scope")


class Figure(Record):
    """A measure beside right and wrong, held against its base: F1, latency, cost, calibration and the like."""

    rule: str = Field(description="the rule that asked for it")
    scope: str = Field(description="what it was measured on, e.g. a class or a field")
    n: int = Field(ge=0, description="cases it rests on")
    base: float | None = Field(description="base's value; none where it has none")
    candidate: float | None = Field(description="the candidate's value")
    low: float | None = Field(
        default=None, description="lower end of the difference's interval (of the ratio's for latency, cost)"
    )
    high: float | None = Field(default=None, description="its upper end")
    state: str = Field(description="the decision for it")
    unit: Literal["share", "ms", "cost", "count"] = Field(default="share", description="what the values are")


class Waived(Record):
    """A finding that a dated, owned exception in the policy takes out of the way; it is shown wherever the verdict is."""

    rule: str = Field(description="the rule")
    scope: str = Field(description="what it looked at")
    state: str = Field(description="what it found")
    owner: str = Field(description="who answers for the exception")
    reason: str = Field(description="why")
    expires: str = Field(description="its last day, ISO date")


class PointRule(Record):
    """What thresholds on point estimates would have said: shown beside the verdict, never used."""

    verdict: Literal["pass", "fail"] = Field(description="their answer")
    because: tuple[str, ...] = Field(description="the thresholds that were missed")


class Verdict(Record):
    """verdict.json: pass, fail or inconclusive, and the rules that decided it."""

    schema_version: Literal[1] = Field(default=1, alias="schema", description="version of this file's shape")
    verdict: Outcome = Field(description="the decision")
    summary: str = Field(description="the decision in one sentence")
    reasons: tuple[Reason, ...] = Field(description="the rules that decided it")
    rules: tuple[Reason, ...] = Field(description="every rule that was evaluated")
    scopes: tuple[ScopeDecision, ...] = Field(description="overall first, then every bucket")
    safety_bound: float | None = Field(
        description="upper bound of new unsafe answers, for cases like the suite's; none: not measured"
    )
    next_step: str | None = Field(description="the cheapest way out of an inconclusive verdict")
    confidence: float = Field(description="the policy's confidence")
    bucket_margin: float = Field(description="the policy's non-inferiority margin of every bucket, as a share")
    attempt: int | None = Field(
        ge=1,
        description="how many candidates this feature has had judged against this base, this one counted; none: not recorded",
    )
    figures: tuple[Figure, ...] = Field(default=(), description="what was measured beside right and wrong")
    waived: tuple[Waived, ...] = Field(default=(), description="findings that an exception in the policy took out of the way")
    contenders: str | None = Field(default=None, description="whether it beats the best of what is cheaper, in one sentence")
    today: str | None = Field(default=None, description="the day on which waivers were looked at, ISO date; none without waivers")
    look: int | None = Field(default=None, description="the look at which asking stopped; none: every case was asked")
    alpha: float = Field(gt=0, lt=1, description="error rate that this attempt may spend on improved, tied and held")
    point_rule: PointRule = Field(description="what the point-estimate rule would have said")
    comparison_sha256: Sha256 = Field(description="sha256 of compare.json")
    policy_sha256: Sha256 = Field(description="digest of the gate's settings")
