"""metering: how asking goes, in a file that Prometheus' node exporter reads, written anew while work goes on."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from evalgate import memory, store
from evalgate.cluster import Pool
from evalgate.metrics import Figures, exposition
from evalgate.ports import Answer, Executor

P = TypeVar("P")
R = TypeVar("R")
WRITE_S = 2.0
"""Seconds between two writings."""


class Meter:
    """Counts what comes in and writes `path`: whole each time, or left as it was."""

    def __init__(self, path: Path, labels: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        """`labels` stand beside every figure; `clock` gives seconds."""
        self._path = path
        self._labels = labels
        self._clock = clock
        self._figures = Figures()
        self._began: float | None = None
        self._written = float("-inf")
        self._alone = True

    def begin(self, pieces: int) -> None:
        """Work is given out: so many pieces more. Until a pool says otherwise this process is the worker."""
        if self._began is None:
            self._began = self._clock()
        self._add(queue_pieces=pieces)
        self._set(workers=1)
        self.write()

    def watch(self, pool: Pool) -> None:
        """What a pool of workers says of itself."""
        self._alone = False
        self._set(workers=pool.workers, workers_starting=pool.starting, queue_pieces=pool.waiting, pieces_at_work=pool.working)
        self._set(
            pieces_done=pool.done, retries=pool.retries, gpu_memory_bytes=max(self._figures.gpu_memory_bytes, pool.gpu_bytes)
        )
        self._write_now_and_then()

    def begun(self) -> None:
        """The first result of a piece is there; where this process is the worker, those before it are done."""
        if self._alone:
            self._add(queue_pieces=-1, pieces_done=self._figures.pieces_at_work)
            self._set(pieces_at_work=1)

    def ended(self) -> None:
        """No more results will come."""
        if self._alone:
            self._add(pieces_done=self._figures.pieces_at_work)
        self._set(pieces_at_work=0, workers=0, workers_starting=0)
        self.write()

    def answered(self, answer: Answer) -> None:
        """One more answer."""
        self._add(cases_answered=1, cases_failed=int(answer.text is None))
        self._add(tokens_in=answer.tokens_in or 0, tokens_out=answer.tokens_out or 0)
        self._write_now_and_then()

    def write(self) -> None:
        """Write the file.

        Raises:
            NotMeasured: it cannot be written.
        """
        now = self._clock()
        self._set(seconds=now - self._began if self._began is not None else 0.0)
        self._set(gpu_memory_bytes=max(self._figures.gpu_memory_bytes, memory.gpu_bytes()))
        store.write(self._path, exposition(self._figures, self._labels).encode())
        self._written = now

    def _write_now_and_then(self) -> None:
        if self._clock() - self._written >= WRITE_S:
            self.write()

    def _set(self, **figures: Any) -> None:
        self._figures = self._figures._replace(**figures)

    def _add(self, **more: int) -> None:
        self._set(**{name: getattr(self._figures, name) + count for name, count in more.items()})


def meter_of(path: Path | None, feature: str) -> Meter | None:
    """A meter for a feature's asking; None where nobody wants one."""
    return None if path is None else Meter(path, {"feature": feature})


def metered(executor: Executor, meter: Meter) -> Executor:
    """The executor, with every answer that it yields counted."""

    def execute(make: Callable[[], Callable[[P], Iterable[R]]], pieces: Sequence[P], /) -> Iterator[tuple[int, R]]:
        meter.begin(len(pieces))
        seen: set[int] = set()
        try:
            for place, result in executor(make, pieces):
                if place not in seen:
                    seen.add(place)
                    meter.begun()
                if isinstance(result, Answer):
                    meter.answered(result)
                yield place, result
        finally:
            meter.ended()

    return execute
