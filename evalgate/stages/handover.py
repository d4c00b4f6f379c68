"""What the half that trains and evaluates takes over, and what it gives back: commits and digests in, evidence out.

The job that runs these commands holds a token; the commands between them, which read rows and run models, do not.
"""

from pathlib import Path
from typing import Any, NamedTuple

from evalgate import store
from evalgate.errors import NotMeasured
from evalgate.pull_request import facts
from evalgate.pull_request.client import Remote
from evalgate.pull_request.journal_lines import LARGEST_BLOB
from evalgate.records.binding import Binding
from evalgate.records.comparison import Comparison
from evalgate.records.evaluation import Variant
from evalgate.records.evidence import object_place
from evalgate.records.journal import Entry, Step
from evalgate.records.training import TrainingRun
from evalgate.records.verdict import Verdict
from evalgate.results import content_sha256
from evalgate.review.work import Work, judged_before, run_of, works
from evalgate.stages.adapters import ADAPTERS, fetch_adapter
from evalgate.stages.bound import REGISTERED, judge_files
from evalgate.stages.compose import BEFORE, Trees, before, trees_of
from evalgate.stages.controller import Ended, reconcile
from evalgate.stages.gate import read_results
from evalgate.stages.gathering import Gathered, gather, gather_report
from evalgate.stages.opened import manifest_of
from evalgate.stages.outputs import NOTHING, outputs_of, printed
from evalgate.stages.seen import Here, Seen, journal_of
from evalgate.stages.trigger import look
from evalgate.suites import suites_sha256


class Taken(NamedTuple):
    """Work that was taken over: a workspace that is, byte for byte, what was approved."""

    workspace: Path
    policy: Path
    registry: Path | None
    """None where the target branch has none yet."""
    kind: str
    feature: str
    dataset: Path | None
    attempt: int


def take(remote: Remote, number: int, work: str, into: Path, here: Here, *, cache: Path) -> Taken:
    """Take over a piece of work: its files, written into `into` by commit, and its first step in the journal.

    Adapters that will be asked are put into `cache`: the process that runs models cannot reach the evidence.

    Raises:
        NotMeasured: it is not to be done any more, or what was approved is not what is there.
    """
    seen, found = _ours(remote, number, work, here)
    bound = found.started.binding
    if bound is None:
        raise NotMeasured(f"the journal says nothing of what {work} is bound to: `/evalgate train` begins anew")
    if not seen.standing.ready:
        waits = "; ".join(seen.standing.waits_for) or "something is not settled any more"
        raise NotMeasured(f"nothing is trained: what was settled when this began is not any more: waits for {waits}")
    pull = facts.observe(remote, number).model_copy(update={"target": bound.target})  # a push since the look takes nothing over
    trees = trees_of(remote, pull, here.places)
    check, binding = judge_files(remote, pull, trees, here.places, into)
    _same(bound, binding)
    if check.refused:
        raise NotMeasured("the dataset has errors: nothing is trained on it")
    if trees.change.kind == "suite":
        before(remote, trees, here.places, into.with_name(into.name + BEFORE))
    for feature in trees.change.features:
        _fetch_adapters(remote, trees, feature, cache, all_of=trees.change.kind == "suite")
    _note(seen, found, "training" if trees.change.kind == "dataset" else "evaluating", here)
    reconcile(remote, number, here)
    registry = into / here.places.registry
    return Taken(
        workspace=into,
        policy=into / here.places.policy,
        registry=registry if registry.exists() else None,
        kind=trees.change.kind,
        feature=bound.feature,
        dataset=None if bound.dataset is None else into / bound.dataset,
        attempt=bound.attempt,
    )


def _fetch_adapters(remote: Remote, trees: Trees, feature: str, cache: Path, *, all_of: bool) -> None:
    """What the target branch serves by default, and with `all_of` every registered variant, ready to be loaded."""
    known = trees.registry.features.get(feature)
    for name, entry in (known.variants if known else {}).items():
        kept = entry.adapter is not None and not entry.adapter.uri.startswith("path:")
        if known is None or entry.evidence is None or not kept or not (all_of or name == known.default):
            continue
        shelf = journal_of(remote, trees, feature)
        fetch_adapter(shelf, manifest_of(shelf, entry.evidence.sha256), cache / ADAPTERS)


def trained(remote: Remote, number: int, work: str, training: Path, here: Here) -> Ended:
    """Note that the training is over and the evaluation begins.

    Raises:
        NotMeasured: the work was superseded or cancelled meanwhile: nothing more is spent on it.
    """
    seen, found = _ours(remote, number, work, here)
    run = store.read_record(training, TrainingRun)
    bound = found.started.binding
    if bound is not None and (run.change.path, run.change.sha256) != (_in_policy(bound, here), bound.dataset_sha256):
        raise NotMeasured(f"{training}: was trained on {run.change.path} ({run.change.sha256}), not on what was approved")
    _note(seen, found, "trained", here, tokens=run.tokens_seen, seconds=run.seconds, amount=found.started.amount)
    _note(seen, found, "evaluating", here)
    return reconcile(remote, number, here)


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
    seen, found = _ours(remote, number, work, here, again="finished" if {"measured", "run"} & set(told) else "failed")
    if "measured" in told and found.started.binding is not None and found.started.binding.dataset is None:
        done = _measured(seen, found, told, here)
    elif "run" in told:
        done = _judged(seen, found, Path(str(told["run"])), here)
    else:
        why = "it ended without a result; the job's log says why"
        _note(seen, found, "failed", here, why=why, amount=found.started.amount)
        done = Done(NOTHING, why, measured=False)
    return done._replace(body=reconcile(remote, number, here).body)


