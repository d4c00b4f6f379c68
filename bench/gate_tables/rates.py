"""G1 to G4: how often the gate says what, over drawn comparisons."""

from typing import Literal

import numpy as np

from evalgate.judgement.gate import decide
from gate_tables.drawn import BUCKETS, MARGIN, Chances, Tables, comparisons, point_rule, policy, tables
from gate_tables.figure import Cell, cell

NS = (50, 100, 200, 500, 1000)
DS = (0.05, 0.10, 0.20, 0.30)
OTHERS_UP = 0.08


def verdicts(drawn: Tables, require: str = "improvement") -> list[str]:
    """What the gate says of each run."""
    return [decide(one, policy(require)).verdict for one in comparisons(drawn)]


def a_a_fails(seed: int, runs: int, n: int, d: float) -> Cell:
    """G1: nothing changed, the gate says fail; beside it, how often the point rule's bucket part fires."""
    drawn = tables(np.random.default_rng(seed), runs, n, [Chances.of(0.0, d)] * BUCKETS)
    return cell(f"n = {n}, d = {d:.2f}", verdicts(drawn).count("fail"), runs, float(point_rule(drawn).bucket_fires.mean()))


def lost_bucket_passes(seed: int, runs: int, n: int, d: float, others: float) -> Cell:
    """G2: one bucket truly lost the margin, the gate passes; `no_harm`, which passes more than `improvement`."""
    chances = [Chances.of(-MARGIN, d), *[Chances.of(others, d)] * (BUCKETS - 1)]
    drawn = tables(np.random.default_rng(seed), runs, n, chances)
    passed = verdicts(drawn, "no_harm").count("pass")
    return cell(f"n = {n}, d = {d:.2f}, others {100 * others:+.0f}", passed, runs, float(point_rule(drawn).passes.mean()))


def gain_passes(seed: int, runs: int, n: int, d: float, require: Literal["no_harm", "improvement"]) -> Cell:
    """G3: truly 5 points better everywhere, the gate passes."""
    drawn = tables(np.random.default_rng(seed), runs, n, [Chances.of(0.05, d)] * BUCKETS)
    return cell(f"n = {n}, d = {d:.2f}", verdicts(drawn, require).count("pass"), runs, float(point_rule(drawn).passes.mean()))


def lost_bucket_fails(seed: int, runs: int, n: int, d: float) -> Cell:
    """G4: one bucket truly lost 10 points while the others gained 8, the gate fails."""
    chances = [Chances.of(-0.10, d), *[Chances.of(OTHERS_UP, d)] * (BUCKETS - 1)]
    drawn = tables(np.random.default_rng(seed), runs, n, chances)
    failed = verdicts(drawn).count("fail")
    return cell(f"n = {n}, d = {d:.2f}, others +8", failed, runs, float((~point_rule(drawn).passes).mean()))
