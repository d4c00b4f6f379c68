"""What the journal says of the work on a pull request: what runs, what ended, which attempt the next one is."""

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from evalgate.records.journal import ENDED, RUNNING, Entry


class Work(NamedTuple):
    """One piece of work: a training with its evaluation, or an evaluation alone."""

    started: Entry
    """Its first step, with the binding."""
    last: Entry
    """Its latest step."""

    @property
    def running(self) -> bool:
        """True while the journal knows of no end."""
        return self.last.step in RUNNING

    @property
    def head(self) -> str:
        """The commit that it is bound to."""
        return self.started.head


def works(journal: Sequence[Entry]) -> tuple[Work, ...]:
    """All work on a pull request, in the order in which it was begun; a new run of the same work is one more."""
    begun = [entry for entry in journal if entry.step == "started"]
    found = []
    for started in begun:
        steps = [e for e in journal if e.step in (*RUNNING, *ENDED) and (e.work, e.run) == (started.work, started.run)]
        end = next((entry for entry in steps if entry.step in ENDED), None)
        found.append(Work(started, end or steps[-1]))
    return tuple(found)


def latest(journal: Sequence[Entry], head: str | None = None) -> Work | None:
    """The work that was begun last, of one head commit or of any; None where none was."""
    found = [work for work in works(journal) if head in (None, work.head)]
    return found[-1] if found else None


def verdict_of(journal: Sequence[Entry], head: str | None = None) -> Entry | None:
    """The last step that brought a verdict, of one head commit or of any."""
    found = [entry for entry in journal if entry.step == "finished" and entry.verdict and head in (None, entry.head)]
    return found[-1] if found else None


def deciding(journal: Sequence[Entry], head: str, key: str, *, trains: bool) -> Entry | None:
    """The end that decides, None where there is none: of several on one work the first that measured every case, else the last.

    Doing the same work again buys nothing, but asking again what was never answered does. A dataset's end that brought no
    verdict is none.
    """
    ends = [e for e in journal if e.step == "finished" and (e.head, e.work) == (head, key) and (e.verdict or not trains)]
    return next((end for end in ends if not left_open(end)), ends[-1] if ends else None)


def left_open(end: Entry) -> bool:
    """True for a verdict that is inconclusive with cases that nobody answered: they may be asked again."""
    return end.verdict == "inconclusive" and bool(end.unmeasured)


def attempt(ledger: Sequence[Entry], base: str, work: str) -> int:
    """Which attempt at a base a piece of work is: one more than the others of the feature whose answers could be seen."""
    return len(judged_before(ledger, base, work)) + 1


def judged_before(ledger: Sequence[Entry], base: str, work: str) -> tuple[str, ...]:
    """The attempts at a base before a piece of work, in order: each the digest of its candidate, or its key where it has none.

    Counted over all pull requests, by feature and base, as long as that base is served. Work whose evaluation began
    counts, whatever became of it, but for one that failed: nothing was scored. The same work again, and another that
    brought the same candidate, are the same attempt.
    """
    at_base = [e for e in ledger if e.binding is not None and e.binding.base == base and e.binding.dataset is not None]
    failed = {(entry.work, entry.run) for entry in ledger if entry.step == "failed"}
    judged = {entry.work: entry.binding.candidate for entry in at_base if entry.step == "finished" and entry.binding}
    shown = [
        e.work
        for e in at_base
        if e.step in ("evaluating", "finished") and (e.step == "finished" or (e.work, e.run) not in failed)
    ]
    others = takewhile(lambda one: one != work, shown)
    return tuple(dict.fromkeys(judged.get(one) or one or "" for one in others))


def run_of(name: str | None) -> str:
    """The workflow run in RUN.ATTEMPT, without the attempt."""
    return (name or "").partition(".")[0]
