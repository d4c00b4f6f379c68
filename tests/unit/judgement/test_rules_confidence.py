"""Calibration and ranking: a proven rise of the error fails, and a number that an answer lacks is not taken for 0."""

import json

import numpy as np
import pytest
from drawn_results import BETTER, both, decided, each, policy_of, reasons, saying, states, suite_with
from pydantic import ValidationError

from evalgate.records.evaluation import CaseResult


def confident(base, candidate, drawing=BETTER, asked=True, **calibration):
    sides = [
        each(side, lambda number, case, says=says: {"confidence": says(number, case)})
        for side, says in zip(both(drawing), (base, candidate), strict=True)
    ]
    return decided(tuple(sides), policy_of({"calibration": calibration} if asked else {}))


def honest(_, case):
    return 0.9 if case.scores.get("exact_json") else 0.1


def boasting(_, case):
    return 0.3 if case.scores.get("exact_json") else 0.9


class TestCalibration:
    def test_without_the_key_the_rule_never_appears(self):
        comparison, verdict = confident(honest, boasting, asked=False)
        assert (comparison.confidences, states(verdict, "calibration"), verdict.verdict) == (None, {}, "pass")

    def test_as_honest_as_base_is_fine(self):
        _, verdict = confident(honest, honest)
        assert (verdict.verdict, states(verdict, "calibration")) == ("pass", {"overall": "within"})

    def test_a_proven_rise_fails(self):
        _, verdict = confident(honest, boasting)
        assert (verdict.verdict, reasons(verdict)) == ("fail", ["calibration overall beyond the limit"])

    def test_a_rise_that_is_not_proven_blocks(self):
        _, verdict = confident(lambda *_: 0.95, lambda *_: 0.88, "refund: ++*20")
        assert states(verdict, "calibration") == {"overall": "beyond the limit, not proven"}
        assert verdict.verdict == "inconclusive"

    @pytest.mark.parametrize("lacking", [lambda n, _: None, lambda n, _: None if n == 3 else 0.5])
    def test_a_case_that_does_not_say_makes_it_not_measured(self, lacking):
        comparison, verdict = confident(honest, lacking)
        assert (comparison.confidences, states(verdict, "calibration")) == (None, {"overall": "not measured"})
        assert verdict.verdict == "pass"
        assert confident(honest, lacking, required=True)[1].verdict == "inconclusive"

    def test_nine_cases_show_nothing(self):
        _, verdict = confident(honest, boasting, "refund: -+*9")
        assert states(verdict, "calibration") == {"overall": "not measured"}

    @pytest.mark.full
    def test_nothing_changed__fails_in_at_most_five_of_a_hundred(self):
        def told(side, said, right):
            return each(side, lambda n, _: {"confidence": float(said[n]), "scores": {"exact_json": float(right[n])}})

        draw, runs, failed = np.random.default_rng(2), 60, 0
        for _ in range(runs):
            said = draw.uniform(0.3, 1.0, size=(2, 200))
            right = draw.uniform(size=(2, 200)) < said
            sides = [told(side, *row) for side, row in zip(both("refund: ++*200"), zip(said, right, strict=True), strict=True)]
            verdict = decided(tuple(sides), policy_of({"calibration": {}, "max_bucket_drop": 0.9}))[1]
            failed += states(verdict, "calibration") == {"overall": "beyond the limit"}
        assert failed / runs <= 0.05

    @pytest.mark.parametrize("odd", [float("nan"), float("inf"), -0.1, 1.1])
    def test_a_confidence_that_is_no_share_is_refused(self, odd):
        with pytest.raises(ValidationError):
            CaseResult(case_id="a", status="errored", confidence=odd)


def label(number):
    return "spam" if number % 4 == 0 else "ham"


def scored(sure):
    """Answers as scores by label; the right one gets `sure(number)`."""

    def said(number):
        right = sure(number)
        return json.dumps({"spam": right, "ham": 1 - right} if label(number) == "spam" else {"spam": 1 - right, "ham": right})

    return said


def ranked(base, candidate, asked=True, expected=label, suites=True):
    sides = saying(both(BETTER), base, candidate)
    policy = policy_of({"auc": {"positive": "spam"}} if asked else {})
    return decided(sides, policy, suites=(suite_with(sides[0], expected),) if suites else ())


def sure(number):
    return 0.6 + 0.3 * (number % 7) / 7


class TestRanking:
    def test_without_the_key_the_rule_never_appears(self):
        comparison, verdict = ranked(scored(sure), scored(lambda n: 0.1), asked=False)
        assert (comparison.ranking, states(verdict, "auc"), verdict.verdict) == (None, {}, "pass")

    def test_as_good_a_ranking_is_fine(self):
        _, verdict = ranked(scored(sure), scored(sure))
        assert (verdict.verdict, states(verdict, "auc")) == ("pass", {"overall": "within"})

    def test_a_proven_fall_fails(self):
        _, verdict = ranked(scored(sure), scored(lambda n: 0.2 if n % 3 == 0 else sure(n)))
        assert (verdict.verdict, reasons(verdict)) == ("fail", ["auc overall beyond the limit"])

    def test_a_fall_that_is_not_proven_blocks(self):
        _, verdict = ranked(scored(sure), scored(lambda n: 0.1 if n in (4, 8, 12, 16) else sure(n)))
        assert (verdict.verdict, states(verdict, "auc")) == ("inconclusive", {"overall": "beyond the limit, not proven"})

    @pytest.mark.parametrize("odd", ["spam", "{}", '{"ham": 0.2}', '{"spam": "high"}', '{"spam": 1e999}', '{"spam": NaN}'])
    def test_an_answer_without_a_number_for_the_label_makes_it_not_measured(self, odd):
        comparison, verdict = ranked(scored(sure), lambda n: odd if n == 5 else scored(sure)(n))
        assert comparison.ranking is None
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["auc overall not measured"])

    def test_a_missing_number_does_not_rank_above_negative_ones(self):
        def logs(number):
            return json.dumps({"spam": -9.0, "ham": -0.1} if label(number) == "ham" else {"ham": -0.1})

        assert ranked(logs, logs)[1].verdict == "inconclusive"

    def test_without_expectations_nothing_is_measured_and_nothing_passes(self):
        _, verdict = ranked(scored(sure), scored(sure), suites=False)
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["auc overall not measured"])

    def test_a_case_that_does_not_say_its_label_is_not_left_out(self):
        comparison, verdict = ranked(scored(sure), scored(sure), expected=lambda n: [1] if n == 2 else label(n))
        assert (comparison.ranking, verdict.verdict) == (None, "inconclusive")

    def test_a_label_that_no_case_has_is_not_measured(self):
        assert ranked(scored(sure), scored(sure), expected=lambda _: "ham")[1].verdict == "inconclusive"
