"""judging: a judge's grades and choices, each kept word for word, so that scores can be derived from them again.

    judge = open_judge(policy, rubric=..., key=..., cache=...)
    proven = self_test(judge, suite)                  # in every run, before any case
    judge_pointwise(suite.cases, results, proven)
    judge_pairwise(suite.cases, base, candidate, proven)
    bill(judge)

A judge that fails makes "not measured", never a 0. What one case asks is asked once; see `judge_calls`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from evalgate.errors import NotMeasured
from evalgate.judgement.measures import answers_sha256
from evalgate.models.canaries import canaries
from evalgate.models.judge import Request, choice_request, grade_request
from evalgate.ports import Progress
from evalgate.records.evaluation import CaseResult, EvalResults, Preference, Preferences
from evalgate.records.suite import Case, Suite
from evalgate.redaction import mask
from evalgate.scorers import JUDGED
from evalgate.scorers.fold import visible
from evalgate.scorers.judging import read_grade, read_preference
from evalgate.scorers.score import Score
from evalgate.stages.judge_calls import Judge, bill, key_of, open_judge, replies, replies_anew

__all__ = ["Judge", "ProvenJudge", "bill", "graded", "judge_pairwise", "judge_pointwise", "open_judge", "self_test"]


class ProvenJudge(NamedTuple):
    """A judge that passed its self-test in this run; `self_test` alone makes one."""

    judge: Judge


def quiet(_what: str, _done: int, _total: int) -> None:
    """Progress for nobody."""


def self_test(judge: Judge, suite: Suite, *, progress: Progress = quiet) -> ProvenJudge:
    """The judge, once it has told good answers from bad ones; asked anew in every run, nothing of it is kept.

    Raises:
        NotMeasured: it failed, and which canaries passed for what they are not, or it could not be asked.
    """
    known = canaries(suite.cases, suite.sha256, judge.rubric, judge.policy.mode)
    said = replies_anew(judge, [canary.request for canary in known], _said, progress=progress, what="testing the judge")
    lost = next((reply for reply in said if isinstance(reply, NotMeasured)), None)
    if lost is not None:
        raise NotMeasured(f"the judge's self-test could not be made, so it judges nothing: {lost}")
    missed = [canary.name for canary, reply in zip(known, said, strict=True) if not canary.seen(str(reply))]
    if missed:
        raise NotMeasured(
            f"the judge {judge.policy.model!r} failed its self-test, so this run is invalid: it did not see "
            f"{', '.join(missed)} ({len(missed)} of {len(known)}): make the rubric clearer or name another judge"
        )
    return ProvenJudge(judge)


def judge_pointwise(
    cases: Sequence[Case], results: EvalResults, proven: ProvenJudge, *, suite: str = "golden", progress: Progress = quiet
) -> EvalResults:
    """The results with the score "judge" and the judge's replies.

    A case that the judge could not be asked about, or whose reply cannot be read, is unscorable and says why. What was
    errored or unscorable before is not asked about.
    """
    judge, known = proven.judge, {case.id: case for case in cases}
    waiting = {
        place: grade_request(judge.rubric, known[result.case_id], result.output or "")
        for place, result in enumerate(results.cases)
        if result.suite == suite and result.case_id in known and _waits(result)
    }
    said = replies(judge, waiting.values(), lambda reply: read_grade(reply).value, progress)
    told = [
        graded(result, said[key_of(judge.policy, waiting[place])]) if place in waiting else _ungraded(result, suite)
        for place, result in enumerate(results.cases)
    ]
    header = results.header.model_copy(update={"scorers": {**results.header.scorers, JUDGED: judge.sha256}})
    return EvalResults(header=header, cases=tuple(told))


def graded(result: CaseResult, reply: str | NotMeasured) -> CaseResult:
    """The result with the judge's word on it; without one it is unscorable, whatever other scores say.

    A reply changes nothing where the judge would not have been asked: it gives no score to an answer that has none.
    """
    if not _waits(result):
        return _ungraded(result, result.suite)
    if isinstance(reply, NotMeasured):
        return result.model_copy(update={"status": "unscorable", "scores": {}, "note": f"{JUDGED}: not measured: {reply}"})
    score: Score = read_grade(reply)
    told = result.model_copy(update={"replies": {**(result.replies or {}), JUDGED: reply}})
    if score.value is None:
        return told.model_copy(update={"status": "unscorable", "scores": {}, "note": f"{JUDGED}: {score.note}"})
    notes = [note for note in (result.note, f"{JUDGED}: {score.note}" if score.note else None) if note]
    scores = {**result.scores, JUDGED: score.value}
    return told.model_copy(update={"status": "scored", "scores": scores, "note": "; ".join(notes) or None})


def judge_pairwise(
    cases: Sequence[Case],
    base: EvalResults,
    candidate: EvalResults,
    proven: ProvenJudge,
    *,
    suite: str = "golden",
    progress: Progress = quiet,
) -> Preferences:
    """The judge's choice between two answers to each case, in both orders; cases without two answers have no reply.

    Answers that are the same are never sent; nor are such as differ in masked personal data alone, which have no reply.
    """
    judge = proven.judge
    ours, theirs = ({r.case_id: r.output or "" for r in side.cases if r.suite == suite} for side in (base, candidate))
    waiting: dict[str, tuple[Request, Request]] = {}
    for case in cases:
        one, other = ours.get(case.id, ""), theirs.get(case.id, "")
        if _shows(one) and _shows(other) and mask(one) != mask(other):
            waiting[case.id] = (choice_request(judge.rubric, case, one, other), choice_request(judge.rubric, case, other, one))
    said = replies(judge, [request for both in waiting.values() for request in both], read_preference, progress)

    def chosen(case: Case) -> Preference:
        both = case.id in ours and case.id in theirs
        of = answers_sha256(ours[case.id], theirs[case.id]) if both else None
        if case.id not in waiting:
            same = _shows(ours.get(case.id, "")) and ours.get(case.id) == theirs.get(case.id)
            return Preference(case_id=case.id, suite=suite, identical=same, answers_sha256=of)
        first, second = (_words(said[key_of(judge.policy, request)]) for request in waiting[case.id])
        return Preference(case_id=case.id, suite=suite, answers_sha256=of, base_first=first, candidate_first=second)

    return Preferences(judge=judge.policy.model, judge_sha256=judge.sha256, cases=tuple(map(chosen, cases)))


def _said(reply: str) -> object:
    """What a canary's reply says, whichever way it was asked."""
    return read_preference(reply) or read_grade(reply).value


def _words(reply: str | NotMeasured) -> str | None:
    return None if isinstance(reply, NotMeasured) else reply


def _waits(result: CaseResult) -> bool:
    """True where an answer is there and no other scorer has found that it cannot be scored."""
    unscored = result.status == "scored" or (result.status == "unscorable" and result.note is None)
    return unscored and _shows(result.output or "")


def _shows(answer: str) -> bool:
    return bool(visible(answer).strip())


def _ungraded(result: CaseResult, suite: str) -> CaseResult:
    """A result that was not asked about; one that has scores is not left without this one."""
    if result.suite != suite or result.status == "errored" or (result.note is not None and result.status == "unscorable"):
        return result
    why = "empty answer" if not _shows(result.output or "") else "the suite has no such case"
    return result.model_copy(update={"status": "unscorable", "scores": {}, "note": f"{JUDGED}: {why}"})
