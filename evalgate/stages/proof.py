"""The evidence that a verdict in the journal rests on: there, under its digests, and of the work that it names."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import ValidationError

from evalgate.judgement.markdown import code_span
from evalgate.ports import Journal
from evalgate.records.comparison import Comparison
from evalgate.records.evidence import object_place
from evalgate.records.journal import Entry
from evalgate.records.verdict import Verdict
from evalgate.review.work import deciding
from evalgate.stages.opened import BrokenChainError, manifest_of, read_file
from evalgate.stages.seen import Seen


class Proof(NamedTuple):
    """What an end of work rests on."""

    comparison: Comparison | None
    verdict: Verdict | None
    """None for a suite change, which is measured and gets no verdict."""
    report: str
    """Place of the report beside the journal."""


def proof_of(journal: Journal, entries: Sequence[Entry], end: Entry) -> Proof | None:
    """What an end rests on; None where a file is missing or another than the journal says, or the work was never begun."""
    if end.evidence is None or not _was_begun(entries, end):
        return None
    try:
        manifest = manifest_of(journal, end.evidence)
        read_file(journal, manifest, "report.md")
        report = object_place("report.md", manifest.files["report.md"])
        if end.verdict is None:
            return Proof(None, None, report)
        compared = read_file(journal, manifest, "compare.json")
        comparison = Comparison.model_validate_json(compared)
        verdict = Verdict.model_validate_json(read_file(journal, manifest, "verdict.json"))
    except (KeyError, BrokenChainError, ValidationError):
        return None
    of_one_another = verdict.comparison_sha256 == hashlib.sha256(compared).hexdigest()
    return Proof(comparison, verdict, report) if of_one_another and verdict.verdict == end.verdict else None


def proven(seen: Seen) -> Seen:
    """The pull request; without its verdict where what that rests on is not there, or is not what the journal says."""
    end = decisive(seen)
    if end is None or seen.journal is None or proof_of(seen.journal, seen.entries, end) is not None:
        return seen
    words = "the verdict's evidence is not what the journal says"
    needs = f"the evidence as it was written: look at who changed {code_span(seen.evidence)}, and take that back"
    lines = [
        line.model_copy(update={"mark": "waiting", "words": words, "needs": needs})
        if line.name in ("verdict", "evaluating")
        else line
        for line in seen.standing.conditions
    ]
    told = {"headline": f"{words}: nothing is decided; this waits for {needs}", "conditions": tuple(lines)}
    return seen._replace(standing=seen.standing.model_copy(update={**told, "conclusion": "action_required"}))


def decisive(seen: Seen) -> Entry | None:
    """The step whose end the standing rests on; None where it rests on none."""
    now = seen.standing.binding
    return None if now is None else deciding(seen.entries, seen.pull.head, now.key, trains=now.dataset is not None)


def _was_begun(entries: Sequence[Entry], end: Entry) -> bool:
    """True where the journal knows how the work of an end began, and all of it is named by what it is bound to."""
    begun = [e for e in entries if e.step == "started" and (e.pull, e.work, e.head) == (end.pull, end.work, end.head)]
    return bool(begun) and all(e.binding is not None and e.binding.key == e.work for e in (*begun, end))
