"""The result cache: what was answered and scored, under the digest of all that shaped it, in one file that many may write.

A row belongs to an origin: "here" on somebody's machine, "target" for what the target branch's workflows made, "pull/12"
for work on that pull request. A process finds what its own origin made and what the target branch made, and nothing else.
"""

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from evalgate.errors import NotMeasured
from evalgate.kept import pruning
from evalgate.kept.opening import Opened, is_damage, let_go, opened, set_aside, transaction, unusable
from evalgate.kept.pruning import Going

FILE = "answers.sqlite"
"""Name of the file in the cache's folder."""
TARGET = "target"
"""The origin that every other one trusts."""
LARGEST = 2 * 2**30
"""Bytes that the file may take by default."""
DAY = 86_400.0
"""Seconds; a use is noted once a day, so that finding what is there writes nothing most of the time."""
AT_ONCE = 500
"""Keys asked for in one statement; old builds of SQLite take 999."""


class Held(NamedTuple):
    """What one origin has in the cache."""

    origin: str
    entries: int
    bytes: int
    """Of the values alone."""
    oldest: float
    """When its first entry was made, in seconds since 1970."""
    newest: float
    used: float
    """When one of them was used last, to a day."""


def kept_in(
    folder: Path,
    *,
    origin: str,
    largest: int = LARGEST,
    now: Callable[[], float] = time.time,
    tell: Callable[[str], object] = str,
) -> "Kept":
    """The cache in a folder, made where there is none; `tell` hears of a damaged file that was moved aside.

    Raises:
        NotMeasured: it cannot be opened, is not ours, or is damaged while another process uses it.
    """
    return Kept(folder / FILE, origin=origin, largest=largest, now=now, tell=tell)


