"""The whole story on one page: a dataset change becomes a verdict."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from evalgate import registry, results, store
from evalgate.ports import Progress
from evalgate.prompts import prompt_sha256
from evalgate.records.change import DatasetChange
from evalgate.records.check import CheckReport
from evalgate.records.comparison import Comparison
from evalgate.records.verdict import Verdict
from evalgate.stages.attempts import counted
from evalgate.stages.check import check_change, refuse_errors
from evalgate.stages.evaluate import evaluate, questions
from evalgate.stages.gate import judge, policy_notes, write_reports
from evalgate.stages.train import train
from evalgate.stages.variants import find_variant
from evalgate.stages.workspace import Workspace, read_prompt, read_suites


class Told(NamedTuple):
    """How the story ended."""

    folder: Path
    check: CheckReport
    comparison: Comparison
    verdict: Verdict


class Places(NamedTuple):
    """Where a story reads and writes."""

    runs: Path
    registry: Path
    cache: Path


def run(
    workspace: Workspace,
    places: Places,
    *,
    progress: Progress,
    tell: Callable[[str], object] = str,
    dataset: Path | None = None,
    attempt: int | None = None,
) -> Told:
    """check -> train -> evaluate base and candidate -> compare -> decide -> report, all in one run folder.

    The folder's name is made of everything that goes in, so the same story told again finds what is already there, and
    one that was killed goes on where it stopped. `tell` hears a line as each stage begins. Without `attempt` the ledger
    beside the run folders counts.
    """
    tell("check: is every row well-formed, and none of them a golden case?")
    report, rows = check_change(workspace, dataset)
    refuse_errors(report)
    questions(workspace)  # what would be refused after training is refused before it
    find_variant(workspace, "base", registry_path=places.registry, cache=places.cache)
    assert report.change is not None  # noqa: S101  (check_change always names the change)
    folder = places.runs / run_id(workspace, report.change, places.registry)
    with store.only_one(folder, waiting=lambda: tell(f"another process is at work in {folder}: waiting until it is done")):
        store.write_record(folder / "check.json", report)
        tell(f"train: {report.change.rows} rows of {report.change.path} on {workspace.feature.base_model}")
        training = train(workspace, report.change, rows, folder, cache=places.cache, progress=progress, tell=tell)
        answers = {}
        for side, variant in sides(workspace, folder, places.registry).items():
            tell(f"evaluate {side}: golden and safety suites, same prompt, same decoding")
            answers[side] = evaluate(
                workspace, variant, registry_path=places.registry, cache=places.cache, progress=progress, tell=tell
            )
            store.write(folder / f"{side}.results.jsonl", results.serialise(answers[side]))
        tell("decide: pair the answers case by case, test overall and every bucket, look for unsafe answers")
        if attempt is None:
            attempt = len(counted(places.runs, workspace.name, answers["base"], training.candidate.adapter_sha256))
        comparison, verdict = judge(
            workspace, answers["base"], answers["candidate"], reference=answers.get("reference"), attempt=attempt
        )
        notes = policy_notes(workspace.feature, comparison, attempt)
        write_reports(folder, comparison, verdict, training=training, check=report, notes=notes)
    return Told(folder, report, comparison, verdict)


def sides(workspace: Workspace, folder: Path, registry_path: Path) -> dict[str, str]:
    """Who is asked: base, candidate, and the untuned reference where base is itself a fine-tune."""
    asked = {"base": "base", "candidate": f"candidate:{folder}"}
    known = registry.load(registry_path).features.get(workspace.name)
    if known is not None and known.variants[known.default].adapter is not None:
        asked["reference"] = "reference"
    return asked


def run_id(workspace: Workspace, change: DatasetChange, registry_path: Path) -> str:
    """The run folder's name: feature, dataset version, and a digest of all that goes into the story."""
    suites = [suite.sha256 for suite in read_suites(workspace)]
    served = _served(workspace, registry_path)
    parts = (change.sha256, workspace.feature.model_dump_json(), prompt_sha256(read_prompt(workspace)), suites, served)
    return f"{workspace.name}-{change.version}-{store.key_of(*parts)[:12]}"


def _served(workspace: Workspace, registry_path: Path) -> tuple[str, str | None] | None:
    """Digests of what base is; None while it is the policy's own base model, registered or not."""
    known = registry.load(registry_path).features.get(workspace.name)
    entry = None if known is None else known.variants[known.default]
    if entry is None or (entry.adapter is None and entry.base_model.uri == workspace.feature.base_model):
        return None
    return entry.base_model.sha256, entry.adapter.sha256 if entry.adapter else None
