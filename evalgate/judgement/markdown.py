"""Hostile text inside GitHub's Markdown: always a code span, where nothing is interpreted."""

import re

from evalgate.redaction import mask, safe_line

LONGEST = 200


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
