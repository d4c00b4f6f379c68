"""What one variant answered: the header and one line a case."""

from typing import Literal

from pydantic import Field, model_validator

from evalgate.records.base import Record, Sha256, Share

Status = Literal["scored", "unscorable", "errored"]


class Decoding(Record):
    """How answers were generated."""

    strategy: Literal["greedy"] = Field(default="greedy", description="always the most likely token")
    max_new_tokens: int = Field(ge=1, description="answers end here at the latest, in tokens")
    confidence: bool = Field(default=False, description="keep the probability of each answer, where the engine knows it")


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
    look: int | None = Field(default=None, ge=1, le=4, description="the look at which asking stopped; none: every case was asked")

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
    cost: float | None = Field(default=None, ge=0, description="what the answer cost, in the policy's currency")
    confidence: Share | None = Field(default=None, description="probability that the variant itself gave its whole answer")
    replies: dict[str, str] | None = Field(default=None, description="scorer -> what a judge replied, word for word")

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


class Preference(Record):
    """Two answers to one case, held against each other by a judge in both orders."""

    case_id: str = Field(min_length=1, description="the case, unique in its suite")
    suite: str = Field(default="golden", description="the case's suite")
    answers_sha256: Sha256 | None = Field(
        default=None, description="digest of the two answers, base's first; none: one is missing"
    )
    identical: bool = Field(default=False, description="the answers are the same: the judge was not asked")
    base_first: str | None = Field(default=None, description="the judge's reply, base's answer shown first; none: not obtained")
    candidate_first: str | None = Field(default=None, description="the same, the candidate's answer shown first")


class Preferences(Record):
    """preferences.json: a judge's word on every case that both variants answered."""

    schema_version: Literal[1] = Field(default=1, alias="schema", description="version of this file's shape")
    judge: str = Field(description="the pinned model that judged")
    judge_sha256: Sha256 = Field(description="digest of model, place, rubric and settings")
    cases: tuple[Preference, ...] = Field(description="in suite order")


class PeoplesMean(Record):
    """One of people.json: the mean grade of a side as people would give it, from theirs and many more by the judge."""

    side: str = Field(pattern="^(base|candidate)$", description="whose answers they are")
    people: int = Field(ge=0, description="answers that people graded, and the judge too")
    judged: int = Field(ge=0, description="further answers that the judge alone graded")
    mean: Share | None = Field(description="the mean grade in [0, 1]; none: too few of either to say")
    low: Share = Field(description="lower end of its interval; 0 where nothing is known")
    high: Share = Field(description="upper end of its interval; 1 where nothing is known")


class Timing(Record):
    """One case of the latency probe."""

    case_id: str = Field(min_length=1, description="the case")
    base_ms: float = Field(gt=0, description="base's time to its whole answer, alone on the machine")
    candidate_ms: float = Field(gt=0, description="the candidate's, asked right before or after")


class Probe(Record):
    """latency.json: answers one at a time, undrafted, the two variants in turn."""

    schema_version: Literal[1] = Field(default=1, alias="schema", description="version of this file's shape")
    base: Variant = Field(description="who answered")
    candidate: Variant = Field(description="who answered")
    environment: dict[str, str] = Field(default_factory=dict, description="engine, dtype and library versions")
    timings: tuple[Timing, ...] = Field(description="in the order asked")
