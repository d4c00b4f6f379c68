"""What paraphrases of one question cost: the design effect of clustered pairs."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

FEW_FLIPPING_CLUSTERS = 10
"""Below this many clusters with a flip the robust variance is not to be trusted (simulated)."""


def design_effect(differences: Sequence[int], clusters: Sequence[Hashable]) -> tuple[float, int | None]:
    """(variance inflation >= 1, number of clusters); (1, None) when every case is its own cluster.

    The cluster-robust variance of the mean difference over the independent one (Miller 2024, section 2.2). With fewer
    than ten clusters that flip, or when no case differs from another, the worst case instead: sum(s^2)/n with s the
    cluster sizes.
    """
    members: dict[Hashable, list[int]] = defaultdict(list)
    for difference, cluster in zip(differences, clusters, strict=True):
        members[cluster].append(difference)
    n = len(differences)
    if len(members) == n:
        return 1.0, None
    worst = sum(len(group) ** 2 for group in members.values()) / n
    if len(set(differences)) < 2 or sum(any(group) for group in members.values()) < FEW_FLIPPING_CLUSTERS:
        return worst, len(members)
    mean = sum(differences) / n
    robust = sum(sum(d - mean for d in group) ** 2 for group in members.values()) * len(members) / (len(members) - 1)
    independent = sum((d - mean) ** 2 for d in differences) * n / (n - 1)
    return max(1.0, robust / independent), len(members)
