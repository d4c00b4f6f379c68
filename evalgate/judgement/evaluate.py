"""Answers become results: scores with a status, nothing unknown ever a 0 or a 1."""

from collections.abc import Mapping

from evalgate.ports import Answer
from evalgate.records.evaluation import CaseResult, Status
from evalgate.records.suite import Case
from evalgate.scorers import Scorer


def judge_answer(case: Case, suite: str, answer: Answer, scorers: Mapping[str, Scorer]) -> CaseResult:
    """One case's result; "errored" without an answer, "unscorable" when any scorer cannot judge it."""
    scores = {} if answer.text is None else {name: scorer(case, answer.text) for name, scorer in scorers.items()}
    unknown = [f"{name}: {score.note}" for name, score in scores.items() if score.value is None]
    status: Status = "errored" if answer.text is None else "unscorable" if unknown or not scores else "scored"
    notes = unknown or [f"{name}: {score.note}" for name, score in scores.items() if score.note]
    return CaseResult(
        case_id=case.id,
        suite=suite,
        cluster=case.cluster,
        buckets=case.buckets,
        status=status,
        scores={name: float(s.value) for name, s in scores.items() if s.value is not None} if status == "scored" else {},
        output=answer.text,
        note=(answer.error or "no answer") if answer.text is None else "; ".join(notes) or None,
        latency_ms=None if answer.latency_ms is None else round(answer.latency_ms, 1),
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        confidence=None if answer.confidence is None else round(min(answer.confidence, 1.0), 6),
    )
