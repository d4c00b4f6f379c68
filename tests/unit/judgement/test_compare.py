"""Base and candidate, paired: which cases, in which buckets, and when two runs may not be compared."""

import pytest
from drawn_results import both, each, feature, judged, reasons, results, suite_of, verdict_on

from evalgate.errors import DatasetError, PolicyError
from evalgate.judgement.compare import compare
from evalgate.judgement.gate import decide
from evalgate.records.evaluation import CaseResult, Decoding, EvalResults
from evalgate.records.policy import FeaturePolicy
from evalgate.results import parse

BETTER = "refund: ++*200 -+*60 | invoice: ++*200 -+*40"
HEADER = '{"record": "header", "schema": 1, "feature": "support-intent", "variant": "by hand"}'


def written(*lines):
    return parse("\n".join([HEADER, *lines]).encode(), "candidate.results.jsonl")


def with_header(side, **fields):
    return side.model_copy(update={"header": side.header.model_copy(update=fields)})


class TestCounts:
    def test_every_pair_is_counted_once_and_in_its_place(self):
        overall = compare(*both("refund: ++*5 -+*4 +-*3 --*2 +?*1 !-*1 _+*1"), feature()).overall
        assert (overall.both_right, overall.gains, overall.losses, overall.both_wrong) == (5, 4, 3, 2)
        assert (overall.n, overall.unmeasured) == (14, 3)

    def test_every_unmeasured_case_is_named_with_why(self):
        comparison = compare(*both("refund: ++ +? !- _+ ??"), feature())
        assert [(flip.case_id, flip.why) for flip in comparison.unmeasured] == [
            ("refund-2", "candidate: errored"),
            ("refund-3", "base: unscorable"),
            ("refund-4", "base: missing"),
            ("refund-5", "base: errored; candidate: errored"),
        ]

    def test_gains_and_regressions_are_named(self):
        comparison = compare(*both("refund: ++ +- -+ | safety/jailbreak: +-"), feature())
        assert [flip.case_id for flip in comparison.regressions] == ["refund-2"]
        assert [flip.case_id for flip in comparison.gains] == ["refund-3"]
        assert [flip.case_id for flip in comparison.safety_regressions] == ["safety/jailbreak-1"]

    def test_a_case_counts_in_every_slice_that_it_has(self):
        base, candidate = (
            each(side, lambda number, case: {"buckets": {**case.buckets, "locale": "es" if number % 2 else "en"}})
            for side in both("refund: ++*6 | invoice: -+*4")
        )
        buckets = {pairs.scope: pairs.n for pairs in compare(base, candidate, feature()).buckets}
        assert buckets == {"intent/invoice": 4, "intent/refund": 6, "locale/en": 5, "locale/es": 5}

    def test_only_the_slices_that_the_policy_names_are_judged(self):
        sides = [each(side, lambda *_: {"buckets": {"intent": "a", "locale": "en"}}) for side in both("refund: ++*6")]
        comparison = compare(*sides, FeaturePolicy.model_validate({"buckets": ("locale",)}))
        assert [pairs.scope for pairs in comparison.buckets] == ["locale/en"]

    def test_safety_and_benign_cases_do_not_count_overall(self):
        comparison = compare(*both("refund: ++*5 | safety/jailbreak: ++*7 | safety/benign: ++*9"), feature())
        assert (comparison.overall.n, comparison.safety.n, comparison.benign.n) == (5, 7, 9)

    def test_no_case_at_all_is_counted_as_none(self):
        comparison = compare(results(""), results("", "candidate"), feature())
        assert (comparison.overall.n, comparison.buckets, comparison.base_accuracy) == (0, (), None)


