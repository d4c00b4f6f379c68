"""What the half that trains and evaluates takes over, and what it gives back: commits and digests in, evidence out.

The job that runs these commands holds a token; the commands between them, which read rows and run models, do not.
"""

from pathlib import Path
from typing import Any, NamedTuple

from evalgate import store
from evalgate.errors import NotMeasured
from evalgate.pull_request import facts
from evalgate.pull_request.client import Remote
from evalgate.records.binding import Binding
from evalgate.records.journal import Entry, Step
from evalgate.records.training import TrainingRun
from evalgate.review.work import Work, run_of, works
from evalgate.stages.adapters import ADAPTERS, fetch_adapter
from evalgate.stages.bound import judge_files
from evalgate.stages.compose import BEFORE, Trees, before, trees_of
from evalgate.stages.controller import Ended, reconcile
from evalgate.stages.opened import manifest_of
from evalgate.stages.seen import Here, Seen, journal_of
from evalgate.stages.trigger import look


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
    seen, found = ours(remote, number, work, here)
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
    note(seen, found, "training" if trees.change.kind == "dataset" else "evaluating", here)
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
    seen, found = ours(remote, number, work, here)
    run = store.read_record(training, TrainingRun)
    bound = found.started.binding
    if bound is not None and (run.change.path, run.change.sha256) != (_in_policy(bound, here), bound.dataset_sha256):
        raise NotMeasured(f"{training}: was trained on {run.change.path} ({run.change.sha256}), not on what was approved")
    note(seen, found, "trained", here, tokens=run.tokens_seen, seconds=run.seconds, amount=found.started.amount)
    note(seen, found, "evaluating", here)
    return reconcile(remote, number, here)


def settle(remote: Remote, number: int, work: str, job: str, here: Here) -> Ended:
    """The last job's word: work that the job left open is failed, whatever became of the job; `job` is its result.

    Raises:
        NotMeasured: GitHub could not be asked or written to.
    """
    seen = look(remote, number, here)
    left = [w for w in works(seen.entries) if w.running and w.started.work == work and is_of_run(w, remote)]
    for one in left:
        begun = one.last.step != "started"
        spent = one.started.amount if begun else None
        never = "it never began: the environment refused it or nobody approved in time, or no runner took it"
        note(seen, one, "failed", here, why=f"the job ended as {job}; " + ("the log says more" if begun else never), amount=spent)
    return reconcile(remote, number, here)


def ours(remote: Remote, number: int, work: str, here: Here, *, again: Step | None = None) -> tuple[Seen, Work]:
    """The pull request as it stands, and the piece of work that this workflow run was given; `again`: the end it may have.

    Raises:
        NotMeasured: it is not in the journal, or is not to be done any more.
    """
    seen = look(remote, number, here)
    found = [one for one in works(seen.entries) if one.started.work == work and is_of_run(one, remote)]
    if not found:
        raise NotMeasured(f"the journal of #{number} knows no work {work} of this workflow run: `/evalgate train` begins it")
    if not found[-1].running and found[-1].last.step != again:
        raise NotMeasured(f"the work on #{number} is {found[-1].last.step}: {found[-1].last.why or 'it has ended'}")
    if found[-1].head != seen.pull.head:
        raise NotMeasured(f"#{number} has a newer commit than the one that was approved: this work is superseded")
    return seen, found[-1]


def is_of_run(work: Work, remote: Remote) -> bool:
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


def note(
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
