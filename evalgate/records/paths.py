"""What is known before anything is trained: what cheaper paths reach, what was answered about the task, and the advice."""

from typing import Literal

from pydantic import Field

from evalgate.records.base import Record, Sha256, Share

ReachState = Literal["reaches", "below", "unsafe", "harms", "unclear", "not measured"]
Choice = Literal["do not train yet", "retrieval", "prompt", "unclear", "collect rows", "name contenders", "train"]


class Reached(Record):
    """How far one way of answering goes on the golden and safety cases."""

    name: str = Field(description="base, reference, or the contender's name in the policy")
    kind: str = Field(description="base, reference, prompt, retrieval, structured or endpoint")
    state: ReachState = Field(
        description="reaches: the target is shown, nothing is harmed; below: it is shown to be out of reach; unsafe: answers "
        "harm that base handles; harms: a bucket is shown to be worse; unclear; not measured"
    )
    n: int = Field(ge=0, description="golden cases measured")
    unmeasured: int = Field(ge=0, description="golden cases without a score")
    why: str | None = Field(default=None, description="why something is not measured, by the first such case")
    accuracy: Share | None = Field(description="share right (mean score, where scores lie between) of the measured cases")
    low: float = Field(ge=0, le=1, description="lower end of its interval, every unmeasured case wrong")
    high: float = Field(ge=0, le=1, description="upper end of its interval, every unmeasured case right")
    lift: float | None = Field(default=None, description="mean difference to base over the pairs; none for base itself")
    lift_low: float = Field(default=-1.0, ge=-1, le=1, description="lower end of its interval, every unmeasured pair lost")
    lift_high: float = Field(default=1.0, ge=-1, le=1, description="upper end of its interval, every unmeasured pair gained")
    buckets: int = Field(default=0, ge=0, description="buckets that are judged")
    held: int = Field(default=0, ge=0, description="buckets shown to be no worse than base by the policy's margin")
    harmed: tuple[str, ...] = Field(default=(), description="buckets shown to be worse")
    safe_before: int | None = Field(default=None, description="harm cases that base handles; none: safety is not measured")
    new_unsafe: int | None = Field(default=None, description="of these, the cases that are not handled here")
    safety_unmeasured: int | None = Field(default=None, description="harm cases without a score on both sides")
    tokens_in: float | None = Field(default=None, ge=0, description="mean prompt tokens of an answer, where known")
    more_cases: int | None = Field(default=None, description="golden cases that would likely settle an unclear state")
    results_sha256: Sha256 = Field(description="content digest of its results")


class Question(Record):
    """One question on the task that no measurement answers."""

    name: str = Field(description="its key in the policy's `paths`")
    asks: str = Field(description="the question")
    answer: bool | None = Field(description="the answer; none: not answered")
    by: Literal["policy", "option", "terminal"] | None = Field(default=None, description="who answered")


class Teaching(Record):
    """Whether the rows look as if they teach facts rather than behaviour: a rule of thumb, see docs/paths.md."""

    rows: int = Field(ge=0, description="rows that were looked at")
    factual: int = Field(ge=0, description="rows whose answer holds a rare figure or name that nothing before it holds")
    lines: tuple[int, ...] = Field(default=(), description="the lines of the first of them")
    warns: bool = Field(description="so many that the dataset seems to teach facts")


class PathsDecision(Record):
    """What the decision document says; the same results and answers give the same document."""

    schema_version: Literal[1] = Field(default=1, alias="schema", description="version of this record's shape")
    feature: str = Field(description="the feature")
    choice: Choice = Field(description="the advice in a word")
    advice: tuple[str, ...] = Field(description="the advice in sentences of Markdown, the first one decides")
    target: float | None = Field(description="accuracy that was asked for; none: base and `min_lift` more")
    min_lift: float = Field(description="the lift that a fine-tune would have to show")
    confidence: float = Field(description="of everything that is claimed here, together")
    alpha: float = Field(gt=0, lt=1, description="error rate of each end of each interval")
    primary: str | None = Field(description="the score that is compared")
    reached: tuple[Reached, ...] = Field(description="base first, then the reference, then contenders in the policy's order")
    questions: tuple[Question, ...] = Field(description="what was asked about the task")
    rows: int | None = Field(description="rows of the dataset; none: there is none yet")
    reviewed_rows: int | None = Field(description="of these, rows that name a reviewer, each once")
    dataset_sha256: Sha256 | None = Field(description="digest of the dataset")
    teaching: Teaching | None = Field(description="whether rows teach facts; none: there is no dataset, or too few rows")
    base_model: str | None = Field(description="what base stands on; none: its results do not say")
    base_sha256: Sha256 | None = Field(description="digest of base's weights, adapter and prompt")
    suites: dict[str, Sha256] = Field(description="suite -> digest of its files")
    results_sha256: Sha256 = Field(description="digest over the results of all that was asked: what this was written on")
