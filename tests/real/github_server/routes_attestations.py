"""The endpoint of attestations: what `actions/attest` left about a digest, and an empty list where it left nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .answers import Answer, Call

KEPT: dict[str, list[dict[str, Any]]] = {}
"""Digest -> bundles."""


def get_attestations(call: Call) -> Answer:
    bundles = KEPT.get(call.args["sha256"], [])
    return Answer(200, {"attestations": [{"bundle": bundle, "repository_id": 1} for bundle in bundles]})


@contextmanager
def attestations(kept: dict[str, list[dict[str, Any]]]) -> Iterator[None]:
    """The servers of this process know these meanwhile: digest -> bundles."""
    KEPT.update(kept)
    try:
        yield
    finally:
        KEPT.clear()
