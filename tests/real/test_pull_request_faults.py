"""A dataset pull request while everything goes wrong: every write of its story lost, refused or cut, every command killed."""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from commands import Ended
from disturbed import (
    JOURNAL,
    KINDS,
    Frozen,
    Heard,
    Killed,
    at_once,
    check_of,
    comments_of,
    freeze,
    here,
    impatient,
    kept,
    kill,
    ours,
    remote_of,
    steps,
    strike,
    thaw,
    writes,
)
from drawn_workspace import HARMFUL
from pull_stage import BOT, NEW, TOPIC, Stage, staged

from evalgate import settings
from evalgate.pull_request import check_run, comment
from evalgate.records.evidence import MANIFEST, object_place
from evalgate.review.signals import Signal
from evalgate.stages.controller import control
from evalgate.stages.handover import settle

RUN = 7
"""The workflow run that begins the work and does it."""
SCENES = ["opened", "status", "crossed", "taken", "stepped", "finished", "settled"]
"""The story, a command a scene."""
AFTER = [pytest.param(True, id="after"), pytest.param(False, id="before", marks=pytest.mark.full)]
"""A kill right after a write is what leaves most behind."""


AT_WORK = ["stepped", *(pytest.param(scene, marks=pytest.mark.full) for scene in ("taken", "finished"))]
"""Commands before which the work goes on."""


# --- what a story leaves behind ---


