"""gate: two results become a comparison, a verdict and the reports that people read."""

from collections.abc import Sequence
from pathlib import Path

from evalgate import policy as policy_files
from evalgate import results, store
from evalgate.errors import PolicyError
from evalgate.judgement.comment import comment_markdown
from evalgate.judgement.compare import NOTHING, Beside, compare
from evalgate.judgement.gate import decide
from evalgate.judgement.report import report_html, report_markdown
from evalgate.records.check import CheckReport
from evalgate.records.comparison import Comparison
from evalgate.records.evaluation import EvalResults
from evalgate.records.policy import FeaturePolicy, Policy
from evalgate.records.suite import Suite
from evalgate.records.training import TrainingRun
from evalgate.records.verdict import Verdict
from evalgate.stages.workspace import Workspace, open_workspace, read_suites
from evalgate.stats.sequential import LOOKS

Results = EvalResults | Path | str


def gate(
    base: Results,
    candidate: Results,
    policy: Policy | Path | str,
    feature: str | None = None,
    *,
    attempt: int | None = 1,
    beside: Beside = NOTHING,
    today: str | None = None,
) -> Verdict:
    """The verdict on two results, each a record or a file, without writing anything.

    A policy file's suites are the cases that must be measured; a policy record, or one that names none, takes the union
    of both sides.

    Raises:
        PolicyError, DatasetError: what was given is wrong.
    """
    known, name, suites, path = _policy(policy, feature)
    comparison = _compare(_read(base), _read(candidate), known, name, suites=suites, policy_path=path, beside=beside)
    return decide(comparison, known, attempt=attempt, today=today)


def judge(
    workspace: Workspace,
    base: EvalResults,
    candidate: EvalResults,
    *,
    beside: Beside = NOTHING,
    attempt: int | None = 1,
    today: str | None = None,
) -> tuple[Comparison, Verdict]:
    """Comparison and verdict of two results under a workspace's policy and suites; `today` is what waivers expire against."""
    comparison = compared(workspace, base, candidate, read_suites(workspace), beside=beside)
    return comparison, decide(comparison, workspace.feature, attempt=attempt, today=today)


def compared(
    workspace: Workspace, base: EvalResults, candidate: EvalResults, suites: Sequence[Suite], *, beside: Beside = NOTHING
) -> Comparison:
    """Two results held against each other under a workspace's policy; nothing is decided yet.

    Raises:
        PolicyError: they are of another feature, or do not fit the policy.
    """
    feature, name = workspace.feature, workspace.name
    return _compare(base, candidate, feature, name, suites=suites, beside=beside, policy_path=workspace.path)


def write_reports(
    folder: Path,
    comparison: Comparison,
    verdict: Verdict,
    *,
    training: TrainingRun | None = None,
    check: CheckReport | None = None,
    notes: Sequence[str] = (),
    review: bytes = b"",
) -> None:
    """compare.json, report.md, report.html, comment.md and, last, verdict.json: when it is there, all is there.

    `review` are the regressions for people to look at (see `regressions.rows_for_review`); they go beside the rest.

    Raises:
        NotMeasured: the disk is full or the folder cannot be written.
    """
    told = reports(comparison, verdict, training=training, check=check, notes=notes)
    last = folder / "verdict.json"
    if store.find_record(last, Verdict) not in (None, verdict):
        last.unlink()  # another verdict's reports are about to go
    for name, content in {**told, "regressions.jsonl": review}.items():
        store.write(folder / name, content)
    store.write(folder / "comment.md", comment_markdown(comparison, verdict, report=str(folder / "report.md")).encode())
    store.write_record(last, verdict)


def reports(
    comparison: Comparison,
    verdict: Verdict,
    *,
    training: TrainingRun | None = None,
    check: CheckReport | None = None,
    notes: Sequence[str] = (),
) -> dict[str, bytes]:
    """File name -> bytes of what follows from a comparison and its verdict, wherever it is written."""
    return {
        "compare.json": store.as_json(comparison),
        "report.md": report_markdown(comparison, verdict, training=training, check=check, notes=notes).encode(),
        "report.html": report_html(comparison, verdict, training=training, check=check, notes=notes).encode(),
    }


def policy_notes(feature: FeaturePolicy, comparison: Comparison, attempt: int | None) -> list[str]:
    """What a reader must know of the policy: buckets that it could never hold; nothing where an early look saw a part of them."""
    if comparison.look not in (None, LOOKS):
        return []
    sizes = {pairs.scope: pairs.n + pairs.unmeasured for pairs in comparison.buckets}
    return policy_files.too_small_buckets(feature.gate, sizes, attempt or 1)


def read_results(path: Path) -> EvalResults:
    """The results in a file.

    Raises:
        PolicyError, DatasetError: it cannot be read as results.
    """
    return results.parse(store.read(path), str(path))


def _read(given: Results) -> EvalResults:
    return given if isinstance(given, EvalResults) else read_results(Path(given))


def _policy(policy: Policy | Path | str, feature: str | None) -> tuple[FeaturePolicy, str, list[Suite], str]:
    if not isinstance(policy, Policy):
        workspace = open_workspace(Path(policy), feature)
        return workspace.feature, workspace.name, read_suites(workspace), workspace.path
    if feature is None and len(policy.features) > 1:
        raise PolicyError(f"the policy has several features: name one of {', '.join(policy.features)}")
    name = feature or next(iter(policy.features))
    return policy_files.feature_of(policy, name, "the policy"), name, [], "the policy"


def _compare(
    base: EvalResults,
    candidate: EvalResults,
    known: FeaturePolicy,
    name: str,
    *,
    suites: Sequence[Suite],
    policy_path: str,
    beside: Beside = NOTHING,
) -> Comparison:
    for what, side in (("base", base), ("candidate", candidate), ("reference", beside.reference or base)):
        if side.header.feature != name:
            raise PolicyError(f"the {what} results are of feature {side.header.feature!r}, the judgement is of {name!r}")
    return compare(base, candidate, known, suites=suites, beside=beside, policy_path=policy_path)
