"""What the journal says of the work on a pull request: what runs, what ended, which attempt the next one is."""

from collections.abc import Sequence
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


def attempt(journal: Sequence[Entry], work: str) -> int:
    """Which attempt a piece of work is: one more than the others of this pull request that came to a verdict.

    The same work again is the same attempt: it brings the same candidate. Without an end that judged, nothing was learnt.
    """
    judged = dict.fromkeys(entry.work for entry in journal if entry.step == "finished" and entry.verdict)
    before = list(judged)
    return before.index(work) + 1 if work in judged else len(before) + 1


def run_of(name: str | None) -> str:
    """The workflow run in RUN.ATTEMPT, without the attempt."""
    return (name or "").partition(".")[0]
