"""What the trusted half found when it looked, and what follows from the journal alone."""

from typing import NamedTuple

from evalgate.records.binding import Binding
from evalgate.records.check import CheckReport
from evalgate.records.journal import Entry
from evalgate.records.policy import FeaturePolicy
from evalgate.records.pull_request import PullRequest
from evalgate.review.commands import Name
from evalgate.review.costs import Estimate
from evalgate.review.kinds import Change
from evalgate.review.work import Work, deciding


class Looked(NamedTuple):
    """What the trusted half found when it looked at a pull request of one feature."""

    pull: PullRequest
    change: Change
    feature: FeaturePolicy
    check: CheckReport
    binding: Binding
    journal: tuple[Entry, ...]
    """Every step on this pull request."""
    ledger: tuple[Entry, ...] = ()
    """Steps of the feature on all pull requests."""
    rows: tuple[int, int] = (0, 0)
    """New rows that are reviewed, and all new rows."""
    synthetic: tuple[int, int] = (0, 0)
    """Synthetic rows that nobody reviewed, and all rows."""
    cost: Estimate | None = None
    codeowners: str | None = None
    """Text of the target branch's CODEOWNERS."""
    theirs: CheckReport | None = None
    """What the pull request's own workflow says of the dataset: it can be edited there, and decides nothing."""
    gone: frozenset[str] = frozenset()
    """Workflow runs that the journal believes at work and GitHub says have ended."""
    asked: Name | None = None
    """The command that was just given by somebody who may."""
    month: str = ""
    """This month, as in 2026-11."""
    document: tuple[str, str] | None = None
    """(path, address) of the decision document that `evalgate paths` wrote, where the head has one."""


def is_running(looked: Looked, work: Work | None) -> bool:
    """True while somebody is at work: the journal knows of no end, and GitHub of none of its workflow run."""
    return work is not None and work.running and work.last.run not in looked.gone


def was_trained(looked: Looked) -> bool:
    """True when the head's dataset was trained on: there is something to evaluate."""
    return any(entry.step == "trained" and entry.head == looked.pull.head for entry in looked.journal)


def end_of(looked: Looked) -> Entry | None:
    """The end of the work on exactly this: same head, same data, same suites, same policy, same base."""
    return deciding(looked.journal, looked.pull.head, looked.binding.key, trains=looked.change.kind == "dataset")
