"""What a comment asks for: `/evalgate NAME`, alone on the first line, as a person types it."""

import re
from typing import Literal, NamedTuple, get_args

Name = Literal["status", "train", "evaluate", "approve-cost", "cancel"]
NAMES: tuple[Name, ...] = get_args(Name)
AGAIN: tuple[Name, ...] = ("train", "evaluate")
"""Commands that ask for the work once more."""
_COMMIT = re.compile(r"[0-9a-fA-F]{12,64}")
LONGEST = 300
"""Characters that a first line may have; a longer one is no command, whatever it begins with."""


class Command(NamedTuple):
    """Something that was asked for."""

    name: Name
    commit: str | None
    """The commit that was named, at least twelve hex digits; only approve-cost takes one, and needs it."""


def parse(body: str) -> Command | str | None:
    """The command; what is wrong with it, in words; or None when the comment is none.

    Only the very first line counts, from its first character on: what is quoted, indented or inside a code block is
    somebody talking about commands.
    """
    line = body.split("\n", 1)[0].rstrip(" \t\r")
    if not (line == "/evalgate" or line.startswith("/evalgate ")):
        return None
    name, *more = [word for word in line[:LONGEST].split(" ")[1:] if word] or [""]
    if name not in NAMES:
        return f"unknown command: write one of {', '.join(f'`/evalgate {known}`' for known in NAMES)}"
    wrong = _wrong(name, more, whole=len(line) <= LONGEST)
    return wrong or Command(name, more[0].lower() if more else None)


def _wrong(name: Name, more: list[str], *, whole: bool) -> str | None:
    """What is wrong with what stands after a command's name; None when nothing is."""
    if not whole:
        return f"`/evalgate {name}` stands alone on its line: put other words below it"
    if name != "approve-cost":
        return f"`/evalgate {name}` takes nothing after it: it is about the pull request's present head" if more else None
    if len(more) != 1 or not _COMMIT.fullmatch(more[0]):
        return "`/evalgate approve-cost` needs the commit whose cost you approve, at least twelve digits of it, and nothing else"
    return None
