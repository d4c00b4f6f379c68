"""The review threshold: where a pull request stands, what it waits for, and whether the work may begin.

Everything here is computed from facts that trusted code asked of the API and from files of the target branch.
"""

from collections.abc import Sequence
from typing import NamedTuple

from evalgate.judgement import conditions
from evalgate.judgement.markdown import code_span
from evalgate.records.binding import Binding
from evalgate.records.check import CheckReport
from evalgate.records.journal import Entry
from evalgate.records.policy import FeaturePolicy
from evalgate.records.pull_request import PullRequest
from evalgate.records.standing import Conclusion, Condition, Kind, Mark, Standing
from evalgate.records.verdict import Outcome
from evalgate.review.commands import Name
from evalgate.review.costs import Estimate, spent_in
from evalgate.review.kinds import Change
from evalgate.review.work import Work, latest, verdict_of

WRONG_PARTS = {
    "dataset": "datasets", "suite": "golden sets, safety suites, prompts or the policy", "registry": "the registry",
    "guarded": "workflows or CODEOWNERS",
}  # fmt: skip
MARKS: dict[Outcome, Mark] = {"pass": "done", "fail": "refused", "inconclusive": "waiting"}
SETTLED = ("done", "off")
AGAIN: tuple[Name, ...] = ("train", "evaluate")
"""Commands that ask for the work once more."""


class Looked(NamedTuple):
    """What the trusted half found when it looked at a pull request of one feature."""

    pull: PullRequest
    change: Change
    feature: FeaturePolicy
    check: CheckReport
    binding: Binding
    journal: tuple[Entry, ...]
    """Every step on this pull request."""
    ledger: tuple[Entry, ...] = ()
    """Steps of the feature on all pull requests."""
    rows: tuple[int, int] = (0, 0)
    """New rows that are reviewed, and all new rows."""
    synthetic: tuple[int, int] = (0, 0)
    """Synthetic rows that nobody reviewed, and all rows."""
    cost: Estimate | None = None
    codeowners: str | None = None
    """Text of the target branch's CODEOWNERS."""
    gone: frozenset[str] = frozenset()
    """Workflow runs that the journal believes at work and GitHub says have ended."""
    asked: Name | None = None
    """The command that was just given by somebody who may."""
    month: str = ""
    """This month, as in 2026-11."""


def standing(looked: Looked) -> Standing:
    """Where a dataset or suite pull request stands."""
    before = _before(looked)
    work = latest(looked.journal, looked.pull.head)
    ready = looked.pull.open and all(line.mark in SETTLED for line in before)
    start = ready and _may_begin(looked, work)
    after = _after(looked, work, start=start)
    lines = (*before, *after)
    return Standing(
        pull=looked.pull.number,
        head=looked.pull.head,
        kind=looked.change.kind,
        feature=looked.change.feature,
        headline=_headline(looked, lines, work, start=start),
        conditions=lines,
        conclusion=_conclusion(looked, lines, work, start=start),
        notes=_notes(looked),
        binding=looked.binding,
        ready=ready,
        start=start,
    )


def nothing_to_judge(pull: PullRequest) -> Standing:
    """A pull request without anything that is EvalGate's, or one that is closed: the required check must not block it."""
    words = "nothing to do: no dataset, golden set, prompt, policy or registry is changed"
    return _plain(pull, "none", words, "success")


def to_be_split(pull: PullRequest, change: Change) -> Standing:
    """A pull request that mixes what must be judged apart."""
    if len(change.parts) == 1:
        told = f"datasets of {len(change.features)} features: {', '.join(code_span(name) for name in change.features[:5])}"
    else:
        told = " together with ".join(f"{WRONG_PARTS[p]} ({code_span(paths[0])})" for p, paths in sorted(change.parts.items()))
    words = f"split this pull request: it changes {told}. Each is judged by what the target branch holds of the others"
    return _plain(pull, "mixed", words, "failure")


