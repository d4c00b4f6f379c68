"""One SQLite file, opened for many processes at once: made where it is missing, moved aside where it is damaged."""

import fcntl
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from evalgate.errors import NotMeasured, PolicyError

SCHEMA = 1
"""Version of the file's layout."""
OURS = int.from_bytes(b"EvGa", "big")
"""SQLite's application id: a file that has another one is not ours to touch."""
PATIENCE = 30.0
"""Seconds that a writer waits for another one."""

_TABLE = """\
CREATE TABLE answers (key TEXT NOT NULL, origin TEXT NOT NULL, value BLOB NOT NULL, digest BLOB NOT NULL,
                      made REAL NOT NULL, used REAL NOT NULL, PRIMARY KEY (key, origin))"""
_INDEX = "CREATE INDEX by_use ON answers (used)"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_UNWRITABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


class Opened(NamedTuple):
    """The file as this process has it open."""

    connection: sqlite3.Connection
    hold: IO[str] | None
    """Says to others that the file is in use; None in a folder that cannot be written."""
    number: int
    """The file's number on its disk: another one under the same name is another file."""


def opened(path: Path, tell: Callable[[str], object]) -> Opened:
    """The file, opened; where it is damaged, a new one, and `tell` hears where the old one lies.

    Raises:
        PolicyError: something else than a folder stands where its folder should be.
        NotMeasured: it cannot be opened or made, is not ours, or is damaged while others use it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise PolicyError(f"{path.parent}: a file is in the way of the cache's folder: set EVALGATE_CACHE to a folder") from error
    except OSError:
        pass  # a folder that cannot be made or written may hold a file to read; opening says what is wrong
    before = _number_of(path)
    try:
        try:
            return _held(path)
        except sqlite3.DatabaseError as error:
            if not is_damage(error) or before is None:
                raise
            set_aside(path, before, tell)
            return _held(path)
    except (sqlite3.DatabaseError, OSError) as error:
        raise unusable(path, error) from error


def let_go(one: Opened) -> None:
    """Nothing; the file is closed."""
    with suppress(sqlite3.Error):
        one.connection.close()
    if one.hold is not None:
        one.hold.close()


def set_aside(path: Path, number: int, tell: Callable[[str], object]) -> None:
    """Give the damaged file of that number another name; nothing, where another process has done so before.

    A file that others have open stays: SQLite deletes its log by name, which by then would be the new file's log.

    Raises:
        NotMeasured: others have it open.
    """
    if _number_of(path) != number:
        return
    hold = _hold(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if hold is None:
        raise NotMeasured(f"{path}: is damaged and in use, so it cannot be moved aside: end what uses it, then run again")
    with hold:
        if _number_of(path) != number:
            return
        aside = path.with_name(f"{path.stem}.damaged-{secrets.token_hex(4)}{path.suffix}")
        for end in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                Path(f"{path}{end}").rename(f"{aside}{end}")
        tell(f"{path}: was damaged; it lies at {aside} now, and a new one is begun")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written inside becomes visible at once, or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends some by itself, as on a full disk
            connection.execute("ROLLBACK")
        raise


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """True when the file itself is broken, rather than busy, full or out of reach."""
    return _code(error) in _DAMAGED


def unusable(path: Path, error: sqlite3.DatabaseError | OSError) -> NotMeasured:
    """What to say of a cache that cannot be read or written."""
    return NotMeasured(
        f"{path}: the cache cannot be used: {error}; make room, let us write or set EVALGATE_CACHE elsewhere, then run again"
    )


def number(connection: sqlite3.Connection, asked: str) -> int:
    """The one number that a statement gives; 0 for none."""
    return int(connection.execute(asked).fetchone()[0] or 0)


def _number_of(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _held(path: Path) -> Opened:
    hold = _hold(path, fcntl.LOCK_SH)
    try:
        return Opened(_connected(path), hold, path.stat().st_ino)
    except BaseException:
        if hold is not None:
            hold.close()
        raise


def _hold(path: Path, how: int) -> IO[str] | None:
    """A lock beside the file: shared while it is used, alone to move it aside; None when it cannot be had."""
    try:
        handle = path.with_name(f".{path.stem}.lock").open("a")
    except OSError:
        return None
    try:
        fcntl.flock(handle, how)
    except OSError:
        handle.close()
        return None
    return handle


def _connected(path: Path) -> sqlite3.Connection:
    """A connection to a file with our table; in a folder that cannot be written, to the file as it lies there."""
    place = path.absolute().as_uri()
    try:
        return _checked(path, f"{place}?mode=rwc")
    except sqlite3.OperationalError as error:
        if _code(error) not in _UNWRITABLE or not path.is_file():
            raise
        return _checked(path, f"{place}?immutable=1")


def _checked(path: Path, uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        if not _is_ours(path, connection):
            _make(path, connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA journal_size_limit = 67108864")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_ours(path: Path, connection: sqlite3.Connection) -> bool:
    """True for a file with our table, False for an empty one.

    Raises:
        NotMeasured: it is something else, or of another version.
    """
    tables = number(connection, "SELECT COUNT(*) FROM sqlite_master")  # first: another process may make them just now
    schema, ours = number(connection, "PRAGMA user_version"), number(connection, "PRAGMA application_id") == OURS
    if ours and schema == SCHEMA:
        return True
    if schema or tables:
        whose = f"of another version of EvalGate (layout {schema}, not {SCHEMA})" if ours else "no cache of EvalGate"
        raise NotMeasured(f"{path}: is {whose}: move it away, or set EVALGATE_CACHE to another folder")
    return False


def _make(path: Path, connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    until = time.monotonic() + PATIENCE
    while True:  # several processes may begin at once, and for this one statement SQLite does not always wait
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
    with transaction(connection):
        if not _is_ours(path, connection):
            connection.execute(_TABLE)
            connection.execute(_INDEX)
            connection.execute(f"PRAGMA application_id = {OURS}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")


def _code(error: sqlite3.DatabaseError) -> int:
    """SQLite's primary result code."""
    return error.sqlite_errorcode & 0xFF
