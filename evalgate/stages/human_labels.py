"""Grades by people, where a team has some: few of them make many of a judge's worth more."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from pydantic import Field, ValidationError

from evalgate import jsonl, store
from evalgate.errors import DatasetError, NotMeasured
from evalgate.records.base import Record, Sha256, problems_of
from evalgate.records.evaluation import EvalResults, PeoplesMean
from evalgate.scorers import JUDGED
from evalgate.scorers.judging import HIGHEST, LOWEST
from evalgate.stages.workspace import Workspace
from evalgate.stats.judges import ppi_mean

T = TypeVar("T")
SIDES = ("base", "candidate")
MOST_PROBLEMS = 50


class HumanGrade(Record):
    """One answer graded by a person.

    One raw line: `{"case_id": "refund-017", "variant": "candidate", "grade": 4, "answer_sha256": "9f86d0..."}`
    """

    case_id: str = Field(min_length=1, description="the case, unique in the golden suite")
    variant: str = Field(pattern="^(base|candidate)$", description="whose answer it is")
    grade: int = Field(ge=LOWEST, le=HIGHEST, description="from 1, the worst, to 5")
    answer_sha256: Sha256 = Field(description="sha256 of the answer that was graded, as `output` has it, in UTF-8")


def read_human(content: bytes, path: str) -> tuple[HumanGrade, ...]:
    """The grades that people gave.

    Raises:
        DatasetError: with every faulty line, and each answer that is graded twice.
    """
    found: dict[tuple[str, str], HumanGrade] = {}
    problems: list[str] = []
    for line in jsonl.read(content):
        where = f"{path}:{line.number}"
        if line.problem is not None:
            problems.append(f"{where}: {line.problem.message}")
            continue
        try:
            grade = HumanGrade.model_validate_json(json.dumps(line.value))
        except ValidationError as error:
            problems += [f"{where}: {problem}" for problem in problems_of(error)]
            continue
        if found.setdefault((grade.variant, grade.case_id), grade) is not grade:
            problems.append(f"{where}: {grade.variant}'s answer to {grade.case_id!r} is graded twice: keep one")
    if problems:
        raise DatasetError(*problems[:MOST_PROBLEMS])
    return tuple(found.values())


def find_human(workspace: Workspace) -> tuple[HumanGrade, ...]:
    """The grades in the file that the policy names; nothing where it names none.

    Raises:
        PolicyError: it is not there.
        DatasetError: it has faulty lines.
    """
    named = None if workspace.feature.judge is None else workspace.feature.judge.human
    return () if named is None else read_human(store.read(workspace.root / named), named)


def refuse_other_answers(workspace: Workspace, answers: Mapping[str, EvalResults]) -> None:
    """Nothing, or an error where people graded another answer than the one that is there: candidates change.

    Raises:
        PolicyError, DatasetError: the file cannot be read, or naming every such case.
    """
    human = find_human(workspace)
    wrong = [told for side in SIDES if side in answers for told in _others(answers[side], human, side)]
    if wrong:
        raise DatasetError(*wrong[:MOST_PROBLEMS])


def peoples_means(
    workspace: Workspace, answers: Mapping[str, EvalResults], *, tell: Callable[[str], object] = str
) -> tuple[PeoplesMean, ...]:
    """The mean grade of base and of the candidate as people would give it; nothing where the policy names no such grades.

    Without the library that combines them `tell` hears so, once, and there is nothing.

    Raises:
        DatasetError: people graded an answer that is another one or is not in the results.
    """
    human = find_human(workspace)
    alpha, found = 1 - workspace.feature.gate.confidence, []
    for side in SIDES if human else ():

        def mean(grades: Sequence[float], beside: Sequence[float], rest: Sequence[float], side: str = side) -> PeoplesMean:
            estimate, low, high = ppi_mean(grades, beside, rest, alpha)
            return PeoplesMean(
                side=side,
                people=len(grades),
                judged=len(rest),
                mean=None if math.isnan(estimate) else _share(estimate),
                low=_share(low),
                high=_share(high),
            )

        try:
            found.append(with_human_labels(answers[side], human, side, mean))
        except NotMeasured as missing:
            tell(f"people's grades are left aside: {missing}")
            return ()
    return tuple(found)


def graded_by_people(workspace: Workspace, answers: Mapping[str, EvalResults]) -> dict[str, tuple[int, int]]:
    """Side -> answers that people and the judge graded, and those that the judge alone did; empty where people graded none.

    Raises:
        DatasetError: people graded an answer that is another one or is not in the results.
    """
    human = find_human(workspace)
    return {
        side: with_human_labels(answers[side], human, side, lambda both, _, rest: (len(both), len(rest)))
        for side in (SIDES if human else ())
    }


def with_human_labels(
    results: EvalResults,
    human: Iterable[HumanGrade],
    side: str,
    mean: Callable[[list[float], list[float], list[float]], T],
    *,
    suite: str = "golden",
) -> T:
    """What `mean` makes of people's grades, the judge's on the same answers, and the judge's on all others; all in [0, 1].

    Answers that the judge could not grade are left aside, and cases that an early stop left unasked.

    Args:
        side: base or candidate: whose results these are.
        mean: Such as `stats.judges.ppi_mean` with its alpha.

    Raises:
        DatasetError: people graded an answer that is another one or is not in the results.
    """
    grades = tuple(human)
    wrong = _others(results, grades, side, suite)
    if wrong:
        raise DatasetError(*wrong[:MOST_PROBLEMS])
    judged = {r.case_id: r.scores[JUDGED] for r in results.cases if r.suite == suite and JUDGED in r.scores}
    wanted = {grade.case_id: (grade.grade - LOWEST) / (HIGHEST - LOWEST) for grade in grades if grade.variant == side}
    both = sorted(wanted.keys() & judged.keys())
    rest = sorted(judged.keys() - wanted.keys())
    return mean([wanted[name] for name in both], [judged[name] for name in both], [judged[name] for name in rest])


def _others(results: EvalResults, human: Iterable[HumanGrade], side: str, suite: str = "golden") -> list[str]:
    """Why grades are not of the answers in the results, one message each."""
    said = {r.case_id: r.output for r in results.cases if r.suite == suite}
    graded = {grade.case_id: grade.answer_sha256 for grade in human if grade.variant == side}
    told = f"people graded {side}'s answer to"
    unknown = [] if results.header.look is not None else sorted(graded.keys() - said.keys())
    other = sorted(
        name for name, sha256 in graded.items() if (text := said.get(name)) is not None and sha256 != answer_sha256(text)
    )
    return [
        *(f"{told} {name!r}, which no golden case of the results is: take the line out" for name in unknown),
        *(f"{told} {name!r}, which was another than the one that it gives now: grade this one" for name in other),
    ]


def answer_sha256(answer: str) -> str:
    """sha256 over an answer's UTF-8."""
    return store.key_of_bytes(answer.encode())


def _share(value: float) -> float:
    """Within [0, 1], to six digits: a normal interval knows no ends."""
    return round(min(1.0, max(0.0, value)), 6)
