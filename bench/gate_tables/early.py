"""G9: what early stopping saves, and what it costs: the real order of cases, levels, verdicts and stopping rule."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalgate.judgement.gate import decide, error_rates
from evalgate.judgement.looks import asked_until
from evalgate.judgement.plan import PlannedCase
from evalgate.judgement.stopping import DRAWS, sizes, stops_at
from evalgate.records.comparison import Comparison
from evalgate.records.policy import FeaturePolicy
from evalgate.stats.sequential import LOOKS
from gate_tables import drawn
from gate_tables.drawn import BUCKETS, Chances, Tables, policy
from gate_tables.figure import Cell, cell

FEW_DRAWS = 60
"""Draws of the projection in these runs, for speed; `more_draws` shows what the gate's own number changes."""
NS = (500, 1000)
DS = (0.10, 0.20)


class Scenario(NamedTuple):
    """What is true."""

    name: str
    lifts: tuple[float, ...]
    """A bucket each."""
    require: str = "improvement"


UP = Scenario("truly +5 everywhere", (0.05,) * BUCKETS)
SAME = Scenario("nothing changed", (0.0,) * BUCKETS)
DOWN = Scenario("all is down 10", (-0.10,) * BUCKETS)
ONE_DOWN = Scenario("a bucket truly down 10, others +8", (-0.10, *[0.08] * (BUCKETS - 1)))
ONE_DOWN_ALONE = Scenario("a bucket truly down 10, others as before", (-0.10, *[0.0] * (BUCKETS - 1)))
SCENARIOS = (UP, SAME, DOWN, ONE_DOWN, ONE_DOWN_ALONE)


class Early(NamedTuple):
    """One scenario at one n and d, with looks; beside each the same runs with every case asked."""

    cases: Cell
    """Share of the cases that is asked; beside it 1."""
    passes: Cell
    fails: Cell
    fails_lost: Cell
    """Share of runs that fail when every case is asked, less the share with looks; it may be below 0."""


def with_looks(seed: int, runs: int, n: int, d: float, scenario: Scenario, draws: int = FEW_DRAWS) -> Early:
    """Early stopping against fixed n, on the same answers."""
    draw, feature = np.random.default_rng(seed), policy(scenario.require)
    chances = [Chances.of(lift, d) for lift in scenario.lifts]
    early, late, asked = [], [], []
    for _ in range(runs):
        seen = at_looks(draw, n, chances)
        share, said = stopped(seen, feature, draws)
        asked.append(share)
        early.append(said)
        late.append(decide(comparison(seen[-1], None), feature).verdict)
    setting = f"n = {n}, d = {d:.2f}"
    passes, fails = (cell(setting, early.count(said), runs, late.count(said) / runs) for said in ("pass", "fail"))
    return Early(mean(setting, asked, 1.0), passes, fails, lost(setting, early, late))


def more_draws(seed: int, runs: int, n: int, d: float, scenario: Scenario) -> Cell:
    """Share of the cases that is asked with the gate's own number of draws; beside it with few, on the same answers."""
    many, few = (with_looks(seed, runs, n, d, scenario, draws).cases for draws in (DRAWS, FEW_DRAWS))
    return many._replace(setting=f"{scenario.name}, {many.setting}", peer=few.gate)


def stopped(seen: Tables, feature: FeaturePolicy, draws: int) -> tuple[float, str]:
    """The share of cases that was asked when asking ended, and the verdict there."""
    rates, end = error_rates(feature.gate, 1, LOOKS), at_end(int(seen[-1].sum()))
    for look, table in enumerate(seen, start=1):
        found = comparison(table, look)
        verdict = decide(found, feature)
        if stops_at(verdict, found, feature.gate, end, rates, draws=draws):
            break
    return found.overall.n / end["overall"], verdict.verdict


def at_looks(draw: np.random.Generator, n: int, chances: Sequence[Chances]) -> Tables:
    """What is counted at each look: looks x buckets x (gains, losses, right on both sides, wrong on both sides)."""
    parts = [[draw.multinomial(m, drawn.of_case(c)) for m, c in zip(new, chances, strict=True)] for new in new_cases(n)]
    return np.array(parts).cumsum(axis=0)


@functools.cache
def new_cases(n: int) -> tuple[tuple[int, ...], ...]:
    """Cases of each bucket that each look adds, in the order in which they are really asked."""
    cases = planned(n)
    until = [[0] * BUCKETS]
    for look in range(1, LOOKS + 1):
        asked = [case.buckets["bucket"] for case in asked_until(look, cases)]
        until.append([asked.count(str(number)) for number in range(BUCKETS)])
    return tuple(tuple(row) for row in np.diff(until, axis=0).tolist())


@functools.cache
def at_end(n: int) -> dict[str, int]:
    return sizes(policy(), planned(n))


def planned(n: int) -> list[PlannedCase]:
    """n golden cases in six buckets."""
    return [PlannedCase("golden", f"case-{i}", {"bucket": str(i % BUCKETS)}, None) for i in range(n)]


def comparison(table: NDArray[np.int64], look: int | None) -> Comparison:
    """The record of one look, or of all cases at once."""
    (found,) = drawn.comparisons(table[None])
    return found.model_copy(update={"look": look})


def mean(setting: str, shares: Sequence[float], peer: float) -> Cell:
    """The mean of shares that were drawn, with its standard error."""
    return Cell(setting, float(np.mean(shares)), float(np.std(shares)) / math.sqrt(len(shares)), peer)


def lost(setting: str, early: Sequence[str], late: Sequence[str]) -> Cell:
    """How much more often the gate fails with every case; the same runs on both sides, so that most of the luck cancels."""
    apart = [float(after == "fail") - float(before == "fail") for before, after in zip(early, late, strict=True)]
    found = mean(setting, apart, 0.0)
    return found._replace(error=max(found.error, 1 / len(apart)), peer=None)
