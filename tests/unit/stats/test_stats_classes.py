"""F1 per class against sets of cases, its bootstrap against a slow one, and what few cases must not show."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.stats.classes import Cell, confusion, f1, f1_difference, macro_f1
from evalgate.stats.lift import certified_margin, held, lift_interval, p_down, p_up

LABELS = "abc"


def drawn(seed: int, n: int, right: tuple[float, float] = (0.8, 0.8), cluster: int = 0) -> list[Cell]:
    draw = np.random.default_rng(seed)
    cells = []
    for case in range(n):
        expected = str(draw.choice(list(LABELS)))
        answers = [expected if draw.random() < share else str(draw.choice(list(LABELS))) for share in right]
        cells.append(Cell(case // cluster if cluster else None, expected, *answers, 1))
    return cells


def slow_f1(cells: list[Cell], side: int, label: str) -> float:
    expected = {number for number, cell in enumerate(cells) if cell.expected == label}
    answered = {number for number, cell in enumerate(cells) if cell[side] == label}
    if not expected & answered:
        return 0.0
    precision, recall = len(expected & answered) / len(answered), len(expected & answered) / len(expected)
    return 2 * precision * recall / (precision + recall)


def slow_difference(cells: list[Cell], labels: str) -> float:
    there = [label for label in labels if any(cell.expected == label for cell in cells)]
    return sum(slow_f1(cells, 3, label) - slow_f1(cells, 2, label) for label in there) / len(there)


def jackknife_error(cells: list[Cell], labels: str) -> float:
    n = len(cells)
    left = np.array([slow_difference(cells[:case] + cells[case + 1 :], labels) for case in range(n)])
    return math.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum())


class TestF1:
    @given(st.integers(0, 1000), st.integers(1, 40))
    @settings(deadline=None)
    def test_it_is_that_of_the_sets_of_cases(self, seed, n):
        cells = drawn(seed, n)
        for number, side in ((2, "base"), (3, "candidate")):
            for label in LABELS:
                assert (f1(cells, side, label) or 0.0) == pytest.approx(slow_f1(cells, number, label))

    def test_a_label_that_nobody_knows_has_none(self):
        assert f1([Cell(None, "a", "a", "b", 3)], "base", "b") is None
        assert f1([Cell(None, "a", "a", "b", 3)], "candidate", "b") == 0.0
        assert f1([], "base", "a") is macro_f1([], "base") is None

    def test_macro_counts_only_what_is_expected_and_each_the_same(self):
        cells = [Cell(None, "a", "a", "a", 90), Cell(None, "b", "x", "b", 10)]
        assert macro_f1(cells, "base") == 0.5
        assert macro_f1(cells, "candidate") == 1.0

    def test_the_confusion_matrix_counts_every_case_once(self):
        cells = drawn(1, 50)
        table = confusion(cells, "candidate")
        assert sum(table.values()) == 50
        assert table.get(("a", "b"), 0) == sum(cell.expected == "a" and cell.candidate == "b" for cell in cells)
        assert confusion([Cell(None, "a", "a", "b", 0)], "base") == {}


class TestDifference:
    @pytest.mark.parametrize("label", [None, "a"])
    @pytest.mark.parametrize("seed", range(3))
    def test_estimate_and_error_are_those_of_a_slow_jackknife(self, seed, label):
        cells = drawn(seed, 120, (0.75, 0.85))
        sample = f1_difference(cells, label)
        assert sample.estimate == pytest.approx(slow_difference(cells, label or LABELS))
        assert sample.error == pytest.approx(jackknife_error(cells, label or LABELS), rel=0.06)

    @pytest.mark.full
    def test_the_ratios_are_those_of_a_slow_bootstrap_up_to_chance(self):
        cells = drawn(4, 60)
        fast, draw = f1_difference(cells, None), np.random.default_rng(5)
        slow = []
        for _ in range(300):
            again = [cells[place] for place in draw.integers(0, 60, 60)]
            error = f1_difference(again, None).error
            slow.append((slow_difference(again, LABELS) - fast.estimate) / error)
        for share in (0.1, 0.5, 0.9):
            assert np.quantile(fast.ratios, share) == pytest.approx(np.quantile(slow, share), abs=0.35)

    @pytest.mark.parametrize("label", [None, "a"])
    @given(shuffler=st.randoms(use_true_random=False))
    @settings(max_examples=5, deadline=None)
    def test_order_and_bundling_of_the_cells_do_not_matter(self, label, shuffler):
        cells = drawn(6, 40)
        bundled = [cell._replace(n=cells.count(cell)) for cell in sorted(set(cells), key=str)]
        shuffler.shuffle(bundled)
        there, here = f1_difference(cells, label), f1_difference(bundled, label)
        assert np.array_equal(there.ratios, here.ratios)
        assert there._replace(ratios=0) == here._replace(ratios=0)

    def test_another_seed_moves_a_p_value_by_little(self):
        cells = drawn(7, 150, (0.75, 0.8))
        assert p_up(f1_difference(cells, None, 1)) == pytest.approx(p_up(f1_difference(cells, None, 2)), abs=0.02)

    def test_a_class_that_collapses_is_found_and_one_that_improves_too(self):
        cells = [*[Cell(None, "a", "a", "b", 25)], *[Cell(None, "a", "a", "a", 35)], *[Cell(None, "b", "b", "b", 60)]]
        assert p_down(f1_difference(cells, "a")) < 0.01
        better = [cell._replace(base=cell.candidate, candidate=cell.base) for cell in cells]
        assert p_up(f1_difference(better, "a")) < 0.01

    def test_paraphrases_widen_the_interval(self):
        draw = np.random.default_rng(8)
        cells = []
        for group in range(40):
            expected, right = "ab"[group % 2], draw.random() < 0.7
            cells += [Cell(group, expected, expected, expected if right else "c", 4)]
        alone = [cell._replace(cluster=None) for cell in cells]
        grouped, single = (lift_interval(f1_difference(side, None), 0.05) for side in (cells, alone))
        assert grouped[1] - grouped[0] > 1.5 * (single[1] - single[0])


class TestFewCases:
    @pytest.mark.parametrize(
        "cells", [[], [Cell(None, "b", "a", "a", 40)], [Cell(None, "a", "a", "a", 1)], [Cell(0, "a", "a", "b", 30)]]
    )
    def test_where_the_label_is_not_expected_and_of_one_unit_nothing_is_shown(self, cells):
        sample = f1_difference(cells, "a")
        assert lift_interval(sample, 0.05) == (-1.0, 1.0)
        assert p_up(sample) == p_down(sample) == 1.0
        assert not held(sample, 0.5, 0.05)

    @pytest.mark.parametrize("n", [10, 30, 100])
    def test_without_a_flip_it_allows_for_the_losses_that_so_few_cases_may_not_have_shown(self, n):
        cells = [Cell(None, "a", "a", "a", n), Cell(None, "b", "b", "b", 5000)]
        unseen = 1 - 0.05 ** (1 / n)
        assert certified_margin(f1_difference(cells, "a"), 0.05) == pytest.approx(unseen / (2 - unseen), rel=0.1)
        assert certified_margin(f1_difference(cells, "a"), 0.05) >= unseen / (2 - unseen)
        assert p_up(f1_difference(cells, "a")) == p_down(f1_difference(cells, "a")) == 1.0
        assert held(f1_difference(cells, "b"), 0.01, 0.05)

    def test_macro_is_as_uncertain_as_its_rarest_class(self):
        cells = [Cell(None, "a", "a", "a", 10), Cell(None, "b", "b", "b", 5000)]
        low, high = lift_interval(f1_difference(cells, None), 0.05)
        assert (low, high) == pytest.approx((-0.1616, 0.1616), abs=2e-3)


@pytest.mark.full
@pytest.mark.parametrize("label", [None, "a"])
@pytest.mark.parametrize("n", [30, 100])
def test_between_equals__it_is_wrong_in_at_most_six_in_a_hundred(n, label):
    runs = 300
    samples = [f1_difference(drawn(2000 + seed, n), label) for seed in range(runs)]
    for test in (p_up, p_down):
        assert sum(test(sample) <= 0.05 for sample in samples) / runs <= 0.055 + 2.5 * (0.055 * 0.945 / runs) ** 0.5
