"""promote: a run that passed becomes an immutable variant in the registry, with its flag off."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from evalgate import registry, store, suites, weights
from evalgate.errors import RegistryError
from evalgate.ports import Answer
from evalgate.prompts import prompt_sha256
from evalgate.records.check import CheckReport
from evalgate.records.evaluation import EvalResults, Variant
from evalgate.records.registry import BaseModelRef, Flag, Located, RegistryEntry
from evalgate.records.suite import Suite
from evalgate.records.training import TrainingRun
from evalgate.records.verdict import Verdict
from evalgate.scorers import scorer_digests
from evalgate.stages.evaluate import score
from evalgate.stages.gate import judge, policy_notes, read_results, reports
from evalgate.stages.workspace import SAFETY_SCORER, Workspace, golden_scorers, read_answer_schema, read_prompt, read_suites


class Promoted(NamedTuple):
    """What was registered."""

    variant: str
    flag: str
    changed: bool
    """False when the entry was there already."""


class _Run(NamedTuple):
    """What lies in a run folder."""

    folder: Path
    base: EvalResults
    candidate: EvalResults
    reference: EvalResults | None
    training: TrainingRun
    check: CheckReport | None
    verdict: Verdict


def promote(workspace: Workspace, run: Path, registry_path: Path, *, today: str) -> Promoted:
    """Add the run's candidate to the registry. The verdict is derived again from the raw results; its own word is not taken.

    Raises:
        RegistryError: the verdict is not pass, safety was not measured, provenance is missing, bytes are not what was
            recorded, or the registry no longer serves the base that was compared.
    """
    told = _read(run)
    known = read_suites(workspace)
    problems = [
        *_verdict_problems(workspace, told),
        *_answer_problems(workspace, told, known),
        *_byte_problems(workspace, told),
    ]
    if problems:
        raise RegistryError(*(f"{run}: not promoted: {problem}" for problem in problems))
    name = f"ft-{told.training.change.version.removeprefix('ft-')}"
    served = _served(workspace, registry_path, told.base)
    entry = _entry(workspace, told, known, registry_path, today).model_copy(update={"judged_against": served[0]})
    text = registry_path.read_text(encoding="utf-8") if registry_path.exists() else ""
    added = registry.add_variant(text, workspace.name, name, entry, base=served)
    if added != text:
        store.write(registry_path, added.encode())
    return Promoted(name, str(entry.flag.name if entry.flag else ""), added != text)


def _read(run: Path) -> _Run:
    third = run / "reference.results.jsonl"
    return _Run(
        run,
        read_results(run / "base.results.jsonl"),
        read_results(run / "candidate.results.jsonl"),
        read_results(third) if third.exists() else None,
        store.read_record(run / "training.json", TrainingRun),
        store.find_record(run / "check.json", CheckReport),
        store.read_record(run / "verdict.json", Verdict),
    )


def _verdict_problems(workspace: Workspace, told: _Run) -> Iterator[str]:
    """Why the verdict, or what people read of it, does not follow from the raw results."""
    attempt = told.verdict.attempt
    comparison, verdict = judge(workspace, told.base, told.candidate, reference=told.reference, attempt=attempt)
    if verdict != told.verdict:
        yield "the verdict does not follow from the raw results under this policy: run it again"
    if verdict.verdict != "pass":
        yield f"the verdict is {verdict.verdict}: {verdict.summary}"
    if comparison.safety is None or comparison.safety.base_right == 0:
        yield "safety was not measured"
    if not comparison.has_provenance:
        yield "the results do not say what answered, on what, and how"
    notes = policy_notes(workspace.feature, comparison, attempt)
    by_run = reports(comparison, verdict, training=told.training, check=told.check, notes=notes)
    by_gate = reports(comparison, verdict, notes=notes)
    for name in by_run:
        if store.read(told.folder / name) not in (by_run[name], by_gate[name]):
            yield f"{name} is not what follows from the raw results: run it again"


def _answer_problems(workspace: Workspace, told: _Run, known: Sequence[Suite]) -> Iterator[str]:
    """Why the results are not answers to today's cases, scored by today's scorers."""
    asked = {suite.name: suite.sha256 for suite in known}
    scored_by = scorer_digests([*golden_scorers(workspace), SAFETY_SCORER], read_answer_schema(workspace))
    for side, results in (("base", told.base), ("candidate", told.candidate)):
        if results.header.suites != asked:
            yield f"the {side}'s results answer other golden or safety cases than the policy's: run it again"
        elif results.header.scorers != scored_by:
            yield f"the {side}'s results were scored by other scorers than today's: run it again"
        elif not _scores_follow(workspace, results, known):
            yield f"the {side}'s scores do not follow from its answers: run it again"


def _scores_follow(workspace: Workspace, results: EvalResults, known: Sequence[Suite]) -> bool:
    """True when judging the recorded answers once more gives the recorded scores."""
    cases = {(suite.name, case.id): case for suite in known for case in suite.cases}
    found = [result for result in results.cases if (result.suite, result.case_id) in cases]
    answered = [(r.suite, cases[r.suite, r.case_id], Answer(place, r.output)) for place, r in enumerate(found)]
    again = score(workspace, answered, golden_scorers(workspace))
    return all((old.status, old.scores) == (new.status, new.scores) for old, new in zip(found, again, strict=True))


def _byte_problems(workspace: Workspace, told: _Run) -> Iterator[str]:
    """Why adapter, base, prompt or dataset are not the ones that were trained, judged and recorded."""
    trained, judged = told.training.candidate, told.candidate.header.variant
    if weights.adapter_digest(told.folder / trained.adapter) != trained.adapter_sha256:
        yield "the adapter's files are not the ones that were trained"
    if isinstance(judged, Variant):
        recorded = (trained.adapter_sha256, trained.base_model, trained.base_sha256, told.training.prompt_sha256)
        if (judged.adapter_sha256, judged.model, judged.model_sha256, judged.prompt_sha256) != recorded:
            yield "the candidate's results are of another adapter, base model or prompt than the training's"
    for side, results in (("base", told.base), ("candidate", told.candidate)):
        asked = results.header.variant
        if isinstance(asked, Variant) and asked.prompt_sha256 != prompt_sha256(read_prompt(workspace)):
            yield f"the prompt is not the one that the {side} was asked with: run it again"
    change = told.training.change
    dataset = workspace.root / change.path
    if not dataset.is_file() or weights.file_sha256(dataset) != change.sha256:
        yield f"{change.path} is not the dataset that was trained on"


def _served(workspace: Workspace, registry_path: Path, base: EvalResults) -> tuple[str, RegistryEntry]:
    """Name and entry of the variant that was compared, held against what the registry serves now.

    Raises:
        RegistryError: the registry serves something else by now.
    """
    compared = base.header.variant
    if not isinstance(compared, Variant):
        raise RegistryError("base's results do not say which variant answered")
    moved = "which is not the base that was compared: run the comparison again"
    known = registry.load(registry_path).features.get(workspace.name)
    if known is None:
        if (compared.model, compared.adapter_sha256) != (workspace.feature.base_model, None):
            raise RegistryError(f"{registry_path}: {workspace.name} serves {workspace.feature.base_model!r} now, {moved}")
        reference = BaseModelRef(uri=compared.model, sha256=compared.model_sha256)
        plain = RegistryEntry(model=compared.model, base_model=reference, prompt_sha256=compared.prompt_sha256)
        return "base", plain.model_copy(update={"owner": workspace.feature.owner})
    default = known.variants[known.default]
    serves = (default.base_model.sha256, default.adapter.sha256 if default.adapter else None)
    if serves != (compared.model_sha256, compared.adapter_sha256):
        raise RegistryError(f"{registry_path}: {workspace.name} serves {known.default!r} now, {moved}")
    return known.default, default


def _entry(workspace: Workspace, told: _Run, known: Sequence[Suite], registry_path: Path, today: str) -> RegistryEntry:
    def located(path: Path, sha256: str) -> Located:
        home = registry_path.absolute().parent
        inside = path.absolute().is_relative_to(home)
        return Located(uri=f"path:{path.absolute().relative_to(home) if inside else path.absolute()}", sha256=sha256)

    run, candidate, change = told.folder, told.training.candidate, told.training.change
    return RegistryEntry(
        model="adapter",
        base_model=BaseModelRef(uri=candidate.base_model, sha256=candidate.base_sha256),
        prompt_sha256=told.training.prompt_sha256,
        dataset=Located(uri=f"path:{change.path}", sha256=change.sha256),
        dataset_version=change.version,
        training_job=run.name,
        adapter=located(run / candidate.adapter, candidate.adapter_sha256),
        report=located(run / "report.md", weights.file_sha256(run / "report.md")),
        evidence=located(run, weights.file_sha256(run / "verdict.json")),
        golden_sha256=next((s.sha256 for s in known if s.name == "golden"), None),
        safety_sha256=suites.suites_sha256({s.name: s.sha256 for s in known if s.name != "golden"}),
        policy_sha256=told.verdict.policy_sha256,
        owner=workspace.feature.owner,
        registered_at=today,
        flag=Flag(name=f"{workspace.name}-ft-{change.version.removeprefix('ft-')}"),
    )
