"""HTTP itself: one exchange after another over connections that are kept, closed to the last when the test ends."""

import contextlib
import http.server
import socket
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Exchange(NamedTuple):
    """What goes back; no status: nothing, the connection is closed. `cut`: half of the body, then it is closed."""

    status: int | None
    headers: dict[str, str]
    body: bytes
    cut: bool = False


Answering = Callable[[str, str, Mapping[str, str], bytes], Exchange]


class Serving(http.server.ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them, and no socket outlives its test

    def __init__(self, address: tuple[str, int], answering: Answering) -> None:
        super().__init__(address, Conversation)
        self.answering = answering
        self.open: set[socket.socket] = set()

    def stop(self) -> None:
        self.shutdown()
        for connection in [*self.open]:
            with contextlib.suppress(OSError):  # its client may be gone already
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        # noted before its thread begins: a connection that is not noted could not be closed by `stop`
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: a client that hangs up in the middle is what faults are about."""


class Conversation(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Serving

    def finish(self) -> None:
        with contextlib.suppress(OSError):  # what could not be written any more
            super().finish()

    def _exchange(self) -> None:
        sent = self._sent()
        headers = {name.lower(): value for name, value in self.headers.items()}
        exchange = self.server.answering(self.command, self.path, headers, sent)
        if exchange.status is None:
            self.close_connection = True
            return
        self.send_response(exchange.status)
        for name, value in exchange.headers.items():
            self.send_header(name, value)
        if exchange.status != 204:
            self.send_header("Content-Length", str(len(exchange.body)))
        self.end_headers()
        self.wfile.write(exchange.body[: len(exchange.body) // 2] if exchange.cut else exchange.body)
        self.wfile.flush()
        self.close_connection = self.close_connection or exchange.cut

    def _sent(self) -> bytes:
        """The body of the request; proxies send it in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            sent += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return sent

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _exchange  # noqa: N815  # http.server asks for these names

    def log_message(self, *_: Any) -> None:
        """Says nothing: the server keeps a log of its own."""
