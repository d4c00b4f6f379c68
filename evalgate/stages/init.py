"""init: what a repository needs to begin, put into it and never over what somebody wrote."""

import re
from collections.abc import Mapping
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from typing import Literal, NamedTuple

from evalgate import store
from evalgate.errors import PolicyError

START = {
    "evalgate.yaml": "evalgate.yaml",
    "prompts/<feature>.md": "prompt.md",
    "golden/<feature>/cases.jsonl": "cases.jsonl",
    "models.yaml": "models.yaml",
}
"""Path in the repository -> the file that it starts from."""
WORKFLOWS = ("evalgate-check.yml", "evalgate.yml")
HERE = "."
"""In place of OWNER/REPOSITORY@COMMIT: the repository that the workflows are in holds the actions too."""
_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+@([0-9a-f]{64}|[0-9a-f]{40})")
_ACTION = re.compile(r"<(check|controller|train-and-evaluate|settle|registry)>")
_LOCAL = "  # zizmor: ignore[self-repository] the runner of our tests knows only this form"
_CHECKOUT = """\
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1  # v7.0.1, the default branch: the actions lie there
        with:
          persist-credentials: false
"""
Became = Literal["written", "unchanged", "replaced"]


class Put(NamedTuple):
    """What became of one file."""

    path: Path
    became: Became


def start(feature: str) -> dict[str, bytes]:
    """Path -> text of a policy, a prompt, a golden set of three cases and an empty registry: to be replaced by one's own.

    Raises:
        PolicyError: the name would not do as the name of a folder.
    """
    if not store.PLAIN_NAME.fullmatch(feature):
        raise PolicyError(f"--feature {feature!r}: letters, digits, `.`, `_` and `-` only, a letter or digit first")
    folder = files("evalgate.stages") / "start"
    named = {path: (folder / name).read_text(encoding="utf-8") for path, name in START.items()}
    return {path.replace("<feature>", feature): text.replace("<feature>", feature).encode() for path, text in named.items()}


def workflows(uses: str) -> dict[str, bytes]:
    """Path -> text of the callers whose actions come from `uses`, OWNER/REPOSITORY@COMMIT, or "." for the repository itself.

    Raises:
        PolicyError: `uses` is not pinned to a commit's full hash: what judges could change while nobody looks.
    """
    if uses != HERE and not _PINNED.fullmatch(uses):
        raise PolicyError(
            f"--uses {uses!r}: write OWNER/REPOSITORY@ and the commit's full hash, 40 digits: a tag or a branch can be moved,"
            " and then something else judges; `git ls-remote` says which commit a tag stands for"
        )
    folder = files("evalgate.stages") / "workflows"
    return {
        f".github/workflows/{name}": _rendered((folder / name).read_text(encoding="utf-8"), uses).encode() for name in WORKFLOWS
    }


def put(made: Mapping[str, bytes], into: Path, *, force: bool = False) -> list[Put]:
    """Write the files below `into`; one that is there already stays, and with `force` one that differs is replaced.

    Raises:
        PolicyError: files that differ are there; nothing was written. The message says how they differ.
    """
    became = {path: _becoming(into / path, content) for path, content in made.items()}
    differing = [path for path, kind in became.items() if kind == "replaced"]
    if differing and not force:
        raise PolicyError(*(_difference(into / path, made[path]) for path in differing))
    for path, kind in became.items():
        if kind != "unchanged":
            store.write(into / path, made[path])
    return [Put(into / path, kind) for path, kind in became.items()]


def _rendered(template: str, uses: str) -> str:
    repository, _, commit = uses.partition("@")
    action = rf"./.github/actions/\1{_LOCAL}" if uses == HERE else rf"{repository}/.github/actions/\1@{commit}"
    return _ACTION.sub(action, template.replace("<checkout>\n", _CHECKOUT if uses == HERE else ""))


def _becoming(path: Path, content: bytes) -> Became:
    store.refuse_link(path)
    if not path.exists():
        return "written"
    return "unchanged" if store.read(path) == content else "replaced"


def _difference(path: Path, content: bytes) -> str:
    there, ours = store.read(path).decode(errors="replace").split("\n"), content.decode().split("\n")
    lines = list(zip_longest(there, ours, fillvalue=""))
    first = next(number for number, (one, other) in enumerate(lines) if one != other)
    told = f"first in line {first + 1}, {lines[first][0].strip()!r} there and {lines[first][1].strip()!r} here"
    return f"{path}: is there already and differs, {told}: nothing was written; --force replaces it"
