"""Training by several processes on a cluster, seen from the driver: Ray Train starts them, one actor hears how it goes."""

import functools
import os
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

import ray
import ray.train
from ray.train.torch import TorchTrainer

from evalgate.cluster.asking import lacking
from evalgate.cluster.line import Line
from evalgate.cluster.messages import BEAT_S, OUR_OWN, Ended, Failure, FitOrder, Pool, Progressed, Workers, failure_of
from evalgate.cluster.worker import EXPECTED, FAULTS, without_repositories


class Hearer:
    """What the processes of a training say: how far it is, what came out, what went wrong."""

    def __init__(self, make: bytes) -> None:
        self._make = make
        self._progress: tuple[str, int, int] | None = None
        self._failures: list[Failure] = []
        self._results = b""
        self._started = 0

    def begin(self) -> bytes | None:
        """What a process is to do; nothing when it is known to be in vain."""
        self._started += 1
        return None if any(failure.final for failure in self._failures) else self._make

    def progress(self, what: str, done: int, total: int) -> None:
        """The first process is so far."""
        self._progress = what, done, total

    def fail(self, failure: Failure) -> None:
        """A process met an error."""
        self._failures.append(failure)

    def finish(self, results: bytes) -> None:
        """The first process is done."""
        self._results = results

    def heard(self) -> tuple[int, tuple[str, int, int] | None, list[Failure]]:
        """How often a process was started, how far the first one is, what went wrong."""
        return self._started, self._progress, self._failures

    def results(self) -> bytes:
        """What came out."""
        return self._results


def fit(line: Line, order: FitOrder) -> Ended:
    """Train, going on from the last checkpoint when a process is lost; how it ended."""
    hearer: Any = ray.remote(Hearer).options(num_cpus=0, max_concurrency=1).remote(order.make)
    watch = threading.Thread(target=_watch, args=(line, order, hearer), daemon=True)
    watch.start()
    with tempfile.TemporaryDirectory(prefix="evalgate-train-") as scratch:
        trainer = TorchTrainer(
            functools.partial(_share, hearer),
            scaling_config=ray.train.ScalingConfig(
                num_workers=order.workers.most, use_gpu=order.workers.gpus > 0, resources_per_worker=_needs(order.workers)
            ),
            run_config=ray.train.RunConfig(
                name=order.name,
                storage_path=order.storage or scratch,
                failure_config=ray.train.FailureConfig(max_failures=order.limits.tries - 1),
            ),
        )
        try:
            trainer.fit()
        except (ray.train.TrainingFailedError, ray.exceptions.RayError, RuntimeError, ValueError, OSError) as error:
            _, _, failures = ray.get(hearer.heard.remote(), timeout=60)
            return Ended(_why(failures, error))
    return Ended(None, ray.get(hearer.results.remote(), timeout=600))


def _needs(workers: Workers) -> dict[str, float]:
    return {"CPU": workers.cpus, **({"GPU": workers.gpus} if workers.gpus else {})}


def _share(hearer: Any) -> None:
    """One process of the training."""
    import cloudpickle

    context = ray.train.get_context()
    first = context.get_world_rank() == 0
    tell: Callable[[str, int, int], object] = hearer.progress.remote if first else _nobody
    make = ray.get(hearer.begin.remote())
    if make is None:
        raise RuntimeError("this training cannot succeed")
    try:
        without_repositories()
        results = cloudpickle.loads(make)(tell)
    except EXPECTED as error:
        ray.get(hearer.fail.remote(failure_of(error)))
        raise
    except FAULTS as error:
        ray.get(hearer.fail.remote(Failure(OUR_OWN, (f"{type(error).__name__}: {error}",), True)))
        raise
    if first:
        ray.get(hearer.finish.remote(cloudpickle.dumps(results)))


def _nobody(_what: str, _done: int, _total: int) -> None:
    """Progress of a process that is not the first."""


def _watch(line: Line, order: FitOrder, hearer: Any) -> None:
    """Say how far it is; end this process when nothing has moved for too long, or nobody has begun."""
    moved, before = time.monotonic(), (0, None)
    while not line.closed:
        time.sleep(BEAT_S)
        try:
            started, progress, _ = ray.get(hearer.heard.remote(), timeout=60)
        except ray.exceptions.RayError:
            continue
        if (started, progress) != before:
            moved, before = time.monotonic(), (started, progress)
            if progress is not None:
                line.say(Progressed(*progress))
        line.say(Pool(workers=min(started, order.workers.most)))
        silent = time.monotonic() - moved
        if started == 0 and silent > order.limits.room_s:
            _end(line, lacking(order.workers, order.limits.room_s, "train"))
        if started and silent > order.limits.patience_s:
            _end(line, f"training: no step was made within {order.limits.patience_s:g} s. The last checkpoint is kept: run again")


def _end(line: Line, why: str) -> None:
    line.say(Ended(Failure("NotMeasured", (why,), True)))
    os._exit(0)


def _why(failures: list[Failure], error: Exception) -> Failure:
    """What to say of a training that failed: what its processes said first, else what Ray says."""
    final = next((failure for failure in failures if failure.final), None)
    if final is not None or failures:
        return final or failures[-1]
    first = next(iter(str(error).splitlines()), "")[:300]
    return Failure("NotMeasured", (f"training: {type(error).__name__}: {first}; there is no candidate. Run again",), True)
