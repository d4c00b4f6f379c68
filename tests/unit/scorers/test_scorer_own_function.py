"""python:PATH:FUNCTION: a team's own scorer is loaded from its own file, and whatever it does breaks nothing."""

import os
import py_compile
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.errors import PolicyError
from evalgate.records.suite import Case
from evalgate.scorers import Score, expectation_problems, scorer_digests, scorers_for

NAME = "python:scorers/own.py:score"
CASE = Case(id="c", input="q", expected={"words": ["a"]}, buckets={"intent": "x"})


def written(root: Path, source: str, path: str = "scorers/own.py") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")
    return root


def scored(root: Path, body: str, output: str = "answer") -> Score:
    written(root, f"import math, numbers, sys\nfrom fractions import Fraction\ndef score(case, output):\n    {body}\n")
    return scorers_for([NAME], None, root)[NAME](CASE, output)


@pytest.mark.parametrize(
    ("body", "score"),
    [
        ("return 1", Score(1.0)),
        ("return 0.25", Score(0.25)),
        ("return True", Score(1.0)),
        ("return False", Score(0.0)),
        ("return -0.0", Score(0.0)),
        ("return Fraction(1, 4)", Score(0.25)),
        ("return float(output == 'answer' and case['expected']['words'] == ['a'])", Score(1.0)),
        ("return {'score': 0.5, 'note': 'half'}", Score(0.5, "half")),
        ("return {'score': True}", Score(1.0)),
        ("return {'score': 0, 'note': 'a\\nb\\x1b[31m' + 'c' * 500}", Score(0.0, "a b [31m" + "c" * 192)),
        ("return None", Score(None, "the function gave no score")),
        ("return {'score': None, 'note': 'no reference'}", Score(None, "no reference")),
        ("return {}", Score(None, "the function gave an object that has not just a `score` and a `note`")),
        ("return {'value': 1}", Score(None, "the function gave an object that has not just a `score` and a `note`")),
        ("return {'score': 1, 'note': 2}", Score(None, "the function gave an object that has not just a `score` and a `note`")),
        ("return 1.01", Score(None, "the function gave a number outside [0, 1]")),
        ("return -1", Score(None, "the function gave a number outside [0, 1]")),
        ("return math.nan", Score(None, "the function gave a number outside [0, 1]")),
        ("return -math.inf", Score(None, "the function gave a number outside [0, 1]")),
        ("return 10 ** 400", Score(None, "the function gave a number outside [0, 1]")),
        ("return '1'", Score(None, "the function gave a str, not a number")),
        ("return [1]", Score(None, "the function gave a list, not a number")),
        ("return 1j", Score(None, "the function gave a complex, not a number")),
        ("yield 1", Score(None, "the function gave a generator, not a number")),
        ("raise ValueError(output)", Score(None, "the function raised ValueError")),
        ("return 1 / 0", Score(None, "the function raised ZeroDivisionError")),
        ("sys.exit(0)", Score(None, "the function raised SystemExit")),
        ("return score(case, output)", Score(None, "the function raised RecursionError")),
    ],
)
def test_value__is_a_share_or_the_answer_is_unscorable(tmp_path: Path, body: str, score: Score) -> None:
    assert scored(tmp_path, body) == score


def test_answer_that_shows_nothing__is_unscorable_here_too(tmp_path: Path) -> None:
    assert scored(tmp_path, "return 1", "\u200b \n") == Score(None, "empty answer")


def test_case__is_a_copy_that_the_function_may_spoil(tmp_path: Path) -> None:
    body = "case['expected']['words'].append('b'); case.clear(); return 1"
    assert scored(tmp_path, body) == Score(1.0)
    assert Case(id="c", input="q", expected={"words": ["a"]}, buckets={"intent": "x"}) == CASE


def test_case__has_every_field_of_a_golden_line(tmp_path: Path) -> None:
    fields = ["id", "input", "messages", "expected", "buckets", "cluster"]
    assert scored(tmp_path, f"return list(case) == {fields} and case['buckets'] == {{'intent': 'x'}}") == Score(1.0)


def test_prints__go_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, "print('loading')\ndef score(case, output):\n    print('scoring')\n    return 1\n")
    assert scorers_for([NAME], None, tmp_path)[NAME](CASE, "a") == Score(1.0)
    assert capsys.readouterr() == ("", "loading\nscoring\n")


def test_file__is_loaded_once_and_keeps_what_it_needs(tmp_path: Path) -> None:
    source = """\
from __future__ import annotations
from dataclasses import dataclass
from pathlib import Path

@dataclass
class Seen:
    answers: list[str]

SEEN = Seen([])
PLACE = Path(__file__).name

def score(case, output):
    SEEN.answers.append(output)
    return {"score": 1 / len(SEEN.answers), "note": PLACE}
"""
    scorer = scorers_for([NAME], None, written(tmp_path, source))[NAME]
    assert [scorer(CASE, answer) for answer in "ab"] == [Score(1.0, "own.py"), Score(0.5, "own.py")]
    assert scorers_for([NAME], None, tmp_path)[NAME](CASE, "a").value == 1.0


def test_compiled_code_beside_the_file__is_neither_believed_nor_written(tmp_path: Path) -> None:
    assert scored(tmp_path, "return 1") == Score(1.0)
    assert [file.name for file in tmp_path.rglob("*")] == ["scorers", "own.py"]
    own = tmp_path / "scorers" / "own.py"
    honest = own.read_text()
    own.write_text(honest.replace("return 1", "return 0"))
    written_at = own.stat()
    py_compile.compile(str(own), doraise=True)
    own.write_text(honest)
    os.utime(own, ns=(written_at.st_atime_ns, written_at.st_mtime_ns))  # its compiled code looks fresh, and says 0
    assert scorers_for([NAME], None, tmp_path)[NAME](CASE, "a") == Score(1.0)


