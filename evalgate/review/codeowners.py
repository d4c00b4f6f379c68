"""CODEOWNERS of the target branch: who owns a path. The last pattern that matches decides, as on GitHub."""

import re
from collections.abc import Iterable
from functools import cache

from pathspec import GitIgnoreSpec

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks, in this order."""
_WORD = re.compile(r"(?:\\.|\S)+")
"""A backslash keeps the space after it."""
_OWNER = re.compile(r"@[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+)?|[^@\s]+@[^@\s]+")
_LAST = "\0"
"""Ends the name of the file that is asked for, and no folder's; no path in git holds it."""


def owners_of(text: str, path: str) -> tuple[str, ...]:
    r"""The owners of a path as they are written, such as `@octocat`, `@org/team`, `ann@example.com`; () for nobody's.

    A line that GitHub cannot read is no rule: it has neither `!` nor `[ ]` nor `\#` in these patterns, and every word
    after the pattern must be an owner.
    """
    rules = reversed(_rules(text))
    return next((owners for pattern, owners in rules if _matches(pattern, path)), ())


def people_of(owners: Iterable[str]) -> tuple[str, ...]:
    """The logins among owners."""
    return tuple(owner[1:] for owner in owners if owner.startswith("@") and "/" not in owner)


def teams_of(owners: Iterable[str]) -> tuple[str, ...]:
    """The teams among owners, as org/team."""
    return tuple(owner[1:] for owner in owners if owner.startswith("@") and "/" in owner)


def _rules(text: str) -> list[tuple[str, tuple[str, ...]]]:
    lines = (_WORD.findall(line.split("#", 1)[0]) for line in text.split("\n"))
    return [(words[0], tuple(words[1:])) for words in lines if words and _is_read(*words)]


def _is_read(pattern: str, *owners: str) -> bool:
    bad = pattern.startswith("!") or "[" in pattern or "***" in pattern or pattern.endswith("\\")
    return not bad and all(_OWNER.fullmatch(owner) for owner in owners)


def _matches(pattern: str, path: str) -> bool:
    """As git ignores files; but `docs/*` does not reach into folders below, and a newline in a name is any character."""
    plain = path.replace("\n", "\ufffd")  # pathspec's `**` stops at a newline, so that such a name would be nobody's
    last = _LAST if pattern.endswith("/*") else ""
    spec = _spec(pattern + last)
    return spec is not None and spec.match_file(plain + last)


@cache
def _spec(pattern: str) -> GitIgnoreSpec | None:
    """The pattern; None where it cannot be one."""
    try:
        return GitIgnoreSpec.from_lines([pattern])
    except ValueError:
        return None
