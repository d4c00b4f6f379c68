"""EG601 to EG603: rows that differ from the policy or from the rest of the file."""

from collections import Counter
from collections.abc import Iterator

from evalgate.checks.rows import Fault, File, system_of

SOURCES = ("human", "synthetic", "prod_sample")


def other_prompt(file: File) -> Iterator[Fault]:
    """A fault for each row whose own system prompt is not the policy's; white space around it does not count."""
    for row in file.rows if file.prompt is not None else []:
        own = system_of(row)
        if own is not None and own.strip() != (file.prompt or "").strip():
            yield Fault(row.line, "its system prompt is not the policy's `prompt`: remove the system turn or align it")


def other_form(file: File) -> Iterator[Fault]:
    """A fault for each answer that is not a JSON object with the keys which at least 80 % of the answers share."""
    usual, count = Counter(key.fields for key in file.keys).most_common(1)[0] if file.keys else (None, 0)
    if usual is None or 5 * count < 4 * len(file.keys):
        return
    for key in file.keys:
        if key.fields != usual:
            yield Fault(key.line, f"its answer is not a JSON object with the keys of the other {count:,} answers")


def no_source(file: File) -> Iterator[Fault]:
    """One fault at line 0 with the number of rows whose `metadata.source` is missing or unknown."""
    missing = sum(row.metadata.get("source") not in SOURCES for row in file.rows)
    if missing:
        yield Fault(0, f"{missing:,} of {len(file.rows):,} rows lack a `metadata.source`: give one of {', '.join(SOURCES)}")
