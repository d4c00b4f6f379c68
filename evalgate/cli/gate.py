"""evalgate gate."""

from pathlib import Path

import click

from evalgate.cli.options import MOST_ATTEMPTS, feature_option, format_option, policy_option
from evalgate.cli.output import EXIT_OF, machine, say, say_verdict
from evalgate.stages.attempts import counted_in
from evalgate.stages.gate import judge, policy_notes, read_results, write_reports
from evalgate.stages.workspace import open_workspace


@click.command()
@click.option("--base", "base_path", type=click.Path(path_type=Path), required=True, help="Results file of the base.")
@click.option("--candidate", "candidate_path", type=click.Path(path_type=Path), required=True, help="Results of the candidate.")
@click.option("--reference", "reference_path", type=click.Path(path_type=Path), default=None, help="Results of the untuned base.")
@policy_option
@feature_option
@click.option(
    "--attempt",
    type=click.IntRange(1, MOST_ATTEMPTS),
    default=None,
    help="Candidates judged against this base so far, this one counted. Default: what the ledger beside a run folder says, or 1.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder for compare.json, verdict.json and the reports."
)
@format_option
def gate(
    base_path: Path,
    candidate_path: Path,
    reference_path: Path | None,
    policy_path: Path,
    feature: str | None,
    attempt: int | None,
    out: Path,
    output: str,
) -> int:
    """Compare two results files, decide, and write the report. Any evaluator's results will do."""
    workspace = open_workspace(policy_path, feature)
    base, candidate = read_results(base_path), read_results(candidate_path)
    reference = read_results(reference_path) if reference_path is not None else None
    attempt = attempt or counted_in(out, workspace.name, base, candidate)
    comparison, verdict = judge(workspace, base, candidate, reference=reference, attempt=attempt)
    notes = policy_notes(workspace.feature, comparison, attempt)
    write_reports(out, comparison, verdict, notes=notes)
    if output == "json":
        machine(verdict.model_dump(mode="json"))
    for note in [*comparison.warnings, *notes]:
        say(f"warning: {note}")
    say_verdict(verdict)
    say(f"report: {out / 'report.md'}")
    return EXIT_OF[verdict.verdict]
