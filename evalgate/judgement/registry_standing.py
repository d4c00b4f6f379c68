"""Where a pull request on the registry stands: what it changes, whether evidence carries it, who has released it."""

from collections.abc import Sequence
from typing import NamedTuple

from evalgate.judgement.conditions import held_back
from evalgate.judgement.markdown import code_span, one_line
from evalgate.judgement.registry_change import Change
from evalgate.judgement.wording import counted
from evalgate.records.link import Link
from evalgate.records.policy import Release, Review
from evalgate.records.pull_request import PullRequest
from evalgate.records.standing import Conclusion, Condition, Standing
from evalgate.review.approvals import approvals, same_login

NEVER = ("edited", "removed")
"""Kinds of change that no evidence carries: an entry never changes."""
BRINGS = ("added", "began")
"""Kinds of change that a head makes itself; of one that is behind all others may be the target's, the wrong way round."""
MOST_NAMED = 6


class Proved(NamedTuple):
    """One change of the registry, and what its evidence says."""

    change: Change
    broken: tuple[Link, ...]
    """Every link that does not hold."""
    found: str | None = None
    """What was derived again, e.g. the verdict's sentence; Markdown of ours. None where no evidence is asked for."""
    near: str | None = None
    """What a release manager should know, such as an end date that comes near."""


def holds(one: Proved) -> bool:
    """True for a change that may be made, as far as evidence goes."""
    return one.change.kind not in NEVER and not one.broken


def registry_standing(
    pull: PullRequest, proved: Sequence[Proved], release: Release, *, behind: bool, reviews: Sequence[Review] = (Review(),)
) -> Standing:
    """Where it stands; `behind`: the target's registry changed since the head was made, so the head says nothing of today's.

    `reviews` is what the policies of the features ask for: their labels hold the registry back too.
    """
    told = [one for one in proved if not behind or one.change.kind in BRINGS]
    lines = [_line(one) for one in told] or ([] if behind or pull.merged else [_nothing()])
    if behind:
        lines = [_behind(), *lines]
    lines += dict.fromkeys(line for review in reviews for line in held_back(pull, review))
    lines.append(released(pull, release))
    if not pull.open:
        lines = [line.model_copy(update={"needs": None}) for line in lines]
    conclusion = _conclusion(lines)
    return Standing(
        pull=pull.number,
        head=pull.head,
        kind="registry",
        feature=_feature(proved),
        headline=_headline(pull, lines, conclusion),
        conditions=tuple(lines),
        conclusion=conclusion,
        notes=tuple(code_span(one.near, 300) for one in proved if one.near),
    )


def released(pull: PullRequest, release: Release) -> Condition:
    """Approvals of the head by release managers; where the policy names none, by anybody with write access."""
    told = approvals(pull)
    by = [login for login in told.by if not release.managers or any(same_login(login, one) for one in release.managers)]
    words = f"released by {len(by)} of {release.approvals}"
    if by:
        words += f": {', '.join(code_span(login) for login in by[:MOST_NAMED])}"
    if told.against:
        against = ", ".join(code_span(one) for one in told.against[:MOST_NAMED])
        needs = f"{against} asked for changes, and must approve or be dismissed"
        return Condition(name="released", mark="waiting", words=words, needs=needs)
    if len(by) >= release.approvals:
        return Condition(name="released", mark="done", words=words)
    named = ", ".join(code_span(login) for login in release.managers[:MOST_NAMED])
    who = f"by release managers ({named})" if named else "by people with write access who wrote none of its commits"
    needs = f"{counted(release.approvals - len(by), 'approval')} of {code_span(pull.head[:7])} {who}"
    return Condition(name="released", mark="waiting", words=words, needs=needs)


def _line(one: Proved) -> Condition:
    name, words = one.change.kind, code_span(one.change.words, 300)
    if one.change.kind in NEVER:
        needs = "that is taken back: an entry never changes, a new version is a new entry"
        return Condition(name=name, mark="refused", words=words, needs=needs)
    if one.broken:
        needs = "evidence that holds at every link: what broke is put right, or the candidate is judged again"
        return Condition(name=name, mark="refused", words=f"{words}; broken: {_links(one.broken)}", needs=needs)
    if one.change.exposure == "lower":
        return Condition(name=name, mark="done", words=f"{words}; it only lowers exposure and needs no new evidence")
    return Condition(name=name, mark="done", words=f"{words}; {one_line(one.found)}" if one.found else words)


def _links(broken: Sequence[Link]) -> str:
    """Every link that broke by its name, with what is wrong with the first of each."""
    first = {link.name: link for link in reversed(broken)}
    told = [f"{code_span(name)}: {code_span(first[name].words, 300)}" for name in dict.fromkeys(link.name for link in broken)]
    return "; ".join(told[:MOST_NAMED]) + (f"; and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else "")


def _behind() -> Condition:
    needs = "the branch is brought up to date with the target branch: its registry changed since"
    return Condition(name="up to date", mark="waiting", words="the registry moved on", needs=needs)


def _nothing() -> Condition:
    return Condition(name="changes", mark="done", words="nothing that is served or registered changes")


def _conclusion(lines: Sequence[Condition]) -> Conclusion:
    if any(line.mark == "refused" for line in lines):
        return "failure"
    return "action_required" if any(line.mark == "waiting" for line in lines) else "success"


def _headline(pull: PullRequest, lines: Sequence[Condition], conclusion: Conclusion) -> str:
    if not pull.open:
        return "merged" if pull.merged else "closed: nothing was merged"
    refused = [line for line in lines if line.mark == "refused"]
    if refused:
        more = f" ({len(refused) - 1} more below)" if len(refused) > 1 else ""
        return f"refused: {refused[0].words}{more}"
    waiting = [line.needs for line in lines if line.needs]
    if waiting:
        return f"verified, but this waits for {waiting[0]}" if conclusion == "action_required" else waiting[0]
    return "verified and released: it may be merged at exactly this commit"


def _feature(proved: Sequence[Proved]) -> str | None:
    features = {one.change.feature for one in proved}
    return features.pop() if len(features) == 1 else None
