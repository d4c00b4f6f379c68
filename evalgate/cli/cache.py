"""evalgate cache: look at what is kept between runs, and prune it."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from evalgate import kept, settings
from evalgate.cli.options import format_option
from evalgate.cli.output import machine, say
from evalgate.errors import PASSED, NotMeasured
from evalgate.kept import pruning

SECONDS = {"h": 3_600, "d": 86_400, "w": 604_800}
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
WHEN = ("oldest", "newest", "used")


@click.group(invoke_without_command=True)
@format_option
@click.pass_context
def cache(context: click.Context, output: str) -> int:
    """Say what is kept between runs: answers and scores by whose they are, and the folders beside them. Nothing is changed."""
    if context.invoked_subcommand is not None:
        return PASSED
    folder = settings.from_environ().cache
    held, beside = _held(folder), pruning.beside(folder)
    if output == "json":
        answers = [{**one._asdict(), **dict(zip(WHEN, _days(one), strict=True))} for one in held]
        machine({"folder": str(folder), "answers": answers, "beside": [one._asdict() for one in beside]})
    say(f"{folder}")
    for one in held:
        when = "made {} to {}, last used {}".format(*_days(one))
        say(f"  {kept.FILE}  {one.origin}: {one.entries:,} entries, {_bytes(one.bytes)}, {when}")
    for place in beside:
        say(f"  {place.name}: {place.files:,} files, {_bytes(place.bytes)}")
    if not held and not beside:
        say("  nothing is kept here")
    return PASSED


@cache.command()
@click.option("--older-than", default=None, metavar="30d", help="Answers that nobody used for so long: a number and h, d or w.")
@click.option("--largest", default=None, metavar="1GB", help="The least recently used answers beyond so many bytes.")
@click.option(
    "--origin", default=None, metavar="pull/12", help="Answers of this origin alone; without another option all of them."
)
@click.option("--everything", is_flag=True, help="All answers, and weights, adapters and a judge's replies, too.")
@click.option("--yes", "really", is_flag=True, help="Remove what is listed; without it nothing is removed.")
@format_option
def prune(older_than: str | None, largest: str | None, origin: str | None, everything: bool, really: bool, output: str) -> int:
    """List what would go. Nothing is removed without --yes; a run at work asks again for what it misses.

    Everything that goes is made or fetched again when it is needed. --everything is for when no run is at work.
    """
    if older_than is None and largest is None and origin is None and not everything:
        raise click.UsageError("say what may go: --older-than 30d, --largest 1GB, --origin pull/12 or --everything")
    if everything and (older_than, largest, origin) != (None, None, None):
        raise click.UsageError("--everything leaves nothing to choose: give it alone, or leave it out")
    unused_for = None if older_than is None else _seconds(older_than)
    most = None if largest is None else _size(largest)
    folder = settings.from_environ().cache
    going = pruning.Going(0, 0)
    if (folder / kept.FILE).exists():
        whole = everything or (unused_for is None and most is None)
        with kept.kept_in(folder, origin="here", tell=say) as answers:
            going = answers.prune(unused_for=unused_for, largest=most, origin=origin, everything=whole, really=really)
    beside = pruning.beside(folder) if everything else ()
    if beside and really:
        _remove_beside(folder)
    if output == "json":
        told: dict[str, Any] = {"folder": str(folder), "answers": going._asdict()}
        machine({**told, "beside": [one._asdict() for one in beside], "removed": really})
    _say_gone(going, beside, really=really)
    return PASSED


def _held(folder: Path) -> tuple[kept.Held, ...]:
    if not (folder / kept.FILE).exists():
        return ()
    with kept.kept_in(folder, origin="here", tell=say) as answers:
        return answers.look()


def _remove_beside(folder: Path) -> None:
    try:
        pruning.remove_beside(folder)
    except OSError as error:
        raise NotMeasured(
            f"{error.filename}: cannot be removed: {error.strerror}; what is left may be removed by hand"
        ) from error


def _say_gone(going: pruning.Going, beside: Sequence[pruning.Folder], *, really: bool) -> None:
    how = "removed" if really else "would be removed"
    say(f"{going.entries:,} answers and scores, {_bytes(going.bytes)}: {how}")
    for place in beside:
        say(f"{place.name}: {place.files:,} files, {_bytes(place.bytes)}: {how}")
    if not really and (going.entries or beside):
        say("nothing was removed: give --yes as well")


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d{1,6})([hdw])", text)
    if found is None:
        raise click.UsageError(f"--older-than {text!r}: write a number and h, d or w, as in 30d")
    return float(int(found[1]) * SECONDS[found[2]])


def _size(text: str) -> int:
    found = re.fullmatch(r"(\d{1,15})([kmgt]?i?)b?", text.lower())
    if found is None or found[2] not in UNITS:
        raise click.UsageError(f"--largest {text!r}: write a size, as in 500MB or 2GiB")
    return int(found[1]) * UNITS[found[2]]


def _days(one: kept.Held) -> list[str]:
    """The dates under `WHEN`."""
    return [datetime.fromtimestamp(when, UTC).date().isoformat() for when in (one.oldest, one.newest, one.used)]


def _bytes(size: int) -> str:
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= one:
            return f"{size / one:.1f} {unit}"
    return f"{size} bytes"
