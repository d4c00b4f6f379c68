"""The driver's end of its line: what comes in is read by a thread of its own, so that neither side ever waits for the other."""

import os
import queue
import threading
from multiprocessing.connection import Connection
from typing import Any

from evalgate.cluster.messages import Said

GRACE_S = 10.0
"""Seconds that a driver has to leave when nobody listens to it any more."""


class Line:
    """Messages in and out. When the other side closes it, this process ends, at the latest after a grace."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._came: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._speaking = threading.Lock()
        self.closed = False
        threading.Thread(target=self._read, daemon=True).start()

    def say(self, message: Said) -> None:
        """Send a message; one that nobody hears is dropped."""
        try:
            with self._speaking:
                self._connection.send(message)
        except OSError:
            self.closed = True

    def hear(self) -> Any:
        """The next message, once it is there; None when the line was closed."""
        return self._came.get()

    def heard(self) -> list[Any]:
        """The messages that have come in since."""
        found = []
        while not self._came.empty():
            found.append(self._came.get())
        return [message for message in found if message is not None]

    def _read(self) -> None:
        try:
            while True:
                self._came.put(self._connection.recv())
        except (EOFError, OSError):
            self.closed = True
            self._came.put(None)
            leave_within(GRACE_S)


def leave_within(seconds: float) -> None:
    """End this process then, whatever it hangs in."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()
