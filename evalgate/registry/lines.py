"""A value of a YAML file changed where it stands: every other byte stays what it was."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import orjson

from evalgate.errors import RegistryError

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

Value = bool | float | str
Where = tuple[str, ...]
"""Keys from the top of the file down to a value."""

SAFE_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
"""Text that needs no quotes anywhere in a YAML file, unless it is a word such as `no`."""


class _Edit(NamedTuple):
    """What stands at [start, end) of the text, counted in characters, becomes `new`."""

    start: int
    end: int
    new: str


def with_values(text: str, values: Mapping[Where, Value], path: str = "models.yaml") -> str:
    """The text with these values; comments, order, quotes and everything else are byte for byte what they were.

    A key that its mapping does not have yet gets a line of its own, last in it. What was written is read again: unless
    exactly these values differ, nothing is changed.

    Raises:
        RegistryError: a value is written in a way that cannot be changed in place.
    """
    from ruamel.yaml import YAML

    from evalgate import yamlfile

    if not values:
        return text
    before = yamlfile.load(text)
    root = YAML(typ="rt", pure=True).compose(text)
    after = text
    for edit in sorted((_edit(text, root, where, value) for where, value in values.items()), reverse=True):
        after = after[: edit.start] + edit.new + after[edit.end :]
    again = yamlfile.load(after)
    if again.problems or again.value != _with(before.value, values):
        raise RegistryError(*(_by_hand(path, before.line(where), where, value) for where, value in values.items()))
    return after


def _by_hand(path: str, line: int, where: Where, value: Value) -> str:
    return f"{path}:{line}: {'.'.join(where)} cannot be changed as it is written: put `{where[-1]}: {_scalar(value)}` there"


def _with(tree: object, values: Mapping[Where, Value]) -> object:
    """A copy of plain values with some of them changed."""
    copy = orjson.loads(orjson.dumps(tree))
    for where, value in values.items():
        mapping = copy
        for name in where[:-1]:
            mapping = mapping[name]
        mapping[where[-1]] = value
    return copy


def _edit(text: str, root: "Node", where: Where, value: Value) -> _Edit:
    """The change of one value, or the line that it gets."""
    mapping: Node | None = root
    for name in where[:-1]:
        mapping = _under(mapping, name)
    node = _under(mapping, where[-1])
    if node is None:
        return _added(text, mapping, f"{where[-1]}: {_scalar(value)}")
    start, end = node.start_mark.index, node.end_mark.index
    old = text[start:end].rstrip()  # what a block scalar takes with it of the line's end stays
    return _aligned(text, _Edit(start, start + len(old), _scalar(value, getattr(node, "style", None))))


def _under(mapping: "Node | None", name: str) -> "Node | None":
    """The node under a key of a mapping node."""
    return next((value for key, value in mapping.value if key.value == name), None) if mapping is not None else None


def _added(text: str, mapping: "Node | None", pair: str) -> _Edit:
    """One more pair at the end of a mapping that has others."""
    from ruamel.yaml.nodes import MappingNode

    if not isinstance(mapping, MappingNode) or not mapping.value:
        return _Edit(0, 0, "")  # nothing to hang it on: reading again will tell
    key, last = mapping.value[-1]
    end = last.end_mark.index
    if mapping.flow_style:
        return _Edit(end, end, f", {pair}")
    newline, indent = "\r\n" if "\r\n" in text else "\n", " " * key.start_mark.column
    over = text.find("\n", end)
    if over < 0:
        return _Edit(len(text), len(text), f"{newline}{indent}{pair}")
    return _Edit(over + 1, over + 1, f"{indent}{pair}{newline}")


def _aligned(text: str, edit: _Edit) -> _Edit:
    """The edit, with as many blanks less or more as keep a comment behind it in its column."""
    blanks = re.compile(" +(?=#)").match(text, edit.end)
    if blanks is None or "\n" in text[edit.start : edit.end]:
        return edit
    width = max(1, blanks.end() - edit.start - len(edit.new))
    return _Edit(edit.start, blanks.end(), edit.new + " " * width)


def _scalar(value: Value, style: str | None = None) -> str:
    """The value as YAML, text in the quotes that stood there before (`style`: one quote, or None)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    from evalgate import yamlfile

    safe = style != '"' and SAFE_PLAIN.fullmatch(value) is not None
    return value if safe and yamlfile.load(value)[::2] == (value, []) else orjson.dumps(value).decode()
