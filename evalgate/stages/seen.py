"""A pull request as it was found, where and when it was looked at, and where its journal lies."""

from collections.abc import Callable
from typing import Any, NamedTuple

from evalgate import evidence
from evalgate.ports import Journal
from evalgate.pull_request import evidence_branch
from evalgate.pull_request.client import Remote
from evalgate.records.check import CheckReport
from evalgate.records.journal import Entry, Step
from evalgate.records.pull_request import PullRequest
from evalgate.records.standing import Standing
from evalgate.review.kinds import Places
from evalgate.stages.compose import Trees
from evalgate.stages.workspace import EVIDENCE

CHECK = "EvalGate"
"""The name of the check run that a ruleset should require."""


class Seen(NamedTuple):
    """A pull request, what was found, and where it stands."""

    pull: PullRequest
    standing: Standing
    check: CheckReport | None = None
    journal: Journal | None = None
    """None where the pull request is nothing that a journal is kept of."""
    entries: tuple[Entry, ...] = ()
    dataset: str | None = None
    """Git's name of the dataset's bytes at the head."""
    approvers: tuple[str, ...] = ()
    """Those whose approval of the head counts."""
    evidence: str = EVIDENCE
    """Where the journal lies."""
    judged: bool = True
    """False for a target branch that nothing is judged on: then nothing is written either."""
    may_merge: bool = False
    """True for a change of the registry that holds, is released, and that the policy lets be merged by itself."""
    amount: float | None = None
    """What the training will cost, in the budget's currency; None while that is not known."""


class Here(NamedTuple):
    """Where and when we look."""

    places: Places
    clock: Callable[[], str]
    """The time, ISO 8601 in UTC with microseconds."""
    pages: str
    """Address of the repository's pages, for links."""

    def page(self, evidence: str, name: str) -> str | None:
        """Address at which people open an evidence file; None where evidence does not lie on a branch."""
        scheme, _, branch = evidence.partition(":")
        return f"{self.pages}/blob/{branch}/{name}" if scheme == "branch" else None

    def entry(self, seen: Seen, step: Step, key: str, **more: Any) -> Entry:
        """A step on the pull request's present head, now."""
        feature = seen.standing.feature
        told = {
            "step": step,
            "key": f"{seen.pull.number}/{key}",
            "at": self.clock(),
            "pull": seen.pull.number,
            "head": seen.pull.head,
        }
        return Entry.model_validate({**told, "feature": feature, **more})


def evidence_place(trees: Trees, feature: str) -> str:
    """Where the feature's journal lies, by the default branch's policy: another branch must not choose where is written."""
    known = trees.rules.features.get(feature)
    return (known.evidence if known is not None else None) or EVIDENCE


def journal_of(remote: Remote, trees: Trees, feature: str) -> Journal:
    """The journal of a feature."""
    return open_journal(remote, evidence_place(trees, feature))


def open_journal(remote: Remote, where: str) -> evidence_branch.BranchJournal | evidence.PathJournal:
    """The journal at a place such as `branch:evalgate-evidence`, a folder or s3://...

    Raises:
        PolicyError: the place is none.
    """
    scheme, _, place = where.partition(":")
    return evidence_branch.BranchJournal(remote, place) if scheme == "branch" else evidence.PathJournal(where)
