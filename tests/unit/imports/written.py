"""What the programs really wrote, read once, and ways to change a copy of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalgate.errors import DatasetError
from evalgate.imports import Wanted
from evalgate.records.evaluation import CaseResult, EvalResults

OTHERS = Path(__file__).resolve().parents[2] / "real" / "others"
ANSWERS = json.loads((OTHERS / "answers.json").read_text())
ROWS = [json.loads(line) for line in (OTHERS / "intent.jsonl").read_text().splitlines()]
INTENT = {row["id"]: row["intent"] for row in ROWS}


def wanted(**asked: Any) -> Wanted:
    """What is wanted of a file, for a feature called f."""
    return Wanted(**{"feature": "f", **asked})


def found(pattern: str) -> Path:
    """The one file of that name."""
    (path,) = OTHERS.glob(pattern)
    return path


def statuses(results: EvalResults) -> dict[str, str]:
    """Case -> its status."""
    return {case.case_id: case.status for case in results.cases}


def values(results: EvalResults) -> dict[str, float]:
    """Case -> its score, of those that are scored."""
    return {case.case_id: score for case in results.cases for score in case.scores.values()}


def case(results: EvalResults, case_id: str) -> CaseResult:
    """The case of that id."""
    (one,) = (case for case in results.cases if case.case_id == case_id)
    return one


def refused(call: Callable[..., object], *arguments: Any) -> str:
    """The problems of a file that is refused, one a line."""
    with pytest.raises(DatasetError) as error:
        call(*arguments)
    return "\n".join(error.value.problems)
