"""train_together: workers of a cluster share a training; checkpoints go where they outlive a machine, the adapter comes back."""

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from evalgate import settings, weights
from evalgate.cluster import TrainName, Workers, trained
from evalgate.errors import NotMeasured, PolicyError
from evalgate.ports import Progress, Trainer, TrainingJob
from evalgate.records.training import TrainingRun
from evalgate.stages.spread import Cluster
from evalgate.weights import Weights, adapter_digest

STORED = "stored"
"""Folder in the run folder for the checkpoints of workers on this machine."""


class Brought(NamedTuple):
    """What the first worker sends back."""

    run: TrainingRun
    adapter: dict[str, bytes]
    """File name -> bytes."""


class Base(NamedTuple):
    """A base model by name, for another machine to find."""

    uri: str
    pin: str | None
    root: Path
    """Where paths in the uri begin; they must lead to the same files there."""
    cache: Path


def on_cluster(cluster: Cluster, base: Weights, cache: Path, tell: Callable[[str], object]) -> Trainer:
    """A trainer whose steps are shared by `train.workers` workers."""

    def train(job: TrainingJob, folder: Path, *, progress: Progress) -> TrainingRun:
        from evalgate.training.checkpoints import fingerprint

        policy, at = job.settings, base.root
        own = folder / STORED if cluster.where.address is None else None  # on this machine the run folder outlives the workers
        storage = own if policy.storage is None else policy.storage if "://" in policy.storage else at / policy.storage
        stored = None if storage is None else str(storage)
        brought = trained(
            cluster.where,
            partial(_share, job, Base(base.uri, base.pin, at, cache), stored),
            TrainName(fingerprint(job)[:32], stored),
            Workers(policy.workers, policy.cpus_per_worker, policy.gpus_per_worker),
            progress=progress,
            tell=tell,
        )
        if own is not None:
            shutil.rmtree(own, ignore_errors=True)
        return _unpacked(brought, folder)

    return train


def _share(job: TrainingJob, base: Base, stored: str | None, progress: Progress) -> Brought:
    """One worker's part: the base loaded there, what is stored fetched, and the training as it is on one machine."""
    from evalgate.models.loading import load_base
    from evalgate.storage import Place
    from evalgate.training import peft_lora, quantised
    from evalgate.training.checkpoints import WHOLE, fingerprint, last_whole

    here = base.cache if base.cache.is_dir() else settings.from_environ().cache
    found = weights.resolve(base.uri, base.pin, cache=here, root=base.root)
    if found.sha256 != job.base_sha256:
        raise PolicyError(f"{base.uri}: has digest {found.sha256} on a worker, not {job.base_sha256}: other files lie there")
    with tempfile.TemporaryDirectory(prefix="evalgate-training-") as scratch:
        folder, key = Path(scratch), fingerprint(job)
        checkpoints = folder / peft_lora.CHECKPOINTS
        place = None if stored is None else Place(f"{stored}/{key}/checkpoints")
        if place is not None:
            place.fetch(checkpoints, last=WHOLE)
        sent = {last_whole(checkpoints, key)}

        def kept(what: str, done: int, total: int) -> None:
            progress(what, done, total)
            newest = last_whole(checkpoints, key)
            if place is not None and newest not in sent and _is_first():
                place.send(checkpoints, last=WHOLE)
                sent.add(newest)

        network, tokenizer = load_base(found, cache=here, **quantised.loading(job.settings.method))
        run = peft_lora.train(job, folder, network=network, tokenizer=tokenizer, progress=kept)
        if not _is_first():
            return Brought(run, {})
        if place is not None:
            place.clear()
        return Brought(run, {path.name: path.read_bytes() for path in sorted((folder / run.candidate.adapter).iterdir())})


def _is_first() -> bool:
    """True in the worker that writes for all."""
    return settings.rank() == 0


def _unpacked(brought: Brought, folder: Path) -> TrainingRun:
    """The run, its adapter written whole into `folder`.

    Raises:
        NotMeasured: it arrived changed.
    """
    target = folder / brought.run.candidate.adapter
    unfinished = target.with_name(target.name + ".unfinished")
    for old in (unfinished, target):
        shutil.rmtree(old, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name, content in brought.adapter.items():
        (unfinished / name).write_bytes(content)
    if adapter_digest(unfinished) != brought.run.candidate.adapter_sha256:
        raise NotMeasured(f"{unfinished}: the adapter arrived changed from the cluster; there is no candidate. Run again")
    unfinished.rename(target)
    return brought.run
