"""The pure parts of bench/speed: a figure against its target, the page that holds the table, the reckoning on paper."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from speed import page, scaling
from speed.figure import figure, ratios, tell

DRIVEN = {
    "run without a model, cold, 10000 cases: processor seconds": 12.0,
    "run without a model, cold, 100000 cases: processor seconds": 102.0,
    "run without a model, cold, 10000 cases: MB": 180.0,
    "run without a model, cold, 100000 cases: MB": 900.0,
    "answers kept a second": 10_000.0,
}


def test_figure__is_the_median_held_against_its_target():
    assert figure("P1 x", [0.2, 0.9, 0.3], most=0.35)[1:6] == (0.3, 0.2, 0.9, "at most 0.35", True)
    assert figure("P6 x", [2.0, 2.4], least=2.5).passed is False
    assert figure("seconds", [1.0]).mark == "----"


def test_figure_of_unequal_things__falls_short_however_small_it_is():
    assert figure("P1 x", [0.01], most=0.35, counts=False).mark == "FAIL"
    assert figure("seconds", [0.01], counts=False).mark == "----"


def test_ratios__are_taken_repetition_by_repetition():
    assert ratios([1.0, 4.0], [2.0, 4.0]) == [0.5, 1.0]


def test_tell__leaves_with_one_when_a_figure_falls_short(capsys):
    assert tell([figure("P1 x", [0.5], most=0.35)], {}) == 1
    assert tell([figure("seconds", [0.5])], {}) == 0
    assert "FAIL  P1 x: 0.5, target: at most 0.35" in capsys.readouterr().err


def test_page__says_of_what_nobody_measured_that_it_is_not_measured():
    told = page.lines([{"figures": [{"name": "P4 one changed: questions", "value": 2, "target": "2", "passed": True}]}])
    assert "| P4 one changed: questions | 2 |  |  | 2 | yes |  |" in told
    assert sum("not measured" in line for line in told) == 10


def test_page__keeps_all_that_is_not_between_its_markers():
    assert page.placed(f"a {page.BEGIN} old {page.END} z", "new") == f"a {page.BEGIN}\nnew\n{page.END} z"


def test_pages_markers__are_there():
    assert "| P1 " in page.placed(page.PAGE.read_text(), "| P1 ")


def test_measured__takes_the_slope_between_the_smallest_and_the_largest():
    known = scaling.measured(DRIVEN, {})
    assert (known.first, known.each, known.megabytes) == pytest.approx((2.0, 0.001, 0.008))
    assert known.shared is None


def test_parts__of_twice_the_cases_take_twice_the_gpus_time():
    known, given = scaling.measured(DRIVEN, {}), scaling.Assumed()
    shape = scaling.SHAPES[0]._replace(shared=0)
    once, twice = (scaling.parts(shape, known, given, cases=n, gpus=64) for n in (1_000, 2_000))
    assert twice[1].seconds == pytest.approx(2 * once[1].seconds)
    assert twice[2].seconds == pytest.approx(2 * once[2].seconds)
    assert twice[0].seconds == once[0].seconds
