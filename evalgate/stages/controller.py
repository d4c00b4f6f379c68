"""The controller: looks at a pull request, makes the comment and the check run true, and hands over work that may begin.

It is told that something happened and never what: every call looks at the whole state again, so calls may be lost,
doubled or run side by side, and the last one leaves the truth.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypedDict

from pydantic import ValidationError

from evalgate.errors import NotMeasured
from evalgate.judgement.check_text import check_text
from evalgate.judgement.comment import MARKER, pull_comment
from evalgate.pull_request import check_run, comment, facts, jobs, reaction
from evalgate.pull_request.client import Remote
from evalgate.records.binding import Binding
from evalgate.records.check import Finding
from evalgate.records.comparison import Comparison
from evalgate.records.journal import Step
from evalgate.records.standing import Standing
from evalgate.records.verdict import Verdict
from evalgate.review.approvals import same_login
from evalgate.review.commands import Command, Name, parse
from evalgate.review.signals import Signal
from evalgate.review.work import Work, verdict_of, works
from evalgate.stages.merge_group import judge_group
from evalgate.stages.trigger import CHECK, Here, Seen, look


class Ended(NamedTuple):
    """What became of one pull request."""

    standing: Standing
    work: str | None
    """Key of the work that begins now; None where none does."""
    body: str = ""
    """What the comment says."""


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
    return tuple(reconcile(remote, number, here) for number in pulls_of(remote, signal))


def pulls_of(remote: Remote, signal: Signal) -> tuple[int, ...]:
    """The open pull requests that a signal is about."""
    if signal.pull is not None:
        return (signal.pull,)
    if signal.source != "head" or signal.head is None:
        return ()
    return facts.pulls_at(remote, head=signal.head, head_repository=signal.head_repository, head_branch=signal.head_branch)


def reconcile(remote: Remote, number: int, here: Here, *, asked: Name | None = None) -> Ended:
    """One pull request made true; the work that its state allows is begun in the journal, once."""
    seen = look(remote, number, here, asked=asked)
    if seen.journal is not None and _tidied(remote, seen, here):
        seen = look(remote, number, here, asked=asked)
    begun = _begun(remote, seen, here) if seen.standing.start else None
    if seen.standing.start and begun is None:  # somebody else began it in this moment
        seen = look(remote, number, here)
    return Ended(seen.standing, begun, show(remote, seen, here))


def show(remote: Remote, seen: Seen, here: Here) -> str:
    """What the comment says, now that comment and check run say what the standing says."""
    told = evidence_of(seen)
    kept = Kept(
        comparison=told.comparison if told else None,
        verdict=told.verdict if told else None,
        report_url=here.page(seen.evidence, told.report) if told else None,
        findings=seen.check.findings if seen.check is not None else (),
        stale=told.stale if told else None,
    )
    body = pull_comment(seen.standing, **kept)
    url = comment.keep(remote, seen.pull.number, body, MARKER)
    text = check_text(seen.standing, **kept)
    shown = hashlib.sha256(repr((seen.pull.number, text.annotations)).encode()).hexdigest()[:16]
    check = check_run.Check(
        name=CHECK,
        external_id=f"evalgate/{seen.pull.number}/{shown}",
        title=text.title,
        summary=text.summary,
        text="",
        conclusion=seen.standing.conclusion,
        annotations=text.annotations,
        details_url=url,
    )
    check_run.keep(remote, seen.pull.head, check)
    return body


class Kept(TypedDict):
    """What comment and check run show beside the standing."""

    comparison: Comparison | None
    verdict: Verdict | None
    report_url: str | None
    findings: Sequence[Finding]
    stale: Binding | None


class Told(NamedTuple):
    """The last verdict's evidence, found again under its digests."""

    comparison: Comparison
    verdict: Verdict
    report: str
    """Name of the report beside the journal."""
    stale: Binding | None
    """What it is bound to, where that is not what a verdict would be bound to now."""


