"""What went wrong in a call to GitHub, in our own words."""

import email.utils
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import requests
from github import BadAttributeException, GithubException, IncompletableObject, RateLimitExceededException

from evalgate.redaction import mask, safe_line

T = TypeVar("T")
LONGEST_WAIT = 60.0
"""Seconds; where GitHub asks for more, a person runs the job again later."""

GARBLED = (
    BadAttributeException,
    IncompletableObject,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    AssertionError,
    RuntimeError,
)
"""How PyGithub says that an answer makes no sense: it does not check answers, it trips over them."""
FOREIGN = (GithubException, requests.RequestException, *GARBLED)
"""All that PyGithub raises."""

_ADVICE = {
    401: "the token is not valid, or not any more: look at GITHUB_TOKEN",
    403: "the token may not do this: add what is missing to `permissions:` of the job, or to the app",
    404: "it is not there, or the token may not see it",
}


class Fault(NamedTuple):
    """One failed attempt."""

    words: str
    """What happened, masked, on one line."""
    advice: str
    """What a person can do."""
    status: int | None = None
    """GitHub's status where it refused; None where it is not known whether it did anything."""
    wait: float = 0.0
    """Seconds that GitHub asks to wait for."""


def whole(value: T | None, name: str) -> T:
    """`value`, where GitHub's answer has it.

    Raises:
        ValueError: it has not: PyGithub turns whatever is missing in a garbled answer into None.
    """
    if value is None:
        raise ValueError(f"no {name} in the answer")
    return value


def told(error: Exception) -> Fault:
    """What `error`, one of `FOREIGN`, means; exceptions of the network are not quoted, they hold signed addresses."""
    if isinstance(error, requests.RequestException):
        return Fault(f"the connection broke ({type(error).__name__})", "run the job again")
    if isinstance(error, GARBLED) or not isinstance(error, GithubException):
        return Fault(f"the answer makes no sense ({_shown(str(error))})", "run the job again")
    headers = {name.lower(): str(value) for name, value in (error.headers or {}).items()}
    words = f"GitHub answered {error.status}: {_said(error.data)}"
    if error.status >= 500 or _limited(error, headers):
        return _passing(words, _wait(headers))
    needs = headers.get("x-accepted-github-permissions")
    advice = _ADVICE.get(error.status, "correct what it names and run the job again")
    return Fault(words, f"{advice} ({_shown(needs)})" if needs and error.status == 403 else advice, error.status)


def _passing(words: str, wait: float) -> Fault:
    if wait <= LONGEST_WAIT:
        return Fault(words, "run the job again", wait=wait)
    return Fault(words, f"GitHub asks to wait {wait:.0f} seconds: run the job again after that", wait=wait)


def _limited(error: GithubException, headers: Mapping[str, str]) -> bool:
    """True for a refusal that time mends; GitHub uses 403 both for these and for missing permissions."""
    if error.status == 429 or isinstance(error, RateLimitExceededException):
        return True
    return error.status == 403 and ("retry-after" in headers or headers.get("x-ratelimit-remaining") == "0")


def _wait(headers: Mapping[str, str]) -> float:
    """Seconds from now, at least 0: Retry-After in seconds or as a date, else the reset of a used-up limit."""
    after = headers.get("retry-after", "").strip()
    if after.isdecimal():
        return float(after)
    date = email.utils.parsedate_tz(after) if after else None
    if date:
        return max(0.0, email.utils.mktime_tz(date) - time.time())
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(0.0, int(reset) - time.time())
    return 0.0


def _said(body: Any) -> str:
    """GitHub's own words in the body of a refusal."""
    if not isinstance(body, dict):
        return "no reason given"
    errors = body.get("errors")
    found = [body.get("message") or "no reason given", *(errors if isinstance(errors, list) else [])]
    return _shown("; ".join(str(part.get("message") or part) if isinstance(part, dict) else str(part) for part in found))


def _shown(text: str) -> str:
    return safe_line(mask(text), 300)
