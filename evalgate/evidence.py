"""A journal in a folder that any runner reaches: a path, s3://, gs://. The one door to fsspec.

One small file a step, named by the step's key, so that two writers of the same step write the same file.
"""

import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from pydantic import ValidationError

from evalgate.errors import NotMeasured, PolicyError
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
        try:
            for name, content in files.items():
                self._put(name, content)
            name = f"{hashlib.sha256(entry.key.encode()).hexdigest()[:32]}.json"
            stands = self._put(f"pulls/{entry.pull}/{name}", entry.model_dump_json(exclude_none=True).encode() + b"\n")
            found = self._entry(stands, name)
            if found.step in LEDGER and found.feature is not None:
                self._put(f"features/{found.feature}/{found.pull}-{name}", stands)
        except OSError as error:
            raise NotMeasured(
                f"{self.root}: the journal cannot be written: {error}; make room or access, and run again"
            ) from error
        return found

    def read(self, name: str, /) -> bytes | None:
        """An evidence file; None where there is none."""
        try:
            content: bytes = self.files.cat_file(f"{self.root}/{name}")
        except FileNotFoundError:
            return None
        return content

    def _put(self, name: str, content: bytes) -> bytes:
        """What stands at `name` afterwards: `content`, or what was there before; never half of either."""
        path = f"{self.root}/{name}"
        before = self.read(name)
        if before is not None:
            return before
        self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
        try:
            if isinstance(self.files, LocalFileSystem):
                _link_whole(Path(path), content)
            else:  # an object appears when its stream is closed, and "x" refuses one that is there
                with self.files.open(path, "xb") as stream:
                    stream.write(content)
        except FileExistsError:  # another writer was faster
            return self.read(name) or content
        return content

    def _entries(self, folder: str) -> tuple[Entry, ...]:
        there = [path for path in self.files.find(f"{self.root}/{folder}") if path.endswith(".json")]
        found: dict[str, Any] = {path: self.files.cat_file(path) for path in there if "/." not in path}
        steps = [self._entry(content, path) for path, content in found.items()]
        return tuple(sorted(steps, key=lambda entry: (entry.at, entry.key)))

    def _entry(self, content: bytes, path: str) -> Entry:
        try:
            return Entry.model_validate_json(content)
        except ValidationError as error:
            raise NotMeasured(f"{path}: is no step of a journal: look at it, nothing is decided on half of one") from error


def _link_whole(path: Path, content: bytes) -> None:
    """Put a file in place that is whole from its first moment, and never in another's place.

    Raises:
        FileExistsError: there is one already.
    """
    begun = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        begun.write_bytes(content)
        path.hardlink_to(begun)
    finally:
        begun.unlink(missing_ok=True)