def evidence_of(seen: Seen) -> Told | None:
    """What the last verdict rests on; None where there is none yet, or a file is not what the journal says."""
    entry = verdict_of(seen.entries, seen.pull.head) or verdict_of(seen.entries)
    if entry is None or seen.journal is None:
        return None
    files = {name.rpartition("/")[2]: (name, digest) for name, digest in entry.evidence.items()}
    try:
        read = {short: _read(seen, *files[short]) for short in ("compare.json", "verdict.json", "report.md")}
        comparison = Comparison.model_validate_json(read["compare.json"])
        verdict = Verdict.model_validate_json(read["verdict.json"])
    except (KeyError, ValidationError):
        return None
    now = seen.standing.binding
    stale = None if now is not None and entry.work == now.key else entry.binding
    return Told(comparison, verdict, files["report.md"][0], stale)


def _read(seen: Seen, name: str, digest: str) -> bytes:
    """An evidence file that has the digest that the journal says.

    Raises:
        KeyError: it is missing or another.
    """
    content = seen.journal.read(name) if seen.journal is not None else None
    if content is None or hashlib.sha256(content).hexdigest() != digest:
        raise KeyError(name)
    return content


def hear(remote: Remote, number: int, comment_id: int, here: Here) -> Command | None:
    """The command in a comment, answered with a reaction; None when it is none, or from somebody who may not.

    What it does to the journal is done here; what it asks for is decided by the threshold.
    """
    said = reaction.comment_of(remote, comment_id)
    asked = parse(said.body)
    if asked is None or said.created_at != said.updated_at or said.login is None:
        return None
    who = facts.person(remote, said.login)
    if said.kind != "User" or not who.may_write:
        reaction.react(remote, comment_id, "-1")
        return None
    if isinstance(asked, str):
        reaction.react(remote, comment_id, "confused")
        return None
    done = _obeyed(remote, look(remote, number, here), asked, who.login, comment_id, here)
    reaction.react(remote, comment_id, "+1" if done else "confused")
    return asked


def _obeyed(remote: Remote, seen: Seen, asked: Command, by: str, comment_id: int, here: Here) -> bool:
    """Whether the command could be followed as far as the journal goes; a second one like it changes nothing."""
    if seen.journal is None:
        return asked.name == "status"
    if asked.name == "approve-cost":
        own = seen.pull.author is None or same_login(by, seen.pull.author)
        if own or asked.commit is None or not seen.pull.head.startswith(asked.commit):
            return False
    running = [work for work in works(seen.entries) if work.running]
    if asked.name == "cancel" and not running:
        return False
    note = here.entry(seen, "command", f"command/{comment_id}", by=by, said=asked.name)
    if seen.journal.append(note) != note:
        return True  # heard before
    if asked.name == "approve-cost":
        seen.journal.append(here.entry(seen, "cost_approved", f"cost/{seen.pull.head}/{by}", by=by))
    if asked.name == "cancel":
        for work in running:
            _end(remote, seen, work, "cancelled", f"cancelled by {by}", here)
    return True


def _tidied(remote: Remote, seen: Seen, here: Here) -> bool:
    """True when the journal had to be told something: a new head, work for an older one, a merge."""
    changed = _note_head(seen, here)
    for work in works(seen.entries):
        if work.running and work.head != seen.pull.head:
            changed |= _end(remote, seen, work, "superseded", f"superseded by {seen.pull.head[:12]}", here)
        elif work.running and not seen.pull.open:
            changed |= _end(remote, seen, work, "cancelled", "the pull request was closed", here)
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


def _end(remote: Remote, seen: Seen, work: Work, step: Step, why: str, here: Here) -> bool:
    """Work is ended in the journal, and its workflow run is stopped where the token may."""
    if seen.journal is None:
        return False
    entry = here.entry(seen, step, f"{step}/{work.started.key}", why=why)
    bound = {"head": work.head, "work": work.started.work, "run": work.started.run}
    seen.journal.append(entry.model_copy(update=bound))
    if work.started.run is not None and work.started.run != remote.run:
        jobs.cancel(remote, work.started.run)
    return True


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


def matrix(ended: Sequence[Ended]) -> list[Mapping[str, object]]:
    """The work that begins now, for a workflow's matrix."""
    return [{"pull": one.standing.pull, "work": one.work} for one in ended if one.work is not None]
