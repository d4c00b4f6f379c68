"""Changes of models.yaml: a variant more, a flag turned, a rollout taken back. Text in, text out."""

import io
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from evalgate.errors import RegistryError
from evalgate.records.registry import Registry, RegistryEntry, RegistryFeature
from evalgate.registry.lines import Value, Where, with_values
from evalgate.registry.reading import feature_of, parse

if TYPE_CHECKING:
    from ruamel.yaml import YAML


class Rollback(NamedTuple):
    """What was taken back."""

    text: str
    """The file afterwards."""
    taken_back: tuple[str, ...]
    """Variants that are served to fewer than before, in the order of the file."""
    serves: str
    """The variant that is the default afterwards."""
    changed: bool
    """False when there was nothing left to do."""
    words: str
    """What happened, in one sentence."""


def add_variant(text: str, feature: str, name: str, entry: RegistryEntry, *, base: tuple[str, RegistryEntry]) -> str:
    """The file's text with one more variant; comments and order stay. The same variant twice is the same as once.

    A feature without an entry gets `base`, the variant that was compared, as its default.

    Raises:
        RegistryError: the name is taken by another entry, or the default is no longer the base that was compared.
    """
    registry = parse(text.encode(), "models.yaml") if text.strip() else Registry(version=1)
    known = registry.features.get(feature)
    if known is not None and name in known.variants:
        if _same(known.variants[name], entry):
            return text
        raise RegistryError(f"{feature} has a variant {name!r} with other content: entries never change, choose a new version")
    if known is not None and known.default != base[0]:
        raise RegistryError(f"{feature} serves {known.default!r} now, but {base[0]!r} was compared: run the comparison again")
    yaml, tree = _editable(text)
    features = tree.setdefault("features", {})
    if features is None:
        features = tree["features"] = {}
    if known is None:
        features[_quoted(feature)] = {"default": _quoted(base[0]), "variants": {_quoted(base[0]): _plain(base[1])}}
    features[feature]["variants"][_quoted(name)] = _plain(entry)
    return _written(yaml, tree)


def set_flag(text: str, feature: str, variant: str, *, on: bool, share: float = 0.0) -> str:
    """The file's text with a variant's flag turned; a share of 1 makes it the default (full rollout).

    Full rollout leaves the flag off with a share of 1: the default alone says who is served. A flag that is turned off
    keeps its share, and `share` is not looked at. So a variant that is not the default, whose flag is off and has a share,
    was served once. A variant without a flag, such as the plain base, can only be made the default again.

    Raises:
        RegistryError: there is no such variant, it is the default and would stay so, it has no flag to turn, or the share
            is none.
    """
    entry = feature_of(parse(text.encode(), "models.yaml"), feature)
    _known(entry, feature, variant)
    if not 0 <= share <= 1:
        raise RegistryError(f"{feature}: a share of {share:g}: say one between 0 and 1")
    full = on and share >= 1.0
    if entry.default == variant and not full:
        others = ", ".join(name for name in entry.variants if name != variant) or "none"
        raise RegistryError(
            f"{feature} serves {variant!r} to everyone by default, whatever its flag says: "
            f"take it back with `registry rollback`, or roll another variant out with a share of 1 first ({others})"
        )
    flag = entry.variants[variant].flag
    if flag is None and not full:
        raise RegistryError(f"{feature}: {variant!r} has no flag, it can only be rolled out to everyone")
    values: dict[Where, Value] = {}
    if flag is not None:
        values |= _flag_values(entry, feature, variant, on=on and not full, share=share if on else flag.share)
    if full and entry.default != variant:
        values["features", feature, "default"] = variant
    return with_values(text, values)


def rollback(text: str, feature: str, variant: str | None = None, *, today: str) -> Rollback:
    """The feature's last rollout taken back; done twice it is the same as once.

    Flags that are on are turned off. Where none is, and nothing was taken back before, the default moves to the variant
    that it was judged against. `variant` says what to take back in place of that. `today` is an ISO date.

    A flag that is on for a share of 0 serves nobody and is left alone. What was taken back before shows in the file as a
    flag that is off, keeps its share and belongs to a variant that was judged against the present default.

    Raises:
        RegistryError: there is no such feature or variant, nothing was rolled out, or what would be served instead is not
            registered or no longer served by its provider.
    """
    entry = feature_of(parse(text.encode(), "models.yaml"), feature)
    if variant is not None:
        _known(entry, feature, variant)
    served = [name for name in entry.variants if name != entry.default and _is_served(entry.variants[name])]
    if variant in served or (variant is None and served):
        return _flags_off(text, feature, entry, [name for name in served if variant in (None, name)])
    if variant is not None and variant != entry.default:
        return _unchanged(text, entry, f"{feature}: {variant} is not served, there is nothing to take back")
    if variant is None and (before := _taken_back(entry)):
        more = f"; to take back {entry.default} too say --variant {entry.default}"
        told = f"{feature}: {' and '.join(before)} was rolled back already, {entry.default} is served"
        return _unchanged(text, entry, told + (more if entry.variants[entry.default].judged_against else ""))
    return _default_back(text, feature, entry, named=variant is not None, today=today)


def _is_served(entry: RegistryEntry) -> bool:
    return entry.flag is not None and entry.flag.on and entry.flag.share > 0


