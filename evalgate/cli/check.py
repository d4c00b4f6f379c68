"""evalgate check."""

from pathlib import Path

import click

from evalgate.cli.options import feature_option, format_option, policy_option
from evalgate.cli.output import machine, say, say_findings
from evalgate.errors import PASSED, REFUSED
from evalgate.records.check import CheckReport
from evalgate.stages import check as stage
from evalgate.stages.workspace import open_workspace


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@policy_option
@feature_option
@format_option
def check(paths: tuple[Path, ...], policy_path: Path, feature: str | None, output: str) -> int:
    """Say what is wrong with a dataset, line by line.

    With PATHS, checks those files alone and needs no policy. Without, checks the feature's newest dataset against its
    prompt and its golden set. Exit code 1 when there is an error.
    """
    report = stage.check(paths) if paths and feature is None else _with_policy(paths, policy_path, feature)
    if output == "json":
        machine(report.model_dump(mode="json"))
    say_findings(report.findings)
    errors = sum(finding.severity == "error" for finding in report.findings)
    say(f"{report.rows} rows, {errors} errors, {len(report.findings) - errors} other findings")
    return REFUSED if report.refused else PASSED


def _with_policy(paths: tuple[Path, ...], policy_path: Path, feature: str | None) -> CheckReport:
    if len(paths) > 1:
        raise click.UsageError("with --feature, one dataset at a time")
    report, _ = stage.check_change(open_workspace(policy_path, feature), paths[0] if paths else None)
    return report
