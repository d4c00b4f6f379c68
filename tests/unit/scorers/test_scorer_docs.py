"""docs/scorers.md: every scorer has a section, and every example in it is true."""

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest

from evalgate.records.suite import Case
from evalgate.scorers import JUDGED, SCORERS, expectation_problems, scorers_for
from evalgate.scorers.judging import read_grade

PAGE = (Path(__file__).parents[3] / "docs" / "scorers.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0].strip(): part for part in PAGE.split("\n## ")[1:]}
OWN = "python:scorers/invoice.py:total_is_right"


def example(section: str) -> tuple[str, str, Fraction]:
    """What is scored, the answer or reply, and the score, of a section's one example."""
    (block,) = re.findall(r"```text\n(.*?)```", SECTIONS[section], re.DOTALL)
    lines = dict(line.split(maxsplit=1) for line in block.splitlines())
    return lines.get("case", ""), lines.get("answer", lines.get("reply", "")), Fraction(lines["score"])


def test_sections__are_those_of_all_scorers() -> None:
    assert set(SECTIONS) == {*SCORERS, JUDGED, "python:PATH:FUNCTION"}


@pytest.mark.parametrize("name", SCORERS)
def test_example__has_the_score_that_it_says(name: str) -> None:
    line, answer, score = example(name)
    case = Case.model_validate(json.loads(line))
    assert expectation_problems([name], case) == []
    assert scorers_for([name], None)[name](case, answer).value == pytest.approx(float(score))


def test_example_of_a_judge_s_reply__has_the_score_that_it_says() -> None:
    _, reply, score = example(JUDGED)
    assert read_grade(reply).value == score


def test_example_of_an_own_function__works_as_it_stands(tmp_path: Path) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", SECTIONS["python:PATH:FUNCTION"], re.DOTALL)
    assert OWN in SECTIONS["python:PATH:FUNCTION"]
    (tmp_path / "scorers").mkdir()
    (tmp_path / "scorers" / "invoice.py").write_text(source)
    line, answer, score = example("python:PATH:FUNCTION")
    assert scorers_for([OWN], None, tmp_path)[OWN](Case.model_validate(json.loads(line)), answer).value == score
