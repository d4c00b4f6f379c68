"""The endpoint of attestations: what `actions/attest` left about a digest, and an empty list where it left nothing."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import routing
from .answers import Answer, Call

PLACE = routing.REPO + r"/attestations/sha256:(?P<sha256>[0-9a-f]{64})"


@contextmanager
def attestations(kept: dict[str, list[dict[str, Any]]]) -> Iterator[None]:
    """The servers of this process know these meanwhile: digest -> bundles."""

    def get_attestations(call: Call) -> Answer:
        bundles = kept.get(call.args["sha256"], [])
        return Answer(200, {"attestations": [{"bundle": bundle, "repository_id": 1} for bundle in bundles]})

    route = routing.Route("GET", PLACE, get_attestations, "attestations:read")
    routing.COMPILED.insert(0, (route, re.compile(route.path)))
    try:
        yield
    finally:
        routing.COMPILED.pop(0)
