"""What this process and the Ray driver beside it say to each other; work and results travel as bytes that neither reads."""

from typing import Any, NamedTuple

from evalgate.errors import EvalGateError, NotMeasured, WrongInputError

OUR_OWN = "fault"
"""Kind of a failure that is EvalGate's own."""
BEAT_S = 1.0
"""Seconds between two signs of life of the driver."""


class Pool(NamedTuple):
    """How a pool of workers stands."""

    workers: int = 0
    """Workers that hold what they need and answer."""
    starting: int = 0
    """Workers that wait for room, or load."""
    waiting: int = 0
    """Pieces that nobody works on."""
    working: int = 0
    """Pieces at workers."""
    done: int = 0
    """Pieces whose results are there."""
    retries: int = 0
    """Pieces given out again, each time counted."""
    gpu_bytes: int = 0
    """The most memory of a card that a worker had in use; 0 without a card."""


class Workers(NamedTuple):
    """The workers that are wanted."""

    most: int
    """How many, at most."""
    cpus: float = 1.0
    """Processors of each; Ray gives torch so many threads."""
    gpus: float = 0.0
    """Cards of each."""


class Limits(NamedTuple):
    """How long is waited, and how often tried."""

    patience_s: float = 600.0
    """Seconds that a worker may take to load, for a piece of work, or for a step of a training."""
    room_s: float = 300.0
    """Seconds until a first worker must have found room."""
    tries: int = 3
    """Times that a piece is given out, or a training begun."""


ASKING, TRAINING = Limits(), Limits(patience_s=1800.0)


class Where(NamedTuple):
    """A cluster; said to the driver first."""

    address: str | None = None
    """HOST:PORT, ray://HOST:PORT or auto; None: one of our own on this machine, for as long as the work takes."""
    ship: bool = True
    """Whether this package's own code is sent there, so that all run the same; a Ray job brought it along."""


class AskOrder(NamedTuple):
    """A pool of workers that work pieces off."""

    make: bytes
    total: int
    """Pieces in all."""
    workers: Workers
    limits: Limits


class FitOrder(NamedTuple):
    """A training by several processes that speak with each other."""

    make: bytes
    name: str
    """Of the run, in its storage."""
    storage: str | None
    """A place that all nodes see; needed where there are several."""
    workers: Workers
    limits: Limits


class Piece(NamedTuple):
    """A piece of work."""

    place: int
    content: bytes


class Want(NamedTuple):
    """The driver has room for so many more pieces."""

    pieces: int


class Done(NamedTuple):
    """The results of a piece, said once."""

    place: int
    results: bytes


class Tell(NamedTuple):
    """A line for people."""

    line: str


class Progressed(NamedTuple):
    """How far long work is."""

    what: str
    done: int
    total: int


class Failure(NamedTuple):
    """An error as it travels: which, and its problems."""

    kind: str
    problems: tuple[str, ...]
    final: bool
    """Trying again, elsewhere too, cannot help."""

    @property
    def told(self) -> str:
        """The failure for people."""
        return ": ".join(part for part in (self.kind, *self.problems) if part)


class Ended(NamedTuple):
    """The last that the driver says."""

    failure: Failure | None
    results: bytes = b""


def failure_of(error: BaseException) -> Failure:
    """The error as it travels."""
    if isinstance(error, EvalGateError):
        return Failure(type(error).__name__, error.problems, isinstance(error, WrongInputError))
    first = next(iter(str(error).splitlines()), "")[:300]
    return Failure(type(error).__name__, (first,), False)


def error_of(failure: Failure, where: str) -> EvalGateError:
    """The error that a failure stands for: ours as itself, any other as "not measured" with its name and `where` it arose."""
    if failure.kind == OUR_OWN:
        return EvalGateError(f"{where}: {' '.join(failure.problems)}: this is a fault of EvalGate, please report it")
    kinds: dict[str, type[EvalGateError]] = {kind.__name__: kind for kind in _all_kinds(EvalGateError)}
    if failure.kind in kinds:
        return kinds[failure.kind](*failure.problems)
    return NotMeasured(f"{where}: {failure.told}. {_mend(failure.kind)}")


def _all_kinds(kind: type[EvalGateError]) -> list[type[EvalGateError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _all_kinds(child))]


def _mend(kind: str) -> str:
    if kind in ("MemoryError", "OutOfMemoryError"):
        return "Lower evaluate.batch_rows or train.batch_rows, or give each worker more memory, then run again"
    if kind in ("ModuleNotFoundError", "ImportError"):
        return "Every node needs the same packages as this machine: see docs/ray.md"
    return "What was finished is kept: run again"


Said = Any
"""One of the messages above."""
