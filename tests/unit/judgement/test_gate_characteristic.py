"""What the gate reaches, in short: what `bench/gate_characteristic.py` measures, with a few hundred runs a cell.

A simulated share may miss its target by three standard errors; what is enumerated may not miss it at all.
"""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bench"))

from gate_tables import clustered, early, exact, rates, size, speed
from gate_tables.drawn import BUCKETS, Chances, comparisons, point_rule, policy, tables
from gate_tables.figure import Cell, figure

from evalgate.judgement.gate import decide

RUNS = 300


def errors(share: float, runs: int = RUNS) -> float:
    """Three standard errors of a share that is truly this large."""
    return 3 * math.sqrt(share * (1 - share) / runs)


@pytest.mark.parametrize(("n", "d"), [(50, 0.20), (200, 0.10), (1000, 0.20), (1000, 0.30)])
def test_nothing_changed__fails_in_at_most_five_of_a_hundred(n, d):
    found = rates.a_a_fails(1, RUNS, n, d)
    assert found.gate <= 0.05 + errors(0.05)
    assert found.peer is not None and found.peer > found.gate + 0.10


def test_nothing_changed__passes_in_at_most_five_of_a_hundred():
    drawn = tables(np.random.default_rng(2), RUNS, 200, [Chances.of(0.0, 0.10)] * BUCKETS)
    assert rates.verdicts(drawn).count("pass") / RUNS <= 0.05 + errors(0.05)


@pytest.mark.parametrize(("n", "d", "others"), [(200, 0.05, 0.08), (500, 0.20, 0.08), (1000, 0.10, 0.08), (1000, 0.10, 0.0)])
def test_one_bucket_that_truly_lost_the_margin__passes_in_at_most_five_and_a_half_of_a_hundred(n, d, others):
    assert rates.lost_bucket_passes(3, RUNS, n, d, others).gate <= 0.055 + errors(0.055)


@pytest.mark.parametrize(("require", "least"), [("no_harm", 0.95), ("improvement", 0.90)])
@pytest.mark.parametrize(("n", "d"), [(500, 0.10), (1000, 0.20)])
def test_truly_five_points_better_everywhere__passes(n, d, require, least):
    assert rates.gain_passes(4, RUNS, n, d, require).gate >= least - errors(least)


@pytest.mark.parametrize(("d", "least"), [(0.10, 0.96), (0.20, 0.65)])
def test_a_bucket_truly_ten_points_down__fails(d, least):
    assert rates.lost_bucket_fails(5, RUNS, 1000, d).gate >= least - errors(least)


def test_a_bucket_that_lost_far_more_than_the_margin__fails():
    chances = [Chances(0.0, 0.40), *[Chances(0.12, 0.01)] * (BUCKETS - 1)]
    drawn = tables(np.random.default_rng(6), RUNS, 360, chances)
    assert rates.verdicts(drawn).count("fail") / RUNS >= 0.95


@pytest.mark.parametrize("n", [17, 18, 20, 29, 41, 60])
def test_held__at_a_first_attempt_its_exact_size_stays_below_six_percent_up_to_half_of_the_cases_flipping(n):
    assert max(cell.gate for cell in size.worst_sizes(n, 0.04, 0.5)) <= 0.06


def test_sizes__the_chances_of_all_tables_add_up_to_one():
    gains, losses = size.every_table(23)
    assert size.chances(23, gains, losses, 0.07, 1.0).sum(axis=1) == pytest.approx(1.0)


def test_five_fresh_tries__one_is_called_improved_in_at_most_five_of_a_hundred():
    for cell in exact.improved_in_five(200, rates.DS):
        assert cell.gate <= 0.05
        assert cell.peer is not None and cell.peer > 3 * cell.gate


def test_least_gains__is_what_a_look_at_every_count_finds():
    for flips in (0, 7, 24, 25):
        every = [gains for gains in range(flips + 1) if exact.is_improved(100, gains, flips - gains, 1)]
        assert exact.least_gains(100, flips, 1) == min(every, default=flips + 1)