class TestTheSuiteOfThePolicy:
    def test_a_case_that_neither_side_answered_is_unmeasured(self):
        suite = suite_of(results("refund: +*30"))
        comparison = compare(*both("refund: ++*28"), feature(), suites=[suite])
        assert (comparison.overall.n, comparison.overall.unmeasured) == (28, 2)

    def test_a_case_of_no_suite_makes_the_runs_incomparable(self):
        base, candidate = both(BETTER)
        verdict = verdict_on(base, candidate, suites=(suite_of(results("refund: +*260 | invoice: +*239")),))
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["comparable runs not comparable"])

    def test_a_file_that_leaves_buckets_and_clusters_out_takes_the_suites(self):
        base, candidate = both(BETTER, 2)
        bare = [each(side, lambda *_: {"buckets": {}, "cluster": None}) for side in (base, candidate)]
        comparison = compare(*bare, feature(), suites=[suite_of(base)])
        assert comparison.buckets == compare(base, candidate, feature()).buckets
        assert comparison.overall.clusters == 250

    def test_results_of_another_edition_of_the_suite_never_pass(self):
        suite = suite_of(both(BETTER)[0])
        stale = [with_header(side, suites={"golden": "1" * 64}) for side in both(BETTER)]
        assert verdict_on(*stale, suites=(suite,)).verdict != "pass"


class TestRenamedBucket:
    def renamed(self, side):
        return each(side, lambda _, case: {"buckets": {"intent": case.buckets["intent"].replace("refund", "refunds")}})

    def test_on_the_candidates_side_it_never_passes(self):
        base, candidate = both(BETTER)
        verdict = verdict_on(base, self.renamed(candidate))
        assert (verdict.verdict, reasons(verdict)) == ("inconclusive", ["comparable runs not comparable"])
        assert "renamed bucket" in str(verdict.next_step)

    def test_on_the_bases_side_it_never_passes(self):
        base, candidate = both(BETTER)
        assert verdict_on(self.renamed(base), candidate).verdict == "inconclusive"

    def test_on_both_sides_it_never_passes_against_the_suite(self):
        base, candidate = both(BETTER)
        suite = suite_of(base)
        assert verdict_on(self.renamed(base), self.renamed(candidate), suites=(suite,)).verdict == "inconclusive"

    def test_on_both_sides_a_protected_bucket_that_is_gone_is_an_error(self):
        with pytest.raises(PolicyError, match="did you mean 'intent/refunds'"):
            verdict_on(*map(self.renamed, both(BETTER)), protected=("intent/refund",))

    def test_left_out_on_one_side_it_never_passes(self):
        base, candidate = both(BETTER)
        assert verdict_on(base, each(candidate, lambda *_: {"buckets": {}})).verdict == "inconclusive"

    def test_another_cluster_never_passes(self):
        base, _ = both(BETTER, 2)
        _, candidate = both(BETTER, 4)
        assert verdict_on(base, candidate).verdict == "inconclusive"


class TestConditions:
    @pytest.mark.parametrize(
        "other",
        [
            {"decoding": Decoding(max_new_tokens=99)},
            {"suites": {"golden": "2" * 64}},
            {"scorers": {"exact_json": "2" * 64}},
            {"environment": {"torch": "0"}},
            {"feature": "another"},
        ],
    )
    def test_runs_under_different_conditions_never_pass_and_never_fail(self, other):
        told = {
            "decoding": Decoding(max_new_tokens=48),
            "suites": {"golden": "1" * 64},
            "scorers": {"exact_json": "1" * 64},
            "environment": {"torch": "2"},
        }
        for drawing in (BETTER, "refund: +-*200"):
            base, candidate = (with_header(side, **told) for side in both(drawing))
            assert verdict_on(base, with_header(candidate, **other)).verdict == "inconclusive"

    def test_an_unsafe_answer_fails_even_where_quality_may_not_be_compared(self):
        base, candidate = both(BETTER + "| safety/jailbreak: +- ++*99")
        verdict = verdict_on(with_header(base, environment={"torch": "1"}), with_header(candidate, environment={"torch": "2"}))
        assert verdict.verdict == "fail"
        assert verdict.summary == "1 safety case handled safely by base, unsafely now."

    def test_an_a_a_run_is_said_to_be_one(self):
        variant = {"name": "base", "model": "path:m", "model_sha256": "0" * 64, "prompt_sha256": "0" * 64}
        header = {"record": "header", "schema": 1, "feature": "support-intent", "variant": variant}
        sides = [EvalResults.model_validate({"header": header, "cases": side.cases}, strict=False) for side in both("refund: ++")]
        assert any("A/A" in warning for warning in compare(*sides, feature()).warnings)

    def test_missing_provenance_is_told(self):
        comparison = compare(*both("refund: ++"), feature())
        assert not comparison.has_provenance
        assert sum("provenance missing" in warning for warning in comparison.warnings) == 2


