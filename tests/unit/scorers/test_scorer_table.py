"""The table of scorers: names, digests, and what holds for all of them."""

import re
import subprocess
import sys
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from evalgate.errors import PolicyError
from evalgate.records.policy import SCORER_NAMES, ScorerName
from evalgate.records.suite import Case
from evalgate.scorers import JUDGED, SCORERS, expectation_problems, scorer_digests, scorers_for
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
    "json_schema": {"schema": RECURSIVE},
    "fields": {"intent": "a", "sure": None, "parts": [{"n": 1}, {"n": 2}]},
    "fuzzy": "a here",
    "rouge": ["a", "you can help with that"],
    "top_k": {"label": "intent", "k": 2},
    "tool_calls": {"tool_calls": [{"name": "a", "arguments": {}}]},
}
MADE = {schema is None: scorers_for(SCORERS, schema) for schema in (None, RECURSIVE)}
"""Made once: the first to make them loads the libraries."""
UNCHECKED = ("empty answer", "schema and answer nest too deep to check")
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
    *(
        '{"tool_calls": [',
        '{"name": "a", "arguments": {}}',
        '{"intent": ',
        "0.5",
        "1e999",
        "NaN",
        "]}",
        "退款",
        "e\u0301",
        '{"n": 1}',
    ),
)
ANSWER_LIKE = st.lists(st.sampled_from(PIECES)).map("".join)


def test_scorers__are_exactly_those_that_a_policy_may_name() -> None:
    allowed = TypeAdapter(ScorerName)
    names = [*SCORERS, JUDGED, "python:scorers/own.py:score"]
    assert [allowed.validate_python(name) for name in names] == names
    assert {*SCORERS, JUDGED} == set(SCORER_NAMES)


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
        assert value is not None or output.strip() == "" or note in UNCHECKED
        assert (value, note) == scorer(Case(id="c", input="q", expected=EXPECTED[name]), output)


@given(
    expected=st.recursive(
        st.text() | st.integers() | st.booleans() | st.floats(), lambda i: st.lists(i) | st.dictionaries(st.text(), i)
    )
)
def test_any_expectation__is_scored_or_named_unusable(expected: Any) -> None:
    case = Case(id="c", input="q", expected=expected)
    for name, scorer in MADE[True].items():
        assert (scorer(case, "a").value is None) == bool(expectation_problems([name], case))


@pytest.mark.parametrize(
    "output",
    [
        *(
            "[" * 100_000,
            "[" * 200 + "]" * 200,
            '{"a":' * 200 + "1" + "}" * 200,
            "i can't " * 10_000,
            "but try " * 10_000,
            "9" * 9999,
        ),
        *("NaN", '{"intent": NaN}', '{"intent": 1e999}', "\ud800", '["\\ud800"]', "x" * 1_000_000, "[" + "1," * 300_000 + "1]"),
    ],
    ids=lambda output: ascii(output[:10]),
)
def test_no_scorer__is_brought_down_by_a_monstrous_answer(output: str) -> None:
    for name, scorer in MADE[False].items():
        value = scorer(Case(id="c", input="q", expected=EXPECTED[name]), output).value
        assert value is None or 0.0 <= value <= 1.0


def test_digests__are_sha256_of_their_own_and_the_same_again() -> None:
    digests = scorer_digests([*SCORERS, JUDGED], SCHEMA)
    assert list(digests) == [*SCORERS, JUDGED]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests.values())
    assert len(set(digests.values())) == len(digests)
    assert digests == scorer_digests([*SCORERS, JUDGED], dict(reversed(SCHEMA.items())))


def test_digests__change_with_the_schema() -> None:
    assert not set(scorer_digests(SCORERS, SCHEMA).values()) & set(scorer_digests(SCORERS, None).values())


def test_digests__cover_every_module_that_scores() -> None:
    files = {file.name.removesuffix(".py") for file in resources.files("evalgate.scorers").iterdir() if file.name.endswith(".py")}
    names = (*SCORERS, JUDGED, "python:own.py:score")
    assert files - {module for name in names for module in modules_of(name)} == {"__init__", "digests"}


@pytest.mark.parametrize("name", [*SCORERS, JUDGED, "python:own.py:score"])
def test_digests__cover_what_a_covered_module_imports(name: str) -> None:
    for module in modules_of(name):
        source = resources.files("evalgate.scorers").joinpath(f"{module}.py").read_text(encoding="utf-8")
        assert set(re.findall(r"from evalgate\.scorers\.(\w+) import", source)) <= set(modules_of(name))


def test_judge__has_a_digest_and_takes_any_expectation_and_is_scored_elsewhere() -> None:
    assert scorers_for([JUDGED, "regex", JUDGED], None).keys() == {"regex"}
    assert scorer_digests([JUDGED], None).keys() == {JUDGED}
    assert expectation_problems([JUDGED], Case(id="c", input="q", expected=1)) == []


def test_heavy_libraries__are_not_loaded_before_a_scorer_needs_them() -> None:
    heavy = "{'rapidfuzz', 'rouge_score', 'nltk', 'absl', 'numpy', 'jsonschema', 'referencing'}"
    program = f"import sys, evalgate.scorers; print(*{heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