def for_the_registry(pull: PullRequest) -> Standing:
    """A pull request on the registry: nothing is verified by machine yet, so nothing is green."""
    words = "the registry is changed: not verified by machine, a release manager must look at every line"
    return _plain(pull, "registry", words, "action_required")


def held(pull: PullRequest, why: str, *, refused: bool = False) -> Standing:
    """A pull request that cannot be judged as things are; `refused` where its author can mend that."""
    return _plain(pull, "none", why, "failure" if refused else "action_required")


def _plain(pull: PullRequest, kind: Kind, words: str, conclusion: Conclusion) -> Standing:
    return Standing(
        pull=pull.number, head=pull.head, kind=kind, feature=None, headline=words, conditions=(), conclusion=conclusion
    )


def _before(looked: Looked) -> tuple[Condition, ...]:
    """What must be settled before anything is spent."""
    pull, review = looked.pull, looked.feature.review
    lines = [conditions.checked(looked.check), *conditions.held_back(pull, review), conditions.approved(pull, review)]
    if looked.change.kind == "suite":
        return tuple(lines)
    lines += conditions.owned(pull, review, looked.change.parts.get("dataset", ()), looked.codeowners)
    lines += [conditions.reviewed(review, looked.rows), *conditions.synthetic(review, looked.synthetic)]
    lines += conditions.prompted(review, looked.ledger)
    if looked.cost is not None:
        spent = spent_in(looked.month, looked.ledger)
        agreed = next((e.by for e in reversed(looked.journal) if e.step == "cost_approved" and e.head == pull.head), None)
        lines.append(conditions.costs(looked.cost, looked.feature.budget, agreed=agreed, spent=spent, head=pull.head))
    return tuple(lines)


def _may_begin(looked: Looked, work: Work | None) -> bool:
    """Once by itself for a head; again only on command, and never what runs or was judged already."""
    if not looked.pull.open:
        return False
    if work is None:
        return True
    if _running(looked, work):
        return False
    judged = work.last.step == "finished" and work.started.work == looked.binding.key
    return looked.asked in AGAIN and not judged


def _running(looked: Looked, work: Work | None) -> bool:
    return work is not None and work.running and work.last.run not in looked.gone


def _after(looked: Looked, work: Work | None, *, start: bool) -> tuple[Condition, ...]:
    """Training, evaluation, verdict and registry."""
    verdict = _verdict(looked)
    trains = looked.change.kind == "dataset"
    training = _training(looked, work, start=start, judged=verdict is not None) if trains else None
    lines = [
        training,
        _evaluating(looked, work, judged=verdict is not None),
        _judged(verdict, work) if trains else None,
        _registered(verdict) if trains else None,
    ]
    return tuple(line for line in lines if line is not None)


def _training(looked: Looked, work: Work | None, *, start: bool, judged: bool) -> Condition:
    if judged:
        return Condition(name="training", mark="done", words="trained")
    if start:
        return Condition(name="training", mark="running", words="training begins")
    if work is None:
        return Condition(name="training", mark="later", words="training")
    if not _running(looked, work) and work.last.step not in ("superseded", "finished"):
        why = work.last.why or "the workflow run ended without a word"
        needs = "`/evalgate train` by somebody with write access, once that is mended"
        return Condition(name="training", mark="waiting", words=f"no verdict: {code_span(why, 300)}", needs=needs)
    mark: Mark = "running" if work.last.step in ("started", "training") else "done"
    return Condition(name="training", mark=mark, words="training" if mark == "running" else "trained")


def _evaluating(looked: Looked, work: Work | None, *, judged: bool) -> Condition:
    if judged:
        return Condition(name="evaluating", mark="done", words="evaluated")
    running = _running(looked, work) and work is not None and work.last.step in ("trained", "evaluating")
    return Condition(name="evaluating", mark="running" if running else "later", words="evaluating" if running else "evaluation")


def _judged(verdict: Entry | None, work: Work | None) -> Condition:
    if verdict is None or verdict.verdict is None:
        stale = work is not None and work.last.step == "finished"
        needs = "`/evalgate evaluate`: what it was held against has changed since" if stale else None
        return Condition(name="verdict", mark="waiting" if stale else "later", words="verdict", needs=needs)
    return Condition(name="verdict", mark=MARKS[verdict.verdict], words=f"verdict: {verdict.verdict}")


