"""JSON as other evaluators write it: NaN and infinities are numbers there, and model answers hold half characters.

What a hostile file could do is bounded: bytes, depth, number of arrays and objects, keys that stand twice.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from evalgate.errors import DatasetError

MOST_BYTES = 200_000_000
"""Longest file, and longest member of a zip, in bytes."""
MOST_PARTS = 10_000_000
"""Most arrays and objects in one JSON text."""
MAX_DEPTH = 200
"""Deepest nesting of arrays and objects."""
_HALF = re.compile("[\ud800-\udfff]")


class _TwiceError(ValueError):
    """Carries a key that stands twice out of the decoder."""


def parse(raw: bytes, where: str) -> Any:
    """The value of one JSON text.

    Raises:
        DatasetError: it is no UTF-8, no JSON, too deep, too large, or a key stands twice in one object.
    """
    if len(raw) > MOST_BYTES:
        raise DatasetError(f"{where}: longer than {MOST_BYTES:,} bytes: import fewer cases at a time")
    if raw.count(b"[") + raw.count(b"{") > MOST_PARTS:
        raise DatasetError(f"{where}: more than {MOST_PARTS:,} arrays and objects: import fewer cases at a time")
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise DatasetError(f"{where}: byte 0x{raw[error.start]:02x} at position {error.start + 1} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise DatasetError(f"{where}: not valid JSON at line {error.lineno}, column {error.colno} ({error.msg})") from error
    except _TwiceError as error:
        raise DatasetError(f"{where}: the key {error} stands twice in one object: no program wrote it so") from error
    except RecursionError as error:
        raise _too_deep(where) from error
    if _deeper(value, MAX_DEPTH):
        raise _too_deep(where)
    return value


def parse_lines(content: bytes, path: str) -> Iterator[tuple[str, Any]]:
    """(where it stands, value) of every line that is not blank; a value is read when it is asked for.

    Raises:
        DatasetError: as for `parse`.
    """
    for number, raw in enumerate(content.split(b"\n"), start=1):
        if raw.strip():
            yield f"{path}:{number}", parse(raw, f"{path}:{number}")


def whole(text: str) -> str:
    """`text` with each half of a surrogate pair replaced: it could not be written as UTF-8."""
    return _HALF.sub("\ufffd", text)


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` where it is an object, an empty one otherwise."""
    return value if isinstance(value, dict) else {}


def _too_deep(where: str) -> DatasetError:
    return DatasetError(f"{where}: nested deeper than {MAX_DEPTH} levels: this is not what the program wrote")


def _deeper(value: Any, most: int) -> bool:
    """True when `value` has more than `most` levels; level by level, without recursion."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [child for children in inner for child in children if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise _TwiceError(repr(next(key for key, count in counts.items() if count > 1))[:80])
    return value


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= 20 else float(text)  # a number of a million digits would take minutes


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer)
