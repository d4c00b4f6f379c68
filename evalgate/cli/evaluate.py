"""evalgate evaluate."""

from pathlib import Path

import click

from evalgate import results, settings, store
from evalgate.cli.options import (
    feature_option,
    format_option,
    metrics_option,
    policy_option,
    ray_option,
    registry_of,
    registry_option,
)
from evalgate.cli.output import machine, progress_bar, say
from evalgate.errors import NO_VERDICT, PASSED
from evalgate.stages.evaluate import evaluate as stage
from evalgate.stages.metering import meter_of
from evalgate.stages.spread import asking, cluster_of
from evalgate.stages.workspace import open_workspace


@click.command()
@policy_option
@feature_option
@registry_option
@click.option("--variant", required=True, help="base, reference, candidate:RUN, a registry variant, or a model uri.")
@click.option("--suite", default="all", show_default=True, help="golden, safety, safety/NAME or all.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Results file to write.")
@ray_option
@metrics_option
@format_option
def evaluate(
    policy_path: Path,
    feature: str | None,
    registry_path: Path | None,
    variant: str,
    suite: str,
    out: Path,
    ray: str,
    metrics: Path | None,
    output: str,
) -> int:
    """Ask one variant the golden and safety cases and score its answers. Exit code 3 when a case got no answer."""
    workspace = open_workspace(policy_path, feature)._replace(origin=settings.from_environ().origin)
    settings.tame_libraries()
    around = settings.ray_around()
    cluster, meter = cluster_of(ray, around, say), meter_of(metrics, workspace.name)
    with progress_bar() as progress:
        answered = stage(
            workspace,
            variant,
            suite=suite,
            registry_path=registry_of(registry_path, policy_path),
            cache=settings.from_environ().cache,
            progress=progress,
            executor=asking(cluster, workspace.feature, around, tell=say, meter=meter),
        )
    store.write(out, results.serialise(answered))
    counts = {status: sum(case.status == status for case in answered.cases) for status in ("scored", "unscorable", "errored")}
    if output == "json":
        machine({"results": str(out), "sha256": results.content_sha256(answered), **counts})
    say(f"{answered.header.variant_name}: " + ", ".join(f"{n} {status}" for status, n in counts.items()) + f": {out}")
    return NO_VERDICT if counts["errored"] else PASSED
