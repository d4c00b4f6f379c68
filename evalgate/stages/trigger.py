"""trigger: one look at a pull request, and the decision that follows from it. Nothing is changed."""

import posixpath
import re
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from evalgate import evidence, store, suites
from evalgate.errors import EvalGateError, PolicyError, UnreadableJournalError
from evalgate.judgement.looked import Looked
from evalgate.judgement.markdown import code_span
from evalgate.judgement.threshold import anybodys, for_the_registry, held, nothing_to_judge, standing, to_be_split, without_policy
from evalgate.ports import Journal
from evalgate.prompts import prompt_sha256
from evalgate.pull_request import artifacts, evidence_branch, facts
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import Refused
from evalgate.records.binding import Binding
from evalgate.records.check import CheckReport, Finding
from evalgate.records.journal import Entry, Step
from evalgate.records.policy import FeaturePolicy
from evalgate.records.pull_request import PullRequest
from evalgate.records.standing import Kind, Standing
from evalgate.redaction import mask, safe_line
from evalgate.review.approvals import approvals
from evalgate.review.commands import Name
from evalgate.review.costs import estimate
from evalgate.review.kinds import Change, Places, inside
from evalgate.review.rows import accepted, reviewed_rows, synthetic_rows
from evalgate.review.work import attempt, run_of, works
from evalgate.stages.check import check_change
from evalgate.stages.compose import (
    MOST,
    NoPolicyError,
    Trees,
    UnruledError,
    codeowners,
    compose,
    dataset_of,
    trained_before,
    trees_of,
)
from evalgate.stages.workspace import Workspace, open_workspace, read_answer_schema, read_prompt, read_suites

CHECK = "EvalGate"
"""The name of the check run that a ruleset should require."""
EVIDENCE = "branch:evalgate-evidence"
"""Where the journal lies when the policy says nothing."""
ARTIFACT, MEMBER = "evalgate-check", "check.json"
"""What the untrusted half leaves behind."""
MOST_OF_THEIRS = 8 << 20
PLACED = re.compile(r"([^\s:]{1,200}):(\d{1,9}): ")
REGISTERED = "registry:"
"""How a base begins that models.yaml names."""
SUITE_CODE = "EG702"
"""A policy, prompt or suite that cannot be read."""


CUT = "GitHub lists only 3,000 files of it: split this pull request"
SILENT = "its last commit tells GitHub to start no workflow, so nobody would hear of changes: push one without `[skip ci]`"
PLAIN: Mapping[Kind, Callable[[PullRequest, Change], Standing]] = {
    "none": lambda pull, _change: nothing_to_judge(pull),
    "mixed": to_be_split,
    "registry": lambda pull, _change: for_the_registry(pull),
}
"""Kinds that are answered without a look at any file."""


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


def look(remote: Remote, number: int, here: Here, *, asked: Name | None = None) -> Seen:
    """Where a pull request stands, from the API, the journal and git objects.

    Raises:
        NotMeasured: GitHub could not be asked.
    """
    pull = facts.observe(remote, number)
    try:
        trees = trees_of(remote, pull, here.places)
    except UnruledError:
        return Seen(pull, anybodys(pull), judged=False)
    except NoPolicyError:
        return Seen(pull, without_policy(pull, here.places.policy))
    except EvalGateError as error:
        if error.exit_code != PolicyError.exit_code:
            raise
        return Seen(pull, held(pull, f"the target branch must be mended first: {_first(error)}"))
    if pull.files_cut or pull.silent:
        return Seen(pull, held(pull, CUT if pull.files_cut else SILENT, refused=True))
    if trees.change.kind in PLAIN:
        return Seen(pull, PLAIN[trees.change.kind](pull, trees.change))
    return _judgeable(remote, pull, trees, here, asked=asked)


def _judgeable(remote: Remote, pull: PullRequest, trees: Trees, here: Here, *, asked: Name | None) -> Seen:
    """Where a dataset or suite pull request stands."""
    features = trees.change.features
    where = _evidence(trees, features[0])
    journal = open_journal(remote, where)
    try:
        entries, ledger = journal.of_pull(pull.number), journal.of_feature(features[0])
    except UnreadableJournalError as error:
        return Seen(pull, held(pull, f"the journal cannot be read, and nothing is decided without it: {_first(error)}"))
    with tempfile.TemporaryDirectory(prefix="evalgate-") as folder:
        try:
            check, binding = judge_files(remote, pull, trees, here.places, Path(folder))
        except EvalGateError as error:
            if error.exit_code != PolicyError.exit_code:
                raise
            return Seen(pull, held(pull, f"refused: {_first(error)}", refused=True), None, journal, entries)
    binding = binding.model_copy(update={"attempt": attempt(ledger, binding.base, binding.key)})
    looked = Looked(pull, trees.change, trees.policy.features[features[0]], check, binding, entries)
    looked = looked._replace(gone=_gone(remote, entries), month=here.clock()[:7])
    looked = looked._replace(theirs=_theirs(remote, pull.head))
    looked = looked._replace(asked=asked or _once_more(remote, entries, looked.gone))
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


