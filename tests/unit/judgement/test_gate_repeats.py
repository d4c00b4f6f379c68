"""Attempts, paraphrases, and the same inputs again."""

import numpy as np
import pytest
from drawn_results import both, each, feature, judged, verdict_on
from pydantic import ValidationError

from evalgate.errors import EvalGateError
from evalgate.judgement.compare import compare
from evalgate.judgement.gate import decide
from evalgate.records.evaluation import EvalResults

BETTER = "refund: ++*200 -+*60 | invoice: ++*200 -+*40"
"""A true improvement that passes under the default policy."""


class TestAttempts:
    def test_each_attempt_may_spend_less_alpha(self):
        assert [round(judged(BETTER, attempt=attempt).alpha, 6) for attempt in (1, 2, 3)] == [0.04, 0.005, 0.0025]

    def test_what_passes_at_first_may_not_pass_later(self):
        barely = "refund: ++*63 -+*6"
        assert [judged(barely, attempt=attempt, max_bucket_drop=0.05).verdict for attempt in (1, 2)] == ["pass", "inconclusive"]

    def test_the_only_gain_made_wrong_never_buys_a_pass(self):
        gate = {"require": "no_harm", "max_drop": 0.05, "max_bucket_drop": 0.05}
        with_it, without = (judged(f"refund: ++*103 {last}", attempt=2, **gate).verdict for last in ("-+", "--"))
        assert (with_it, without) == ("pass", "pass"), "ADR 0008: with gains the exact bound on losses counts too"

    def test_the_attempt_stands_in_the_record(self):
        assert judged(BETTER, attempt=4).attempt == 4


class TestClusters:
    def test_paraphrases_widen_the_interval(self):
        drawing = "refund: -+*8 +-*4 ++*188"
        alone, grouped = judged(drawing).scopes[0], judged(drawing, clusters=4).scopes[0]
        assert grouped.low < alone.low
        assert grouped.high > alone.high
        assert grouped.p_up > alone.p_up

    def test_ten_paraphrases_of_one_question_do_not_prove_what_ten_questions_do(self):
        drawing = "refund: ++*200 -+*60"
        assert judged(drawing).verdict == "pass"
        assert judged(drawing, clusters=60).verdict == "inconclusive"

    def test_clusters_of_one_change_nothing(self):
        assert judged(BETTER, clusters=1).scopes == judged(BETTER).scopes

    def test_a_gain_in_every_case_of_every_cluster_passes(self):
        assert judged("refund: -+*100", clusters=2).verdict == "pass"

    def test_a_bucket_in_which_every_clustered_case_is_lost_fails(self):
        assert judged("refund: +-*40 | invoice: ++*400", clusters=2).verdict == "fail"

    def test_one_more_loss_never_buys_a_pass(self):
        gate = {"require": "no_harm", "max_drop": 0.05, "max_bucket_drop": 0.05}
        gains = "-+ ++*3 " * 7
        nine, ten = (f"refund: {gains} {'+- ++*3 ' * losses} ++*{4 * (18 - losses)}" for losses in (2, 3))
        assert judged(nine, clusters=4, **gate).verdict == "inconclusive"
        assert judged(ten, clusters=4, **gate).verdict != "pass"


class TestSameInputs:
    def test_repeated_runs_are_byte_identical(self):
        drawing = BETTER + "| safety/jailbreak: ++*20 | safety/benign: ++*20 | login: +?*2 +-*9 ++*30"
        assert len({_bytes(*both(drawing, 3)) for _ in range(3)}) == 1

    def test_the_order_of_the_lines_changes_no_figure(self):
        ours, theirs = (_written(*sides, without_digests=True) for sides in self.in_two_orders())
        assert ours == theirs

    def test_the_order_of_the_lines_changes_no_byte(self):
        ours, theirs = (_bytes(*sides) for sides in self.in_two_orders())
        assert ours == theirs

    def test_the_order_of_the_lines_changes_no_case_that_is_named(self):
        def renamed(side):
            return each(side, lambda _, case: {"buckets": {"intent": case.buckets["intent"] + "s"}})

        policy = feature()
        base, candidate = both(BETTER)
        there = compare(base, renamed(candidate), policy).incomparable
        backwards = candidate.model_copy(update={"cases": candidate.cases[::-1]})
        assert compare(base, renamed(backwards), policy).incomparable == there

    def in_two_orders(self):
        sides = both(BETTER + "| safety/jailbreak: ++*20 | login: +?*2 +-*9 ++*30", 3)
        draw = np.random.default_rng(1)
        yield sides
        yield [
            side.model_copy(update={"cases": tuple(side.cases[place] for place in draw.permutation(len(side.cases)))})
            for side in sides
        ]

    def test_how_long_answers_took_changes_no_byte(self):
        base, candidate = both(BETTER)
        slow = each(candidate, lambda number, _: {"latency_ms": 10.0 * number})
        assert _bytes(base, candidate) == _bytes(base, slow)

    def test_a_comparison_read_back_from_its_file_gives_the_same_verdict(self):
        policy = feature()
        comparison = compare(*both(BETTER), policy)
        again = type(comparison).model_validate_json(comparison.model_dump_json())
        assert decide(again, policy) == decide(comparison, policy)


class TestRecords:
    def test_a_case_that_stands_twice_never_passes(self):
        base, candidate = both(BETTER)
        lost = each(candidate, lambda _, case: {"scores": {"exact_json": 0.0}})
        with pytest.raises((EvalGateError, ValidationError)):
            verdict_on(base, EvalResults(header=candidate.header, cases=(*lost.cases, *candidate.cases)))


def _bytes(base, candidate):
    return "\n".join(_written(base, candidate))


def _written(base, candidate, *, without_digests=False):
    policy = feature(max_unmeasured_share=0.02)
    comparison = compare(base, candidate, policy)
    if without_digests:
        update = {"base_results_sha256": "0" * 64, "candidate_results_sha256": "0" * 64}
        comparison = comparison.model_copy(update=update)
    return comparison.model_dump_json(indent=2), decide(comparison, policy).model_dump_json(indent=2)
