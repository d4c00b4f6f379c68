"""verify: what a change of the registry brings is what evidence says, and that is a pass, derived again from raw results."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from evalgate.errors import WrongInputError
from evalgate.judgement.registry_change import Change
from evalgate.judgement.registry_standing import NEVER, Proved
from evalgate.ports import Shelf
from evalgate.prompts import prompt_sha256
from evalgate.records.evaluation import Variant
from evalgate.records.link import Link
from evalgate.records.registry import Registry, RegistryEntry
from evalgate.stages.chain import LAST_DAYS, Judges, Mode, base_in_repository, broken, derived_again, judged_as_today
from evalgate.stages.entry import base_entry, broken_entry
from evalgate.stages.opened import BrokenChainError, Told, adapter_links, manifest_of, read_evidence
from evalgate.stages.workspace import Workspace, open_workspace, read_prompt

WARN_DAYS = 60
"""A provider's end date that is nearer is told."""


def _nothing(_change: Change, _told: Told, _workspace: Workspace) -> Iterator[Link]:
    return iter(())


class Desk(NamedTuple):
    """What every change is held against."""

    policy_path: Path
    """The target branch's policy, beside it all that it names."""
    before: Registry
    """What the target branch registers and serves."""
    after: Registry
    today: str
    """ISO date."""
    places: Callable[[str], tuple[str, ...]]
    """Feature -> where its evidence may lie."""
    shelf: Callable[[str], Shelf]
    """Opens a place."""
    dataset: Callable[[Told], bytes | None]
    """Finds the dataset that evidence is of."""
    beyond: Callable[[Change, Told, Workspace], Iterator[Link]] = _nothing
    """What only some surroundings can tell of a new entry: approvals, the journal, the report in the pull request."""


def prove(desk: Desk, change: Change) -> Proved:
    """A change with what evidence says of it.

    Raises:
        NotMeasured: the evidence could not be reached.
    """
    if change.kind in NEVER or (change.kind == "flag" and change.exposure == "none"):
        return Proved(change, ())
    entry = desk.after.features[change.feature].variants[change.variant]
    if change.exposure == "lower":  # whatever the policy says of the feature by now: taking back must always be possible
        return Proved(change, tuple(_still_there(desk, change, entry)))
    try:
        workspace = open_workspace(desk.policy_path, change.feature)
    except WrongInputError as error:
        return Proved(change, (Link("policy", str(error)),))
    if change.kind == "began" or (entry.adapter is None and entry.evidence is None):
        return Proved(change, tuple(_of_plain_base(entry, workspace, is_new=change.kind in ("began", "added"))))
    return _with_evidence(desk, change, entry, workspace)


def _with_evidence(desk: Desk, change: Change, entry: RegistryEntry, workspace: Workspace) -> Proved:
    """A change that lets a variant reach users, now or one day: its evidence must be a pass that is derived again."""
    mode: Mode = "adding" if change.kind == "added" else "raising"
    judges = Judges(workspace, desk.before, desk.today, desk.dataset)
    told, links = _opened(entry, desk.places(change.feature), desk)
    if told is not None and entry.evidence is not None:
        shelf = desk.shelf(entry.evidence.uri)
        links = (*broken(told, judges, shelf, mode), *broken_entry(change.variant, entry, told, judges, mode))
        if mode == "adding":
            links = (*links, *desk.beyond(change, told, workspace), *_began(desk, change, told, workspace))
    if mode == "adding" and change.exposure == "raise":
        links = (*links, Link("entry.flag", "an entry begins with its flag off, a share of 0, and not as the default"))
    left = entry.days_left(desk.today)
    if left is not None and left < LAST_DAYS:
        links = (*links, Link("sunset", f"its provider ends it on {entry.sunset}"))
    near = f"{change.variant}: its provider ends it on {entry.sunset}" if left is not None and left < WARN_DAYS else None
    return Proved(change, links, None if told is None or links else _found(told, mode), near)


def _found(told: Told, mode: Mode) -> str:
    """What was derived again, in words that are ours: of an entry that stands, the summary of then is somebody's."""
    if mode == "raising":
        return "its evidence was derived again, and is a pass by today's policy"
    return f"derived again from the raw results: **{told.verdict.verdict}**: {told.verdict.summary}"


