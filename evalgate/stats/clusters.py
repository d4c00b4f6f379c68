"""What paraphrases of one question cost: the design effect of clustered pairs."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

PRESUMED = 3
"""Clusters that are presumed to have flipped as a whole, beside those that were seen (simulated, ADR 0019)."""


def design_effect(differences: Sequence[int], clusters: Sequence[Hashable]) -> tuple[float, int | None]:
    """(variance inflation >= 1, number of clusters); (1, None) when every case is its own cluster.

    How many flips stand in the cluster of a flip, on average: sum(f^2)/sum(f) with f the flips of a cluster, gains and losses
    alike, and three clusters of the usual size that flip as a whole added (ADR 0019). With no flip that is the worst case,
    sum(s^2)/n with s the cluster sizes. It falls so slowly with each further flip that one more loss never helps.
    """
    members: dict[Hashable, list[int]] = defaultdict(list)
    for difference, cluster in zip(differences, clusters, strict=True):
        members[cluster].append(difference)
    n, groups = len(differences), len(members)
    if groups == n:
        return 1.0, None
    flips = [sum(difference != 0 for difference in group) for group in members.values()]
    together = sum(count * count for count in flips) + PRESUMED * sum(len(group) ** 2 for group in members.values()) / groups
    return max(1.0, together / (sum(flips) + PRESUMED * n / groups)), groups
