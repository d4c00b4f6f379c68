"""evalgate doctor."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalgate.cli.options import format_option, policy_option, registry_option
from evalgate.cli.output import machine, say
from evalgate.cli.reach import connected
from evalgate.errors import NO_VERDICT, PASSED, REFUSED
from evalgate.review.kinds import Places

if TYPE_CHECKING:
    from evalgate.review.point import Point

EXIT_OF = {"ok": PASSED, "missing": REFUSED, "unknown": NO_VERDICT}
MARKS = {"ok": ("✓", "green"), "missing": ("✗", "red"), "unknown": ("?", "yellow")}


@click.command()
@click.option(
    "--repository", default=None, metavar="OWNER/NAME", help="Look at a repository on GitHub; without it, at this folder."
)
@click.option(
    "--branch", default=None, help="The branch that pull requests merge into. Default: the repository's default branch."
)
@policy_option
@registry_option
@format_option
def doctor(repository: str | None, branch: str | None, policy_path: Path, registry_path: Path | None, output: str) -> int:
    """Say what is missing, and how to set it. Nothing is changed.

    Without --repository: what this folder lacks for a first run. With it: what GitHub is not told yet, so that a gate can be
    walked around. Exit code 1 when something is missing, 3 when nothing is but something is not to be seen with this token.
    """
    from evalgate.stages.doctor import worst
    from evalgate.stages.first_run import folder_points

    registered = registry_path or policy_path.parent / "models.yaml"
    if repository is None:
        if branch is not None:
            raise click.UsageError("--branch needs --repository OWNER/NAME")
        found = folder_points(policy_path, registered)
    else:
        found = _at(repository, branch, Places(policy_path.as_posix(), registered.as_posix()))
    if output == "json":
        machine([point._asdict() for point in found])
    _say(found)
    return EXIT_OF[worst(found)]


def _at(repository: str, branch: str | None, places: Places) -> "tuple[Point, ...]":
    from evalgate.stages.doctor import repository_points

    remote, _ = connected(repository)
    return repository_points(remote, branch, places)


def _say(found: "Sequence[Point]") -> None:
    """A line for each point, and below it how to set what is not ok; then how many there are of each state."""
    width = max(len(point.name) for point in found)
    for point in found:
        mark, colour = MARKS[point.state]
        say(f"{point.name:{width}}  {point.means}", lead=click.style(f"{mark} ", fg=colour))
        if point.todo:
            say(f"{'':{width}}  {point.todo}", lead=click.style("→ ", dim=True))
    counts = {state: sum(point.state == state for point in found) for state in MARKS}
    say(", ".join(f"{count} {state}" for state, count in counts.items() if count))
