"""evalgate gate."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from evalgate.cli.options import MOST_ATTEMPTS, feature_option, format_option, policy_option
from evalgate.cli.output import EXIT_OF, machine, say, say_verdict
from evalgate.judgement.compare import Beside
from evalgate.judgement.gate import decide
from evalgate.records.evaluation import EvalResults
from evalgate.records.suite import Suite
from evalgate.stages.attempts import counted_in, noted
from evalgate.stages.beside_files import PEOPLE, find_beside, names_beside, write_people
from evalgate.stages.following import refuse_of_others
from evalgate.stages.gate import compared, policy_notes, read_results, write_reports
from evalgate.stages.human_labels import peoples_means
from evalgate.stages.regressions import rows_for_review
from evalgate.stages.workspace import Workspace, open_workspace, read_suites

NOT_RECORDED = (
    "warning: nobody counted the attempts: judged as a first one, and no such verdict can be promoted; "
    "give --ledger FILE, the same file each time, or --attempt"
)


@click.command()
@click.option("--base", "base_path", type=click.Path(path_type=Path), required=True, help="Results file of the base.")
@click.option("--candidate", "candidate_path", type=click.Path(path_type=Path), required=True, help="Results of the candidate.")
@click.option("--reference", "reference_path", type=click.Path(path_type=Path), default=None, help="Results of the untuned base.")
@click.option(
    "--beside",
    "beside_path",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=None,
    help="Run folder whose latency.json, preferences.json, reference and contenders count too.",
)
@policy_option
@feature_option
@click.option(
    "--ledger",
    type=click.Path(path_type=Path),
    default=None,
    help="File that counts attempts; this one is noted in it. Default: the ledger beside a run folder, else none.",
)
@click.option(
    "--attempt",
    type=click.IntRange(1, MOST_ATTEMPTS),
    default=None,
    help="Candidates judged against this base so far, this one counted, where you keep count. Not with --ledger.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder for compare.json, verdict.json and the reports."
)
@format_option
def gate(
    base_path: Path,
    candidate_path: Path,
    reference_path: Path | None,
    beside_path: Path | None,
    policy_path: Path,
    feature: str | None,
    ledger: Path | None,
    attempt: int | None,
    out: Path,
    output: str,
) -> int:
    """Compare two results files, decide, and write the report. Any evaluator's results will do."""
    if ledger is not None and attempt is not None:
        raise click.UsageError("--ledger counts the attempts: leave --attempt out")
    workspace = open_workspace(policy_path, feature)
    base, candidate = read_results(base_path), read_results(candidate_path)
    beside = _beside(workspace, base, candidate, beside_path, reference_path)
    today = datetime.now(UTC).date().isoformat()
    suites = read_suites(workspace)
    comparison = compared(workspace, base, candidate, suites, beside=beside)
    if attempt is None:  # noted only now, because what cannot be compared is no attempt
        attempt = _counted(workspace, base, candidate, suites, ledger, out)
    verdict = decide(comparison, workspace.feature, attempt=attempt, today=today)
    notes = policy_notes(workspace.feature, comparison, attempt)
    write_people(out, beside.people)
    review = rows_for_review((base, candidate), suites, comparison, verdict)
    write_reports(out, comparison, verdict, notes=notes, review=review)
    if output == "json":
        machine(verdict.model_dump(mode="json"))
    for note in [*comparison.warnings, *notes]:
        say(f"warning: {note}")
    say_verdict(verdict)
    if attempt is None:
        say(NOT_RECORDED)
    say(f"report: {out / 'report.md'}")
    return EXIT_OF[verdict.verdict]


def _beside(
    workspace: Workspace, base: EvalResults, candidate: EvalResults, folder: Path | None, reference: Path | None
) -> Beside:
    """What counts beside the two sides; people hear what it is. People's grades are combined anew."""
    found = Beside() if folder is None else find_beside(folder)
    if reference is not None:
        found = found._replace(reference=read_results(reference))
    refuse_of_others(base, candidate, found)
    used = [name for name in names_beside(folder) if name != PEOPLE] if folder is not None else []
    if folder is not None:
        say(f"beside: {', '.join(used) or 'nothing'} of {folder}")
    strange = sorted(found.contenders.keys() - {named.name for named in workspace.feature.contenders})
    if strange:
        say(f"warning: not looked at, the policy has no such contender: {', '.join(strange)}")
    return found._replace(people=peoples_means(workspace, {"base": base, "candidate": candidate}, tell=say))


def _counted(
    workspace: Workspace,
    base: EvalResults,
    candidate: EvalResults,
    suites: Sequence[Suite],
    ledger: Path | None,
    out: Path,
) -> int | None:
    if ledger is None:
        return counted_in(out, workspace.name, base, candidate, suites=suites)
    return len(noted(ledger, workspace.name, base, candidate, suites=suites))
