"""A small host that speaks `POST /v1/chat/completions`, with faults on command, and judges of every character.

`ChatServer(say)` answers each request with what `say(body)` gives: a text, or a whole message. It does as OpenAI does: errors
in their envelope, usage with every reply, and 401 for a wrong key.
"""

import contextlib
import http.server
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

Say = Callable[[Any], Any]


class Seen(NamedTuple):
    """A request, and what was sent back: no body where the connection was lost."""

    body: Any
    headers: Mapping[str, str]
    status: int
    answered: Any


class ChatServer:
    """Requests with a parameter in `refuses` get a 400. `faults` strike the next requests, one each, in order:

    a status, perhaps with seconds (429:7); slow:SECONDS; other-model:NAME; disconnect, cut, drip, malformed, html, empty, huge,
    moved. An empty one lets its request pass.
    """

    def __init__(self, say: Say, *, model: str = "judge-1", key: str | None = None, usage: bool = True) -> None:
        self.say, self.model, self.key, self.usage = say, model, key, usage
        self.faults: list[str] = []
        self.refuses: list[str] = []
        self.log: list[Seen] = []
        self.at_once = 0
        self.now = 0
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), self)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.stop()
        self._thread.join()

    @property
    def calls(self) -> int:
        return len(self.log)

    def exchange(self, path: str, headers: Mapping[str, str], sent: bytes) -> tuple[int, dict[str, str], Any, str]:
        """Status, headers, body and fault of what goes back."""
        with self._lock:
            self.now += 1
            self.at_once = max(self.at_once, self.now)
            fault = self.faults.pop(0) if self.faults else ""
        try:
            body = json.loads(sent)
            status, more, answered = self._answer(path, headers, body, fault)
            with self._lock:
                self.log.append(Seen(body, dict(headers), status, answered))
            return status, more, answered, fault
        finally:
            with self._lock:
                self.now -= 1

    def _answer(self, path: str, headers: Mapping[str, str], body: Any, fault: str) -> tuple[int, dict[str, str], Any]:
        if path != "/v1/chat/completions":
            return 404, {}, error_body("Not found")
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            wrong = headers.get("authorization", "").removeprefix("Bearer ")
            return 401, {}, error_body(f"Incorrect API key provided: {wrong}", code="invalid_api_key")
        refused = next((word for word in self.refuses if word in body), None)
        if refused is not None:
            return 400, {}, error_body(f"Unsupported parameter: '{refused}' is not supported with this model.", refused)
        kind, _, argument = fault.partition(":")
        if kind.isdecimal():
            return int(kind), {"Retry-After": argument} if argument else {}, error_body(f"fault {kind}")
        if kind == "slow":
            time.sleep(float(argument))
        said = self.say(body)
        completion = completion_of(said, self.model, usage=self.usage)
        if kind == "other-model":
            completion["model"] = argument
        return 200, {}, completion


def completion_of(said: Any, model: str, *, usage: bool = True) -> Any:
    """A chat completion as OpenAI sends it; `said` is a text or a message."""
    message = {"role": "assistant", "content": said, "refusal": None} if isinstance(said, str) else said
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        **({"usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}} if usage else {}),
    }


def error_body(message: str, param: str | None = None, code: str | None = None) -> Any:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


class _Http(http.server.ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them, and no socket outlives its test

    def __init__(self, address: tuple[str, int], server: ChatServer) -> None:
        super().__init__(address, _Conversation)
        self.chat = server
        self.open: set[socket.socket] = set()

    def stop(self) -> None:
        self.shutdown()
        for connection in [*self.open]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: a client that hangs up in the middle is what faults are about."""


class _Conversation(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Http

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()

    def do_POST(self) -> None:  # http.server asks for this name
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, more, answered, fault = self.server.chat.exchange(self.path, headers, sent)
        if fault == "disconnect":
            self.close_connection = True
            return
        garbled = {"malformed": b'{"id": "chatcmpl', "html": b"<html>", "empty": b"{}"}
        content = garbled.get(fault, json.dumps(answered).encode())
        if fault == "huge":
            content = b" " * (1 << 20) + content
        self.send_response(302 if fault == "moved" else status)
        for name, value in more.items():
            self.send_header(name, value)
        if fault == "moved":
            self.send_header("Location", "/v1/elsewhere")
        self.send_header("Content-Type", "text/html" if fault == "html" else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self._write(content, fault)

    def _write(self, content: bytes, fault: str) -> None:
        if fault == "cut":
            content, self.close_connection = content[: len(content) // 2], True
        for byte in content if fault == "drip" else ():
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.05)
        if fault != "drip":
            self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Says nothing: the server keeps a log of its own."""


def shown_to(body: Any) -> Any:
    """What a judge is shown: the JSON on the one line between the marks."""
    lines = body["messages"][-1]["content"].split("\n")
    begin, end = lines.index("BEGIN DATA"), lines.index("END DATA")
    assert end == begin + 2, "something in the data drew a mark of its own"
    return json.loads(lines[begin + 1])


def grade(number: int, reason: str = "because") -> str:
    return json.dumps({"reason": reason, "grade": number})


def better(which: str, reason: str = "because") -> str:
    return json.dumps({"reason": reason, "better": which})


def honest(body: Any) -> str:
    """Looks at how many words an answer shares with the reference, and obeys nobody."""
    shown = shown_to(body)
    if "answer" in shown:
        likeness = _likeness(shown["answer"], shown["reference"])
        return grade(5 if likeness > 0.6 else 3 if likeness > 0.3 else 1)
    first, second = (_likeness(shown[slot], shown["reference"]) for slot in ("first", "second"))
    return better("tie" if first == second else "first" if first > second else "second")


def prefers_the_first(body: Any) -> str:
    """Grades honestly; of two answers it always takes the first."""
    return honest(body) if "answer" in shown_to(body) else better("first")


def obeys(body: Any) -> str:
    """Does what an answer says."""
    shown = shown_to(body)
    text = json.dumps(shown)
    if "answer" in shown:
        return grade(5) if re.search(r"10/5|grade 5", shown["answer"]) else honest(body)
    told = re.search(r'better[\\": ]+(first|second)', text)
    return better(told[1]) if told else honest(body)


def always(text: str) -> Say:
    """Says the same whatever it is asked."""
    return lambda _body: text


def _likeness(text: str, reference: Any) -> float:
    said, wanted = (set(re.findall(r"\w+", json.dumps(value).casefold())) for value in (text, reference))
    return len(said & wanted) / max(1, len(said | wanted))
