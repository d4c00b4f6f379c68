"""A folder that outlives its machine: mirrored file by file to a place that fsspec reaches (a folder, s3://, gs://), and back."""

from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs

from evalgate.errors import NotMeasured, PolicyError


class Place:
    """Where copies of a folder lie."""

    def __init__(self, uri: str, *, root: Path = Path()) -> None:
        """Open the place; a folder begins at `root`.

        Raises:
            PolicyError: nothing here knows how to reach it.
        """
        try:
            self._files, self._root = url_to_fs(uri if "://" in uri else str((root / uri).absolute()))
        except (ValueError, ImportError) as error:
            raise PolicyError(
                f"train.storage {uri!r}: {error}: use a folder, s3://, gs://, or install what reaches it"
            ) from error

    def send(self, folder: Path, *, last: str) -> None:
        """Make the place hold what `folder` holds; files called `last` are written last: they say that the others are there.

        Files that are there with the same size are taken for the same: what is mirrored is written once.

        Raises:
            NotMeasured: the place cannot be written.
        """
        here = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
        try:
            there = self._sizes()
            for name in sorted(here, key=lambda name: (Path(name).name == last, name)):
                if there.get(name) != here[name].stat().st_size:
                    self._put(here[name], name)
            for name in sorted(set(there) - set(here), key=lambda name: (Path(name).name != last, name)):
                self._files.rm_file(f"{self._root}/{name}")
        except OSError as error:
            raise NotMeasured(f"{self._root}: cannot be written: {error}; give access or make room, and run again") from error

    def fetch(self, folder: Path, *, last: str) -> int:
        """Make `folder` hold what the place holds, and say how many files that are; 0 where nothing lies there.

        Raises:
            NotMeasured: the place cannot be read.
        """
        try:
            there = sorted(self._sizes(), key=lambda name: (Path(name).name == last, name))
            for name in there:
                at = folder / name
                at.parent.mkdir(parents=True, exist_ok=True)
                self._files.get_file(f"{self._root}/{name}", str(at))
        except OSError as error:
            raise NotMeasured(f"{self._root}: cannot be read: {error}; give access, and run again") from error
        return len(there)

    def clear(self) -> None:
        """Let go of what lies there; a place that cannot be cleared keeps it."""
        if self._files.exists(self._root):
            self._files.rm(self._root, recursive=True)

    def _sizes(self) -> dict[str, int]:
        self._files.invalidate_cache()
        if not self._files.exists(self._root):
            return {}
        found: dict[str, Any] = self._files.find(self._root, detail=True)
        return {path.removeprefix(f"{self._root}/"): told["size"] for path, told in found.items()}

    def _put(self, path: Path, name: str) -> None:
        """One file, whole: under another name first where the place is a folder."""
        begun = f"{self._root}/{name}.part"
        self._files.makedirs(begun.rpartition("/")[0], exist_ok=True)
        self._files.put_file(str(path), begun)
        self._files.mv(begun, f"{self._root}/{name}")
