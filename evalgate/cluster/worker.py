"""What runs on a cluster: an actor that loads once and works pieces off. Errors come back as records, never as Ray's own."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from evalgate import memory
from evalgate.cluster.messages import Failure, failure_of
from evalgate.errors import EvalGateError

EXPECTED = (EvalGateError, RuntimeError, OSError, MemoryError, ImportError)
"""What machines, memory and hosts do to work that is right; anything else is our own fault."""

FAULTS = (TypeError, KeyError, AttributeError, AssertionError, ValueError, IndexError)
"""What our own faults look like."""


def without_repositories() -> None:
    """Take folders with a plain `datasets/` off the module path.

    Ray puts the folder that a command was started in on every worker's path, and there lies a team's data: transformers
    would take it for the library of that name.
    """
    sys.path[:] = [place for place in sys.path if not _keeps_data(Path(place or "."))]


def _keeps_data(place: Path) -> bool:
    return (place / "datasets").is_dir() and not (place / "datasets" / "__init__.py").is_file()


class Worker:
    """Holds what `make` gave, usually a loaded model."""

    def __init__(self) -> None:
        self._work: Callable[[Any], Iterable[Any]] | None = None

    def here(self) -> bool:
        """True: there is room, and the worker has come up."""
        return True

    def load(self, make: bytes) -> Failure | None:
        """Make ready to work; what stands in the way, or nothing."""
        import cloudpickle

        without_repositories()
        try:
            self._work = cloudpickle.loads(make)()
        except EXPECTED as error:
            return failure_of(error)
        return None

    def do(self, piece: bytes) -> tuple[bytes, int] | Failure:
        """The results of a piece, and the most memory of a card that was in use so far, in bytes."""
        import cloudpickle

        assert self._work is not None  # noqa: S101  (a piece is given only to a worker that has loaded)
        try:
            results = list(self._work(cloudpickle.loads(piece)))
        except EXPECTED as error:
            return failure_of(error)
        return cloudpickle.dumps(results), memory.gpu_bytes()
