"""The table of scorers: names, digests, and what holds for all of them."""

import re
from importlib import resources
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.errors import PolicyError
from evalgate.records.policy import ScorerName
from evalgate.records.suite import Case
from evalgate.scorers import SCORERS, expectation_problems, scorer_digests, scorers_for
from evalgate.scorers.digests import modules_of

SCHEMA = {"type": "object", "properties": {"intent": {"enum": ["a", "b"]}}, "additionalProperties": False}
RECURSIVE = {"type": ["array", "object"], "items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}}
EXPECTED: dict[str, Any] = {
    "exact_json": {"intent": "a"},
    "exact_text": "a",
    "contains": ["a"],
    "regex": "a+",
    "json_valid": "-",
    "refusal": {"refuse": True, "forbidden": ["APPROVED"]},
}
PIECES = (
    *(
        "I can't",
        " help",
        " with that",
        ". ",
        "\n",
        "but ",
        "here is how",
        "1. ",
        "no puedo ",
        "ayudarte",
        "If ",
        "you can ",
    ),
    *("{", "}", "[", "]", '"', ":", ",", '"intent"', '"a"', "null", "\\u0041", "\ud800", "\u200b", "sure", "```"),
)
ANSWER_LIKE = st.lists(st.sampled_from(PIECES)).map("".join)


def test_scorers__are_exactly_those_that_a_policy_may_name() -> None:
    assert tuple(SCORERS) == get_args(ScorerName)


def test_scorers_for__keeps_the_order_given_and_drops_repeats() -> None:
    assert list(scorers_for(["regex", "contains", "regex"], None)) == ["regex", "contains"]


@pytest.mark.parametrize("of", [scorers_for, scorer_digests])
def test_unknown_name__is_refused_with_all_that_there_are(of: Any) -> None:
    with pytest.raises(PolicyError) as refused:
        of(["exact", "refusal", "vibes"], None)
    assert [re.findall("'(.*)'", problem) for problem in refused.value.problems] == [["exact"], ["vibes"]]
    with pytest.raises(PolicyError, match="exact_json"):
        expectation_problems(["exact"], Case(id="c", input="q", expected=1))


@pytest.mark.parametrize("schema", [None, SCHEMA, RECURSIVE])
@given(output=st.text() | ANSWER_LIKE)
def test_no_scorer__raises_or_leaves_the_unit_interval(schema: dict[str, Any] | None, output: str) -> None:
    for name, scorer in scorers_for(SCORERS, schema).items():
        value, note = scorer(Case(id="c", input="q", expected=EXPECTED[name]), output)
        assert note if value is None else 0.0 <= value <= 1.0
        assert value is not None or output.strip() == "" or note in ("empty answer", "schema and answer nest too deep to check")


@given(
    expected=st.recursive(
        st.text() | st.integers() | st.booleans() | st.floats(), lambda i: st.lists(i) | st.dictionaries(st.text(), i)
    )
)
def test_any_expectation__is_scored_or_named_unusable(expected: Any) -> None:
    case = Case(id="c", input="q", expected=expected)
    for name, scorer in scorers_for(SCORERS, None).items():
        assert (scorer(case, "a").value is None) == bool(expectation_problems([name], case))


@pytest.mark.parametrize("output", ["[" * 100_000, "[" * 200 + "]" * 200, "i can't " * 10_000, "but try " * 10_000, "9" * 9999])
def test_no_scorer__is_brought_down_by_a_monstrous_answer(output: str) -> None:
    for name, scorer in scorers_for(SCORERS, RECURSIVE).items():
        assert scorer(Case(id="c", input="q", expected=EXPECTED[name]), output).value in (0.0, 1.0, None)


def test_digests__are_sha256_of_their_own_and_the_same_again() -> None:
    digests = scorer_digests(SCORERS, SCHEMA)
    assert list(digests) == list(SCORERS)
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests.values())
    assert len(set(digests.values())) == len(SCORERS)
    assert digests == scorer_digests(SCORERS, dict(reversed(SCHEMA.items())))


def test_digests__change_with_the_schema() -> None:
    assert not set(scorer_digests(SCORERS, SCHEMA).values()) & set(scorer_digests(SCORERS, None).values())


def test_digests__cover_every_module_that_scores() -> None:
    files = {file.name.removesuffix(".py") for file in resources.files("evalgate.scorers").iterdir() if file.name.endswith(".py")}
    assert files - {module for name in SCORERS for module in modules_of(name)} == {"__init__", "digests"}
