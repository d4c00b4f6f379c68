"""An adapter out of the evidence: whole, and what its manifest says, or not at all."""

import hashlib
import secrets
import shutil
from pathlib import Path

from evalgate import store, weights
from evalgate.errors import NotMeasured, RegistryError
from evalgate.evidence import open_shelf
from evalgate.ports import Shelf
from evalgate.records.evidence import Evidence, adapter_place
from evalgate.records.registry import RegistryEntry
from evalgate.signing import SIGNATURE
from evalgate.stages.opened import manifest_of, odd_adapter_file, read_file

ADAPTERS = "adapters"
"""Folder in the cache."""


def fetch_adapter(shelf: Shelf, manifest: Evidence, into: Path) -> Path:
    """The folder `into`/<digest of the adapter>, with its files, its signature where one was kept, and no others.

    What lies there already is looked at first.

    Raises:
        RegistryError: a file is not what the manifest says, or has a name that no adapter's file has.
        NotMeasured: no adapter was kept, a file is missing, or the disk does not take it.
    """
    digest = manifest.adapter_sha256
    if digest is None:
        raise NotMeasured(f"the evidence of {manifest.feature} holds no adapter: {manifest.left_out or 'none was trained'}")
    odd = odd_adapter_file(manifest)
    if odd is not None:
        known = ", ".join(weights.SHAPES_ANSWERS)
        raise RegistryError(f"adapter {digest}: {odd!r} is no file of an adapter ({known}): make the evidence anew")
    folder = into / digest
    return _signed(shelf, manifest, folder if _is_whole(folder, manifest) else _fetched(shelf, manifest, folder))


def adapter_of(entry: RegistryEntry, home: Path, cache: Path) -> Path:
    """Folder of a registered adapter: beside the registry, else kept in the cache under its digest, fetched once.

    Raises:
        RegistryError: the entry has no adapter, or its evidence does not hold.
        NotMeasured: it could not be fetched from here; the message says how.
    """
    if entry.adapter is None:
        raise RegistryError("the entry has no adapter")
    if entry.adapter.uri.startswith("path:"):
        return home / entry.adapter.uri.removeprefix("path:")
    kept = cache / ADAPTERS / entry.adapter.sha256
    if kept.is_dir():  # whoever loads it compares its digest
        return kept
    if entry.evidence is None:
        raise RegistryError(f"{entry.adapter.uri}: the entry names no evidence, so nothing says which files the adapter has")
    shelf = open_shelf(entry.evidence.uri, root=home)
    return fetch_adapter(shelf, manifest_of(shelf, entry.evidence.sha256), cache / ADAPTERS)


def _signed(shelf: Shelf, manifest: Evidence, folder: Path) -> Path:
    """The folder, with the signature that was kept beside the adapter's files; it is none of them and is never loaded."""
    if SIGNATURE in manifest.files:
        there = folder / SIGNATURE
        if not there.is_file() or weights.file_sha256(there) != manifest.files[SIGNATURE]:
            store.write(there, read_file(shelf, manifest, SIGNATURE))
    return folder


def _fetched(shelf: Shelf, manifest: Evidence, folder: Path) -> Path:
    """The folder, put in place by one rename; of two who fetch at once either's will do."""
    begun = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
    old = begun.with_suffix(".old")
    try:
        for name, sha256 in manifest.adapter.items():
            store.write(begun / name, _file(shelf, f"{adapter_place(folder.name)}/{name}", sha256))
        if (folder.exists() or folder.is_symlink()) and not _is_whole(folder, manifest):
            folder.rename(old)
        begun.rename(folder)
    except OSError as error:
        if not _is_whole(folder, manifest):
            raise NotMeasured(f"{folder}: cannot be written: {error.strerror}; make room or access, and run again") from error
    finally:
        shutil.rmtree(begun, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _file(shelf: Shelf, place: str, sha256: str) -> bytes:
    content = shelf.read(place)
    if content is None:
        raise NotMeasured(f"{place}: is not there any more: restore it where the evidence lies, or train again")
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise RegistryError(f"{place}: has digest {found}, and its manifest says {sha256}: find out who changed it")
    return content


def _is_whole(folder: Path, manifest: Evidence) -> bool:
    """True where the folder holds the adapter, and nothing beside it that could be loaded with it."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    found = list(folder.iterdir())
    names = {path.name for path in found} - {SIGNATURE}  # of this manifest or of another one that names the same adapter
    whole = names == set(manifest.adapter) and all(p.is_file() and not p.is_symlink() for p in found)
    return whole and weights.digest(folder, manifest.adapter) == manifest.adapter_sha256
