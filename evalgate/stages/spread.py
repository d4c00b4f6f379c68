"""spread: whether work is done in this process or by workers of a Ray cluster, and what is told of it meanwhile."""

import re
import socket
from collections.abc import Callable
from typing import NamedTuple

from evalgate.cluster import Where, Workers, pooled
from evalgate.errors import PolicyError
from evalgate.ports import Executor, inline
from evalgate.records.policy import FeaturePolicy
from evalgate.settings import RayAround
from evalgate.stages.metering import Meter, metered

AT = re.compile(r"(ray://)?(\[[0-9A-Fa-f:]+\]|[^\s/:\[\]]+):\d{1,5}")
"""HOST:PORT of a cluster's head, or ray:// and HOST:PORT of its client server."""
ANSWER_S = 2.0
"""Seconds within which a cluster that is only said to run must take a connection."""


class Cluster(NamedTuple):
    """Where workers are."""

    where: Where
    named: bool
    """True where somebody asked for this very cluster: then even one worker is asked for there."""


def cluster_of(asked: str, around: RayAround, tell: Callable[[str], object] = str) -> Cluster | None:
    """The cluster that `--ray` means: off, local, auto, HOST:PORT or ray://HOST:PORT; None: this process does the work.

    auto is the cluster that RAY_ADDRESS names, else one that runs on this machine, else none. Nothing is started here.

    Raises:
        PolicyError: it is none of these.
    """
    ship = not around.in_job
    if asked == "off":
        return None
    if asked == "local":
        return Cluster(Where(), named=False)
    if asked != "auto":
        if not AT.fullmatch(asked):
            raise PolicyError(f"--ray {asked!r}: use auto, local, off, HOST:PORT or ray://HOST:PORT")
        return Cluster(Where(asked, ship), named=True)
    if around.address is not None and around.address != "local":
        return Cluster(Where(around.address, ship), named=True)
    if around.running is not None and _answers(around.running):
        return Cluster(Where(around.running, ship), named=False)
    tell("  ray: no cluster runs here and RAY_ADDRESS names none: this process does the work")
    return None


def asking(
    cluster: Cluster | None,
    feature: FeaturePolicy,
    around: RayAround,
    *,
    tell: Callable[[str], object] = str,
    meter: Meter | None = None,
) -> Executor:
    """Where a feature's variants answer: in this process, or at `evaluate.workers` workers."""
    policy = feature.evaluate
    if not _is_worth_it(cluster, policy.workers, policy.cpus_per_worker, policy.gpus_per_worker, around, "evaluate", tell):
        return inline if meter is None else metered(inline, meter)
    assert cluster is not None  # noqa: S101  (then it is worth nothing)
    workers = Workers(policy.workers, policy.cpus_per_worker, policy.gpus_per_worker)
    executor = pooled(cluster.where, workers, tell=tell, watch=bool if meter is None else meter.watch)
    return executor if meter is None else metered(executor, meter)


def training_cluster(
    cluster: Cluster | None, feature: FeaturePolicy, around: RayAround, tell: Callable[[str], object] = str
) -> Cluster | None:
    """The cluster that a feature is trained on; None: this process trains."""
    policy = feature.train
    worth = _is_worth_it(cluster, policy.workers, policy.cpus_per_worker, policy.gpus_per_worker, around, "train", tell)
    return cluster if worth and policy.provider != "scripted" else None


def _is_worth_it(
    cluster: Cluster | None, workers: int, cpus: float, gpus: float, around: RayAround, key: str, tell: Callable[[str], object]
) -> bool:
    """One GPU or CPU needs no cluster, and starts none."""
    if cluster is None or cluster.named:
        return cluster is not None
    if workers == 1:
        tell(f"  ray: {key}.workers is 1: this process does the work alone")
        return False
    if cluster.where.address is None and gpus == 0 and around.cpus < 2 * cpus:
        tell(f"  ray: this machine has {around.cpus} CPUs, room for one worker of {cpus:g}: this process does the work alone")
        return False
    return True


def _answers(address: str) -> bool:
    """True when somebody takes a connection there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
    except (OSError, ValueError):
        return False
    return True
