"""A drawn repository that can be put back, and what can go wrong between a command and GitHub: faults, kills, company."""

import copy
import io
import json
import re
import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from pull_stage import BOT, TOKEN, Stage
from pydantic import SecretStr

from evalgate.pull_request import client
from evalgate.review.kinds import Places
from evalgate.stages.seen import Here

KINDS = ["request_lost", "response_lost", "429", "403_secondary", "500", "500_after", "malformed", "disconnect"]
JOURNAL = "evalgate-evidence"
TIME = re.compile(r"2026-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


# --- a repository that can be put back ---


class Frozen(NamedTuple):
    """A repository at one moment."""

    repositories: Any
    ids: Any
    git: Path


def freeze(stage: Stage, name: str) -> Frozen:
    world, kept = stage.server.world, stage.folder / "frozen" / name
    with world.lock:
        shutil.copytree(stage.repository.repo.folder, kept)
        return Frozen(copy.deepcopy(world.repositories), copy.copy(world.ids), kept)


def thaw(stage: Stage, frozen: Frozen) -> Stage:
    world = stage.server.world
    with world.lock:
        world.repositories, world.ids = copy.deepcopy(frozen.repositories), copy.copy(frozen.ids)
        shutil.rmtree(stage.repository.repo.folder)
        shutil.copytree(frozen.git, stage.repository.repo.folder)
        stage.server.log.clear()
        stage.server.faults.clear()
    return stage._replace(repository=stage.server.repository("octo/evalgate"))


# --- what it holds ---


def comments_of(stage: Stage, number: int) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Who said what on a pull request, times apart, and the reactions to it."""
    told = stage.repository.comments(number)
    return [(one.login, TIME.sub("T", one.body), stage.repository.reactions(one.id)) for one in told]


def kept(stage: Stage) -> tuple[dict[str, Any], dict[str, str]]:
    """The journal's steps and the evidence, times apart; what the faults' own other writer put beside them is not of it."""
    repository = stage.repository
    paths = repository.files(JOURNAL) if repository.head(JOURNAL) else {}
    content = {path: (repository.file(JOURNAL, path) or b"").decode() for path in paths if not path.startswith("another-writer")}
    steps = {path: [timeless(line) for line in text.splitlines()] for path, text in content.items() if path.endswith(".jsonl")}
    return steps, {path: TIME.sub("T", text) for path, text in content.items() if not path.endswith(".jsonl")}


def check_of(run: Any) -> dict[str, Any]:
    names = ("name", "head_sha", "external_id", "status", "conclusion", "title", "summary", "text", "annotations", "details_url")
    return {name: TIME.sub("T", value) if isinstance(value := getattr(run, name), str) else value for name in names}


def timeless(line: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(line).items() if name not in ("at", "seconds")}


def steps(stage: Stage, number: int | None = None) -> list[str]:
    """What the journal says happened on a pull request, in order."""
    content = stage.repository.file(JOURNAL, f"pulls/{number or stage.number}.jsonl") or b""
    return [json.loads(line)["step"] for line in content.splitlines()]


def ours(stage: Stage) -> list[str]:
    return [one.body for one in stage.repository.comments(stage.number) if one.login == BOT]


def writes(stage: Stage) -> list[tuple[str, str]]:
    """(method, path) of every request that was to change something."""
    return [(one.method, one.path) for one in stage.server.log if one.method != "GET"]


# --- a story that is told before any test begins ---


class Heard:
    """What a command prints, for a story that is told before any test begins."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.streams = {name: io.TextIOWrapper(io.BytesIO(), write_through=True) for name in ("stdout", "stderr")}
        for name, stream in self.streams.items():
            patch.setattr(sys, name, stream)

    def readouterr(self) -> list[str]:
        said = [stream.buffer.getvalue().decode() for stream in self.streams.values()]
        for stream in self.streams.values():
            stream.buffer.seek(0)
            stream.buffer.truncate()
        return said


def impatient(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(client.connect.__kwdefaults__, "pauses", (0.001, 0.001, 0.001))


# --- faults, kills, company ---


def strike(stage: Stage, known: Sequence[tuple[str, str]], place: int, kind: str, times: int = 1) -> None:
    """The fault, on the write of this number among the writes of a command."""
    method, path = known[place]
    stage.server.fault(method, re.escape(path) + "$", kind, times=times, skip=known[:place].count((method, path)))


class Killed(BaseException):
    """The runner is gone."""


def kill(patch: pytest.MonkeyPatch, place: int, *, after: bool) -> None:
    """The runner goes before, or right after, its write of this number reaches GitHub."""
    left, send = [place], requests.Session.send

    def sent(self: Any, request: Any, **more: Any) -> Any:
        if request.method == "GET":
            return send(self, request, **more)
        left[0] -= 1
        if left[0] == -1 and not after:
            raise Killed
        answer = send(self, request, **more)
        if left[0] == -1:
            raise Killed
        return answer

    patch.setattr(requests.Session, "send", sent)


def remote_of(stage: Stage, run: str) -> Any:
    return client.connect(
        token=SecretStr(TOKEN),
        repository="octo/evalgate",
        api_url=stage.server.public_url,
        author=BOT,
        run=run,
        pace=0,
        pauses=(0.001, 0.002, 0.004),
    )


def here() -> Here:
    return Here(Places("evalgate.yaml", "models.yaml"), lambda: datetime.now(UTC).isoformat(), "https://github.com/octo/evalgate")


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call brings, all let off at the same moment."""
    barrier = threading.Barrier(len(calls))

    def let_off(call: Callable[[], Any]) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [one.result() for one in [pool.submit(let_off, call) for call in calls]]
