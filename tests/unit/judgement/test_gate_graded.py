"""Scores between 0 and 1: judged as they are, seeded, never of zero width, and no worse answer buys a pass."""

import json

import numpy as np
import pytest
from drawn_results import both, decided, each, judged, policy_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evalgate.errors import DatasetError, PolicyError
from evalgate.policy import parse
from evalgate.records.comparison import Comparison, Graded
from evalgate.records.evaluation import CaseResult, Timing
from evalgate.records.gate_policy import GatePolicy
from evalgate.results import parse as parse_results

RANK = ("fail", "inconclusive", "pass")


def graded(base, candidate, clusters=None, **gate):
    """Comparison and verdict of one bucket in which case n is scored `base[n]` and `candidate[n]`; None: errored."""

    def scored(side, scores):
        def change(number, _):
            gone = {"status": "errored", "scores": {}}
            return gone if scores[number] is None else {"scores": {"exact_json": float(scores[number])}}

        return each(side, change)

    sides = both(f"refund: ++*{len(base)}", clusters)
    return decided((scored(sides[0], base), scored(sides[1], candidate)), policy_of(gate))


class TestGraded:
    def test_a_proven_rise_passes_though_no_answer_became_right(self):
        comparison, verdict = graded([0.5] * 200, [0.6] * 200)
        assert (verdict.verdict, verdict.scopes[0].state, comparison.overall.gains) == ("pass", "improved", 0)
        assert verdict.scopes[0].lift == pytest.approx(0.1)

    def test_a_proven_drop_fails_though_no_answer_became_wrong(self):
        comparison, verdict = graded([0.9] * 200, [0.6] * 200)
        assert (verdict.verdict, verdict.scopes[0].state, comparison.overall.losses) == ("fail", "harmed", 0)

    def test_a_proven_tie_is_enough_where_no_harm_is(self):
        scores = [0.5, 0.7] * 150
        assert [graded(scores, scores, require=need)[1].verdict for need in ("no_harm", "improvement")] == [
            "pass",
            "inconclusive",
        ]

    def test_a_drop_inside_the_margin_is_held(self):
        _, verdict = graded([0.50] * 400, [0.49] * 400, require="no_harm")
        assert (verdict.verdict, verdict.scopes[1].state) == ("pass", "held")

    def test_the_least_lift_is_compared_as_it_was_written(self):
        assert [graded([0.5] * 300, [score] * 300)[1].verdict for score in (0.53, 0.5299)] == ["pass", "inconclusive"]

    def test_one_score_between_makes_its_suite_graded(self):
        comparison, verdict = graded([0.5, *[1.0] * 199], [1.0] * 200)
        assert comparison.overall.graded is not None
        assert verdict.scopes[0].base == pytest.approx(0.9975)

    @pytest.mark.parametrize("n", [1, 2, 10])
    def test_few_cases_prove_little_and_no_interval_is_of_zero_width(self, n):
        for base, candidate in ((0.5, 0.5), (0.5, 0.54), (0.9, 0.88)):
            _, verdict = graded([base] * n, [candidate] * n, max_bucket_drop=0.02, require="no_harm")
            assert verdict.verdict == "inconclusive"
            assert all(scope.high - scope.low > 0.05 for scope in verdict.scopes)

    def test_unmeasured_cases_never_pass_and_never_fail(self):
        assert graded([0.5] * 200, [0.9] * 199 + [None])[1].verdict == "inconclusive"
        assert graded([0.5] * 200, [0.5] * 100 + [None] * 100)[1].verdict == "inconclusive"
        assert graded([0.6] * 200, [0.5] * 20 + [None] * 180)[1].verdict == "inconclusive"

    def test_few_unmeasured_cases_must_leave_the_verdict_standing(self):
        allowed = {"max_unmeasured_share": 0.02}
        assert graded([0.5] * 400, [0.9, 0.8] * 199 + [None] * 2, **allowed)[1].verdict == "pass"
        assert graded([0.5] * 400, [0.54] * 392 + [None] * 8, **allowed)[1].verdict == "inconclusive"

    def test_paraphrases_prove_less_than_as_many_questions(self):
        draw = np.random.default_rng(1)
        lifts = np.repeat(draw.normal(0.04, 0.2, 25), 8)
        base, candidate = [0.5] * 200, [float(np.clip(0.5 + lift, 0, 1)) for lift in lifts]
        alone, together = graded(base, candidate)[1].scopes[0], graded(base, candidate, clusters=8)[1].scopes[0]
        assert together.high - together.low > 1.5 * (alone.high - alone.low)

    def test_the_resampling_is_seeded(self):
        draw = np.random.default_rng(2)
        base, candidate = ([float(value) for value in draw.uniform(size=60)] for _ in range(2))
        first = [one.model_dump_json() for one in graded(base, candidate)]
        np.random.seed(99)
        assert [one.model_dump_json() for one in graded(base, candidate)] == first

    def test_the_order_of_the_cases_changes_no_byte(self):
        draw = np.random.default_rng(3)
        base, candidate = both("refund: ++*40 | invoice: ++*40", 3)
        scores = draw.uniform(size=(2, 80))
        sides = [
            each(side, lambda n, _, row=row: {"scores": {"exact_json": round(float(scores[row, n]), 2)}})
            for row, side in enumerate((base, candidate))
        ]
        backwards = [side.model_copy(update={"cases": side.cases[::-1]}) for side in sides]
        ours, theirs = (
            [one.model_dump_json(indent=2) for one in decided(tuple(told), policy_of())] for told in (sides, backwards)
        )
        assert ours == theirs

    def test_comparison_and_verdict_come_back_from_their_files(self):
        comparison, verdict = graded([0.5, 0.7, 1 / 3] * 30, [0.5, 0.1, 2 / 3] * 30)
        assert type(comparison).model_validate_json(comparison.model_dump_json()) == comparison
        assert type(verdict).model_validate_json(verdict.model_dump_json()) == verdict


