"""The leaves of a JSON value, each under its path, and when two of them are the same."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from evalgate.scorers.answer import same_json

MOST_PATH_CHARS = 2_000_000
"""Characters that all paths of one value may have together; a value with more is not taken apart."""

_LONGEST_KEY = 100


def leaves(value: Any) -> dict[str, Any] | None:
    r"""Path -> leaf, in the order of the text: `customer.name`, `items[0].price`; None when there are too many.

    Objects and lists that hold an object or a list are taken apart; every other list, `{}` and scalars are leaves. In a
    key `.`, `[` and `\` have a `\` before them; a key of more than 100 characters is its first 40 and a digest.
    """
    found: dict[str, Any] = {}
    room = MOST_PATH_CHARS
    for path, leaf in _walk(value, ""):
        room -= len(path) + 1
        if room < 0:
            return None
        found[path.removeprefix(".")] = leaf
    return found


def same_leaf(one: Any, other: Any) -> bool:
    """True when two leaves are `same_json`, their strings stripped and in NFC."""
    return same_json(_plain(one), _plain(other))


def stripped_nfc(text: str) -> str:
    """The text without outer whitespace, in NFC."""
    return unicodedata.normalize("NFC", text.strip())


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _walk(inner, f"{path}.{_step(key)}")
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for place, inner in enumerate(value):
            yield from _walk(inner, f"{path}[{place}]")
    else:
        yield path, value


def _step(key: str) -> str:
    if len(key) > _LONGEST_KEY:
        key = f"{key[:40]}~{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    return re.sub(r"[\\.\[]", r"\\\g<0>", key)


def _plain(leaf: Any) -> Any:
    if isinstance(leaf, list):
        return [_plain(item) for item in leaf]
    return stripped_nfc(leaf) if isinstance(leaf, str) else leaf
