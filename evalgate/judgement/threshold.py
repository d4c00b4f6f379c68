"""The review threshold: where a pull request stands, what it waits for, and whether the work may begin.

Everything here is computed from facts that trusted code asked of the API and from files of the target branch.
"""

from collections.abc import Sequence

from evalgate.errors import NotMeasured
from evalgate.judgement import conditions
from evalgate.judgement.headline import headline, notes_on
from evalgate.judgement.looked import Looked, end_of, is_running, was_trained
from evalgate.judgement.markdown import code_span
from evalgate.judgement.work_lines import work_lines
from evalgate.records.pull_request import PullRequest
from evalgate.records.standing import Conclusion, Condition, Kind, Standing
from evalgate.review.approvals import same_login
from evalgate.review.costs import spent_in
from evalgate.review.kinds import Change
from evalgate.review.work import Work, latest, left_open

WRONG_PARTS = {
    "dataset": "datasets", "suite": "golden sets, safety suites, prompts or the policy", "registry": "the registry",
    "guarded": "workflows or CODEOWNERS",
}  # fmt: skip
SETTLED = ("done", "off")


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
    lines = (*before, *work_lines(looked, work, start=start, ready=ready))
    if not looked.pull.open:  # it waits for nobody any more
        lines = tuple(line.model_copy(update={"needs": None}) for line in lines)
    return Standing(
        pull=looked.pull.number,
        head=looked.pull.head,
        kind=looked.change.kind,
        feature=looked.change.feature,
        headline=headline(looked, lines, work, start=start),
        conditions=lines,
        conclusion=_conclusion(looked, lines, work, start=start),
        notes=notes_on(looked, start=start),
        binding=looked.binding,
        ready=ready,
        start=start,
    )


def nothing_to_judge(pull: PullRequest) -> Standing:
    """A pull request without anything that is EvalGate's: the required check must not block it."""
    return plain_standing(pull, "none", "nothing to do: no dataset, golden set, prompt, policy or registry is changed", "success")


def without_policy(pull: PullRequest, policy: str) -> Standing:
    """A pull request into a branch that has no policy: it may be the one that brings the first."""
    branch = code_span(pull.target_branch)
    words = f"nothing to do: {branch} has no {code_span(policy)} yet, and that is what judges"
    return plain_standing(pull, "none", words, "success" if pull.target_branch == pull.default_branch else "action_required")


def to_be_split(pull: PullRequest, change: Change) -> Standing:
    """A pull request that mixes what must be judged apart."""
    if len(change.parts) == 1 and len(change.features) == 1:
        named = ", ".join(code_span(path) for path in next(iter(change.parts.values()))[:5])
        words = f"split this pull request: one dataset file is judged at a time, and it touches {named}"
        return plain_standing(pull, "mixed", words, "failure")
    if len(change.parts) == 1:
        told = f"datasets of {len(change.features)} features: {', '.join(code_span(name) for name in change.features[:5])}"
    else:
        told = " together with ".join(f"{WRONG_PARTS[p]} ({code_span(paths[0])})" for p, paths in sorted(change.parts.items()))
    words = f"split this pull request: it changes {told}. Each is judged by what the target branch holds of the others"
    return plain_standing(pull, "mixed", words, "failure")


def anybodys(pull: PullRequest) -> Standing:
    """A pull request into a branch that anybody with write access may make and move, its policy with it."""
    branch = code_span(pull.target_branch)
    words = f"nothing is judged: {branch} is neither the default branch nor one that its policy lists under `branches`"
    return plain_standing(pull, "none", words, "action_required")


def shared(found: Standing, others: Sequence[int]) -> Standing:
    """What the check run says of a commit that is the head of several pull requests: never green for one by another."""
    named = ", ".join(f"#{number}" for number in others[:5])
    words = f"this commit is also the head of {named}, and a commit has one check: close all but one"
    conclusion: Conclusion | None = "action_required" if found.conclusion == "success" else found.conclusion
    told = {"headline": f"{words}. {found.headline}", "notes": (*found.notes, words), "conclusion": conclusion}
    return found.model_copy(update=told)


def held(pull: PullRequest, why: str, *, refused: bool = False) -> Standing:
    """A pull request that cannot be judged as things are; `refused` where its author can mend that."""
    return plain_standing(pull, "none", why, "failure" if refused else "action_required")


def plain_standing(pull: PullRequest, kind: Kind, words: str, conclusion: Conclusion) -> Standing:
    """A standing of one sentence, without a checklist."""
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
    lines += conditions.weighed(looked.document)
    return (*lines, _cost(looked, work))


def _cost(looked: Looked, work: Work | None) -> Condition:
    """The cost against the budget; no longer held against it once the training goes on, or has brought a verdict."""
    if looked.cost is None:
        needs = "an estimate: nothing is spent without one"
        return Condition(name="cost estimate", mark="waiting", words="cost estimate: none was made", needs=needs)
    pull, training = looked.pull, work is not None and work.last.step != "started" and is_running(looked, work)
    agreed = [e.by for e in looked.journal if e.step == "cost_approved" and e.head == pull.head and e.by is not None]
    counted = [by for by in agreed if pull.author is not None and not same_login(by, pull.author)]
    return conditions.costs(
        looked.cost,
        looked.feature.budget,
        agreed=counted[-1] if counted else None,
        spent=spent_in(looked.month, looked.ledger),
        head=pull.head,
        begun=training or end_of(looked) is not None,
    )


def _may_begin(looked: Looked, work: Work | None) -> bool:
    """Once by itself for a head; again only on command, and never what runs or was judged already."""
    verdict = end_of(looked)
    if is_running(looked, work) or (verdict is not None and not (left_open(verdict) and looked.asked == "evaluate")):
        return False
    if work is None:
        return looked.asked != "cancel"
    untrained = looked.change.kind == "dataset" and not was_trained(looked)
    return looked.asked == "train" or (looked.asked == "evaluate" and not untrained)


def _conclusion(looked: Looked, lines: Sequence[Condition], work: Work | None, *, start: bool) -> Conclusion | None:
    if any(line.mark == "refused" for line in lines if line.name != "verdict"):
        return "failure"
    if start or is_running(looked, work):
        return None
    verdict = end_of(looked)
    if verdict is None or any(line.mark == "waiting" for line in lines if line.name != "verdict"):
        return "action_required"
    if verdict.verdict in ("pass", None):  # a change of suites is measured, and gets no verdict
        return "success"
    waiver = verdict.verdict == "inconclusive" and looked.feature.gate.on_inconclusive == "waiver"
    return "action_required" if waiver else "failure"
