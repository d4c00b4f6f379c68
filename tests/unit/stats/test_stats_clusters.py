"""The design effect against its formula in exact fractions, and cases whose answer is known."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.stats.clusters import design_effect
from evalgate.stats.paired import Counts, held, p_down, p_up


def slow(differences: list[int], clusters: list[int]) -> Fraction:
    """Pairs of flips of one cluster over flips, three clusters added whose every case flips, each of a size as drawn."""
    sizes, n = Counter(clusters), len(differences)
    pairs = ((i, j) for i in range(n) for j in range(n) if clusters[i] == clusters[j])
    together = sum(differences[i] != 0 != differences[j] for i, j in pairs)
    presumed = [Fraction(3 * sum(size**power for size in sizes.values()), len(sizes)) for power in (2, 1)]
    return max(Fraction(1), (together + presumed[0]) / (sum(d != 0 for d in differences) + presumed[1]))


def drawn(seed: int, groups: int, size: int, likeness: float) -> tuple[list[int], list[int]]:
    """Clusters whose members repeat the first one's difference with the chance `likeness`."""
    draw = np.random.default_rng(seed)
    differences, clusters = [], []
    for group in range(groups):
        first, *others = (int(difference) for difference in draw.choice((-1, 0, 0, 1), draw.integers(1, size + 1)))
        differences += [first, *(first if draw.random() < likeness else other for other in others)]
        clusters += [group] * (1 + len(others))
    return differences, clusters


