"""Which variant answers: a pure function of the registry, a key and some flags, fast enough for every request."""

import weakref
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from evalgate.errors import RegistryError
from evalgate.records.registry import Registry, RegistryEntry, RegistryFeature
from evalgate.registry.reading import existing, feature_of

BUCKETS = 10_000
"""Shares are decided in steps of a hundredth of a percent."""


_FIRST_EIGHT = Struct(">Q").unpack_from


class Served(NamedTuple):
    """What a gateway should serve."""

    feature: str
    variant: str
    entry: RegistryEntry


class _Route(NamedTuple):
    """One flag, ready to be asked."""

    salt: bytes
    """Stands before the key, so that every flag splits the keys in its own way."""
    places: float
    """A key whose place in [0, BUCKETS) is below is served."""
    served: Served


class _Routes(NamedTuple):
    """What one feature serves, ready to be asked."""

    feature: str
    on: tuple[_Route, ...]
    """Of the flags that are on, in the order of the file."""
    flags: tuple[tuple[str, bool, _Route], ...]
    """Every flag: name, whether it is on, its route."""
    default: Served
    alive: "weakref.ref[RegistryFeature]"
    """Takes the routes away when their record goes."""


_PREPARED: dict[int, _Routes] = {}
"""Identity of a frozen record -> its routes: what follows from a record is worked out once."""


def resolve(
    feature: str,
    *,
    key: str | None = None,
    flags: Mapping[str, bool] | None = None,
    registry: Registry | Path | str = "models.yaml",
) -> Served:
    """The variant that answers for `feature`.

    The first variant (in file order) whose flag is on and whose share holds `key` is served, the default otherwise. The
    same key always falls on the same side of the same flag, and a larger share keeps every key of a smaller one. `flags`
    says which flags are on in place of the file; a flag that is turned on so serves every key when the file gives it no
    share. Without a key, only a share of 1 is served. A path is read again at every call: whoever answers many requests
    loads the registry once and hands over the record.

    Raises:
        RegistryError: an unknown feature or flag; the message lists what exists.
    """
    known = registry if isinstance(registry, Registry) else existing(Path(registry))
    record = known.features.get(feature)
    if record is None:
        record = feature_of(known, feature)
    routes = _PREPARED.get(id(record))
    if routes is None or routes.feature != feature:
        routes = _prepare(record, feature)
    asked = _asked(routes, flags) if flags else routes.on
    return (_first(asked, key) if asked else None) or routes.default


def _first(routes: Sequence[_Route], key: str | None) -> Served | None:
    """What the first of the routes that holds the key serves."""
    if key is None:
        return next((served for _, places, served in routes if places >= BUCKETS), None)
    asked = key.encode("utf-8", "surrogatepass")  # a command line may hand over bytes that are no text
    for salt, places, served in routes:
        if places >= BUCKETS or _FIRST_EIGHT(sha256(salt + asked).digest())[0] % BUCKETS < places:
            return served
    return None


def _asked(routes: _Routes, flags: Mapping[str, bool]) -> list[_Route]:
    """The routes that are on when `flags` are set in place of the file."""
    names = [name for name, _, _ in routes.flags]
    unknown = [name for name in flags if name not in names]
    if unknown:
        raise RegistryError(f"{routes.feature} has no flag {unknown[0]!r}; it has {', '.join(names) or 'none'}")
    return [
        route._replace(places=BUCKETS) if name in flags and route.places == 0 else route
        for name, on, route in routes.flags
        if flags.get(name, on)
    ]


def _prepare(record: RegistryFeature, feature: str) -> _Routes:
    """The routes of a feature, kept for as long as somebody holds its record."""
    identity = id(record)
    flags = tuple(
        (
            entry.flag.name,
            entry.flag.on,
            _Route(f"{entry.flag.name}\0".encode(), _places(entry.flag.share), Served(feature, name, entry)),
        )
        for name, entry in record.variants.items()
        if entry.flag is not None
    )
    on = tuple(route for _, is_on, route in flags if is_on and route.places > 0)
    default = Served(feature, record.default, record.variants[record.default])
    routes = _Routes(feature, on, flags, default, weakref.ref(record, lambda _: _PREPARED.pop(identity, None)))
    _PREPARED[identity] = routes
    return routes


def _places(share: float) -> float:
    """How many of the BUCKETS places a share holds: all of them at 1 only, none at 0 only, a part of one counts as one."""
    if share >= 1:
        return BUCKETS
    rounded = round(share * BUCKETS, 6)  # 0.0051 * 10000 is a little more than 51
    return min(max(rounded, share), BUCKETS - 0.5)
