"""Whether the head of the cluster still answers; Ray itself would end this process a minute after it went, from within."""

import os
import socket
import threading
import time

import ray

from evalgate.cluster.line import Line
from evalgate.cluster.messages import Ended, Failure

LOOK_S = 3.0
"""Seconds between two looks, and within which the head must take a connection."""
TRIES = 5
"""Looks in a row that must fail."""
GONE = "ray: the head of the cluster is gone. What was finished is kept: run again when it is back"


def watch_head(line: Line) -> None:
    """Look at the head from now on, in a thread: calls into Ray hang while it is gone. Then say so, and end this process."""
    at = _address()
    if at is not None:
        threading.Thread(target=_watch, args=(at, line), daemon=True).start()


def _watch(at: tuple[str, int], line: Line) -> None:
    missed = 0
    while missed < TRIES:
        time.sleep(LOOK_S)
        try:
            socket.create_connection(at, timeout=LOOK_S).close()
            missed = 0
        except OSError:
            missed += 1
    line.say(Ended(Failure("NotMeasured", (GONE,), True)))
    os._exit(0)


def _address() -> tuple[str, int] | None:
    """Host and port of the head; None where a proxy stands between, which notices by itself."""
    if ray.util.client.ray.is_connected():
        return None
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdecimal() else None
