"""`top_k`: the expected label is among the k that the answer ranks highest."""

from collections.abc import Mapping, Sequence
from typing import Any

from evalgate.records.suite import Case
from evalgate.scorers.answer import read_json
from evalgate.scorers.leaves import stripped_nfc
from evalgate.scorers.score import Score, Scorer, guarded, kind

DEFAULT_K = 3
"""k where `expected` is the label alone."""


def top_k(_answer_schema: Mapping[str, Any] | None) -> Scorer:
    """A scorer: 1 when `expected`'s label is surely among the k highest of the answer, else 0.

    The answer is a JSON object label -> number, or a list of labels, the highest first. `expected` is the label, with k = 3,
    or `{"label": ..., "k": ...}`. Labels that have the same number as the expected one are counted before it.
    """
    return guarded(_score, top_k_problems)


def top_k_problems(expected: Any) -> list[str]:
    """What keeps `expected` from naming a label and a k."""
    if not isinstance(expected, str | dict):
        return [f'top_k needs a label or {{"label": ..., "k": ...}}, not {kind(expected)}']
    label, k = _wanted(expected)
    unknown = sorted(set(expected) - {"label", "k"}, key=str) if isinstance(expected, dict) else []
    problems = [f"top_k does not know the key {key!a}" for key in unknown]
    if not isinstance(label, str) or not label.strip():
        problems.append(f"top_k needs `label` to be a text, not {'a blank one' if isinstance(label, str) else kind(label)}")
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        problems.append("top_k needs `k` to be a whole number from 1")
    return problems


def label_scores(output: str) -> dict[str, float] | None:
    """Label -> its number, of an answer that is a JSON object of numbers; None for every other answer, and for `{}`.

    Labels are stripped and in NFC; None also where two become one by that.
    """
    value, problem = read_json(output)
    if problem or not isinstance(value, dict) or not all(map(_is_number, value.values())):
        return None
    scores = {stripped_nfc(label): float(number) for label, number in value.items()}
    return scores if scores and len(scores) == len(value) else None


def _score(case: Case, output: str) -> Score:
    label, k = _wanted(case.expected)
    value, problem = read_json(output)
    if problem:
        return Score(0.0, problem)
    rank = (
        _place_in_list(stripped_nfc(label), value)
        if isinstance(value, list)
        else _place(stripped_nfc(label), label_scores(output))
    )
    if rank is None:
        return Score(0.0, "neither labels in order nor a number for each label")
    return Score(1.0) if rank <= k else Score(0.0, f"the expected label is not surely among the {k} highest")


def _place(label: str, scores: Mapping[str, float] | None) -> float | None:
    """The last place, from 1, that the label can have; infinity when it is not there; None when there are no scores."""
    if scores is None:
        return None
    return sum(score >= scores[label] for score in scores.values()) if label in scores else float("inf")


def _place_in_list(label: str, ranked: Sequence[Any]) -> float | None:
    names = [stripped_nfc(name) for name in ranked if isinstance(name, str)]
    if not names or len(set(names)) < len(ranked):
        return None
    return names.index(label) + 1 if label in names else float("inf")


def _wanted(expected: Any) -> tuple[Any, Any]:
    return (expected, DEFAULT_K) if isinstance(expected, str) else (expected.get("label"), expected.get("k", DEFAULT_K))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
