"""The controller: looks at a pull request, makes the comment and the check run true, and hands over work that may begin.

It is told that something happened and never what: every call looks at the whole state again, so calls may be lost,
doubled or run side by side, and the last one leaves the truth.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from evalgate.errors import NotMeasured
from evalgate.pull_request import facts, proposal
from evalgate.pull_request.client import Remote
from evalgate.records.standing import Standing
from evalgate.review.commands import Name
from evalgate.review.signals import Signal
from evalgate.review.work import latest, works
from evalgate.stages.hearing import hear
from evalgate.stages.merge_group import judge_group
from evalgate.stages.proof import proven
from evalgate.stages.seen import Here, Seen
from evalgate.stages.showing import show
from evalgate.stages.tidying import tidied
from evalgate.stages.trigger import look

ROUNDS = 3
"""How often one call looks again when things move while it writes."""


class Ended(NamedTuple):
    """What became of one pull request."""

    standing: Standing
    work: str | None
    """Key of the work that begins now; None where none does."""
    body: str = ""
    """What the comment says."""
    merged: bool = False
    """True for a pull request that was merged."""
    may_merge: bool = False
    """True for a change of the registry that is verified and released, and that the policy lets be merged by itself."""


def control(remote: Remote, signal: Signal, here: Here) -> tuple[Ended, ...]:
    """Every pull request that the signal points to, looked at and made true.

    Raises:
        NotMeasured: GitHub could not be asked or written to.
    """
    if signal.source == "group" and signal.head is not None:
        group = judge_group(remote, signal.head, signal.head_branch, here)
        return () if group is None else (Ended(group, None),)
    if signal.source == "comment" and signal.pull is not None and signal.comment is not None:
        asked = hear(remote, signal.pull, signal.comment, here)
        return () if asked is None else (reconcile(remote, signal.pull, here, asked=asked.name),)
    ended = tuple(reconcile(remote, number, here) for number in pulls_of(remote, signal))
    for one in ended:
        if one.merged and one.standing.kind == "registry":  # what others were made from is no longer what is registered
            others = proposal.open_at(remote, (here.places.registry,))
            each(others, lambda number: reconcile(remote, number, here), otherwise="is not looked at anew")
    return ended


def each(numbers: Iterable[int], act: Callable[[int], object], *, otherwise: str) -> None:
    """Nothing; `act` is done for every pull request, and one for which it cannot be done does not stop the others.

    Raises:
        NotMeasured: naming those with which it `otherwise` is, as in "is not looked at anew".
    """
    problems: list[str] = []
    for number in numbers:
        try:
            act(number)
        except NotMeasured as error:
            problems += [f"#{number} {otherwise}: {problem}" for problem in error.problems]
    if problems:
        raise NotMeasured(*problems)


def pulls_of(remote: Remote, signal: Signal) -> tuple[int, ...]:
    """The pull requests that a signal is about: open ones, else those that were closed at that commit."""
    if signal.pull is not None:
        return (signal.pull,)
    if signal.source != "head" or signal.head is None:
        return ()
    return facts.pulls_at(remote, head=signal.head, head_repository=signal.head_repository, head_branch=signal.head_branch)


def reconcile(remote: Remote, number: int, here: Here, *, asked: Name | None = None, rounds: int = ROUNDS) -> Ended:
    """One pull request made true; the work that its state allows is begun in the journal, once."""
    seen = look(remote, number, here, asked=asked)
    if not seen.judged:
        return Ended(seen.standing, None)  # a check run would count for other pull requests with the same head
    if seen.journal is not None and tidied(remote, seen, here):
        seen = look(remote, number, here, asked=asked)
    begun = _begun(remote, seen, here) if seen.standing.start else _begun_before(remote, seen)
    if seen.standing.start and begun is None:  # somebody else began it in this moment
        seen = look(remote, number, here)
    seen = proven(seen)
    body = show(remote, seen, here)
    # another controller may have written what it saw later, before us
    if rounds > 1 and _moved(remote, seen, begun=begun is not None):
        later = reconcile(remote, number, here, rounds=rounds - 1)
        return later._replace(work=begun or later.work)
    return Ended(seen.standing, begun, body, merged=seen.pull.merged, may_merge=seen.may_merge)


def _moved(remote: Remote, seen: Seen, *, begun: bool) -> bool:
    """True when the pull request or its journal is no longer what was shown, the step apart with which we began."""
    entries = () if seen.journal is None else seen.journal.of_pull(seen.pull.number)
    ours = 1 if begun and len(entries) > len(seen.entries) else 0
    return entries[: len(entries) - ours] != seen.entries or facts.observe(remote, seen.pull.number) != seen.pull


def _begun(remote: Remote, seen: Seen, here: Here) -> str | None:
    """The key of the work, when this call is the one that begins it; None when another one did."""
    binding = seen.standing.binding
    if seen.journal is None or binding is None:
        raise NotMeasured("there is nothing that a journal is kept of: nothing was begun")
    tries = sum(work.head == seen.pull.head for work in works(seen.entries))
    entry = here.entry(seen, "started", f"started/{seen.pull.head}/{tries}", run=remote.run, work=binding.key, amount=seen.amount)
    entry = entry.model_copy(update={"binding": binding.model_copy(update={"run": remote.run})})
    stands = seen.journal.append(entry)
    ours = stands.run == entry.run and stands.work == entry.work
    return binding.key if ours else None


def _begun_before(remote: Remote, seen: Seen) -> str | None:
    """The key of work that this very attempt of this workflow run began, and then stopped before it was handed over."""
    work = latest(seen.entries, seen.pull.head)
    ours = work is not None and work.last.step == "started" and remote.run is not None and work.started.run == remote.run
    return work.started.work if work is not None and ours else None


def matrix(ended: Sequence[Ended]) -> list[Mapping[str, object]]:
    """The work that begins now, for a workflow's matrix."""
    return [{"pull": one.standing.pull, "work": one.work} for one in ended if one.work is not None]


def merges(ended: Sequence[Ended]) -> list[Mapping[str, object]]:
    """The pull requests that may be merged now, each at one exact commit, for a workflow's matrix.

    One that a person merged is among them while others on the registry are open: those must be brought up to date.
    """
    return [{"pull": one.standing.pull, "head": one.standing.head} for one in ended if one.may_merge]