def state(stage: Stage) -> dict[str, Any]:
    """All that a story leaves behind, times apart; what the faults' own other writer put on a branch is not of it."""
    journal, evidence = kept(stage)
    return {
        "comments": comments_of(stage, stage.number),
        "checks": [check_of(one) for one in stage.repository.check_runs()],
        "journal": journal,
        "evidence": evidence,
        "runs": {run.id: (run.status, run.conclusion) for run in stage.repository.repo.runs.values()},
    }


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
    again: dict[str, dict[str, Any]]
    """What each command leaves behind when it is given twice: it says so of the work that is going on."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with pytest.MonkeyPatch.context() as patch:
        impatient(patch)
        with staged(tmp_path_factory.mktemp("story"), patch, Heard(patch)) as begun:
            story = Story(begun, {}, "", begun.folder, 0, {})
            for scene in SCENES:
                story = prepared(story, scene)
                stage = story.stage
                before = freeze(stage, scene)
                stage.server.log.clear()
                ended, outputs = play(stage, story, scene)
                assert ended.code == 0, ended.err
                story.told[scene] = Told(before, ended, outputs, state(stage), writes(stage))
                if scene == "crossed":
                    story = story._replace(work=json.loads(outputs["works"])[0]["work"])
                    after = freeze(stage, "after")
                    play(stage, story, scene)
                    story.again[scene] = state(stage)
                    story = story._replace(stage=thaw(story.stage, after))
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


@pytest.mark.parametrize("kind", ["each in turn", *(pytest.param(kind, marks=pytest.mark.full) for kind in KINDS)])
@pytest.mark.parametrize("scene", SCENES)
def test_one_fault_on_any_write_changes_nothing_of_what_is_left_behind(story, at, scene, kind):
    turn = SCENES.index(scene)
    for place in range(len(story.told[scene].writes)):
        stage = at(scene)
        fault = kind if kind in KINDS else KINDS[(turn + 3 * place) % len(KINDS)]
        strike(stage, story.told[scene].writes, place, fault)
        ended, outputs = play(stage, story, scene)
        what = f"{fault} on {story.told[scene].writes[place]}"
        assert (ended.code, told_again(outputs)) == (0, told_again(story.told[scene].outputs)), f"{what}: {ended.err}"
        assert state(stage) == story.told[scene].state, what
        assert all(fault.times == 0 for fault in stage.server.faults), what


@pytest.mark.parametrize(
    "scene", ["finished", *(pytest.param(scene, marks=pytest.mark.full) for scene in SCENES if scene != "finished")]
)
def test_another_writer_on_the_evidence_branch_changes_nothing_of_what_is_left_behind(story, at, scene):
    moves = [
        place
        for place, (method, path) in enumerate(story.told[scene].writes)
        if (method, "/git/refs/" in path) == ("PATCH", True)
    ]
    for place in moves:
        stage = at(scene)
        strike(stage, story.told[scene].writes, place, "stale_head", times=3)
        ended, outputs = play(stage, story, scene)
        assert (ended.code, told_again(outputs)) == (0, told_again(story.told[scene].outputs)), ended.err
        assert state(stage) == story.told[scene].state


@pytest.mark.full
@pytest.mark.parametrize("kind", ["request_lost", "response_lost"])
@pytest.mark.parametrize("scene", SCENES)
def test_a_command_that_gave_up_is_run_again_and_leaves_the_same_behind(story, at, scene, kind):
    for place in range(len(story.told[scene].writes)):
        stage = at(scene)
        strike(stage, story.told[scene].writes, place, kind, times=100)
        ended, _ = play(stage, story, scene)
        what = f"{kind} on {story.told[scene].writes[place]}"
        assert ended.code in (0, 3), f"{what}: {ended.err}"
        assert ended.code == 0 or "run the job again" in ended.err, what
        stage.server.faults.clear()
        ended, outputs = play(stage, story, scene)
        assert (ended.code, told_again(outputs)) == (0, told_again(story.told[scene].outputs)), f"{what}: {ended.err}"
        assert state(stage) in both(story, scene), what


def both(story: Story, scene: str) -> list[dict[str, Any]]:
    """What a command leaves behind, and what it leaves when it is given twice."""
    return [story.told[scene].state, story.again.get(scene, story.told[scene].state)]


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize(
    "scene", [scene if scene == "crossed" else pytest.param(scene, marks=pytest.mark.full) for scene in SCENES]
)
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
        assert state(stage) in both(story, scene), what


# --- what follows a kill ---


def ended(stage: Stage, run: int, *, attempt: int = 1) -> None:
    """GitHub says that a workflow run has ended; with an attempt above 1, that it is at work once more."""
    found = stage.repository.repo.runs[run]
    found.attempt = attempt
    found.status, found.conclusion = ("in_progress", None) if attempt > 1 else ("completed", "failure")


def commanded(stage: Stage, words: str, *, run: int, login: str = "ben") -> list[dict[str, Any]]:
    """The work that a command in a comment begins."""
    comment = stage.repository.comment(stage.number, login, words)
    stage.repository.add_run(run, stage.head, event="issue_comment", status="in_progress", conclusion=None)
    done, outputs = signalled(stage, "issue_comment", comment, run=run)
    assert done.code == 0, done.err
    return json.loads(outputs["works"])  # type: ignore[no-any-return]


def looked_at(stage: Stage, *, run: int) -> list[dict[str, Any]]:
    """The work that any event hands over."""
    done, outputs = signalled(stage, "pull_request", stage.number, run=run)
    assert done.code == 0, done.err
    return json.loads(outputs["works"])  # type: ignore[no-any-return]


def waits(stage: Stage) -> tuple[str, str, str | None]:
    """What comment and check run say first, and the check run's conclusion."""
    said = next(line for line in stage.comment.splitlines() if "**EvalGate:**" in line)
    return said.partition("**EvalGate:** ")[2], stage.check.title, stage.check.conclusion


@pytest.mark.full
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
def test_work_whose_controller_was_killed_begins_anew_once_its_run_has_ended(story, at, monkeypatch, after):
    for place in range(len(story.told["crossed"].writes)):
        stage = at("crossed")
        with monkeypatch.context() as patch:
            kill(patch, place, after=after)
            with pytest.raises(Killed):
                play(stage._replace(patch=patch), story, "crossed")
        begun = "started" in steps(stage)
        ended(stage, RUN)
        stage.repository.add_run(8, stage.head, status="in_progress", conclusion=None)
        handed = looked_at(stage, run=8)
        assert len(handed) == (0 if begun else 1)
        if begun:
            assert waits(stage)[2] == "action_required"
            assert "`/evalgate train`" in waits(stage)[0]
            assert len(commanded(stage, "/evalgate train", run=9)) == 1
        assert looked_at(stage, run=10) == [], "it is at work"
        assert steps(stage).count("started") == 1 + begun


