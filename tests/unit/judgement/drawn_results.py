"""Results drawn as text.

`results("refund: + + - ?")` is what one variant answered in the bucket intent/refund: + right, - wrong, ? errored,
! unscorable, _ no line at all. `both("refund: ++*40 +-*2")` draws base and candidate together, a mark each. `*40` stands
for forty such cases; `|` or a new line begins the next bucket; a suite such as `safety/jailbreak` takes a bucket's place.
"""

from collections.abc import Iterator
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


def results(drawing: str, variant: str = "base", **fields: Any) -> EvalResults:
    """One side."""
    return _side(variant, [(name, number, marks) for name, number, marks in _cases(drawing)], 0, fields)


def both(drawing: str, **fields: Any) -> tuple[EvalResults, EvalResults]:
    """Base and candidate. `clusters=4` lets four neighbours of a bucket be paraphrases of one question."""
    cases = list(_cases(drawing))
    return _side("base", cases, 0, fields), _side("candidate", cases, 1, fields)


def judged(drawing: str, *, attempt: int = 1, clusters: int | None = None, **gate: Any) -> Verdict:
    """The verdict on both sides of a drawing, with these settings of the gate."""
    return verdict_on(*both(drawing, clusters=clusters), attempt=attempt, **gate)


def verdict_on(
    base: EvalResults, candidate: EvalResults, *, attempt: int = 1, suites: tuple[Suite, ...] = (), **gate: Any
) -> Verdict:
    """The verdict on two results."""
    policy = feature(**gate)
    return decide(compare(base, candidate, policy, suites=suites), policy, attempt=attempt)


def feature(**gate: Any) -> FeaturePolicy:
    return FeaturePolicy(gate=GatePolicy(**gate))


def suite_of(side: EvalResults, name: str = "golden") -> Suite:
    """The suite that a side answered, as the policy's files would give it."""
    cases = tuple(
        Case(id=case.case_id, input="?", expected="!", buckets=case.buckets, cluster=case.cluster)
        for case in side.cases
        if case.suite == name
    )
    return Suite(name=name, sha256="0" * 64, cases=cases)


def reasons(verdict: Verdict) -> list[str]:
    """Such as `["bucket intent/refund unclear"]`: what decided."""
    return [f"{reason.rule} {reason.scope} {reason.state}" for reason in verdict.reasons]


def _cases(drawing: str) -> Iterator[tuple[str, int, str]]:
    """Name of the bucket or suite, number of the case in it, and its marks."""
    for line in drawing.replace("|", "\n").split("\n"):
        name, _, words = line.strip().partition(": ")
        number = 0
        for word in words.split():
            marks, _, times = word.partition("*")
            for _ in range(int(times or 1)):
                number += 1
                yield name, number, marks


def _side(variant: str, cases: list[tuple[str, int, str]], side: int, fields: dict[str, Any]) -> EvalResults:
    size, score = fields.get("clusters"), fields.get("score", "exact_json")
    header = ResultsHeader(record="header", schema_version=1, feature=FEATURE, variant=variant)
    return EvalResults(
        header=header,
        cases=tuple(
            CaseResult(
                case_id=f"{name}-{number}",
                suite=name if name.startswith("safety") else "golden",
                buckets={} if name.startswith("safety") else {"intent": name},
                cluster=f"{name}~{(number - 1) // size}" if size else None,
                status=STATUS.get(marks[side], "scored"),  # type: ignore[arg-type]
                scores={score: SCORE[marks[side]]} if marks[side] in SCORE else {},
            )
            for name, number, marks in cases
            if marks[side] != "_"
        ),
    )