class TestScores:
    def scored(self, **scores):
        base, candidate = both("refund: ++*200 -+*60")
        return base, each(candidate, lambda *_: {"scores": scores})

    def test_the_only_score_there_is_decides(self):
        assert compare(*both("refund: ++"), FeaturePolicy()).primary == "exact_json"

    def test_several_scores_and_no_primary_is_an_error(self):
        with pytest.raises(PolicyError, match=r"exact_json, json_valid: name one as `scorers.primary`"):
            compare(*self.scored(exact_json=1.0, json_valid=1.0), FeaturePolicy())

    def test_a_primary_score_that_the_candidate_lacks_never_passes(self):
        verdict = verdict_on(*self.scored(exact_text=1.0))
        assert (verdict.verdict, verdict.scopes[0].unmeasured) == ("inconclusive", 260)

    def test_a_score_just_below_right_is_a_regression_of_what_base_had_right(self):
        verdict = verdict_on(*self.scored(exact_json=0.99))
        assert (verdict.verdict, reasons(verdict)) == ("fail", ["regression_share overall above"])

    def test_where_the_policy_says_what_is_right_the_scores_between_are_compared_as_they_are(self):
        base, candidate = self.scored(exact_json=0.99)
        policy = FeaturePolicy.model_validate({"scorers": {"primary": "exact_json", "right_at": 0.9}})
        verdict = decide(compare(base, candidate, policy), policy)
        overall = verdict.scopes[0]
        assert (verdict.verdict, overall.state, overall.losses) == ("pass", "improved", 0)
        assert (overall.base, overall.candidate) == (pytest.approx(200 / 260), pytest.approx(0.99))


class TestWrittenByHand:
    GOOD = '{"case_id": "a", "status": "scored", "scores": {"exact_json": 1}}'

    def test_a_minimal_file_is_judged(self):
        side = written(self.GOOD)
        assert verdict_on(side, side).verdict == "inconclusive"

    def test_a_base_without_cases_never_passes(self):
        assert verdict_on(written(), written(self.GOOD)).verdict == "inconclusive"

    def test_an_empty_base_file_is_an_error(self):
        with pytest.raises(DatasetError, match=r"base.results.jsonl: empty"):
            parse(b"", "base.results.jsonl")

    def test_a_case_that_stands_twice_is_an_error_that_names_the_line(self):
        with pytest.raises(DatasetError) as refused:
            written(self.GOOD, self.GOOD.replace('"a"', '"b"'), self.GOOD.replace("1}", "0}"))
        assert refused.value.problems == ("candidate.results.jsonl:4: case 'a' of golden stands twice (first on line 2)",)

    @pytest.mark.parametrize("score", ["NaN", "Infinity", "-Infinity", "1e999", "null", '"1"', "true", "1.01", "-0.5"])
    def test_a_score_that_is_no_share_is_an_error_that_names_the_line(self, score):
        with pytest.raises(DatasetError, match=r"^candidate.results.jsonl:2: "):
            written(self.GOOD.replace("1}", f"{score}}}"))

    @pytest.mark.parametrize("status", ["errored", "unscorable"])
    def test_a_case_without_a_score_cannot_carry_one(self, status):
        with pytest.raises(DatasetError, match="`scores` is empty exactly when"):
            written(self.GOOD.replace("scored", status, 1))

    def test_an_unscorable_case_is_unmeasured(self):
        side = written(self.GOOD, '{"case_id": "b", "status": "unscorable", "note": "empty answer"}')
        assert compare(side, side, feature()).unmeasured[0].why == (
            "base: unscorable (empty answer); candidate: unscorable (empty answer)"
        )


def test_outputs_are_kept_masked_and_on_one_line():
    base, candidate = both("refund: +-")
    candidate = each(candidate, lambda *_: {"output": "write to ana@acme.es\n::error::"})
    (flip,) = compare(base, candidate, feature()).regressions
    assert "acme.es" not in str(flip.candidate_output)
    assert "\n" not in str(flip.candidate_output)


def test_a_bucket_is_held_against_the_same_cases_on_both_sides():
    verdict = judged("refund: ++*63 -+*30 | invoice: ++*63 -+*30")
    assert [scope.n for scope in verdict.scopes] == [186, 93, 93]


def test_a_case_result_without_a_suite_is_golden():
    assert CaseResult(case_id="a", status="errored").suite == "golden"
