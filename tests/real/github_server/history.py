"""How commits of one repository stand to each other: their facts, diffs, ancestors and merges."""

from pathlib import Path
from typing import NamedTuple

from .git import Failed, Signature, git

STATUS = {"A": "added", "M": "modified", "D": "removed", "R": "renamed", "C": "copied", "T": "changed"}
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class CommitFacts(NamedTuple):
    sha: str
    tree: str
    parents: list[str]
    author: Signature
    committer: Signature
    message: str


class Change(NamedTuple):
    path: str
    previous: str | None
    status: str
    sha: str
    additions: int
    deletions: int


def facts(folder: Path, sha: str) -> CommitFacts:
    """The commit as written."""
    shown = git(folder, "show", "-s", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", f"--format={_FIELDS}", sha, extra={"TZ": "UTC"})
    tree, parents, *people, message = shown.decode(errors="replace").split("\0")
    return CommitFacts(sha, tree, parents.split(), Signature(*people[:3]), Signature(*people[3:]), message.strip("\n"))


_FIELDS = "%T%x00%P%x00%an%x00%ae%x00%ad%x00%cn%x00%ce%x00%cd%x00%B"


def merge_base(folder: Path, left: str, right: str) -> str | None:
    try:
        return git(folder, "merge-base", left, right).decode().strip()
    except Failed:
        return None


def is_ancestor(folder: Path, old: str, new: str) -> bool:
    return merge_base(folder, old, new) == old


def between(folder: Path, old: str, new: str) -> list[str]:
    """The commits reachable from `new` and not from `old`, oldest first."""
    return git(folder, "rev-list", "--reverse", f"{old}..{new}").decode().split()


def merged_tree(folder: Path, ours: str, theirs: str) -> str | None:
    """The tree of a merge of both; None when they conflict."""
    try:
        return git(folder, "merge-tree", "--write-tree", ours, theirs).decode().split("\n")[0]
    except Failed:
        return None


def changes(folder: Path, old: str | None, new: str) -> list[Change]:
    """What differs from the old commit (None: from nothing) to the new one, with renames found as git finds them."""
    span = ["-r", "-M", "-z", old or EMPTY_TREE, new]
    raw = git(folder, "diff-tree", "--raw", "--no-abbrev", *span).decode().split("\0")
    counts = _counts(git(folder, "diff-tree", "--numstat", *span).decode().split("\0"))
    found, words = [], iter(raw)
    for head in words:
        if not head.startswith(":"):
            continue
        _, _, before, after, status = head.split(" ")
        first = next(words)
        path, previous = (next(words), first) if status[0] in "RC" else (first, None)
        sha = before if status == "D" else after
        found.append(Change(path, previous, STATUS[status[0]], sha, *counts[path]))
    return found


def _counts(words: list[str]) -> dict[str, tuple[int, int]]:
    """Lines added and deleted per path; a binary file counts none, as GitHub counts it."""
    counted, rest = {}, iter(words)
    for word in rest:
        if "\t" not in word:
            continue
        added, deleted, path = word.split("\t")
        if not path:  # a rename: the old and the new path follow
            next(rest)
            path = next(rest)
        counted[path] = (0, 0) if added == "-" else (int(added), int(deleted))
    return counted
