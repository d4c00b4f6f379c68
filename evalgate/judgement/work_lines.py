"""The checklist's lines about the work: training, evaluation, verdict, registry."""

from collections.abc import Sequence

from evalgate.judgement.looked import Looked, end_of, is_running
from evalgate.judgement.markdown import code_span
from evalgate.records.journal import Entry
from evalgate.records.standing import Condition, Mark
from evalgate.records.verdict import Outcome
from evalgate.review.work import Work

MARKS: dict[Outcome, Mark] = {"pass": "done", "fail": "refused", "inconclusive": "waiting"}
HELD_AGAINST = {"golden_sha256", "safety_sha256", "base", "judge"}
"""Fields of a binding that a candidate is held against; when others changed, it would be another candidate."""
WHO = "by somebody with write access"
GONE = "the workflow run ended without a word"


def work_lines(looked: Looked, work: Work | None, *, start: bool, ready: bool) -> tuple[Condition, ...]:
    """Training, evaluation, verdict and registry; of a change that trains nothing the evaluation alone."""
    verdict = end_of(looked)
    stopped = None if verdict is not None or start else _stopped(looked, work, ready=ready)
    if looked.change.kind != "dataset":
        begins = start or (is_running(looked, work) and work is not None and work.last.step == "started")
        return (stopped or _evaluating(looked, work, judged=verdict is not None, begins=begins),)
    training = _training(looked, work, start=start, judged=verdict is not None)
    judged = _judged(verdict)
    if stopped is not None and stopped.name == "training":
        training = stopped
    elif stopped is not None:
        judged = stopped
    evaluating = _evaluating(looked, work, judged=verdict is not None, begins=False)
    return training, evaluating, judged, _registered(looked, verdict)


def _stopped(looked: Looked, work: Work | None, *, ready: bool) -> Condition | None:
    """Why nothing goes on although there is no verdict, and who can move it; None where something does, or nothing was begun."""
    trains = looked.change.kind == "dataset"
    name, begin = ("training", "train") if trains else ("evaluating", "evaluate")
    if is_running(looked, work) or (work is None and not ready):
        return None
    if work is None:
        return Condition(name=name, mark="waiting", words=f"{name}: not begun", needs=f"`/evalgate {begin}` {WHO}")
    if work.last.step == "finished":
        before = work.started.binding
        changed = () if before is None else before.differs_from(looked.binding)
        begin = "evaluate" if changed and HELD_AGAINST.issuperset(changed) else begin
        name = "verdict" if trains and changed else name
        told = f"{fields(changed)} changed since" if changed else "it ended without a verdict"
        words = "verdict: stale" if name == "verdict" else f"{name}: to be done again"
        return Condition(name=name, mark="waiting", words=words, needs=f"`/evalgate {begin}` {WHO}: {told}")
    why = GONE if work.running else code_span(work.last.why or f"{work.last.step} without a word", 300)
    once = ", once that is mended" if work.last.step == "failed" else ""
    return Condition(name=name, mark="waiting", words=f"no verdict: {why}", needs=f"`/evalgate {begin}` {WHO}{once}")


def _training(looked: Looked, work: Work | None, *, start: bool, judged: bool) -> Condition:
    if judged:
        return Condition(name="training", mark="done", words="trained")
    if start:
        return Condition(name="training", mark="running", words="training begins")
    if work is None:
        return Condition(name="training", mark="later", words="training")
    running = is_running(looked, work) and work.last.step in ("started", "training")
    return Condition(name="training", mark="running" if running else "done", words="training" if running else "trained")


def _evaluating(looked: Looked, work: Work | None, *, judged: bool, begins: bool) -> Condition:
    if judged:
        return Condition(name="evaluating", mark="done", words="evaluated")
    running = is_running(looked, work) and work is not None and work.last.step in ("trained", "evaluating")
    words = "evaluating" if running else "evaluation begins" if begins else "evaluation"
    return Condition(name="evaluating", mark="running" if running or begins else "later", words=words)


def _judged(verdict: Entry | None) -> Condition:
    if verdict is None or verdict.verdict is None:
        return Condition(name="verdict", mark="later", words="verdict")
    return Condition(name="verdict", mark=MARKS[verdict.verdict], words=f"verdict: {verdict.verdict}")


def fields(names: Sequence[str]) -> str:
    """Fields of a binding, as people call them."""
    return ", ".join(code_span(name.removesuffix("_sha256")) for name in names)


def _registered(looked: Looked, verdict: Entry | None) -> Condition:
    """Whether a pull request on the registry was opened for the verdict; that one says for itself how it stands."""
    if verdict is None or verdict.verdict != "pass":
        return Condition(name="registry", mark="later", words="registry")
    opened = [e.registered for e in looked.journal if e.step == "registered" and e.work == verdict.work and e.registered]
    if not opened:
        return Condition(name="registry", mark="later", words="registry: not proposed yet")
    return Condition(name="registry", mark="done", words=f"registry: proposed in #{opened[-1]}")
