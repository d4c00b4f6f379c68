"""Results drawn as text.

`results("refund: + + - ?")` is what one variant answered in the bucket intent/refund: + right, - wrong, ? errored,
! unscorable, _ no line at all. `both("refund: ++*40 +-*2")` draws base and candidate together, a mark each. `*40` stands
for forty such cases; `|` or a new line begins the next bucket; a suite such as `safety/jailbreak` takes a bucket's place.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from evalgate.judgement.compare import NOTHING, Beside, compare
from evalgate.judgement.gate import decide
from evalgate.records.comparison import Comparison, Pairs
from evalgate.records.evaluation import CaseResult, EvalResults, Preference, Preferences, Probe, ResultsHeader, Timing, Variant
from evalgate.records.gate_policy import GatePolicy
from evalgate.records.policy import FeaturePolicy
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


BETTER = "refund: ++*200 -+*60 | invoice: ++*200 -+*40"
"""A true improvement of 500 cases that passes under the default policy."""
TIE = "refund: ++*300 -+*4 +-*4 | invoice: ++*300 -+*4 +-*4"
"""A tie that is proven under the default policy: 616 cases."""


def policy_of(gate: dict[str, Any] | None = None, **keys: Any) -> FeaturePolicy:
    """A policy with these settings of the gate and these keys of a feature, as a file would say them."""
    given = {"scorers": {"primary": "exact_json"}, "gate": gate or {}, **keys}
    return FeaturePolicy.model_validate(given, strict=False)


def decided(
    sides: tuple[EvalResults, EvalResults],
    policy: FeaturePolicy,
    *,
    suites: tuple[Suite, ...] = (),
    beside: Beside = NOTHING,
    attempt: int | None = 1,
    today: str | None = None,
) -> tuple[Comparison, Verdict]:
    """Comparison and verdict."""
    comparison = compare(*sides, policy, suites=suites, beside=beside)
    return comparison, decide(comparison, policy, attempt=attempt, today=today)


def states(verdict: Verdict, rule: str) -> dict[str, str]:
    """Scope -> state of everything that a rule looked at; empty where it was not asked."""
    return {reason.scope: reason.state for reason in verdict.rules if reason.rule == rule}


def suite_with(side: EvalResults, expected: Callable[[int], Any], name: str = "golden") -> Suite:
    """The suite that a side answered; `expected(number)` is what case number 0, 1, ... expects."""
    cases = tuple(
        Case(id=case.case_id, input="?", expected=expected(number), buckets=case.buckets, cluster=case.cluster)
        for number, case in enumerate(case for case in side.cases if case.suite == name)
    )
    return Suite(name=name, sha256="0" * 64, cases=cases)


def saying(
    sides: tuple[EvalResults, EvalResults], base: Callable[[int], str | None], candidate: Callable[[int], str | None]
) -> tuple[EvalResults, EvalResults]:
    """Both sides, their case number 0, 1, ... answered with these words."""
    ours, theirs = (
        each(side, lambda number, _, words=words: {"output": words(number)})
        for side, words in zip(sides, (base, candidate), strict=True)
    )
    return ours, theirs


def scoring(
    sides: tuple[EvalResults, EvalResults], name: str, base: Callable[[int], float], candidate: Callable[[int], float]
) -> tuple[EvalResults, EvalResults]:
    """Both sides with one more score; below 0 there is none."""

    def scored(side: EvalResults, score: Callable[[int], float]) -> EvalResults:
        def change(number: int, case: CaseResult) -> dict[str, Any]:
            more = {name: score(number)} if case.suite == "golden" and case.scores and score(number) >= 0 else {}
            return {"scores": {**case.scores, **more}}

        return each(side, change)

    return scored(sides[0], base), scored(sides[1], candidate)


def probed(*times: tuple[float, float]) -> Probe:
    """A latency probe with these times of base and candidate in ms."""
    who = Variant(name="v", model="path:m", model_sha256="0" * 64, prompt_sha256="0" * 64)
    timings = tuple(Timing(case_id=f"t-{n}", base_ms=base, candidate_ms=candidate) for n, (base, candidate) in enumerate(times))
    return Probe(base=who, candidate=who, timings=timings)


def chosen(side: EvalResults, reply: Callable[[int], tuple[str | None, str | None]]) -> Preferences:
    """What a judge replied on each golden case: with base's answer first, and with the candidate's."""
    golden = [case.case_id for case in side.cases if case.suite == "golden"]
    told = (
        Preference(case_id=name, base_first=reply(number)[0], candidate_first=reply(number)[1])
        for number, name in enumerate(golden)
    )
    return Preferences(judge="j", judge_sha256="0" * 64, cases=tuple(told))


def prefers(better: str) -> str:
    """A judge's reply."""
    return f'{{"better": "{better}", "reason": "so"}}'


def counted(scope: str, gains: int, losses: int, both_right: int, both_wrong: int = 0, **more: Any) -> Pairs:
    """The counts of one scope, all measured."""
    n = gains + losses + both_right + both_wrong
    told = {"n": n, "gains": gains, "losses": losses, "both_right": both_right, "both_wrong": both_wrong, "unmeasured": 0}
    return Pairs(scope=scope, **{**told, **more})


def comparison_of(overall: Pairs, *buckets: Pairs, **more: Any) -> Comparison:
    """A comparison with these counts and no case behind them, for simulations."""
    told = {"primary": "exact_json", "has_provenance": False, "gains": (), "regressions": (), "safety_regressions": ()}
    accuracies = {"base_accuracy": overall.base_right / overall.n, "candidate_accuracy": overall.candidate_right / overall.n}
    names = {"feature": FEATURE, "base": "base", "candidate": "candidate", "unmeasured": ()}
    digests = {"base_results_sha256": "0" * 64, "candidate_results_sha256": "1" * 64}
    return Comparison(overall=overall, buckets=buckets, **{**told, **accuracies, **names, **digests, **more})


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
