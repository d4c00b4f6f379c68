"""A dataset pull request while everything goes wrong: every write of its story lost, refused or cut, every command killed."""

import copy
import io
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from commands import Ended
from pull_stage import Stage, staged

from evalgate.pull_request import client

KINDS = ["request_lost", "response_lost", "429", "403_secondary", "500", "500_after", "malformed", "disconnect"]
JOURNAL = "evalgate-evidence"
TIME = re.compile(r"2026-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
RUN = 7
"""The workflow run that begins the work and does it."""
SCENES = ["opened", "status", "crossed", "taken", "stepped", "finished", "settled"]
"""The story, a command a scene."""


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


def state(stage: Stage) -> dict[str, Any]:
    """All that a story leaves behind, times apart; what the faults' own other writer put on a branch is not of it."""
    repository = stage.repository
    paths = (
        [path for path in repository.files(JOURNAL) if not path.startswith("another-writer")] if repository.head(JOURNAL) else []
    )
    content = {path: (repository.file(JOURNAL, path) or b"").decode() for path in paths}
    return {
        "comments": [
            (one.login, TIME.sub("T", one.body), repository.reactions(one.id)) for one in repository.comments(stage.number)
        ],
        "checks": [check_of(one) for one in repository.check_runs()],
        "journal": {
            path: [timeless(line) for line in text.splitlines()] for path, text in content.items() if path.endswith(".jsonl")
        },
        "evidence": {path: TIME.sub("T", text) for path, text in content.items() if not path.endswith(".jsonl")},
        "runs": {run.id: (run.status, run.conclusion) for run in repository.repo.runs.values()},
    }


def check_of(run: Any) -> dict[str, Any]:
    names = ("name", "head_sha", "external_id", "status", "conclusion", "title", "summary", "text", "annotations", "details_url")
    return {name: TIME.sub("T", value) if isinstance(value := getattr(run, name), str) else value for name in names}


def timeless(line: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(line).items() if name not in ("at", "seconds")}


def steps(stage: Stage, number: int | None = None) -> list[str]:
    """What the journal says happened on a pull request, in order."""
    content = stage.repository.file(JOURNAL, f"pulls/{number or stage.number}.jsonl") or b""
    return [json.loads(line)["step"] for line in content.splitlines()]


def writes(stage: Stage) -> list[tuple[str, str]]:
    """(method, path) of every request that was to change something."""
    return [(one.method, one.path) for one in stage.server.log if one.method != "GET"]


# --- the story, undisturbed, once ---


class Told(NamedTuple):
    """A command of the undisturbed story: the repository before it, what it answered, what it left behind."""

    before: Frozen
    ended: Ended
    outputs: dict[str, str]
    state: dict[str, Any]
    writes: list[tuple[str, str]]


class Story(NamedTuple):
    stage: Stage
    told: dict[str, Told]
    work: str
    training: Path
    status: int
    """The comment that asks for the status."""


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


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with pytest.MonkeyPatch.context() as patch:
        impatient(patch)
        with staged(tmp_path_factory.mktemp("story"), patch, Heard(patch)) as stage:
            story = Story(stage, {}, "", stage.folder, 0)
            for scene in SCENES:
                story = prepared(story, scene)
                before = freeze(stage, scene)
                stage.server.log.clear()
                ended, outputs = play(stage, story, scene)
                assert ended.code == 0, ended.err
                story.told[scene] = Told(before, ended, outputs, state(stage), writes(stage))
                if scene == "crossed":
                    story = story._replace(work=json.loads(outputs["works"])[0]["work"])
            patch.undo()
            yield story


def prepared(story: Story, scene: str) -> Story:
    """What people and runners do before a command."""
    stage = story.stage
    if scene == "status":
        return story._replace(status=stage.repository.comment(stage.number, "ben", "/evalgate status"))
    if scene == "crossed":
        stage.approve("ben", "cat")
        stage.repository.add_run(RUN, stage.head, event="workflow_run", status="in_progress", conclusion=None)
    if scene == "stepped":
        ended, _ = stage.give("train", *given(story), "--format", "json")
        assert ended.code == 0, ended.err
        (training,) = (stage.folder / "taken").glob("*/runs/*/training.json")
        return story._replace(training=training)
    if scene == "finished":
        ended, _ = stage.give("run", *given(story), "--attempt", "1", "--format", "json")
        assert ended.code == 0, ended.err
        (stage.folder / "result.json").write_text(ended.out)
    return story


def given(story: Story) -> tuple[object, ...]:
    told = story.told["taken"].outputs
    return ("--policy", told["policy"], "--feature", told["feature"], "--dataset", told["dataset"])


def play(stage: Stage, story: Story, scene: str, *, run: int | None = None) -> tuple[Ended, dict[str, str]]:
    """The command of a scene."""
    pull = ("--pull", stage.number, "--work", story.work)
    if scene in ("opened", "crossed"):
        return signalled(stage, "pull_request", stage.number, run=run or (RUN if scene == "crossed" else 1))
    if scene == "status":
        return signalled(stage, "issue_comment", story.status, run=run or 2)
    if scene == "taken":
        into = stage.folder / "taken" / str(len(list(stage.folder.glob("taken/*"))))
        return stage.give("pr", "take", *pull, "--into", into, run=run or RUN)
    if scene == "stepped":
        return stage.give("pr", "step", *pull, "--step", "evaluating", "--training", story.training, run=run or RUN)
    if scene == "finished":
        return stage.give("pr", "finish", *pull, "--result", stage.folder / "result.json", run=run or RUN)
    return stage.give("pr", "settle", *pull, "--job-result", "success", run=run or RUN)


def signalled(stage: Stage, name: str, target: int, *, run: int) -> tuple[Ended, dict[str, str]]:
    file = stage.folder / "event.json"
    file.write_text(json.dumps(stage.event(name, target)))
    return stage.give("pr", "control", "--event", file, "--event-name", name, run=run)


@pytest.fixture
def at(story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`at(scene)`: the stage as it was before that command."""
    impatient(monkeypatch)
    return lambda scene: thaw(story.stage, story.told[scene].before)._replace(patch=monkeypatch, capture=capsys)


def told_again(outputs: dict[str, str]) -> dict[str, str]:
    """A command's outputs, folders of this machine apart."""
    return {name: re.sub(r"/taken/\d+", "/taken/N", value) for name, value in outputs.items()}


# --- every write under every fault ---


def strike(stage: Stage, story: Story, scene: str, place: int, kind: str, times: int = 1) -> None:
    """The fault, on the write of this number in the scene."""
    known = story.told[scene].writes
    method, path = known[place]
    stage.server.fault(method, re.escape(path) + "$", kind, times=times, skip=known[:place].count((method, path)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scene", SCENES)
def test_one_fault_on_any_write_changes_nothing_of_what_is_left_behind(story, at, scene, kind):
    for place in range(len(story.told[scene].writes)):
        stage = at(scene)
        strike(stage, story, scene, place, kind)
        ended, outputs = play(stage, story, scene)
        what = f"{kind} on {story.told[scene].writes[place]}"
        assert (ended.code, told_again(outputs)) == (0, told_again(story.told[scene].outputs)), f"{what}: {ended.err}"
        assert state(stage) == story.told[scene].state, what
        assert all(fault.times == 0 for fault in stage.server.faults), what


@pytest.mark.parametrize("scene", SCENES)
def test_another_writer_on_the_evidence_branch_changes_nothing_of_what_is_left_behind(story, at, scene):
    moves = [place for place, (method, path) in enumerate(story.told[scene].writes) if (method, "/git/refs/" in path) == ("PATCH", True)]
    for place in moves:
        stage = at(scene)
        strike(stage, story, scene, place, "stale_head", times=3)
        ended, outputs = play(stage, story, scene)
        assert (ended.code, told_again(outputs)) == (0, told_again(story.told[scene].outputs)), ended.err
        assert state(stage) == story.told[scene].state


@pytest.mark.parametrize("kind", ["request_lost", "response_lost"])
@pytest.mark.parametrize("scene", SCENES)
def test_a_command_that_gave_up_is_run_again_and_leaves_the_same_behind(story, at, scene, kind):
    for place in range(len(story.told[scene].writes)):
        stage = at(scene)
        strike(stage, story, scene, place, kind, times=100)
        ended, _ = play(stage, story, scene)
        what = f"{kind} on {story.told[scene].writes[place]}"
        assert ended.code in (0, 3), f"{what}: {ended.err}"
        assert ended.code == 0 or "run the job again" in ended.err, what
        stage.server.faults.clear()
        ended, outputs = play(stage, story, scene)
        assert (ended.code, told_again(outputs)) == (0, told_again(story.told[scene].outputs)), f"{what}: {ended.err}"
        assert state(stage) == story.told[scene].state, what


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


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("scene", SCENES)
def test_a_command_that_was_killed_at_any_write_is_run_again_and_leaves_the_same_behind(story, at, monkeypatch, scene, after):
    for place in range(len(story.told[scene].writes)):
        stage = at(scene)
        with monkeypatch.context() as patch:
            kill(patch, place, after=after)
            with pytest.raises(Killed):
                play(stage._replace(patch=patch), story, scene)
        ended, outputs = play(stage, story, scene)
        what = f"killed at {story.told[scene].writes[place]}"
        assert (ended.code, told_again(outputs)) == (0, told_again(story.told[scene].outputs)), f"{what}: {ended.err}"
        assert state(stage) == story.told[scene].state, what
