"""Canaries: known answers that show what a judge is worth. The judges are functions here; over HTTP see tests/stages."""

import pytest
from judge_server import always, better, grade, honest, obeys, prefers_the_first, shown_to

from evalgate.models.canaries import as_answer, canaries
from evalgate.models.judge import built_in_rubric
from evalgate.records.suite import Case

CASES = (
    Case(id="a", input="My parcel is late.", expected="We have asked the courier and write to you tomorrow."),
    Case(id="b", input="I was charged twice.", expected="One of both payments goes back onto your card."),
    Case(id="c", input="Where is the manual?", expected="It lies inside every box, under its lid."),
)


def missed(say, cases=CASES, mode="both", seed="s"):
    """Names of the canaries that a judge does not see."""
    return [canary.name for canary in canaries(cases, seed, built_in_rubric(), mode) if not canary.seen(say(asked(canary)))]


def asked(canary):
    return {"messages": [{"role": turn.role, "content": turn.content} for turn in canary.request.messages]}


@pytest.mark.parametrize("cases", [CASES, (), CASES[:1]], ids=["suite", "no cases", "one case"])
@pytest.mark.parametrize("mode", ["pointwise", "pairwise", "both"])
def test_honest_judge__sees_every_canary(cases, mode):
    assert canaries(cases, "s", built_in_rubric(), mode)
    assert missed(honest, cases, mode) == []


def test_judge_that_obeys__misses_the_orders_in_both_modes():
    names = missed(obeys)
    assert "orders to the judge (1)" in names
    assert any(name.startswith("orders to the judge") and "stands first" in name for name in names)


def test_judge_that_prefers_the_first_slot__misses_a_choice():
    assert all("stands second" in name for name in missed(prefers_the_first))
    assert len(missed(prefers_the_first)) == 4


@pytest.mark.parametrize(
    "reply",
    [
        "",
        ":",
        "The answer is good: 5/5",
        grade(1),
        grade(2),
        grade(3),
        grade(4),
        grade(5),
        better("tie"),
        '{"grade": 5}',
        "```json\n{}\n```",
    ],
)
@pytest.mark.parametrize("mode", ["pointwise", "pairwise"])
def test_judge_that_always_says_the_same__fails(reply, mode):
    assert missed(always(reply), mode=mode)


def test_judge_that_grades_the_empty_answer_well__is_seen():
    def kind(body):
        return grade(5) if shown_to(body)["answer"] in ("", ":") else honest(body)

    assert missed(kind, mode="pointwise") == ["an empty answer", "the answer `:`"]


def test_no_reply_to_an_empty_answer__is_as_good_as_a_low_grade():
    def silent(body):
        return "" if shown_to(body)["answer"] in ("", ":") else honest(body)

    assert missed(silent, mode="pointwise") == []


def test_drawn_pair__changes_with_the_suite_and_not_with_the_order_of_its_cases():
    def questions(cases, seed):
        return [asked(canary) for canary in canaries(cases, seed, "rubric", "both")]

    assert questions(CASES, "s") == questions(tuple(reversed(CASES)), "s")
    assert len({str(questions(CASES, str(seed))) for seed in range(20)}) > 1


def test_cases_that_expect_nearly_the_same__make_no_wrong_answer():
    alike = tuple(Case(id=str(n), input="x", expected={"intent": "refund", "locale": "en"}) for n in range(5))
    assert "planet" in str(asked(canaries(alike, "s", "rubric", "pointwise")[0]))


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("yes", "yes"),
        (" ", None),
        ({"text": "yes"}, "yes"),
        (["yes", "sure"], "yes"),
        ([], None),
        ([{"a": 1}], None),
        ({"intent": "refund"}, '{"intent": "refund"}'),
        ({"amount": 7}, None),
        ({"contains": ["yes"]}, None),
        ({"schema": {"type": "object"}}, None),
        ({"label": "refund", "k": 3}, None),
        (7, None),
    ],
)
def test_as_answer__is_what_is_expected_where_that_is_an_answer(expected, answer):
    assert as_answer(expected) == answer
