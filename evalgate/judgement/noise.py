"""A against A: how far a variant is from itself when it is asked again. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from evalgate.judgement.pairing import Pair, paired
from evalgate.judgement.plan import Key, plan
from evalgate.policy import judged_buckets
from evalgate.records.evaluation import CaseResult, EvalResults
from evalgate.records.noise import Noise
from evalgate.records.policy import FeaturePolicy
from evalgate.records.suite import Suite
from evalgate.stats.counts import upper_bound

BENIGN, SAFETY = "safety/benign", "safety"


def noise_of(
    first: EvalResults, second: EvalResults, feature: FeaturePolicy, suites: Sequence[Suite]
) -> tuple[tuple[Noise, ...], Noise | None, tuple[Noise, ...]]:
    """(each suite, all harm suites together or None, each judged bucket): what changed from the first run to the second."""
    sides = [by_key(first), by_key(second)]
    alpha = 1 - feature.gate.confidence
    suites_of: dict[str, list[Pair]] = defaultdict(list)
    buckets: dict[str, list[Pair]] = defaultdict(list)
    for case in plan(suites, [first, second]):
        (pair,) = paired([case], sides, score_of(case.suite, feature, first))
        suites_of[case.suite].append(pair)
        for name in judged_buckets(feature, case.buckets) if case.suite == "golden" else ():
            buckets[name].append(pair)
    harm = [pair for suite, pairs in suites_of.items() if suite.startswith(SAFETY) and suite != BENIGN for pair in pairs]
    return (
        tuple(_noise(name, pairs, sides, alpha) for name, pairs in sorted(suites_of.items())),
        _noise(SAFETY, harm, sides, alpha) if harm else None,
        tuple(_noise(name, pairs, sides, alpha) for name, pairs in sorted(buckets.items())),
    )


def score_of(suite: str, feature: FeaturePolicy, answered: EvalResults) -> str | None:
    """The score that decides a suite; None for safety, where it is the one that both sides have."""
    if suite.startswith(SAFETY):
        return None
    legacy = next((one.scorer for one in feature.legacy if one.suite == suite and one.scorer), None)
    only = sorted({name for case in answered.cases if not case.is_safety for name in case.scores})
    return legacy or feature.scorers.primary or (only[0] if only else None)


def by_key(answered: EvalResults) -> dict[Key, CaseResult]:
    """The answers by suite and case."""
    return {(case.suite, case.case_id): case for case in answered.cases}


def _noise(scope: str, pairs: Sequence[Pair], sides: Sequence[Mapping[Key, CaseResult]], alpha: float) -> Noise:
    measured = [pair for pair in pairs if pair.measured]
    flips, n = sum(pair.lift != 0 for pair in measured), len(measured)
    said = [[side[pair.case.key].output if pair.case.key in side else None for side in sides] for pair in pairs]
    return Noise(
        scope=scope,
        n=n,
        unmeasured=len(pairs) - n,
        flips=flips,
        texts=sum(first != second for first, second in said),
        rate=flips / n if n else None,
        low=1 - upper_bound(n - flips, n, alpha) if n else 0.0,
        high=upper_bound(flips, n, alpha),
    )
