"""What a change of models.yaml does: entries added, flags turned, the default moved; and who is served more or less by it."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from evalgate.records.base import Record
from evalgate.records.registry import Flag, Registry, RegistryEntry, RegistryFeature

Kind = Literal["added", "began", "flag", "default", "edited", "removed"]
Exposure = Literal["none", "lower", "raise"]

MOVES = ("on", "share")
"""Fields of a flag that may move; all else of an entry never does."""


class Change(NamedTuple):
    """One thing that differs between two states of the registry."""

    kind: Kind
    """added: a new entry; began: a feature's first default, a plain base model; flag: on or share of an entry moved;
    default: moved; edited: something that never changes did; removed: an entry or a feature is gone. The last two are
    never allowed."""
    feature: str
    variant: str
    """The entry that it is about; of `default` the new one; empty where a whole feature is gone."""
    exposure: Exposure
    """raise: the entry may answer requests that it did not answer before, or nobody can say; lower: it answers fewer."""
    words: str
    """One plain sentence. Names stand in it as the file has them: whoever shows it escapes it."""


def changes(before: Registry, after: Registry) -> tuple[Change, ...]:
    """Everything that differs, feature by feature in the order of `before`, new features last; empty when nothing does.

    The exposure of a flag is its share while it is on and 0 while it is off. So a share that moves while the flag is off
    exposes nobody, and the flag of the entry that has become the default counts nothing while it is off: the default is a
    change of its own. A default moves down only along `judged_against`, as `before` has it, to an entry that did not
    change: back to what was served. Every other default is a raise.
    """
    names = list(dict.fromkeys((*before.features, *after.features)))
    return tuple(change for name in names for change in _of_feature(name, before.features.get(name), after.features.get(name)))


def _of_feature(name: str, before: RegistryFeature | None, after: RegistryFeature | None) -> Iterator[Change]:
    if before is None and after is not None:
        yield from _new_feature(name, after)
    elif after is None:
        yield Change("removed", name, "", "lower", f"the feature {name} is gone")
    elif before is not None:
        for variant in dict.fromkeys((*before.variants, *after.variants)):
            yield from _of_variant(name, variant, before, after)
        yield from _order(name, before, after)
        if before.default != after.default:
            yield _default(name, before, after)


def _new_feature(name: str, after: RegistryFeature) -> Iterator[Change]:
    first = after.variants[after.default]
    if _is_plain(first):
        told = f"{name} begins, and serves {after.default}, {first.base_model.uri} as it is"
        yield Change("began", name, after.default, "none", told)
    for variant, entry in after.variants.items():
        if variant != after.default or not _is_plain(first):
            yield _added(name, variant, entry, default=variant == after.default)


def _is_plain(entry: RegistryEntry) -> bool:
    """True for a base model as it is: nothing trained, nothing judged, nothing that a flag could route."""
    trained = (entry.adapter, entry.dataset, entry.dataset_version, entry.training_job, entry.evidence, entry.judged_against)
    return entry.model == entry.base_model.uri and entry.flag is None and all(one is None for one in trained)


def _of_variant(name: str, variant: str, before: RegistryFeature, after: RegistryFeature) -> Iterator[Change]:
    old, new = before.variants.get(variant), after.variants.get(variant)
    if old is None and new is not None:
        yield _added(name, variant, new, default=variant == after.default)
    elif new is None:
        yield Change("removed", name, variant, "lower", f"{name}: the entry {variant} is gone")
    elif old is not None:
        fields = _edited(old, new)
        if fields:
            told = f"{name}: {', '.join(fields)} of {variant} changed, and entries never change"
            yield Change("edited", name, variant, "raise", told)
        if old.flag is not None and new.flag is not None:
            yield from _flag(name, variant, old.flag, new.flag, after)


def _added(name: str, variant: str, entry: RegistryEntry, *, default: bool) -> Change:
    flag = entry.flag
    hidden = flag is not None and not flag.on and flag.share == 0 and not default
    how = "the default at once" if default else "no flag" if flag is None else f"its flag {_stands(flag)}"
    return Change("added", name, variant, "none" if hidden else "raise", f"{name}: {variant} is added, {how}")


def _edited(old: RegistryEntry, new: RegistryEntry) -> list[str]:
    """Names of the fields that differ and never may, such as `adapter.sha256`."""
    found = []
    for field in RegistryEntry.model_fields:
        one, other = getattr(old, field), getattr(new, field)
        if isinstance(one, Record) and isinstance(other, Record):
            inner = [name for name in type(one).model_fields if getattr(one, name) != getattr(other, name)]
            found += [f"{field}.{name}" for name in inner if field != "flag" or name not in MOVES]
        elif one != other:
            found.append(field)
    return found


def _flag(name: str, variant: str, old: Flag, new: Flag, after: RegistryFeature) -> Iterator[Change]:
    if (old.on, old.share) == (new.on, new.share):
        return
    was, now = _share(old), _share(new)
    masked = after.default == variant and not new.on
    exposure: Exposure = "none" if masked or now == was else "raise" if now > was else "lower"
    yield Change("flag", name, variant, exposure, f"{name}: the flag of {variant} was {_stands(old)} and is {_stands(new)}")


def _share(flag: Flag) -> float:
    return flag.share if flag.on else 0.0


def _stands(flag: Flag) -> str:
    return f"{'on' if flag.on else 'off'} with a share of {flag.share * 100:g} %"


def _order(name: str, before: RegistryFeature, after: RegistryFeature) -> Iterator[Change]:
    """Of several flags that are on, the first in the file is asked first: their order is as good as a share."""
    on = {variant for variant, entry in after.variants.items() if entry.flag and _share(entry.flag) > 0}
    was = [variant for variant, entry in before.variants.items() if variant in on and entry.flag and _share(entry.flag) > 0]
    now = [variant for variant in after.variants if variant in was]
    for old, new in zip(was, now, strict=True):
        if old != new:
            yield Change(
                "edited", name, new, "raise", f"{name}: {new} stands before {old} now, and the first flag that is on is served"
            )
            return


def _default(name: str, before: RegistryFeature, after: RegistryFeature) -> Change:
    back = after.default in _ancestors(before) and not _edited(before.variants[after.default], after.variants[after.default])
    told = f"{name}: the default moves {'back ' if back else ''}from {before.default} to {after.default}"
    return Change("default", name, after.default, "lower" if back else "raise", told)


def _ancestors(feature: RegistryFeature) -> set[str]:
    """What the default was judged against, and that in turn, as far as it is registered."""
    found: set[str] = set()
    name = feature.variants[feature.default].judged_against
    while name is not None and name in feature.variants and name not in found:
        found.add(name)
        name = feature.variants[name].judged_against
    return found
