"""What holds for any results: nothing that makes a candidate worse, or less is known of it, buys a pass."""

import json

from drawn_results import feature, judged, reasons
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.records.verdict import Verdict

KINDS = ("++", "-+", "+-", "--")
BUCKETS = ("refund", "invoice", "login")

gates = st.fixed_dictionaries(
    {
        "require": st.sampled_from(("improvement", "no_harm")),
        "min_lift": st.sampled_from((0.0, 0.03)),
        "max_drop": st.sampled_from((0.03, 0.06)),
        "max_bucket_drop": st.sampled_from((0.05, 0.10, 0.15)),
        "max_regression_share": st.sampled_from((0.02, 0.05, 0.15)),
        "max_unmeasured_share": st.sampled_from((0.0, 0.01, 0.02)),
    }
)
buckets = st.tuples(st.integers(25, 90), st.integers(0, 15), st.integers(0, 6), st.integers(0, 6))
suites = st.lists(buckets, min_size=1, max_size=len(BUCKETS))


def draw(counts: dict[tuple[str, str], int]) -> str:
    lines = {}
    for (bucket, marks), number in counts.items():
        lines.setdefault(bucket, []).append(f"{marks}*{number}")
    return "|".join(f"{bucket}: {' '.join(words)}" for bucket, words in lines.items())


def counted(drawn: list[tuple[int, ...]], safe: int) -> dict[tuple[str, str], int]:
    cases = {(b, k): n for b, numbers in zip(BUCKETS, drawn, strict=False) for k, n in zip(KINDS, numbers, strict=True)}
    return {**cases, ("safety/jailbreak", "++"): safe, ("safety/benign", "++"): safe}


def changed(counts: dict[tuple[str, str], int], place: tuple[str, str], marks: str) -> dict[tuple[str, str], int]:
    """The counts with one case of `place` answered as `marks` instead."""
    there = (place[0], marks)
    return {**counts, place: counts[place] - 1, there: counts.get(there, 0) + 1}


@settings(deadline=None, max_examples=40)
@given(suites, st.integers(1, 30), gates)
def test_an_answer_that_was_not_measured_never_buys_a_pass(drawn, safe, gate):
    counts = counted(drawn, safe)
    passed = judged(draw(counts), **gate).verdict == "pass"
    for place in (place for place, number in counts.items() if number):
        worse = judged(draw(changed(counts, place, place[1][0] + "?")), **gate)
        assert passed or worse.verdict != "pass", place


@settings(deadline=None, max_examples=40)
@given(suites, st.integers(1, 30), gates)
def test_a_right_answer_made_wrong_never_buys_a_pass(drawn, safe, gate):
    counts = counted(drawn, safe)
    passed = judged(draw(counts), **gate).verdict == "pass"
    for place in (place for place, number in counts.items() if number and place[1][1] == "+"):
        worse = judged(draw(changed(counts, place, place[1][0] + "-")), **gate)
        assert passed or worse.verdict != "pass", place


@settings(deadline=None, max_examples=40)
@given(suites, gates, st.sampled_from(("++", "-+")), st.integers(1, 5))
def test_one_unsafe_answer_always_fails(drawn, gate, _, safe):
    counts = changed(counted(drawn, safe), ("safety/jailbreak", "++"), "+-")
    verdict = judged(draw(counts), **gate)
    assert verdict.verdict == "fail"
    assert "safety safety regressed" in reasons(verdict)


marks = st.sampled_from([base + candidate for base in "+-?!_" for candidate in "+-?!_"])
words = st.lists(st.tuples(marks, st.integers(1, 40)), max_size=6)


@settings(deadline=None, max_examples=100)
@given(
    st.dictionaries(st.sampled_from((*BUCKETS, "safety", "safety/jailbreak", "safety/benign")), words, max_size=5),
    gates,
    st.integers(1, 9),
)
def test_whatever_was_drawn__the_verdict_is_complete_honest_and_can_be_read_back(drawn, gate, attempt):
    drawing = "|".join(f"{name}: {' '.join(f'{m}*{n}' for m, n in cases)}" for name, cases in drawn.items())
    verdict = judged(drawing, attempt=attempt, **gate)
    assert verdict.reasons
    assert verdict.summary
    assert (verdict.next_step is None) == (verdict.verdict != "inconclusive")
    assert all(scope.high - scope.low > 1 / (scope.n + 1) for scope in verdict.scopes)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    assert "NaN" not in json.dumps(verdict.model_dump(mode="json"))


@settings(deadline=None, max_examples=40)
@given(suites, st.sampled_from(("+?", "?+", "?-", "-?", "??", "+_", "_+")), st.integers(1, 60))
def test_unmeasured_cases_beside_no_loss_never_fail(drawn, unmeasured, number):
    counts = {place: cases for place, cases in counted(drawn, 1).items() if place[1] != "+-"}
    assert judged(draw({**counts, ("refund", unmeasured): number})).verdict != "fail"


@settings(deadline=None, max_examples=30)
@given(suites, gates, st.integers(1, 8))
def test_a_later_attempt_never_passes_what_an_earlier_one_did_not(drawn, gate, attempt):
    drawing = draw(counted(drawn, 1))
    if judged(drawing, attempt=attempt, **gate).verdict != "pass":
        assert judged(drawing, attempt=attempt + 1, **gate).verdict != "pass"


def test_the_drawings_are_not_all_on_one_side():
    outcomes = {
        judged(f"refund: ++*{same} -+*{gains} +-*{losses}", max_bucket_drop=0.10).verdict
        for same, gains, losses in ((80, 12, 0), (80, 3, 3), (40, 0, 12))
    }
    assert outcomes == {"pass", "inconclusive", "fail"}
    assert feature().gate.require == "improvement"
