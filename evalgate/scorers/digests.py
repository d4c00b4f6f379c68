"""Digests that tie a score to the code and the schema it came from."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

_SHARED = ("score", "fold", "answer", "schema")
_FAMILIES = {
    "exact_json": ("exact",),
    "exact_text": ("exact",),
    "contains": ("contains",),
    "regex": ("contains",),
    "json_valid": ("json_valid",),
    "refusal": ("refusal", "refusing", "complying"),
}


def digest_of(name: str, answer_schema: Mapping[str, Any] | None) -> str:
    """sha256 (64 hex digits) over the scorer's name, the bytes of its modules and the canonical JSON of the schema."""
    schema = None if answer_schema is None else dict(answer_schema)
    canonical = json.dumps(schema, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    parts = (name.encode(), *(_source(module) for module in modules_of(name)), canonical)
    return _digest_of_all(hashlib.sha256(part).digest() for part in parts)


def modules_of(name: str) -> tuple[str, ...]:
    """The modules of this package that the named scorer's scores depend on."""
    return (*_FAMILIES[name], *_SHARED)


def _source(module: str) -> bytes:
    file = resources.files("evalgate.scorers").joinpath(f"{module}.py")
    return file.read_bytes().replace(b"\r\n", b"\n")  # a checkout's line endings are no change of code


def _digest_of_all(digests: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(digests)).hexdigest()
