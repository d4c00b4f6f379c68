"""The lines of a pull request's checklist, each computed from facts that trusted code asked of the API."""

from collections.abc import Sequence

from evalgate.judgement.markdown import code_span, linked
from evalgate.judgement.wording import counted
from evalgate.records.check import CheckReport
from evalgate.records.journal import Entry
from evalgate.records.policy import Budget, Review
from evalgate.records.pull_request import PullRequest
from evalgate.records.standing import Condition, Mark
from evalgate.review.approvals import Approvals, approvals, same_login
from evalgate.review.codeowners import owners_of, people_of, teams_of
from evalgate.review.costs import Estimate
from evalgate.review.plateau import ENOUGH, plateau

NAMED = 5
"""Names that one line spells out."""


def checked(report: CheckReport) -> Condition:
    """Whether the dataset is free of errors, and of findings that hold it back."""
    counts = {severity: sum(f.severity == severity for f in report.findings) for severity in ("error", "hold", "warning")}
    rows = counted(report.rows, "row")
    if counts["error"]:
        words = f"checked: {counted(counts['error'], 'error')} in {rows}"
        return Condition(name="checked", mark="refused", words=words, needs="the author mends what is named, and pushes")
    if counts["hold"]:
        words = f"checked: {counted(counts['hold'], 'finding')} that a person must look at, in {rows}"
        return Condition(name="checked", mark="waiting", words=words, needs="the author removes what is named, and pushes")
    warned = f", {counted(counts['warning'], 'warning')}" if counts["warning"] else ""
    return Condition(name="checked", mark="done", words=f"checked: {rows}, no error{warned}")


def held_back(pull: PullRequest, review: Review) -> list[Condition]:
    """One line for a draft, one for the hold label; none for a pull request that is ready."""
    found = []
    if pull.draft:
        needs = "the author marks it ready for review"
        found.append(Condition(name="draft", mark="waiting", words="held back: it is a draft", needs=needs))
    if review.hold_label.casefold() in (label.casefold() for label in pull.labels):  # GitHub tells no upper from lower case
        label = code_span(review.hold_label)
        needs = f"somebody removes the label {label}"
        found.append(Condition(name="held", mark="waiting", words=f"held back by the label {label}", needs=needs))
    return found


def approved(pull: PullRequest, review: Review) -> Condition:
    """Approvals of the head by people with write access, authors of its commits and bots left out."""
    told = approvals(pull)
    words = f"approved {len(told.by)} of {review.approvals}{_beside(pull, told)}"
    if told.against:
        needs = f"{_names(told.against)} asked for changes, and must approve or be dismissed"
        return Condition(name="approved", mark="waiting", words=words, needs=needs)
    missing = review.approvals - len(told.by)
    if missing > 0:
        head = code_span(pull.head[:7])
        needs = f"{counted(missing, 'approval')} of {head} by people with write access who wrote none of its commits"
        return Condition(name="approved", mark="waiting", words=words, needs=needs)
    return Condition(name="approved", mark="done", words=words)


def owned(pull: PullRequest, review: Review, paths: Sequence[str], codeowners: str | None) -> list[Condition]:
    """Whether an owner of every dataset file approved the head, where the policy asks for it."""
    if not review.codeowners:
        return []
    if codeowners is None:
        return [Condition(name="owners", mark="refused", words="owners: the target branch has no CODEOWNERS", needs=_NO_OWNERS)]
    by, owners = approvals(pull).by, {path: owners_of(codeowners, path) for path in paths}
    missing = [path for path in paths if not any(same_login(one, login) for one in people_of(owners[path]) for login in by)]
    if not missing:
        return [Condition(name="owners", mark="done", words="approved by an owner of the dataset")]
    words = f"{counted(len(missing), 'file')} without an owner's approval"
    needs = _owner_asked(pull, missing[0], owners[missing[0]])
    return [Condition(name="owners", mark="waiting", words=words, needs=needs)]


def reviewed(review: Review, rows: tuple[int, int]) -> Condition:
    """Rows that counted reviewers have reviewed, against what the policy asks for."""
    count, new = rows
    if review.reviewed_rows == 0:
        return Condition(name="reviewed rows", mark="off", words=f"reviewed rows {count} of {new} new ones; none asked for")
    words = f"reviewed rows {count} of {review.reviewed_rows}"
    if count >= review.reviewed_rows:
        return Condition(name="reviewed rows", mark="done", words=words)
    more = counted(review.reviewed_rows - count, "more row")
    needs = f"{more} whose `metadata.reviewed_by` names somebody who approves this commit"
    return Condition(name="reviewed rows", mark="waiting", words=words, needs=needs)


