"""What happened on a pull request, one line a step, never changed: any job can stop and another goes on from here."""

from typing import Literal

from pydantic import Field

from evalgate.records.base import Record, Sha256
from evalgate.records.binding import Binding
from evalgate.records.pull_request import COMMIT
from evalgate.records.verdict import Outcome, OverallState

Step = Literal[
    "head", "command", "cost_approved", "started", "training", "trained", "evaluating", "finished", "failed",
    "superseded", "cancelled", "merged", "registered",
]  # fmt: skip
RUNNING = ("started", "training", "trained", "evaluating")
"""Steps after which somebody is at work."""
ENDED = ("finished", "failed", "superseded", "cancelled")
"""Steps after which nobody is."""
LEDGER = ("started", "trained", "evaluating", *ENDED, "merged")
"""Steps that count for other pull requests of the same feature: money, attempts, prompt changes, verdicts, reviewed rows."""


class Entry(Record):
    """One step.

    One raw line: `{"schema": 1, "key": "head/1f0c", "step": "head", "at": "2026-11-20T08:00:00Z", "pull": 12, "head": "1f0c"}`
    """

    schema_version: Literal[1] = Field(default=1, alias="schema", description="version of this line's shape")
    key: str = Field(min_length=1, max_length=200, description="names the step: the same key is written once")
    step: Step = Field(description="what happened")
    at: str = Field(description="when, ISO 8601 in UTC")
    pull: int = Field(ge=1, description="the pull request")
    head: str = Field(pattern=COMMIT, description="the head commit that it happened on")
    feature: str | None = Field(default=None, description="the feature")
    by: str | None = Field(default=None, description="the login of who asked, for commands and approvals")
    said: str | None = Field(default=None, description="the command's name")
    run: str | None = Field(default=None, description="the workflow run and attempt at work, as RUN.ATTEMPT")
    work: str | None = Field(default=None, description="key of the binding that the work is named by")
    binding: Binding | None = Field(default=None, description="what the work is bound to")
    why: str | None = Field(default=None, description="what went wrong, for people")
    verdict: Outcome | None = Field(default=None, description="the verdict, once there is one")
    unmeasured: int | None = Field(default=None, ge=0, description="cases that the verdict had no answer for")
    overall: OverallState | None = Field(default=None, description="what was decided overall, once there is a verdict")
    kind: str | None = Field(default=None, description="the kind of pull request, where it matters: a prompt change")
    evidence: Sha256 | None = Field(default=None, description="digest of the manifest of what the end rests on")
    left_out: str | None = Field(default=None, description="what of the evidence could not be kept, and why; for people")
    registered: int | None = Field(default=None, ge=1, description="the pull request on the registry that this one led to")
    amount: float | None = Field(default=None, ge=0, description="money estimated or approved, in the budget's currency")
    tokens: int | None = Field(default=None, ge=0, description="tokens that went through the model in training")
    seconds: float | None = Field(default=None, ge=0, description="wall time of the training")
    reviewers: tuple[str, ...] = Field(default=(), description="counted reviewers at the merge")
    dataset: str | None = Field(default=None, description="git blob of the dataset at the merge")
