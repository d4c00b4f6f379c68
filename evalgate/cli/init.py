"""evalgate init."""

from pathlib import Path

import click

from evalgate.cli.options import format_option
from evalgate.cli.output import machine, say
from evalgate.errors import PASSED
from evalgate.stages import init as stage


@click.command()
@click.option("--workflows", is_flag=True, help="The workflows that check, train and comment on pull requests.")
@click.option(
    "--uses",
    metavar="OWNER/REPOSITORY@COMMIT",
    default=None,
    help='Where the actions come from, pinned by the commit\'s full hash; "." when they are in this very repository.',
)
@click.option("--into", type=click.Path(path_type=Path), default=Path(), show_default=True, help="The repository's root.")
@click.option("--force", is_flag=True, help="Replace files that differ.")
@format_option
def init(workflows: bool, uses: str | None, into: Path, force: bool, output: str) -> int:
    """Write what a repository needs to begin. Files that are there already are left alone; twice is the same as once."""
    if not workflows:
        raise click.UsageError("say what to write: --workflows")
    if uses is None:
        raise click.UsageError("--workflows needs --uses OWNER/REPOSITORY@COMMIT: where the actions come from")
    done = stage.put(stage.workflows(uses), into, force=force)
    if output == "json":
        machine({"files": [{"path": str(put.path), "became": put.became} for put in done]})
    for put in done:
        say(f"{put.path}: {put.became}")
    say("next: docs/workflows.md says what to put into the environment `evalgate` and which check to require")
    return PASSED