def synthetic(review: Review, shares: tuple[int, int]) -> list[Condition]:
    """Whether too many rows are synthetic: `shares` are the synthetic rows that nobody reviewed, and all rows."""
    count, rows = shares
    if rows == 0 or count <= review.max_synthetic_share * rows:
        return []
    words = f"{count} of {counted(rows, 'row')} synthetic and not reviewed, at most {review.max_synthetic_share:.0%} may be"
    needs = "counted reviewers review more of them (`metadata.reviewed_by`), or the author adds other rows"
    return [Condition(name="synthetic rows", mark="waiting", words=words, needs=needs)]


def prompted(review: Review, ledger: Sequence[Entry]) -> list[Condition]:
    """Whether the last prompt changes brought nothing any more, where the policy asks for it."""
    if not review.prompt_plateau:
        return []
    count, enough = plateau(ledger)
    words = f"{counted(count, 'prompt change')} of {ENOUGH} in a row without a proven lift"
    if enough:
        return [Condition(name="prompt plateau", mark="done", words=words)]
    needs = "a pull request that changes the prompt alone, measured on the golden set: prompting may still help"
    return [Condition(name="prompt plateau", mark="waiting", words=words, needs=needs)]


def weighed(document: tuple[str, str] | None) -> list[Condition]:
    """The decision document of `evalgate paths`, linked, where the head has one."""
    if document is None:
        return []
    words = f"what is cheaper than a fine-tune was asked: {linked(document[1], document[0])}"
    return [Condition(name="paths", mark="done", words=words)]


def costs(cost: Estimate, budget: Budget, *, agreed: str | None, spent: float, head: str, begun: bool = False) -> Condition:
    """What the training will cost, against the budget.

    `agreed` is who approved the cost of this head; `begun` says that it is being spent or is spent: `spent` holds it then.
    """
    time = "time not known before a first training" if cost.minutes is None else f"about {max(cost.minutes, 0.1):.1f} minutes"
    how = " at the speed of the last training" if cost.measured else ""
    size = f"about {cost.tokens:,} tokens, {time}{how}"
    by = f", approved by {code_span(agreed)}" if agreed else ""
    words = f"cost estimate: {size}" if cost.amount is None else f"cost estimate: {cost.amount:.2f} {budget.currency} ({size})"
    if cost.amount is None and budget.price_per_minute is None and budget.price_per_million_tokens is None:
        return Condition(name="cost estimate", mark="done", words=f"{words}; not priced, the policy names no price")
    mark, needs = ("done", None) if begun else _within(cost.amount, budget, agreed=agreed, spent=spent, head=head)
    return Condition(name="cost estimate", mark=mark, words=f"{words}{by}", needs=needs)


def _within(amount: float | None, budget: Budget, *, agreed: str | None, spent: float, head: str) -> tuple[Mark, str | None]:
    """How an amount of money stands against the budget, and what it waits for; None where minutes are priced and not known."""
    if amount is not None and amount > budget.refuse_above:
        return "refused", f"a smaller job, or a higher budget.refuse_above than {budget.refuse_above:g} in the policy"
    if amount is not None and spent + amount > budget.per_month:
        return (
            "refused",
            f"next month, or a higher budget.per_month than {budget.per_month:g} in the policy: {spent:.2f} is spent",
        )
    if agreed is not None or (amount is not None and amount <= budget.approve_above):
        return "done", None
    asked = f"`/evalgate approve-cost {head[:12]}` by somebody with write access who is not the author"
    if amount is None:
        return "waiting", f"{asked}, or budget.tokens_per_second in the policy: a minute has a price, and nobody knows how many"
    return "waiting", f"{asked}: it is above {budget.approve_above:g}"


_NO_OWNERS = "a CODEOWNERS file on the target branch, or `review.codeowners: false` in the policy"


def _owner_asked(pull: PullRequest, path: str, owners: Sequence[str]) -> str:
    """Whose approval of a path is missing; where nobody's would count, what CODEOWNERS must say instead."""
    people = [login for login in people_of(owners) if pull.author is None or not same_login(login, pull.author)]
    teams = f"members of {_names(teams_of(owners))} are not known to this token" if teams_of(owners) else ""
    if people:
        return f"the approval of {code_span(path)} by {_names(people)}{f' ({teams}: name people)' if teams else ''}"
    why = teams or ("its only owner is the author" if people_of(owners) else "no login stands there")
    return f"a line of CODEOWNERS on the target branch that names another person for {code_span(path)}: {why}"


def _beside(pull: PullRequest, told: Approvals) -> str:
    """What else the reviews say: approvals of other commits, and approvals that do not count."""
    more = [f"by {_names(told.by)}"] if told.by else []
    if told.older:
        more.append(f"{_names(told.older)} approved another commit{' or target branch' if pull.retargeted else ''}")
    more += [f"{code_span(login)} {why}" for login, why in list(told.not_counted.items())[:NAMED]]
    return f" ({'; '.join(more)})" if more else ""


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(code_span(name) for name in names[:NAMED])
    return shown + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
