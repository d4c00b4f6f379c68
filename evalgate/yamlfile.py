"""Strict YAML 1.2: no duplicate keys, no tags, no anchors; every value knows its line."""

import math
import re
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, DocumentStartEvent, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]
TAG = "tag:yaml.org,2002:"
MAX_DEPTH = 32
LARGEST = 2**63 - 1
AMBIGUOUS = re.compile(r"(?i:y|yes|n|no|on|off)|[-+]?0\d+|[-+]?\d+(:[0-5]?\d)+(\.\d*)?")
"""Plain text that YAML 1.1 reads as a boolean, an octal or a sexagesimal number, and YAML 1.2 does not."""


class Document(NamedTuple):
    """Plain values, the line of each, and what is wrong with the text."""

    value: Any
    lines: dict[Path, int]
    problems: list[tuple[int, str]]

    def line(self, path: Path) -> int:
        """Line of the value at `path`, or of the nearest thing around it; 1 for the whole document."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def load(text: str) -> Document:
    """Plain values of one YAML document, with every duplicate key, tag, anchor and alias listed as a problem."""
    problems = _forbidden_events(text)
    if problems:
        return Document(None, {}, problems)
    try:
        root = YAML(typ="rt", pure=True).compose(text)
    except YAMLError as error:
        return Document(None, {}, [_syntax_problem(error)])
    lines: dict[Path, int] = {}
    value = None if root is None else _plain(root, (), lines, problems)
    return Document(value, lines, problems)


def _forbidden_events(text: str) -> list[tuple[int, str]]:
    problems: list[tuple[int, str]] = []
    depth, line = 0, 1
    try:
        for event in YAML(typ="rt", pure=True).parse(text):
            line = event.start_mark.line + 1
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > MAX_DEPTH:
                return [*problems, (line, f"nested deeper than {MAX_DEPTH} levels: flatten it")]
            if isinstance(event, DocumentStartEvent) and (event.version or event.tags):
                problems.append((line, "%YAML and %TAG directives are not allowed: remove them, this is YAML 1.2"))
            elif isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
                problems.append((line, "anchors and aliases are not allowed: write the value out"))
            elif getattr(event, "tag", None) not in (None, "!"):
                problems.append((line, f"the tag {str(event.tag)[:60]!r} is not allowed: remove it"))
    except YAMLError as error:
        problems.append(_syntax_problem(error))
    except RecursionError:
        problems.append((1, f"nested deeper than {MAX_DEPTH} levels: flatten it"))
    except ValueError:  # how ruamel trips over an escape such as \U00110000
        problems.append((line, "an escape here, or below, names no character: write the character itself"))
    return problems


def _syntax_problem(error: YAMLError) -> tuple[int, str]:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        return error.problem_mark.line + 1, f"not valid YAML: {error.problem}"
    return 1, f"not valid YAML: {str(error).splitlines()[0]}"


def _plain(node: Node, path: Path, lines: dict[Path, int], problems: list[tuple[int, str]]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, MappingNode):
        return _mapping(node, path, lines, problems)
    if isinstance(node, SequenceNode):
        return [_plain(item, (*path, i), lines, problems) for i, item in enumerate(node.value)]
    return _scalar(node, path, problems) if isinstance(node, ScalarNode) else None


def _mapping(node: MappingNode, path: Path, lines: dict[Path, int], problems: list[tuple[int, str]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = key_node.value if isinstance(key_node, ScalarNode) else None
        if key is None:
            problems.append((line, "a key must be plain text"))
            continue
        if key in mapping:
            problems.append((line, f"the key {key!r} stands twice (first on line {lines[(*path, key)]}): keep one"))
            continue
        lines[(*path, key)] = line
        mapping[key] = _plain(value_node, (*path, key), lines, problems)
    return mapping


def _scalar(node: ScalarNode, path: Path, problems: list[tuple[int, str]]) -> Any:
    """The value of a scalar as YAML 1.2 reads it; what other loaders would read differently is a problem."""
    text, kind = str(node.value), str(node.tag).removeprefix(TAG)
    line, where = node.start_mark.line + 1, ".".join(map(str, path))
    if node.style is None and AMBIGUOUS.fullmatch(text):
        problems.append((line, f"{where}: {text} unquoted means different things to different YAML readers: quote it"))
        return text
    if kind in ("int", "float"):
        return _number(text, kind, f"{where}: {text[:40]}", line, problems)
    if kind == "bool":
        return text.lower() == "true"
    return None if kind == "null" else text


def _number(text: str, kind: str, where: str, line: int, problems: list[tuple[int, str]]) -> int | float | str:
    plain = text.replace("_", "").lower()
    try:
        value = int(plain, 0) if kind == "int" else float(plain.replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
    if abs(value) > LARGEST or not math.isfinite(value):  # a whole number may be too large to be made a float
        problems.append((line, f"{where} is no valid number here: write a finite one that fits 64 bits"))
        return 0
    return value
