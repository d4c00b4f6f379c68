"""The journal's files on a branch: where they lie, how they are written, what may stand in them."""

import re

import orjson
from pydantic import ValidationError

from evalgate import jsonl
from evalgate.errors import NotMeasured, UnreadableJournalError
from evalgate.records.base import problems_of
from evalgate.records.journal import LEDGER, Entry

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


def of_pull(number: int) -> str:
    """Path of the steps on one pull request."""
    return f"pulls/{number}.jsonl"


def of_feature(feature: str) -> str:
    """Path of the steps on one feature.

    Raises:
        NotMeasured: no path can be named so.
    """
    return f"features/{plain(feature)}.jsonl"


def holds_steps(path: str) -> bool:
    """True for the path of a file of the journal."""
    return path.startswith(("pulls/", "features/")) and path.endswith(".jsonl")


def places(entry: Entry) -> tuple[str, ...]:
    """The paths whose last line a step becomes, its pull request's first.

    Raises:
        NotMeasured: no path can be named like its feature.
    """
    if entry.feature is None or entry.step not in LEDGER:
        return (of_pull(entry.pull),)
    return (of_pull(entry.pull), of_feature(entry.feature))


def entries(content: bytes | None, where: str) -> tuple[Entry, ...]:
    """The steps in a file of the journal, none where there is no file.

    Raises:
        UnreadableJournalError: a line is no step: what it says may be what decides, so it is not skipped.
    """
    found: list[Entry] = []
    problems: list[str] = []
    for line in jsonl.read(content or b"", controls=True):
        if line.problem is not None:
            problems.append(f"{where}:{line.number}: {line.problem.message}")
            continue
        try:
            found.append(Entry.model_validate_json(orjson.dumps(line.value)))
        except ValidationError as error:
            problems += [f"{where}:{line.number}: {problem}" for problem in problems_of(error)]
    if problems:
        raise UnreadableJournalError(
            *problems, "the journal is written by EvalGate alone: look at who changed it, and take that back"
        )
    return tuple(found)


def added(content: bytes | None, entry: Entry) -> bytes:
    """A file of the journal with one line more."""
    before = content or b""
    separator = b"" if not before or before.endswith(b"\n") else b"\n"
    return before + separator + entry.model_dump_json(exclude_none=True).encode() + b"\n"


def plain(name: str) -> str:
    """`name`, which is a path that leads nowhere else.

    Raises:
        NotMeasured: it is not.
    """
    if not _PLAIN.fullmatch(name):
        raise NotMeasured(
            f"{name!r} is no plain path: the journal keeps letters, digits, `.`, `_`, `-` and folders of such names"
        )
    return name
