"""The whole story on one page: a dataset change becomes a verdict."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from evalgate import registry, results, store
from evalgate.ports import Executor, Progress, inline
from evalgate.prompts import prompt_sha256
from evalgate.records.change import DatasetChange
from evalgate.records.check import CheckReport
from evalgate.records.comparison import Comparison
from evalgate.records.evaluation import EvalResults
from evalgate.records.verdict import Verdict
from evalgate.stages.attempts import counted_in
from evalgate.stages.beside import measure_beside
from evalgate.stages.beside_files import write_beside
from evalgate.stages.check import check_change, refuse_errors
from evalgate.stages.contenders import no_secret
from evalgate.stages.deciding import deciding_sha256
from evalgate.stages.evaluate import questions
from evalgate.stages.gate import judge, policy_notes, write_reports
from evalgate.stages.judged import ready_judge
from evalgate.stages.looking import answers_of
from evalgate.stages.regressions import rows_for_review
from evalgate.stages.spread import Cluster
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
    today: str | None = None,
    secret: Callable[[str], SecretStr | None] = no_secret,
    executor: Executor = inline,
    cluster: Cluster | None = None,
) -> Told:
    """check -> train -> evaluate base and candidate -> compare -> decide -> report, all in one run folder.

    The folder's name is made of everything that goes in, so the same story told again finds what is already there, and
    one that was killed goes on where it stopped. `tell` hears a line as each stage begins. Without `attempt` the ledger
    beside the run folders counts. `today` (ISO date) is what waivers expire against; `secret` gives the values of keys.
    `executor` says where variants answer, `cluster` where the candidate is trained: without them, in this process.
    """
    tell("check: is every row well-formed, and none of them a golden case?")
    report, rows = check_change(workspace, dataset)
    refuse_errors(report)
    questions(workspace)  # what would be refused after training is refused before it
    ready_judge(workspace, secret)
    find_variant(workspace, "base", registry_path=places.registry, cache=places.cache)
    assert report.change is not None  # noqa: S101  (check_change always names the change)
    folder = places.runs / run_id(workspace, report.change, places.registry)
    with store.only_one(folder, waiting=lambda: tell(f"another process is at work in {folder}: waiting until it is done")):
        store.write_record(folder / "check.json", report)
        tell(f"train: {report.change.rows} rows of {report.change.path} on {workspace.feature.base_model}")
        told: dict[str, Any] = {"cache": places.cache, "progress": progress, "tell": tell, "cluster": cluster}
        training = train(workspace, report.change, rows, folder, beside=earlier(places.runs, workspace), **told)
        asked: dict[str, Any] = {"registry_path": places.registry, "cache": places.cache, "progress": progress, "tell": tell}
        variants, suites = sides(workspace, folder, places.registry), read_suites(workspace)

        def tries(base: EvalResults, candidate: EvalResults) -> int:
            return attempt or counted_in(folder, workspace.name, base, candidate, suites=suites) or 1

        answers = answers_of(workspace, variants, attempt=tries, today=today, executor=executor, **asked)
        answers, beside = measure_beside(workspace, answers, variants, folder=folder, secret=secret, **asked)
        for side in ("base", "candidate"):
            store.write(folder / f"{side}.results.jsonl", results.serialise(answers[side]))
        write_beside(folder, beside)
        tell("decide: pair the answers case by case, test overall and every bucket, look for unsafe answers")
        attempt = tries(answers["base"], answers["candidate"])
        comparison, verdict = judge(workspace, answers["base"], answers["candidate"], beside=beside, attempt=attempt, today=today)
        notes = policy_notes(workspace.feature, comparison, attempt)
        review = rows_for_review((answers["base"], answers["candidate"]), suites, comparison, verdict)
        write_reports(folder, comparison, verdict, training=training, check=report, notes=notes, review=review)
    return Told(folder, report, comparison, verdict)


def earlier(runs: Path, workspace: Workspace) -> list[Path]:
    """The feature's run folders, the newest first."""
    folders = (path for path in runs.glob(f"{workspace.name}-*") if path.is_dir() and not path.is_symlink())
    return sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)


def sides(workspace: Workspace, folder: Path, registry_path: Path) -> dict[str, str]:
    """Who is asked: base, candidate, and the untuned reference where base is itself a fine-tune."""
    asked = {"base": "base", "candidate": f"candidate:{folder}"}
    known = registry.load(registry_path).features.get(workspace.name)
    if known is not None and known.variants[known.default].adapter is not None:
        asked["reference"] = "reference"
    return asked


def run_id(workspace: Workspace, change: DatasetChange, registry_path: Path) -> str:
    """The run folder's name: feature, dataset version, and a digest of all that goes into the story."""
    suites = [suite.sha256 for suite in read_suites(workspace)] + [deciding_sha256(workspace)]
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
