"""evalgate train."""

from pathlib import Path

import click

from evalgate import settings
from evalgate.cli.options import feature_option, format_option, policy_option, ray_option, registry_of, registry_option
from evalgate.cli.output import machine, progress_bar, say
from evalgate.errors import PASSED
from evalgate.stages import story
from evalgate.stages.check import check_change, refuse_errors
from evalgate.stages.spread import cluster_of, training_cluster
from evalgate.stages.train import train as stage
from evalgate.stages.workspace import open_workspace
from evalgate.store import only_one


@click.command()
@policy_option
@feature_option
@click.option("--dataset", type=click.Path(path_type=Path), default=None, help="Dataset file. Default: the highest version.")
@registry_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=None,
    help="Run folder; a killed run goes on in it. Default: where `evalgate run` looks for it.",
)
@ray_option
@format_option
def train(
    policy_path: Path,
    feature: str | None,
    dataset: Path | None,
    registry_path: Path | None,
    out: Path | None,
    ray: str,
    output: str,
) -> int:
    """Fine-tune once: a checked dataset becomes an adapter and training.json."""
    workspace = open_workspace(policy_path, feature)
    report, rows = check_change(workspace, dataset)
    refuse_errors(report)
    if report.change is None:
        raise click.UsageError("no dataset")
    out = out or workspace.root / "runs" / story.run_id(workspace, report.change, registry_of(registry_path, policy_path))
    settings.tame_libraries()
    around = settings.ray_around()
    cluster = training_cluster(cluster_of(ray, around, say), workspace.feature, around, say)
    busy = f"another process is at work in {out}: waiting until it is done"
    with only_one(out, waiting=lambda: say(busy)), progress_bar() as progress:
        run = stage(workspace, report.change, rows, out, cache=settings.from_environ().cache, progress=progress, cluster=cluster)
    if output == "json":
        machine(run.model_dump(mode="json"))
    say(f"trained {run.steps} steps on {run.rows_trained} rows: {out / run.candidate.adapter}")
    return PASSED
