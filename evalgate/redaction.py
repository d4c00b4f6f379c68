"""What must not be shown: secrets and personal data masked, and text made safe for one line of a log.

Every pattern is bounded or anchored at the start of a word, so that hostile text costs linear time.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "BR": 29, "CH": 21, "CR": 22, "CY": 28, "CZ": 24,
    "DE": 22, "DK": 18, "DO": 28, "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "GT": 28,
    "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21,
    "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SA": 24, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27, "TR": 26, "UA": 29,
}  # fmt: skip
"""Characters of an IBAN by country, from the SWIFT IBAN registry."""

_RESERVED_DOMAIN = re.compile(r"@(?:.+\.)?(?:example\.(?:com|net|org)|example|test|invalid|localhost)$", re.IGNORECASE)
_PLACEHOLDER_PASSWORD = re.compile(r":(?:password|pass|\*+|x+|<[^>]*>|\[[^\]]*\]|\$?\{[^}]*\})@$", re.IGNORECASE)
_FICTIONAL_PHONE = re.compile(r"55501\d\d$")
_LONG_NUMBER = re.compile(r"[0-9](?:[ .()-]{0,2}[0-9]){8}")
_IBAN_START = re.compile(r"[A-Z]{2}[0-9]{2} ?[A-Z0-9]")


class Kind(NamedTuple):
    """One kind of text to mask."""

    hint: Callable[[str], object]
    """A cheap test that is true of every text in which the pattern may match."""
    pattern: re.Pattern[str]
    """What it looks like."""
    real: Callable[[str], bool] = bool
    """False for a match that is a placeholder or fails its check digits."""


def mask(text: str) -> str:
    """`text` with every secret and every piece of personal data replaced by `[masked: <kind>]`."""
    return _masked(_masked(text, SECRETS)[0], PERSONAL)[0]


def secrets_in(text: str) -> list[str]:
    """The kinds of secrets that `text` holds, each once, in the order of `SECRETS`."""
    return list(_masked(text, SECRETS)[1])


def personal_in(text: str) -> dict[str, int]:
    """How many pieces of personal data of each kind `text` holds, secrets apart; kinds without one are left out."""
    return _masked(_masked(text, SECRETS)[0], PERSONAL)[1]


def safe_line(text: str, limit: int) -> str:
    """`text` as one printable line of at most `limit` characters that GitHub's runner does not take for a command."""
    shown = text[: limit + 1]
    if not shown.isprintable():
        shown = "".join(char if char.isprintable() else _escaped(char) for char in shown)
    shown = shown.replace("##[", "# #[")
    if shown.lstrip().startswith("::"):
        shown = shown.replace("::", ": :", 1)
    return shown if len(shown) <= limit else shown[: max(limit - 1, 0)] + "…"[:limit]


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


def _masked(text: str, kinds: Mapping[str, Kind]) -> tuple[str, dict[str, int]]:
    """The masked text, and how many pieces of each kind were found; an earlier kind hides its text from later ones."""
    counts = {}
    for name, kind in kinds.items():
        found = sum(kind.real(match[0]) for match in kind.pattern.finditer(text)) if kind.hint(text) else 0
        if found:
            counts[name] = found
            text = _replaced(text, name, kind)
    return text, counts


def _replaced(text: str, name: str, kind: Kind) -> str:
    return kind.pattern.sub(lambda match: f"[masked: {name}]" if kind.real(match[0]) else match[0], text)


def _any_of(*parts: str) -> Callable[[str], bool]:
    return lambda text: any(map(text.__contains__, parts))


def _digits(text: str) -> list[int]:
    return [int(char) for char in text if char.isdecimal()]


def _luhn(text: str) -> bool:
    """True when the last digit is the check digit of the ones before it (ISO/IEC 7812-1, annex B)."""
    doubled = (sum(divmod(2 * digit, 10)) if i % 2 else digit for i, digit in enumerate(reversed(_digits(text))))
    return sum(doubled) % 10 == 0