@pytest.mark.full
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("scene", ["taken", "stepped", "finished"])
def test_work_whose_runner_was_killed_is_settled_and_is_never_at_work_for_ever(story, at, monkeypatch, scene, after):
    known = story.told[scene].writes
    places = range(len(known)) if after else (0, len(known) - 1)
    for place in places:
        stage = at(scene)
        with monkeypatch.context() as patch:
            kill(patch, place, after=after)
            with pytest.raises(Killed):
                play(stage._replace(patch=patch), story, scene)
        was_finished = "finished" in steps(stage)
        ended, _ = stage.give("pr", "settle", "--pull", stage.number, "--work", story.work, "--job-result", "failure", run=RUN)
        if was_finished:
            assert ended.code == 0, ended.err
            assert state(stage) == story.told["settled"].state
            continue
        assert ended.code == 3, ended.err
        assert steps(stage)[-1] == "failed"
        assert waits(stage)[2] == "action_required"
        assert "`/evalgate train` by somebody with write access" in waits(stage)[0]
        assert len(commanded(stage, "/evalgate train", run=9)) == 1


@pytest.mark.parametrize("scene", AT_WORK)
def test_a_run_that_is_gone_without_settling_is_seen_to_be_gone(at, scene):
    stage = at(scene)
    assert commanded(stage, "/evalgate train", run=8) == [], "it is at work"
    ended(stage, RUN)
    assert len(commanded(stage, "/evalgate train", run=9)) == 1


# --- two at once ---


def handed(results: list[Any]) -> list[str]:
    return [one.work for ends in results for one in ends if one.work is not None]


def controller(stage: Stage, run: int, signal: Signal | None = None) -> Any:
    if run not in stage.repository.repo.runs:
        stage.repository.add_run(run, stage.head, event="workflow_run", status="in_progress", conclusion=None)
    remote, told = remote_of(stage, f"{run}.1"), signal or Signal("pull", pull=stage.number)
    return lambda: control(remote, told, here())


@pytest.mark.parametrize("number", [0, *(pytest.param(number, marks=pytest.mark.full) for number in range(1, 20))])
def test_of_three_controllers_on_one_event_one_begins_the_work_and_one_comment_tells_of_it(story, at, number):
    stage = at("crossed")
    results = at_once(*(controller(stage, run) for run in (21, 22, 23)))
    assert handed(results) == [story.work]
    assert steps(stage).count("started") == 1
    assert len(ours(stage)) == 1
    assert stage.check.conclusion is None


@pytest.mark.parametrize("scene", ["opened", "crossed"])
@pytest.mark.parametrize(("where", "name"), [(comment, "_ours"), (check_run, "_newest")], ids=["comment", "check run"])
def test_two_controllers_that_both_look_before_either_writes_leave_one_comment_and_the_shown_check_run_is_true(
    story, at, monkeypatch, where, name, scene
):
    stage, barrier, real = at(scene), threading.Barrier(2), getattr(where, name)
    begun = threading.local()

    def looked(*given: Any) -> Any:
        found = real(*given)
        if not hasattr(begun, "here"):
            begun.here = True
            barrier.wait(timeout=10)
        return found

    monkeypatch.setattr(where, name, looked)
    at_once(*(controller(stage, run) for run in (21, 22)))
    assert (len(ours(stage)), steps(stage)) == (1, [line["step"] for line in story.told[scene].state["journal"]["pulls/1.jsonl"]])
    told = story.told[scene].state["checks"][-1]
    shown = check_of(stage.check)  # two were made: nobody can take one back, and GitHub shows the later one
    assert {**shown, "title": "", "summary": ""} == {**told, "title": "", "summary": ""}


@pytest.mark.parametrize("number", [0, *(pytest.param(number, marks=pytest.mark.full) for number in range(1, 20))])
def test_train_twice_in_a_second_trains_once(story, at, number):
    stage = at("taken")
    stage.give("pr", "settle", "--pull", stage.number, "--work", story.work, "--job-result", "skipped", run=RUN)
    comments = [stage.repository.comment(stage.number, "ben", "/evalgate train") for _ in range(2)]
    said = [Signal("comment", pull=stage.number, comment=comment) for comment in comments]
    results = at_once(controller(stage, 21, said[0]), controller(stage, 22, said[1]), controller(stage, 23))
    assert handed(results) == [story.work]
    assert steps(stage).count("started") == 2, "the first one and this one"
    assert [stage.repository.reactions(comment) for comment in comments] == [[(BOT, "+1")]] * 2


PRICED = {"price_per_million_tokens": 1000.0, "approve_above": 0.1}


