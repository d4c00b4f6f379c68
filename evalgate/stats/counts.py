"""Bounds and tests on counts: binomial tails, the mid-p McNemar test, Clopper-Pearson."""

from scipy.special import bdtr, bdtrc, betaincinv


def mid_p(hits: int, misses: int) -> float:
    """One-sided mid-p value of "hits outnumber misses" when either is equally likely.

    P(X > hits) + P(X = hits)/2 with X ~ Bin(hits + misses, 1/2): the mid-p McNemar test of Fagerland, Lydersen and
    Laake (2013). 1 when there is no flip at all, so that nothing is ever proven by no evidence.
    """
    flips = hits + misses
    if flips == 0:
        return 1.0
    above = float(bdtrc(hits, flips, 0.5)) if hits < flips else 0.0
    at_least = 1.0 if hits == 0 else float(bdtrc(hits - 1, flips, 0.5))
    return (above + at_least) / 2


def tail(hits: int, n: int, share: float) -> float:
    """P(Bin(n, share) >= hits): the p-value of "the true share is above `share`"; 1 at n = 0 or hits = 0."""
    return 1.0 if hits <= 0 or n == 0 else 1.0 - float(bdtr(hits - 1, n, share))


def upper_bound(hits: float, n: float, alpha: float) -> float:
    """Upper 1 - alpha confidence bound of a share (Clopper and Pearson 1934); 1 at n = 0 or hits = n.

    With no hit it is 1 - alpha^(1/n), about 3/n at 95 %. Fractional counts come from a design effect.
    """
    if n <= 0 or hits >= n:
        return 1.0
    return 1.0 - float(betaincinv(n - hits, hits + 1, alpha))  # = Beta^-1(1 - alpha; hits + 1, n - hits), for tiny alpha too
