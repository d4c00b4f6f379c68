"""A judge's reply: one clear grade or choice, or nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.scorers import Score
from evalgate.scorers.judging import read_grade, read_preference

SHAPE = "the judge's reply has not just a `grade` and a `reason`"
GRADE = "the judge's grade is no whole number from 1 to 5"


@pytest.mark.parametrize(
    ("grade", "score"),
    [
        (1, Score(0.0, "grade 1 of 5")),
        (2, Score(0.25, "grade 2 of 5")),
        (3, Score(0.5, "grade 3 of 5")),
        (4, Score(0.75, "grade 4 of 5")),
        (5, Score(1.0)),
    ],
)
def test_grade__is_spread_over_the_unit_interval(grade: int, score: Score) -> None:
    assert read_grade(json.dumps({"grade": grade, "reason": "so"})) == score
    assert read_grade(f' {{"reason": "", "grade": {grade}}}\n') == score


@pytest.mark.parametrize(
    ("reply", "note"),
    [
        ("", "the judge's reply is empty"),
        (" \n", "the judge's reply is empty"),
        (":", "the judge's reply: not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("5", "the judge's reply is not a JSON object"),
        ("[5]", "the judge's reply is not a JSON object"),
        ('{"grade": 5}', SHAPE),
        ('{"grade": 5, "reason": null}', SHAPE),
        ('{"grade": 5, "reason": "", "sure": true}', SHAPE),
        ('{"reason": "5"}', SHAPE),
        ('{"grade": 0, "reason": ""}', GRADE),
        ('{"grade": 6, "reason": ""}', GRADE),
        ('{"grade": 10, "reason": ""}', GRADE),
        ('{"grade": -1, "reason": ""}', GRADE),
        ('{"grade": 5.0, "reason": ""}', GRADE),
        ('{"grade": 4.5, "reason": ""}', GRADE),
        ('{"grade": true, "reason": ""}', GRADE),
        ('{"grade": "5", "reason": ""}', GRADE),
        ('{"grade": null, "reason": ""}', GRADE),
        ('{"grade": 1, "grade": 5, "reason": ""}', "the judge's reply: the key 'grade' appears twice"),
        ('{"grade": NaN, "reason": ""}', "the judge's reply: NaN is not JSON"),
        ('Grade: {"grade": 5, "reason": ""}', "the judge's reply: not JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"grade": 5, "reason": ""} done', "the judge's reply: not JSON: Extra data: line 1 column 28 (char 27)"),
        ('```json\n{"grade": 5, "reason": ""}\n```', "the judge's reply: not JSON: Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_reply_without_one_clear_grade__is_unscorable_and_never_0(reply: str, note: str) -> None:
    assert read_grade(reply) == Score(None, note)


@pytest.mark.parametrize(
    ("reply", "preference"),
    [
        ('{"better": "first"}', "first"),
        ('{"better": "second", "reason": "clearer"}', "second"),
        ('{"reason": "", "better": "tie"}', "tie"),
        ('{"better": "First"}', None),
        ('{"better": "both"}', None),
        ('{"better": null}', None),
        ('{"better": ["first"]}', None),
        ('{"better": 1}', None),
        ('{"better": "first", "reason": 1}', None),
        ('{"better": "first", "worse": "second"}', None),
        ('{"better": "first", "better": "second"}', None),
        ('"first"', None),
        ("first", None),
        (":", None),
        ("", None),
        ('{"better": "first"} I think', None),
    ],
)
def test_preference__is_one_of_three_words_or_nothing(reply: str, preference: str | None) -> None:
    assert read_preference(reply) == preference


REPLIES = st.text() | st.lists(
    st.sampled_from(['{"grade": ', '"reason": ""', '"better": "tie"', "5", "1", ", ", "}", "{", ".0", "\ud800", "NaN"])
).map("".join)


@given(reply=REPLIES)
def test_any_reply__is_read_and_gives_nothing_or_a_share(reply: str) -> None:
    value, note = read_grade(reply)
    assert note if value is None else 0 <= value <= 1
    assert read_preference(reply) in ("first", "second", "tie", None)


@pytest.mark.parametrize("reply", ["[" * 100_000, '{"grade": ' + "9" * 5000 + ', "reason": ""}', "x" * 1_000_000])
def test_monstrous_reply__says_nothing(reply: str) -> None:
    assert read_grade(reply).value is None
    assert read_preference(reply) is None