def test_a_cost_approved_while_the_controller_looks_begins_the_work_once(tmp_path, monkeypatch, capsys):
    with staged(tmp_path, monkeypatch, capsys, budget=PRICED) as stage:
        stage.approve("ben", "cat")
        assert stage.control() == []
        comment = stage.repository.comment(stage.number, "ben", f"/evalgate approve-cost {stage.head[:12]}")
        said = Signal("comment", pull=stage.number, comment=comment)
        results = at_once(controller(stage, 21), controller(stage, 22, said), controller(stage, 23))
        assert len(handed(results)) == 1
        assert [step for step in steps(stage) if step != "head"] == ["command", "cost_approved", "started"]
        looked_at(stage, run=21)  # one that looked before the approval may have written after it
        assert len(ours(stage)) == 1
        assert stage.check.conclusion is None


def test_two_pull_requests_of_one_feature_write_their_steps_at_the_same_time(story, at):
    stage = at("taken")
    rows = stage.repository.file(TOPIC, NEW)
    stage.repository.commit("other", {"datasets/f/ft-v1.2.0.jsonl": rows}, base="main")
    other = stage.repository.open_pull("other", author="ann")
    for login in ("ben", "cat"):
        stage.repository.review(other, login)
    (begun,) = controller(stage, 31, Signal("pull", pull=other))()
    first, second = remote_of(stage, f"{RUN}.1"), remote_of(stage, "31.1")
    at_once(
        lambda: settle(first, stage.number, story.work, "cancelled", here()),
        lambda: settle(second, other, begun.work, "failure", here()),
    )
    lines = [json.loads(line) for line in stage.repository.file(JOURNAL, "features/f.jsonl").splitlines()]
    expected = [(number, step) for number in (stage.number, other) for step in ("failed", "started")]
    assert sorted((line["pull"], line["step"]) for line in lines) == expected
    assert (steps(stage)[-1], steps(stage, other)[-1]) == ("failed", "failed")


# --- a journal that somebody changed by hand ---


def edited(stage: Stage, change: Any, path: str = "pulls/1.jsonl") -> None:
    content = stage.repository.file(JOURNAL, path)
    stage.repository.commit(JOURNAL, {path: change(content)}, "by hand", author="mallory")


def place_of(stage: Stage, name: str) -> str:
    """Where a file of the evidence lies that the last end in the journal names."""
    lines = stage.repository.file(JOURNAL, f"pulls/{stage.number}.jsonl").splitlines()
    digest = next(found for line in reversed(lines) if (found := json.loads(line).get("evidence")))
    manifest = json.loads(stage.repository.file(JOURNAL, object_place(MANIFEST, digest)))
    return object_place(name, manifest["files"][name])


def replaced(old: str, new: str, count: int = -1) -> Any:
    def change(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), count)

    return change


def without(step: str) -> Any:
    return lambda content: b"".join(line for line in content.splitlines(keepends=True) if f'"step":"{step}"'.encode() not in line)


def settled(stage: Stage, story: Story) -> Ended:
    return play(stage, story, "settled")[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda content: content[:-30], r"evalgate-evidence:pulls/1.jsonl:\d+: .*take that back"),
        (lambda content: content + b"{}\n", r"evalgate-evidence:pulls/1.jsonl:\d+: .*take that back"),
        (replaced('"verdict":"pass"', '"verdict":"passed"'), r"evalgate-evidence:pulls/1.jsonl:\d+: .*take that back"),
    ],
    ids=["half a line", "no step", "no verdict"],
)
def test_a_journal_that_holds_what_is_no_step_stops_everything_and_names_the_line(story, at, change, expected):
    stage = at("settled")
    edited(stage, change)
    for scene in ("settled", "finished"):
        assert play(stage, story, scene)[0].code == 3
    assert stage.control() == []
    assert re.search(expected, stage.comment, re.DOTALL), stage.comment
    assert stage.check.conclusion == "action_required"


def test_a_run_of_no_name_is_never_asked_for_and_stops_the_work(story, at):
    stage = at("stepped")
    edited(stage, replaced('"run":"7.1"', '"run":"1;rm"'))
    before = len(stage.server.log)
    ended, _ = play(stage, story, "stepped")
    assert ended.code == 3
    assert "'1;rm' does not name a workflow run and its attempt: somebody changed the journal by hand" in ended.err
    assert not [one.path for one in stage.server.log[before:] if ";" in one.path or "%3B" in one.path]


