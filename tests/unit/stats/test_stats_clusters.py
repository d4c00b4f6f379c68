"""The design effect against its formula in exact fractions, and cases whose answer is known."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.stats.clusters import FEW_FLIPPING_CLUSTERS, design_effect


def slow(differences: list[int], clusters: list[int]) -> Fraction:
    """Sum over all pairs of cases of one cluster, over the sum over cases, each with its small-sample factor."""
    n, groups = len(differences), len(set(clusters))
    mean = Fraction(sum(differences), n)
    pairs = ((i, j) for i in range(n) for j in range(n) if clusters[i] == clusters[j])
    robust = sum((differences[i] - mean) * (differences[j] - mean) for i, j in pairs) * Fraction(groups, groups - 1)
    return max(Fraction(1), robust / (sum((d - mean) ** 2 for d in differences) * Fraction(n, n - 1)))


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
def test_effect__is_the_robust_variance_over_the_independent_one(seed, likeness):
    differences, clusters = drawn(seed, groups=40, size=5, likeness=likeness)
    effect, groups = design_effect(differences, clusters)
    assert effect == pytest.approx(float(slow(differences, clusters)), rel=1e-9)
    assert groups == 40


@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_singletons__have_no_effect_and_are_not_called_clusters(n):
    assert design_effect([1] * n, range(n)) == (1.0, None)


def test_one_giant_cluster__counts_as_one_case():
    assert design_effect([1, -1, 0] * 10, ["same"] * 30) == (30.0, 1)


def test_few_flipping_clusters__take_the_worst_case_of_their_sizes():
    sizes = [4, 3, 1, 1, 6, 5]
    clusters = [group for group, size in enumerate(sizes) for _ in range(size)]
    assert design_effect([1] + [0] * 19, clusters) == (sum(s * s for s in sizes) / 20, 6)


def test_the_tenth_flipping_cluster__lets_the_robust_variance_be_believed():
    clusters = [group for group in range(20) for _ in range(4)]
    differences = [int(case % 4 == 0 and case // 4 < FEW_FLIPPING_CLUSTERS - 1) for case in range(80)]
    assert design_effect(differences, clusters) == (4.0, 20)
    differences[4 * FEW_FLIPPING_CLUSTERS] = 1
    assert design_effect(differences, clusters)[0] < 1.5


def test_paraphrases_that_all_flip_together__count_once():
    together = [sign for sign in (1, -1, 0) * 20 for _ in range(4)]
    effect, _ = design_effect(together, [case // 4 for case in range(240)])
    assert effect == pytest.approx(4.0, rel=0.05)


def test_paraphrases_that_cancel__are_never_worth_more_than_independent_cases():
    assert design_effect([1, -1] * 20, [case // 2 for case in range(40)]) == (1.0, 20)


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
