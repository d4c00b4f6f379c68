"""What would settle what is unclear, and which regressions a person sees first."""

import pytest
from drawn_results import both, feature

from evalgate.judgement.compare import compare
from evalgate.judgement.flips import for_review, side_by_side
from evalgate.judgement.gate import decide
from evalgate.judgement.settling import cost_of_a_case, unsettled
from evalgate.records.verdict import Reason


def story(drawing: str, **gate):
    policy = feature(**gate)
    comparison = compare(*both(drawing), policy)
    return comparison, decide(comparison, policy)


def reason(rule: str, state: str, scope: str = "x", n: int = 10) -> Reason:
    return Reason(rule=rule, scope=scope, state=state, n=n, observed=None, bound=None, threshold=None)


class TestUnsettled:
    def test_nothing_unclear__is_nothing_to_settle(self):
        comparison, verdict = story("refund: -+*40 ++*40", max_bucket_drop=0.1)
        assert verdict.verdict == "pass"
        assert unsettled(comparison, verdict) == ()

    def test_unclear_bucket__says_cases_now_and_cases_needed(self):
        comparison, verdict = story("refund: -+*60 | bill: ++*18 +-*2", max_bucket_drop=0.1)
        (found,) = unsettled(comparison, verdict)
        (scope,) = [scope for scope in verdict.scopes if scope.scope == "intent/bill"]
        assert (found.rule, found.scope, found.now) == ("bucket", "intent/bill", 20)
        assert (found.needed, found.more) == (scope.cases_to_settle, scope.cases_to_settle - 20)
        assert found.cost is None

    def test_costs__are_the_missing_cases_times_what_both_sides_cost(self):
        comparison, verdict = story("refund: -+*60 | bill: ++*18 +-*2", max_bucket_drop=0.1)
        priced = comparison.model_copy(update={"costs": ((0.001, 0.002), (0.003, 0.004))})
        (found,) = unsettled(priced, verdict)
        assert cost_of_a_case(priced) == pytest.approx(0.005)
        assert found.cost == pytest.approx(found.more * 0.005)

    @pytest.mark.parametrize("costs", [None, ()])
    def test_costs_that_nobody_recorded__are_not_known_and_never_zero(self, costs):
        comparison, _ = story("refund: -+*60")
        assert cost_of_a_case(comparison.model_copy(update={"costs": costs})) is None

    @pytest.mark.parametrize("state", ["unclear", "down, not proven", "nothing measured"])
    def test_open_rule_without_a_size__has_no_invented_number(self, state):
        comparison, verdict = story("refund: -+*60")
        told = verdict.model_copy(update={"rules": (reason("f1", state),)})
        (found,) = unsettled(comparison.model_copy(update={"costs": ((1.0, 1.0),)}), told)
        assert (found.needed, found.more, found.cost) == (None, None, None)

    @pytest.mark.parametrize("state", ["held", "harmed", "within", "regressed", "not measured"])
    def test_rule_that_is_decided_or_not_asked_for__is_left_out(self, state):
        comparison, verdict = story("refund: -+*60")
        assert unsettled(comparison, verdict.model_copy(update={"rules": (reason("f1", state),)})) == ()

    def test_class_that_is_called_like_a_bucket__does_not_borrow_its_size(self):
        comparison, verdict = story("refund: -+*60 | bill: ++*18 +-*2", max_bucket_drop=0.1)
        told = verdict.model_copy(update={"rules": (reason("f1", "unclear", "intent/bill"),)})
        assert unsettled(comparison, told)[0].needed is None


class TestReview:
    DRAWING = "refund: -+*60 | bill: ++*18 +-*2 | login: +-*40 ++*10 | card: ++*19 +-*1 | safety/jailbreak: ++*9 +-*1"

    def test_regressions__are_protected_first_then_unsafe_then_by_their_worst_bucket(self):
        comparison, verdict = story(self.DRAWING, max_bucket_drop=0.1, protected=("intent/card",))
        kinds = [flip.suite if flip.suite != "golden" else flip.buckets[0] for flip in for_review(comparison, verdict)]
        assert kinds == ["intent/card", "safety/jailbreak", *["intent/login"] * 40, *["intent/bill"] * 2]

    def test_same_badness__is_in_the_order_of_case_ids_whatever_the_comparisons(self):
        comparison, verdict = story(self.DRAWING)
        turned = comparison.model_copy(update={"regressions": tuple(reversed(comparison.regressions))})
        assert for_review(turned, verdict) == for_review(comparison, verdict)

    def test_every_regression__is_there_once(self):
        comparison, verdict = story(self.DRAWING)
        assert len(for_review(comparison, verdict)) == len(comparison.regressions) + len(comparison.safety_regressions) == 44

    def test_gains_and_losses__stand_side_by_side_and_none_where_one_ends(self):
        comparison, _ = story("refund: -+*3 +-*1 ++*2")
        found = side_by_side(comparison, 2)
        assert [gain.case_id for gain, _ in found] == [flip.case_id for flip in comparison.gains[:2]]
        assert [loss and loss.case_id for _, loss in found] == [comparison.regressions[0].case_id, None]