BY_HAND = "the verdict's evidence is not what the journal says"


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("pulls/1.jsonl", without("started")),
        ("pulls/1.jsonl", replaced('"dataset":"datasets/f/ft-v1.1.0.jsonl"', '"dataset":"datasets/f/ft-v1.0.0.jsonl"', 1)),
        ("verdict.json", replaced('"pass"', '"fail"', 1)),
        ("compare.json", lambda content: content + b"\n"),
        ("report.md", lambda _content: None),
    ],
    ids=["nothing was begun", "begun on other data", "another verdict", "another comparison", "no report"],
)
def test_a_pass_whose_ground_was_changed_by_hand_is_no_pass_and_says_who_must_do_what(story, at, path, change):
    stage = at("settled")
    edited(stage, change, path if path.startswith("pulls/") else place_of(stage, path))
    ended = settled(stage, story)
    assert ended.code == 3, ended.err
    headline, _, conclusion = waits(stage)
    assert conclusion == "action_required"
    assert headline.startswith(BY_HAND)
    assert "look at who changed `branch:evalgate-evidence`, and take that back" in headline
    stage.repository.force_push(JOURNAL, stage.repository.commits(JOURNAL)[0].parents[0])
    assert settled(stage, story).code == 0, "it was taken back"
    assert stage.check.conclusion == "success"


def test_a_fail_that_is_written_over_with_a_pass_is_no_pass(tmp_path, monkeypatch, capsys):
    with staged(tmp_path, monkeypatch, capsys, drawing=HARMFUL) as stage:
        stage.approve("ben", "cat")
        ((work),) = stage.control(run=RUN)
        ended, _ = stage.train(work["work"], run=RUN)
        assert ended.code == 1, ended.err
        assert stage.check.conclusion == "failure"
        edited(stage, replaced('"verdict":"fail"', '"verdict":"pass"'))
        assert stage.control() == []
        assert waits(stage)[0].startswith(BY_HAND)
        assert stage.check.conclusion == "action_required"


def test_finishing_again_with_another_result_decides_nothing(story, at):
    stage = at("settled")
    edited(stage, replaced('"verdict":"pass"', '"verdict":"fail"'))
    ended, outputs = play(stage, story, "finished")
    assert (ended.code, outputs) == (3, {})
    assert "the work on #1 has ended with another result: nothing is decided twice" in ended.err


@pytest.mark.parametrize("name", ["dataset_sha256", "golden_sha256", "policy_sha256"])
def test_work_that_is_bound_to_something_else_by_hand_is_not_done(story, at, name):
    stage = at("taken")
    found = re.search(f'"{name}":"[0-9a-f]{{64}}"'.encode(), stage.repository.file(JOURNAL, "pulls/1.jsonl"))
    edited(stage, replaced(found[0].decode(), f'"{name}":"{"0" * 64}"'))
    ended, _ = play(stage, story, "taken")
    assert ended.code == 3
    assert f"what was approved is not what is here: {name} differ; nothing is trained" in ended.err


# --- taken up again, and overtaken ---


def given_as(patch: pytest.MonkeyPatch, attempt: int) -> None:
    """Commands are given by a later attempt of their workflow run."""
    real = settings.github
    patch.setattr(settings, "github", lambda name: (known := real(name))._replace(run=f"{known.run.partition('.')[0]}.{attempt}"))


def test_every_command_given_twice_leaves_what_it_left_once(story, at):
    for scene in SCENES:
        stage = at(scene)
        first, outputs = play(stage, story, scene)
        second, again = play(stage, story, scene)
        assert (first.code, second.code, told_again(again)) == (0, 0, told_again(outputs)), f"{scene}: {second.err}"
        assert state(stage) in both(story, scene), scene


def test_a_job_that_is_run_again_goes_on_with_its_work_and_nobody_else_begins_it_meanwhile(story, at, monkeypatch):
    stage = at("stepped")
    ended(stage, RUN, attempt=2)
    given_as(monkeypatch, 2)
    for scene in ("taken", "stepped"):
        done, _ = play(stage, story, scene)
        assert done.code == 0, done.err
        with monkeypatch.context() as patch:
            given_as(patch, 1)
            assert commanded(stage, "/evalgate train", run=40 + len(scene)) == [], f"{scene}: it is at work"
    done, _ = play(stage, story, "finished")
    assert done.code == 0, done.err
    done, _ = play(stage, story, "settled")
    assert done.code == 0, done.err
    assert (steps(stage).count("finished"), stage.check.conclusion) == (1, "success")


