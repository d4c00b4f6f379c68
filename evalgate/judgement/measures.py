"""What is compared beside right and wrong: classes, fields, times, costs, confidence, choices. Facts, no judgement."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from evalgate.judgement.pairing import Pair, Sides, count, value
from evalgate.judgement.plan import PlannedCase
from evalgate.records.beside_policy import JudgePolicy
from evalgate.records.comparison import Labelled, Pairs
from evalgate.records.evaluation import CaseResult, Preferences, Probe
from evalgate.records.policy import FeaturePolicy
from evalgate.scorers import JUDGED
from evalgate.scorers.fields import field_outcomes, label_in, label_of
from evalgate.scorers.judging import read_preference
from evalgate.scorers.top_k import label_scores
from evalgate.stats.judges import Slot
from evalgate.stats.judges import preference as preference_of

NONE = "(none)"
"""The class of an answer that names none."""
OTHER = "(other)"
"""The class of an answer that names one which no case expects."""
WRONG = "(wrong value)"
"""The class of a field with a value that is not the expected one."""
UNEXPECTED = "(fields that no case expects)"
"""The name under which values stand that no case asks for."""
Cell = tuple[int | None, str, str, str]


def classes(cases: Sequence[PlannedCase], sides: Sides, field: str | None, unasked: Sequence[PlannedCase] = ()) -> Labelled:
    """Expected and answered classes of every case that says what it expects and was answered on both sides.

    A class that only cases expect which an early look left `unasked` has 0 of them.
    """
    wanted = {case.key: _expected_label(case, field) for case in (*cases, *unasked)}
    known = {label for label in wanted.values() if label is not None}
    none, other = _apart(NONE, known), _apart(OTHER, known)

    def among(answer: str) -> str:
        said = label_of(answer, field)
        return none if said is None else said if said in known else other

    def cell(case: PlannedCase, base: str, candidate: str) -> list[tuple[str, str, str]]:
        expected = wanted[case.key]
        return [] if expected is None else [(expected, among(base), among(candidate))]

    found, unmeasured = _cells(cases, sides, cell)
    reached = {wanted[case.key] for case in cases}
    found.update({(None, label, none, none): 0 for label in known - reached})
    return _labelled(field or "answer", found, unmeasured)


def fields(
    cases: Sequence[PlannedCase], sides: Sides, names: Sequence[str], unasked: Sequence[PlannedCase] = ()
) -> tuple[Labelled, ...]:
    """For each field that cases expect (or each of `names`): what was expected and answered, nulls as a class of their own.

    A field that a case leaves out is null there, in the expectation as in the answer. Values where no case expects any stand
    together as one more field, unless `names` says which are asked for. A field that only cases expect which an early look left
    `unasked` has no case.
    """
    reached = _paths(cases)
    known = reached | _paths(unasked)
    chosen = names or sorted(known)
    by_field: dict[str, Counter[Cell]] = {name: Counter() for name in chosen}
    invented: Counter[Cell] = Counter()
    numbers, unmeasured = _numbers(cases), 0
    for case in cases:
        answers = _answers(case, sides)
        both = [] if answers is None else [field_outcomes(case.expected, answer) for answer in answers]
        if not any(both):
            unmeasured += 1
            continue
        for path in reached.intersection(chosen):
            expected = next((side[path][0] for side in both if path in side), "null")
            base, candidate = (_said(expected, side[path][1] if path in side else "null") for side in both)
            by_field[path][numbers[case.cluster], expected, base, candidate] += 1
        base, candidate = ("value" if side.keys() - known else "null" for side in both)
        invented[numbers[case.cluster], "null", base, candidate] += 1
    found = [_labelled(name, by_field[name], unmeasured) for name in chosen]
    some = not names and any("value" in cell for cell in invented)
    return (*found, *([_labelled(_apart(UNEXPECTED, known), invented, unmeasured)] if some else []))


def timings(probe: Probe | None) -> tuple[tuple[float, float], ...] | None:
    """The probe's times, sorted, one a case; None without a probe."""
    if probe is None:
        return None
    first = {timing.case_id: (timing.base_ms, timing.candidate_ms) for timing in reversed(probe.timings)}
    return tuple(sorted(first.values()))


def costs(cases: Sequence[PlannedCase], sides: Sides) -> tuple[tuple[float, float], ...] | None:
    """What each case cost on both sides, sorted; None where a measured case does not say."""
    both = [[side.get(case.key) for side in sides] for case in cases]
    answered = [pair for pair in both if all(result is not None and result.status == "scored" for result in pair)]
    found = [tuple(result.cost for result in pair if result is not None and result.cost is not None) for pair in answered]
    if not found or any(len(pair) < 2 for pair in found):
        return None
    return tuple(sorted((pair[0], pair[1]) for pair in found))


def confidences(pairs: Sequence[Pair], sides: Sides, right_at: float) -> tuple[tuple[float, bool, float, bool], ...] | None:
    """How sure each side was, and whether it was right, sorted; None where a measured case does not say."""
    found = []
    for pair in pairs:
        if pair.base is None or pair.candidate is None:
            continue
        base, candidate = (side[pair.case.key].confidence for side in sides)
        if base is None or candidate is None:
            return None
        found.append((round(base, 6), pair.base >= right_at, round(candidate, 6), pair.candidate >= right_at))
    return tuple(sorted(found)) if found else None


