"""promote: a run that passed becomes an immutable variant in the registry, with its flag off, and its evidence is kept."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from evalgate import registry, store
from evalgate.errors import PolicyError, RegistryError
from evalgate.evidence import PathJournal
from evalgate.records.training import TrainingRun
from evalgate.stages.attempts import judged_until
from evalgate.stages.attesting import signature_links
from evalgate.stages.chain import Judges, broken
from evalgate.stages.entry import compared_entry, entry_of, report_place, served_name, variant_name
from evalgate.stages.gate import read_results
from evalgate.stages.gathering import Gathered, gather
from evalgate.stages.opened import Told, read_evidence
from evalgate.stages.workspace import Workspace

BESIDE = "path:evidence"
"""Where the evidence of runs outside of pull requests is kept when the policy names no place that this machine can write."""


class Promoted(NamedTuple):
    """What was registered."""

    variant: str
    flag: str
    changed: bool
    """False when the entry was there already."""
    evidence: str
    """Where the evidence lies."""


class _Held:
    """A shelf of what is in memory; fulfils `ports.Shelf`."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def read(self, name: str, /) -> bytes | None:
        return self._files.get(name)


def promote(workspace: Workspace, run: Path, registry_path: Path, *, today: str) -> Promoted:
    """Add the run's candidate to the registry. Its verdict is derived again from the raw results; its own word is not taken.

    Evidence is kept first, then the report is put beside the registry, then the entry is written: whoever reads an entry
    finds all that it names.

    Raises:
        RegistryError: a link between the raw results and a pass does not hold, or the registry no longer serves the base
            that was compared.
    """
    gathered = _gathered(workspace, run)
    shelf = _Held(gathered.files)
    told = read_evidence(shelf, gathered.sha256)
    judges = Judges(workspace, registry.load(registry_path), today, dataset_on_disk(workspace))
    problems = (*broken(told, judges, shelf, "adding"), *signature_links(workspace, told.manifest, shelf))
    if problems:
        raise RegistryError(*(f"{run}: not promoted: {link.name}: {link.words}" for link in problems))
    place = local_place(workspace)
    name, against = variant_name(told), served_name(judges)
    entry = entry_of(told, workspace, place, against=against, today=today)
    known = judges.registry.features.get(workspace.name)
    if known is not None and name in known.variants:  # timings differ from run to run, and with them the evidence's digest
        entry = entry.model_copy(update={"evidence": known.variants[name].evidence})
    text = registry_path.read_text(encoding="utf-8") if registry_path.exists() else ""
    added = registry.add_variant(text, workspace.name, name, entry, base=(against, compared_entry(told, judges)))
    if added != text:
        home = registry_path.absolute().parent
        PathJournal(place, root=home).keep(gathered.files)
        store.write(home / report_place(workspace.name, name), told.report)
        store.write(registry_path, added.encode())
    return Promoted(name, entry.flag.name if entry.flag else "", added != text, place)


def local_place(workspace: Workspace) -> str:
    """Where this machine keeps evidence: the policy's place, unless that is a branch, which only pull requests write."""
    named = workspace.feature.evidence
    return BESIDE if named is None or named.startswith("branch:") else named


def _gathered(workspace: Workspace, run: Path) -> Gathered:
    """The run's evidence, with what the ledger beside it says of earlier attempts."""
    trained = store.read_record(run / "training.json", TrainingRun)
    base = read_results(run / "base.results.jsonl")
    attempts = judged_until(run.absolute().parent, workspace.name, base, trained.candidate.adapter_sha256)
    return gather(run, workspace.name, attempts=attempts)


def dataset_on_disk(workspace: Workspace) -> Callable[[Told], bytes | None]:
    """Finds the dataset of a training in the workspace."""

    def found(told: Told) -> bytes | None:
        try:
            return store.read(workspace.root / told.training.change.path)
        except PolicyError:
            return None

    return found