@pytest.mark.parametrize(
    ("scene", "result", "expected"),
    [
        ("taken", "cancelled", "it never began: the environment refused it or nobody approved in time, or no runner took it"),
        ("taken", "skipped", "it never began"),
        ("stepped", "failure", "the job ended as failure; the log says more"),
        ("finished", "cancelled", "the job ended as cancelled; the log says more"),
    ],
)
def test_a_job_that_ended_without_a_word_is_settled_as_failed_once(story, at, scene, result, expected):
    stage = at(scene)
    for _ in range(2):
        ended, _ = stage.give("pr", "settle", "--pull", stage.number, "--work", story.work, "--job-result", result, run=RUN)
        assert ended.code == 3
    assert steps(stage)[-1:] == ["failed"]
    assert steps(stage).count("failed") == 1
    assert expected in stage.comment
    ended, _ = play(stage, story, scene)
    assert ended.code == 3
    assert f"the work on #1 is failed: the job ended as {result}" in ended.err


@pytest.mark.parametrize("result", ["failure", *(pytest.param(one, marks=pytest.mark.full) for one in ("cancelled", "skipped"))])
def test_settling_after_a_verdict_changes_nothing(story, at, result):
    stage = at("settled")
    ended, _ = stage.give("pr", "settle", "--pull", stage.number, "--work", story.work, "--job-result", result, run=RUN)
    assert ended.code == 0
    assert state(stage) == story.told["settled"].state


@pytest.mark.parametrize("seen", [False, True], ids=["by the work", "by the controller"])
@pytest.mark.parametrize("scene", AT_WORK)
def test_a_push_in_the_middle_ends_the_work_whoever_sees_it_first(story, at, scene, seen):
    stage = at(scene)
    old = stage.head
    stage.repository.commit(TOPIC, {NEW: stage.repository.file(TOPIC, NEW) + b'{"messages": []}\n'})
    assert stage.head != old
    if seen:
        looked_at(stage, run=8)
        assert stage.repository.repo.runs[RUN].conclusion == "cancelled"
    ended, outputs = play(stage, story, scene)
    assert ended.code == 3
    assert "superseded" in ended.err
    assert outputs == {}
    ended, _ = stage.give("pr", "settle", "--pull", stage.number, "--work", story.work, "--job-result", "failure", run=RUN)
    assert ended.code in (1, 3)
    told = steps(stage)
    assert ("finished" not in told, told.count("superseded" if seen else "failed")) == (True, 1)
    entries = [json.loads(line) for line in stage.repository.file(JOURNAL, "pulls/1.jsonl").splitlines()]
    assert {entry["head"] for entry in entries if entry.get("work")} == {old}, "all of the work is of its own commit"
    assert {one.conclusion for one in stage.repository.check_runs(stage.head)} <= {"failure", "action_required"}
    assert looked_at(stage, run=9) == [], "the new commit is approved by nobody"


def test_a_head_that_comes_back_says_how_to_go_on(story, at):
    stage = at("stepped")
    old = stage.head
    stage.repository.commit(TOPIC, {NEW: stage.repository.file(TOPIC, NEW) + b"\n"})
    looked_at(stage, run=8)
    stage.repository.force_push(TOPIC, old)
    assert looked_at(stage, run=9) == []
    assert "`/evalgate train`" in waits(stage)[0]
    assert len(commanded(stage, "/evalgate train", run=10)) == 1


def test_an_approval_that_is_taken_back_before_the_work_is_taken_trains_nothing(story, at):
    stage = at("taken")
    stage.repository.dismiss(stage.repository.repo.reviews[-1].id)
    before = len(list(stage.folder.glob("taken/*")))
    ended, outputs = play(stage, story, "taken")
    assert (ended.code, outputs, len(list(stage.folder.glob("taken/*")))) == (3, {}, before), "not even a workspace was made"
    assert "nothing is trained" in ended.err
    assert "waits for 1 approval of" in ended.err


