"""`pooled`: an executor whose pieces are worked off by actors on a cluster."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from evalgate.cluster.beside import Beside, driver_beside, refuse_without_ray
from evalgate.cluster.messages import ASKING, AskOrder, Done, Ended, Limits, Piece, Pool, Tell, Want, Where, Workers, error_of
from evalgate.ports import Executor

P = TypeVar("P")
R = TypeVar("R")


def pooled(
    where: Where,
    workers: Workers,
    limits: Limits = ASKING,
    *,
    tell: Callable[[str], object] = str,
    watch: Callable[[Pool], object] = bool,
) -> Executor:
    """An executor on a cluster.

    The last piece goes out first: they are planned by length, and what takes longest must not be what all wait for at the end.
    Actors hold what `make` gave and work pieces off. A piece whose worker dies or is silent for too long goes to another;
    its results count once. `tell` hears lines for people, `watch` every second how the pool stands.

    The executor raises what `make` raises; NotMeasured for pieces that nobody could do, after all others were yielded.
    """

    def execute(make: Callable[[], Callable[[P], Iterable[R]]], pieces: Sequence[P], /) -> Iterator[tuple[int, R]]:
        if not pieces:
            return
        refuse_without_ray()
        import cloudpickle

        what = AskOrder(cloudpickle.dumps(make), len(pieces), workers, limits)
        with driver_beside(where, what) as driver:
            yield from _heard(driver, pieces, tell, watch)

    return execute


def _heard(
    driver: Beside, pieces: Sequence[P], tell: Callable[[str], object], watch: Callable[[Pool], object]
) -> Iterator[tuple[int, R]]:
    """Everything that the driver sends, while it is given the pieces that it wants."""
    import cloudpickle

    places = iter(range(len(pieces) - 1, -1, -1))
    while True:
        message = driver.hear()
        if isinstance(message, Want):
            for place in islice(places, message.pieces):
                driver.say(Piece(place, cloudpickle.dumps(pieces[place])))
        elif isinstance(message, Done):
            for result in cloudpickle.loads(message.results):
                yield message.place, result
        elif isinstance(message, Pool):
            watch(message)
        elif isinstance(message, Tell):
            tell(message.line)
        elif isinstance(message, Ended):
            if message.failure is not None:
                raise error_of(message.failure, "a worker on the cluster")
            return