def _mod97(text: str) -> bool:
    """True when the remainder of an IBAN, its first four characters moved to the end, is 1 (ISO 13616)."""
    iban = text.replace(" ", "")
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1


def _iban_forms() -> str:
    return "|".join(rf"{country}[0-9]{{2}}(?: ?[A-Z0-9]){{{n - 4}}}" for country, n in IBAN_LENGTHS.items())


SECRETS: Mapping[str, Kind] = {
    "private key": Kind(
        _any_of("PRIVATE KEY"),
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
            r".*?(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
    ),
    "password in a url": Kind(
        _any_of("://"),
        re.compile(r"://[^\s/:@]{0,100}:[^\s/@]{1,100}@"),
        lambda found: not _PLACEHOLDER_PASSWORD.search(found),
    ),
    "api key": Kind(
        _any_of("sk-", "sk_live_", "sk_test_"),
        re.compile(r"(?<![\w-])sk(?:-|_live_|_test_)(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}", re.ASCII),
    ),
    "aws key": Kind(_any_of("AKIA", "ASIA"), re.compile(r"(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])")),
    "github token": Kind(
        _any_of("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        re.compile(r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})"),
    ),
    "slack token": Kind(_any_of("xox"), re.compile(r"(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{10,}")),
    "google key": Kind(_any_of("AIza"), re.compile(r"(?<![A-Za-z0-9_-])AIza[A-Za-z0-9_-]{35}")),
    "jwt": Kind(_any_of("eyJ"), re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")),
    "bearer token": Kind(
        _any_of("earer", "EARER"),
        re.compile(r"(?<!\w)(?:[Bb]earer|BEARER)[ \t]{1,4}(?=[A-Za-z._~+/-]*[0-9])[A-Za-z0-9._~+/-]{20,}={0,2}"),
    ),
}
"""Kinds of secrets, in the order in which they are masked."""

PERSONAL: Mapping[str, Kind] = {
    "e-mail": Kind(
        _any_of("@"),
        re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}"),
        lambda found: not _RESERVED_DOMAIN.search(found),
    ),
    "IBAN": Kind(
        _IBAN_START.search,
        re.compile(rf"(?<![A-Za-z0-9])(?=[A-Z]{{2}}[0-9]{{2}})(?:{_iban_forms()})(?![A-Za-z0-9])"),
        _mod97,
    ),
    "card number": Kind(
        _LONG_NUMBER.search,
        re.compile(
            r"[2-6](?<![\w-].)(?:"  # the digit first, then what stands before it: three times as fast
            r"[0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}|[0-9]{3}([ -])[0-9]{6}\2[0-9]{5}|[0-9]{12,18}"
            r")(?![\w-])"
        ),
        _luhn,
    ),
    "phone": Kind(
        _LONG_NUMBER.search,
        re.compile(
            r"(?<![\w+#.-])(?<![0-9] )(?:"
            r"(?:\+|00(?=[0-9]{1,3}[ .(-]))[1-9](?:[ .()-]{0,2}[0-9]){8,14}"  # +34 612 345 678
            r"|(?:\([0-9]{3}\) ?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}"  # (415) 555-2671
            r"|[6-9][0-9]{2}([ -])[0-9]{3}\1[0-9]{3}|[89][0-9]([ -])[0-9]{3}\2[0-9]{2}\2[0-9]{2}"  # 612 345 678
            r"|0[0-9](?:[ .-][0-9]{2}){4}"  # 06 12 34 56 78
            r"|0[1-9][0-9]{1,3}[ -][0-9]{3,4}[ -]?[0-9]{3,4}"  # 020 7946 0958
            r")(?![\w-])"
        ),
        lambda found: not _FICTIONAL_PHONE.search("".join(map(str, _digits(found)))),
    ),
}
"""Kinds of personal data, in the order in which they are masked."""
