"""Models behind a host that speaks OpenAI's chat completions: the one door to `openai`, which is imported when first used.

A host that fails makes "not measured", never an answer. A key is sent to the host that the policy names, and shown nowhere.
"""

import email.utils
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from secrets import SystemRandom
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pydantic import SecretStr

from evalgate.errors import NotMeasured
from evalgate.models.hosted_form import WISHES, Garbled, Reply, options, read, reply_in, same_model, tokens_in, unsupported
from evalgate.records.suite import Message
from evalgate.redaction import mask, safe_line

if TYPE_CHECKING:
    import httpx2
    import openai

T = TypeVar("T")
PAUSES = (1.0, 4.0, 15.0)
"""Seconds between tries; a request is sent at most once more often than there are pauses."""
LONGEST_WAIT = 60.0
"""Seconds; a host that asks for more is not waited for, and not asked again before."""
LONGEST_BODY = 1 << 19
"""Bytes of a reply that are read; results keep lines of at most 1 MiB."""
GIVE_UP = 8
"""Failures of a host in a row after which it is asked nothing more in this run; what it has against one question is none."""
PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}
"""Statuses that time may mend."""
_SENT_HEADERS = {"host", "accept", "content-type", "content-length", "connection", "user-agent", "x-stainless-raw-response"}
"""All that is sent beside the key: the library would add what `OPENAI_*` variables say, whoever the host is. By the last one
it knows that we want the reply as it came."""
_RANDOM = SystemRandom()


class Host(NamedTuple):
    """Where a model is asked, and how patiently."""

    base_url: str
    """Such as https://api.openai.com/v1."""
    model: str
    """The pinned name."""
    key: SecretStr | None = None
    """What it asks for; None where it asks for none."""
    key_name: str | None = None
    """The environment variable that holds the key, for messages."""
    timeout_s: float = 60.0
    """Seconds for one reply, from the request to its last byte."""
    pauses: tuple[float, ...] = PAUSES
    """See `PAUSES`."""


class Spent(NamedTuple):
    """What was asked of a host so far."""

    requests: int
    """Requests that were sent, failed ones too."""
    tokens_in: int
    tokens_out: int
    unmetered: int
    """Replies without a word on tokens: where there are any, the tokens are a lower bound."""


class _Fault(NamedTuple):
    """One failed request."""

    words: str
    """What happened, in our words, then the host's, masked, on one line."""
    passing: bool = False
    """True where time may mend it."""
    wait: float = 0.0
    """Seconds that the host asks to wait for."""
    of_host: bool = False
    """True where it says something about the host, and not about this question alone."""
    hopeless: bool = False
    """True where every further request would fail as well."""
    refused: str = ""
    """The host's own words on a request that it calls wrong."""


