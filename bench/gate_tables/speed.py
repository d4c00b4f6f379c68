"""G10: how long statistics and reports take for 1,000 cases in six buckets."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from evalgate.judgement.compare import compare
from evalgate.judgement.gate import decide
from evalgate.records.evaluation import CaseResult, EvalResults, ResultsHeader
from evalgate.records.policy import FeaturePolicy
from evalgate.stages.gate import reports
from gate_tables.drawn import BUCKETS, MARGIN

CASES = 1_000
ROUNDS = 5
D = 0.20


def results(seed: int, variant: str, right: np.ndarray[Any, Any]) -> EvalResults:
    """One side's answers, a case a bucket in turn."""
    words = [f"answer {number}" for number in np.random.default_rng(seed).integers(0, 50, size=len(right))]
    cases = (
        CaseResult(
            case_id=f"case-{number}",
            buckets={"intent": f"intent-{number % BUCKETS}"},
            status="scored",
            scores={"exact_json": float(is_right)},
            output=word,
        )
        for number, (is_right, word) in enumerate(zip(right, words, strict=True))
    )
    header = ResultsHeader.model_validate({"record": "header", "schema": 1, "feature": "drawn", "variant": variant})
    return EvalResults(header=header, cases=tuple(cases))


def sides(seed: int) -> tuple[EvalResults, EvalResults]:
    """Base and candidate, a fifth of the cases different."""
    draw = np.random.default_rng(seed)
    base = draw.random(CASES) < 0.8
    return results(seed, "base", base), results(seed, "candidate", base ^ (draw.random(CASES) < D))


def judged(base: EvalResults, candidate: EvalResults, feature: FeaturePolicy) -> int:
    """Comparison, verdict and every report; their size, so that all of it is made."""
    comparison = compare(base, candidate, feature)
    told = reports(comparison, decide(comparison, feature))
    return sum(map(len, told.values()))


def plain(base: EvalResults, candidate: EvalResults, _feature: FeaturePolicy) -> int:
    """The peer: the same pairs counted and held against thresholds in a plain loop, nothing tested or written."""
    before = {case.case_id: case for case in base.cases}
    cases: Counter[str] = Counter()
    lift: dict[str, float] = defaultdict(float)
    for case in candidate.cases:
        for scope in ("overall", *(f"{name}/{value}" for name, value in case.buckets.items())):
            cases[scope] += 1
            lift[scope] += case.scores["exact_json"] - before[case.case_id].scores["exact_json"]
    return sum(lift[scope] / cases[scope] < -MARGIN for scope in cases)


def seconds(work: Callable[..., int], *given: Any) -> float:
    """Seconds of one core, the least of some rounds: a busy machine only ever adds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        work(*given)
        best = min(best, time.process_time() - started)
    return best
