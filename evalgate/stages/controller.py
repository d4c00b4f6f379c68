"""The controller: looks at a pull request, makes the comment and the check run true, and hands over work that may begin.

It is told that something happened and never what: every call looks at the whole state again, so calls may be lost,
doubled or run side by side, and the last one leaves the truth.
"""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple, TypedDict

from pydantic import ValidationError

from evalgate.errors import NotMeasured
from evalgate.judgement.check_text import check_text
from evalgate.judgement.comment import MARKER, pull_comment
from evalgate.judgement.markdown import code_span
from evalgate.judgement.threshold import shared
from evalgate.pull_request import check_run, comment, facts, jobs, reaction
from evalgate.pull_request.client import Remote
from evalgate.records.binding import Binding
from evalgate.records.check import Finding
from evalgate.records.comparison import Comparison
from evalgate.records.journal import Entry, Step
from evalgate.records.standing import Standing
from evalgate.records.verdict import Verdict
from evalgate.review.approvals import same_login
from evalgate.review.commands import Command, Name, parse
from evalgate.review.signals import Signal
from evalgate.review.work import Work, latest, run_of, verdict_of, works
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
    if not seen.pull.ruled:
        return Ended(seen.standing, None)  # a check run would count for other pull requests with the same head
    if seen.journal is not None and _tidied(remote, seen, here):
        seen = look(remote, number, here, asked=asked)
    begun = _begun(remote, seen, here) if seen.standing.start else _begun_before(remote, seen)
    if seen.standing.start and begun is None:  # somebody else began it in this moment
        seen = look(remote, number, here)
    seen = _proven(seen)
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
    others = facts.others_at(remote, seen.pull.head, seen.pull.number)
    shown_on = shared(seen.standing, others) if others else seen.standing
    text = check_text(shown_on, **kept)
    shown = hashlib.sha256(repr((seen.pull.number, text.annotations)).encode()).hexdigest()[:16]
    check = check_run.Check(
        name=CHECK,
        external_id=f"evalgate/{seen.pull.number}/{shown}",
        title=text.title,
        summary=text.summary,
        text="",
        conclusion=shown_on.conclusion,
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
    entry = _decisive(seen) or verdict_of(seen.entries, seen.pull.head) or verdict_of(seen.entries)
    if entry is None or seen.journal is None:
        return None
    files = {name.rpartition("/")[2]: (name, digest) for name, digest in entry.evidence.items()}
    try:
        read = {short: _read(seen, *files[short]) for short in ("compare.json", "verdict.json", "report.md")}
        comparison = Comparison.model_validate_json(read["compare.json"])
        verdict = Verdict.model_validate_json(read["verdict.json"])
    except (KeyError, ValidationError):
        return None
    if verdict.verdict != entry.verdict or verdict.comparison_sha256 != files["compare.json"][1] or not _was_begun(seen, entry):
        return None
    now = seen.standing.binding
    stale = None if now is not None and entry.work == now.key else entry.binding
    return Told(comparison, verdict, files["report.md"][0], stale)


def _decisive(seen: Seen) -> Entry | None:
    """The step whose verdict the standing rests on; None where it rests on none."""
    now = seen.standing.binding
    ends = [e for e in seen.entries if e.step == "finished" and e.verdict and e.head == seen.pull.head]
    return next((end for end in ends if now is not None and end.work == now.key), None)


def _was_begun(seen: Seen, end: Entry) -> bool:
    """True where the journal knows how the work of an end began, and all of it is named by what it is bound to."""
    begun = [e for e in seen.entries if e.step == "started" and (e.work, e.head) == (end.work, end.head)]
    return bool(begun) and all(e.binding is not None and e.binding.key == e.work for e in (*begun, end))


def _proven(seen: Seen) -> Seen:
    """The pull request; without its verdict where what that rests on is not there, or is not what the journal says."""
    end = _decisive(seen)
    if end is None or evidence_of(seen) is not None:
        return seen
    words = "the verdict's evidence is not what the journal says"
    needs = f"the evidence as it was written: look at who changed {code_span(seen.evidence)}, and take that back"
    lines = [
        line.model_copy(update={"mark": "waiting", "words": words, "needs": needs}) if line.name == "verdict" else line
        for line in seen.standing.conditions
    ]
    told = {"headline": f"{words}: nothing is decided; this waits for {needs}", "conditions": tuple(lines)}
    return seen._replace(standing=seen.standing.model_copy(update={**told, "conclusion": "action_required"}))


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
    key = here.entry(seen, "command", f"command/{comment_id}").key
    until = tuple(takewhile(lambda entry: entry.key != key, seen.entries))
    running = [work for work in works(until) if work.running]
    if len(until) == len(seen.entries) and not _may_be_followed(seen, asked, by, running):
        return False
    note = seen.journal.append(here.entry(seen, "command", f"command/{comment_id}", by=by, said=asked.name))
    if asked.name == "approve-cost":  # again where it was heard before: whoever heard it may have stopped right then
        seen.journal.append(here.entry(seen, "cost_approved", f"cost/{note.head}/{by}", by=by, head=note.head))
    if asked.name == "cancel":
        begun = {work.started.key for work in running}
        for work in works(seen.entries):
            if work.running and work.started.key in begun:
                _end(remote, seen, work, "cancelled", f"cancelled by {by}", here)
    return True


def _may_be_followed(seen: Seen, asked: Command, by: str, running: Sequence[Work]) -> bool:
    """Whether there is something to cancel; whether the cost is this head's, and its approval not the author's own."""
    if asked.name == "cancel":
        return bool(running)
    if asked.name != "approve-cost":
        return True
    own = seen.pull.author is None or same_login(by, seen.pull.author)
    return not own and asked.commit is not None and seen.pull.head.startswith(asked.commit)


def _tidied(remote: Remote, seen: Seen, here: Here) -> bool:
    """True when the journal had to be told something: a new head, work for an older one, a merge."""
    changed = _note_head(seen, here)
    for work in works(seen.entries):
        if work.running and work.head != seen.pull.head:
            changed |= _end(remote, seen, work, "superseded", f"superseded by {seen.pull.head[:12]}", here)
        elif work.running and not seen.pull.open:
            changed |= _end(remote, seen, work, "cancelled", "the pull request was closed", here)
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


def _end(remote: Remote, seen: Seen, work: Work, step: Step, why: str, here: Here) -> bool:
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
