"""registering: a verdict that is a pass becomes a pull request on the registry, opened by us, once."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from evalgate import registry
from evalgate.errors import RegistryError, WrongInputError
from evalgate.judgement.registry_body import registry_body
from evalgate.ports import Journal
from evalgate.pull_request import facts, proposal, review_requests
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.records.journal import Entry
from evalgate.records.registry import RegistryEntry
from evalgate.review.work import deciding
from evalgate.stages.attesting import signature_links, statement_of, write_statement
from evalgate.stages.chain import Judges, broken
from evalgate.stages.compose import SMALL, Trees, before, trees_of
from evalgate.stages.controller import each, reconcile
from evalgate.stages.entry import compared_entry, entry_of, report_place, served_name, variant_name
from evalgate.stages.opened import BrokenChainError, Told, manifest_of, read_evidence
from evalgate.stages.provenance import dataset_in_git, of_pull, registered_when
from evalgate.stages.seen import Here, Seen, evidence_place, journal_of
from evalgate.stages.trigger import look
from evalgate.stages.workspace import open_workspace

BRANCHES = "evalgate/registry/"


class Registered(NamedTuple):
    """What became of a verdict."""

    pull: int | None
    """The pull request on the registry; None where there is none to open."""
    words: str
    """For people."""


class _Passed(NamedTuple):
    """Work whose verdict is a pass, and both sides of its pull request as they are now."""

    seen: Seen
    journal: Journal
    end: Entry
    """The step of the journal that decides."""
    target: str
    """The target branch's commit now."""
    trees: Trees


class _Derived(NamedTuple):
    """An entry whose verdict was derived again from raw results."""

    feature: str
    name: str
    entry: RegistryEntry
    against: str
    """Name of the variant that it was compared with."""
    base: RegistryEntry
    told: Told


class Stated(NamedTuple):
    """What became of a statement."""

    folder: Path | None
    """Where its three files lie; None where there is nothing to sign."""
    words: str
    """For people."""


def register(remote: Remote, number: int, work: str, here: Here) -> Registered:
    """Open the pull request on the registry for the work on a dataset pull request, or bring it up to date; once.

    Raises:
        RegistryError: a link between the raw results and a pass does not hold; it is named.
        NotMeasured: GitHub or the evidence could not be reached, or a person closed the pull request.
    """
    found = _passed(remote, number, work, here)
    if isinstance(found, str):
        return Registered(None, found)
    made = _derive(remote, found, here)
    if _is_registered(found, made):
        _note(found, _brought_by(remote, found, made), here)
        reconcile(remote, number, here)
        return Registered(None, f"{made.feature}: {made.name} is registered already")
    opened = _proposed(remote, found, made, here)
    _note(found, opened, here)
    review_requests.ask(remote, opened, _asked(found.trees, made.feature))
    said = reconcile(remote, opened, here).standing.headline
    reconcile(remote, number, here)
    return Registered(opened, f"#{opened} adds {made.name} to {made.feature}: {said}")


def state(remote: Remote, number: int, work: str, here: Here, into: Path) -> Stated:
    """The statement of work that ended in a pass, written into a folder for whoever signs it.

    Raises:
        RegistryError: a link between the raw results and a pass does not hold; it is named.
        NotMeasured: GitHub or the evidence could not be reached, or the folder cannot be written.
    """
    found = _passed(remote, number, work, here)
    if isinstance(found, str):
        return Stated(None, found)
    made = _derive(remote, found, here)
    if _is_registered(found, made):
        return Stated(None, f"{made.feature}: {made.name} is registered already")
    said = statement_of(made.name, made.entry, made.told, here)
    write_statement(said, into)
    return Stated(into, f"{into}: {said.predicate.result} for {', '.join(said.subjects)}")


def bring_up_to_date(remote: Remote, here: Here, *, apart: int) -> tuple[int, ...]:
    """The other open pull requests on the registry: ours made again on top of what is registered now, all looked at anew.

    Raises:
        NotMeasured: GitHub or the evidence could not be reached for one of them; the others are done all the same.
    """
    others = tuple(number for number in proposal.open_at(remote, (here.places.registry,)) if number != apart)

    def act(number: int) -> None:
        if not _made_again(remote, number, here):
            reconcile(remote, number, here)  # what it was verified against is no more

    each(others, act, otherwise="is not brought up to date")
    return others


def _made_again(remote: Remote, number: int, here: Here) -> bool:
    """True for a pull request of ours that was made again, and so looked at; nothing of it is lost."""
    pull = facts.observe(remote, number)
    if pull.author != remote.author or pull.head_repository != pull.repository:
        return False
    made: set[int | None] = set()
    try:
        for behind, work in _behind_entries(remote, trees_of(remote, pull, here.places), here):
            made.add(register(remote, behind, work, here).pull)
    except WrongInputError:  # it no longer holds on the new state: its own check says which link broke
        return False
    return number in made