class Kept:
    """An open cache, for several threads at once; to be closed. Keys are sha256 in hex, values any bytes.

    What `keep` returned from is there after this process is killed; a machine that loses power may lose the last of it.
    """

    def __init__(self, path: Path, *, origin: str, largest: int, now: Callable[[], float], tell: Callable[[str], object]) -> None:
        """Open the file at `path`; see `kept_in`."""
        self.path, self.origin, self.largest = path, origin, largest
        self._now, self._tell = now, tell
        self._turn = threading.Lock()
        self._used: set[tuple[str, str]] = set()
        self._damaged: set[tuple[str, str]] = set()
        self._opened: Opened | None = opened(path, tell)

    def __enter__(self) -> "Kept":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def find(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Key -> value of those that are there, trusted and whole; a file that cannot be read has none."""
        with self._turn:
            if self._opened is None:
                return {}
            try:
                return self._found(self._opened.connection, keys)
            except sqlite3.DatabaseError as error:
                self._tell(f"{self.path}: cannot be read ({error}): nothing is found in it")
                if is_damage(error):
                    with suppress(NotMeasured):
                        self._renew()
                return {}

    def keep(self, values: Mapping[str, bytes]) -> None:
        """Write all or none; a key that this origin has keeps its first value.

        Raises:
            NotMeasured: the disk is full, cannot be written, or the file is damaged and in use.
        """
        if not values:
            return
        with self._turn:
            try:
                try:
                    self._put(values)
                except sqlite3.DatabaseError as error:
                    if not is_damage(error):
                        raise
                    self._renew()
                    self._put(values)
            except sqlite3.DatabaseError as error:
                raise unusable(self.path, error) from error

    def close(self) -> None:
        """Note what was used, and let go of the file."""
        with self._turn:
            if self._opened is None:
                return
            if self._used or self._damaged:
                with suppress(sqlite3.Error), transaction(self._opened.connection):  # a use that is not noted costs nothing
                    self._note(self._opened.connection)
            let_go(self._opened)
            self._opened = None

    def look(self) -> tuple[Held, ...]:
        """What is there, by origin.

        Raises:
            NotMeasured: the file cannot be read.
        """
        asked = """SELECT origin, COUNT(*), SUM(length(value)), MIN(made), MAX(made), MAX(used)
                   FROM answers GROUP BY origin ORDER BY origin"""
        with self._reading() as connection:
            return tuple(Held(*row) for row in connection.execute(asked))

    def prune(
        self,
        *,
        unused_for: float | None = None,
        largest: int | None = None,
        origin: str | None = None,
        everything: bool = False,
        really: bool = False,
    ) -> Going:
        """What goes: entries not used for so many seconds, and the least recently used beyond `largest` bytes of values.

        Of one origin alone where one is given. Without `really` all of it stays.

        Raises:
            NotMeasured: the file cannot be read or written.
        """
        before = None if unused_for is None else self._now() - unused_for
        what = pruning.What(origin=origin, everything=everything, before=before, largest=largest)
        with self._reading() as connection:
            if not really:
                return pruning.going(connection, what)
            with transaction(connection):
                self._note(connection)
                gone = pruning.remove(connection, what)
            pruning.shrink(connection)
        return gone

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            if self._opened is None:
                raise NotMeasured(f"{self.path}: was damaged and is no longer open: run the command again")
            try:
                yield self._opened.connection
            except sqlite3.DatabaseError as error:
                raise unusable(self.path, error) from error

    def _found(self, connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, bytes]:
        """Of a key that both origins have, whichever value is whole."""
        found: dict[str, bytes] = {}
        stale = self._now() - DAY
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            marks = ",".join("?" * len(some))
            asked = f"""SELECT key, origin, value, digest, used < ? FROM answers
                        WHERE key IN ({marks}) AND origin IN (?, ?)"""  # noqa: S608  (question marks alone)
            for key, origin, value, digest, is_stale in connection.execute(asked, (stale, *some, self.origin, TARGET)):
                if not _is_whole(key, origin, value, digest):
                    self._damaged.add((key, origin))
                    continue
                found[key] = value
                if is_stale:
                    self._used.add((key, origin))
        return found

    def _put(self, values: Mapping[str, bytes]) -> None:
        if self._opened is None:
            self._opened = opened(self.path, self._tell)
        connection, now = self._opened.connection, self._now()
        rows = [(key, self.origin, value, _digest(key, self.origin, value), now, now) for key, value in values.items()]
        with transaction(connection):
            self._note(connection)
            connection.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?)", rows)
            pruned = pruning.bound(connection, self.largest)
        if pruned:
            pruning.shrink(connection)

    def _note(self, connection: sqlite3.Connection) -> None:
        """Write down what was used, and take out what was found damaged, unless somebody mended it since."""
        now = self._now()
        uses = [(now, *row) for row in self._used]
        connection.executemany("UPDATE answers SET used = ? WHERE key = ? AND origin = ?", uses)
        for row in self._damaged:
            found = connection.execute("SELECT value, digest FROM answers WHERE key = ? AND origin = ?", row).fetchone()
            if found is not None and not _is_whole(*row, *found):
                connection.execute("DELETE FROM answers WHERE key = ? AND origin = ?", row)
        self._used.clear()
        self._damaged.clear()

    def _renew(self) -> None:
        """Begin anew after damage.

        Raises:
            NotMeasured: another process still uses the damaged file.
        """
        damaged, self._opened = self._opened, None
        self._used.clear()
        self._damaged.clear()
        if damaged is not None:
            let_go(damaged)
            set_aside(self.path, damaged.number, self._tell)
        self._opened = opened(self.path, self._tell)


def _digest(key: str, origin: str, value: bytes) -> bytes:
    """Over the whole row: a value that stands under another's key is damaged, too."""
    return hashlib.sha256(b"\0".join((key.encode(), origin.encode(), value))).digest()


def _is_whole(key: str, origin: str, value: object, digest: object) -> bool:
    return isinstance(value, bytes) and digest == _digest(key, origin, value)
