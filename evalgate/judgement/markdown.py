"""GitHub's Markdown: hostile text always in a code span, where nothing is interpreted; our own text on one line."""

import re

from evalgate.redaction import mask, safe_line

LONGEST = 200
ALERTS = {"pass": "TIP", "fail": "CAUTION", "inconclusive": "WARNING"}
"""The box in which GitHub shows a verdict."""
_URL = re.compile(r"https?://[A-Za-z0-9.-]{1,250}(?::[0-9]{1,5})?(?:[/?#][A-Za-z0-9._~:/?#@!$&*+,;=%-]{0,2000})?")
"""What may stand as a link's target: nothing in it can end the link or the line."""
_MARKS = re.compile(r"(?<!`)(`+)(?!`)(?P<code>.*?)(?<!`)\1(?!`)|\[(?P<words>[^\]]*)\]\([^)]*\)|\*\*")


def code_span(text: object, limit: int = LONGEST) -> str:
    """`text` as a code span that can stand in a table: one line, masked, shortened, no control characters.

    The fence is longer than any run of backticks inside, so that the text cannot end it; mentions, references, links,
    HTML and mathematics are not interpreted inside. A pipe is escaped because tables split before spans are read.
    """
    line = safe_line(mask(str(text)), limit).replace("|", "\\|")
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    if not line.strip():
        return "*(empty)*"
    fence = "`" * (longest + 1)
    space = " " if longest or line.startswith(" ") else ""
    return f"{fence}{space}{line}{space}{fence}"


def one_line(markdown: str, limit: int = 1_000) -> str:
    """Markdown of ours on one line; a code span of how it begins where it is too long, for it cannot be cut just anywhere."""
    line = " ".join("".join(char if char.isprintable() else " " for char in markdown).split())
    return line if len(line) <= limit else code_span(line, min(limit, 500))


def linked(url: str, words: str) -> str:
    """`[words](url)`; where the target is no plain http or https address, it is shown instead of linked."""
    return f"[{words}]({url})" if _URL.fullmatch(url) else f"{words}: {code_span(url)}"


def plain(markdown: str) -> str:
    """The words of one line of our Markdown, for places that show text as it is."""
    return _MARKS.sub(_without_marks, one_line(markdown, len(markdown)))


def _without_marks(found: re.Match[str]) -> str:
    code = (found["code"] or "").replace("\\|", "|")
    return found["words"] or (code.strip() if "`" in code else code)
