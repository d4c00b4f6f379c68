"""Whether prompting alone has come to its end: the last prompt changes brought no proven lift on the golden set."""

from collections.abc import Sequence

from evalgate.records.journal import Entry

ENOUGH = 2
"""Prompt changes in a row without a proven lift."""


def plateau(ledger: Sequence[Entry]) -> tuple[int, bool]:
    """How many of the last prompt changes in a row were measured and brought no proven lift, and whether that is enough."""
    measured = [entry.overall for entry in ledger if entry.step == "finished" and entry.kind == "prompt" and entry.overall]
    in_a_row = 0
    for state in reversed(measured):
        if state == "improved":
            break
        in_a_row += 1
    return in_a_row, in_a_row >= ENOUGH
