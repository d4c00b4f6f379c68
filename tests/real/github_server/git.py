"""Git by its plumbing: objects, trees, commits and refs of one bare repository."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

NOBODY = "0" * 40
QUIET = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}
SYMLINK, FILE, EXECUTABLE = "120000", "100644", "100755"


class Entry(NamedTuple):
    mode: str
    kind: str
    sha: str
    size: int | None
    path: str


class Signature(NamedTuple):
    name: str
    email: str
    date: str


class Failed(Exception):
    """Git refused; its standard error is the message."""


def git(folder: Path, *words: str, given: bytes | None = None, extra: Mapping[str, str] | None = None) -> bytes:
    """What the command printed. Nobody's own settings reach it: a test must not depend on whose machine it runs on."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    ran = subprocess.run(
        ["git", *words], cwd=folder, input=given or b"", capture_output=True, env={**kept, **QUIET, **(extra or {})}, check=False
    )
    if ran.returncode:
        raise Failed(ran.stderr.decode(errors="replace").strip())
    return ran.stdout


def init(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main")


def resolve(folder: Path, revision: str, kind: str = "commit") -> str | None:
    """The full id of what is named, peeled to the kind asked for; None when there is none."""
    try:
        # a leading dash would be an option to git
        return git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{" + kind + "}").decode().strip()
    except Failed:
        return None


def blob_at(folder: Path, tree: str, path: str) -> str | None:
    """The blob under the path of a commit or a tree, of a file or a link; None when there is none."""
    rows = entries(folder, tree, path=path) if resolve(folder, tree, "tree") else []
    return next((row.sha for row in rows if row.path == path and row.kind == "blob"), None)


def write_blob(folder: Path, content: bytes) -> str:
    return git(folder, "hash-object", "-w", "--stdin", given=content).decode().strip()


def read_blob(folder: Path, sha: str) -> bytes:
    return git(folder, "cat-file", "blob", sha)


def entries(folder: Path, tree: str, recursive: bool = False, path: str = "") -> list[Entry]:
    """The rows of a tree; recursive, with the folders' own rows among them as GitHub lists them."""
    flags = ["-r", "-t"] if recursive else []
    listed = git(folder, "ls-tree", "-z", "-l", "--full-tree", *flags, tree, "--", *([path] if path else [])).decode()
    rows = (row.split("\t", 1) for row in listed.split("\0") if row)
    return [_entry(facts, name) for facts, name in rows]


def _entry(facts: str, path: str) -> Entry:
    mode, kind, sha, size = facts.split()
    return Entry(mode, kind, sha, None if size == "-" else int(size), path)


def write_tree(folder: Path, base: str | None, changes: Iterable[tuple[str, str, str | None]]) -> str:
    """The id of the base tree with these (path, mode, blob or None to remove) put over it."""
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        if base:
            git(folder, "read-tree", base, extra=index)
        lines = (f"{mode if sha else '0'} {sha or NOBODY}\t{path}\0" for path, mode, sha in changes)
        git(folder, "update-index", "-z", "--add", "--replace", "--index-info", given="".join(lines).encode(), extra=index)
        return git(folder, "write-tree", extra=index).decode().strip()


def write_commit(
    folder: Path, tree: str, parents: Iterable[str], message: str, author: Signature, committer: Signature | None = None
) -> str:
    made = committer or author
    signed = {
        "GIT_AUTHOR_NAME": author.name,
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_AUTHOR_DATE": author.date,
        "GIT_COMMITTER_NAME": made.name,
        "GIT_COMMITTER_EMAIL": made.email,
        "GIT_COMMITTER_DATE": made.date,
    }
    flags = [word for parent in parents for word in ("-p", parent)]
    return git(folder, "commit-tree", tree, *flags, given=message.encode(), extra=signed).decode().strip()


def set_ref(folder: Path, ref: str, sha: str) -> None:
    git(folder, "update-ref", ref, sha)


def delete_ref(folder: Path, ref: str) -> None:
    git(folder, "update-ref", "-d", ref)


def refs(folder: Path, prefix: str) -> list[tuple[str, str]]:
    """(ref, id) of every ref whose name begins so, in the order of their names."""
    listed = git(folder, "for-each-ref", "--format=%(refname) %(objectname)").decode().splitlines()
    pairs = (line.split(" ") for line in listed)
    return [(name, sha) for name, sha in pairs if name.startswith(prefix)]
