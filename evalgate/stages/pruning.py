"""pruning: what no entry of the registry, no open pull request and no young verdict rests on is taken away.

The journal's lines stay for good: attempts and money are counted on them. Only evidence goes, and only on a whole picture.
"""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

from pydantic import ValidationError

from evalgate.errors import NotMeasured
from evalgate.ports import Journal, Shelf
from evalgate.records.evidence import MANIFEST, Evidence, object_place
from evalgate.records.journal import Entry
from evalgate.records.registry import Registry
from evalgate.review.retention import GRACE, adapters, elsewhere, kept, prunable

MISSING = "the manifest is not there"
ROUNDS = 10
"""Steps that others may write while we look, one after another."""


class Prunable(Journal, Protocol):
    """A journal whose evidence can be taken away."""

    remains: str
    """What is left of files that were removed, for people."""

    def stands(self) -> str:
        """Names the journal as it stands; another name after every write, where the place can tell."""
        ...

    def steps(self) -> tuple[Entry, ...]:
        """Every step."""
        ...

    def places(self) -> dict[str, int]:
        """All evidence: place -> bytes."""
        ...

    def young(self, places: Collection[str], since: datetime, /) -> frozenset[str]:
        """Those whose step may not be written yet."""
        ...

    def remove(self, places: Collection[str], stands: str, since: datetime, /) -> tuple[str, ...] | None:
        """Those that are gone; None, and nothing is gone, where the journal does not stand there any more."""
        ...


class Plan(NamedTuple):
    """What would go, or went."""

    goes: dict[str, int]
    """Place -> bytes."""
    stays: int
    """Files that stay."""
    manifests: int
    """Manifests that are kept."""
    remains: str
    """What is left of those that go, for people."""


def plan(
    journal: Prunable,
    registries: Iterable[Registry],
    open_pulls: Collection[int],
    *,
    now: datetime,
    keep_days: int,
    place: str | None = None,
) -> Plan:
    """What would go; nothing is changed.

    For the arguments see `review.retention.kept`. `place` is where the journal lies, as entries write it in `evidence.uri`:
    the manifest of an entry that names another place may lie there instead. None: all must be here.

    Raises:
        NotMeasured: the journal or a manifest that is kept cannot be read: nothing is pruned on half a picture.
    """
    known = tuple(registries)
    places = journal.places()  # before the steps: what is put there from now on is not in it
    steps = journal.steps()
    digests = kept(steps, known, open_pulls, now=now, keep_days=keep_days)
    apart = elsewhere(steps, known, place) if place is not None else frozenset()
    goes = prunable(places, _marked(journal, digests, apart), adapters(known))
    for one in journal.young(goes, now - GRACE):
        del goes[one]
    return Plan(goes, len(places) - len(goes), len(digests), journal.remains)


def carry_out(
    journal: Prunable,
    registries: Iterable[Registry],
    open_pulls: Collection[int],
    *,
    now: datetime,
    keep_days: int,
    place: str | None = None,
) -> Plan:
    """What went. Where somebody writes a step meanwhile, nothing goes before it was looked at as well.

    Raises:
        NotMeasured: see `plan`; or files could not be removed, or others wrote all the time.
    """
    known = tuple(registries)
    for _ in range(ROUNDS):
        stands = journal.stands()
        found = plan(journal, known, open_pulls, now=now, keep_days=keep_days, place=place)
        gone = journal.remove(found.goes, stands, now - GRACE)
        if gone is not None:
            goes = {one: found.goes[one] for one in gone}
            return found._replace(goes=goes, stays=found.stays + len(found.goes) - len(goes))
    raise NotMeasured(f"nothing was pruned: others wrote to the journal all the time, {ROUNDS} times; run it again later")


def words(found: Plan, *, done: bool) -> str:
    """A plan for people, a line a file: before it is carried out, or after."""
    if not found.goes:
        return f"nothing to prune: all {found.stays} files are needed, or too young to tell"
    total, files = sum(found.goes.values()), "file" if len(found.goes) == 1 else "files"
    head = f"{len(found.goes)} {files}, {total:,} bytes, {'are gone' if done else 'would go'}; {found.stays} stay"
    lines = [f"  {place}  {size:,} bytes" for place, size in found.goes.items()]
    return "\n".join([head, *lines, found.remains if done else f"nothing was removed: --yes does it; {found.remains}"])


def _marked(shelf: Shelf, digests: Iterable[str], apart: Collection[str]) -> set[str]:
    """Every place that manifests name, and their own; those of `apart` may lie elsewhere.

    Raises:
        NotMeasured: naming every manifest that cannot be read.
    """
    marked: set[str] = set()
    problems: list[str] = []
    for digest in sorted(digests):
        place = object_place(MANIFEST, digest)
        found = _manifest(shelf, place, digest)
        if isinstance(found, Evidence):
            marked |= {place, *found.places}
        elif found != MISSING or digest not in apart:
            problems.append(f"{place}: {found}")
    if problems:
        needs = "an entry, an open pull request or a young step rests on each: restore them, or take back what names them"
        raise NotMeasured(*problems, f"nothing is pruned on half a picture: {needs}")
    return marked


def _manifest(shelf: Shelf, place: str, digest: str) -> Evidence | str:
    """A manifest, or why it cannot be read."""
    content = shelf.read(place)
    if content is None:
        return MISSING
    if hashlib.sha256(content).hexdigest() != digest:
        return "the manifest has another digest: look at who changed it"
    try:
        return Evidence.model_validate_json(content)
    except ValidationError:
        return "is no manifest of this version: update evalgate"
