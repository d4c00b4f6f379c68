"""Waivers: dated, owned, narrow, shown; never for safety, for what is unknown, or for a protected bucket."""

import pytest
from drawn_results import BETTER, TIE, both, decided, policy_of, reasons, scoring
from pydantic import ValidationError

from evalgate.errors import PolicyError
from evalgate.policy import parse
from evalgate.records.gate_policy import NEVER_WAIVED, Waiver

TODAY = "2026-11-20"
WAIVER = {"owner": "ann", "reason": "the suite is being rewritten", "expires": "2026-11-30"}
HARMED = "refund: ++*60 +-*30 | invoice: ++*300 -+*200"
"""Overall improved, the bucket intent/refund harmed."""


def waived(*waivers, drawing=HARMED, today=TODAY, gate=None, sides=None):
    policy = policy_of(gate, waivers=tuple({**WAIVER, **waiver} for waiver in waivers))
    return decided(sides or both(drawing), policy, today=today)[1]


def test_a_waiver__takes_its_finding_out_of_the_way_and_shows_it():
    verdict = waived({"rule": "bucket", "scope": "intent/refund"})
    assert verdict.verdict == "pass"
    shown = [(w.rule, w.scope, w.state, w.owner, w.expires) for w in verdict.waived]
    assert shown == [("bucket", "intent/refund", "harmed", "ann", "2026-11-30")]
    assert verdict.today == TODAY


def test_a_waived_finding__is_no_reason_of_a_verdict_that_others_decide():
    verdict = waived({"rule": "bucket", "scope": "intent/refund"}, drawing=f"{HARMED} | login: ++*60 +-*30")
    assert (verdict.verdict, reasons(verdict)) == ("fail", ["bucket intent/login harmed"])
    assert [one.scope for one in verdict.waived] == ["intent/refund"]


@pytest.mark.parametrize(
    ("scope", "covers"),
    [
        ("intent/refund", True),
        ("*", True),
        ("intent/*", True),
        ("intent/ref??d", True),
        ("intent/invoice", False),
        ("refund", False),
        ("Intent/Refund", False),
        ("locale/*", False),
    ],
)
def test_a_scope__covers_what_it_names_or_matches_and_nothing_else(scope, covers):
    assert waived({"rule": "bucket", "scope": scope}).verdict == ("pass" if covers else "fail")


@pytest.mark.parametrize("rule", ["overall", "over_refusal", "json_valid", "f1"])
def test_a_waiver_for_another_rule__covers_nothing(rule):
    assert waived({"rule": rule}).verdict == "fail"


@pytest.mark.parametrize(
    ("today", "verdict"),
    [("2026-11-29", "pass"), ("2026-11-30", "pass"), ("2026-12-01", "fail"), ("2027-01-01", "fail"), (None, "fail")],
)
def test_a_waiver__counts_to_its_last_day_and_never_without_a_day(today, verdict):
    told = waived({"rule": "bucket"}, today=today)
    assert (told.verdict, bool(told.waived)) == (verdict, verdict == "pass")


def test_of_two_waivers__the_one_that_has_not_expired_counts():
    old, new = {"rule": "bucket", "expires": "2026-11-01", "owner": "old"}, {"rule": "bucket", "owner": "new"}
    assert [one.owner for one in waived(old, new).waived] == ["new"]


def test_a_waiver_for_what_is_fine__is_not_shown():
    verdict = waived({"rule": "bucket"}, {"rule": "overall"}, drawing=BETTER)
    assert (verdict.verdict, verdict.waived) == ("pass", ())


def test_what_is_only_unclear__can_be_waived_too():
    assert waived({"rule": "overall"}, drawing=TIE).verdict == "pass"


@pytest.mark.parametrize("rule", sorted(NEVER_WAIVED))
def test_a_floor__is_refused_by_the_policy_and_told_why(rule):
    with pytest.raises(ValidationError, match=NEVER_WAIVED[rule]):
        policy_of(waivers=({**WAIVER, "rule": rule},))
    entry = f"{{rule: {rule}, owner: a, reason: because I say so, expires: '2099-01-01'}}"
    text = f"version: 1\nfeatures:\n  f:\n    waivers:\n      - {entry}\n"
    with pytest.raises(PolicyError, match="cannot be waived"):
        parse(text.encode(), "evalgate.yaml")


@pytest.mark.parametrize(
    ("rule", "drawing", "gate", "verdict"),
    [
        ("safety", f"{BETTER} | safety/jailbreak: +- ++*99", {}, "fail"),
        ("safety", f"{BETTER} | safety/jailbreak: +? ++*99", {}, "inconclusive"),
        ("measured", f"{BETTER} +?", {}, "inconclusive"),
        ("protected_bucket", HARMED, {"protected": ("intent/refund",)}, "fail"),
    ],
)
def test_a_floor__holds_even_where_a_record_was_made_past_the_policys_check(rule, drawing, gate, verdict):
    smuggled = tuple(Waiver.model_construct(scope="*", **{**WAIVER, "rule": name}) for name in (rule, "bucket", "overall"))
    policy = policy_of(gate).model_copy(update={"waivers": smuggled})
    assert decided(both(drawing), policy, today=TODAY)[1].verdict == verdict


def test_a_protected_bucket__is_not_excused_by_a_waiver_for_buckets():
    assert waived({"rule": "bucket"}, gate={"protected": ("intent/refund",)}).verdict == "fail"


def test_a_bucket_that_was_not_measured__is_not_excused():
    verdict = waived({"rule": "bucket"}, drawing=f"{BETTER} | login: +?*5", gate={"max_unmeasured_share": 0.02})
    assert verdict.verdict == "inconclusive"


def test_a_waived_format__excuses_the_format_alone():
    sides = scoring(both(HARMED), "json_valid", lambda _: 1.0, lambda n: float(n > 60))
    assert reasons(waived({"rule": "json_valid"}, sides=sides)) == ["bucket intent/refund harmed"]


@pytest.mark.parametrize("more", [{"expires": "2026-02-30"}, {"expires": "30.11.2026"}, {"owner": ""}, {"reason": "ok"}])
def test_a_waiver_without_a_day_an_owner_or_a_reason__is_refused(more):
    with pytest.raises(ValidationError):
        policy_of(waivers=({**WAIVER, "rule": "bucket", **more},))


@pytest.mark.parametrize("without", ["owner", "reason", "expires", "rule"])
def test_a_waiver__says_all_of_it(without):
    said = {key: value for key, value in {**WAIVER, "rule": "bucket"}.items() if key != without}
    with pytest.raises(ValidationError):
        policy_of(waivers=(said,))
