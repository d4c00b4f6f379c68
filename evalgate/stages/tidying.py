"""What the journal must be told before anything is decided: heads that came, work that nobody wants, merges."""

from evalgate.pull_request import jobs
from evalgate.pull_request.client import Remote
from evalgate.records.journal import Step
from evalgate.review.work import Work, latest, run_of, works
from evalgate.stages.seen import Here, Seen


def tidied(remote: Remote, seen: Seen, here: Here) -> bool:
    """True when the journal had to be told something: a new head, work for an older one, a merge."""
    changed = _note_head(seen, here)
    for work in works(seen.entries):
        if work.running and work.head != seen.pull.head:
            changed |= end(remote, seen, work, "superseded", f"superseded by {seen.pull.head[:12]}", here)
        elif work.running and not seen.pull.open:
            changed |= end(remote, seen, work, "cancelled", "the pull request was closed", here)
    last = latest(seen.entries)
    if last is not None and last.last.step in ("superseded", "cancelled"):  # whoever ended it may have stopped right then
        _stop(remote, last)
    return changed | _note_merge(seen, here)


def _note_head(seen: Seen, here: Here) -> bool:
    """Every head that was seen, in order; one that comes back is noted again."""
    heads = [entry.head for entry in seen.entries if entry.step == "head"]
    if seen.journal is None or heads[-1:] == [seen.pull.head]:
        return False
    seen.journal.append(here.entry(seen, "head", f"head/{len(heads)}/{seen.pull.head}"))
    return True


def _note_merge(seen: Seen, here: Here) -> bool:
    """Whose reviews the merged rows rest on, and the dataset as git holds it."""
    known = any(entry.step == "merged" for entry in seen.entries)
    if not seen.pull.merged or seen.dataset is None or known or seen.journal is None:
        return False
    seen.journal.append(here.entry(seen, "merged", "merged", dataset=seen.dataset, reviewers=seen.approvers))
    return True


def end(remote: Remote, seen: Seen, work: Work, step: Step, why: str, here: Here) -> bool:
    """Work is ended in the journal, and its workflow run is stopped where the token may."""
    if seen.journal is None:
        return False
    spent = None if work.last.step == "started" else work.started.amount
    entry = here.entry(seen, step, f"{step}/{work.started.key}", why=why, amount=spent)
    bound = {"head": work.head, "work": work.started.work, "run": work.started.run}
    seen.journal.append(entry.model_copy(update=bound))
    _stop(remote, work)
    return True


def _stop(remote: Remote, work: Work) -> None:
    """The workflow run of work that nobody wants any more is told to stop, where the token may and where it is not ours."""
    if work.started.run is not None and run_of(work.started.run) != run_of(remote.run):
        jobs.cancel(remote, work.started.run)