def _behind_entries(remote: Remote, trees: Trees, here: Here) -> Sequence[tuple[int, str]]:
    """Pull request and key of the work behind every entry that the head has and the target has not."""
    try:
        head = registry.parse(git.read(remote, trees.head[here.places.registry], most=SMALL), here.places.registry)
    except (KeyError, WrongInputError):
        return ()
    found = []
    for feature, known in head.features.items():
        there = trees.registry.features.get(feature)
        for name, entry in known.variants.items():
            if entry.evidence is None or (there is not None and name in there.variants):
                continue
            try:
                bound = manifest_of(journal_of(remote, trees, feature), entry.evidence.sha256).binding
            except BrokenChainError:
                continue
            if bound is not None:
                found.append((bound.pull, bound.key))
    return found


def _passed(remote: Remote, number: int, work: str, here: Here) -> _Passed | str:
    """The work on a dataset pull request that ended in a pass; else why there is nothing to register.

    Raises:
        NotMeasured: GitHub or the evidence could not be reached.
    """
    seen = look(remote, number, here)
    end = deciding(seen.entries, seen.pull.head, work, trains=True)
    if end is None or end.verdict != "pass" or end.evidence is None or seen.journal is None:
        why = "no verdict was reached on this commit" if end is None else f"the verdict is {end.verdict}"
        return f"#{number}: {why}: nothing is registered"
    target = facts.tip(remote, seen.pull.target_branch)
    trees = trees_of(remote, seen.pull.model_copy(update={"target": target}), here.places)
    return _Passed(seen, seen.journal, end, target, trees)


def _derive(remote: Remote, found: _Passed, here: Here) -> _Derived:
    """The entry that follows from the evidence of a pass.

    Raises:
        RegistryError: a link between the raw results and a pass does not hold; it is named.
        NotMeasured: GitHub or the evidence could not be reached.
    """
    trees = found.trees
    told = read_evidence(found.journal, found.end.evidence or "")
    with tempfile.TemporaryDirectory(prefix="evalgate-") as folder:
        before(remote, trees, here.places, Path(folder))
        workspace = open_workspace(Path(folder) / here.places.policy, told.manifest.feature)
        judges = Judges(workspace, trees.registry, here.clock()[:10], dataset_in_git(remote))
        links = (
            *broken(told, judges, found.journal, "adding"),
            *of_pull(remote, told, found.journal, workspace.feature.review),
            *signature_links(workspace._replace(policy=trees.rules), told.manifest, found.journal),
        )
    if links:
        raise RegistryError(*(f"not registered: {link.name}: {link.words}" for link in links))
    feature, against = workspace.name, served_name(judges)
    when = registered_when(found.end)
    entry = entry_of(told, workspace, evidence_place(trees, feature), against=against, today=when)
    return _Derived(feature, variant_name(told), entry, against, compared_entry(told, judges), told)


def _is_registered(found: _Passed, made: _Derived) -> bool:
    """True where the target branch has the entry already.

    Raises:
        RegistryError: it has one of this name, of another candidate.
    """
    known = found.trees.registry.features.get(made.feature)
    there = known.variants.get(made.name) if known else None
    if there is not None and there.adapter != made.entry.adapter:
        raise RegistryError(
            f"not registered: {made.feature} has {made.name} already, with another adapter: entries never change, "
            "choose a new version of the dataset"
        )
    return there is not None


def _brought_by(remote: Remote, found: _Passed, made: _Derived) -> int | None:
    """Number of the pull request that brought the entry to the target branch; None where it is not of this evidence."""
    there = found.trees.registry.features[made.feature].variants[made.name].evidence
    if there is None or there.sha256 != made.told.sha256:
        return None
    return proposal.merged_from(remote, _branch_of(made), found.seen.pull.target_branch)


def _note(found: _Passed, opened: int | None, here: Here) -> None:
    """Nothing; the journal names the pull request on the registry, once."""
    work = found.end.work
    if opened is not None:
        key = f"registered/{work}/{opened}"
        found.journal.append(here.entry(found.seen, "registered", key, work=work, registered=opened))


def _branch_of(made: _Derived) -> str:
    """One branch a candidate: two of the same version must not write over one another."""
    return f"{BRANCHES}{made.feature}-{made.name}-{made.told.training.candidate.adapter_sha256[:8]}"


def _proposed(remote: Remote, found: _Passed, made: _Derived, here: Here) -> int:
    """Number of the pull request: `models.yaml` and the report in one commit."""
    there = found.trees.target.get(here.places.registry)
    text = "" if there is None else git.read(remote, there, most=SMALL).decode()
    text = registry.add_variant(text, made.feature, made.name, made.entry, base=(made.against, made.base))
    report = here.places.beside_registry(report_place(made.feature, made.name))
    title = f"{made.feature}: register {made.name}"
    because = f"The verdict on #{found.seen.pull.number} is pass; its evidence is {made.told.sha256}."
    return proposal.propose(
        remote,
        proposal.Proposal(
            branch=_branch_of(made),
            target=found.seen.pull.target_branch,
            over=found.target,
            files={here.places.registry: text.encode(), report: made.told.report},
            message=f"{title}, its flag off\n\n{because}",
            title=title,
            body=registry_body(made.feature, made.name, made.entry, made.told.manifest, made.told.verdict),
        ),
    )


def _asked(trees: Trees, feature: str) -> tuple[str, ...]:
    """Who is asked for a review: the release managers, and the feature's owner where that is somebody on GitHub."""
    owner = trees.policy.features[feature].owner or ""
    return (*trees.rules.release.managers, *([owner] if owner.startswith("@") else []))
