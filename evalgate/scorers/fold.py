"""Text made comparable: what is invisible taken out, letters and spaces brought to one form."""

import re
import unicodedata

_IGNORABLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code) for first, last in ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF)) for code in range(first, last + 1)
}
"""Draw nothing though their category does not say so: Unicode's Default_Ignorable_Code_Point, and blank braille."""

_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u201b\u02bc\u02b9\u2032\u00b4\uff07", "'"))
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": " ", "f": " "}


def visible(text: str) -> str:
    """The text without zero-width, format, control and other characters that draw nothing; spaces and newlines stay."""
    return "".join(char for char in text if char.isspace() or not _is_invisible(char))


def _is_invisible(char: str) -> bool:
    return char in _IGNORABLE or unicodedata.category(char) in ("Cf", "Cc")


def folded(text: str) -> str:
    """NFC, casefolded, runs of whitespace as one space: what `contains` compares."""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())


def loosely_folded(text: str) -> str:
    """As `folded`, but NFKC (full-width letters are letters), nothing invisible, and one kind of apostrophe."""
    compatible = unicodedata.normalize("NFKC", visible(text).translate(_APOSTROPHES)).casefold()
    return " ".join(visible(unicodedata.normalize("NFKC", compatible)).split())


def plain_prose(text: str) -> str:
    """Casefolded text without accents or invisible characters, straight apostrophes, `\\n` between its lines only.

    A single line break inside a sentence becomes a space; one before a list item stays.
    """
    text = re.sub(r"(?<=\w)`(?=\w)", "'", text)  # three of them are a code fence and stay
    bare = unicodedata.normalize("NFKD", visible(text.translate(_APOSTROPHES))).casefold()
    letters = "".join(char for char in bare if unicodedata.category(char) != "Mn")
    lines = "\n".join(" ".join(line.split()) for line in letters.splitlines())
    return re.sub(r"(?<![.!?:;\n])\n(?!\n|[-*+\u2022\u2023\u25aa\u25e6\u2013\u2014\u00b7>#(`~]|\w{1,2}[.):\u20e3])", " ", lines)


def unescaped(text: str) -> str:
    r"""The text with JSON's escapes decoded wherever they stand: `A\u0050PROVED` reads `APPROVED`."""
    return re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", _decoded, text, flags=re.DOTALL)


def _decoded(escape: re.Match[str]) -> str:
    code, char = escape.groups()
    return chr(int(code, 16)) if code else _SIMPLE_ESCAPES.get(char, char)
