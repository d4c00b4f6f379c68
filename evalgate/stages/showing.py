"""What people see of a pull request: the one comment and the check run, and the evidence that a verdict in them rests on."""

import hashlib

from evalgate.judgement.check_text import check_text
from evalgate.judgement.comment import MARKER, Beside, pull_comment
from evalgate.judgement.threshold import shared
from evalgate.pull_request import check_run, comment, facts
from evalgate.pull_request.client import Remote
from evalgate.review.work import verdict_of
from evalgate.stages.proof import decisive, proof_of
from evalgate.stages.seen import CHECK, Here, Seen


def show(remote: Remote, seen: Seen, here: Here) -> str:
    """What the comment says, now that comment and check run say what the standing says."""
    beside = _beside(seen, here)
    others = facts.others_at(remote, seen.pull.head, seen.pull.number)
    shown_on = shared(seen.standing, others) if others else seen.standing
    body = pull_comment(seen.standing.model_copy(update={"notes": shown_on.notes}), **beside)
    text = check_text(shown_on, **beside)
    shown = hashlib.sha256(repr((seen.pull.number, text.annotations)).encode()).hexdigest()[:16]
    check = check_run.Check(
        name=CHECK,
        external_id=f"evalgate/{seen.pull.number}/{shown}",
        title=text.title,
        summary=text.summary,
        conclusion=shown_on.conclusion,
        annotations=text.annotations,
        details_url=f"{here.pages}/pull/{seen.pull.number}",
    )
    if seen.pull.open or not others:  # one that is closed has no say in the check of those that are open
        check_run.keep(remote, seen.pull.head, check)  # first: a comment that cannot be written must not leave an old green
    comment.keep(remote, seen.pull.number, body, MARKER)
    return body


def _beside(seen: Seen, here: Here) -> Beside:
    """What is shown beside the standing: findings, and the last verdict with what it rests on, where that is there."""
    findings = seen.check.findings if seen.check is not None else ()
    end = decisive(seen) or verdict_of(seen.entries, seen.pull.head) or verdict_of(seen.entries)
    proof = proof_of(seen.journal, seen.entries, end) if end is not None and seen.journal is not None else None
    if end is None or proof is None:
        return Beside(comparison=None, verdict=None, report_url=None, findings=findings, stale=None)
    now = seen.standing.binding
    return Beside(
        comparison=proof.comparison,
        verdict=proof.verdict,
        report_url=here.page(seen.evidence, proof.report),
        findings=findings,
        stale=None if now is not None and end.work == now.key else end.binding,
    )
