"""Dataset rows drawn as one line of text, and findings as `line code` words."""

import json

from evalgate.checks import check_dataset

NAMES = {"s": "system", "u": "user", "a": "assistant"}


def row(drawing, source="human", **metadata):
    """One JSON line: `row("u: hi | a: hello")`; a role that is not s, u or a is written as it stands."""
    turns = [turn.partition(": ") for turn in drawing.split(" | ")]
    messages = [{"role": NAMES.get(role, role), "content": content} for role, _, content in turns]
    return json.dumps({"messages": messages, "metadata": {"source": source, **metadata}})


def lines(*rows):
    return "".join(f"{row}\n" for row in rows).encode()


def findings(*rows, **against):
    return check_dataset(lines(*rows), "x.jsonl", **against)[0]


def found(*rows, **against):
    """Such as `["2 EG301"]`."""
    return [f"{finding.line} {finding.code}" for finding in findings(*rows, **against)]


def said(*rows, **against):
    """The message of the one finding there must be."""
    (finding,) = findings(*rows, **against)
    return finding.message
