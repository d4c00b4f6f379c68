"""Answers become results: scores with a status, nothing unknown ever a 0 or a 1."""

from collections.abc import Mapping

from evalgate.ports import Answer
from evalgate.records.evaluation import CaseResult
from evalgate.records.suite import Case
from evalgate.scorers import Scorer


def judge_answer(case: Case, suite: str, answer: Answer, scorers: Mapping[str, Scorer]) -> CaseResult:
    """One case's result; "errored" without an answer, "unscorable" when any scorer cannot judge it."""
    known = {"case_id": case.id, "suite": suite, "cluster": case.cluster, "buckets": case.buckets}
    if answer.text is None:
        return CaseResult(**known, status="errored", note=answer.error or "no answer")
    taken = {
        "output": answer.text,
        "latency_ms": None if answer.latency_ms is None else round(answer.latency_ms, 1),
        "tokens_in": answer.tokens_in,
        "tokens_out": answer.tokens_out,
    }
    scores = {name: scorer(case, answer.text) for name, scorer in scorers.items()}
    unknown = [f"{name}: {score.note}" for name, score in scores.items() if score.value is None]
    if unknown:
        return CaseResult(**known, **taken, status="unscorable", note="; ".join(unknown))
    notes = [f"{name}: {score.note}" for name, score in scores.items() if score.note]
    values = {name: float(score.value) for name, score in scores.items() if score.value is not None}
    return CaseResult(**known, **taken, status="scored", scores=values, note="; ".join(notes) or None)
