"""What evidence must be kept: all that an entry of the registry, an open pull request or a young verdict rests on."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from evalgate.records.evidence import adapter_place
from evalgate.records.journal import Entry
from evalgate.records.registry import Registry, RegistryEntry
from evalgate.review.evidence_files import KEPT

GRACE = timedelta(days=1)
"""For so long a file is left alone after it was put there: evidence is written first, and the step that names it last."""


def kept(
    entries: Iterable[Entry],
    registries: Iterable[Registry],
    open_pulls: Collection[int],
    *,
    now: datetime,
    keep_days: int,
) -> frozenset[str]:
    """Digests of the manifests that must stay.

    These are: what any entry of a registry names; what any step of an open pull request names; what any step names that
    is no older than `keep_days`, or that does not say when it was.

    Args:
        entries: Every step of the journal.
        registries: The default branch's, every listed branch's, and those of the heads of open registry pull requests.
        open_pulls: Numbers of all pull requests that are open, on the registry too.
        now: With its time zone.
        keep_days: Days; see `records.policy.Release`.
    """
    since = now - timedelta(days=keep_days)
    named = {entry.evidence.sha256 for entry in _variants(registries) if entry.evidence}
    ends = [step for step in entries if step.pull in open_pulls or _no_older(step.at, since)]
    return frozenset(named | {step.evidence for step in ends if step.evidence is not None})


def elsewhere(entries: Iterable[Entry], registries: Iterable[Registry], place: str) -> frozenset[str]:
    """Digests of evidence that need not be at `place`: only entries that name another place name them, and no step does.

    A step is never taken away, so what was put there is named by one.
    """
    named = [entry.evidence for entry in _variants(registries) if entry.evidence]
    here = {one.sha256 for one in named if one.uri == place} | {step.evidence for step in entries}
    return frozenset({one.sha256 for one in named} - here)


def adapters(registries: Iterable[Registry]) -> frozenset[str]:
    """Folders of the adapters that the registries name, wherever they say that these lie."""
    return frozenset(adapter_place(entry.adapter.sha256) for entry in _variants(registries) if entry.adapter)


def prunable(places: Mapping[str, int], marked: Collection[str], folders: Collection[str] = ()) -> dict[str, int]:
    """Those of `places` (place -> bytes) that nothing kept refers to.

    Never one that is not of evidence, is in `marked`, or lies in one of `folders`.
    """
    spared, whole = frozenset(marked), frozenset(folders)
    return {
        place: size
        for place, size in sorted(places.items())
        if place.startswith(KEPT) and place not in spared and place.rpartition("/")[0] not in whole
    }


def _variants(registries: Iterable[Registry]) -> Iterator[RegistryEntry]:
    for registry in registries:
        for feature in registry.features.values():
            yield from feature.variants.values()


def _no_older(at: str, since: datetime) -> bool:
    """True for a time from `since` on, and for what is none."""
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return True
    return (found if found.tzinfo else found.replace(tzinfo=UTC)) >= since
