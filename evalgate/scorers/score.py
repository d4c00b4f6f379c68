"""What a scorer is: a function (case, answer) -> Score."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from evalgate.records.suite import Case
from evalgate.scorers.fold import visible


class Score(NamedTuple):
    """One answer's score by one scorer."""

    value: float | None
    """In [0, 1]; None means unscorable, which is neither 0 nor 1."""
    note: str | None = None
    """Why the score is None or below 1; holds no text of the answer but an escaped JSON key."""


Scorer = Callable[[Case, str], Score]
"""Scores one answer to one case; never raises, whatever the answer is."""

Factory = Callable[[Mapping[str, Any] | None], Scorer]
"""Makes a scorer for a feature's answer schema (None where it has none)."""

Problems = Callable[[Any], list[str]]
"""Says what is wrong with a case's `expected`; empty when a scorer can work with it."""

EMPTY = Score(None, "empty answer")


def guarded(scorer: Scorer, problems: Problems) -> Scorer:
    """`scorer`, but unscorable where the answer shows nothing or the expectation cannot be used."""

    def score(case: Case, output: str) -> Score:
        if not visible(output).strip():
            return EMPTY
        wrong = problems(case.expected)
        return Score(None, f"unusable expectation: {wrong[0]}") if wrong else scorer(case, output)

    return score


def kind(value: Any) -> str:
    """The JSON name of a value's type, with its article, for messages: `a list`, `an object`."""
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "no JSON value" if value is not None else "null")
