"""models.yaml: reading it strictly, answering what is served, and adding a variant without losing a comment."""

import hashlib
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from evalgate import yamlfile
from evalgate.errors import RegistryError
from evalgate.records.registry import Registry, RegistryEntry, RegistryFeature

BUCKETS = 10_000
"""Shares are decided in steps of a hundredth of a percent."""


class Served(NamedTuple):
    """What a gateway should serve."""

    feature: str
    variant: str
    entry: RegistryEntry


def parse(text: bytes, path: str) -> Registry:
    """The registry in `text`.

    Raises:
        RegistryError: with every problem, each as `path:line: what is wrong`.
    """
    try:
        document = yamlfile.load(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RegistryError(f"{path}: must be UTF-8") from error
    if document.problems:
        raise RegistryError(*(f"{path}:{line}: {message}" for line, message in document.problems))
    try:
        return Registry.model_validate_json(orjson.dumps(document.value))
    except orjson.JSONEncodeError as error:
        raise RegistryError(f"{path}: {error}: quote what is meant as text") from error
    except ValidationError as error:
        raise RegistryError(
            *(
                f"{path}:{document.line(tuple(item['loc']))}: {'.'.join(map(str, item['loc']))}: {item['msg']}"
                for item in error.errors(include_url=False)
            )
        ) from error


def load(path: Path) -> Registry:
    """The registry in a file; an empty one when there is no file yet.

    Raises:
        RegistryError: the file is not a registry, or cannot be read.
    """
    try:
        return parse(path.read_bytes(), str(path))
    except FileNotFoundError:
        return Registry(version=1)
    except OSError as error:
        raise RegistryError(f"{path}: cannot be read: {error.strerror}") from error


def existing(path: Path) -> Registry:
    """The registry in a file that must be there.

    Raises:
        RegistryError: there is none, or it is not a registry.
    """
    if not path.exists():
        raise RegistryError(f"{path}: there is no registry: say --registry, or promote a run to begin one")
    return load(path)


def feature_of(registry: Registry, feature: str) -> RegistryFeature:
    """What is registered of a feature.

    Raises:
        RegistryError: nothing is; the message lists what exists.
    """
    if feature not in registry.features:
        raise RegistryError(f"no feature {feature!r} in the registry; it has {', '.join(registry.features) or 'none'}")
    return registry.features[feature]


def resolve(
    feature: str,
    *,
    key: str | None = None,
    flags: Mapping[str, bool] | None = None,
    registry: Registry | Path | str = "models.yaml",
) -> Served:
    """The variant that answers for `feature`.

    The first variant (in file order) whose flag is on and whose share holds `key` is served, the default otherwise. The
    same key always falls on the same side of the same flag. `flags` says which flags are on in place of the file; a flag
    that is turned on so serves every key when the file gives it no share. Without a key, only a share of 1 is served.

    Raises:
        RegistryError: an unknown feature or flag; the message lists what exists.
    """
    known = registry if isinstance(registry, Registry) else existing(Path(registry))
    entry = feature_of(known, feature)
    names = [variant.flag.name for variant in entry.variants.values() if variant.flag is not None]
    unknown = [name for name in flags or {} if name not in names]
    if unknown:
        raise RegistryError(f"{feature} has no flag {unknown[0]!r}; it has {', '.join(names) or 'none'}")
    for name, variant in entry.variants.items():
        if variant.flag is not None and _serves(variant, key, flags or {}):
            return Served(feature, name, variant)
    return Served(feature, entry.default, entry.variants[entry.default])


def _serves(variant: RegistryEntry, key: str | None, flags: Mapping[str, bool]) -> bool:
    flag = variant.flag
    if flag is None or not flags.get(flag.name, flag.on):
        return False
    share = flag.share if flag.share > 0 or flag.name not in flags else 1.0
    if share >= 1.0 or key is None:
        return share >= 1.0
    asked = f"{flag.name}\0{key}".encode("utf-8", "surrogatepass")  # a command line may hand over bytes that are no text
    place = int.from_bytes(hashlib.sha256(asked).digest()[:8]) % BUCKETS
    return place < share * BUCKETS


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
    features = tree.setdefault("features", CommentedMap())
    if features is None:
        features = tree["features"] = CommentedMap()
    if known is None:
        features[_quoted(feature)] = {"default": _quoted(base[0]), "variants": {_quoted(base[0]): _plain(base[1])}}
    features[feature]["variants"][_quoted(name)] = _plain(entry)
    return _written(yaml, tree)


def set_flag(text: str, feature: str, variant: str, *, on: bool, share: float) -> str:
    """The file's text with a variant's flag turned; a share of 1 makes it the default (full rollout).

    A variant without a flag, such as the plain base, can only be made the default again.

    Raises:
        RegistryError: there is no such variant, it is the default and would stay so, or it has no flag to turn.
    """
    entry = feature_of(parse(text.encode(), "models.yaml"), feature)
    if variant not in entry.variants:
        raise RegistryError(f"{feature} has no variant {variant!r}; it has {', '.join(entry.variants)}")
    full = on and share >= 1.0
    if entry.default == variant and not full:
        others = ", ".join(name for name in entry.variants if name != variant) or "none"
        raise RegistryError(
            f"{feature} serves {variant!r} to everyone by default, whatever its flag says: "
            f"roll another variant out with a share of 1 first ({others})"
        )
    if entry.variants[variant].flag is None and not full:
        raise RegistryError(f"{feature}: {variant!r} has no flag, it can only be rolled out to everyone")
    yaml, tree = _editable(text)
    if entry.variants[variant].flag is not None:
        flag = tree["features"][feature]["variants"][variant]["flag"]
        flag.update({key: value for key, value in (("on", on), ("share", share)) if flag.get(key) != value})
    if full and entry.default != variant:
        tree["features"][feature]["default"] = _quoted(variant)
    return _written(yaml, tree)


def _same(ours: RegistryEntry, theirs: RegistryEntry) -> bool:
    """True when two entries differ in nothing but when they were made and where their flag stands."""
    moving = {"registered_at": None, "flag": None}
    return ours.model_copy(update=moving) == theirs.model_copy(update=moving)


def _editable(text: str) -> tuple[YAML, Any]:
    """A writer that keeps the file's own quotes and indents, and the file's tree."""
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 4096
    yaml.preserve_quotes = True
    yaml.explicit_start = re.search(r"^---", text, re.MULTILINE) is not None
    nested = re.search(r"^( +)[^ #-]", text, re.MULTILINE)
    listed = re.search(r"^( *)[^ #-].*:(?: +#.*)?\n( *)- ", text, re.MULTILINE)
    offset = len(listed[2]) - len(listed[1]) if listed else 2
    yaml.indent(mapping=len(nested[1]) if nested else 2, sequence=offset + 2, offset=offset)
    return yaml, yaml.load(text) if text.strip() else CommentedMap({"version": 1})


def _written(yaml: YAML, tree: Any) -> str:
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
    alone = yamlfile.load(f"text: {value}")
    return value if alone.value == {"text": value} and not alone.problems else DoubleQuotedScalarString(value)
