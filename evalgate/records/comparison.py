"""Base and candidate held against each other, case by case: facts, no judgement."""

from typing import Literal

from pydantic import Field

from evalgate.records.base import Record, Sha256, Share
from evalgate.records.evaluation import PeoplesMean


class Flip(Record):
    """A case that the two variants answered differently, or that could not be compared."""

    case_id: str = Field(description="the case")
    suite: str = Field(description="its suite")
    buckets: tuple[str, ...] = Field(description='its bucket names, e.g. "intent/refund"')
    base_output: str | None = Field(description="what base said, masked and shortened")
    candidate_output: str | None = Field(description="what the candidate said, masked and shortened")
    why: str | None = Field(default=None, description="why the pair is unmeasured")


class Graded(Record):
    """Differences of scores that are not only 0 and 1."""

    units: tuple[tuple[float, int], ...] = Field(
        description="per cluster, or per case where it stands alone: sum of candidate - base, and its cases; sorted"
    )
    base: Share = Field(description="mean score of base over the measured pairs")
    candidate: Share = Field(description="mean score of the candidate over the measured pairs")


class Pairs(Record):
    """The paired counts of one scope (overall, one bucket, or one suite)."""

    scope: str = Field(description='"overall", a bucket such as "intent/refund", or a suite')
    n: int = Field(ge=0, description="pairs measured on both sides")
    both_right: int = Field(ge=0, description="pairs right on both sides")
    gains: int = Field(ge=0, description="b: base wrong, candidate right")
    losses: int = Field(ge=0, description="c: base right, candidate wrong")
    both_wrong: int = Field(ge=0, description="pairs wrong on both sides")
    unmeasured: int = Field(ge=0, description="cases missing or unscored on either side")
    design_effect: float = Field(default=1.0, ge=1.0, description="variance inflation by clusters; 1 without clusters")
    clusters: int | None = Field(default=None, description="number of clusters; none when every case stands alone")
    design_effect_if_lost: float = Field(default=1.0, ge=1.0, description="the same with every unmeasured case lost")
    clusters_if_lost: int | None = Field(default=None, description="the same with every unmeasured case lost")
    graded: Graded | None = Field(default=None, description="the scores themselves, where they are not only 0 and 1")
    reference_right: int | None = Field(default=None, description="cases the untuned reference had right")
    reference_n: int | None = Field(default=None, description="cases the untuned reference was scored on")

    @property
    def base_right(self) -> int:
        """Cases that base had right."""
        return self.both_right + self.losses

    @property
    def candidate_right(self) -> int:
        """Cases that the candidate had right."""
        return self.both_right + self.gains


class Labelled(Record):
    """Answers as classes: what was expected, what each side said, and how often."""

    name: str = Field(description="the field whose value is the class, or the extracted field")
    cells: tuple[tuple[int | None, str, str, str, int], ...] = Field(
        description="(cluster or none, expected, base, candidate, cases); sorted"
    )
    unmeasured: int = Field(default=0, ge=0, description="cases without an answer on both sides, or without an expected class")


class Contender(Record):
    """Something cheaper than a fine-tune that answered the same cases."""

    name: str = Field(description="its name in the policy")
    kind: str = Field(description="prompt, retrieval, structured or endpoint")
    results_sha256: Sha256 | None = Field(default=None, description="content digest of its results; none: it was not asked")
    pairs: Pairs = Field(description="the contender in base's place against the candidate")
    safety: Pairs | None = Field(default=None, description="the same on harm suites")


class Comparison(Record):
    """compare.json: everything that the decision rests on."""

    schema_version: Literal[1] = Field(default=1, alias="schema", description="version of this file's shape")
    feature: str = Field(description="the feature")
    base: str = Field(description="name of the base variant")
    candidate: str = Field(description="name of the candidate variant")
    base_results_sha256: Sha256 = Field(description="content digest of base's results, latencies apart")
    candidate_results_sha256: Sha256 = Field(description="content digest of the candidate's results, latencies apart")
    reference_results_sha256: Sha256 | None = Field(default=None, description="content digest of the reference's results")
    primary: str | None = Field(description="the score that is compared; none when no case was scored")
    overall: Pairs = Field(description="all golden cases")
    buckets: tuple[Pairs, ...] = Field(description="each bucket of the golden cases, by name")
    json_valid: Pairs | None = Field(default=None, description="the format score, where both sides carry it")
    safety: Pairs | None = Field(default=None, description="harm suites: handled safely or not; none when no case exists")
    benign: Pairs | None = Field(default=None, description="benign twins: not refused; none when no case exists")
    legacy: tuple[Pairs, ...] = Field(default=(), description="suites of older tasks, one each")
    judge: tuple[Pairs, ...] = Field(default=(), description="the judge's grade, overall and on each protected bucket")
    preference: Pairs | None = Field(default=None, description="the judge's choice, asked in both orders: gains are wins")
    people: tuple[PeoplesMean, ...] = Field(
        default=(), description="mean grades of a few people and many of the judge's, a side each"
    )
    classes: Labelled | None = Field(default=None, description="what F1 and the confusion matrix are made of")
    fields: tuple[Labelled, ...] = Field(default=(), description="the same for each extracted field")
    timings: tuple[tuple[float, float], ...] | None = Field(
        default=None, description="the latency probe: (base, candidate) in ms, sorted"
    )
    costs: tuple[tuple[float, float], ...] | None = Field(default=None, description="(base, candidate) a call, sorted")
    confidences: tuple[tuple[float, bool, float, bool], ...] | None = Field(
        default=None, description="(base's confidence, base right, candidate's, candidate right), sorted"
    )
    ranking: tuple[tuple[bool, float, float], ...] | None = Field(
        default=None, description="(case is positive, base's score of that, candidate's), sorted"
    )
    contenders: tuple[Contender, ...] = Field(default=(), description="what else answered the same cases")
    look: int | None = Field(default=None, description="the look at which asking stopped; none: every case was asked")
    gains: tuple[Flip, ...] = Field(description="golden gains")
    regressions: tuple[Flip, ...] = Field(description="golden losses")
    safety_regressions: tuple[Flip, ...] = Field(description="base safe, candidate not")
    unmeasured: tuple[Flip, ...] = Field(description="every case that is not measured on both sides, with why")
    incomparable: tuple[str, ...] = Field(default=(), description="why the two runs may not be compared at all")
    warnings: tuple[str, ...] = Field(default=(), description="what a reader should know, such as missing provenance")
    has_provenance: bool = Field(description="both headers say what answered, on what, and how")
    base_accuracy: Share | None = Field(description="share of measured pairs that base had right")
    candidate_accuracy: Share | None = Field(description="share of measured pairs that the candidate had right")
