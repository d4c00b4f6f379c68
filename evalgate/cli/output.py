"""How commands speak: machine output on stdout, people's output and progress on stderr."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
import orjson

from evalgate.errors import NO_VERDICT, PASSED, REFUSED, NotMeasured
from evalgate.ports import Progress
from evalgate.records.check import Finding
from evalgate.records.verdict import Verdict
from evalgate.redaction import safe_line

if TYPE_CHECKING:
    from evalgate.records.standing import Standing

CODES = {"success": PASSED, "failure": REFUSED, "action_required": NO_VERDICT, None: NO_VERDICT}
EXIT_OF = {"pass": PASSED, "fail": REFUSED, "inconclusive": NO_VERDICT}
LONGEST = 2_000
"""Characters of a line for people."""


def say(text: str, lead: str = "") -> None:
    """One line for people, on stderr: `lead` as it is, then text that may hold anything."""
    click.echo(lead + safe_line(text, LONGEST), err=True)


def machine(value: Any) -> None:
    """One JSON document on stdout.

    Raises:
        NotMeasured: stdout is closed or full: whoever reads it has no verdict.
    """
    try:
        sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
        sys.stdout.buffer.flush()
    except (OSError, AttributeError) as error:
        raise NotMeasured(f"stdout: cannot be written: {error}") from error


def say_verdict(verdict: Verdict) -> None:
    """The verdict in colour, and what to do next."""
    colour = {"pass": "green", "fail": "red", "inconclusive": "yellow"}[verdict.verdict]
    say(f": {verdict.summary}", lead=click.style(verdict.verdict, fg=colour, bold=True))
    if verdict.next_step:
        say(f"next: {verdict.next_step}")


def say_findings(findings: Sequence[Finding], each: int = 5) -> None:
    """The findings, of each code the first few, then how many more there are."""
    shown: Counter[str] = Counter()
    for finding in findings:
        shown[finding.code] += 1
        if shown[finding.code] <= each:
            where = f"{finding.path}:{finding.line}" if finding.line else finding.path
            say(f"{where}: {finding.severity} {finding.code} {finding.message}")
    for code, count in shown.items():
        if count > each:
            say(f"... and {count - each} more {code}; --format json has them all")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress callback that draws bars on a terminal and is quiet elsewhere."""
    if not sys.stderr.isatty():
        yield _quiet
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<38}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        yield _drawn(bars)


def _quiet(_what: str, _done: int, _total: int) -> None:
    """Progress for nobody."""


def _drawn(bars: Any) -> Progress:
    tasks: dict[str, Any] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total)
        bars.update(tasks[what], completed=done)

    return show


def say_standing(standing: "Standing") -> None:
    """Everything that a person asks first: the headline, then every line of the checklist with what it waits for."""
    say(f"#{standing.pull} at {standing.head[:7]} ({standing.kind}): {standing.headline}")
    for condition in standing.conditions:
        needs = f"; waits for {condition.needs}" if condition.needs else ""
        say(f"  {condition.mark:8} {condition.words}{needs}")
    for note in standing.notes:
        say(f"  note: {note}")
