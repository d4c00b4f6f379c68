"""O'Brien-Fleming levels against tables and simulation; projections against the predictive distribution."""

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from evalgate.stats.paired import Counts
from evalgate.stats.sequential import at_the_end, boundary, cases_at, crossing, nominal_alpha, project


@pytest.mark.parametrize(
    ("alpha", "looks", "tabled"),
    [
        (0.025, 2, 1.977),
        (0.025, 3, 2.004),
        (0.025, 4, 2.024),
        (0.025, 5, 2.040),
        (0.05, 4, 1.733),
        (0.05, 5, 1.751),
        (0.005, 4, 2.609),
    ],
)
def test_the_boundary__is_the_tabled_one(alpha, looks, tabled):
    assert boundary(alpha, looks) == pytest.approx(tabled, abs=1.1e-3)


def test_with_one_look__the_level_is_alpha():
    assert nominal_alpha(0.05, 1, looks=1) == pytest.approx(0.05, abs=1e-7)


@pytest.mark.parametrize("alpha", [0.05, 0.04, 0.005, 0.05 / 8, 1e-5])
def test_all_looks_together__spend_alpha(alpha):
    limit = -ndtri(nominal_alpha(alpha, 4))
    assert crossing(limit) == pytest.approx(alpha, rel=1e-4)
    assert [-ndtri(nominal_alpha(alpha, look)) for look in (1, 2, 3)] == pytest.approx(
        [limit * (4 / look) ** 0.5 for look in (1, 2, 3)]
    )


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_a_slow_simulation__rejects_as_often_as_alpha(alpha):
    draws = 400_000
    sums = np.random.default_rng(1).normal(size=(draws, 4)).cumsum(axis=1) / np.sqrt([1, 2, 3, 4])
    levels = np.array([nominal_alpha(alpha, look) for look in (1, 2, 3, 4)])
    rejected = (ndtr(-sums) <= levels).any(axis=1).mean()
    assert rejected == pytest.approx(alpha, abs=4 * (alpha * (1 - alpha) / draws) ** 0.5)


def test_later_looks__may_spend_more_and_the_last_nearly_all():
    levels = [nominal_alpha(0.05, look) for look in (1, 2, 3, 4)]
    assert levels == sorted(levels)
    assert levels[0] < 0.0003
    assert 0.04 < levels[-1] < 0.05


@pytest.mark.parametrize(("alpha", "look"), [(0.05, 0), (0.05, 5), (0.0, 1), (0.6, 1)])
def test_no_such_look__is_refused(alpha, look):
    with pytest.raises(ValueError, match="looks count from 1"):
        nominal_alpha(alpha, look)


def test_looks__come_after_a_quarter_each():
    assert [cases_at(look, 1000) for look in (1, 2, 3, 4)] == [250, 500, 750, 1000]
    assert [cases_at(look, 10) for look in (1, 2, 3, 4)] == [3, 5, 8, 10]


class TestProjection:
    def test_mean_and_spread_are_those_of_the_predictive_distribution(self):
        counts, n_end, draws = Counts(250, 20, 10), 1000, 40_000
        gains, losses = project(counts, n_end, draws=draws, seed=3)
        for drawn, seen in ((gains, 20), (losses, 10)):
            a, total, m = seen + 0.5, 251.5, 750
            mean = seen + m * a / total
            spread = np.sqrt(m * a * (total - a) * (total + m) / total**2 / (total + 1))
            assert drawn.mean() == pytest.approx(mean, abs=5 * spread / np.sqrt(draws) + 0.05)
            assert drawn.std() == pytest.approx(spread, rel=0.03)

    def test_no_end_has_fewer_flips_than_were_counted_or_more_than_there_are_cases(self):
        for counts in (Counts(0, 0, 0), Counts(1, 1, 0), Counts(30, 15, 15), Counts(40, 3, 2, 4.0, 10)):
            gains, losses = project(counts, 100)
            assert len(gains) == len(losses) == 400
            assert gains.min() >= counts.gains
            assert losses.min() >= counts.losses
            assert (gains + losses).max() <= 100

    def test_at_the_end_nothing_is_left_to_chance(self):
        gains, losses = project(Counts(100, 7, 3), 100)
        assert set(gains) == {7}
        assert set(losses) == {3}

    def test_the_same_seed_gives_the_same_draws_and_another_nearly_the_same_share(self):
        counts = Counts(250, 20, 10)
        one, again, other = (project(counts, 1000, draws=4000, seed=seed) for seed in (1, 1, 2))
        assert np.array_equal(one, again)
        share = [np.mean(gains - losses >= 30) for gains, losses in (one, other)]
        assert share[0] == pytest.approx(share[1], abs=0.05)

    def test_clusters_make_it_less_certain(self):
        alone, grouped = Counts(200, 20, 10), Counts(200, 20, 10, 4.0, 50)
        assert project(grouped, 800, draws=4000)[0].std() > 1.5 * project(alone, 800, draws=4000)[0].std()

    def test_an_end_is_counts_again(self):
        assert at_the_end(Counts(250, 20, 10), 80, 40, 1000) == Counts(1000, 80, 40)
        assert at_the_end(Counts(200, 20, 10, 4.0, 50), 80, 40, 800) == Counts(800, 80, 40, 4.0, 200)

    def test_fewer_cases_than_are_counted_is_refused(self):
        with pytest.raises(ValueError, match="more than the 99"):
            project(Counts(100, 1, 1), 99)
