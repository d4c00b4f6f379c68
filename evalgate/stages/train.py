"""train: a checked dataset becomes a candidate, once; the same dataset, policy and base again find the one that exists."""

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from evalgate import memory, store
from evalgate.checks import Row
from evalgate.errors import EvalGateError, NotMeasured
from evalgate.ports import Progress, Trainer, TrainingJob
from evalgate.prompts import prompt_sha256
from evalgate.records.change import DatasetChange
from evalgate.records.training import TrainingRun
from evalgate.stages.replayed import replayed
from evalgate.stages.spread import Cluster
from evalgate.stages.train_together import on_cluster
from evalgate.stages.workspace import Workspace, base_weights, read_prompt
from evalgate.weights import Weights, adapter_digest

TRAINING = "training.json"


def train(
    workspace: Workspace,
    change: DatasetChange,
    rows: Sequence[Row],
    folder: Path,
    *,
    cache: Path,
    progress: Progress,
    tell: Callable[[str], object] = str,
    cluster: Cluster | None = None,
    beside: Iterable[Path] = (),
) -> TrainingRun:
    """The training run in `folder`: found there whole, or in a folder `beside` it, or made now.

    A changed golden case makes another run folder, and shapes no adapter: it is not trained again for that. Where a `cluster`
    is given its workers train.

    Raises:
        DatasetError, PolicyError: nothing was trained, and why.
        NotMeasured: the trainer failed; there is no candidate.
    """
    base = base_weights(workspace, cache)
    prompt, general = read_prompt(workspace), replayed(workspace)
    job = TrainingJob(
        change=change,
        rows=tuple(row.messages for row in rows),
        lines=tuple(row.line for row in rows),
        prompt=prompt,
        settings=workspace.feature.train,
        base_model=base.uri,
        base_sha256=base.sha256,
        replay=general.rows,
        replay_sha256=general.sha256,
    )
    for place in (folder, *beside):
        found = store.find_record(place / TRAINING, TrainingRun)
        if found is not None and _is_of(found, job) and _is_whole(found, place):
            tell(f"  the adapter was found from an earlier run ({found.steps} steps), nothing is trained")
            return found if place == folder else _brought(found, place, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trainer = (
            TRAINERS[workspace.feature.train.provider](base, cache) if cluster is None else on_cluster(cluster, base, cache, tell)
        )
        run = trainer(job, folder, progress=progress)
    except OSError as error:
        raise NotMeasured(f"{folder}: training stopped: {error}; there is no candidate. Mend that and run again") from error
    store.write_record(folder / TRAINING, run)
    for warning in run.warnings:
        tell(f"  warning: {warning}")
    memory.release()  # the trained network is not needed any more: what is evaluated is loaded from its files
    return run


def _brought(run: TrainingRun, place: Path, folder: Path) -> TrainingRun:
    """The run, its adapter copied into `folder`, whole or not at all."""
    unfinished, adapter = folder / f"{run.candidate.adapter}.unfinished", folder / run.candidate.adapter
    try:
        for old in (unfinished, adapter):
            shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(place / run.candidate.adapter, unfinished)
        unfinished.replace(adapter)
    except OSError as error:
        raise NotMeasured(f"{adapter}: could not be copied from {place}: {error}; make room and run again") from error
    store.write_record(folder / TRAINING, run)
    return run


def _peft(base: Weights, cache: Path) -> Trainer:
    def train_here(job: TrainingJob, folder: Path, *, progress: Progress) -> TrainingRun:
        from evalgate.models.loading import load_base
        from evalgate.training import peft_lora, quantised

        network, tokenizer = load_base(base, cache=cache, **quantised.loading(job.settings.method))
        return peft_lora.train(job, folder, network=network, tokenizer=tokenizer, progress=progress)

    return train_here


def _scripted(_base: Weights, _cache: Path) -> Trainer:
    from evalgate.training.scripted import train as scripted_train

    return scripted_train


TRAINERS: dict[str, Callable[[Weights, Path], Trainer]] = {"peft": _peft, "scripted": _scripted}


def _is_of(run: TrainingRun, job: TrainingJob) -> bool:
    """True when a finished run is this job's."""
    return (
        run.change == job.change
        and run.prompt_sha256 == prompt_sha256(job.prompt)
        and run.candidate.base_sha256 == job.base_sha256
        and run.replay_sha256 == job.replay_sha256
        and run.hyperparameters.get("settings") == job.settings.model_dump(mode="json")
    )


def _is_whole(run: TrainingRun, folder: Path) -> bool:
    """True when the adapter still lies there as it was written."""
    try:
        return adapter_digest(folder / run.candidate.adapter) == run.candidate.adapter_sha256
    except (EvalGateError, OSError):
        return False