def _taken_back(entry: RegistryFeature) -> list[str]:
    """The variants that were rolled out over the present default and taken back."""
    plain = entry.variants[entry.default].judged_against is None
    return [
        name
        for name, known in entry.variants.items()
        if name != entry.default and known.flag is not None and not known.flag.on and known.flag.share > 0
        if plain or known.judged_against == entry.default
    ]


def _flags_off(text: str, feature: str, entry: RegistryFeature, names: list[str]) -> Rollback:
    values: dict[Where, Value] = {("features", feature, "variants", name, "flag", "on"): False for name in names}
    told = f"{feature}: the flag of {' and '.join(names)} is off, {entry.default} is the default"
    elsewhere = any(entry.variants[name].judged_against != entry.default for name in names)
    if elsewhere and entry.variants[entry.default].judged_against:
        told += f"; once more would take back {entry.default} too"  # the flags left no mark that counts: ADR 0015
    return Rollback(with_values(text, values), tuple(names), entry.default, True, told)


def _unchanged(text: str, entry: RegistryFeature, words: str) -> Rollback:
    return Rollback(text, (), entry.default, False, words)


def _default_back(text: str, feature: str, entry: RegistryFeature, *, named: bool, today: str) -> Rollback:
    """The default moved to what it was judged against, and its own flag left so that the file shows what happened."""
    gone, left = entry.default, entry.variants[entry.default]
    target = left.judged_against
    if target is None and left.flag is None:
        raise RegistryError(f"{feature} serves {gone}, nothing was rolled out: nothing to roll back")
    others = [name for name, known in entry.variants.items() if name != gone and not _ended(known, today)]
    instead = f"could be served instead: {', '.join(others) or 'none'} (registry rollout {feature} --variant NAME)"
    if target is None:
        raise RegistryError(f"{feature} serves {gone}, and its entry does not say what it was judged against; {instead}")
    if target == gone or target not in entry.variants:
        raise RegistryError(f"{feature}: {gone} was judged against {target!r}, which is no other variant of it; {instead}")
    if _ended(entry.variants[target], today):
        ended = entry.variants[target].sunset
        raise RegistryError(f"{feature}: {gone} was judged against {target}, which its provider ended on {ended}; {instead}")
    if left.flag is None and not named:
        raise RegistryError(f"{feature}: {gone} has no flag that could note a rollback: say --variant {gone}")
    values: dict[Where, Value] = {("features", feature, "default"): target}
    if left.flag is not None:
        values |= _flag_values(entry, feature, gone, on=False, share=left.flag.share or 1.0)
    told = f"{feature}: {target} is the default again in place of {gone}"
    return Rollback(with_values(text, values), (gone,), target, True, told)


def _ended(entry: RegistryEntry, today: str) -> bool:
    left = entry.days_left(today)
    return left is not None and left < 0


def _flag_values(entry: RegistryFeature, feature: str, variant: str, *, on: bool, share: float) -> dict[Where, Value]:
    """What of a variant's flag must be written."""
    flag = entry.variants[variant].flag
    at: Where = ("features", feature, "variants", variant, "flag")
    wanted: dict[str, Value] = {"on": on, "share": float(share)}
    return {(*at, key): value for key, value in wanted.items() if getattr(flag, key) != value}


def _known(entry: RegistryFeature, feature: str, variant: str) -> None:
    if variant not in entry.variants:
        raise RegistryError(f"{feature} has no variant {variant!r}; it has {', '.join(entry.variants)}")


def _same(ours: RegistryEntry, theirs: RegistryEntry) -> bool:
    """True when two entries differ in nothing but when they were made and where their flag stands."""
    moving = {"registered_at": None, "flag": None}
    return ours.model_copy(update=moving) == theirs.model_copy(update=moving)


def _editable(text: str) -> tuple["YAML", Any]:
    """A writer that keeps the file's own quotes and indents, and the file's tree."""
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    yaml = YAML(typ="rt", pure=True)
    yaml.width = 4096
    yaml.preserve_quotes = True
    yaml.explicit_start = re.search(r"^---", text, re.MULTILINE) is not None
    nested = re.search(r"^( +)[^ #-]", text, re.MULTILINE)
    listed = re.search(r"^( *)[^ #-].*:(?: +#.*)?\n( *)- ", text, re.MULTILINE)
    offset = len(listed[2]) - len(listed[1]) if listed else 2
    yaml.indent(mapping=len(nested[1]) if nested else 2, sequence=offset + 2, offset=offset)
    return yaml, yaml.load(text) if text.strip() else CommentedMap({"version": 1})


def _written(yaml: "YAML", tree: Any) -> str:
    stream = io.StringIO()
    yaml.dump(tree, stream)
    parse(stream.getvalue().encode(), "models.yaml")
    return stream.getvalue()


def _plain(entry: RegistryEntry) -> Any:
    return _quoted(orjson.loads(entry.model_dump_json(exclude_none=True)))


def _quoted(value: Any) -> Any:
    """The value with quotes around each text that a YAML reader could take for something else."""
    if isinstance(value, dict):
        return {key: _quoted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_quoted(item) for item in value]
    if not isinstance(value, str):
        return value
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    from evalgate import yamlfile

    alone = yamlfile.load(f"text: {value}")
    return value if alone.value == {"text": value} and not alone.problems else DoubleQuotedScalarString(value)
