"""The one strict reader of JSON lines, for datasets, golden sets and results.

One raw line: `{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}`

Python's own decoder does the reading, because it shows duplicate keys and every number as they are written;
what it would let through (depth, NaN, surrogates, control characters) is looked for beside it.
"""

import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

MAX_LINE = 1 << 20
"""Longest line, in bytes."""

MAX_DEPTH = 64
"""Deepest nesting of arrays and objects."""

Kind = Literal["encoding", "blank", "syntax", "duplicate_key", "depth", "number", "control", "surrogate", "too_long"]

UTF8_ONLY = "must be UTF-8 without a byte-order mark"
_MARKS = {b"\xef\xbb\xbf": "UTF-8's", b"\xff\xfe": "UTF-16's or UTF-32's", b"\xfe\xff": "UTF-16's"}
_RAW_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F].."  # a whole pair
    r"|(?P<surrogate>u[dD][89a-fA-F]..)"
    r"|(?P<control>u00(?:0[0-8bBcCeEfF]|1.)|[bf])"
    r"|.)",
    re.DOTALL,
)
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]+|\\.)*+"?|(?P<open>[\[{])|(?P<close>[\]}])', re.DOTALL)


class Problem(NamedTuple):
    """Why a line cannot be used."""

    kind: Kind
    """What sort of fault it is."""
    message: str
    """What is wrong and what to do, short and free of control characters."""


class Line(NamedTuple):
    """One line of the input: either its value or its problem."""

    number: int
    """Line number from 1; only `\\n` ends a line."""
    value: Any
    """The JSON value; None where there is a problem, and for a plain `null`."""
    problem: Problem | None
    """None for a good line."""


class _RefusedError(ValueError):
    """Carries a problem out of the decoder's hooks."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(kind, message)


def read(data: bytes | Iterable[bytes], *, controls: bool = False) -> Iterator[Line]:
    """Every line of `data`, in order, with its value or its problem; nothing for empty data.

    Args:
        data: The bytes, or chunks of them cut anywhere (an open binary file). Of chunks, no more than one line of
            at most `MAX_LINE` bytes is held at a time.
        controls: Let escaped control characters through: a model may well have answered with one.
    """
    chunks = io.BytesIO(data) if isinstance(data, bytes) else data
    for number, raw in enumerate(_split(chunks), start=1):
        value, problem = _value(raw, controls=controls)
        yield Line(number, value, problem)


def parse(text: str, *, controls: bool = False) -> tuple[Any, Problem | None]:
    """The value of one strict JSON text and None, or None and its problem; never raises."""
    problem = _raw_control(text) or _depth(text)
    if problem:
        return None, problem
    try:
        value = _DECODER.decode(text)
    except _RefusedError as error:
        return None, error.problem
    except json.JSONDecodeError as error:
        return None, _syntax(error)
    problem = _escapes(text) if "\\" in text else None
    if problem and controls and problem.kind == "control":
        problem = None
    return (None, problem) if problem else (value, None)


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines without their `\\n`; of a line over the cap only its first `MAX_LINE` + 1 bytes."""
    held = bytearray()
    for chunk in chunks:
        head, *tail = chunk.split(b"\n")
        held += head[: MAX_LINE + 1 - len(held)]
        for piece in tail:
            yield bytes(held)
            held = bytearray(piece[: MAX_LINE + 1])
    if held:
        yield bytes(held)


def _value(raw: bytes, *, controls: bool) -> tuple[Any, Problem | None]:
    if len(raw) > MAX_LINE:
        return None, Problem("too_long", f"longer than {MAX_LINE:,} bytes: shorten the line or split it in two")
    if not raw.strip(b" \t\r"):
        return None, Problem("blank", "blank line: remove it")
    problem = _foreign(raw)
    if problem:
        return None, problem
    try:
        return parse(raw.decode("utf-8"), controls=controls)
    except UnicodeDecodeError as error:
        return None, _encoding(f"byte 0x{raw[error.start]:02x} at position {error.start + 1} is not UTF-8")


def _foreign(raw: bytes) -> Problem | None:
    """The problem of a byte-order mark, or of bytes that look like UTF-16: every other one is NUL."""
    for mark, owner in _MARKS.items():
        if raw.startswith(mark):
            return _encoding(f"the line begins with {owner} mark")
    if len(raw) > 3 and raw.count(0) * 3 > len(raw):
        return _encoding("this looks like UTF-16")
    return None


def _encoding(detail: str) -> Problem:
    return Problem("encoding", f"{UTF8_ONLY}: {detail}; save the file as UTF-8")


def _raw_control(text: str) -> Problem | None:
    found = _RAW_CONTROL.search(text)
    return _control(f"U+{ord(found[0]):04X} at column {found.start() + 1}") if found else None


def _control(where: str) -> Problem:
    return Problem("control", f"control character {where}: remove it; only \\t, \\n and \\r may stand in text, escaped")


def _depth(text: str) -> Problem | None:
    """The problem of brackets nested too deep, found by counting: the decoder would recurse."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return None
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        depth += (found.lastgroup == "open") - (found.lastgroup == "close")
        if depth > MAX_DEPTH:
            return Problem("depth", f"nested deeper than {MAX_DEPTH} levels at column {found.start() + 1}: flatten it")
    return None


def _escapes(text: str) -> Problem | None:
    """The problem of the first escape that stands for half a character or for a control character."""
    for found in _ESCAPE.finditer(text):
        where = f"\\{found[found.lastgroup]} at column {found.start() + 1}" if found.lastgroup else ""
        if found.lastgroup == "surrogate":
            return Problem("surrogate", f"half of a surrogate pair, {where}: write the whole character or remove it")
        if found.lastgroup == "control":
            return _control(where)
    return None


def _syntax(error: json.JSONDecodeError) -> Problem:
    if error.msg.startswith("Invalid control character"):
        return _control(f"U+{ord(error.doc[error.pos]):04X} at column {error.pos + 1}")
    if error.msg == "Extra data":
        return Problem("syntax", f"not one JSON value: more follows at column {error.pos + 1}; write one object a line")
    return Problem("syntax", f"not valid JSON at column {error.pos + 1} ({error.msg}): correct the line")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise _RefusedError("duplicate_key", f"the key {_shown(twice)} stands {counts[twice]} times in one object: keep one")
    return value


def _shown(key: str) -> str:
    text = json.dumps(key).replace("\x7f", "\\u007f")
    return text if len(text) <= 42 else f'{text[:40]}…"'


def _integer(text: str) -> int:
    if len(text) <= 20 and -(2**63) <= int(text) < 2**64:
        return int(text)
    raise _RefusedError("number", f"a whole number of {len(text.lstrip('-'))} digits does not fit 64 bits: write it as text")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _RefusedError("number", "a number is too large for a double: write it smaller or as text")
    return value


def _constant(name: str) -> None:
    raise _RefusedError("number", f"{name} is not a JSON number: write null or leave the key out")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_constant)