def _opened(entry: RegistryEntry, places: Sequence[str], desk: Desk) -> tuple[Told | None, tuple[Link, ...]]:
    """The evidence of an entry, or why there is none that counts."""
    if entry.evidence is None:
        return None, (Link("evidence", "the entry names none: let a pull request, or `evalgate registry promote`, write it"),)
    if entry.evidence.uri not in places:
        kept = " or ".join(map(repr, places))
        told = f"lies at {entry.evidence.uri!r}, it is kept at {kept}: nobody brings evidence of their own"
        return None, (Link("evidence", told),)
    try:
        return read_evidence(desk.shelf(entry.evidence.uri), entry.evidence.sha256), ()
    except BrokenChainError as error:
        return None, error.links


def _began(desk: Desk, change: Change, told: Told, workspace: Workspace) -> Iterator[Link]:
    """Whether a feature's first default is the plain base that its first candidate was compared with."""
    if change.feature in desk.before.features:
        return
    known = desk.after.features[change.feature]
    if not isinstance(told.base.header.variant, Variant):  # another link says so
        return
    if known.variants[known.default] != base_entry(told, workspace):
        yield Link("entry", f"the first default {known.default!r} is not the base that was compared")


def _of_plain_base(entry: RegistryEntry, workspace: Workspace, *, is_new: bool) -> Iterator[Link]:
    """Whether an entry without an adapter is the policy's base model, which is what is served without a registry too."""
    said = entry.model_dump(exclude_defaults=True)
    more = sorted(set(said) - {"model", "base_model", "prompt_sha256", "owner", "sunset"})
    if more:
        yield Link("entry", f"{', '.join(more)}: a plain base model has none, nobody trained or judged it")
    if entry.base_model.uri != workspace.feature.base_model or entry.model != entry.base_model.uri:
        yield Link("base", f"{entry.base_model.uri!r} is not the policy's base model {workspace.feature.base_model!r}")
    else:
        yield from base_in_repository(entry.base_model.uri, entry.base_model.sha256, workspace)
    if is_new and entry.owner != workspace.feature.owner:
        yield Link("entry.owner", f"{entry.owner!r} is not whom the policy names")
    if entry.prompt_sha256 != prompt_sha256(read_prompt(workspace)):
        yield Link("prompt", "the entry's prompt is not the policy's")


def _still_there(desk: Desk, change: Change, entry: RegistryEntry) -> Iterator[Link]:
    """Whether what will be served is still there; what exposes less needs no evidence beyond that."""
    left = entry.days_left(desk.today)
    if change.kind != "default":
        return
    if left is not None and left < 0:
        yield Link("sunset", f"its provider ended it on {entry.sunset}")
    if entry.evidence is not None and entry.evidence.uri in desk.places(change.feature):
        shelf = desk.shelf(entry.evidence.uri)
        try:
            manifest = manifest_of(shelf, entry.evidence.sha256)
        except BrokenChainError as error:
            yield from error.links
            return
        yield from adapter_links(manifest, None if entry.adapter is None else entry.adapter.sha256, shelf)


class Stood(NamedTuple):
    """What is left of the proof of an entry that stands."""

    told: Told | None
    """Its evidence; None where that cannot be opened."""
    links: tuple[Link, ...]
    """Every link that does not hold."""
    derived: bool = False
    """True where its verdict was derived again; by other cases or gate settings than then, nobody can."""


def prove_entry(desk: Desk, feature: str, name: str, entry: RegistryEntry) -> Stood:
    """An entry that stands: its evidence is whole, the entry says what follows from it, and its verdict where it still can.

    Raises:
        NotMeasured: the evidence could not be reached.
    """
    told, links = _opened(entry, desk.places(feature), desk)
    if told is None or entry.evidence is None:
        return Stood(None, links)
    workspace = open_workspace(desk.policy_path, feature)
    judges = Judges(workspace, desk.before, desk.today, desk.dataset)
    kept = adapter_links(told.manifest, told.training.candidate.adapter_sha256, desk.shelf(entry.evidence.uri))
    derived = judged_as_today(told, workspace)
    again = derived_again(told, workspace, today=desk.today) if derived else ()
    return Stood(told, (*links, *kept, *broken_entry(name, entry, told, judges, "raising"), *again), derived)
