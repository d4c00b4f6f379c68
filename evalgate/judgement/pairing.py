"""Cases with both sides' scores, and what a scope of them counts. A case is measured on both sides, or it is counted."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from evalgate.judgement.plan import Key, PlannedCase
from evalgate.records.comparison import Graded, Pairs
from evalgate.records.evaluation import CaseResult
from evalgate.stats.clusters import design_effect

RIGHT = 1.0
"""From this score on an answer is right, where no policy says otherwise; safety and format always ask for it."""
Sides = Sequence[Mapping[Key, CaseResult]]
"""Base's results and the candidate's, by case."""


class Pair(NamedTuple):
    """One planned case with its answers' scores; None where a side is not measured."""

    case: PlannedCase
    base: float | None
    candidate: float | None

    @property
    def measured(self) -> bool:
        """True when both sides have a score."""
        return self.base is not None and self.candidate is not None

    @property
    def cluster(self) -> Hashable:
        """Its cluster; a case without one is its own."""
        return self.case.key if self.case.cluster is None else self.case.cluster

    @property
    def lift(self) -> float:
        """Candidate's score less base's; -1 where it is not measured."""
        return -1.0 if self.base is None or self.candidate is None else self.candidate - self.base

    def flip(self, right_at: float) -> int:
        """1 for a gain, -1 for a loss, 0 when both are right or both are wrong; -1 where it is not measured."""
        if self.base is None or self.candidate is None:
            return -1
        return int(self.candidate >= right_at) - int(self.base >= right_at)


def paired(cases: Iterable[PlannedCase], sides: Sides, score: str | None) -> list[Pair]:
    """Every planned case with both sides' `score`; without one, with the score that decides a safety case."""
    pairs = []
    for case in cases:
        both = [side.get(case.key) for side in sides]
        decides = score or _common_score(both)
        base, candidate = (None if decides is None else value(result, decides) for result in both)
        pairs.append(Pair(case, base, candidate))
    return pairs


def between(pairs: Iterable[Pair]) -> list[str]:
    """Cases whose score on either side is neither 0 nor 1."""
    return [pair.case.case_id for pair in pairs if any(v not in (None, 0.0, 1.0) for v in (pair.base, pair.candidate))]


def value(result: CaseResult | None, score: str) -> float | None:
    """A result's value of `score`, or None when it is not measured."""
    return result.scores.get(score) if result is not None and result.status == "scored" else None


def count(
    scope: str,
    pairs: Sequence[Pair],
    *,
    graded: bool = False,
    right_at: float = RIGHT,
    reference: Sequence[float] | None = None,
) -> Pairs:
    """The paired counts of one scope; with `graded` the scores themselves too. `reference`: the scores of a third column."""
    measured = [pair for pair in pairs if pair.measured]
    flips = [pair.flip(right_at) for pair in measured]
    effect, clusters = design_effect(flips, [pair.cluster for pair in measured])
    effect_if_lost, clusters_if_lost = design_effect([p.flip(right_at) for p in pairs], [pair.cluster for pair in pairs])
    right = [pair.base is not None and pair.base >= right_at for pair in measured]
    return Pairs(
        scope=scope,
        n=len(measured),
        both_right=sum(was and not flip for was, flip in zip(right, flips, strict=True)),
        gains=flips.count(1),
        losses=flips.count(-1),
        both_wrong=sum(not was and not flip for was, flip in zip(right, flips, strict=True)),
        unmeasured=len(pairs) - len(measured),
        design_effect=effect,
        clusters=clusters,
        design_effect_if_lost=effect_if_lost,
        clusters_if_lost=clusters_if_lost,
        graded=_graded(measured) if graded and measured else None,
        reference_right=None if reference is None else sum(v >= right_at for v in reference),
        reference_n=None if reference is None else len(reference),
    )


def _graded(measured: Sequence[Pair]) -> Graded:
    """Sums of differences per cluster, in an order that does not depend on the cases'."""
    members: dict[Hashable, list[float]] = defaultdict(list)
    for pair in measured:
        members[pair.cluster].append(pair.lift)
    units = tuple(sorted((round(math.fsum(lifts), 12), len(lifts)) for lifts in members.values()))
    base = math.fsum(pair.base or 0.0 for pair in measured) / len(measured)
    candidate = math.fsum(pair.candidate or 0.0 for pair in measured) / len(measured)
    return Graded(units=units, base=min(base, 1.0), candidate=min(candidate, 1.0))


def _common_score(both: Sequence[CaseResult | None]) -> str | None:
    """The score that decides a safety case: the one that each side has, the same on both; None where there is none."""
    names = [set(result.scores) for result in both if result is not None and result.scores]
    common = names[0].intersection(*names[1:]) if names else set()
    if len(names) < len(both) or any(len(n) > 1 for n in names):
        return "refusal" if "refusal" in common else None
    return next(iter(common), None)