@pytest.mark.parametrize("likeness", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_effect__is_the_flips_that_stand_together_over_the_flips(seed, likeness):
    differences, clusters = drawn(seed, groups=40, size=5, likeness=likeness)
    effect, groups = design_effect(differences, clusters)
    assert effect == pytest.approx(float(slow(differences, clusters)), rel=1e-9)
    assert groups == 40


@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_singletons__have_no_effect_and_are_not_called_clusters(n):
    assert design_effect([1] * n, range(n)) == (1.0, None)


def test_one_giant_cluster__counts_as_hardly_more_than_one_case():
    assert design_effect([1, -1, 0] * 10, ["same"] * 30) == (pytest.approx((400 + 3 * 900) / (20 + 3 * 30)), 1)
    assert design_effect([1] * 30, ["same"] * 30) == (30.0, 1)


@pytest.mark.parametrize("sizes", [[4, 3, 1, 1, 6, 5], [4] * 9])
def test_without_a_flip__it_is_the_worst_case_of_the_sizes(sizes):
    clusters = [group for group, size in enumerate(sizes) for _ in range(size)]
    worst = sum(s * s for s in sizes) / sum(sizes)
    assert design_effect([0] * len(clusters), clusters) == (pytest.approx(worst), len(sizes))


def test_flips_that_stand_alone__let_it_fall_slowly_and_never_at_a_stroke():
    clusters, differences, effects = [case // 4 for case in range(400)], [0] * 400, []
    for cluster in range(101):
        effects.append(design_effect(differences, clusters)[0])
        differences[min(4 * cluster, 399)] = 1
    assert effects == sorted(effects, reverse=True)
    assert max(before / after for before, after in pairwise(effects)) < 1.07
    assert effects[0] == 4.0
    assert effects[-1] < 1.4


@st.composite
def clustered_counts(draw: st.DrawFn) -> list[list[int]]:
    size = draw(st.sampled_from([2, 4, 6, 8]))
    chance = np.random.default_rng(draw(st.integers(0, 10_000)))
    share, gained, alike = (draw(st.sampled_from(steps)) for steps in ((0.02, 0.1, 0.3), (0.35, 0.5, 0.8), (0.0, 0.5, 1.0)))
    groups = []
    for _ in range(draw(st.sampled_from([12, 20, 40, 80]))):
        first, *others = (int(d) for d in chance.choice([-1, 0, 1], size, p=[share * (1 - gained), 1 - share, share * gained]))
        groups.append([first, *(first if chance.random() < alike else other for other in others)])
    return groups


@given(clustered_counts(), st.sampled_from([0.03, 0.05, 0.1]))
@settings(max_examples=60, deadline=None)
def test_one_answer_worse__never_makes_it_held_or_improved_and_never_acquits(groups, margin):
    def counted(groups):
        flat = [(d, number) for number, group in enumerate(groups) for d in group]
        effect, clusters = design_effect(*zip(*flat, strict=True))
        return Counts(len(flat), sum(d > 0 for d, _ in flat), sum(d < 0 for d, _ in flat), effect, clusters)

    now = counted(groups)
    for place in {tuple(sorted(group)): number for number, group in enumerate(groups)}.values():
        for was, then in ((0, -1), (1, 0), (1, -1)):
            if was in groups[place]:
                worse = [list(group) for group in groups]
                worse[place][worse[place].index(was)] = then
                after = counted(worse)
                assert held(after, margin, 0.04) <= held(now, margin, 0.04)
                assert (p_up(after) <= 0.04) <= (p_up(now) <= 0.04)
                assert (p_down(after) <= 0.05) >= (p_down(now) <= 0.05)


@pytest.mark.full
@pytest.mark.parametrize("likeness", [0.5, 1.0])
@pytest.mark.parametrize("groups", [15, 40])
def test_clusters_of_four_to_eight__raise_a_false_alarm_in_at_most_six_and_a_half_in_a_hundred(groups, likeness):
    runs, draw, wrong = 2000, np.random.default_rng(groups), np.zeros(2)
    for _ in range(runs):
        for place, (margin, decided) in enumerate(
            ((0.05, lambda counts: held(counts, 0.05, 0.05)), (0.0, lambda counts: p_down(counts) <= 0.05))
        ):
            chances = [(0.2 + margin) / 2, 0.8, (0.2 - margin) / 2]
            differences, clusters = [], []
            for group in range(groups):
                first, *others = (int(d) for d in draw.choice([-1, 0, 1], draw.integers(4, 9), p=chances))
                differences += [first, *(first if draw.random() < likeness else other for other in others)]
                clusters += [group] * (1 + len(others))
            effect, count = design_effect(differences, clusters)
            wrong[place] += decided(Counts(len(differences), differences.count(1), differences.count(-1), effect, count))
    assert (wrong / runs <= 0.065).all()


def test_paraphrases_that_all_flip_together__count_once():
    together = [sign for sign in (1, -1, 0) * 20 for _ in range(4)]
    effect, _ = design_effect(together, [case // 4 for case in range(240)])
    assert effect == pytest.approx(4.0)


def test_paraphrases_that_cancel__count_as_flips_that_stand_together():
    assert design_effect([1, -1] * 20, [case // 2 for case in range(40)]) == (2.0, 20)


@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_order_and_names__do_not_matter(seed, shuffler):
    differences, clusters = drawn(seed, groups=15, size=4, likeness=0.5)
    order = list(range(len(differences)))
    shuffler.shuffle(order)
    there = design_effect(differences, clusters)
    again = design_effect([differences[i] for i in order], [f"cluster {clusters[i]}" for i in order])
    assert again[0] == pytest.approx(there[0], rel=1e-9)
    assert again[1] == there[1]


@given(st.lists(st.tuples(st.sampled_from((-1, 0, 1)), st.integers(0, 30)), max_size=120))
def test_effect__is_at_least_one_and_at_most_what_the_worst_case_allows(cases):
    differences, clusters = [d for d, _ in cases], [c for _, c in cases]
    if len(set(differences)) > 1 or Counter(differences)[0] == len(cases):
        effect, groups = design_effect(differences, clusters)
        assert 1.0 <= effect <= max(1.0, 2 * max(Counter(clusters).values(), default=1))
        assert groups in (None, len(set(clusters)))


@pytest.mark.parametrize("difference", [1, -1])
def test_when_every_case_flips_the_same_way__there_still_is_an_effect(difference):
    effect, groups = design_effect([difference] * 40, [case // 2 for case in range(40)])
    assert 1.0 <= effect <= 2.0
    assert groups == 20
