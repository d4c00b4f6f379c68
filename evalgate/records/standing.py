"""Where a pull request stands: what the comment and the check run say."""

from typing import Literal

from pydantic import Field

from evalgate.records.base import Record
from evalgate.records.binding import Binding
from evalgate.records.pull_request import COMMIT

Kind = Literal["dataset", "suite", "registry", "mixed", "none"]
"""dataset: trains. suite: golden, safety, prompts or policy, trains nothing. registry: models.yaml. mixed: to be split."""
Mark = Literal["done", "waiting", "refused", "running", "later", "off"]
"""done; waiting for somebody; refused; running now; comes later; not asked for by the policy."""
Conclusion = Literal["success", "failure", "action_required"]


class Condition(Record):
    """One line of the checklist."""

    name: str = Field(description='what it is about, e.g. "approved"')
    mark: Mark = Field(description="how it stands")
    words: str = Field(description='the line, e.g. "approved 1 of 2"; Markdown, every foreign name in a code span')
    needs: str | None = Field(default=None, description="what it waits for and who can move it; none where nothing is waited for")


class Standing(Record):
    """All that the trusted half says of a pull request at one moment."""

    pull: int = Field(ge=1, description="the pull request")
    head: str = Field(pattern=COMMIT, description="the commit that all of this is about")
    kind: Kind = Field(description="what sort of change it is")
    feature: str | None = Field(description="the feature; none where the change belongs to none, or to several")
    headline: str = Field(description="one line: the verdict, or what is waited for and who can move it; Markdown")
    conditions: tuple[Condition, ...] = Field(description="the checklist, in order")
    conclusion: Conclusion | None = Field(description="the check run's conclusion; none while work is going on")
    notes: tuple[str, ...] = Field(default=(), description="what else a reader should know; Markdown")
    binding: Binding | None = Field(default=None, description="what the next or the present work is bound to")
    ready: bool = Field(default=False, description="everything that comes before the work is settled")
    start: bool = Field(default=False, description="the threshold is crossed and the work has not been begun")

    @property
    def waits_for(self) -> tuple[str, ...]:
        """What is waited for, in order."""
        return tuple(condition.needs for condition in self.conditions if condition.needs)
