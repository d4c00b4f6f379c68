"""trigger: one look at a pull request, and the decision that follows from it. Nothing is changed."""

import posixpath
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from pydantic import ValidationError

from evalgate.errors import UnreadableJournalError, WrongInputError
from evalgate.judgement.looked import Looked
from evalgate.judgement.markdown import code_span
from evalgate.judgement.threshold import anybodys, held, nothing_to_judge, standing, to_be_split, without_policy
from evalgate.pull_request import artifacts, facts
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import Refused
from evalgate.records.check import CheckReport
from evalgate.records.journal import Entry
from evalgate.records.policy import FeaturePolicy
from evalgate.records.pull_request import PullRequest
from evalgate.records.standing import Kind, Standing
from evalgate.review.approvals import approvals
from evalgate.review.commands import Name
from evalgate.review.costs import estimate
from evalgate.review.kinds import Change, Places
from evalgate.review.rows import accepted, reviewed_rows, synthetic_rows
from evalgate.review.work import attempt, run_of, works
from evalgate.stages.bound import judge_files
from evalgate.stages.compose import (
    MOST,
    NoPolicyError,
    Trees,
    UnruledError,
    codeowners,
    dataset_of,
    trained_before,
    trees_of,
)
from evalgate.stages.registry_look import look_at_registry
from evalgate.stages.seen import Here, Seen, evidence_place, open_journal

ARTIFACT, MEMBER = "evalgate-check", "check.json"
"""What the untrusted half leaves behind."""
MOST_OF_THEIRS = 8 << 20
CUT = "GitHub lists only 3,000 files and 250 commits of one: split this pull request"
SILENT = "its last commit tells GitHub to start no workflow, so nobody would hear of changes: push one without `[skip ci]`"
MENDED = "the target branch, or the default branch whose policy rules it, must be mended first:"
PLAIN: Mapping[Kind, Callable[[PullRequest, Change], Standing]] = {
    "none": lambda pull, _change: nothing_to_judge(pull),
    "mixed": to_be_split,
}
"""Kinds that are answered without a look at any file."""


def look(remote: Remote, number: int, here: Here, *, asked: Name | None = None) -> Seen:
    """Where a pull request stands, from the API, the journal and git objects.

    Raises:
        NotMeasured: GitHub could not be asked.
    """
    pull = facts.observe(remote, number)
    try:
        return _seen(remote, pull, here, asked=asked)
    except UnruledError:
        return Seen(pull, anybodys(pull), judged=False)
    except NoPolicyError:
        return Seen(pull, without_policy(pull, here.places.policy))
    except WrongInputError as error:  # of the target's side: the head's own faults are told apart
        return Seen(pull, held(pull, f"{MENDED} {_first(error)}"))


def _seen(remote: Remote, pull: PullRequest, here: Here, *, asked: Name | None) -> Seen:
    """Where a pull request stands whose target's side can be read."""
    trees = trees_of(remote, pull, here.places)
    if pull.files_cut or pull.silent:
        return Seen(pull, held(pull, CUT if pull.files_cut else SILENT, refused=True))
    if trees.change.kind == "registry":
        return look_at_registry(remote, pull, trees, here)
    if trees.change.kind in PLAIN:
        return Seen(pull, PLAIN[trees.change.kind](pull, trees.change))
    return _judgeable(remote, pull, trees, here, asked=asked)