@pytest.mark.parametrize("scene", AT_WORK)
def test_cancel_ends_the_work_and_its_run_and_nothing_more_is_written(story, at, scene):
    stage = at(scene)
    assert commanded(stage, "/evalgate cancel", run=8) == []
    assert stage.repository.repo.runs[RUN].conclusion == "cancelled"
    ended, _ = play(stage, story, scene)
    assert ended.code == 3
    assert "the work on #1 is cancelled: cancelled by ben" in ended.err
    ended = settled(stage, story)
    assert ended.code == 3
    assert steps(stage)[-2:] == ["command", "cancelled"]
    assert "cancelled by ben" in stage.comment
    assert len(commanded(stage, "/evalgate train", run=9)) == 1


@pytest.mark.full
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
def test_cancel_that_is_killed_anywhere_is_given_again_and_ends_the_same(story, at, monkeypatch, after):
    def cancelled(stage: Stage, comment: int) -> Ended:
        return signalled(stage, "issue_comment", comment, run=8)[0]

    def begun() -> tuple[Stage, int]:
        stage = at("stepped")
        comment = stage.repository.comment(stage.number, "ben", "/evalgate cancel")
        stage.server.log.clear()
        return stage, comment

    stage, comment = begun()
    assert cancelled(stage, comment).code == 0
    whole, known = state(stage), writes(stage)
    for place in range(len(known)):
        stage, comment = begun()
        with monkeypatch.context() as patch:
            kill(patch, place, after=after)
            with pytest.raises(Killed):
                cancelled(stage._replace(patch=patch), comment)
        assert cancelled(stage, comment).code == 0
        assert state(stage) == whole, known[place]


def test_a_command_that_is_run_again_later_does_not_touch_what_was_begun_since(story, at):
    stage = at("stepped")
    comment = stage.repository.comment(stage.number, "ben", "/evalgate cancel")
    signalled(stage, "issue_comment", comment, run=8)
    assert len(commanded(stage, "/evalgate train", run=9)) == 1
    before = steps(stage)
    done, _ = signalled(stage, "issue_comment", comment, run=8)
    assert (done.code, steps(stage)) == (0, before)
    assert stage.repository.repo.runs[9].status == "in_progress"


@pytest.mark.parametrize("scene", AT_WORK)
def test_a_pull_request_that_is_closed_ends_the_work(story, at, scene):
    stage = at(scene)
    stage.repository.close(stage.number)
    assert looked_at(stage, run=8) == []
    assert stage.repository.repo.runs[RUN].conclusion == "cancelled"
    ended, _ = play(stage, story, scene)
    assert ended.code == 3
    assert "cancelled: the pull request was closed" in ended.err
    stage.repository.reopen(stage.number)
    assert looked_at(stage, run=9) == []
    assert len(commanded(stage, "/evalgate train", run=10)) == 1


MOVED = {
    "golden": ("golden/f/cases.jsonl", lambda content: b"".join(content.splitlines(keepends=True)[:-1])),
    "policy": ("evalgate.yaml", lambda content: content.replace(b'"max_bucket_drop": 0.1', b'"max_bucket_drop": 0.2')),
    "base": ("base.json", lambda content: content.replace(b"help", b"aid")),
}
"""Of what the target branch holds, and what a verdict is then no longer of."""


@pytest.mark.parametrize("named", MOVED)
@pytest.mark.parametrize("scene", AT_WORK)
def test_a_target_branch_that_moves_in_the_middle_changes_no_work_and_makes_its_verdict_stale(story, at, scene, named):
    stage, (path, change) = at(scene), MOVED[named]
    content = stage.repository.file("main", path)
    assert change(content) != content
    stage.repository.commit("main", {path: change(content)})
    for one in SCENES[SCENES.index(scene) :]:
        done, _ = play(stage, story, one)
        expected = 0 if one != "settled" else 3
        assert done.code == expected, f"{one}: {done.err}"
    entry = json.loads(stage.repository.file(JOURNAL, "pulls/1.jsonl").splitlines()[-1])
    assert (entry["step"], entry["verdict"], entry["work"]) == ("finished", "pass", story.work)
    assert stage.check.conclusion == "action_required"
    assert f"the verdict pass on this commit is stale: `{named}` changed since" in stage.comment
    assert len(commanded(stage, "/evalgate evaluate", run=9)) == 1
