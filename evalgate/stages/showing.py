"""What people see of a pull request: the one comment and the check run, and the evidence that a verdict in them rests on."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, TypedDict

from pydantic import ValidationError

from evalgate.judgement.check_text import check_text
from evalgate.judgement.comment import MARKER, pull_comment
from evalgate.judgement.markdown import code_span
from evalgate.judgement.threshold import shared
from evalgate.pull_request import check_run, comment, facts
from evalgate.pull_request.client import Remote
from evalgate.records.binding import Binding
from evalgate.records.check import Finding
from evalgate.records.comparison import Comparison
from evalgate.records.journal import Entry
from evalgate.records.verdict import Verdict
from evalgate.review.work import verdict_of
from evalgate.stages.trigger import CHECK, Here, Seen


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


def proven(seen: Seen) -> Seen:
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
