"""The entry of the registry that follows from evidence, field by field."""

from datetime import date, datetime

from evalgate import store, suites
from evalgate.records.evaluation import Variant
from evalgate.records.evidence import adapter_place
from evalgate.records.link import Link
from evalgate.records.registry import BaseModelRef, Flag, Located, RegistryEntry
from evalgate.stages.chain import Judges, Mode
from evalgate.stages.opened import BrokenChainError, Told
from evalgate.stages.workspace import Workspace


def broken_entry(name: str, entry: RegistryEntry, told: Told, judges: Judges, mode: Mode) -> tuple[Link, ...]:
    """Every field of an entry that is not what follows from its evidence; flag position, time and end date apart."""
    place = entry.evidence.uri if entry.evidence else ""
    against = served_name(judges) if mode == "adding" else entry.judged_against
    follows = entry_of(told, judges.workspace, place, against=against or "", today="")
    right = variant_name(told)
    named = [] if name == right else [Link("entry", f"{name!r} is not the name that its evidence gives: {right!r}")]
    apart = {"flag", "registered_at", "sunset", *(["owner"] if mode == "raising" else [])}
    differ = [
        field for field in RegistryEntry.model_fields if field not in apart and getattr(entry, field) != getattr(follows, field)
    ]
    if (entry.flag and entry.flag.name) != (follows.flag and follows.flag.name):
        differ.append("flag")
    links = [*named, *(Link(f"entry.{field}", "is not what follows from the evidence") for field in differ)]
    if mode == "adding" and not _is_before(entry.registered_at, judges.today):
        told_at = f"{entry.registered_at!r} is no time in UTC up to now, such as {judges.today}T00:00:00Z"
        links.append(Link("entry.registered_at", told_at))
    return tuple(links)


def _is_before(moment: str | None, today: str) -> bool:
    """True for a time as we write it that is not after `today`: later trainings ask which entry is the newest."""
    try:
        return moment is not None and datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").date() <= date.fromisoformat(today[:10])
    except ValueError:
        return False


def variant_name(told: Told) -> str:
    """The name of a variant, after the dataset's version."""
    return f"ft-{told.training.change.version.removeprefix('ft-')}"


def report_place(feature: str, variant: str) -> str:
    """Where the report lies, from the registry's folder."""
    return f"reports/{feature}/{variant}.md"


def served_name(judges: Judges) -> str:
    """The variant that the target branch serves by default, by its name."""
    known = judges.registry.features.get(judges.workspace.name)
    return "base" if known is None else known.default


def entry_of(told: Told, workspace: Workspace, place: str, *, against: str, today: str) -> RegistryEntry:
    """The entry that follows from evidence that lies at `place`, of a candidate compared with the variant `against`."""
    name, candidate, change = variant_name(told), told.training.candidate, told.training.change
    asked = dict(told.candidate.header.suites)
    report = f"path:{report_place(workspace.name, name)}"
    return RegistryEntry(
        model="adapter",
        base_model=BaseModelRef(uri=candidate.base_model, sha256=candidate.base_sha256),
        prompt_sha256=told.training.prompt_sha256,
        dataset=Located(uri=f"path:{change.path}", sha256=change.sha256),
        dataset_version=change.version,
        training_job=told.manifest.run,
        adapter=Located(uri=f"{place}/{adapter_place(candidate.adapter_sha256)}", sha256=candidate.adapter_sha256),
        report=Located(uri=report, sha256=store.key_of_bytes(told.report)),
        evidence=Located(uri=place, sha256=told.sha256),
        golden_sha256=asked.pop("golden", None),
        safety_sha256=suites.suites_sha256(asked),
        policy_sha256=told.verdict.policy_sha256,
        judged_against=against,
        owner=workspace.feature.owner,
        approved_by=told.manifest.approved_by,
        registered_at=today,
        flag=Flag(name=f"{workspace.name}-{name}"),
    )


def compared_entry(told: Told, judges: Judges) -> RegistryEntry:
    """The entry that the candidate was compared with: what the registry serves, or the plain base where it has none yet.

    Raises:
        BrokenChainError: the results do not say what answered.
    """
    known = judges.registry.features.get(judges.workspace.name)
    return base_entry(told, judges.workspace) if known is None else known.variants[known.default]


def base_entry(told: Told, workspace: Workspace) -> RegistryEntry:
    """The entry of the plain base model that a feature's first candidate was compared with.

    Raises:
        BrokenChainError: the results do not say what answered.
    """
    compared = told.base.header.variant
    if not isinstance(compared, Variant):
        raise BrokenChainError(Link("base", "its results do not say which variant answered"))
    reference = BaseModelRef(uri=compared.model, sha256=compared.model_sha256)
    return RegistryEntry(
        model=compared.model, base_model=reference, prompt_sha256=compared.prompt_sha256, owner=workspace.feature.owner
    )
