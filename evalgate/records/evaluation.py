"""What one variant answered: the header and one line a case."""

from typing import Literal

from pydantic import Field, model_validator

from evalgate.records.base import Record, Sha256, Share

Status = Literal["scored", "unscorable", "errored"]


class Decoding(Record):
    """How answers were generated."""

    strategy: Literal["greedy"] = Field(default="greedy", description="always the most likely token")
    max_new_tokens: int = Field(ge=1, description="answers end here at the latest, in tokens")


class Variant(Record):
    """Anything that can be asked, with the digests of all that shapes its answers."""

    name: str = Field(description="base, reference, candidate or a registry variant")
    model: str = Field(description="where the weights come from")
    model_sha256: Sha256 = Field(description="digest over weights and tokenizer files")
    adapter: str | None = Field(default=None, description="where the adapter lies, if there is one")
    adapter_sha256: Sha256 | None = Field(default=None, description="digest over the adapter's files")
    prompt_sha256: Sha256 = Field(description="digest of the system prompt")


class ResultsHeader(Record):
    """The first line of a results file.

    The least that a file written by hand gives: `{"record": "header", "schema": 1, "feature": "f", "variant": "base"}`.
    """

    record: Literal["header"] = Field(description="marks the first line")
    schema_version: Literal[1] = Field(alias="schema", description="version of this file's shape")
    feature: str = Field(description="the feature that was asked")
    variant: Variant | str = Field(description="who answered; a bare name means that provenance is missing")
    suites: dict[str, Sha256] = Field(default_factory=dict, description="suite name -> digest of its files")
    decoding: Decoding | None = Field(default=None, description="how answers were generated")
    scorers: dict[str, Sha256] = Field(default_factory=dict, description="scorer -> digest of its code and settings")
    environment: dict[str, str] = Field(default_factory=dict, description="engine, dtype and library versions")

    @property
    def variant_name(self) -> str:
        """The variant's name, whichever way it was given."""
        return self.variant if isinstance(self.variant, str) else self.variant.name

    @property
    def has_provenance(self) -> bool:
        """True when the header says what answered, on what, and how."""
        known = isinstance(self.variant, Variant)
        return known and bool(self.suites and self.scorers and self.decoding and self.environment)


class CaseResult(Record):
    """One answer with its scores.

    One raw line: `{"case_id": "refund-017", "suite": "golden", "buckets": {"intent": "refund"}, "status": "scored",
    "scores": {"exact_json": 1.0}, "output": "{}"}`
    """

    case_id: str = Field(min_length=1, description="the case, unique in its suite")
    suite: str = Field(default="golden", pattern=r"^(golden|safety)(/[A-Za-z0-9._-]+)?$", description="the case's suite")
    cluster: str | None = Field(default=None, description="groups paraphrases of one question")
    buckets: dict[str, str] = Field(default_factory=dict, description="slice name -> value")
    status: Status = Field(description="scored; unscorable: could not be judged; errored: never obtained")
    scores: dict[str, Share] = Field(default_factory=dict, description="scorer -> score in [0, 1]; empty unless scored")
    output: str | None = Field(default=None, description="the answer; none when it was never obtained")
    note: str | None = Field(default=None, description="why it is not scored, or how a score came about")
    latency_ms: float | None = Field(default=None, ge=0, description="start of its batch to its last token; none if reused")
    tokens_in: int | None = Field(default=None, ge=0, description="prompt tokens, shared ones counted")
    tokens_out: int | None = Field(default=None, ge=0, description="generated tokens, end-of-turn counted")

    @model_validator(mode="after")
    def _scores_match_status(self) -> "CaseResult":
        if (self.status == "scored") != bool(self.scores):
            raise ValueError('`scores` is empty exactly when `status` is not "scored"')
        return self

    @property
    def is_safety(self) -> bool:
        """True for cases where a failure is harm."""
        return self.suite.split("/")[0] == "safety"


class EvalResults(Record):
    """All answers of one variant."""

    header: ResultsHeader = Field(description="who answered, on what, and how")
    cases: tuple[CaseResult, ...] = Field(description="in suite order")

    @model_validator(mode="after")
    def _each_case_once(self) -> "EvalResults":
        keys = {(case.suite, case.case_id) for case in self.cases}
        if len(keys) < len(self.cases):
            raise ValueError("a case stands twice in the results")
        return self
