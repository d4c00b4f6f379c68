"""Which rows somebody has reviewed: counted by what a row teaches, not by where it stands or what stands beside it."""

import hashlib
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import orjson

from evalgate import jsonl


class RowSeen(NamedTuple):
    """A row's name, and what stands beside it."""

    digest: bytes
    """Of the canonical JSON of `messages` and `tools`; metadata is left out."""
    reviewers: tuple[str, ...]
    """`metadata.reviewed_by`: a claim, until the reviewer approves the commit."""
    synthetic: bool
    """`metadata.source` is "synthetic"."""


def rows_seen(content: bytes) -> Iterator[RowSeen]:
    """Every readable row of a dataset; a line that is none is left out, and the check names it.

    One raw row: `{"messages": [{"role": "user", "content": "hi"}, ...], "metadata": {"reviewed_by": ["octocat"]}}`
    """
    for line in jsonl.read(content):
        if isinstance(line.value, dict) and isinstance(line.value.get("messages"), list):
            beside = line.value.get("metadata")
            known = beside if isinstance(beside, dict) else {}
            yield RowSeen(row_digest(line.value), _reviewers(known), known.get("source") == "synthetic")


def row_digest(row: dict[str, Any]) -> bytes:
    """What a row teaches, as 16 bytes: the same for any order of keys and any metadata."""
    taught = {name: row[name] for name in ("messages", "tools") if name in row}
    return hashlib.sha256(orjson.dumps(taught, option=orjson.OPT_SORT_KEYS)).digest()[:16]


def accepted(content: bytes, reviewers: Collection[str]) -> set[bytes]:
    """The rows of a dataset that one of `reviewers` has reviewed."""
    counted = {login.casefold() for login in reviewers}
    return {row.digest for row in rows_seen(content) if _is_by(row, counted)}


def synthetic_rows(content: bytes, reviewers: Collection[str]) -> tuple[int, int]:
    """How many rows are synthetic and reviewed by none of `reviewers`, and how many rows there are."""
    counted = {login.casefold() for login in reviewers}
    rows = list(rows_seen(content))
    return sum(row.synthetic and not _is_by(row, counted) for row in rows), len(rows)


def reviewed_rows(
    head: bytes, *, reviewers: Collection[str], trained: bytes | None = None, merged: Collection[bytes] = ()
) -> tuple[int, int]:
    """How many new rows of `head` are reviewed, and how many new rows there are; each row counts once.

    Args:
        head: The dataset at the head.
        reviewers: Those who approve the head, and count.
        trained: The dataset version that was trained last and is registered; its rows are not new.
        merged: Digests of rows that counted reviewers accepted in earlier, merged pull requests.
    """
    old = set() if trained is None else {row.digest for row in rows_seen(trained)}
    new = {row.digest for row in rows_seen(head)} - old
    return len(new & (accepted(head, reviewers) | set(merged))), len(new)


def _is_by(row: RowSeen, counted: Collection[str]) -> bool:
    return any(login.casefold() in counted for login in row.reviewers)


def _reviewers(metadata: dict[str, Any]) -> tuple[str, ...]:
    named = metadata.get("reviewed_by")
    listed = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    return tuple(name.removeprefix("@") for name in listed if isinstance(name, str))