drops = st.lists(
    st.tuples(st.sampled_from((0.25, 0.5, 0.75, 1.0)), st.sampled_from((0.0, 0.0, 0.0, 0.25, -0.25))), min_size=12, max_size=60
)


@settings(deadline=None, max_examples=25)
@given(drops, st.integers(1, 4), st.data())
def test_an_even_answer_made_a_loss__never_improves_the_outcome(cases, times, data):
    cases = cases * times
    even = [place for place, (_, lift) in enumerate(cases) if lift == 0]
    base = [score for score, _ in cases]
    candidate = [min(1.0, max(0.0, score + lift)) for score, lift in cases]
    if not even:
        return
    worse = list(candidate)
    worse[data.draw(st.sampled_from(even))] = 0.0
    gate = {"require": "no_harm", "max_bucket_drop": 0.10, "max_drop": 0.10}
    before, after = (RANK.index(graded(base, told, **gate)[1].verdict) for told in (candidate, worse))
    assert after <= before


counts = st.tuples(st.integers(0, 80), st.integers(0, 15), st.integers(0, 15), st.integers(0, 10))
gates = st.fixed_dictionaries(
    {
        "require": st.sampled_from(("improvement", "no_harm")),
        "max_drop": st.sampled_from((0.03, 0.10)),
        "max_bucket_drop": st.sampled_from((0.05, 0.15)),
        "max_regression_share": st.sampled_from((0.05, 0.15)),
    }
)


def drawn(buckets):
    names = ("refund", "invoice")
    marks = ("++", "-+", "+-", "--")
    return "|".join(
        f"{name}: {' '.join(f'{mark}*{n}' for mark, n in zip(marks, numbers, strict=True) if n)}"
        for name, numbers in zip(names, buckets, strict=False)
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(counts, min_size=1, max_size=2), gates, st.integers(1, 3))
@example([(60, 5, 0, 0)], {"require": "no_harm", "max_drop": 0.1, "max_bucket_drop": 0.15, "max_regression_share": 0.15}, 1)
def test_right_or_wrong__a_loss_more_or_in_place_of_a_tie_never_improves_the_outcome(buckets, gate, attempt):
    before = RANK.index(judged(drawn(buckets), attempt=attempt, **gate).verdict)
    same, gains, losses, wrong = buckets[0]
    added = [(same, gains, losses + 1, wrong), *buckets[1:]]
    assert RANK.index(judged(drawn(added), attempt=attempt, **gate).verdict) <= before
    if same:
        turned = [(same - 1, gains, losses + 1, wrong), *buckets[1:]]
        assert RANK.index(judged(drawn(turned), attempt=attempt, **gate).verdict) <= before


class TestNotANumber:
    @pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
    @pytest.mark.parametrize("field", ["latency_ms", "cost", "confidence"])
    def test_a_result_refuses_it(self, field, odd):
        with pytest.raises(ValidationError):
            CaseResult(case_id="a", status="errored", **{field: odd})
        with pytest.raises(ValidationError):
            CaseResult(case_id="a", status="scored", scores={"exact_json": odd})

    @pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
    def test_a_results_file_refuses_it(self, word):
        header = '{"record": "header", "schema": 1, "feature": "f", "variant": "base"}'
        for field in ('"scores": {"exact_json": %s}', '"scores": {"exact_json": 1.0}, "cost": %s'):
            line = '{"case_id": "a", "status": "scored", ' + field % word + "}"
            with pytest.raises(DatasetError):
                parse_results(f"{header}\n{line}\n".encode(), "r.jsonl")

    @pytest.mark.parametrize("odd", [float("nan"), float("inf")])
    def test_a_policy_a_probe_and_a_comparison_refuse_it(self, odd):
        for key in ("min_lift", "max_drop", "max_bucket_drop", "confidence", "max_regression_share"):
            with pytest.raises(ValidationError):
                GatePolicy(**{key: odd})
        with pytest.raises(ValidationError):
            GatePolicy.model_validate({"latency_p95": {"fail_above": odd}})
        with pytest.raises(ValidationError):
            Timing(case_id="a", base_ms=odd, candidate_ms=1.0)
        with pytest.raises(ValidationError):
            Graded(units=((odd, 1),), base=0.5, candidate=0.5)
        comparison, _ = graded([0.5] * 5, [0.5] * 5)
        for field, value in (("timings", [[1.0, odd]]), ("costs", [[odd, 1.0]]), ("ranking", [[True, odd, 0.5]])):
            told = {**comparison.model_dump(mode="json"), field: value}
            with pytest.raises(ValidationError):
                Comparison.model_validate_json(json.dumps(told))

    @pytest.mark.parametrize("word", [".nan", ".inf", "-.inf", "nan", "1e999"])
    def test_a_policy_file_refuses_it(self, word):
        with pytest.raises(PolicyError):
            parse(f"version: 1\nfeatures:\n  f:\n    gate:\n      min_lift: {word}\n".encode(), "evalgate.yaml")
