"""A journal in a folder that any runner reaches: a path, s3://, gs://. The one door to fsspec.

One small file a step, named by the step's key, so that two writers of the same step write the same file.
"""

import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from pydantic import ValidationError

from evalgate.errors import NotMeasured, PolicyError, UnreadableJournalError
from evalgate.records.journal import LEDGER, Entry


class PathJournal:
    """The journal at an fsspec uri; fulfils `ports.Journal`."""

    def __init__(self, uri: str) -> None:
        """Open the place.

        Raises:
            PolicyError: nothing here knows how to reach it.
        """
        try:
            self.files, self.root = url_to_fs(uri)
        except (ValueError, ImportError) as error:
            raise PolicyError(f"evidence {uri!r}: {error}: use branch:NAME, a folder, or install what reaches it") from error

    def of_pull(self, number: int, /) -> tuple[Entry, ...]:
        """Every step on one pull request, oldest first."""
        return self._entries(f"pulls/{number}")

    def of_feature(self, feature: str, /) -> tuple[Entry, ...]:
        """The steps that count for other pull requests of the feature, oldest first."""
        return self._entries(f"features/{feature}")

    def append(self, entry: Entry, files: Mapping[str, bytes] = {}, /) -> Entry:
        """Write the evidence, then the step: whoever reads the step finds all that it names.

        Raises:
            NotMeasured: it could not be written.
        """
        places = _places(entry)
        stands = next((found for place in places if (found := self.read(place)) is not None), None)
        if stands is None:
            for name, content in files.items():
                self._replace(name, content)
            stands = entry.model_dump_json(exclude_none=True).encode() + b"\n"
        for place in places:
            stands = self._put(place, stands)
        return self._entry(stands, places[-1])

    def read(self, name: str, /) -> bytes | None:
        """An evidence file; None where there is none.

        Raises:
            NotMeasured: it cannot be read.
        """
        try:
            content: bytes = self.files.cat_file(f"{self.root}/{name}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise NotMeasured(f"{self.root}/{name}: cannot be read: {error}; give access, and run again") from error
        return content

    def _put(self, name: str, content: bytes) -> bytes:
        """What stands at `name` afterwards: `content`, or what was there before; never half of either."""
        before = self.read(name)
        if before is not None:
            return before
        try:
            self._write(name, content, over=False)
        except FileExistsError as error:  # another writer was faster
            before = self.read(name)
            if before is None:
                raise NotMeasured(f"{self.root}/{name}: cannot be written: {error}; look at what is in its way") from error
            return before
        return content

    def _replace(self, name: str, content: bytes) -> None:
        """Put evidence in place; what a writer left who stopped before its step is evidence of nothing."""
        if self.read(name) != content:
            self._write(name, content, over=True)

    def _write(self, name: str, content: bytes, *, over: bool) -> None:
        path = f"{self.root}/{name}"
        try:
            self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
            if isinstance(self.files, LocalFileSystem):
                _put_whole(Path(path), content, over=over)
            else:  # an object appears when its stream is closed, and "x" refuses one that is there
                with self.files.open(path, "wb" if over else "xb") as stream:
                    stream.write(content)
        except FileExistsError:
            raise
        except (OSError, ValueError, NotImplementedError) as error:
            raise NotMeasured(
                f"{self.root}: the journal cannot be written: {error}; make room or access, and run again"
            ) from error

    def _entries(self, folder: str) -> tuple[Entry, ...]:
        """Every step in a folder; a folder that cannot be listed is never an empty one."""
        self.files.invalidate_cache()  # what other writers put there since
        try:
            there = self.files.ls(f"{self.root}/{folder}", detail=False)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise NotMeasured(f"{self.root}/{folder}: cannot be listed: {error}; give access, and run again") from error
        names = sorted(path.rpartition("/")[2] for path in there)
        steps = [self._step(f"{folder}/{name}") for name in names if name.endswith(".json") and not name.startswith(".")]
        return tuple(sorted(steps, key=lambda entry: (entry.at, entry.key)))

    def _step(self, name: str) -> Entry:
        content = self.read(name)
        if content is None:
            raise NotMeasured(f"{self.root}/{name}: was taken away while it was read: look at who changed the journal")
        return self._entry(content, name)

    def _entry(self, content: bytes, path: str) -> Entry:
        try:
            return Entry.model_validate_json(content)
        except ValidationError as error:
            raise UnreadableJournalError(
                f"{path}: is no step of a journal: look at it, nothing is decided on half of one"
            ) from error


def _places(entry: Entry) -> tuple[str, ...]:
    """Where a step lies. The feature's place is the first: a writer who stops in between must not hide money that was spent."""
    name = f"{hashlib.sha256(entry.key.encode()).hexdigest()[:32]}.json"
    own = f"pulls/{entry.pull}/{name}"
    return (own,) if entry.feature is None or entry.step not in LEDGER else (f"features/{entry.feature}/{entry.pull}-{name}", own)


def _put_whole(path: Path, content: bytes, *, over: bool) -> None:
    """Put a file in place that is whole from its first moment, `over` whatever is there or never in another's place.

    Raises:
        FileExistsError: there is one already, and it is not to be replaced.
    """
    begun = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        begun.write_bytes(content)
        if over:
            begun.replace(path)
        else:
            path.hardlink_to(begun)
    finally:
        begun.unlink(missing_ok=True)
