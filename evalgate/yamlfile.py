"""Strict YAML 1.2: no duplicate keys, no tags, no anchors; every value knows its line."""

from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]
TAG = "tag:yaml.org,2002:"


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
    problems = []
    try:
        for event in YAML(typ="rt", pure=True).parse(text):
            line = event.start_mark.line + 1
            if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
                problems.append((line, "anchors and aliases are not allowed: write the value out"))
            elif getattr(event, "tag", None) not in (None, "!"):
                problems.append((line, f"the tag {str(event.tag)[:60]!r} is not allowed: remove it"))
    except YAMLError as error:
        problems.append(_syntax_problem(error))
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
    return _scalar(node) if isinstance(node, ScalarNode) else None


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


def _scalar(node: ScalarNode) -> Any:
    """The value of a scalar as YAML 1.2 reads it; a number that cannot be read stays text and fails its type check."""
    kind = str(node.tag).removeprefix(TAG)
    try:
        if kind == "int" and node.value.lstrip("+-")[:1] == "0" and node.value.lstrip("+-").isdigit() and len(node.value) > 1:
            return str(node.value)  # 012 is 12 to some loaders and 10 to others
        if kind == "int":
            return int(node.value.replace("_", ""), 0 if node.value.startswith(("0x", "0o")) else 10)
        if kind == "float":
            return float(node.value.replace("_", "").replace(".inf", "inf").replace(".nan", "nan").replace(".NaN", "nan"))
    except ValueError:
        return str(node.value)
    if kind == "bool":
        return node.value.lower() == "true"
    return None if kind == "null" else str(node.value)
