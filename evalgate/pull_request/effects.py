"""The one way to read from GitHub and the one way to change something there, whatever happens on the way."""

import time
from collections.abc import Callable
from secrets import SystemRandom
from typing import TypeVar

from evalgate.errors import NotMeasured
from evalgate.pull_request.client import Remote
from evalgate.pull_request.faults import FOREIGN, LONGEST_WAIT, Fault, told

T = TypeVar("T")
_RANDOM = SystemRandom()


class Refused(NotMeasured):
    """GitHub understood and said no: asking again would change nothing."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


def asked(remote: Remote, call: Callable[[], T], what: str) -> T:
    """What `call` gives: a read, or a write that may well be done twice; repeated while the fault is a passing one.

    Args:
        call: Takes from the answer all that is needed: PyGithub asks late.
        what: What is wanted, as in "could not <what>".

    Raises:
        Refused: GitHub said no.
        NotMeasured: it could not be asked, or nobody understands its answers.
    """
    for pause in remote.pauses:
        try:
            return call()
        except FOREIGN as error:
            _wait(told(error), pause, what)
    try:
        return call()
    except FOREIGN as error:
        raise _given_up(told(error), what) from None


def once(remote: Remote, look: Callable[[], T | None], act: Callable[[], T], *, what: str) -> T:
    """The effect, which is there once however many answers get lost: nothing is done that is seen to be done.

    Args:
        look: What `act` would give if its effect is there already, else None. Asked before every act and after every
            act whose answer says nothing of what happened.
        act: Brings the effect about.
        what: What is wanted, as in "could not <what>".

    Raises:
        Refused: GitHub said no.
        NotMeasured: it is not there, or nobody knows whether it is.
    """
    found = asked(remote, look, f"see whether it is needed to {what}")
    fault = Fault("no attempt was made", "run the job again")
    for pause in remote.pauses:
        if found is not None:
            return found
        try:
            return act()
        except FOREIGN as error:
            fault = told(error)
        _wait(fault, pause, what)
        found = asked(remote, look, f"see whether it was possible to {what}")
    if found is None:
        raise _given_up(fault, what)
    return found


def doze(seconds: float) -> None:
    """Sleep about `seconds`: half of them to one and a half times, so that two who collided do not collide again."""
    time.sleep(seconds * _RANDOM.uniform(0.5, 1.5))


def _wait(fault: Fault, pause: float, what: str) -> None:
    """Sleep before the next attempt, or raise where there is no point in one."""
    if fault.status is not None or fault.wait > LONGEST_WAIT:
        raise _given_up(fault, what)
    time.sleep(fault.wait)
    doze(pause)


def _given_up(fault: Fault, what: str) -> NotMeasured:
    problem = f"could not {what}: {fault.words}; {fault.advice}"
    return NotMeasured(problem) if fault.status is None else Refused(fault.status, problem)
