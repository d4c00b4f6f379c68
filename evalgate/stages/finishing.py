"""How work ends: the verdict and all that it rests on are kept under their digests, and the pull request is told."""

from pathlib import Path
from typing import Any, NamedTuple

from evalgate import store
from evalgate.errors import NotMeasured
from evalgate.pull_request.client import Remote
from evalgate.pull_request.journal_lines import LARGEST_BLOB
from evalgate.records.binding import Binding
from evalgate.records.comparison import Comparison
from evalgate.records.evaluation import Variant
from evalgate.records.evidence import object_place
from evalgate.records.journal import Entry
from evalgate.records.training import TrainingRun
from evalgate.records.verdict import Verdict
from evalgate.results import content_sha256
from evalgate.review.work import Work, judged_before
from evalgate.stages.bound import REGISTERED
from evalgate.stages.controller import reconcile
from evalgate.stages.gate import read_results
from evalgate.stages.gathering import Gathered, gather, gather_report
from evalgate.stages.handover import note, ours
from evalgate.stages.opened import manifest_of
from evalgate.stages.outputs import NOTHING, outputs_of, printed
from evalgate.stages.seen import Here, Seen
from evalgate.suites import suites_sha256


class Done(NamedTuple):
    """What a piece of work brought."""

    outputs: dict[str, str]
    """Of the workflow step: verdict, lift, report, candidate; "none" and empty where there is no verdict."""
    words: str
    """For people."""
    measured: bool
    """True for a verdict, and for a suite change that was measured."""
    body: str = ""
    """What the comment says now."""


def finish(remote: Remote, number: int, work: str, result: Path, here: Here) -> Done:
    """Put the verdict and what it rests on beside the journal, and make the pull request true.

    `result` is what `evalgate run --format json` printed, or `evalgate pr measure-suite`; nothing where they failed. The
    same end again is the same end: whoever wrote it down may have stopped before the pull request was told.

    Raises:
        NotMeasured: the work was ended meanwhile, or what it brought is not bound to what was approved.
    """
    told = printed(result)
    seen, found = ours(remote, number, work, here, again="finished" if {"measured", "run"} & set(told) else "failed")
    if "measured" in told and found.started.binding is not None and found.started.binding.dataset is None:
        done = _measured(seen, found, told, here)
    elif "run" in told:
        done = _judged(seen, found, Path(str(told["run"])), here)
    else:
        why = "it ended without a result; the job's log says why"
        note(seen, found, "failed", here, why=why, amount=found.started.amount)
        done = Done(NOTHING, why, measured=False)
    return done._replace(body=reconcile(remote, number, here).body)


def _judged(seen: Seen, found: Work, folder: Path, here: Here) -> Done:
    """The verdict in a run folder, bound to what was approved, with its evidence beside the journal."""
    verdict = store.read_record(folder / "verdict.json", Verdict)
    comparison = store.read_record(folder / "compare.json", Comparison)
    candidate = _of_this(_bound(found), folder, verdict, comparison)
    bound = _bound(found).model_copy(update={"candidate": candidate})
    kept = gather(
        folder,
        bound.feature,
        attempts=(*judged_before(_ledger(seen, bound), bound.base, bound.key), bound.key),
        binding=bound,
        approved_by=seen.approvers,
        largest=LARGEST_BLOB if seen.evidence.startswith("branch:") else None,
    )
    kept = _as_it_stands(seen, found, kept)
    said: dict[str, Any] = {"why": verdict.summary, "verdict": verdict.verdict, "overall": verdict.scopes[0].state}
    said |= {"unmeasured": len(comparison.unmeasured), "evidence": kept.sha256, "left_out": kept.manifest.left_out}
    note(seen, found, "finished", here, files=kept.files, candidate=candidate, **said)
    place = object_place("report.md", kept.manifest.files["report.md"])
    outputs = outputs_of(verdict, folder, here.page(seen.evidence, place) or str(folder / "report.md"))
    left_out = f"; {kept.manifest.left_out}" if kept.manifest.left_out else ""
    return Done(outputs, f"{verdict.verdict}: {verdict.summary}{left_out}", measured=True)


def _as_it_stands(seen: Seen, found: Work, kept: Gathered) -> Gathered:
    """What was kept when this end was written down before: whose approval counted then is not asked again.

    Raises:
        NotMeasured: other bytes were kept then.
    """
    stands = found.last.evidence
    if stands is None or seen.journal is None or stands == kept.sha256:
        return kept
    before = manifest_of(seen.journal, stands)
    if (before.files, before.adapter) != (kept.manifest.files, kept.manifest.adapter):
        raise NotMeasured(f"the work on #{seen.pull.number} has ended with another result: nothing is decided twice")
    return Gathered(before, stands, {})


def _bound(work: Work) -> Binding:
    """What the work is bound to.

    Raises:
        NotMeasured: the journal does not say.
    """
    if work.started.binding is None:
        raise NotMeasured(f"the journal says nothing of what {work.started.work} is bound to: nothing is decided")
    return work.started.binding


def _ledger(seen: Seen, bound: Binding) -> tuple[Entry, ...]:
    return () if seen.journal is None else seen.journal.of_feature(bound.feature)


def _of_this(bound: Binding, folder: Path, verdict: Verdict, comparison: Comparison) -> str:
    """The digest of the candidate, when all files in a run folder are of one another and of what was approved.

    Raises:
        NotMeasured: naming what is not.
    """
    run = store.read_record(folder / "training.json", TrainingRun)
    base, tuned = (read_results(folder / f"{side}.results.jsonl") for side in ("base", "candidate"))
    asked = dict(tuned.header.suites)
    holds = {
        "comparison": store.key_of_bytes(store.read(folder / "compare.json")) == verdict.comparison_sha256,
        "base's answers": content_sha256(base) == comparison.base_results_sha256,
        "the candidate's answers": content_sha256(tuned) == comparison.candidate_results_sha256,
        "feature": comparison.feature == bound.feature == base.header.feature == tuned.header.feature,
        "attempt": verdict.attempt == bound.attempt,
        "dataset": run.change.sha256 == bound.dataset_sha256,
        "prompt": run.prompt_sha256 == bound.prompt_sha256,
        "golden": asked.pop("golden", None) == bound.golden_sha256 and base.header.suites == tuned.header.suites,
        "safety": suites_sha256(asked) == bound.safety_sha256,
        "candidate": isinstance(tuned.header.variant, Variant)
        and tuned.header.variant.adapter_sha256 == run.candidate.adapter_sha256,
        "base": bound.base.startswith(REGISTERED)
        or (isinstance(base.header.variant, Variant) and base.header.variant.model == bound.base.partition("#")[0]),
    }
    wrong = [name for name, is_so in holds.items() if not is_so]
    if wrong:
        raise NotMeasured(f"{folder}: is not what was approved: {', '.join(wrong)} differ; nothing is decided")
    return run.candidate.adapter_sha256


def _measured(seen: Seen, work: Work, told: dict[str, Any], here: Here) -> Done:
    """The end of a suite change: what was measured, without a verdict."""
    kept = gather_report(str(told["report"]).encode(), seen.standing.feature or "", work.last.run or "", work.started.binding)
    said = {"why": str(told["measured"]), "overall": told.get("overall"), "kind": told.get("kind")}
    note(seen, work, "finished", here, files=kept.files, evidence=kept.sha256, **said)
    page = here.page(seen.evidence, object_place("report.md", kept.manifest.files["report.md"]))
    return Done({**NOTHING, "report": page or ""}, str(told["measured"]), measured=True)
