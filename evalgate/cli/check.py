"""evalgate check."""

from pathlib import Path

import click
from click.core import ParameterSource

from evalgate.cli.options import feature_option, format_option, policy_option
from evalgate.cli.output import machine, say, say_findings
from evalgate.errors import PASSED, REFUSED
from evalgate.judgement.wording import counted
from evalgate.stages import check as stage
from evalgate.stages.workspace import open_workspace


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@policy_option
@feature_option
@click.option("--if-any", is_flag=True, help="A policy or datasets that are not there yet are no fault.")
@format_option
@click.pass_context
def check(ctx: click.Context, paths: tuple[Path, ...], policy_path: Path, feature: str | None, if_any: bool, output: str) -> int:
    """Say what is wrong with a dataset, line by line.

    Without PATHS, checks every version of every feature's dataset (or of --feature's) against its prompt and its golden
    set. With PATHS and --policy or --feature, checks those files in the same way. With PATHS alone, checks the files as
    they are, without a policy: what equals a golden case is not seen then. Exit code 1 when there is an error.
    """
    named = feature is not None or ctx.get_parameter_source("policy_path") is not ParameterSource.DEFAULT
    if paths and not named:
        report = stage.check(paths)
    elif paths or feature is not None:
        report = stage.check_feature(open_workspace(policy_path, feature), paths)
    else:
        report = stage.check_policy(policy_path, if_any=if_any)
    if output == "json":
        machine(report.model_dump(mode="json"))
    say_findings(report.findings)
    errors = sum(finding.severity == "error" for finding in report.findings)
    say(f"{counted(report.rows, 'row')}, {counted(errors, 'error')}, {counted(len(report.findings) - errors, 'other finding')}")
    return REFUSED if report.refused else PASSED
