"""G7: paraphrases that flip together, 4 to 8 cases a cluster."""

from typing import NamedTuple

import numpy as np

from evalgate.judgement.gate import decide
from evalgate.records.comparison import Comparison, Pairs
from evalgate.stats.clusters import design_effect
from evalgate.stats.paired import Counts, held, p_down
from gate_tables.drawn import BUCKETS, MARGIN, Chances, comparison, pairs, policy, sizes
from gate_tables.figure import Cell, cell

MEAN = 6
NOMINAL = 0.05


class Bucket(NamedTuple):
    """Differences of cases (1 gained, -1 lost, 0 neither) and the cluster of each."""

    differences: list[int]
    clusters: list[int]


def bucket(draw: np.random.Generator, n: int, chances: Chances, first: int) -> Bucket:
    """About n cases, in clusters whose cases flip together or not at all; clusters count from `first`."""
    cases = draw.integers(4, 8, size=max(round(n / MEAN), 1), endpoint=True)
    flips = draw.choice((1, -1, 0), size=len(cases), p=(chances.gain, chances.loss, 1 - chances.gain - chances.loss))
    numbers = np.arange(first, first + len(cases))
    return Bucket(np.repeat(flips, cases).tolist(), np.repeat(numbers, cases).tolist())


def clustered(scope: str, members: Bucket) -> Pairs:
    """The scope as a comparison has it."""
    gains, losses = members.differences.count(1), members.differences.count(-1)
    row = (gains, losses, len(members.differences) - gains - losses, 0)
    return pairs(scope, row, *design_effect(members.differences, members.clusters))


def drawn(draw: np.random.Generator, n: int, chances: Chances) -> Comparison:
    """Six buckets with the same chances."""
    found: list[Bucket] = []
    for size in sizes(n):
        found.append(bucket(draw, size, chances, first=1_000 * len(found)))
    together = Bucket([d for one in found for d in one.differences], [c for one in found for c in one.clusters])
    named = (clustered(f"bucket/{number}", one) for number, one in enumerate(found))
    return comparison(clustered("overall", together), named)


def lost_margin_held(seed: int, runs: int, n: int, d: float) -> tuple[Cell, Cell]:
    """Every bucket truly lost the margin: how many are held, by the gate, and by the test alone at 5 %."""
    draw, chances = np.random.default_rng(seed), Chances.of(-MARGIN, d)
    by_gate = by_test = ignoring = ignoring_gate = 0
    for _ in range(runs):
        one = drawn(draw, n, chances)
        verdict = decide(one, policy())
        by_gate += sum(scope.state == "held" for scope in verdict.scopes[1:])
        by_test += sum(held(counts(p), MARGIN, NOMINAL) for p in one.buckets)
        ignoring += sum(held(Counts(p.n, p.gains, p.losses), MARGIN, NOMINAL) for p in one.buckets)
        ignoring_gate += sum(held(Counts(p.n, p.gains, p.losses), MARGIN, verdict.alpha) for p in one.buckets)
    setting, asked = f"held, n = {n}, d = {max(d, MARGIN):.2f}", runs * BUCKETS
    return cell(setting, by_gate, asked, ignoring_gate / asked), cell(setting, by_test, asked, ignoring / asked)


class Unchanged(NamedTuple):
    """Cells of pairs in which nothing changed."""

    failed: Cell
    """The gate fails."""
    failed_share_apart: Cell
    """The gate fails, the rule on the share of losses switched off."""
    improved: Cell
    """The gate calls overall improved."""
    worse: Cell
    """Overall is called worse by the test alone at 5 %."""


def a_a_harmed(seed: int, runs: int, n: int, d: float) -> Unchanged:
    """What is said where nothing changed; beside each the same with clusters ignored."""
    draw, chances = np.random.default_rng(seed), Chances.of(0.0, d)
    hits, ignoring = np.zeros(4, dtype=int), np.zeros(4, dtype=int)
    for _ in range(runs):
        one = drawn(draw, n, chances)
        hits += alarms(one)
        ignoring += alarms(without_clusters(one))
    names = ("fail", "fail", "improved", "worse")
    told = [f"{name}, n = {n}, d = {d:.2f}" for name in names]
    return Unchanged(*(cell(*row) for row in zip(told, hits.tolist(), [runs] * 4, (ignoring / runs).tolist(), strict=True)))


def alarms(one: Comparison) -> list[bool]:
    """Whether each alarm of `Unchanged` goes off."""
    verdict, share_apart = decide(one, policy()), decide(one, policy(max_regression_share=1.0))
    overall = verdict.scopes[0]
    return [
        verdict.verdict == "fail",
        share_apart.verdict == "fail",
        overall.state == "improved",
        p_down(counts(one.overall)) <= NOMINAL,
    ]


def counts(one: Pairs) -> Counts:
    return Counts(one.n, one.gains, one.losses, one.design_effect, one.clusters)


def without_clusters(one: Comparison) -> Comparison:
    """The same counts as if every case stood alone."""

    def alone(p: Pairs) -> Pairs:
        return p.model_copy(
            update={"design_effect": 1.0, "clusters": None, "design_effect_if_lost": 1.0, "clusters_if_lost": None}
        )

    return one.model_copy(update={"overall": alone(one.overall), "buckets": tuple(map(alone, one.buckets))})
