"""Which cases a judgement is about: the policy's suites, or the union of both sides where it names none."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from evalgate.records.evaluation import CaseResult, EvalResults
from evalgate.records.suite import Suite

Key = tuple[str, str]
"""(suite, case id)."""


class PlannedCase(NamedTuple):
    """A case that must be measured on both sides."""

    suite: str
    case_id: str
    buckets: Mapping[str, str]
    cluster: str | None
    expected: Any = None
    """What the suite expects of the answer; None where no suite says it."""

    @property
    def key(self) -> Key:
        """What pairs it."""
        return self.suite, self.case_id


def plan(suites: Sequence[Suite], sides: Sequence[EvalResults]) -> list[PlannedCase]:
    """Every case of the suites; for golden or safety without a suite, every case that any side has. In a fixed order."""
    named = [PlannedCase(s.name, case.id, case.buckets, case.cluster, case.expected) for s in suites for case in s.cases]
    """Safety cases that only a results file has count too: a policy cannot hide one by leaving it out."""
    closed = {"golden"} if any(case.suite == "golden" for case in named) else set()
    found = {case.key: case for case in named}
    for result in (result for side in sides for result in side.cases):
        if result.suite.split("/")[0] not in closed:
            case = PlannedCase(result.suite, result.case_id, result.buckets, result.cluster)
            found.setdefault(case.key, case)
    return sorted(found.values(), key=lambda case: case.key)


def contradictions(cases: Iterable[PlannedCase], suites: Sequence[Suite], sides: Sequence[EvalResults]) -> list[str]:
    """Where a side tells another story of a case than the plan: other buckets, another cluster, a case of no suite."""
    planned = {case.key: case for case in cases}
    from_policy = {s.name.split("/")[0] for s in suites}
    found = []
    for side in sides:
        name = side.header.variant_name
        foreign = [result.case_id for result in side.cases if (result.suite, result.case_id) not in planned]
        if foreign:
            found.append(f"{name} has {len(foreign)} cases that no suite has, such as {min(foreign)!r}: evaluate it again")
        other = [result.case_id for result in side.cases if _differs(result, planned, from_policy)]
        if other:
            found.append(
                f"{name} has {len(other)} cases in other buckets or clusters than the suite, such as {min(other)!r}: "
                "a renamed bucket is not the same bucket; evaluate it again"
            )
    return found


def _differs(result: CaseResult, planned: Mapping[Key, PlannedCase], from_policy: set[str]) -> bool:
    case = planned.get((result.suite, result.case_id))
    if case is None:
        return False
    if result.suite.split("/")[0] in from_policy and not result.buckets and result.cluster is None:
        return False  # a file that leaves them out takes the suite's
    return dict(result.buckets) != dict(case.buckets) or result.cluster != case.cluster
