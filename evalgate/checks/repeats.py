"""EG301, EG302 and EG401: rows that repeat each other, contradict each other, or give the exam away."""

from collections.abc import Iterator

from evalgate.checks.rows import Fault, File, Key, normalised


def duplicate(file: File) -> Iterator[Fault]:
    """A fault for each row whose turns equal an earlier row's after normalisation."""
    first: dict[tuple[object, str], int] = {}
    for key in file.keys:
        line = first.setdefault((key.asked, key.answer), key.line)
        if line != key.line:
            yield Fault(key.line, f"the same row as line {line}: remove one")


def contradiction(file: File) -> Iterator[Fault]:
    """A fault for each answer that differs from an earlier row's to the same input; a repeated answer is named once."""
    first: dict[object, Key] = {}
    seen: set[tuple[object, str]] = set()
    for key in file.keys:
        earlier = first.setdefault(key.asked, key)
        if earlier.answer != key.answer and (key.asked, key.answer) not in seen:
            seen.add((key.asked, key.answer))
            yield Fault(key.line, f"lines {earlier.line} and {key.line} give different answers to the same input: keep one")


def leaked_case(file: File) -> Iterator[Fault]:
    """A fault for each row with a user turn that equals a golden or safety case; names the case, never its text."""
    cases = {normalised(text): case_id for case_id, text in file.golden.items()}
    for key in file.keys:
        leaked = _cases_asked(key, cases)
        if leaked:
            yield Fault(key.line, f"the input is that of the held-out case {', '.join(leaked)}: remove the row")


def _cases_asked(key: Key, cases: dict[str, str]) -> list[str]:
    return sorted({cases[text] for role, text in key.asked if role == "user" and text in cases})
