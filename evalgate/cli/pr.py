"""evalgate pr: what workflow steps call."""

from pathlib import Path

import click

from evalgate import settings
from evalgate.cli.options import format_option
from evalgate.cli.output import machine, say
from evalgate.errors import PASSED
from evalgate.stages.publish import publish


@click.group()
def pr() -> None:
    """What workflows call on a pull request."""


@pr.command()
@click.option("--result", type=click.Path(path_type=Path), required=True, help="What `evalgate check|run --format json` printed.")
@click.option("--comment", type=click.Path(path_type=Path), required=True, help="File to write the comment's body to.")
@format_option
def summary(result: Path, comment: Path, output: str) -> int:
    """Write the job summary, the step's outputs and the body of the pull-request comment."""
    known = settings.from_environ()
    published = publish(result, comment, outputs=known.github_output, summary=known.github_summary)
    if output == "json":
        machine({"verdict": published, "comment": str(comment)})
    say(f"{comment}: {published}")
    return PASSED
