"""`trained`: what several processes on a cluster make together, one step at a time."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from evalgate.cluster.beside import driver_beside, refuse_without_ray
from evalgate.cluster.messages import TRAINING, Ended, FitOrder, Limits, Progressed, Tell, Where, Workers, error_of
from evalgate.ports import Progress

R = TypeVar("R")


class TrainName(NamedTuple):
    """A training on a cluster."""

    name: str
    """The same for the same training."""
    storage: str | None
    """A place that all nodes see, for what Ray Train itself writes; needed where there are several."""


def trained(
    where: Where,
    make: Callable[[Progress], R],
    run: TrainName,
    workers: Workers,
    limits: Limits = TRAINING,
    *,
    progress: Progress,
    tell: Callable[[str], object] = str,
) -> R:
    """What the first of the workers gives, each of which calls `make` with torch.distributed set up around it.

    When one is lost all begin again; going on from a checkpoint is `make`'s own affair.

    Raises:
        EvalGateError: what `make` raised.
        NotMeasured: workers were lost too often, found no room, or made no step for too long.
    """
    refuse_without_ray()
    import cloudpickle

    order = FitOrder(cloudpickle.dumps(make), run.name, run.storage, workers, limits)
    with driver_beside(where, order) as driver:
        while True:
            message = driver.hear()
            if isinstance(message, Progressed):
                progress(*message)
            elif isinstance(message, Tell):
                tell(message.line)
            elif isinstance(message, Ended):
                if message.failure is not None:
                    raise error_of(message.failure, "training on the cluster")
                found: R = cloudpickle.loads(message.results)
                return found
