"""Rows that teach facts rather than behaviour: a rule of thumb over what answers hold and nothing before them does.

A fine-tune learns how to answer well and what to know badly: facts change, and half-learnt ones come out wrong. A row counts
as factual when its answer holds something that could only be known by heart: a figure, a name, or a short answer as a whole
that stands neither in the prompt nor in the question, and in few other answers. Labels and set phrases repeat and do not count.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from evalgate.checks import Row
from evalgate.checks.rows import normalised
from evalgate.prompts import Prompt
from evalgate.records.paths import Teaching

FEWEST_ROWS = 20
"""Below this many rows nothing repeats, so nothing is said."""
WARNS_AT = 0.2
"""Share of factual rows from which the dataset seems to teach facts."""
RARE = 0.01
"""What stands in the answers of at most this share of the rows, or of two, is rare."""
SHORT = 5
"""Words of an answer that may be a fact as a whole."""
SHOWN = 10
_FIGURE = re.compile(r"(?<![\w.,])\d{1,15}(?:[.,'’ ]\d{3}){0,5}(?:[.,]\d{1,9})?(?!\w|[./-]\d)")
_DATE = re.compile(r"(?<![\w.,/-])\d{1,4}([./-])\d{1,2}\1\d{1,4}(?!\w|[./-]\d)")
_DIGITS = re.compile(r"\d+")
_MONTHS = frozenset(map(str, range(1, 13)))
_WORD = re.compile(r"[^\W_]+")
_CODE = re.compile(r"(?=.*\d)(?=.*[^\W\d_])[^\W_]{3,40}")
_NAME = re.compile(r"(?<=[a-zß-öø-ÿ,;)] )[A-ZÀ-ÖØ-Þ][^\W\d_]{2,40}")
_NOUNS_ARE_CAPITAL = frozenset(
    ("das", "dem", "den", "der", "des", "ein", "eine", "einen", "für", "ihre", "ist", "mit", "nicht", "und", "von", "wir", "zu")
)
"""Words of German, where a capital letter makes no name."""
_KEY = re.compile(r'"[^"\\]{1,80}"\s*:')


def teaching_of(rows: Sequence[Row], prompt: Prompt = ()) -> Teaching | None:
    """How many rows teach facts, and which come first; None for fewer than `FEWEST_ROWS` rows."""
    if len(rows) < FEWEST_ROWS:
        return None
    told = _words(turn.content for turn in prompt)
    marks = [_marks(row, told) for row in rows]
    often = Counter(mark for found in marks for mark in found)
    most = max(2, int(RARE * len(rows)))
    factual = [row.line for row, found in zip(rows, marks, strict=True) if any(often[mark] <= most for mark in found)]
    return Teaching(
        rows=len(rows), factual=len(factual), lines=tuple(factual[:SHOWN]), warns=len(factual) >= WARNS_AT * len(rows)
    )


def _marks(row: Row, told: frozenset[str]) -> set[str]:
    """What the row's answer holds that could be a fact and stands nowhere before it."""
    *before, answer = row.messages
    known = told | _words(turn.content for turn in before)
    text = _KEY.sub(" ", answer.content)
    found = {f"figure {figure}" for figure in map(_figure, _FIGURE.findall(text)) if len(figure) > 2 and figure not in known}
    dates = [date[0] for date in _DATE.finditer(text)]
    found |= {f"date {date}" for date in dates if not known | _MONTHS >= {part.lstrip("0") for part in _DIGITS.findall(date)}}
    words = _WORD.findall(normalised(text))
    found |= {f"figure {word}" for word in words if _CODE.fullmatch(word) and word not in known}
    if not _NOUNS_ARE_CAPITAL.intersection(words):
        found |= {f"name {name}" for name in map(normalised, _NAME.findall(text)) if name not in known}
    if 0 < len(words) <= SHORT and not known.intersection(words):
        found.add(f"answer {' '.join(words)}")
    return found


def _words(texts: Iterable[str]) -> frozenset[str]:
    """Words and figures, in the forms in which answers are looked up."""
    found: set[str] = set()
    for text in texts:
        found.update(_WORD.findall(normalised(text)))
        found.update(map(_figure, _FIGURE.findall(text)))
        found.update(digits.lstrip("0") for digits in _DIGITS.findall(text))
    return frozenset(found)


def _figure(text: str) -> str:
    """Its digits, without thousands' marks, leading zeros and a fraction of zeros: 1,299.00 is 1299."""
    whole, _, fraction = re.sub(r"[.,'’ ](?=\d{3}(?!\d))", "", text).replace(",", ".").partition(".")
    return whole.lstrip("0") + (f".{fraction.rstrip('0')}" if fraction.rstrip("0") else "")
