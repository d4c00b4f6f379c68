"""Scores that a task of lm-eval may well give and that are no scores of ours."""

from typing import Any

ODD = {
    "refund-1": 1.0,
    "refund-2": 0,
    "refund-3": True,
    "refund-4": float("nan"),
    "refund-5": float("inf"),
    "refund-6": 5,
    "refund-7": 0.25,
}


def scores(doc: dict[str, Any], _answers: list[str]) -> dict[str, Any]:
    """The score that stands beside a question, 0 for the others."""
    return {"odd": ODD.get(doc["id"], 0.0), "surprise": 3.5}