def _judgeable(remote: Remote, pull: PullRequest, trees: Trees, here: Here, *, asked: Name | None) -> Seen:
    """Where a dataset or suite pull request stands."""
    features = trees.change.features
    where = evidence_place(trees, features[0])
    journal = open_journal(remote, where)
    try:
        entries, ledger = journal.of_pull(pull.number), journal.of_feature(features[0])
    except UnreadableJournalError as error:
        why = f"{code_span(error.problems[0], 400)}; look at who changed it, and take that back"
        return Seen(pull, held(pull, f"the journal cannot be read, and nothing is decided without it: {why}"))
    with tempfile.TemporaryDirectory(prefix="evalgate-") as folder:
        try:
            check, binding = judge_files(remote, pull, trees, here.places, Path(folder))
        except WrongInputError as error:
            return Seen(pull, held(pull, f"refused: {_first(error)}", refused=True), None, journal, entries)
    binding = binding.model_copy(update={"attempt": attempt(ledger, binding.base, binding.key)})
    gone = _gone(remote, entries)
    looked = Looked(
        pull=pull,
        change=trees.change,
        feature=trees.policy.features[features[0]],
        check=check,
        binding=binding,
        journal=entries,
        theirs=_theirs(remote, pull.head),
        gone=gone,
        asked=asked or _once_more(remote, entries, gone),
        month=here.clock()[:7],
        document=_document(pull, trees, here, features[0]),
    )
    if trees.change.kind == "dataset":
        looked = _with_rows(remote, looked, trees, ledger, here.places)
    blob = trees.head.get(trees.change.dataset or "")
    return Seen(
        pull=pull,
        standing=standing(looked),
        check=check,
        journal=journal,
        entries=entries,
        dataset=blob.sha if blob else None,
        approvers=approvals(pull).by,
        evidence=where,
        amount=looked.cost.amount if looked.cost else None,
    )


def _document(pull: PullRequest, trees: Trees, here: Here, feature: str) -> tuple[str, str] | None:
    """The decision document of `evalgate paths` as the head has it, and where people open it."""
    path = posixpath.join(posixpath.dirname(here.places.policy), f"paths/{feature}.md")
    return (path, f"{here.pages}/blob/{pull.head}/{quote(path)}") if path in trees.head else None


def _with_rows(remote: Remote, looked: Looked, trees: Trees, ledger: tuple[Entry, ...], places: Places) -> Looked:
    """What only a dataset change has: reviewed rows, synthetic rows, costs, code owners."""
    content, by = dataset_of(remote, trees) or b"", approvals(looked.pull).by
    name = looked.binding.feature
    merged = {row for e in ledger if e.step == "merged" and e.dataset for row in _accepted(remote, e)}
    rows = reviewed_rows(content, reviewers=by, trained=trained_before(remote, trees, name), merged=merged)
    prompt = _prompt_length(trees, looked.feature, places)
    return looked._replace(
        ledger=ledger,
        rows=rows,
        synthetic=synthetic_rows(content, by),
        cost=estimate(content, looked.feature.train, looked.feature.budget, prompt=prompt, ledger=ledger),
        codeowners=codeowners(remote, trees) if looked.feature.review.codeowners else None,
    )


def _accepted(remote: Remote, entry: Entry) -> set[bytes]:
    """Rows that counted reviewers accepted in a pull request that was merged."""
    blob = git.Blob(entry.dataset or "", "100644", 0, f"the dataset of #{entry.pull}")
    return accepted(git.read(remote, blob, most=MOST), entry.reviewers)


def _prompt_length(trees: Trees, feature: FeaturePolicy, places: Places) -> int:
    blob = trees.target.get(posixpath.normpath(posixpath.join(posixpath.dirname(places.policy), feature.prompt or "")))
    return 0 if blob is None else (blob.size or 0)


def _theirs(remote: Remote, head: str) -> CheckReport | None:
    """What the pull request's own workflow says of the dataset; None where it left nothing that can be read."""
    try:
        content = artifacts.member(remote, head=head, artifact=ARTIFACT, member=MEMBER, most=MOST_OF_THEIRS)
        return None if content is None else CheckReport.model_validate_json(content)
    except (Refused, ValidationError):
        return None


def _gone(remote: Remote, entries: Sequence[Entry]) -> frozenset[str]:
    """Workflow runs that the journal believes at work, and GitHub says have ended."""
    open_runs = {work.last.run for work in works(entries) if work.running and work.last.run}
    return frozenset(run for run in open_runs if facts.job(remote, run).ended)


def _once_more(remote: Remote, entries: Sequence[Entry], gone: Collection[str]) -> Name | None:
    """What a person asks for who runs the same workflow run again: the work that its earlier attempt left."""
    left = [work.last.run for work in works(entries) if work.running and work.last.run in gone]
    ours = any(run is not None and run != remote.run and run_of(run) == run_of(remote.run) for run in left)
    return "train" if ours else None


def _first(error: WrongInputError) -> str:
    more = f" and {len(error.problems) - 1} more" if len(error.problems) > 1 else ""
    return f"{code_span(error.problems[0], 400)}{more}"
