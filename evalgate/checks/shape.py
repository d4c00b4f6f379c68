"""EG201 to EG204: rows that are not a conversation in OpenAI's chat format.

Each code has a question about one value and a check that asks it of every line.
"""

from collections.abc import Iterator
from typing import Any

from evalgate.checks.rows import Fault, File, shown

Turns = list[dict[str, str]]

_ORDER = "the system may speak once, first; then user and assistant by turns"


def shape(file: File) -> Iterator[Fault]:
    """A fault for each value that is not `{"messages": [{"role", "content"}, ...], "metadata": {...}}`."""
    for line in file.rejected:
        fault = None if line.problem else shape_fault(line.value)
        if fault:
            yield Fault(line.number, fault)


def role_order(file: File) -> Iterator[Fault]:
    """A fault for each row whose roles are unknown or out of order."""
    for number, turns in _conversations(file):
        fault = order_fault(turns)
        if fault:
            yield Fault(number, fault)


def last_turn(file: File) -> Iterator[Fault]:
    """A fault for each row that does not end with an answer."""
    for number, turns in _conversations(file):
        if not ends_with_answer(turns):
            yield Fault(number, "the last turn is not the assistant's: end the row with the answer to learn")


def empty_content(file: File) -> Iterator[Fault]:
    """A fault for each row with a turn that says nothing."""
    for number, turns in _conversations(file):
        empty = empty_turns(turns)
        if empty:
            yield Fault(number, f"turn {empty[0]} is empty: write its content or remove the row")


def shape_fault(value: Any) -> str | None:
    """What keeps a JSON value from being a row; None for the right shape."""
    if not isinstance(value, dict):
        return 'not an object: write {"messages": [...], "metadata": {...}}'
    unknown = [key for key in value if key not in ("messages", "metadata")]
    if unknown:
        return f'unknown key "{shown(unknown[0])}": a row has only `messages` and `metadata`; put it into `metadata`'
    if not isinstance(value.get("metadata", {}), dict):
        return "`metadata` is not an object"
    messages = value.get("messages")
    if not isinstance(messages, list) or not messages:
        return "no `messages`: give a list of at least one user and one assistant turn"
    faults = (_turn_fault(number, turn) for number, turn in enumerate(messages, start=1))
    return next((fault for fault in faults if fault), None)


def order_fault(turns: Turns) -> str | None:
    """What is wrong with the order of the roles; None for system (or not), then user and assistant by turns."""
    first = 1 if turns[0]["role"] == "system" else 0
    for i, turn in enumerate(turns):
        if turn["role"] not in ("system", "user", "assistant"):
            return f'turn {i + 1} has the unknown role "{shown(turn["role"])}": use system, user or assistant'
        expected = "system" if i < first else ("user", "assistant")[(i - first) % 2]
        if turn["role"] != expected:
            return f"turn {i + 1} is the {turn['role']}'s where the {expected}'s belongs: {_ORDER}"
    return None


def ends_with_answer(turns: Turns) -> bool:
    """True when the last turn is the assistant's."""
    return turns[-1]["role"] == "assistant"


def empty_turns(turns: Turns) -> list[int]:
    """Numbers, from 1, of the turns without content; white space is none."""
    return [number for number, turn in enumerate(turns, start=1) if not turn["content"].strip()]


def well_formed(value: Any) -> bool:
    """True when shape, order, last turn and content of a JSON value are those of a row."""
    if shape_fault(value):
        return False
    turns = value["messages"]
    return not order_fault(turns) and ends_with_answer(turns) and not empty_turns(turns)


def _conversations(file: File) -> Iterator[tuple[int, Turns]]:
    for line in file.rejected:
        if not line.problem and not shape_fault(line.value):
            yield line.number, line.value["messages"]


def _turn_fault(number: int, turn: Any) -> str | None:
    if not isinstance(turn, dict):
        return f"turn {number} is not an object with `role` and `content`"
    for key in ("role", "content"):
        if not isinstance(turn.get(key), str):
            return f"turn {number} has no `{key}` that is text"
    unknown = [key for key in turn if key not in ("role", "content")]
    return f'turn {number} has the unknown key "{shown(unknown[0])}": remove it' if unknown else None
