"""evalgate run."""

from datetime import UTC, datetime
from pathlib import Path

import click

from evalgate import settings
from evalgate.cli.options import (
    MOST_ATTEMPTS,
    feature_option,
    format_option,
    metrics_option,
    policy_option,
    ray_option,
    registry_of,
    registry_option,
)
from evalgate.cli.output import EXIT_OF, machine, progress_bar, say, say_verdict
from evalgate.stages import story
from evalgate.stages.metering import meter_of
from evalgate.stages.spread import asking, cluster_of, training_cluster
from evalgate.stages.workspace import open_workspace


@click.command()
@policy_option
@feature_option
@registry_option
@click.option("--dataset", type=click.Path(path_type=Path), default=None, help="Dataset file. Default: the highest version.")
@click.option(
    "--runs", type=click.Path(path_type=Path), default=None, help="Where run folders go. Default: runs beside the policy."
)
@click.option(
    "--attempt",
    type=click.IntRange(1, MOST_ATTEMPTS),
    default=None,
    help="Candidates judged against this base so far, this one counted. Default: what the ledger beside the run folders says.",
)
@ray_option
@metrics_option
@format_option
def run(
    policy_path: Path,
    feature: str | None,
    registry_path: Path | None,
    dataset: Path | None,
    runs: Path | None,
    attempt: int | None,
    ray: str,
    metrics: Path | None,
    output: str,
) -> int:
    """The whole story on this machine: check, train, evaluate, gate, report."""
    workspace = open_workspace(policy_path, feature)._replace(origin=settings.from_environ().origin)
    settings.tame_libraries()
    around = settings.ray_around()
    cluster, meter = cluster_of(ray, around, say), meter_of(metrics, workspace.name)
    places = story.Places(runs or workspace.root / "runs", registry_of(registry_path, policy_path), settings.from_environ().cache)
    with progress_bar() as progress:
        today = datetime.now(UTC).date().isoformat()
        told = story.run(
            workspace,
            places,
            progress=progress,
            tell=say,
            dataset=dataset,
            attempt=attempt,
            today=today,
            secret=settings.secret,
            executor=asking(cluster, workspace.feature, around, tell=say, meter=meter),
            cluster=training_cluster(cluster, workspace.feature, around, say),
        )
    if told.check.findings:
        say(f"the dataset check has {len(told.check.findings)} findings, none of them an error: {told.folder / 'check.json'}")
    if output == "json":
        machine({**told.verdict.model_dump(mode="json"), "run": str(told.folder)})
    say_verdict(told.verdict)
    say(f"report: {told.folder / 'report.md'}")
    return EXIT_OF[told.verdict.verdict]
