"""The answer schema: whether an answer breaks it, and whether it leaves room for free text."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from evalgate.errors import PolicyError

Breach = Callable[[Any], str | None]
"""Says which rule of a schema a JSON value breaks, or None."""

TOO_DEEP = "schema and answer nest too deep to check"
"""A breach that is not known to be one."""

_REFERENCES = ("$ref", "$dynamicRef")


def breach_of(schema: Mapping[str, Any]) -> Breach:
    """A function that names the first rule of `schema` (JSON Schema 2020-12) a JSON value breaks, or gives None.

    Nothing is fetched: a schema must stand alone. `format` is not asserted.

    Raises:
        PolicyError: the schema is no valid schema, or refers to something outside itself or to nothing.
    """
    problems = _problems(schema)
    if problems:
        raise PolicyError(*(f"answer schema: {problem}" for problem in problems))
    from jsonschema import Draft202012Validator
    from referencing import Registry

    validator = Draft202012Validator(schema, registry=Registry())

    def breach(value: Any) -> str | None:
        try:
            error = next(validator.iter_errors(value), None)
        except RecursionError:
            return TOO_DEEP
        return "breaks the answer schema at " + "/".join(map(str, error.absolute_schema_path)) if error else None

    return breach


def is_closed(schema: Any) -> bool:
    """True when no answer that is valid against `schema` can carry text of the model's own.

    Closed are: enum, const, booleans, null and numbers; objects with `additionalProperties: false`, no
    `patternProperties` and closed properties only; lists of closed items; a `$ref` into the schema's own pointers,
    an `allOf` with one closed part, an `anyOf` or `oneOf` of closed parts only. A string is open whatever its pattern
    or length, and so is a schema that refers to itself: in doubt a schema is open.
    """
    return _closed(schema, _Within(schema, frozenset()))


class _Within(NamedTuple):
    root: Any
    seen: frozenset[str]


def _closed(schema: Any, within: _Within) -> bool:
    if not isinstance(schema, Mapping):
        return schema is False
    if "enum" in schema or "const" in schema or _closed_reference(schema.get("$ref"), within):
        return True
    some = [_closed(part, within) for part in schema.get("allOf", [])]
    every = [[_closed(part, within) for part in schema.get(word, [])] for word in ("anyOf", "oneOf")]
    if any(some) or any(parts and all(parts) for parts in every):
        return True
    types = schema.get("type", [])
    names = [types] if isinstance(types, str) else types
    return bool(names) and all(_closed_type(name, schema, within=within) for name in names)


def _closed_reference(pointer: Any, within: _Within) -> bool:
    if not isinstance(pointer, str) or pointer in within.seen:
        return False
    return _closed(_target(within.root, pointer), _Within(within.root, within.seen | {pointer}))


def _closed_type(name: str, schema: Mapping[str, Any], *, within: _Within) -> bool:
    if name == "object":
        fixed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
        return fixed and all(_closed(part, within) for part in schema.get("properties", {}).values())
    if name == "array":
        return all(_closed(part, within) for part in (*schema.get("prefixItems", []), schema.get("items", True)))
    return name in ("boolean", "null", "integer", "number")


def _problems(schema: Mapping[str, Any]) -> list[str]:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return [f"{error.message} (at {error.json_path})"]
    except RecursionError:
        return ["nests too deep"]
    except (OverflowError, FutureWarning) as error:  # of a pattern; the last where warnings are errors
        return [f"a pattern cannot be compiled: {error}"]
    return [problem for part in _parts(schema) for problem in _part_problems(part, schema)]


def _part_problems(part: Mapping[str, Any], root: Mapping[str, Any]) -> list[str]:
    pointers = [part[word] for word in _REFERENCES if isinstance(part.get(word), str)]
    lost = [f"{pointer!r} points to nothing in it; only `#/...` works" for pointer in pointers if not _leads(root, pointer)]
    nested = part is not root and isinstance(part.get("$id"), str)
    return [*lost, *(["only its top may have an `$id`"] if nested else [])]


def _leads(root: Mapping[str, Any], pointer: str) -> bool:
    """Whether a pointer leads to a schema, to the same one for every reader: `%` is an escape to some."""
    from jsonschema import Draft202012Validator, SchemaError

    target = _target(root, pointer)
    try:
        Draft202012Validator.check_schema(target)
    except (SchemaError, RecursionError, OverflowError, FutureWarning):
        return False
    return "%" not in pointer


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _target(root: Mapping[str, Any], pointer: str) -> Any:
    """What a pointer such as `#/$defs/intent` points to, or None."""
    found: Any = root if pointer == "#" or pointer.startswith("#/") else None
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            found = found.get(key) if isinstance(found, Mapping) else None
    return found
