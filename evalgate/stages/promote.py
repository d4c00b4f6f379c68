"""promote: a run that passed becomes an immutable variant in the registry, with its flag off."""

from pathlib import Path
from typing import NamedTuple

from evalgate import registry, store, suites, weights
from evalgate.errors import RegistryError
from evalgate.records.evaluation import EvalResults, Variant
from evalgate.records.registry import BaseModelRef, Flag, Located, RegistryEntry
from evalgate.records.training import TrainingRun
from evalgate.records.verdict import Verdict
from evalgate.stages.gate import judge, read_results
from evalgate.stages.workspace import Workspace, read_suites


class Promoted(NamedTuple):
    """What was registered."""

    variant: str
    flag: str
    changed: bool
    """False when the entry was there already."""


def promote(workspace: Workspace, run: Path, registry_path: Path, *, today: str) -> Promoted:
    """Add the run's candidate to the registry. The verdict is derived again from the raw results; its own word is not taken.

    Raises:
        RegistryError: the verdict is not pass, safety was not measured, provenance is missing, bytes are not what was
            recorded, or the registry no longer serves the base that was compared.
    """
    base, candidate = (read_results(run / f"{side}.results.jsonl") for side in ("base", "candidate"))
    training = store.read_record(run / "training.json", TrainingRun)
    recorded = store.read_record(run / "verdict.json", Verdict)
    reference = read_results(run / "reference.results.jsonl") if (run / "reference.results.jsonl").exists() else None
    comparison, verdict = judge(workspace, base, candidate, reference=reference, attempt=recorded.attempt)
    problems = []
    if verdict != recorded:
        problems.append("the verdict does not follow from the raw results under this policy: run the gate again")
    if verdict.verdict != "pass":
        problems.append(f"the verdict is {verdict.verdict}: {verdict.summary}")
    if comparison.safety is None:
        problems.append("safety was not measured")
    if not comparison.has_provenance:
        problems.append("the results do not say what answered, on what, and how")
    if weights.adapter_digest(run / training.candidate.adapter) != training.candidate.adapter_sha256:
        problems.append("the adapter's files are not the ones that were trained")
    if _adapter(candidate) != training.candidate.adapter_sha256:
        problems.append("the candidate's results are of another adapter")
    if problems:
        raise RegistryError(*(f"{run}: not promoted: {problem}" for problem in problems))
    name = f"ft-{training.change.version.removeprefix('ft-')}"
    served = _served(workspace, registry_path, base)
    entry = _entry(workspace, run, registry_path, training, today).model_copy(update={"judged_against": served[0]})
    text = registry_path.read_text(encoding="utf-8") if registry_path.exists() else ""
    added = registry.add_variant(text, workspace.name, name, entry, base=served)
    if added != text:
        store.write(registry_path, added.encode())
    return Promoted(name, str(entry.flag.name if entry.flag else ""), added != text)


def _served(workspace: Workspace, registry_path: Path, base: EvalResults) -> tuple[str, RegistryEntry]:
    """Name and entry of the variant that was compared, held against what the registry serves now.

    Raises:
        RegistryError: the registry serves something else by now.
    """
    compared = base.header.variant
    if not isinstance(compared, Variant):
        raise RegistryError("base's results do not say which variant answered")
    known = registry.load(registry_path).features.get(workspace.name)
    if known is None:
        reference = BaseModelRef(uri=compared.model, sha256=compared.model_sha256)
        plain = RegistryEntry(model=compared.model, base_model=reference, prompt_sha256=compared.prompt_sha256)
        return "base", plain.model_copy(update={"owner": workspace.feature.owner})
    default = known.variants[known.default]
    serves = (default.base_model.sha256, default.adapter.sha256 if default.adapter else None)
    if serves != (compared.model_sha256, compared.adapter_sha256):
        raise RegistryError(
            f"{registry_path}: {workspace.name} serves {known.default!r} now, which is not the base that was compared: "
            "run the comparison again"
        )
    return known.default, default


def _entry(workspace: Workspace, run: Path, registry_path: Path, training: TrainingRun, today: str) -> RegistryEntry:
    def located(path: Path, sha256: str) -> Located:
        home = registry_path.absolute().parent
        inside = path.absolute().is_relative_to(home)
        return Located(uri=f"path:{path.absolute().relative_to(home) if inside else path.absolute()}", sha256=sha256)

    known = read_suites(workspace)
    candidate = training.candidate
    verdict = store.read_record(run / "verdict.json", Verdict)
    version = training.change.version.removeprefix("ft-")
    return RegistryEntry(
        model="adapter",
        base_model=BaseModelRef(uri=candidate.base_model, sha256=candidate.base_sha256),
        prompt_sha256=training.prompt_sha256,
        dataset=Located(uri=f"path:{training.change.path}", sha256=training.change.sha256),
        dataset_version=training.change.version,
        training_job=run.name,
        adapter=located(run / candidate.adapter, candidate.adapter_sha256),
        report=located(run / "report.md", weights.file_sha256(run / "report.md")),
        evidence=located(run, weights.file_sha256(run / "verdict.json")),
        golden_sha256=next(s.sha256 for s in known if s.name == "golden"),
        safety_sha256=suites.suites_sha256(s for s in known if s.name != "golden"),
        policy_sha256=verdict.policy_sha256,
        owner=workspace.feature.owner,
        registered_at=today,
        flag=Flag(name=f"{workspace.name}-ft-{version}"),
    )


def _adapter(results: EvalResults) -> str | None:
    variant = results.header.variant
    return variant.adapter_sha256 if isinstance(variant, Variant) else None
