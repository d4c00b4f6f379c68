"""The review threshold: where a pull request stands, what it waits for, and whether the work may begin.

Everything here is computed from facts that trusted code asked of the API and from files of the target branch.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from evalgate.errors import NotMeasured
from evalgate.judgement import conditions
from evalgate.judgement.markdown import code_span, one_line
from evalgate.records.binding import Binding
from evalgate.records.check import CheckReport
from evalgate.records.journal import Entry
from evalgate.records.policy import FeaturePolicy
from evalgate.records.pull_request import PullRequest
from evalgate.records.standing import Conclusion, Condition, Kind, Mark, Standing
from evalgate.records.verdict import Outcome
from evalgate.review.approvals import same_login
from evalgate.review.commands import Name
from evalgate.review.costs import Estimate, spent_in
from evalgate.review.kinds import Change
from evalgate.review.work import Work, latest, verdict_of, works

WRONG_PARTS = {
    "dataset": "datasets", "suite": "golden sets, safety suites, prompts or the policy", "registry": "the registry",
    "guarded": "workflows or CODEOWNERS",
}  # fmt: skip
MARKS: dict[Outcome, Mark] = {"pass": "done", "fail": "refused", "inconclusive": "waiting"}
SETTLED = ("done", "off")
AGAIN: tuple[Name, ...] = ("train", "evaluate")
"""Commands that ask for the work once more."""
HELD_AGAINST = {"golden_sha256", "safety_sha256", "base", "judge"}
"""Fields of a binding that a candidate is held against; when others changed, it would be another candidate."""
WHO = "by somebody with write access"
GONE = "the workflow run ended without a word"


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
    theirs: CheckReport | None = None
    """What the pull request's own workflow says of the dataset: it can be edited there, and decides nothing."""
    gone: frozenset[str] = frozenset()
    """Workflow runs that the journal believes at work and GitHub says have ended."""
    asked: Name | None = None
    """The command that was just given by somebody who may."""
    month: str = ""
    """This month, as in 2026-11."""


def standing(looked: Looked) -> Standing:
    """Where a dataset or suite pull request stands.

    Raises:
        NotMeasured: what was looked at is not of one thing.
    """
    _of_one_thing(looked)
    work = latest(looked.journal, looked.pull.head)
    before = _before(looked, work)
    ready = looked.pull.open and all(line.mark in SETTLED for line in before)
    start = ready and _may_begin(looked, work)
    after = _after(looked, work, start=start, ready=ready)
    lines = (*before, *after)
    if not looked.pull.open:  # it waits for nobody any more
        lines = tuple(line.model_copy(update={"needs": None}) for line in lines)
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


def _of_one_thing(looked: Looked) -> None:
    """Nothing, or an error: the binding and the check are of this pull request, its head and its dataset.

    Raises:
        NotMeasured: they are not; somebody pushed in between.
    """
    pull, binding, change = looked.pull, looked.binding, looked.check.change
    whole = (binding.repository, binding.pull, binding.head) == (pull.repository, pull.number, pull.head)
    if not whole or (change is not None and change.sha256 != binding.dataset_sha256):
        raise NotMeasured(f"#{pull.number}: check, binding and head are not of the same commit: look again")


def _before(looked: Looked, work: Work | None) -> tuple[Condition, ...]:
    """What must be settled before anything is spent."""
    pull, review = looked.pull, looked.feature.review
    lines = [conditions.checked(looked.check), *conditions.held_back(pull, review), conditions.approved(pull, review)]
    if looked.change.kind == "suite":
        return tuple(lines)
    lines += conditions.owned(pull, review, looked.change.parts.get("dataset", ()), looked.codeowners)
    lines += [conditions.reviewed(review, looked.rows), *conditions.synthetic(review, looked.synthetic)]
    lines += conditions.prompted(review, looked.ledger)
    return (*lines, _cost(looked, work))


def _cost(looked: Looked, work: Work | None) -> Condition:
    """The cost against the budget; no longer held against it once the training goes on, or has brought a verdict."""
    if looked.cost is None:
        needs = "an estimate: nothing is spent without one"
        return Condition(name="cost estimate", mark="waiting", words="cost estimate: none was made", needs=needs)
    pull, training = looked.pull, work is not None and work.last.step != "started" and _running(looked, work)
    agreed = [e.by for e in looked.journal if e.step == "cost_approved" and e.head == pull.head and e.by is not None]
    counted = [by for by in agreed if pull.author is not None and not same_login(by, pull.author)]
    return conditions.costs(
        looked.cost,
        looked.feature.budget,
        agreed=counted[-1] if counted else None,
        spent=spent_in(looked.month, looked.ledger),
        head=pull.head,
        begun=training or _verdict(looked) is not None,
    )


def _may_begin(looked: Looked, work: Work | None) -> bool:
    """Once by itself for a head; again only on command, and never what runs or was judged already."""
    if _running(looked, work) or _verdict(looked) is not None:
        return False
    return looked.asked in AGAIN if work is not None else looked.asked != "cancel"


def _running(looked: Looked, work: Work | None) -> bool:
    return work is not None and work.running and work.last.run not in looked.gone


