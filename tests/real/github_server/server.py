"""The server: GitHub's state behind HTTP, with a log of what was asked and faults on command."""

import json
import re
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from . import faults
from .answers import Answer
from .drawing import DrawnRepository
from .drawing_git import new_repository
from .faults import Fault
from .routing import answer
from .serving import Exchange, Serving
from .world import Token, World, counting_clock

LIMITS = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4999", "x-ratelimit-reset": "1900000000"}


class Logged(NamedTuple):
    """A request and what its client saw: no status where the connection was lost. `acted`: something was changed."""

    method: str
    path: str
    status: int | None
    acted: bool
    query: str
    body: Any


class GithubServer:
    """`public_url` is the root of every url in the answers: set it to a proxy's when one stands before the server."""

    def __init__(self, folder: Path, public_url: str | None = None, clock: Callable[[], datetime] | None = None) -> None:
        self.world = World(folder, clock=clock or counting_clock())
        self.log: list[Logged] = []
        self.faults: list[Fault] = []
        self.failures: list[str] = []
        self._http = Serving(("127.0.0.1", 0), self._exchange)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.world.own_url, self.world.public_url = self.url, public_url or self.url

    @property
    def public_url(self) -> str:
        return self.world.public_url

    @public_url.setter
    def public_url(self, url: str) -> None:
        self.world.public_url = url.rstrip("/")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.stop()
        self._thread.join()
        if self.failures and kind is None:
            raise AssertionError("the test server failed:\n" + "\n".join(self.failures))

    def repository(self, full_name: str, private: bool = False) -> DrawnRepository:
        """The repository to draw on, made when there is none of this name."""
        with self.world.lock:
            if full_name not in self.world.repositories:
                new_repository(self.world, full_name, private)
            return DrawnRepository(self.world, self.world.repositories[full_name])

    def remove(self, full_name: str) -> None:
        """Takes the repository away, as the owner of a fork may: pull requests out of it show no head repository."""
        with self.world.lock:
            del self.world.repositories[full_name]

    def token(self, secret: str, login: str, permissions: Mapping[str, str] | None = None, app: str | None = None) -> str:
        """The secret, from now on that of this login: with an app its installation's, without permissions all-powerful."""
        with self.world.lock:
            self.world.person(login)
            self.world.tokens[secret] = Token(login, None if permissions is None else dict(permissions), app)
        return secret

    def team(self, org: str, slug: str, members: Mapping[str, str]) -> None:
        """Members by login with their state, `active` or `pending`."""
        with self.world.lock:
            self.world.person(org, "Organization")
            for login in members:
                self.world.person(login)
            self.world.teams[org, slug] = dict(members)

    def fault(self, method: str, path: str, kind: str, times: int = 1, skip: int = 0, retry_after: int = 0) -> Fault:
        """The fault, set: it strikes requests of the method (`*`: any) whose path the expression is found in."""
        if kind not in faults.KINDS:
            raise ValueError(f"{kind} is none of {sorted(faults.KINDS)}")
        fault = Fault(method, path, kind, times, skip, retry_after)
        with self.world.lock:
            self.faults.append(fault)
        return fault

    def effects(self, method: str = "*", path: str = "") -> int:
        """How many calls, that match, changed something, whatever their clients saw of it."""
        return sum(one.acted and method in {"*", one.method} and bool(re.search(path, one.path)) for one in [*self.log])

    def _exchange(self, method: str, target: str, headers: Mapping[str, str], sent: bytes) -> Exchange:
        """What goes over the wire; the whole of it under one lock, so that requests act one after another."""
        path, _, query = target.partition("?")
        path = path.removeprefix("/api/v3")
        with self.world.lock:
            fault = next((one for one in self.faults if one.strikes(method, path)), None)
            found, exchange = self._struck(fault, method, target, headers, sent)
            acted = found is not None and (method != "GET" and found.status < 400 if found.acted is None else found.acted)
            self.log.append(Logged(method, path, exchange.status, acted, query, _read(sent)))
        return exchange

    def _struck(
        self, fault: Fault | None, method: str, target: str, headers: Mapping[str, str], sent: bytes
    ) -> tuple[Answer | None, Exchange]:
        """(what GitHub answered: None where it was not asked, what the client gets)."""
        kind = fault.kind if fault else ""
        refused = faults.refusal(fault) if fault else None
        if refused is not None or kind == faults.LOST_BEFORE:
            return None, _wire(refused)
        if kind == faults.STALE:
            given = _read(sent) or {}
            faults.another_writer(self.world, target.partition("?")[0], given.get("ref") or given.get("branch"))
        found = self._answer(method, target, headers, sent)
        if kind == faults.LOST_AFTER:
            return found, _wire(None)
        if kind == "500_after":
            return found, _wire(Answer(500, {"message": "Server Error"}))
        wire = _wire(found)
        if kind == faults.BROKEN:
            return found, wire._replace(status=200, body=b'{"id": 1, "message": "cut sho')
        return found, wire._replace(cut=kind == faults.CUT)

    def _answer(self, method: str, target: str, headers: Mapping[str, str], sent: bytes) -> Answer:
        """GitHub's answer. A failure of the test server itself is kept, for the end of the test to raise it."""
        try:
            return answer(self.world, method, target, headers, sent)
        except Exception:
            self.failures.append(f"{method} {target}\n{traceback.format_exc()}")
            return Answer(500, {"message": "the test server failed", "status": "500"})


def _read(sent: bytes) -> Any:
    try:
        return json.loads(sent) if sent else None
    except ValueError:
        return None


def _wire(found: Answer | None) -> Exchange:
    if found is None:
        return Exchange(None, {}, b"")
    content = {"Content-Type": "application/json; charset=utf-8"}
    body = found.body if isinstance(found.body, bytes) else b"" if found.body is None else json.dumps(found.body).encode()
    return Exchange(found.status, {**content, **LIMITS, **found.headers}, body)