def test_a_judge_that_prefers_the_first_slot__is_no_improvement_when_both_orders_must_agree():
    found = exact.judge_improves(200)
    assert found.gate <= 0.05
    assert found.peer == pytest.approx(1.0, abs=0.001)


def test_clusters__a_bucket_that_lost_the_margin_is_rarely_held():
    runs = RUNS // 3
    by_gate, by_test = clustered.lost_margin_held(7, runs, 1000, 0.20)
    assert max(by_gate.gate, by_test.gate) <= 0.065 + errors(0.065, runs * BUCKETS)
    assert by_test.peer is not None and by_test.peer > 0.15


@pytest.mark.parametrize("d", [0.10, 0.20])
def test_clusters__nothing_changed_raises_few_alarms(d):
    found = clustered.a_a_harmed(8, RUNS, 1000, d)
    for cell in found:
        assert cell.gate <= 0.065 + errors(0.065), cell
    assert found.failed.peer is not None and found.failed.peer > 0.25


@pytest.mark.parametrize(
    ("scenario", "n", "d", "most", "runs"),
    [(early.UP, 1000, 0.10, 0.85, 40), (early.SAME, 500, 0.10, 0.75, 80), (early.DOWN, 1000, 0.20, 0.55, 60)],
)
def test_early_stopping__saves_cases_and_keeps_the_errors(scenario, n, d, most, runs):
    found = early.with_looks(11, runs, n, d, scenario)
    assert found.cases.gate <= most + 3 * found.cases.error
    if scenario is early.SAME:
        assert max(found.passes.gate, found.fails.gate) <= 0.05 + errors(0.05, runs)


@pytest.mark.parametrize(("scenario", "runs"), [(early.ONE_DOWN, 60), (early.DOWN, 60)])
def test_early_stopping__fails_nearly_as_often_as_when_every_case_is_asked(scenario, runs):
    found = early.with_looks(12, runs, 1000, 0.10, scenario)
    assert found.fails_lost.gate <= 0.04 + 3 * found.fails_lost.error
    assert found.passes.gate <= 0.055 + errors(0.055, runs)
    assert found.fails.gate > 0.80


def test_early_stopping__asks_every_bucket_its_share_at_each_look():
    for n in (20, 500):
        asked = np.array(early.new_cases(n))
        assert asked.sum() == n
        assert (asked.max(axis=0) - asked.min(axis=0) <= 1).all()
        assert (asked.max(axis=1) - asked.min(axis=1) <= 1).all()


def test_compare_decide_and_report__take_at_most_a_second_for_a_thousand_cases():
    assert speed.seconds(speed.judged, *speed.sides(9), policy()) <= 1.0


def test_the_point_rule__says_what_the_verdict_shows_of_it():
    drawn = tables(np.random.default_rng(10), 50, 300, [Chances.of(0.04, 0.15)] * BUCKETS)
    five = policy().model_copy(update={"gate": policy().gate.model_copy(update={"max_bucket_drop": 0.05})})
    shown = [decide(one, five).point_rule.verdict == "pass" for one in comparisons(drawn)]
    assert shown == point_rule(drawn).passes.tolist()
    assert {True, False} == set(shown)


def test_a_figure__falls_short_when_its_worst_cell_does():
    cells = [Cell("a", 0.02, 0.001, 0.3), Cell("b", 0.06, 0.001, 0.5)]
    assert [figure("G", "m", cells, most=most, peer="p").passed for most in (5.0, 6.5)] == [False, True]
    assert [figure("G", "m", cells, least=least, peer="p").passed for least in (1.0, 3.0)] == [True, False]
    assert (figure("G", "m", cells, peer="p").passed, figure("G", "m", cells, peer="p").value) == (None, 6.0)