def _after(looked: Looked, work: Work | None, *, start: bool, ready: bool) -> tuple[Condition, ...]:
    """Training, evaluation, verdict and registry; of a change that trains nothing the evaluation alone."""
    verdict = _verdict(looked)
    stopped = None if verdict is not None or start else _stopped(looked, work, ready=ready)
    if looked.change.kind != "dataset":
        begins = start or (_running(looked, work) and work is not None and work.last.step == "started")
        return (stopped or _evaluating(looked, work, judged=verdict is not None, begins=begins),)
    on_training = stopped is not None and stopped.name == "training"
    training = stopped if on_training else _training(looked, work, start=start, judged=verdict is not None)
    judged = stopped if stopped is not None and not on_training else _judged(verdict)
    evaluating = _evaluating(looked, work, judged=verdict is not None, begins=False)
    return tuple(line for line in (training, evaluating, judged, _registered(verdict)) if line is not None)


def _stopped(looked: Looked, work: Work | None, *, ready: bool) -> Condition | None:
    """Why nothing goes on although there is no verdict, and who can move it; None where something does, or nothing was begun."""
    trains = looked.change.kind == "dataset"
    name, begin = ("training", "train") if trains else ("evaluating", "evaluate")
    if _running(looked, work) or (work is None and not ready):
        return None
    if work is None:
        return Condition(name=name, mark="waiting", words=f"{name}: not begun", needs=f"`/evalgate {begin}` {WHO}")
    if work.last.step == "finished":
        before = work.started.binding
        changed = () if before is None else before.differs_from(looked.binding)
        begin = "evaluate" if changed and HELD_AGAINST.issuperset(changed) else begin
        name = "verdict" if trains and changed else name
        told = f"{_fields(changed)} changed since" if changed else "it ended without a verdict"
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
    running = _running(looked, work) and work.last.step in ("started", "training")
    return Condition(name="training", mark="running" if running else "done", words="training" if running else "trained")


def _evaluating(looked: Looked, work: Work | None, *, judged: bool, begins: bool) -> Condition:
    if judged:
        return Condition(name="evaluating", mark="done", words="evaluated")
    running = _running(looked, work) and work is not None and work.last.step in ("trained", "evaluating")
    words = "evaluating" if running else "evaluation begins" if begins else "evaluation"
    return Condition(name="evaluating", mark="running" if running or begins else "later", words=words)


def _judged(verdict: Entry | None) -> Condition:
    if verdict is None or verdict.verdict is None:
        return Condition(name="verdict", mark="later", words="verdict")
    return Condition(name="verdict", mark=MARKS[verdict.verdict], words=f"verdict: {verdict.verdict}")


def _fields(names: Sequence[str]) -> str:
    return ", ".join(code_span(name.removesuffix("_sha256")) for name in names)


def _registered(verdict: Entry | None) -> Condition:
    if verdict is not None and verdict.verdict == "pass":
        return Condition(name="registry", mark="later", words="registry: not entered; `evalgate registry promote` does it")
    return Condition(name="registry", mark="later", words="registry")


def _verdict(looked: Looked) -> Entry | None:
    """The end of the work on exactly this: same head, same data, same suites, same policy, same base.

    Of two ends the first one: doing the same work again buys nothing. A dataset's end that brought no verdict is none.
    """
    ends = [e for e in looked.journal if e.step == "finished" and e.head == looked.pull.head and e.work == looked.binding.key]
    return next((end for end in ends if end.verdict is not None or looked.change.kind != "dataset"), None)


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
        return f"{doing} on {head} is going on since {code_span(work.last.at)}; nothing is decided yet"
    waiting = [line.needs for line in lines if line.needs]
    verdict = _verdict(looked)
    if verdict is not None and not waiting:
        return _said(verdict)
    more = f" ({len(waiting) - 1} more below)" if len(waiting) > 1 else ""
    told = f"the verdict is {verdict.verdict}, but this " if verdict is not None and verdict.verdict else ""
    return f"{told}waits for {waiting[0]}{more}" if waiting else "nothing is decided yet"


def _said(verdict: Entry) -> str:
    why = one_line(verdict.why or "")
    return f"**{verdict.verdict or 'measured'}**{f': {why}' if why else ''}"


def _notes(looked: Looked) -> tuple[str, ...]:
    """What else a reader should know: verdicts of other commits, work that goes on for nothing, a command that began nothing."""
    notes = []
    other = verdict_of([entry for entry in looked.journal if entry.head != looked.pull.head])
    if other is not None:
        notes.append(f"commit {code_span(other.head[:7])} had the verdict {other.verdict}: it says nothing of this one")
    same = verdict_of(looked.journal, looked.pull.head)
    if same is not None and same.binding is not None and same.work != looked.binding.key:
        changed = _fields(same.binding.differs_from(looked.binding))
        notes.append(f"the verdict {same.verdict} on this commit is stale: {changed} changed since")
    for work in works(looked.journal):
        if _running(looked, work) and (work.head != looked.pull.head or not looked.pull.open):
            notes.append(f"the work on {code_span(work.head[:7])} still goes on: it says nothing of anything later")
    if looked.asked in AGAIN and _verdict(looked) is not None:
        notes.append(f"`/evalgate {looked.asked}` began nothing: this commit is judged, and the same again is no new attempt")
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