@pytest.mark.parametrize(
    "name",
    [
        "python:",
        "python:own.py",
        "python:own:score",
        "python:own.py:",
        "python:own.py:1st",
        "python:own.py:a.b",
        "python:/etc/own.py:score",
        "python:../own.py:score",
        "python:a/../own.py:score",
        "python:./own.py:score",
        "python:a//own.py:score",
        "python:a\\own.py:score",
        "python:own.py:score\n",
        "python:own.py:score:more",
        "python:~/own.py\0:score",
    ],
)
def test_name_that_leaves_the_folder_or_names_nothing__is_refused(tmp_path: Path, name: str) -> None:
    for of in (scorers_for, scorer_digests):
        with pytest.raises(PolicyError, match="must be python:PATH:FUNCTION"):
            of([name], None, tmp_path)
    with pytest.raises(PolicyError, match="must be python:PATH:FUNCTION"):
        expectation_problems([name], CASE, tmp_path)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def other(case, output):\n    return 1\n", "the file has no function score"),
        ("score = 1\n", "the file has no function score"),
        ("def score(output):\n    return 1\n", "must be a plain function that takes a case and an answer"),
        ("def score(case, output, more):\n    return 1\n", "must be a plain function that takes a case and an answer"),
        ("async def score(case, output):\n    return 1\n", "must be a plain function that takes a case and an answer"),
        ("def score(\n", "cannot be loaded: SyntaxError: '(' was never closed"),
        ("import not_there_at_all\n", "cannot be loaded: ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("from . import sibling\n", "cannot be loaded: ImportError: attempted relative import with no known parent package"),
        ("raise SystemExit(0)\n", "cannot be loaded: SystemExit: 0"),
        ("\0", "cannot be loaded: "),
    ],
)
def test_file_that_gives_no_function__is_refused_before_anything_is_scored(tmp_path: Path, source: str, problem: str) -> None:
    with pytest.raises(PolicyError) as refused:
        scorers_for([NAME], None, written(tmp_path, source))
    assert str(refused.value).startswith(f"{NAME}: {problem}")


def test_missing_file_folder_or_root__is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "scorers" / "own.py").mkdir(parents=True)
    for of in (scorers_for, scorer_digests):
        with pytest.raises(PolicyError, match=r"there is no file scorers/own\.py in the policy's folder"):
            of([NAME], None, tmp_path)
        with pytest.raises(PolicyError, match="there is no folder to look for it in"):
            of([NAME], None)


def test_links__are_not_followed(tmp_path: Path) -> None:
    real = written(tmp_path / "elsewhere", "def score(case, output):\n    return 1\n")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "scorers").symlink_to(real / "scorers")
    (tmp_path / "two" / "scorers").mkdir(parents=True)
    (tmp_path / "two" / "scorers" / "own.py").symlink_to(real / "scorers" / "own.py")
    for root, link in (("one", "scorers"), ("two", r"scorers/own\.py")):
        for of in (scorers_for, scorer_digests):
            with pytest.raises(PolicyError, match=f"{link} is a link"):
                of([NAME], None, tmp_path / root)


def test_any_expectation__will_do() -> None:
    assert expectation_problems([NAME], CASE) == expectation_problems([NAME], CASE, Path("nowhere")) == []


def test_digest__covers_the_function_its_file_and_the_files_beside_it(tmp_path: Path) -> None:
    def digest(name: str = NAME) -> str:
        return scorer_digests([name], None, tmp_path)[name]

    written(tmp_path, "def score(case, output):\n    return 1\n")
    first = digest()
    assert digest() == first
    assert digest("python:scorers/own.py:other") != first
    written(tmp_path, "x = 1\n", "scorers/beside.py")
    second = digest()
    written(tmp_path, "x = 2\n", "scorers/beside.py")
    third = digest()
    written(tmp_path, "x = 2\n", "scorers/beneath/own.py")
    written(tmp_path, "x = 2\n", "scorers/notes.txt")
    assert digest() == third
    (tmp_path / "scorers" / "own.py").write_bytes(b"def score(case, output):\r\n    return 1\r\n")
    assert digest() == third
    written(tmp_path, "def score(case, output):\n    return 0\n")
    assert len({first, second, third, digest()}) == 4


RETURNED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["score", "note", "x"]), inner),
)


@pytest.fixture(scope="module")
def returning(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any, str], Score]:
    root = written(tmp_path_factory.mktemp("own"), "GIVEN = []\ndef score(case, output):\n    return GIVEN[-1]\n")
    scorer = scorers_for([NAME], None, root)[NAME]
    file = str(root / "scorers" / "own.py")
    (module,) = [module for module in sys.modules.values() if getattr(module, "__file__", None) == file]

    def scored(value: Any, output: str) -> Score:
        module.GIVEN.append(value)
        return scorer(CASE, output)

    return scored


@given(value=RETURNED, output=st.text())
def test_whatever_it_gives__is_scored_or_unscorable_with_a_note(
    returning: Callable[[Any, str], Score], value: Any, output: str
) -> None:
    number, note = returning(value, output)
    assert note if number is None else 0 <= number <= 1
