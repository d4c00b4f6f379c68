"""verify on this machine: the registry in a working tree, with the evidence that this machine can reach."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from evalgate import registry
from evalgate.evidence import open_shelf
from evalgate.judgement.registry_change import Change, changes
from evalgate.judgement.registry_standing import Proved
from evalgate.records.evidence import adapter_place, object_place
from evalgate.records.link import Link
from evalgate.records.registry import Registry, RegistryEntry
from evalgate.stages.attesting import signature_links
from evalgate.stages.opened import Told, manifest_of
from evalgate.stages.promote import dataset_on_disk, local_place
from evalgate.stages.verify import Desk, prove, prove_entry
from evalgate.stages.workspace import EVIDENCE, Workspace, open_workspace

SINCE = " (as its evidence says: cases or gate settings changed since, so nobody derives that again)"


def verify_change(policy_path: Path, before: Path, after: Path, *, now: datetime) -> tuple[Proved, ...]:
    """Every change from one registry file to another, by the policy and suites beside `policy_path`: the target branch's.

    What only GitHub knows, whose approvals count and what the journal says, is told by `registry verify --pull`.

    Raises:
        RegistryError, PolicyError: a file is wrong.
        NotMeasured: the evidence could not be reached.
    """
    home, today = after.absolute().parent, now.date().isoformat()
    desk = desk_here(policy_path, registry.existing(before), registry.existing(after), home, today=today)
    return tuple(prove(desk, change) for change in changes(desk.before, desk.after))


def verify_entries(policy_path: Path, path: Path, feature: str | None, *, now: datetime) -> tuple[Proved, ...]:
    """Every entry that stands and names evidence: whole, of one another, and the entry is what follows from it.

    Its verdict is derived again, unless cases or gate settings changed since: then that is said.

    Raises:
        RegistryError, PolicyError: a file is wrong.
        NotMeasured: the evidence could not be reached.
    """
    known = registry.existing(path)
    features = [feature] if feature is not None else list(known.features)
    desk = desk_here(policy_path, known, known, path.absolute().parent, today=now.date().isoformat())
    found = []
    for name in features:
        for variant, entry in registry.feature_of(known, name).variants.items():
            if entry.evidence is None and entry.adapter is None:
                continue
            told, links, derived = prove_entry(desk, name, variant, entry)
            change, words = Change("added", name, variant, "none", f"{name}: {variant}"), None
            if told is not None and entry.evidence is not None:
                workspace = open_workspace(policy_path, name)
                links = (*links, *signature_links(workspace, told.manifest, desk.shelf(entry.evidence.uri)))
                words = f"{told.verdict.verdict}: {told.verdict.summary}{'' if derived else SINCE}"
            found.append(Proved(change, links, words))
    return tuple(found)


def evidence_files(entry: RegistryEntry, path: Path) -> dict[str, dict[str, str | bool]]:
    """Name -> place, sha256 and whether it is there, of all that an entry's evidence holds; empty where it has none.

    Raises:
        BrokenChainError: the manifest is missing, or another.
        NotMeasured: the evidence could not be reached.
    """
    if entry.evidence is None:
        return {}
    shelf = open_shelf(entry.evidence.uri, root=path.absolute().parent)
    manifest = manifest_of(shelf, entry.evidence.sha256)
    places = {name: (object_place(name, digest), digest) for name, digest in manifest.files.items()}
    places |= {
        f"adapter/{n}": (adapter_place(manifest.adapter_sha256 or "", n), digest) for n, digest in manifest.adapter.items()
    }
    return {
        name: {"place": place, "sha256": digest, "there": shelf.read(place) is not None}
        for name, (place, digest) in places.items()
    }


def desk_here(policy_path: Path, before: Registry, after: Registry, home: Path, *, today: str) -> Desk:
    """What changes and entries are held against with what this machine has; `home` is the registry's folder."""

    def places(feature: str) -> tuple[str, ...]:
        workspace = open_workspace(policy_path, feature)
        return tuple(dict.fromkeys((workspace.feature.evidence or EVIDENCE, local_place(workspace))))

    def beyond(change: Change, told: Told, workspace: Workspace) -> Iterator[Link]:
        evidence = after.features[change.feature].variants[change.variant].evidence
        if evidence is not None:
            yield from signature_links(workspace, told.manifest, open_shelf(evidence.uri, root=home))

    def dataset(told: Told) -> bytes | None:
        return dataset_on_disk(open_workspace(policy_path, told.manifest.feature))(told)

    return Desk(
        policy_path=policy_path,
        before=before,
        after=after,
        today=today,
        places=places,
        shelf=lambda uri: open_shelf(uri, root=home),
        dataset=dataset,
        beyond=beyond,
    )
