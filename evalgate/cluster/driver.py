"""The process that is the Ray driver: `python -P -m evalgate.cluster.driver FD`, begun by `beside`, with a line to it.

It ends when the line is closed, whatever it is doing, and takes its cluster with it where that is one of its own.
"""

import logging
import os
import signal
import socket
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from evalgate.cluster.line import GRACE_S, Line, leave_within
from evalgate.cluster.messages import OUR_OWN, AskOrder, Ended, Failure, Tell, Where
from evalgate.cluster.worker import FAULTS
from evalgate.errors import EvalGateError, NotMeasured

REACH_S = 10.0
"""Seconds within which a cluster must take a connection."""


def main(descriptor: int) -> None:
    """Connect, do as ordered, say how it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began us decides when it is over
    line = Line(Connection(descriptor))
    where, what = line.hear(), line.hear()
    import ray

    from evalgate.cluster.head import watch_head

    try:
        connect(where)
        watch_head(line)
        line.say(Tell(f"  ray: {_seen(where)}"))
        line.say(_work(line, what))
    except EvalGateError as error:
        line.say(Ended(Failure(type(error).__name__, error.problems, True)))
    leave_within(GRACE_S)  # a cluster that is gone must not hold us
    ray.shutdown()
    os._exit(0)


def connect(where: Where) -> None:
    """Become a driver.

    Raises:
        NotMeasured: there is no such cluster, or it does not take us.
    """
    import ray

    _refuse_absent(where.address)
    package = str(Path(__file__).resolve().parents[1])
    shipped: dict[str, Any] = (
        {"py_modules": [package], "excludes": ["**/__pycache__"]} if where.ship and where.address is not None else {}
    )
    try:
        ray.init(
            where.address or "local",
            include_dashboard=False if where.address is None else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env=shipped or None,
        )
    except (ray.exceptions.RayError, RuntimeError, ValueError, OSError) as error:
        first = next(iter(str(error).splitlines()), "")
        raise NotMeasured(
            f"ray {where.address or 'local'}: {type(error).__name__}: {first}: look whether the cluster is up, has this Ray "
            "and this Python, and knows RAY_AUTH_TOKEN where it asks for one; see docs/ray.md"
        ) from error


def _refuse_absent(address: str | None) -> None:
    """Nothing, or an error: nobody listens at the address; Ray would wait for minutes, without a word.

    Raises:
        NotMeasured: that is so.
    """
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_S).close()
    except OSError as error:
        raise NotMeasured(
            f"ray {address}: cannot be reached: {error}: look whether the cluster is up and the port right"
        ) from error


def _seen(where: Where) -> str:
    import ray

    there = ray.cluster_resources()
    nodes = sum(bool(node["Alive"]) for node in ray.nodes())
    cards = f", {there['GPU']:g} GPUs" if there.get("GPU") else ""
    return f"{where.address or 'a cluster on this machine'}: {nodes} nodes, {there.get('CPU', 0):g} CPUs{cards}"


def _work(line: Line, what: Any) -> Ended:
    try:
        if isinstance(what, AskOrder):
            from evalgate.cluster.asking import ask

            return ask(line, what)
        from evalgate.cluster.fitting import fit

        return fit(line, what)
    except FAULTS as error:
        return Ended(Failure(OUR_OWN, (f"{type(error).__name__}: {error}",), True))


if __name__ == "__main__":
    main(int(sys.argv[1]))
