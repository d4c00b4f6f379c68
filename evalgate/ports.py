"""What stages ask of the world: a model that answers, a trainer that trains, a journal that outlives the runner."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from evalgate.records.change import DatasetChange
from evalgate.records.evaluation import Decoding, Variant
from evalgate.records.suite import Message
from evalgate.records.train_policy import Train
from evalgate.records.training import TrainingRun

if TYPE_CHECKING:
    from evalgate.records.journal import Entry  # most commands keep no journal, and start faster without its records

P = TypeVar("P")
R = TypeVar("R")
Progress = Callable[[str, int, int], None]
"""Called as progress(what, done, total) while long work goes on."""


class Answer(NamedTuple):
    """One generated answer, or the reason why there is none."""

    place: int
    """Position of its conversation in the request."""
    text: str | None
    """What was generated; None when it failed."""
    error: str | None = None
    """Why it failed."""
    latency_ms: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    confidence: float | None = None
    """Probability of the whole answer, in [0, 1]; None where nobody asked or nobody knows."""


class Model(Protocol):
    """A loaded variant."""

    variant: Variant

    def answer(self, conversations: Sequence[Sequence[Message]], decoding: Decoding, /) -> Iterator[Answer]:
        """Yield one Answer a conversation, in any order, each as soon as it is done."""
        ...


class Asked(NamedTuple):
    """A question to one of several variants that are asked together."""

    side: str
    """Which of them."""
    turns: tuple[Message, ...]
    draft: str | None = None
    """What the answer may well be: an engine may verify it in one step, and answers as it would have without."""


class Executor(Protocol):
    """Where pieces of work are done: in this process, or by workers on a cluster."""

    def __call__(self, make: Callable[[], Callable[[P], Iterable[R]]], pieces: Sequence[P], /) -> Iterator[tuple[int, R]]:
        """Yield (place of the piece, one of its results), as they come; each piece's results are all there, or none is.

        `make` is called once wherever work is done, and gives what works a piece off.

        Raises:
            NotMeasured: some pieces could not be done; the results of all others were yielded before.
        """
        ...


def inline(make: Callable[[], Callable[[P], Iterable[R]]], pieces: Sequence[P], /) -> Iterator[tuple[int, R]]:
    """The executor without a cluster: every piece in turn, in this process."""
    work = make()
    for place, piece in enumerate(pieces):
        for result in work(piece):
            yield place, result


class TrainingJob(NamedTuple):
    """All that a trainer needs to know."""

    change: DatasetChange
    rows: tuple[tuple[Message, ...], ...]
    """Each row's turns, the prompt apart."""
    lines: tuple[int, ...]
    """Line of each row in its file."""
    prompt: tuple[Message, ...]
    """System turn and worked examples, put before every row."""
    settings: Train
    base_model: str
    base_sha256: str
    replay: tuple[tuple[Message, ...], ...] = ()
    """Each general row's turns; they are trained under their own system turn or none, never under the prompt."""
    replay_sha256: str | None = None
    """Digest of the file that the general rows stand in."""


class Trainer(Protocol):
    """Turns rows into an adapter at `folder`/adapter; goes on from its own checkpoint after a kill."""

    def __call__(self, job: TrainingJob, folder: Path, *, progress: Progress) -> TrainingRun:
        """Train, or finish what was begun, and say how it went."""
        ...


class Shelf(Protocol):
    """A place where evidence lies under its digests; see `records.evidence`."""

    def read(self, name: str, /) -> bytes | None:
        """A file of evidence; None where there is none.

        Raises:
            NotMeasured: it cannot be read.
        """
        ...


class Journal(Shelf, Protocol):
    """Steps and evidence that outlive the runner. A step is written once, however often it is asked for."""

    def of_pull(self, number: int, /) -> "tuple[Entry, ...]":
        """Every step on one pull request, oldest first."""
        ...

    def of_feature(self, feature: str, /) -> "tuple[Entry, ...]":
        """The steps on all pull requests that later ones of the same feature need, oldest first; see `LEDGER`."""
        ...

    def append(self, entry: "Entry", files: Mapping[str, bytes] = ..., /) -> "Entry":
        """Write the step, and evidence under its digests, place -> bytes, all or nothing.

        The entry that stands under this key is returned: this one, or the one that was there before.

        Raises:
            NotMeasured: it could not be written, or not be known whether it was.
        """
        ...
