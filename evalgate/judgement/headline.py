"""The one line that a reader reads first, and the notes below the checklist."""

from collections.abc import Sequence
from itertools import groupby

from evalgate.judgement.looked import Looked, end_of, is_running, was_trained
from evalgate.judgement.markdown import code_span, one_line
from evalgate.judgement.work_lines import fields
from evalgate.records.journal import Entry
from evalgate.records.standing import Condition
from evalgate.review.commands import AGAIN
from evalgate.review.work import Work, verdict_of, works


def headline(looked: Looked, lines: Sequence[Condition], work: Work | None, *, start: bool) -> str:
    """One line: the verdict, or what is waited for and who can move it."""
    if not looked.pull.open:
        verdict = end_of(looked)
        return f"{'merged' if looked.pull.merged else 'closed'}: {_said(verdict) if verdict else 'nothing was decided'}"
    refused = [line for line in lines if line.mark == "refused" and line.name != "verdict"]
    if refused:
        return f"{refused[0].words}: {refused[0].needs}"
    head = code_span(looked.pull.head[:7])
    if start:
        return f"the threshold is crossed: the work on {head} begins"
    if work is not None and is_running(looked, work):
        doing = {"started": "the work", "training": "training"}.get(work.last.step, "the evaluation")
        return f"{doing} on {head} is going on since {code_span(work.last.at)}; nothing is decided yet"
    waiting = [line.needs for line in lines if line.needs]
    verdict = end_of(looked)
    if verdict is not None and not waiting:
        return _said(verdict)
    more = f" ({len(waiting) - 1} more below)" if len(waiting) > 1 else ""
    told = f"the verdict is {verdict.verdict}, but this " if verdict is not None and verdict.verdict else ""
    return f"{told}waits for {waiting[0]}{more}" if waiting else "nothing is decided yet"


def _said(verdict: Entry) -> str:
    why = one_line(verdict.why or "")
    return f"**{verdict.verdict or 'measured'}**{f': {why}' if why else ''}"


def notes_on(looked: Looked, *, start: bool) -> tuple[str, ...]:
    """What else a reader should know: verdicts of other commits, work that goes on for nothing, a command that began nothing."""
    notes = []
    other = verdict_of([entry for entry in looked.journal if entry.head != looked.pull.head])
    if other is not None:
        notes.append(f"commit {code_span(other.head[:7])} had the verdict {other.verdict}: it says nothing of this one")
    same = verdict_of(looked.journal, looked.pull.head)
    if same is not None and same.binding is not None and same.work != looked.binding.key:
        changed = fields(same.binding.differs_from(looked.binding))
        notes.append(f"the verdict {same.verdict} on this commit is stale: {changed} changed since")
    end = end_of(looked)
    if end is not None and end.left_out is not None:
        notes.append(f"not all evidence could be kept, so nothing can be registered: {code_span(end.left_out, 300)}")
    for work in works(looked.journal):
        if is_running(looked, work) and (work.head != looked.pull.head or not looked.pull.open):
            notes.append(f"the work on {code_span(work.head[:7])} still goes on: it says nothing of anything later")
    if looked.asked == "evaluate" and not start and looked.change.kind == "dataset" and not was_trained(looked):
        notes.append("`/evalgate evaluate` began nothing: nothing was trained on this commit yet; `/evalgate train` does both")
    elif looked.asked in AGAIN and not start and end_of(looked) is not None:
        notes.append(f"`/evalgate {looked.asked}` began nothing: this commit is judged, and the same again is no new attempt")
    if looked.feature.contenders and looked.document is None and looked.change.kind == "dataset":
        command = code_span(f"evalgate paths --feature {looked.binding.feature}")
        notes.append(f"nothing here says what is cheaper than a fine-tune: run {command}, and commit what it writes")
    if looked.theirs is not None and looked.theirs.refused != looked.check.refused:
        said = "errors" if looked.theirs.refused else "no error"
        notes.append(
            f"the pull request's own workflow found {said} in the dataset: it can be edited there, and counts for nothing"
        )
    heads = [head for head, _ in groupby(entry.head for entry in looked.journal if entry.step == "head")]
    if heads.count(looked.pull.head) > 1:
        notes.append(f"the head came back to {code_span(looked.pull.head[:7])} after other commits: {_last_heads(heads)}")
    return tuple(notes)


def _last_heads(heads: Sequence[str]) -> str:
    """The last heads that were seen, oldest first."""
    return ", ".join(code_span(head[:7]) for head in heads[-5:])
