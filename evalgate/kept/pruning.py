"""What leaves the cache, and what lies beside it."""

import secrets
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from evalgate.kept.opening import number

BESIDE = ("adapters", "dense", "hub", "judge", "results", "weights")
"""Folders in the cache that others write; all of it is made or fetched again when it is missing."""
ROOM = 0.9
"""What stays of the largest size when it is exceeded, so that not every new answer prunes."""
_NEVER = 2**62

_GOING = """\
SELECT place, bytes FROM (
    SELECT rowid AS place, used, length(value) AS bytes,
           SUM(length(value)) OVER (ORDER BY used DESC, rowid DESC ROWS UNBOUNDED PRECEDING) AS so_far
    FROM answers WHERE :origin IS NULL OR origin = :origin)
WHERE :everything OR used < :before OR so_far > :largest"""


class What(NamedTuple):
    """Which entries go."""

    origin: str | None = None
    """Of this origin alone; None: of all."""
    everything: bool = False
    before: float | None = None
    """Those used last before this time, in seconds since 1970."""
    largest: int | None = None
    """The least recently used beyond so many bytes of values."""


class Going(NamedTuple):
    """What goes, or went."""

    entries: int
    bytes: int


class Folder(NamedTuple):
    """A folder beside the answers."""

    name: str
    files: int
    bytes: int


def going(connection: sqlite3.Connection, what: What) -> Going:
    """What would go."""
    return _sum(_rows(connection, what))


def remove(connection: sqlite3.Connection, what: What) -> Going:
    """What went; inside a transaction of the caller's."""
    rows = _rows(connection, what)
    connection.executemany("DELETE FROM answers WHERE rowid = ?", ((place,) for place, _ in rows))
    return _sum(rows)


def bound(connection: sqlite3.Connection, largest: int) -> bool:
    """True when the file took more than `largest` bytes, and its least recently used entries are gone."""
    pages, free, size = (number(connection, f"PRAGMA {name}") for name in ("page_count", "freelist_count", "page_size"))
    taken = (pages - free) * size
    if taken <= largest:
        return False
    values = number(connection, "SELECT SUM(length(value)) FROM answers")
    remove(connection, What(largest=int(values * ROOM * largest / taken)))  # what surrounds the values shrinks with them
    return True


def shrink(connection: sqlite3.Connection) -> None:
    """Nothing; what was freed is given back to the disk, as far as nobody reads."""
    with suppress(sqlite3.OperationalError):
        connection.executescript("PRAGMA incremental_vacuum")  # `execute` frees one page and stops
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def beside(cache: Path) -> tuple[Folder, ...]:
    """The folders of the cache that are there, with their sizes; what vanishes meanwhile is not counted."""
    found = []
    for name in BESIDE:
        sizes = list(_sizes(cache / name))
        if sizes:
            found.append(Folder(name, len(sizes), sum(sizes)))
    return tuple(found)


def remove_beside(cache: Path) -> None:
    """Nothing; the folders are gone, each at once: nobody finds half of one.

    Raises:
        OSError: one cannot be removed.
    """
    for name in BESIDE:
        if (cache / name).is_dir():
            gone = cache / f".{name}.{secrets.token_hex(4)}"
            (cache / name).rename(gone)
            shutil.rmtree(gone)


def _sizes(folder: Path) -> list[int]:
    found = []
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file() and not path.is_symlink():
                found.append(path.stat().st_size)
    return found


def _rows(connection: sqlite3.Connection, what: What) -> list[tuple[int, int]]:
    asked = {
        "origin": what.origin,
        "everything": what.everything,
        "before": -1.0 if what.before is None else what.before,
        "largest": _NEVER if what.largest is None else what.largest,
    }
    return connection.execute(_GOING, asked).fetchall()


def _sum(rows: list[tuple[int, int]]) -> Going:
    return Going(len(rows), sum(size for _, size in rows))
