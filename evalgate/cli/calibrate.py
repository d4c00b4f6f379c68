"""evalgate calibrate."""

import math
from pathlib import Path

import click

from evalgate import settings, store
from evalgate.cli.options import feature_option, format_option, policy_option, registry_of, registry_option
from evalgate.cli.output import machine, progress_bar, say
from evalgate.errors import NO_VERDICT, PASSED
from evalgate.judgement.calibration_page import calibration_lines, calibration_markdown
from evalgate.stages.calibrate import calibrate as stage
from evalgate.stages.workspace import open_workspace


@click.command()
@policy_option
@feature_option
@registry_option
@click.option(
    "--discordance",
    "discordances",
    type=click.FloatRange(0, 1, min_open=True),
    multiple=True,
    help="Share of golden cases that a trained candidate flips, such as 0.12. May be repeated. Default: 0.05, 0.10, 0.20.",
)
@click.option(
    "--simulations", type=click.IntRange(100, 20_000), default=400, show_default=True, help="Simulated verdicts a discordance."
)
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Markdown file to write.")
@format_option
def calibrate(
    policy_path: Path,
    feature: str | None,
    registry_path: Path | None,
    discordances: tuple[float, ...],
    simulations: int,
    out: Path | None,
    output: str,
) -> int:
    """Ask base twice: this suite's own noise, and what the policy can see on it. Exit code 3 when a case got no score."""
    if any(math.isnan(share) for share in discordances):
        raise click.BadParameter("nan is no share", param_hint="--discordance")
    workspace = open_workspace(policy_path, feature)._replace(origin=settings.from_environ().origin)
    settings.tame_libraries()
    with progress_bar() as progress:
        found = stage(
            workspace,
            registry_path=registry_of(registry_path, policy_path),
            cache=settings.from_environ().cache,
            progress=progress,
            tell=say,
            discordances=discordances,
            runs=simulations,
        )
    if output == "json":
        machine(found.model_dump(mode="json"))
    for line in calibration_lines(found):
        say(line)
    if out is not None:
        store.write(out, calibration_markdown(found).encode())
        say(f"page: {out}")
    return NO_VERDICT if found.unmeasured else PASSED
