"""One look at a pull request on the registry: every entry that it brings is derived again from raw results."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from evalgate import registry
from evalgate.errors import WrongInputError
from evalgate.judgement.markdown import code_span
from evalgate.judgement.registry_change import Change, changes
from evalgate.judgement.registry_standing import holds, registry_standing
from evalgate.judgement.threshold import held
from evalgate.pull_request import compared, proposal
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.records.link import Link
from evalgate.records.policy import Review
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

WEIGHTS = "weights in the repository are changed: not verified by machine, a release manager must look"
REPORT_ALONE = "a report comes with the entry that it is of, and never changes after: take that back"


def look_at_registry(remote: Remote, pull: PullRequest, trees: Trees, here: Here) -> Seen:
    """Where a pull request on the registry stands, computed anew from git, the evidence and the API at every look.

    Raises:
        NotMeasured: GitHub or the evidence could not be reached.
    """
    place, release = here.places.registry, trees.rules.release
    if pull.merged:  # what it brought is the target's now; others that are open were made from what was there before
        others = proposal.open_at(remote, (place,)) if release.merge == "when_approved" else ()
        return Seen(pull, registry_standing(pull, (), release, behind=False), may_merge=bool(others))
    touched = pull.touched
    if place not in touched:
        alone = any(path.startswith(here.places.beside_registry("reports/")) for path in touched)
        return Seen(pull, held(pull, REPORT_ALONE if alone else WEIGHTS, refused=alone))
    if place not in trees.head:
        return Seen(pull, held(pull, f"{code_span(place)} is removed: what is served would be nobody's to say", refused=True))
    try:
        after = registry.parse(git.read(remote, trees.head[place], most=SMALL), place)
    except WrongInputError as error:
        return Seen(pull, held(pull, f"refused: {code_span(error.problems[0], 400)}", refused=True))
    return _verified(remote, pull, trees, here, after)


def _verified(remote: Remote, pull: PullRequest, trees: Trees, here: Here, after: Registry) -> Seen:
    """Where a pull request stands whose registry can be read."""
    place, release, touched = here.places.registry, trees.rules.release, pull.touched
    found = changes(trees.registry, after)
    other = sorted(path for path in touched - {place} if not _is_new_report(path, trees, here))
    behind = _behind(remote, pull, trees, place)
    if other and not behind:
        named = ", ".join(code_span(path) for path in other[:5])
        words = f"split this pull request: beside the registry and new reports it changes {named}"
        return Seen(pull, held(pull, words, refused=True))
    with tempfile.TemporaryDirectory(prefix="evalgate-") as folder:
        before(remote, trees, here.places, Path(folder))
        desk = _desk(remote, pull, trees, here, after, Path(folder))
        proved = tuple(prove(desk, change) for change in found)
    judged = {here.places.beside_registry(report_place(one.feature, one.variant)) for one in found if _has_report(one, after)}
    stray = sorted(path for path in touched - {place} - judged if path not in trees.target)
    if stray and not behind and all(holds(one) for one in proved):
        return Seen(pull, held(pull, f"{REPORT_ALONE}: {code_span(stray[0])}", refused=True))
    asked = [known.review for name, known in trees.policy.features.items() if name in {one.feature for one in found}]
    standing = registry_standing(pull, proved, release, behind=behind, reviews=asked or (Review(),))
    merging = release.merge == "when_approved" and pull.open and standing.conclusion == "success"
    return Seen(pull, standing, may_merge=merging)


def _has_report(change: Change, after: Registry) -> bool:
    """True for a new entry with evidence: only its report is held against anything."""
    return change.kind == "added" and after.features[change.feature].variants[change.variant].evidence is not None


def _is_new_report(path: str, trees: Trees, here: Here) -> bool:
    """True for a report that the target branch has not yet, or has just so."""
    now, then = trees.head.get(path), trees.target.get(path)
    return path.startswith(here.places.beside_registry("reports/")) and now is not None and (then is None or then.sha == now.sha)


def _behind(remote: Remote, pull: PullRequest, trees: Trees, place: str) -> bool:
    """True when the target's registry is not the one that the head was made from: a merge would bring what nobody verified."""
    shared = compared.merge_base(remote, pull.target, pull.head)
    then = git.tree(remote, shared).get(place)
    now = trees.target.get(place)
    return (then and then.sha) != (now and now.sha)


def _desk(remote: Remote, pull: PullRequest, trees: Trees, here: Here, after: Registry, folder: Path) -> Desk:
    """What every change is held against: the target branch, the evidence, and what GitHub says of the people."""

    def beyond(change: Change, told: Told, workspace: Workspace) -> Iterator[Link]:
        journal, entry = open_journal(remote, evidence_place(trees, change.feature)), after.features[change.feature]
        variant = entry.variants[change.variant]
        yield from of_pull(remote, told, journal, workspace.feature.review, variant)
        bound = told.manifest.binding
        if bound is not None and bound.target_branch != pull.target_branch:
            yield Link("approvals", f"the data was approved for {bound.target_branch!r}, not for {pull.target_branch!r}")
        yield from _report(remote, trees, here, change, told)
        yield from signature_links(workspace._replace(policy=trees.rules), told.manifest, journal)
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
    path = here.places.beside_registry(report_place(change.feature, change.variant))
    blob = trees.head.get(path)
    if blob is None:
        yield Link("report", f"{path} is not in the pull request")
    elif git.read(remote, blob, most=SMALL) != told.report:
        yield Link("report", f"{path} is not the report of the evidence")
