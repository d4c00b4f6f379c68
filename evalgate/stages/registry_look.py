"""One look at a pull request on the registry: every entry that it brings is derived again from raw results."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from evalgate import registry
from evalgate.errors import WrongInputError
from evalgate.judgement.markdown import code_span
from evalgate.judgement.registry_change import Change, changes
from evalgate.judgement.registry_standing import registry_standing
from evalgate.judgement.threshold import held
from evalgate.pull_request import compared
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.records.link import Link
from evalgate.records.pull_request import PullRequest
from evalgate.records.registry import Registry
from evalgate.stages.attesting import signature_links, statement_links
from evalgate.stages.compose import SMALL, Trees, before
from evalgate.stages.entry import report_place
from evalgate.stages.opened import Told
from evalgate.stages.provenance import dataset_in_git, of_pull
from evalgate.stages.seen import Here, Seen, evidence_place, open_journal
from evalgate.stages.verify import Desk, prove
from evalgate.stages.workspace import Workspace

REPORTS = "reports/"
WEIGHTS = "weights in the repository are changed: not verified by machine, a release manager must look"


def look_at_registry(remote: Remote, pull: PullRequest, trees: Trees, here: Here) -> Seen:
    """Where a pull request on the registry stands, computed anew from git, the evidence and the API at every look.

    Raises:
        NotMeasured: GitHub or the evidence could not be reached.
    """
    if not any(here.places.registry in (file.path, file.previous) for file in pull.files):
        return Seen(pull, held(pull, WEIGHTS))
    wrong = _other_files(pull, here)
    if wrong is not None:
        return Seen(pull, held(pull, wrong, refused=True))
    place = here.places.registry
    if place not in trees.head:
        return Seen(pull, held(pull, f"{code_span(place)} is removed: what is served would be nobody's to say", refused=True))
    try:
        after = registry.parse(git.read(remote, trees.head[place], most=SMALL), place)
    except WrongInputError as error:
        return Seen(pull, held(pull, f"refused: {code_span(error.problems[0], 400)}", refused=True))
    with tempfile.TemporaryDirectory(prefix="evalgate-") as folder:
        before(remote, trees, here.places, Path(folder))
        desk = _desk(remote, trees, here, after, Path(folder))
        proved = tuple(prove(desk, change) for change in changes(trees.registry, after))
    standing = registry_standing(pull, proved, trees.rules.release, behind=_behind(remote, pull, trees, place))
    merging = trees.rules.release.merge == "when_approved" and pull.open and standing.conclusion == "success"
    return Seen(pull, standing, may_merge=merging)


def _other_files(pull: PullRequest, here: Here) -> str | None:
    """What else the pull request touches, as a refusal; None where it is the registry and reports alone."""
    reports = REPORTS if "/" not in here.places.registry else f"{here.places.registry.rpartition('/')[0]}/{REPORTS}"
    touched = {path for file in pull.files for path in (file.path, file.previous) if path is not None}
    other = sorted(path for path in touched if path != here.places.registry and not path.startswith(reports))
    named = ", ".join(code_span(path) for path in other[:5])
    return f"split this pull request: beside the registry and its reports it changes {named}" if other else None


def _behind(remote: Remote, pull: PullRequest, trees: Trees, place: str) -> bool:
    """True when the target's registry is not the one that the head was made from: a merge would bring what nobody verified."""
    shared = compared.merge_base(remote, pull.target, pull.head)
    then = git.tree(remote, shared).get(place)
    now = trees.target.get(place)
    return (then and then.sha) != (now and now.sha)


def _desk(remote: Remote, trees: Trees, here: Here, after: Registry, folder: Path) -> Desk:
    """What every change is held against: the target branch, the evidence, and what GitHub says of the people."""

    def beyond(change: Change, told: Told, workspace: Workspace) -> Iterator[Link]:
        journal, entry = open_journal(remote, evidence_place(trees, change.feature)), after.features[change.feature]
        yield from of_pull(remote, told, journal, workspace.feature.review)
        yield from _report(remote, trees, here, change, told)
        yield from signature_links(workspace._replace(policy=trees.rules), told.manifest, journal)
        variant = entry.variants[change.variant]
        yield from statement_links(remote, change.variant, variant, told, here, trees.rules.release).links

    return Desk(
        policy_path=folder / here.places.policy,
        before=trees.registry,
        after=after,
        today=here.clock()[:10],
        places=lambda feature: (evidence_place(trees, feature),),
        shelf=lambda place: open_journal(remote, place),
        dataset=dataset_in_git(remote),
        beyond=beyond,
    )


def _report(remote: Remote, trees: Trees, here: Here, change: Change, told: Told) -> Iterator[Link]:
    """Whether the report in the pull request is the one of the evidence."""
    home = here.places.registry.rpartition("/")[0]
    path = f"{home}/" * bool(home) + report_place(change.feature, change.variant)
    blob = trees.head.get(path)
    if blob is None:
        yield Link("report", f"{path} is not in the pull request")
    elif git.read(remote, blob, most=SMALL) != told.report:
        yield Link("report", f"{path} is not the report of the evidence")
