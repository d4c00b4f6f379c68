"""Digests that tie a score to the code and the schema it came from."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from evalgate.scorers.own_function import PREFIX, own_sources

_SHARED = ("score", "fold", "answer", "schema")
_FAMILIES = {
    "exact_json": ("exact",),
    "exact_text": ("exact",),
    "contains": ("contains",),
    "regex": ("contains",),
    "json_valid": ("json_valid",),
    "refusal": ("refusal", "refusing", "complying"),
    "json_schema": ("json_schema",),
    "fields": ("fields", "leaves", "exact"),
    "fuzzy": ("likeness", "words"),
    "rouge": ("likeness", "words"),
    "top_k": ("top_k", "leaves"),
    "tool_calls": ("tool_calls", "calls", "exact"),
    "judge": ("judging",),
}


def digest_of(name: str, answer_schema: Mapping[str, Any] | None, root: Path | None = None) -> str:
    """sha256 (64 hex digits) over the scorer's name, the bytes of its modules and the canonical JSON of the schema.

    Of `python:PATH:FUNCTION` also over the Python files in PATH's folder under `root`.

    Raises:
        PolicyError: there is no such file.
    """
    schema = None if answer_schema is None else dict(answer_schema)
    canonical = json.dumps(schema, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    own = own_sources(name, root) if name.startswith(PREFIX) else ()
    parts = (name.encode(), *(_source(module) for module in modules_of(name)), *own, canonical)
    return _digest_of_all(hashlib.sha256(part).digest() for part in parts)


def modules_of(name: str) -> tuple[str, ...]:
    """The modules of this package that the named scorer's scores depend on."""
    return (*(("own_function",) if name.startswith(PREFIX) else _FAMILIES[name]), *_SHARED)


def _source(module: str) -> bytes:
    file = resources.files("evalgate.scorers").joinpath(f"{module}.py")
    return file.read_bytes().replace(b"\r\n", b"\n")  # a checkout's line endings are no change of code


def _digest_of_all(digests: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(digests)).hexdigest()
