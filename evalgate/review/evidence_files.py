"""Files that are to be kept: each at the place that its own bytes name, so that none can be in the way of another."""

import hashlib
import re
from collections.abc import Mapping

from evalgate.records.base import digest_over
from evalgate.records.evidence import adapter_place, object_place

KEPT = ("objects/", "adapters/")
"""Folders of an evidence place; everything else there is the journal."""
_OBJECT = re.compile(r"objects/[0-9a-f]{2}/[0-9a-f]{64}(?P<suffix>\.[A-Za-z0-9_-]+)?")
_ADAPTER = re.compile(r"(?P<folder>adapters/[0-9a-f]{64})/(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)")


def refuse_misplaced(files: Mapping[str, bytes]) -> None:
    """Nothing, or an error: `files`, place -> bytes, of which every one must lie under its digest.

    An adapter's folder is named by the digest over its files, so they must all be among `files`.

    Raises:
        ValueError: one lies elsewhere, under another digest, or as part of an adapter that is not whole.
    """
    adapters: dict[str, dict[str, str]] = {}
    for place, content in files.items():
        sha256 = hashlib.sha256(content).hexdigest()
        if found := _OBJECT.fullmatch(place):
            if place != object_place((found["suffix"] and f"x{found['suffix']}") or "", sha256):
                raise ValueError(f"{place}: its content has another digest, {sha256}")
        elif found := _ADAPTER.fullmatch(place):
            adapters.setdefault(found["folder"], {})[found["name"]] = sha256
        else:
            raise ValueError(f"{place}: no place of evidence: objects/<ab>/<sha256>.<suffix> or adapters/<sha256>/<file>")
    for folder, names in adapters.items():
        if folder != adapter_place(digest_over(names)):
            listed = ", ".join(sorted(names))
            raise ValueError(f"{folder}: the adapter is not whole, or its files have another digest: {listed}")
