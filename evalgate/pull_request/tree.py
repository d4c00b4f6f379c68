"""What lies in the repository at a commit, as git stores it: nothing is checked out, no link is followed."""

import base64
import hashlib
from typing import NamedTuple

from github.GitTree import GitTree

from evalgate.errors import NotMeasured, PolicyError
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import asked
from evalgate.pull_request.faults import whole

SMALL = 4 << 20
"""Bytes up to which a file is kept in memory for a second look."""
MOST_KEPT = 64
"""Objects that are kept, commits among them."""
LINK, SUBMODULE = "120000", "160000"
_WHY_NOT = {LINK: "is a link", SUBMODULE: "is another repository (a submodule)"}


class Blob(NamedTuple):
    """One path of a commit."""

    sha: str
    """git's name of the content."""
    mode: str
    """git's mode: 100644, 100755, or that of a link or a submodule."""
    size: int | None
    """Bytes; None where nobody said."""
    path: str = ""
    """Where it lies, for messages; empty where only git's name is known."""


def tree(remote: Remote, commit: str) -> dict[str, Blob]:
    """Every path of a commit, folders apart; links and submodules are listed, `read` refuses them.

    Raises:
        Refused: there is no such commit.
        NotMeasured: GitHub could not be asked, or does not list it all.
    """
    if commit not in remote.kept:
        remote.kept[commit] = {blob.path: blob for blob in _below(remote, commit, "")}
    found: dict[str, Blob] = remote.kept[commit]
    return found


def read(remote: Remote, blob: Blob, *, most: int) -> bytes:
    """The bytes of a file, equal to git's name of them; a git LFS pointer is given as it is.

    Raises:
        PolicyError: it is a link or a submodule, or has more than `most` bytes.
        NotMeasured: it could not be read.
    """
    name = blob.path or f"git object {blob.sha}"
    if blob.mode in _WHY_NOT:
        raise PolicyError(f"{name}: {_WHY_NOT[blob.mode]}: put the file itself there")
    found: bytes | None = remote.kept.get(blob.sha)
    if found is None and (blob.size or 0) <= most:
        found = asked(remote, lambda: content(remote, blob.sha), f"read {name}")
    if found is None or len(found) > most:
        size = blob.size if found is None else len(found)
        raise PolicyError(f"{name}: {size:,} bytes, more than the {most:,} that are read: split it or make it smaller")
    if len(found) <= SMALL and len(remote.kept) < MOST_KEPT:
        remote.kept[blob.sha] = found
    return found


def content(remote: Remote, sha: str) -> bytes:
    """The content that git calls `sha`: one call, not repeated.

    Raises:
        ValueError: the answer holds something else.
    """
    found = remote.repository.get_git_blob(sha)
    if found.encoding != "base64":
        raise ValueError(f"a blob in {found.encoding}, not in base64")
    return checked(base64.b64decode(whole(found.content, "content")), sha)


def checked(found: bytes, sha: str) -> bytes:
    """`found`, which is what git calls `sha`: sha1, or sha256 by the length of the name, over a header and the bytes.

    Raises:
        ValueError: it is something else.
    """
    digest = hashlib.sha256() if len(sha) == 64 else hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % len(found))
    digest.update(found)
    if digest.hexdigest() != sha:
        raise ValueError(f"{len(found)} bytes that are not git object {sha}")
    return found


def _below(remote: Remote, sha: str, prefix: str) -> list[Blob]:
    """All files under one folder. A list that GitHub cut is thrown away, and every folder in it asked for alone."""
    found = _listed(remote, sha, recursive=True)
    if not found.truncated:
        return [blob for blob, kind in _rows(found, prefix) if kind != "tree"]
    found = _listed(remote, sha, recursive=False)
    if found.truncated:
        raise NotMeasured(f"{prefix or 'the top folder'}: holds more entries than GitHub lists: split the folder")
    below = []
    for blob, kind in _rows(found, prefix):
        below += _below(remote, blob.sha, f"{blob.path}/") if kind == "tree" else [blob]
    return below


def _listed(remote: Remote, sha: str, *, recursive: bool) -> GitTree:
    def call() -> GitTree:
        found = remote.repository.get_git_tree(sha, recursive=recursive)
        whole(found.truncated, "truncated")
        return found

    return asked(remote, call, f"list the files at {sha}")


def _rows(found: GitTree, prefix: str) -> list[tuple[Blob, str]]:
    return [(Blob(row.sha, row.mode, row.size, prefix + row.path), row.type) for row in found.tree]