class HostedChat:
    """One model at one host; may be asked from several threads."""

    def __init__(self, host: Host, *, sleep: Callable[[float], object] = time.sleep) -> None:
        """Nothing is asked yet.

        Raises:
            NotMeasured: `openai` is not installed, or the key is none that can be sent.
        """
        self.host = host
        self._sleep = sleep
        self._where = shown_url(host.base_url)
        self._client = _client(host)
        weakref.finalize(self, self._client.close)
        self._lock = threading.Lock()
        self._asked = dict.fromkeys(WISHES, 0)
        self._spent = Spent(0, 0, 0, 0)
        self._failures = 0
        self._over: str | None = None

    def ask(self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, max_tokens: int = 300) -> Reply:
        """The host's reply to a conversation, greedy where the host lets us.

        Args:
            schema: JSON Schema of the reply; the host is asked to keep to it and may not be able to.
            max_tokens: Longest reply.

        Raises:
            NotMeasured: no reply was obtained, or another model than the pinned one gave it.
        """
        if self._over is not None:
            raise NotMeasured(self._over)
        reply = self._persistently(messages, schema, max_tokens)
        if not same_model(self.host.model, reply.model):
            served = f"{self.host.model!r} was asked and {self._shown(reply.model)!r} answered"
            raise self._failed(_Fault(f"{served}: pin the name under which the host serves the model", of_host=True))
        with self._lock:
            self._failures = 0
        return reply

    def wishes(self) -> dict[str, str]:
        """How the host is asked by now: see `WISHES`."""
        return {name: WISHES[name][step] for name, step in self._asked.items()}

    def spent(self) -> Spent:
        """What was asked so far, in all threads."""
        return self._spent

    def close(self) -> None:
        """Close the connections now, and not only when nobody holds this any more; nothing can be asked after that."""
        self._client.close()

    def _persistently(self, messages: Sequence[Message], schema: Mapping[str, Any] | None, max_tokens: int) -> Reply:
        pauses = iter(self.host.pauses)
        while True:
            asked = dict(self._asked)
            found = self._once(options(self.host.model, messages, schema, max_tokens, asked))
            if isinstance(found, Reply):
                return found
            wish = unsupported(found.refused, asked, structured=schema is not None)
            if wish is not None:
                with self._lock:  # another thread may have learnt it already
                    self._asked[wish] = max(self._asked[wish], asked[wish] + 1)
                continue
            pause = next(pauses, None) if found.passing and found.wait <= LONGEST_WAIT else None
            if pause is None:
                raise self._failed(found)
            self._sleep(max(found.wait, pause * _RANDOM.uniform(0.5, 1.5)))

    def _once(self, request: dict[str, Any]) -> Reply | _Fault:
        """One request; what its reply cost is counted whatever becomes of it."""
        import openai

        began = time.perf_counter()
        self._count(requests=1)
        try:
            body = read(self._client.chat.completions.with_raw_response.create(**request).content)
            latency_ms = (time.perf_counter() - began) * 1000
            sent, got = tokens_in(body)
            self._count(tokens_in=sent or 0, tokens_out=got or 0, unmetered=int(sent is None or got is None))
            reply = reply_in(body, latency_ms)
            return reply._replace(text=self._without_key(reply.text))
        except Garbled as error:
            return _Fault(f"the reply makes no sense: {error}", error.passing)
        except openai.APIStatusError as error:
            return self._refusal(error)
        except openai.APITimeoutError:
            return _Fault(f"no whole reply within {self.host.timeout_s:g} seconds", passing=True)
        except openai.OpenAIError as error:  # of the network: named, not quoted, for it holds addresses
            return _Fault(f"the connection broke ({type(error.__cause__ or error).__name__})", passing=True)

    def _refusal(self, error: "openai.APIStatusError") -> _Fault:
        """What a status means that is no success."""
        status, told = error.status_code, _said(error)
        words = f"answered {status}: {self._shown(told)}" if told else f"answered {status}"
        key = f"look at {self.host.key_name}" if self.host.key_name else "it wants a key: name its variable in `key`"
        advice = {
            401: key,
            403: key,
            404: f"look at `base_url`, and whether it serves {self.host.model!r}",
        }.get(status, "give the address where it is now as `base_url`" if status < 400 else None)
        if "insufficient_quota" in (error.code, error.type):
            advice = "the account has nothing left to spend"
        if advice is not None:  # some hosts answer 403 to a question that they find improper
            return _Fault(f"{words}; {advice}", of_host=True, hopeless=status != 403)
        return _Fault(words, status in PASSING, _wait(error.response.headers), refused=told if status in (400, 422) else "")

    def _failed(self, fault: _Fault) -> NotMeasured:
        later = f"; it asks to wait {fault.wait:.0f} seconds: run again after that" if fault.wait > LONGEST_WAIT else ""
        problem = f"{self._where}: {fault.words}{later}"
        with self._lock:
            self._failures = self._failures + 1 if fault.passing or fault.of_host else 0
            if fault.hopeless:
                self._over = problem
            elif self._failures >= GIVE_UP and self._over is None:
                self._over = f"{problem} (that was failure {self._failures} in a row: nothing more is asked of this host)"
        return NotMeasured(problem)

    def _shown(self, text: str) -> str:
        """The host's own words, short, on one line, without the key and without secrets."""
        return safe_line(mask(self._without_key(text[:4000])), 200)

    def _without_key(self, text: str) -> str:
        key = self.host.key.get_secret_value() if self.host.key else ""
        return text.replace(key, "[masked: key]") if key else text

    def _count(self, *, requests: int = 0, tokens_in: int = 0, tokens_out: int = 0, unmetered: int = 0) -> None:
        with self._lock:
            more = (requests, tokens_in, tokens_out, unmetered)
            self._spent = Spent(*(have + new for have, new in zip(self._spent, more, strict=True)))


