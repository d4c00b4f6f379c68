"""evalgate init."""

from pathlib import Path

import click

from evalgate.cli.options import format_option
from evalgate.cli.output import machine, say
from evalgate.errors import PASSED
from evalgate.stages import init as stage

NEXT_POLICY = "put in your own model, prompt and cases, add a dataset, then: evalgate check"
NEXT_WORKFLOWS = "docs/workflows.md of EvalGate says what to put into the environment `evalgate` and which check to require"


@click.command()
@click.option("--feature", default=None, help="Name of the first feature, for the policy, its prompt and its golden set.")
@click.option("--workflows", is_flag=True, help="The workflows that check, train and comment on pull requests, and nothing else.")
@click.option(
    "--uses",
    metavar="OWNER/REPOSITORY@COMMIT",
    default=None,
    help='Where the actions come from, pinned by the commit\'s full hash; "." when they are in this very repository.',
)
@click.option("--into", type=click.Path(path_type=Path), default=Path(), show_default=True, help="The repository's root.")
@click.option("--force", is_flag=True, help="Replace files that differ.")
@format_option
def init(feature: str | None, workflows: bool, uses: str | None, into: Path, force: bool, output: str) -> int:
    """Write what a repository needs to begin: a policy, a prompt, a golden set to start from and a registry, or workflows.

    Files that are there already are left alone; twice is the same as once.
    """
    if workflows and uses is not None and feature is None:
        made, following = stage.workflows(uses), NEXT_WORKFLOWS
    elif feature is not None and uses is None and not workflows:
        made, following = stage.start(feature), NEXT_POLICY
    else:
        raise click.UsageError("say --feature NAME for a policy to start from, or --workflows --uses OWNER/REPOSITORY@COMMIT")
    done = stage.put(made, into, force=force)
    if output == "json":
        machine({"files": [{"path": str(put.path), "became": put.became} for put in done]})
    for put in done:
        say(f"{put.path}: {put.became}")
    say(f"next: {following}")
    return PASSED
