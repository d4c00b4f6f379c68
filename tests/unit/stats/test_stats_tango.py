"""Tango's score statistic against a slow constrained maximum of the likelihood."""

import math

import pytest

from evalgate.stats.paired import Counts, tango

MARGINS = (-0.9, -0.5, -0.1, -0.03, 0.0, 0.03, 0.05, 0.1, 0.5, 0.9)


def likeliest_loss_share(n: int, b: int, c: int, margin: float) -> float:
    """The loss share that makes (b, c) most likely when gains are rarer by `margin`.

    The log-likelihood b log(q - margin) + c log q + (n - b - c) log(1 - 2q + margin) is concave in q, so its maximum is
    where its slope changes sign.
    """

    def slope(q: float) -> float:
        parts = ((b, q - margin, 1), (c, q, 1), (n - b - c, 1 - 2 * q + margin, -2))
        return sum(count * step / share for count, share, step in parts if count and share) + sum(
            step * math.inf for count, share, step in parts if count and not share
        )

    low, high = max(0.0, margin), (1 + margin) / 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return (low + high) / 2


def slow_score(n: int, b: int, c: int, margin: float) -> float:
    """(D + margin) over its standard error, both under the likeliest shares with D = -margin."""
    q = likeliest_loss_share(n, b, c, margin)
    variance = n * (q - margin + q - margin**2)
    return (b - c + n * margin) / math.sqrt(variance)


def outcomes(n: int) -> list[tuple[int, int]]:
    steps = sorted({0, 1, 2, n // 10, n // 3, n - 1, n} & set(range(n + 1)))
    return [(b, c) for b in steps for c in steps if b + c <= n]


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("n", [1, 2, 3, 17, 100, 1000])
def test_tango__is_the_score_at_the_likeliest_shares_under_the_hypothesis(n, margin):
    for b, c in outcomes(n):
        if margin or b + c:
            assert tango(Counts(n, b, c), margin) == pytest.approx(slow_score(n, b, c, margin), rel=1e-6, abs=1e-6)


def test_tango__at_margin_zero_is_mcnemars_z():
    assert tango(Counts(500, 30, 12), 0.0) == pytest.approx((30 - 12) / math.sqrt(42))


def test_tango__is_zero_where_nothing_varies():
    assert tango(Counts(0, 0, 0), 0.1) == tango(Counts(9, 0, 0), 0.0) == 0.0


@pytest.mark.parametrize("margin", MARGINS)
def test_tango__seen_from_the_other_variant_changes_its_sign(margin):
    for b, c in outcomes(40):
        there = Counts(40, b, c)
        assert tango(there.flipped(), -margin) == pytest.approx(-tango(there, margin), abs=1e-9)


def test_tango__grows_with_the_margin():
    for b, c in outcomes(40):
        values = [tango(Counts(40, b, c), step / 50) for step in range(-49, 50)]
        assert values == sorted(values)


def test_tango__shrinks_by_the_root_of_the_design_effect():
    assert tango(Counts(100, 9, 4, 4.0, 25), 0.05) == pytest.approx(tango(Counts(100, 9, 4), 0.05) / 2)
