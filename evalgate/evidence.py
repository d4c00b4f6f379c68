"""A journal in a folder that any runner reaches: a path, s3://, gs://. The one door to fsspec.

One small file a step, named by the step's key, so that two writers of the same step write the same file; evidence lies
beside them under its digests, see `records.evidence`.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from pydantic import ValidationError

from evalgate.errors import NotMeasured, PolicyError, UnreadableJournalError
from evalgate.git_shelf import GitShelf
from evalgate.ports import Shelf
from evalgate.records.journal import LEDGER, Entry
from evalgate.review.evidence_files import KEPT, refuse_misplaced
from evalgate.review.journal_file import plain
from evalgate.review.retention import GRACE

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def open_shelf(place: str, *, root: Path) -> Shelf:
    """The shelf at `place`, read from this machine: `branch:NAME` from the git clone at `root`, `path:DIR` or a folder
    from there, anything else through fsspec.

    Raises:
        PolicyError: the place is none, or nothing here knows how to reach it.
    """
    scheme, _, name = place.partition(":")
    return GitShelf(root, name) if scheme == "branch" else PathJournal(place, root=root)


class PathJournal:
    """The journal at an fsspec uri, at `path:DIR` or in a folder; fulfils `ports.Journal`."""

    remains = "nothing of them is left, but for versions that the place itself keeps"
    """What is left of files that were removed, for people."""

    def __init__(self, uri: str, *, root: Path = Path(), clock: Callable[[], float] = time.time) -> None:
        """Open the place. A folder begins at `root`; `clock` gives seconds since 1970.

        Raises:
            PolicyError: nothing here knows how to reach it.
        """
        located = _located(uri, root)
        self._clock = clock
        try:
            self.files, self.root = url_to_fs(located)
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
            ValueError: a file does not lie under its digest.
        """
        refuse_misplaced(files)
        places = _places(entry)
        stands = next((found for place in places if (found := self._read(place)) is not None), None)
        if stands is None:
            for name, content in files.items():
                self._replace(name, content)
            stands = entry.model_dump_json(exclude_none=True).encode() + b"\n"
        for place in places:
            stands = self._put(place, stands)
        return self._entry(stands, places[-1])

    def keep(self, files: Mapping[str, bytes], /) -> None:
        """Write evidence that no step names: that of a run outside of a pull request.

        Raises:
            NotMeasured: it could not be written.
        """
        refuse_misplaced(files)
        for name, content in files.items():
            self._replace(name, content)

    def read(self, name: str, /) -> bytes | None:
        """An evidence file; None where there is none.

        Raises:
            NotMeasured: it cannot be read.
        """
        return self._read(plain(name))

    def stands(self) -> str:
        """Nothing: no write here is over the whole journal, so there is nothing to compare; see `young`."""
        return ""

    def steps(self) -> tuple[Entry, ...]:
        """Every step on every pull request and feature, each once.

        Raises:
            NotMeasured: the journal cannot be read, or holds what is no step.
        """
        folders = [f"{kind}/{name}" for kind in ("pulls", "features") for name in self._names(kind)]
        return tuple(dict.fromkeys(entry for folder in folders for entry in self._entries(folder)))

    def places(self) -> dict[str, int]:
        """All evidence, what stopped writers left among it: place -> bytes.

        Raises:
            NotMeasured: it cannot be listed.
        """
        self.files.invalidate_cache()
        try:
            found = [self.files.find(f"{self.root}/{kind}", detail=True) for kind in KEPT]
        except OSError as error:
            raise NotMeasured(f"{self.root}: cannot be listed: {error}; give access, and run again") from error
        below = f"{self.root}/"
        return {path.removeprefix(below): told["size"] or 0 for some in found for path, told in some.items()}

    def young(self, places: Collection[str], since: datetime, /) -> frozenset[str]:
        """Those of `places` that were put there at `since` or later: their step may not be written yet.

        Raises:
            NotMeasured: the place does not say when.
        """
        self.files.invalidate_cache()
        return frozenset(place for place in places if (at := self._changed(place)) is not None and at >= since)

    def remove(self, places: Collection[str], _stands: str, since: datetime, /) -> tuple[str, ...]:
        """Those of `places` that are gone now; one that was put there at `since` or later stays.

        Raises:
            NotMeasured: one could not be removed; the others that are gone are not referred to either.
            ValueError: a place is none of evidence.
        """
        if not all(place.startswith(KEPT) and ".." not in place.split("/") for place in places):
            raise ValueError("only evidence is removed, the journal never")
        return tuple(place for place in places if self._remove(place, since))

    def _remove(self, place: str, since: datetime) -> bool:
        if self.young([place], since):  # asked for right before: a writer may have come to need it
            return False
        try:
            self.files.rm_file(f"{self.root}/{place}")
        except FileNotFoundError:  # somebody else removed it
            return True
        except (OSError, NotImplementedError) as error:
            raise NotMeasured(f"{self.root}/{place}: cannot be removed: {error}; give access, and run again") from error
        return True

    def _changed(self, place: str) -> datetime | None:
        """When a file was put there; None where there is none."""
        try:
            found: datetime = self.files.modified(f"{self.root}/{place}")
        except FileNotFoundError:
            return None
        except (OSError, NotImplementedError, KeyError) as error:
            raise NotMeasured(
                f"{self.root}/{place}: nobody says since when it is there: {error!r}; nothing is removed"
            ) from error
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def _read(self, name: str) -> bytes | None:
        try:
            content: bytes = self.files.cat_file(f"{self.root}/{name}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise NotMeasured(f"{self.root}/{name}: cannot be read: {error}; give access, and run again") from error
        return content

    def _put(self, name: str, content: bytes) -> bytes:
        """What stands at `name` afterwards: `content`, or what was there before; never half of either."""
        before = self._read(name)
        if before is not None:
            return before
        try:
            self._write(name, content, over=False)
        except FileExistsError as error:  # another writer was faster
            before = self._read(name)
            if before is None:
                raise NotMeasured(f"{self.root}/{name}: cannot be written: {error}; look at what is in its way") from error
            return before
        return content

    def _replace(self, name: str, content: bytes) -> None:
        """Put evidence in place, over half of it or another's; what is there is left, but for what may soon be pruned."""
        if self._read(name) != content or self._is_old(name):
            self._write(name, content, over=True)

    def _is_old(self, name: str) -> bool:
        """True for a file that a pruning beside us may take for one that nobody needs any more, before our step names it."""
        try:
            at = self._changed(name)
        except NotMeasured:  # then nothing is pruned here
            return False
        return at is None or self._clock() - at.timestamp() > GRACE.total_seconds() / 2

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
        """Every step in a folder, oldest first."""
        names = [name for name in self._names(folder) if name.endswith(".json") and not name.startswith(".")]
        return tuple(sorted((self._step(f"{folder}/{name}") for name in names), key=lambda entry: (entry.at, entry.key)))

    def _names(self, folder: str) -> list[str]:
        """What lies in a folder; a folder that cannot be listed is never an empty one."""
        self.files.invalidate_cache()  # what other writers put there since
        try:
            there = self.files.ls(f"{self.root}/{folder}", detail=False)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise NotMeasured(f"{self.root}/{folder}: cannot be listed: {error}; give access, and run again") from error
        return sorted(path.rstrip("/").rpartition("/")[2] for path in there)

    def _step(self, name: str) -> Entry:
        content = self._read(name)
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


def _located(uri: str, root: Path) -> str:
    """What fsspec is asked for.

    Raises:
        PolicyError: it is no place; fsspec would make a folder of that name.
    """
    scheme, _, name = uri.partition(":")
    if scheme == "path" and name:
        return str(root / name)
    if not uri or (_SCHEME.match(uri) and "://" not in uri and "::" not in uri):
        known = "branch:NAME, path:DIR, a folder, or a uri such as s3://BUCKET/DIR"
        raise PolicyError(f"evidence {uri!r}: is no place: use {known}")
    return uri if "://" in uri or "::" in uri or uri.startswith("~") else str(root / uri)


def _places(entry: Entry) -> tuple[str, ...]:
    """Where a step lies. The feature's place is the first: a writer who stops in between must not hide money that was spent."""
    name = f"{hashlib.sha256(entry.key.encode()).hexdigest()[:32]}.json"
    own = f"pulls/{entry.pull}/{name}"
    if entry.feature is None or entry.step not in LEDGER:
        return (own,)
    return (f"features/{entry.feature}/{entry.pull}-{name}", own)


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
