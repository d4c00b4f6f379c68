"""EG501 to EG503: what must not stand in any text of a row, whether the row is well-formed or not."""

import re
from collections.abc import Iterator

from evalgate.checks.rows import Fault, File, shown
from evalgate.redaction import personal_in, secrets_in

_HIDDEN = re.compile(
    "[\u180e\u200b-\u200d\u2060-\u2064\ufeff"  # zero width
    "\u202a-\u202e\u2066-\u2069"  # bidi embeddings, overrides and isolates
    "\U000e0000-\U000e007f]"  # tags
)
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
_SCRIPTS_THAT_JOIN = "\u0600-\u08ff\u0900-\u0dff\u1780-\u17ff"
_FINE = re.compile(
    f"(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])"  # one emoji made of several
    f"|(?<=[{_SCRIPTS_THAT_JOIN}])[\u200c\u200d](?=[{_SCRIPTS_THAT_JOIN}])"  # Persian, Hindi: spelling
    "|\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
    "|\U000e0077\U000e006c\U000e0073)\U000e007f"  # flags of England, Scotland and Wales
)


def secret(file: File) -> Iterator[Fault]:
    """A fault for each line that holds a secret; names the kind only."""
    for line, text in file.texts:
        kinds = secrets_in(text)
        if kinds:
            yield Fault(line, f"holds a secret ({', '.join(kinds)}): remove it and revoke it")


def personal_data(file: File) -> Iterator[Fault]:
    """A fault for each line that holds personal data; counts per kind, no values."""
    for line, text in file.texts:
        counts = personal_in(text)
        if counts:
            listed = ", ".join(f"{kind}: {count}" for kind, count in counts.items())
            yield Fault(line, f"holds personal data ({listed}): put placeholders such as [EMAIL]")


def hidden_characters(file: File) -> Iterator[Fault]:
    """A fault for each line with bidi controls, tag characters or zero-width characters that no script needs."""
    for line, text in file.texts:
        if not text.isascii() and _HIDDEN.search(text):
            found = sorted(set(_HIDDEN.findall(_FINE.sub("", text))))
            if found:
                yield Fault(line, f"hidden characters ({', '.join(map(shown, found[:5]))}): remove them")
