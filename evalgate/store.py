"""Files: read whole, written whole or not at all, found again by what is in them."""

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from evalgate.errors import DatasetError, NothingThereError, NotMeasured, PolicyError
from evalgate.records.base import Record, problems_of

R = TypeVar("R", bound=Record)
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""A file name that means nothing else in a shell, in a workflow's outputs or as the name of a flag."""


def read(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        PolicyError: it cannot be opened.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a device has no end, a pipe no beginning
            raise PolicyError(f"{path}: is no file: put the file itself there")
        return path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from error


def write(path: Path, content: bytes) -> None:
    """Put `content` at `path`: another process sees the old file or the new one, never half of it.

    Raises:
        NotMeasured: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        begun = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with begun.open("xb") as stream:  # unlike mkstemp, readable for whom the umask lets read
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            begun.replace(path)
        except BaseException:
            begun.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(path, error) from error


def write_record(path: Path, record: Record) -> None:
    """Write a record as indented JSON."""
    write(path, as_json(record))


def as_json(record: Record) -> bytes:
    """A record as it lies on disk."""
    return record.model_dump_json(indent=2).encode() + b"\n"


def read_record(path: Path, kind: type[R]) -> R:
    """The record in a file.

    Raises:
        PolicyError: it cannot be opened.
        DatasetError: it is not such a record.
    """
    try:
        return kind.model_validate_json(read(path))
    except ValidationError as error:
        raise DatasetError(*(f"{path}: {problem}" for problem in problems_of(error))) from error


def find_record(path: Path, kind: type[R]) -> R | None:
    """The record in a file, or None where there is none or it cannot be read as one: then it is made again."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def jsonl_files(place: Path, what: str, shown: str) -> dict[str, bytes]:
    """Path -> bytes of a JSONL file or of all JSONL files right in a folder, by name; links are not followed.

    Raises:
        NothingThereError: there is nothing.
        PolicyError: there is a link, or a name that is not plain.
    """
    if not place.exists() and not place.is_symlink():
        raise NothingThereError(
            f"{shown}: the policy names this place for {what}, but nothing is there: create it or correct the policy"
        )
    refuse_link(place)
    found = sorted(place.glob("*.jsonl")) if place.is_dir() else [place]
    if not found:
        raise NothingThereError(f"{shown}: the folder of the {what} holds no .jsonl file")
    for path in found:
        refuse_link(path)
        refuse_odd_name(path)
    return {str(Path(shown) / path.name) if place.is_dir() else shown: read(path) for path in found}


def refuse_link(path: Path) -> None:
    """Nothing, or an error: a link may lead out of the repository.

    Raises:
        PolicyError: `path` is a link.
    """
    if path.is_symlink():
        raise PolicyError(f"{path}: is a link: put the file itself there")


def refuse_odd_name(path: Path) -> None:
    """Nothing, or an error: names end up in folders, outputs, flags and reports.

    Raises:
        PolicyError: the name has more than letters, digits, dots, underscores and hyphens, or begins with one of these.
    """
    if not PLAIN_NAME.fullmatch(path.name):
        raise PolicyError(f"{path}: rename the file: letters, digits, `.`, `_` and `-` only, a letter or digit first")


def key_of(*parts: Any) -> str:
    """Digest that names what was made from `parts`."""
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()


def key_of_bytes(content: bytes) -> str:
    """sha256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def only_one(folder: Path, *, waiting: Callable[[], object] = bool) -> Iterator[None]:
    """Hold a run folder: a second process that wants it calls `waiting` and waits until the first is done.

    Raises:
        NotMeasured: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / ".lock").open("w")
    except OSError as error:
        raise _unwritable(folder, error) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _unwritable(path: Path, error: OSError) -> NotMeasured | PolicyError:
    """Something that stands in the way is the caller's to mend; a disk that is full is nobody's fault."""
    if isinstance(error, IsADirectoryError | NotADirectoryError | FileExistsError):
        return PolicyError(f"{path}: a file or a folder of that name is in the way: choose another place")
    return NotMeasured(f"{path}: cannot be written: {error.strerror}; nothing half-written is left, make room and run again")
