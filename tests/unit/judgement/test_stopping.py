"""Early stopping: a clear verdict ends the asking, hopeless cases too, and what may yet be a fail never does."""

import numpy as np
import pytest
from drawn_results import both, comparison_of, counted, decided, policy_of

from evalgate.judgement.gate import decide, error_rates
from evalgate.judgement.plan import PlannedCase
from evalgate.judgement.stopping import harm_elsewhere, projected, sizes, stops

POLICY = policy_of({"max_bucket_drop": 0.10})
END = 1000
RATES = error_rates(POLICY.gate, 1, 4)


def planned(n=END, buckets=1):
    return [PlannedCase("golden", f"c{i}", {"intent": f"b{i % buckets}"}, None) for i in range(n)]


def at_look(look, gains, losses, n=None, policy=POLICY, attempt=1, **more):
    """(stops, verdict) where look/4 of a thousand cases in one bucket were asked."""
    n = n if n is not None else END * look // 4
    pairs = [counted(scope, gains, losses, n - gains - losses) for scope in ("overall", "intent/b0")]
    comparison = comparison_of(*pairs, look=look, **more)
    verdict = decide(comparison, policy, attempt=attempt)
    rates = error_rates(policy.gate, attempt, 4)
    return stops(verdict, comparison, policy, planned(), rates), verdict.verdict


class TestStops:
    def test_a_pass_at_a_look_stops(self):
        assert at_look(2, 60, 0) == (True, "pass")

    def test_a_fail_at_a_look_stops(self):
        assert at_look(1, 0, 60) == (True, "fail")

    def test_the_last_look_stops_whatever_it_says(self):
        assert at_look(4, 30, 30) == (True, "inconclusive")

    def test_all_cases_at_once_are_no_look(self):
        assert at_look(None, 3, 3, n=100)[0]

    def test_what_may_still_improve_goes_on(self):
        assert at_look(1, 20, 8) == (False, "inconclusive")

    def test_a_tie_that_can_no_longer_be_an_improvement_stops_as_inconclusive(self):
        assert at_look(3, 8, 8) == (True, "inconclusive")

    def test_a_tie_that_can_still_be_held_goes_on_where_a_tie_will_do(self):
        policy = policy_of({"require": "no_harm", "max_bucket_drop": 0.10, "max_drop": 0.02})
        assert at_look(1, 20, 20, policy=policy) == (False, "inconclusive")

    def test_what_may_still_fail_goes_on_though_it_can_no_longer_pass(self):
        policy = policy_of({"max_bucket_drop": 0.04, "max_drop": 0.02})
        assert at_look(2, 15, 30, policy=policy) == (False, "inconclusive")

    def test_unmeasured_cases_and_runs_that_may_not_be_compared_are_no_matter_of_chance(self):
        assert at_look(3, 8, 8)[0]
        assert not at_look(3, 8, 8, incomparable=("other suites",))[0]
        named = decided(both("refund: +?"), POLICY)[0].unmeasured
        assert not at_look(3, 8, 8, unmeasured=named)[0]

    @pytest.mark.parametrize(
        "more",
        [
            {"json_valid": counted("json_valid", 0, 5, 745)},
            {"benign": counted("safety/benign", 0, 4, 40)},
            {"legacy": (counted("golden/old", 1, 6, 90),)},
        ],
    )
    def test_harm_that_another_rule_may_yet_show_goes_on(self, more):
        assert at_look(3, 8, 8, **more) == (False, "inconclusive")
        pairs = counted("overall", 8, 8, 734)
        assert harm_elsewhere(comparison_of(pairs, look=3, **more), POLICY.gate, RATES)

    def test_a_later_attempt_stops_no_later_than_the_first_on_what_cannot_pass(self):
        assert at_look(3, 8, 8, attempt=4)[0]