def in_parallel(call: Callable[[int], T], places: Sequence[int], concurrency: int) -> Iterator[T]:
    """Yield what `call` gives for each place, as soon as it is there; what has not begun is dropped when the reader stops."""
    pool = ThreadPoolExecutor(max_workers=max(1, min(concurrency, len(places))), thread_name_prefix="evalgate-host")
    try:
        for done in as_completed([pool.submit(call, place) for place in places]):
            yield done.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def shown_url(url: str) -> str:
    """A host's address for messages, a password in it masked."""
    return safe_line(mask(url), 200)


def _client(host: Host) -> "openai.OpenAI":
    try:
        import httpx2
        import openai
    except ImportError as error:
        raise NotMeasured(f"asking {shown_url(host.base_url)} needs openai: pip install 'evalgate-ft[hosted]'") from error
    key = host.key.get_secret_value() if host.key else ""
    if not (key.isascii() and key.isprintable()) or key != key.strip():
        raise NotMeasured(f"{host.key_name or 'the key'}: holds characters that no key has, perhaps a line break: set it anew")

    def sent(request: "httpx2.Request") -> None:
        for name in [name for name in request.headers if name.lower() not in _SENT_HEADERS]:
            del request.headers[name]
        if key:
            request.headers["authorization"] = f"Bearer {key}"
        request.headers["accept-encoding"] = "identity"  # so that what is counted is what is read
        request.extensions["deadline"] = time.monotonic() + host.timeout_s

    def received(response: "httpx2.Response") -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise NotMeasured(f"{shown_url(host.base_url)}: compresses its replies although it was asked not to")
        response.stream = _bounded(response, host)

    web = httpx2.Client(timeout=host.timeout_s, follow_redirects=False, event_hooks={"request": [sent], "response": [received]})
    return openai.OpenAI(
        api_key=key or "none", admin_api_key="", base_url=host.base_url, timeout=host.timeout_s, max_retries=0, http_client=web
    )


def _bounded(response: "httpx2.Response", host: Host) -> "httpx2.SyncByteStream":
    """The reply's bytes, up to the deadline of its request and up to `LONGEST_BODY`."""
    import httpx2

    whole, deadline = response.stream, response.request.extensions["deadline"]

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            length = 0
            for chunk in whole if isinstance(whole, httpx2.SyncByteStream) else ():
                length += len(chunk)
                if time.monotonic() > deadline:
                    raise httpx2.ReadTimeout("past the deadline", request=response.request)
                if length > LONGEST_BODY:
                    raise NotMeasured(f"{shown_url(host.base_url)}: its reply is longer than {LONGEST_BODY:,} bytes")
                yield chunk

        def close(self) -> None:
            if isinstance(whole, httpx2.SyncByteStream):
                whole.close()

    return Bounded()


def _said(error: "openai.APIStatusError") -> str:
    """The host's own words in the body of a refusal, with the parameter that it names."""
    body = error.body
    if not isinstance(body, dict):
        return str(body or "")
    told = body.get("message") or body.get("detail") or body.get("error") or ""
    return " ".join(str(part) for part in (body.get("param"), told) if part)


def _wait(headers: Mapping[str, str]) -> float:
    """Seconds from now, at least 0, that Retry-After asks for, in seconds or as a date."""
    after = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", after):
        return float(after)
    try:
        date = email.utils.parsedate_tz(after) if after else None
        return max(0.0, email.utils.mktime_tz(date) - time.time()) if date else 0.0
    except (ValueError, OverflowError):  # a year that no calendar has
        return 0.0