def _judged(seen: Seen, found: Work, folder: Path, here: Here) -> Done:
    """The verdict in a run folder, bound to what was approved, with its evidence beside the journal."""
    verdict = store.read_record(folder / "verdict.json", Verdict)
    comparison = store.read_record(folder / "compare.json", Comparison)
    candidate = _of_this(found, folder, verdict, comparison)
    bound = _bound(found, candidate)
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
    said |= {"unmeasured": len(comparison.unmeasured), "evidence": kept.sha256}
    _note(seen, found, "finished", here, files=kept.files, candidate=candidate, **said)
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


def _bound(work: Work, candidate: str) -> Binding:
    """What the work is bound to, the candidate that it brought among it.

    Raises:
        NotMeasured: the journal does not say.
    """
    if work.started.binding is None:
        raise NotMeasured(f"the journal says nothing of what {work.started.work} is bound to: nothing is decided")
    return work.started.binding.model_copy(update={"candidate": candidate})


def _ledger(seen: Seen, bound: Binding) -> tuple[Entry, ...]:
    return () if seen.journal is None else seen.journal.of_feature(bound.feature)


def _of_this(found: Work, folder: Path, verdict: Verdict, comparison: Comparison) -> str:
    """The digest of the candidate, when all files in a run folder are of one another and of what was approved.

    Raises:
        NotMeasured: naming what is not.
    """
    bound = found.started.binding
    if bound is None:
        raise NotMeasured(f"the journal says nothing of what {found.started.work} is bound to: nothing is decided")
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


def settle(remote: Remote, number: int, work: str, job: str, here: Here) -> Ended:
    """The last job's word: work that the job left open is failed, whatever became of the job; `job` is its result.

    Raises:
        NotMeasured: GitHub could not be asked or written to.
    """
    seen = look(remote, number, here)
    left = [w for w in works(seen.entries) if w.running and w.started.work == work and _is_of_run(w, remote)]
    for one in left:
        begun = one.last.step != "started"
        spent = one.started.amount if begun else None
        never = "it never began: the environment refused it or nobody approved in time, or no runner took it"
        _note(
            seen, one, "failed", here, why=f"the job ended as {job}; " + ("the log says more" if begun else never), amount=spent
        )
    return reconcile(remote, number, here)


def _ours(remote: Remote, number: int, work: str, here: Here, *, again: Step | None = None) -> tuple[Seen, Work]:
    """The pull request as it stands, and the piece of work that this workflow run was given; `again`: the end it may have.

    Raises:
        NotMeasured: it is not in the journal, or is not to be done any more.
    """
    seen = look(remote, number, here)
    found = [one for one in works(seen.entries) if one.started.work == work and _is_of_run(one, remote)]
    if not found:
        raise NotMeasured(f"the journal of #{number} knows no work {work} of this workflow run: `/evalgate train` begins it")
    if not found[-1].running and found[-1].last.step != again:
        raise NotMeasured(f"the work on #{number} is {found[-1].last.step}: {found[-1].last.why or 'it has ended'}")
    if found[-1].head != seen.pull.head:
        raise NotMeasured(f"#{number} has a newer commit than the one that was approved: this work is superseded")
    return seen, found[-1]


def _is_of_run(work: Work, remote: Remote) -> bool:
    """True for work that this workflow run began; a second attempt of the same run goes on with it."""
    return run_of(work.started.run) == run_of(remote.run)


def _same(bound: Binding, found: Binding) -> None:
    """Nothing, or an error: what was approved is what is there, field by field.

    Raises:
        NotMeasured: with every field that differs.
    """
    wrong = bound.differs_from(found) + (("tool",) if bound.tool != found.tool else ())
    if wrong:
        raise NotMeasured(f"what was approved is not what is here: {', '.join(wrong)} differ; nothing is trained")


def _in_policy(bound: Binding, here: Here) -> str | None:
    """The dataset's path as the workspace names it: from the policy's folder."""
    folder = here.places.policy.rpartition("/")[0]
    return None if bound.dataset is None else bound.dataset.removeprefix(f"{folder}/" if folder else "")


def _note(
    seen: Seen,
    work: Work,
    step: Step,
    here: Here,
    *,
    files: dict[str, bytes] | None = None,
    candidate: str | None = None,
    **more: Any,
) -> Entry:
    """One step of the work in the journal, once.

    Raises:
        NotMeasured: it stands there already, with another result.
    """
    if seen.journal is None:
        raise NotMeasured("nothing of this pull request is kept in a journal")
    begun = work.started
    bound = begun.binding.model_copy(update={"candidate": candidate}) if begun.binding else None
    named = {"head": work.head, "work": begun.work, "run": begun.run, "binding": bound}  # of its own commit, after a push too
    entry = here.entry(seen, step, f"{step}/{begun.key}", **named, **more)
    stands = seen.journal.append(entry, files or {})
    if (stands.verdict, stands.evidence) != (entry.verdict, entry.evidence):
        raise NotMeasured(f"the work on #{entry.pull} has ended with another result: nothing is decided twice")
    return stands


def _measured(seen: Seen, work: Work, told: dict[str, Any], here: Here) -> Done:
    """The end of a suite change: what was measured, without a verdict."""
    kept = gather_report(str(told["report"]).encode(), seen.standing.feature or "", work.last.run or "", work.started.binding)
    said = {"why": str(told["measured"]), "overall": told.get("overall"), "kind": told.get("kind")}
    _note(seen, work, "finished", here, files=kept.files, evidence=kept.sha256, **said)
    page = here.page(seen.evidence, object_place("report.md", kept.manifest.files["report.md"]))
    return Done({**NOTHING, "report": page or ""}, str(told["measured"]), measured=True)