def judge_files(remote: Remote, pull: PullRequest, trees: Trees, places: Places, folder: Path) -> tuple[CheckReport, Binding]:
    """The findings of the trusted half, and what a judgement of these files is bound to; the workspace stays in `folder`.

    Raises:
        PolicyError, DatasetError, RegistryError: the files cannot be read as a workspace.
    """
    change = trees.change
    if change.kind == "dataset" and change.dataset is None:
        raise PolicyError("no dataset file is added or changed: there is nothing to train on")
    try:
        policy = compose(remote, trees, places, folder)
        opened = [open_workspace(policy, name) for name in change.features]
        binding = _binding(pull, trees, opened, folder)
    except EvalGateError as error:
        if change.kind != "suite":
            raise
        return _suite_findings(error, places), _unreadable(pull, trees)
    report = CheckReport(rows=sum(len(s.cases) for w in opened for s in read_suites(w)), findings=())
    if change.dataset is not None:
        report, _ = check_change(opened[0], folder / change.dataset)
    return report, binding


def _evidence(trees: Trees, feature: str) -> str:
    """Where the feature's journal lies, by the default branch's policy: another branch must not choose where is written."""
    known = trees.rules.features.get(feature)
    return (known.evidence if known is not None else None) or EVIDENCE


def journal_of(remote: Remote, trees: Trees, feature: str) -> Journal:
    """The journal of a feature."""
    return open_journal(remote, _evidence(trees, feature))


def open_journal(remote: Remote, where: str) -> Journal:
    """The journal at a place such as `branch:evalgate-evidence`, a folder or s3://...

    Raises:
        PolicyError: the place is none.
    """
    scheme, _, place = where.partition(":")
    return evidence_branch.BranchJournal(remote, place) if scheme == "branch" else evidence.PathJournal(where)


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


def _binding(pull: PullRequest, trees: Trees, opened: Sequence[Workspace], folder: Path) -> Binding:
    """What the work is bound to; of several features, digests over all of them."""
    change, kinds = trees.change, [read_suites(workspace) for workspace in opened]
    golden = [s.sha256 for known in kinds for s in known if s.name == "golden"]
    safety = [suites.suites_sha256({s.name: s.sha256 for s in known if s.name != "golden"}) for known in kinds]
    content = None if change.dataset is None else store.read(folder / change.dataset)
    return Binding(
        repository=pull.repository,
        pull=pull.number,
        feature=", ".join(change.features),
        head=pull.head,
        target_branch=pull.target_branch,
        target=pull.target,
        dataset=change.dataset,
        dataset_sha256=None if content is None else store.key_of_bytes(content),
        golden_sha256=_over(golden),
        safety_sha256=_over(safety),
        policy_sha256=store.key_of(*(_policy_digest(workspace) for workspace in opened)),
        prompt_sha256=_over([prompt_sha256(read_prompt(workspace)) for workspace in opened]) or "",
        base="; ".join(_served(trees, workspace) for workspace in opened),
        tool=version("evalgate-ft"),
    )


def _policy_digest(workspace: Workspace) -> str:
    """Digest of all that a feature's policy says, and of the answer schema that it names."""
    schema = orjson.dumps(read_answer_schema(workspace), option=orjson.OPT_SORT_KEYS).decode()
    return store.key_of(workspace.feature.model_dump_json(exclude_defaults=True), schema)


def _unreadable(pull: PullRequest, trees: Trees) -> Binding:
    """The binding of a suite change that cannot be read: bound to its commit alone, and never begun."""
    return Binding(
        repository=pull.repository,
        pull=pull.number,
        feature=", ".join(trees.change.features),
        head=pull.head,
        target=pull.target,
        dataset=None,
        dataset_sha256=None,
        golden_sha256=None,
        safety_sha256=None,
        policy_sha256=store.key_of(pull.head),
        prompt_sha256=store.key_of(pull.head),
        base="none",
        tool=version("evalgate-ft"),
    )


def _suite_findings(error: EvalGateError, places: Places) -> CheckReport:
    """Everything that is wrong with a suite change, as findings; `path:line:` in front of a problem says where."""
    found = []
    for problem in error.problems:
        place = PLACED.match(problem)
        path, line = (place[1], int(place[2])) if place else (places.policy, 0)
        message = safe_line(mask(problem[place.end() :] if place else problem), 300)
        found.append(Finding(code=SUITE_CODE, severity="error", path=path, line=line, message=message))
    return CheckReport(rows=0, findings=tuple(found))


def _first(error: EvalGateError) -> str:
    more = f" and {len(error.problems) - 1} more" if len(error.problems) > 1 else ""
    return f"{code_span(error.problems[0], 400)}{more}"


def _over(digests: Sequence[str]) -> str | None:
    return None if not digests else digests[0] if len(digests) == 1 else store.key_of(*digests)


def _served(trees: Trees, workspace: Workspace) -> str:
    """What base is: the registry's default with its digest, or the policy's base model, with one where it lies in git."""
    known = trees.registry.features.get(workspace.name)
    if known is not None:
        digest = store.key_of(known.variants[known.default].model_dump_json(exclude={"flag"}))
        return f"{REGISTERED}{known.default}@{digest[:16]}"
    uri = workspace.feature.base_model or "none"
    scheme, _, place = uri.partition(":")
    files = [(path, blob.sha) for path, blob in trees.target.items() if scheme in ("path", "scripted") and inside(path, place)]
    return f"{uri}#{store.key_of(*sorted(files))[:16]}" if files else uri
