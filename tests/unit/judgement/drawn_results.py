"""Results drawn as text.

`results("refund: + + - ?")` is what one variant answered in the bucket intent/refund: + right, - wrong, ? errored,
! unscorable, _ no line at all. `both("refund: ++*40 +-*2")` draws base and candidate together, a mark each. `*40` stands
for forty such cases; `|` or a new line begins the next bucket; a suite such as `safety/jailbreak` takes a bucket's place.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from evalgate.judgement.compare import compare
from evalgate.judgement.gate import decide
from evalgate.records.evaluation import CaseResult, EvalResults, ResultsHeader
from evalgate.records.policy import FeaturePolicy, GatePolicy
from evalgate.records.suite import Case, Suite
from evalgate.records.verdict import Verdict

FEATURE = "support-intent"
SCORE = {"+": 1.0, "-": 0.0}
STATUS = {"?": "errored", "!": "unscorable"}


def results(drawing: str, variant: str = "base", clusters: int | None = None) -> EvalResults:
    """What one variant answered. `clusters=4`: four neighbours of a bucket are paraphrases of one question."""
    return _side(drawing, 0, variant, clusters)


def both(drawing: str, clusters: int | None = None) -> tuple[EvalResults, EvalResults]:
    """What base and candidate answered."""
    return _side(drawing, 0, "base", clusters), _side(drawing, 1, "candidate", clusters)


def judged(drawing: str, *, attempt: int = 1, clusters: int | None = None, **gate: Any) -> Verdict:
    """The verdict on both sides of a drawing, with these settings of the gate."""
    return verdict_on(*both(drawing, clusters), attempt=attempt, **gate)


def verdict_on(
    base: EvalResults, candidate: EvalResults, *, attempt: int = 1, suites: tuple[Suite, ...] = (), **gate: Any
) -> Verdict:
    """The verdict on two results."""
    policy = feature(**gate)
    return decide(compare(base, candidate, policy, suites=suites), policy, attempt=attempt)


def feature(**gate: Any) -> FeaturePolicy:
    """A policy that holds nothing but a gate and the score that decides."""
    return FeaturePolicy.model_validate({"gate": GatePolicy(**gate), "scorers": {"primary": "exact_json"}})


def suite_of(side: EvalResults, name: str = "golden") -> Suite:
    """The suite that a side answered, as the policy's files would give it."""
    cases = tuple(
        Case(id=case.case_id, input="?", expected="!", buckets=case.buckets, cluster=case.cluster)
        for case in side.cases
        if case.suite == name
    )
    return Suite(name=name, sha256="0" * 64, cases=cases)


def each(side: EvalResults, change: Callable[[int, CaseResult], dict[str, Any]]) -> EvalResults:
    """The results with every case's fields changed as `change(number, case)` says."""
    cases = tuple(case.model_copy(update=change(number, case)) for number, case in enumerate(side.cases))
    return side.model_copy(update={"cases": cases})


def reasons(verdict: Verdict) -> list[str]:
    """Such as `["bucket intent/refund unclear"]`: what decided."""
    return [f"{reason.rule} {reason.scope} {reason.state}" for reason in verdict.reasons]


def _cases(drawing: str) -> Iterator[tuple[str, int, str]]:
    """Name of the bucket or suite, number of the case in it, and its marks."""
    for line in drawing.replace("|", "\n").split("\n"):
        name, _, words = line.strip().partition(":")
        number = 0
        for word in words.split():
            marks, _, times = word.partition("*")
            for _ in range(int(times or 1)):
                number += 1
                yield name, number, marks


def _side(drawing: str, side: int, variant: str, clusters: int | None) -> EvalResults:
    header = ResultsHeader(record="header", schema_version=1, feature=FEATURE, variant=variant)
    drawn = ((name, number, marks[side]) for name, number, marks in _cases(drawing))
    return EvalResults(header=header, cases=tuple(_case(*case, clusters) for case in drawn if case[2] != "_"))


@functools.cache
def _case(name: str, number: int, mark: str, clusters: int | None) -> CaseResult:
    safety = name.startswith("safety")
    return CaseResult.model_validate(
        {
            "case_id": f"{name}-{number}",
            "suite": name if safety else "golden",
            "buckets": {} if safety else {"intent": name},
            "cluster": f"{name}~{(number - 1) // clusters}" if clusters else None,
            "status": STATUS.get(mark, "scored"),
            "scores": {"refusal" if safety else "exact_json": SCORE[mark]} if mark in SCORE else {},
        }
    )