def ranking(cases: Sequence[PlannedCase], sides: Sides, positive: str) -> tuple[tuple[bool, float, float], ...] | None:
    """Each answered case's truth and both sides' score of the label `positive`, sorted.

    None where a case does not say which label it expects, or an answer gives `positive` no number: a missing one is not 0.
    """
    found = []
    for case in cases:
        answers, expected = _answers(case, sides), _expected_label(case, None)
        if answers is None:
            continue
        base, candidate = ((label_scores(answer) or {}).get(positive) for answer in answers)
        if expected is None or base is None or candidate is None:
            return None
        found.append((expected == positive, base, candidate))
    return tuple(sorted(found)) if found else None


def grades(
    golden: Sequence[Pair], by_bucket: Mapping[str, Sequence[Pair]], feature: FeaturePolicy, sides: Sides
) -> tuple[Pairs, ...]:
    """The judge's grades overall and on each protected bucket; nothing where neither side carries any."""
    by_choice = feature.judge is None or feature.judge.mode == "pairwise"
    if by_choice and not any(JUDGED in result.scores for side in sides for result in side.values()):
        return ()
    scopes = {"overall": golden, **{name: by_bucket.get(name, ()) for name in feature.gate.protected}}
    return tuple(
        count(name, [_graded_by_judge(pair, sides) for pair in pairs], graded=True, right_at=feature.scorers.right_at)
        for name, pairs in scopes.items()
    )


def answers_sha256(base: str, candidate: str) -> str:
    """Digest of two answers, base's first: what ties a judge's choice to what was answered."""
    return hashlib.sha256(json.dumps([base, candidate]).encode()).hexdigest()


def preference(cases: Sequence[PlannedCase], sides: Sides, told: Preferences | None, judge: JudgePolicy | None) -> Pairs | None:
    """The judge's choices: a gain where it took the candidate in both orders, a loss where it took base in both.

    A choice between other answers than these is not measured, nor is a case that the file names twice. None where nobody
    asked for choices.
    """
    if told is None and (judge is None or judge.mode == "pointwise"):
        return None
    choices = told.cases if told is not None else ()
    often = Counter((choice.suite, choice.case_id) for choice in choices)
    known = {key: choice for choice in choices if often[key := (choice.suite, choice.case_id)] == 1}
    pairs = []
    for case in cases:
        choice, answers = known.get(case.key), _answers(case, sides)
        if choice is not None and choice.answers_sha256 not in (None, answers and answers_sha256(*answers)):
            choice = None
        base: float | None = None
        candidate: float | None = None
        if choice is not None and choice.identical:
            base = candidate = 1.0
        elif choice is not None and choice.base_first is not None and choice.candidate_first is not None:
            base, candidate = _chosen(read_preference(choice.base_first), read_preference(choice.candidate_first))
        pairs.append(Pair(case, base, candidate))
    return count("preference", pairs)


def _paths(cases: Sequence[PlannedCase]) -> set[str]:
    """The fields that cases expect."""
    return {path for case in cases if isinstance(case.expected, Mapping) for path in field_outcomes(case.expected, "")}


def _chosen(base_first: Slot | None, candidate_first: Slot | None) -> tuple[float | None, float | None]:
    """Base's score and the candidate's; None where a reply says nothing."""
    if base_first is None or candidate_first is None:
        return None, None
    won = preference_of(base_first, candidate_first)
    return float(won != "win"), float(won != "loss")


def _said(expected: str, outcome: str) -> str:
    """An answered field as a class: a right value is one, a value where none belongs too; a wrong value is a miss."""
    if outcome == "right":
        return expected
    return "null" if outcome == "null" else WRONG if expected == "value" else "value"


def _graded_by_judge(pair: Pair, sides: Sides) -> Pair:
    base, candidate = (value(side.get(pair.case.key), JUDGED) for side in sides)
    return Pair(pair.case, base, candidate)


def _cells(
    cases: Sequence[PlannedCase], sides: Sides, cell: Callable[[PlannedCase, str, str], list[tuple[str, str, str]]]
) -> tuple[Counter[Cell], int]:
    found: Counter[Cell] = Counter()
    numbers, unmeasured = _numbers(cases), 0
    for case in cases:
        answers = _answers(case, sides)
        told = [] if answers is None else cell(case, *answers)
        unmeasured += not told
        found.update((numbers[case.cluster], *labels) for labels in told)
    return found, unmeasured


def _numbers(cases: Sequence[PlannedCase]) -> dict[str | None, int | None]:
    """A number for each cluster of more than a case; None for cases that stand alone."""
    sizes = Counter(case.cluster for case in cases if case.cluster is not None)
    shared = sorted(name for name, size in sizes.items() if size > 1)
    return {None: None, **dict.fromkeys(sizes), **{name: number for number, name in enumerate(shared)}}


def _labelled(name: str, cells: Mapping[Cell, int], unmeasured: int) -> Labelled:
    ordered = sorted(((*cell, n) for cell, n in cells.items()), key=lambda cell: (cell[0] is not None, cell[0] or 0, *cell[1:]))
    return Labelled(name=name, cells=tuple(ordered), unmeasured=unmeasured)


def _answers(case: PlannedCase, sides: Sides) -> tuple[str, str] | None:
    """Both sides' answers; None where one was never obtained."""
    found = [result.output for result in _both(case, sides) if result.status != "errored" and result.output is not None]
    return (found[0], found[1]) if len(found) == len(sides) else None


def _both(case: PlannedCase, sides: Sides) -> Iterator[CaseResult]:
    return (result for side in sides if (result := side.get(case.key)) is not None)


def _expected_label(case: PlannedCase, field: str | None) -> str | None:
    named = "label" if field is None and isinstance(case.expected, Mapping) else field
    return label_in(case.expected, named)


def _apart(name: str, known: set[str]) -> str:
    """The name, in as many brackets as it takes to be no class that cases expect."""
    while name in known:
        name = f"({name})"
    return name
