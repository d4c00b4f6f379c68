"""check: a dataset becomes a report of what is wrong with it, line by line."""

from collections.abc import Sequence
from pathlib import Path

from evalgate import store
from evalgate.checks import Row, check_dataset
from evalgate.errors import DatasetError, NothingThereError
from evalgate.policy import too_small_buckets
from evalgate.prompts import Prompt
from evalgate.records.check import CheckReport, Finding
from evalgate.records.suite import Suite
from evalgate.stages.workspace import (
    Workspace,
    dataset_files,
    find_change,
    golden_scorers,
    open_workspace,
    read_policy,
    read_prompt,
    read_suites,
)

POLICY_CODE = "EG701"
"""A policy that cannot be met by its golden set."""
SHOWN = 10
"""Errors that a refusal spells out."""


def check(paths: Sequence[Path | str] | Path | str) -> CheckReport:
    """All findings on bare dataset files, without a policy.

    Raises:
        PolicyError: a file cannot be opened, or is a link.
    """
    chosen = [Path(path) for path in ([paths] if isinstance(paths, Path | str) else paths)]
    for path in chosen:
        store.refuse_link(path)
    files = [(str(path), store.read(path)) for path in chosen]
    checked = [(path, content, *check_dataset(content, path)) for path, content in files]
    rows = sum(_lines(content) for _, content in files)
    return CheckReport(change=None, rows=rows, findings=tuple(f for _, _, findings, _ in checked for f in findings))


def check_feature(workspace: Workspace, paths: Sequence[Path] = ()) -> CheckReport:
    """The findings on all of a feature's datasets, or on the files that are given; `change` is the newest of them."""
    files = list(paths) or dataset_files(workspace)
    reports = [check_change(workspace, path)[0] for path in files]
    of_policy = [finding for finding in reports[-1].findings if finding.code == POLICY_CODE]
    of_rows = [finding for report in reports for finding in report.findings if finding.code != POLICY_CODE]
    return CheckReport(change=reports[-1].change, rows=sum(report.rows for report in reports), findings=(*of_rows, *of_policy))


def check_policy(policy_path: Path, *, if_any: bool = False) -> CheckReport:
    """The findings on every dataset of every feature of a policy; `change` is the newest of the last feature.

    With `if_any`, a policy or datasets that are not there yet are no fault.

    Raises:
        PolicyError, DatasetError: something else cannot be read.
    """
    try:
        names = list(read_policy(policy_path).features)
    except NothingThereError:
        if not if_any:
            raise
        return CheckReport(rows=0, findings=())
    reports = []
    for workspace in (open_workspace(policy_path, name) for name in names):
        try:
            dataset_files(workspace)
        except NothingThereError:
            if if_any:
                continue
            raise
        reports.append(check_feature(workspace))
    return CheckReport(
        change=reports[-1].change if reports else None,
        rows=sum(report.rows for report in reports),
        findings=tuple(finding for report in reports for finding in report.findings),
    )


def check_change(workspace: Workspace, dataset: Path | None = None) -> tuple[CheckReport, list[Row]]:
    """The findings on a feature's dataset, held against its prompt and its golden set, and the rows that are well-formed."""
    change, content = find_change(workspace, dataset)
    suites = read_suites(workspace)
    prompt = read_prompt(workspace)
    findings, rows = check_dataset(content, change.path, golden=golden_questions(suites), prompt=_system_text(prompt))
    report = CheckReport(change=change, rows=change.rows, findings=(*findings, *_policy_findings(workspace, suites)))
    return report, rows


def golden_questions(suites: Sequence[Suite]) -> dict[str, str]:
    """What golden and safety cases ask, by a name of the turn: no row may teach it."""
    return {
        f"{suite.name}/{case.id}#{i}" if i else f"{suite.name}/{case.id}": turn.content
        for suite in suites
        for case in suite.cases
        for i, turn in enumerate(turn for turn in case.turns if turn.role == "user")
    }


def refuse_errors(report: CheckReport) -> None:
    """Nothing, or an error: every command but `check` refuses a dataset with errors.

    Raises:
        DatasetError: with every error of the report.
    """
    errors = [f"{f.path}:{f.line}: {f.code} {f.message}" for f in report.findings if f.severity == "error"]
    if errors:
        more = [f"and {len(errors) - SHOWN} more errors: `evalgate check` lists them"] if len(errors) > SHOWN else []
        raise DatasetError(*errors[:SHOWN], *more)


def _policy_findings(workspace: Workspace, suites: Sequence[Suite]) -> list[Finding]:
    """Warnings of a policy that no candidate could pass: an empty family of scorers, buckets too small to be held."""
    golden = [case for suite in suites if suite.name == "golden" for case in suite.cases]
    sizes: dict[str, int] = {}
    for case in golden:
        for name, value in case.buckets.items():
            if workspace.feature.buckets is None or name in workspace.feature.buckets:
                sizes[f"{name}/{value}"] = sizes.get(f"{name}/{value}", 0) + 1
    told = too_small_buckets(workspace.feature.gate, sizes)
    if golden and not golden_scorers(workspace):
        told.append(f"features.{workspace.name}.scorers names no scorer: golden cases cannot be scored; set scorers.primary")
    return [Finding(code=POLICY_CODE, severity="warning", path=workspace.path, line=0, message=text) for text in told]


def _system_text(prompt: Prompt) -> str | None:
    return next((turn.content for turn in prompt if turn.role == "system"), None)


def _lines(content: bytes) -> int:
    return content.count(b"\n") + (bool(content) and not content.endswith(b"\n"))