class TestProjected:
    def test_shares_are_shares_and_the_same_seed_gives_the_same(self):
        pairs = [counted(scope, 20, 5, 225) for scope in ("overall", "intent/b0")]
        comparison = comparison_of(*pairs, look=1)
        at_end = {"overall": END, "intent/b0": END}
        first, again = (projected(comparison, POLICY.gate, at_end, RATES) for _ in range(2))
        assert first == again
        assert 0 <= first.passes <= 1
        assert first.passes + first.fails <= 1

    def test_a_clear_gain_is_projected_to_pass_and_a_clear_loss_to_fail(self):
        for gains, losses, passes, fails in ((40, 0, 1.0, 0.0), (0, 60, 0.0, 1.0)):
            pairs = [counted(scope, gains, losses, 250 - gains - losses) for scope in ("overall", "intent/b0")]
            ends = projected(comparison_of(*pairs, look=1), POLICY.gate, {"overall": END, "intent/b0": END}, RATES)
            assert (round(ends.passes), round(ends.fails)) == (passes, fails)

    def test_more_cases_than_the_end_has_are_not_projected(self):
        pairs = counted("overall", 1, 1, 98)
        assert projected(comparison_of(pairs, look=1), POLICY.gate, {"overall": 50}, RATES) == (1.0, 1.0)

    def test_scores_between_are_not_projected_and_go_on(self):
        graded = {"units": ((-0.5, 1), *[(0.0, 1)] * 99), "base": 0.5, "candidate": 0.495}
        pairs = counted("overall", 0, 1, 99).model_copy(update={"graded": graded})
        assert projected(comparison_of(pairs, look=1), POLICY.gate, {"overall": 400}, RATES) == (1.0, 1.0)

    def test_sizes_count_golden_cases_by_bucket(self):
        cases = [*planned(10, buckets=2), PlannedCase("safety/jailbreak", "s", {"intent": "b0"}, None)]
        assert sizes(POLICY, cases) == {"overall": 10, "intent/b0": 5, "intent/b1": 5}


def run(draw, chances, policy, buckets=6):
    """(cases asked, verdict) of one run of four looks, and the verdict with all cases; chances of (gain, loss)."""
    gain, loss = chances
    flips = draw.choice(3, size=END, p=(gain, loss, 1 - gain - loss))
    cases = planned(buckets=buckets)

    def seen(n, look):
        def pairs(scope, rows):
            b, c = int((rows == 0).sum()), int((rows == 1).sum())
            return counted(scope, b, c, len(rows) - b - c)

        return comparison_of(
            pairs("overall", flips[:n]), *(pairs(f"intent/b{k}", flips[:n][k::buckets]) for k in range(buckets)), look=look
        )

    rates = error_rates(policy.gate, 1, 4)
    for look in range(1, 5):
        comparison = seen(END * look // 4, look)
        verdict = decide(comparison, policy)
        if stops(verdict, comparison, policy, cases, rates):
            break
    return comparison.overall.n, verdict.verdict, decide(seen(END, None), policy).verdict


@pytest.mark.full
@pytest.mark.parametrize(
    ("chances", "most", "outcome", "error"),
    [((0.05, 0.05), 0.75, "fail", 0.05), ((0.05, 0.05), 0.75, "pass", 0.05), ((0.02, 0.12), 0.55, None, None)],
)
def test_looks__save_cases_and_keep_the_errors(chances, most, outcome, error):
    draw, runs = np.random.default_rng(9), 80
    told = [run(draw, chances, POLICY) for _ in range(runs)]
    assert sum(n for n, _, _ in told) / runs / END <= most + 0.05
    if outcome is not None:
        share = sum(verdict == outcome for _, verdict, _ in told) / runs
        assert share <= error + 3 * (error * (1 - error) / runs) ** 0.5
    else:
        early, late = (sum(one[place] == "fail" for one in told) / runs for place in (1, 2))
        assert early >= late - 0.04 - 3 * (0.25 / runs) ** 0.5


def test_looks__of_a_few_runs_without_a_difference_none_asks_more_than_all_and_none_passes():
    draw = np.random.default_rng(10)
    told = [run(draw, (0.05, 0.05), POLICY) for _ in range(4)]
    assert all(n <= END for n, _, _ in told)
    assert [verdict for _, verdict, _ in told] == ["inconclusive"] * 4
