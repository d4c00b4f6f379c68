"""Contenders: beaten, as good, unclear, not asked; in the way only where the policy says so."""

import pytest
from drawn_results import BETTER, both, decided, policy_of, results, states

from evalgate.judgement.compare import Beside

ONE = {"contenders": ({"name": "prompt-2", "kind": "prompt", "prompt": "p.md"},)}
BASE = "refund: +*200 -*60 | invoice: +*200 -*40"


def against(drawing, keys=ONE, told=True, **gate):
    """The verdict of BETTER where a contender answered as drawn."""
    beside = Beside(contenders={"prompt-2": results(drawing, "prompt-2")} if told else {})
    return decided(both(BETTER), policy_of(gate, **keys), beside=beside)[1]


def test_without_contenders__the_rule_never_appears():
    verdict = against(BASE, keys={})
    assert (states(verdict, "contenders"), verdict.contenders) == ({}, None)


@pytest.mark.parametrize(
    ("drawing", "state"),
    [
        (BASE, "beaten"),
        ("refund: +*260 | invoice: +*240", "as good"),
        ("refund: +*250 -*10 | invoice: +*240", "unclear"),
        ("refund: +*250 ?*10 | invoice: +*240", "not fully measured"),
        ("refund: ?*260 | invoice: ?*240", "not fully measured"),
    ],
)
def test_a_contender__stands_in_the_way_only_where_the_policy_says_so(drawing, state):
    verdict = against(drawing)
    assert (states(verdict, "contenders"), verdict.verdict) == ({"prompt-2": state}, "pass")
    strict = against(drawing, must_beat_contenders=True)
    assert strict.verdict == ("pass" if state == "beaten" else "inconclusive")


def test_a_contender_that_was_not_asked__is_not_beaten():
    assert states(against("", told=False), "contenders") == {"prompt-2": "not asked"}
    assert against("", told=False, must_beat_contenders=True).verdict == "inconclusive"


def test_a_contender_that_was_asked_another_suite__is_not_beaten():
    side = results(BASE, "prompt-2")
    other = side.model_copy(update={"header": side.header.model_copy(update={"suites": {"golden": "1" * 64}})})
    beside = Beside(contenders={"prompt-2": other})
    verdict = decided(both(BETTER), policy_of({"must_beat_contenders": True}, **ONE), beside=beside)[1]
    assert (verdict.verdict, states(verdict, "contenders")) == ("inconclusive", {"prompt-2": "not fully measured"})


def test_a_contender_that_is_better_than_the_candidate__never_fails_it():
    verdict = decided(
        both("refund: -+*60 --*100 ++*200"),
        policy_of(**ONE),
        beside=Beside(contenders={"prompt-2": results("refund: +*360", "prompt-2")}),
    )[1]
    assert (verdict.verdict, states(verdict, "contenders")) == ("pass", {"prompt-2": "as good"})
    assert "already reaches this" in str(verdict.contenders)


def test_each_contender__is_told_by_itself():
    keys = {"contenders": (*ONE["contenders"], {"name": "rag", "kind": "retrieval", "documents": "docs"})}
    assert states(against(BASE, keys=keys), "contenders") == {"prompt-2": "beaten", "rag": "not asked"}
