"""The keys `gate:` and `waivers:` of evalgate.yaml: what a candidate must show, a key a rule, and what is excused for a while.

Safety is not here: no policy changes it.
"""

import difflib
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from evalgate.records.base import Record, Share

Margin = Annotated[float, Field(gt=0.0, lt=1.0)]
"""A non-inferiority margin as a share, strictly between 0 and 1."""
NEVER_WAIVED = {
    "safety": "the safety floor is in the code",
    "measured": "what is not known cannot be excused",
    "comparable": "what cannot be compared cannot be excused",
    "protected_bucket": "the policy protects it: take it out of gate.protected first",
}
"""Rule -> why no waiver may name it."""
WAIVABLE = (
    "overall",
    "bucket",
    "regression_share",
    "json_valid",
    "over_refusal",
    "legacy",
    "f1",
    "fields",
    "judge",
    "preference",
    "fairness",
    "calibration",
    "auc",
    "latency_p95",
    "cost_per_call",
    "contenders",
)
"""Rules, as verdict.json names them, that a waiver may name."""


class Latency(Record):
    """How much slower a candidate may be at the 95th percentile."""

    tolerate: float = Field(default=0.10, ge=0, description="slower by this share is fine")
    fail_above: float = Field(default=0.25, ge=0, description="slower by more than this fails without an improvement")
    required: bool = Field(default=False, description="block when latency was not measured")


class JsonValid(Record):
    """How well answers must keep their format."""

    max_drop: Margin = Field(default=0.01, description="a drop must be shown to be smaller, unless none was seen")
    counts_as_rise: Margin = Field(
        default=0.05, description="a proven rise by this much, or from under 95 % to 98 %, is an improvement"
    )


class F1(Record):
    """F1 per class, and their mean."""

    field: str | None = Field(default=None, description="field of the answer that names the class; none: the whole answer does")
    max_drop: Margin = Field(default=0.05, description="what the mean over classes may lose")
    max_class_drop: Margin = Field(default=0.10, description="what a class may lose")


class FieldScores(Record):
    """F1 per field of an extraction; nulls are a class of their own."""

    max_drop: Margin = Field(default=0.05, description="what a field may lose")
    names: tuple[str, ...] = Field(default=(), description="the fields; none: all that cases expect")


class JudgeGate(Record):
    """What the judge's grades must show."""

    min_lift: Share = Field(default=0.05, description="least rise of the mean grade, as a share; 0: a tie will do")
    max_protected_drop: Share = Field(default=0.03, description="a proven drop by this much on a protected bucket fails")


class Cost(Record):
    """How much dearer a call may be."""

    max_rise: float = Field(default=0.10, ge=0, description="dearer by more than this share is refused")
    required: bool = Field(default=False, description="block when costs are not known")


class Fairness(Record):
    """How far groups may lie apart."""

    slice: str = Field(min_length=1, description="the slice whose values are the groups, such as locale; judged as a bucket")
    max_gap: Share = Field(default=0.10, description="largest gap of shares right between two groups, unless base's was as large")


class Calibration(Record):
    """How far confidence may be from being right."""

    max_rise: Margin = Field(default=0.05, description="what the expected calibration error may rise by")
    required: bool = Field(default=False, description="block when the answers carry no log-probabilities")


class Ranking(Record):
    """Area under the ROC curve, where answers are scores by label."""

    positive: str = Field(min_length=1, description="the label whose score ranks the cases")
    max_drop: Margin = Field(default=0.02, description="what it may lose")


class GatePolicy(Record):
    """What a candidate must show. Safety is not here: one new unsafe answer fails, whatever a policy says."""

    confidence: float = Field(default=0.95, ge=0.8, lt=1.0, description="1 - alpha of every one-sided test")
    require: Literal["improvement", "no_harm"] = Field(default="improvement", description="no_harm lets a proven tie pass")
    min_lift: Share = Field(default=0.03, description="least observed lift of the primary score, as a share")
    max_drop: Margin = Field(default=0.03, description="what `tied` may cost overall")
    max_bucket_drop: Margin = Field(default=0.05, description="non-inferiority margin of every bucket")
    max_legacy_drop: Margin = Field(default=0.05, description="what each suite of older tasks may lose")
    max_over_refusal: Margin = Field(default=0.05, description="a proven rise of refused benign twins beyond this fails")
    max_regression_share: Share = Field(default=0.15, description="losses as a share of all paired cases")
    max_unmeasured_share: float = Field(default=0.0, ge=0.0, le=0.02, description="cases that may stay unmeasured")
    protected: tuple[str, ...] = Field(default=(), description='buckets such as "intent/refund" that no lift excuses')
    json_valid: JsonValid = Field(default_factory=JsonValid, description="how well answers must keep their format")
    f1: F1 | None = Field(default=None, description="F1 per class; none: not asked for")
    fields: FieldScores | None = Field(default=None, description="F1 per field; none: not asked for")
    judge: JudgeGate | None = Field(default=None, description="the judge's grades; none: not asked for")
    latency_p95: Latency = Field(default_factory=Latency, description="how much slower a candidate may be")
    cost_per_call: Cost | None = Field(default=None, description="how much dearer a call may be; none: not asked for")
    fairness: Fairness | None = Field(default=None, description="how far groups may lie apart; none: not asked for")
    calibration: Calibration | None = Field(default=None, description="confidence against being right; none: not asked for")
    auc: Ranking | None = Field(default=None, description="area under the ROC curve; none: not asked for")
    must_beat_contenders: bool = Field(default=False, description="no pass while a contender is not shown to be worse")
    on_inconclusive: Literal["fail", "waiver"] = Field(default="fail", description="what the check run says; never the verdict")


class Waiver(Record):
    """A dated, owned exception: what it covers does not stand in the way, and is shown wherever the verdict is."""

    rule: str = Field(min_length=1, description="the rule, as verdict.json names it")
    scope: str = Field(default="*", min_length=1, description="what it looks at, such as a bucket; * for all of the rule")
    owner: str = Field(min_length=1, description="who answers for it")
    reason: str = Field(min_length=10, description="why, in a sentence")
    expires: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="its last day")

    @model_validator(mode="after")
    def _allowed(self) -> "Waiver":
        if self.rule in NEVER_WAIVED:
            raise ValueError(f"the rule {self.rule!r} cannot be waived: {NEVER_WAIVED[self.rule]}")
        if self.rule not in WAIVABLE:
            close = difflib.get_close_matches(self.rule, WAIVABLE, n=1)
            told = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(WAIVABLE)}"
            raise ValueError(f"no rule is called {self.rule!r}: {told}")
        try:
            date.fromisoformat(self.expires)
        except ValueError:
            raise ValueError(f"expires {self.expires!r} is no day") from None
        return self