def _registered(verdict: Entry | None) -> Condition:
    if verdict is not None and verdict.verdict == "pass":
        return Condition(name="registry", mark="later", words="registry: not entered; `evalgate registry promote` does it")
    return Condition(name="registry", mark="later", words="registry")


def _verdict(looked: Looked) -> Entry | None:
    """The end of the work on exactly this: same head, same data, same suites, same policy, same base."""
    ends = [e for e in looked.journal if e.step == "finished" and e.head == looked.pull.head and e.work == looked.binding.key]
    return ends[-1] if ends else None


def _conclusion(looked: Looked, lines: Sequence[Condition], work: Work | None, *, start: bool) -> Conclusion | None:
    if any(line.mark == "refused" for line in lines if line.name != "verdict"):
        return "failure"
    if start or _running(looked, work):
        return None
    verdict = _verdict(looked)
    if verdict is None or any(line.mark == "waiting" for line in lines if line.name != "verdict"):
        return "action_required"
    if verdict.verdict in ("pass", None):  # a change of suites is measured, and gets no verdict
        return "success"
    waiver = verdict.verdict == "inconclusive" and looked.feature.gate.on_inconclusive == "waiver"
    return "action_required" if waiver else "failure"


def _headline(looked: Looked, lines: Sequence[Condition], work: Work | None, *, start: bool) -> str:
    """One line: the verdict, or what is waited for and who can move it."""
    if not looked.pull.open:
        verdict = _verdict(looked)
        return f"{'merged' if looked.pull.merged else 'closed'}: {_said(verdict) if verdict else 'nothing was decided'}"
    refused = [line for line in lines if line.mark == "refused" and line.name != "verdict"]
    if refused:
        return f"{refused[0].words}: {refused[0].needs}"
    head = code_span(looked.pull.head[:7])
    if start:
        return f"the threshold is crossed: the work on {head} begins"
    if work is not None and _running(looked, work):
        doing = {"started": "the work", "training": "training"}.get(work.last.step, "the evaluation")
        return f"{doing} on {head} is going on since {work.last.at}; nothing is decided yet"
    waiting = [line.needs for line in lines if line.needs]
    verdict = _verdict(looked)
    if verdict is not None and not waiting:
        return _said(verdict)
    more = f" ({len(waiting) - 1} more below)" if len(waiting) > 1 else ""
    told = f"the verdict is {verdict.verdict}, but this " if verdict is not None and verdict.verdict else ""
    return f"{told}waits for {waiting[0]}{more}" if waiting else "nothing is decided yet"


def _said(verdict: Entry) -> str:
    return f"**{verdict.verdict or 'measured'}**: {verdict.why}"


def _notes(looked: Looked) -> tuple[str, ...]:
    """What else a reader should know: verdicts of other commits, work that goes on for nothing, who does not count."""
    notes = []
    other = verdict_of([entry for entry in looked.journal if entry.head != looked.pull.head])
    if other is not None:
        notes.append(f"commit {code_span(other.head[:7])} had the verdict {other.verdict}: it says nothing of this one")
    same = verdict_of(looked.journal, looked.pull.head)
    if same is not None and same.binding is not None and same.work != looked.binding.key:
        changed = ", ".join(code_span(name) for name in same.binding.differs_from(looked.binding))
        notes.append(f"the verdict {same.verdict} on this commit is stale: {changed} changed since")
    heads = [entry.head for entry in looked.journal if entry.step == "head"]
    if heads.count(looked.pull.head) > 1:
        notes.append(f"the head came back to {code_span(looked.pull.head[:7])} after other commits: {_last_heads(heads)}")
    return tuple(notes)


def _last_heads(heads: Sequence[str]) -> str:
    """The last heads that were seen, oldest first."""
    return ", ".join(code_span(head[:7]) for head in heads[-5:])
