"""A Ray driver in a process of its own, and the line to it: what it says, or why it fell silent."""

import contextlib
import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import IO, Any

from evalgate.cluster.messages import Said, Where
from evalgate.errors import NotMeasured
from evalgate.redaction import mask, safe_line

CONNECT_S = 90.0
"""Seconds within which the driver must be connected."""
SILENCE_S = 90.0
"""Seconds without a sign of life after which the driver counts as lost."""
LAST_WORDS = 4_000
"""Bytes of what the driver wrote that are looked at when it is lost."""


class Beside:
    """The driver: `say` and `hear`."""

    def __init__(self, where: Where, line: Connection, process: "subprocess.Popen[bytes]", words: IO[bytes]) -> None:
        self._name = where.address or "local"
        self._line = line
        self._process = process
        self._words = words
        self._connected = False

    def say(self, message: Said) -> None:
        """Send a message.

        Raises:
            NotMeasured: the driver is gone.
        """
        try:
            self._line.send(message)
        except OSError as error:
            raise self._lost("the process that speaks with the cluster ended") from error

    def hear(self) -> Any:
        """The next message.

        Raises:
            NotMeasured: the driver is gone, or has been silent for too long.
        """
        patience = SILENCE_S if self._connected else CONNECT_S
        try:
            if not self._line.poll(patience):
                reached = "fell silent" if self._connected else "could not be reached"
                raise self._lost(f"the cluster {reached}: nothing was heard for {patience:g} s")
            self._connected = True
            return self._line.recv()
        except (OSError, EOFError) as error:
            raise self._lost("the process that speaks with the cluster ended") from error

    def _lost(self, what: str) -> NotMeasured:
        last = _last_words(self._words)
        return NotMeasured(
            f"ray {self._name}: {what}{': ' + last if last else ''}. What was finished is kept: look at the cluster, run again"
        )


def refuse_without_ray() -> None:
    """Nothing, or an error.

    Raises:
        NotMeasured: Ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise NotMeasured("this needs ray, which is not installed: pip install 'evalgate-ft[ray]', then run again")


@contextlib.contextmanager
def driver_beside(where: Where, what: Said) -> Iterator[Beside]:
    """A driver that has its order; it has ended when this is left, however that comes."""
    ours, theirs = Pipe()
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "evalgate.cluster.driver", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=words,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # an interrupt is ours to decide on
        )
        theirs.close()
        beside = Beside(where, ours, process, words)
        try:
            beside.say(where)
            beside.say(what)
            yield beside
        finally:
            ours.close()
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Wait until the driver has ended, and end it when it does not."""
    for end, patience in ((process.terminate, 15.0), (process.kill, 10.0)):
        try:
            process.wait(timeout=patience)
            return
        except subprocess.TimeoutExpired:
            end()
    process.wait()


def _last_words(words: IO[bytes]) -> str:
    """The last line that the driver wrote, for people."""
    time.sleep(0.1)  # it may just be writing them
    words.seek(max(0, words.seek(0, 2) - LAST_WORDS))
    lines = [line for line in words.read().decode(errors="replace").splitlines() if line.strip()]
    return safe_line(mask(lines[-1]), 300) if lines else ""
