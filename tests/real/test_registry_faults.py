"""The registry's road while everything goes wrong: every write lost, refused or cut, every command killed, two at once."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from disturbed import (
    JOURNAL,
    KINDS,
    Frozen,
    Heard,
    Killed,
    at_once,
    freeze,
    here,
    impatient,
    kill,
    ours,
    remote_of,
    steps,
    strike,
    thaw,
    writes,
)
from pull_stage import Stage, staged
from registry_stage import (
    OTHER_NEW,
    OTHER_TOPIC,
    REGISTRY,
    ROAD,
    Road,
    by_tree,
    head_of,
    left,
    looked,
    lost,
    play,
    prepared,
    shown,
    two_passes,
)

from evalgate import registry
from evalgate.errors import NotMeasured
from evalgate.pull_request import branch, proposal, review_requests
from evalgate.stages import merging as merge_stage
from evalgate.stages.merging import merge
from evalgate.stages.registering import register

UPLOAD = re.compile(r"/git/(trees|commits)$")
"""Writes that nobody sees before another one names what they brought."""
LASTS = re.compile(r"/(pulls|pulls/\d+/merge|git/refs.*)$")
"""Writes after which something is there for good."""


WHEN = ["after what lasts", *(pytest.param(when, marks=pytest.mark.full) for when in ("after", "before"))]


class Told(NamedTuple):
    """A command of the undisturbed road: what was before it, what it answered, what it left behind."""

    before: Frozen
    road: Road
    outputs: dict[str, str]
    left: dict[str, Any]
    writes: list[tuple[str, str]]


class Story(NamedTuple):
    stage: Stage
    told: dict[str, Told]


At = Callable[[str], tuple[Stage, Road]]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with pytest.MonkeyPatch.context() as patch:
        impatient(patch)
        with staged(tmp_path_factory.mktemp("road"), patch, Heard(patch)) as stage:
            road, told = two_passes(stage), {}
            for scene in ROAD:
                road = prepared(stage, road, scene)
                before = freeze(stage, scene)
                stage.server.log.clear()
                ended, outputs = play(stage, road, scene)
                assert ended.code == 0, ended.err
                told[scene] = Told(before, road, by_tree(stage, outputs), left(stage), writes(stage))
                if scene == "registered":
                    road = road._replace(entry=int(outputs["pull"]))
            patch.undo()
            yield Story(stage, told)


@pytest.fixture
def at(story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> At:
    """`at(scene)`: the stage and the road as they were before that command."""
    impatient(monkeypatch)

    def before(scene: str) -> tuple[Stage, Road]:
        told = story.told[scene]
        return thaw(story.stage, told.before)._replace(patch=monkeypatch, capture=capsys), told.road

    return before


def killed(at: At, monkeypatch: pytest.MonkeyPatch, scene: str, place: int, *, after: bool = True) -> tuple[Stage, Road]:
    """The stage and the road after a command whose runner went at its write of this number."""
    stage, road = at(scene)
    with monkeypatch.context() as patch:
        kill(patch, place, after=after)
        with pytest.raises(Killed):
            play(stage._replace(patch=patch), road, scene)
    return stage, road


# --- every write under every fault ---


@pytest.mark.parametrize("kind", ["each in turn", *(pytest.param(kind, marks=pytest.mark.full) for kind in KINDS)])
@pytest.mark.parametrize("scene", ROAD)
def test_one_fault_on_any_write_changes_nothing_of_what_is_left_behind(story, at, scene, kind):
    told, turn = story.told[scene], ROAD.index(scene)
    for place, write in enumerate(told.writes):
        if kind not in KINDS and UPLOAD.search(write[1]):
            continue
        stage, road = at(scene)
        fault = kind if kind in KINDS else KINDS[(turn + 3 * place) % len(KINDS)]
        strike(stage, told.writes, place, fault)
        ended, outputs = play(stage, road, scene)
        what = f"{fault} on {write}"
        assert (ended.code, by_tree(stage, outputs)) == (0, told.outputs), f"{what}: {ended.err}"
        assert left(stage) == told.left, what
        assert all(fault.times == 0 for fault in stage.server.faults), what


@pytest.mark.full
@pytest.mark.parametrize("kind", ["request_lost", "response_lost"])
@pytest.mark.parametrize("scene", ROAD)
def test_a_command_that_gave_up_is_run_again_and_leaves_the_same_behind(story, at, scene, kind):
    told = story.told[scene]
    for place, write in enumerate(told.writes):
        stage, road = at(scene)
        strike(stage, told.writes, place, kind, times=100)
        ended, _ = play(stage, road, scene)
        what = f"{kind} on {write}"
        assert ended.code in (0, 3), f"{what}: {ended.err}"
        assert ended.code == 0 or "run the job again" in ended.err, what
        assert lost(stage) == [], what
        stage.server.faults.clear()
        ended, outputs = play(stage, road, scene)
        assert (ended.code, by_tree(stage, outputs)) == (0, told.outputs), f"{what}: {ended.err}"
        assert left(stage) == told.left, what


@pytest.mark.parametrize(
    "when", ["after what lasts", *(pytest.param(one, marks=pytest.mark.full) for one in ("after", "before"))]
)
@pytest.mark.parametrize("scene", ROAD)
def test_a_command_that_was_killed_at_any_write_is_run_again_and_leaves_the_same_behind(story, at, monkeypatch, scene, when):
    told = story.told[scene]
    for place, write in enumerate(told.writes):
        if when == "after what lasts" and not LASTS.search(write[1]):
            continue
        stage, road = killed(at, monkeypatch, scene, place, after=when != "before")
        what = f"killed at {write}"
        assert lost(stage) == [], what
        ended, outputs = play(stage, road, scene)
        assert (ended.code, by_tree(stage, outputs)) == (0, told.outputs), f"{what}: {ended.err}"
        assert left(stage) == told.left, what


def test_an_entry_that_was_merged_before_its_step_was_written_is_told_of_on_the_dataset_pull_request(story, at, monkeypatch):
    told = story.told["registered"]
    place = next(place for place, (_, path) in enumerate(told.writes) if path.endswith("/pulls"))
    stage, road = killed(at, monkeypatch, "registered", place)
    entry = max(stage.repository.repo.issues)
    stage.repository.merge(entry, "ben")
    for _ in range(2):
        ended, outputs = play(stage, road, "registered")
        assert (ended.code, outputs) == (0, {"pull": ""}), ended.err
    assert told_in_the_journal(stage) == [entry]


def told_in_the_journal(stage: Stage) -> list[int]:
    """Pull requests on the registry that the journal of the first dataset pull request names."""
    lines = (stage.repository.file(JOURNAL, "pulls/1.jsonl") or b"").splitlines()
    return [found["registered"] for line in lines if (found := json.loads(line))["step"] == "registered"]


def test_a_dataset_pull_request_that_is_looked_at_after_the_merge_still_says_where_its_entry_went(at):
    stage, road = at("merged")
    play(stage, road, "merged")
    looked(stage, 1)
    assert f"registry: proposed in #{road.entry}" in ours(stage)[0]
    assert shown(stage, 1).conclusion == "success"


# --- two at once ---


def unlike(stage: Stage, told: Told) -> list[str]:
    """What was left behind and is not what one command alone leaves; check runs apart: two may be made, one is shown."""
    found = left(stage)
    return [name for name in found if name != "checks" and found[name] != told.left[name]]


def meeting(patch: pytest.MonkeyPatch, where: Any, name: str, *calls: Callable[[], Any]) -> list[Any]:
    """What two calls bring, neither of which goes on from its first answer of a function before the other has one too."""
    barrier, real, been = threading.Barrier(2), getattr(where, name), threading.local()

    def met(*given: Any) -> Any:
        found = real(*given)
        if not hasattr(been, "here"):
            been.here = True
            barrier.wait(timeout=20)
        return found

    with patch.context() as here_only:
        here_only.setattr(where, name, met)
        return at_once(*calls)


MEETINGS = [(proposal, "_standing"), (branch, "tip"), (review_requests, "_ever_asked")]


@pytest.mark.parametrize(("where", "name"), MEETINGS, ids=["pull request", "branch", "people"])
def test_two_that_register_the_same_work_at_once_open_one_pull_request(story, at, monkeypatch, where, name):
    stage, road = at("registered")
    calls = [lambda run=run: register(remote_of(stage, run), 1, road.work, here()).pull for run in ("7.1", "7.2")]
    done = meeting(monkeypatch, where, name, *calls)
    assert done == [3, 3]
    assert unlike(stage, story.told["registered"]) == []


def test_two_features_that_register_at_once_each_have_their_own_pull_request(story, at, monkeypatch):
    stage, road = at("registered")
    works = ((1, road.work), (road.other, road.other_work))
    calls = [lambda n=n, work=work: register(remote_of(stage, f"{n}.1"), n, work, here()).pull for n, work in works]
    done = meeting(monkeypatch, proposal, "_standing", *calls)
    assert sorted(done) == [3, 4]
    for (number, _), entry in zip(works, done, strict=True):
        assert steps(stage, number).count("registered") == 1
        assert f"registry: proposed in #{entry}" in "".join(ours(stage._replace(number=number)))
        assert len(ours(stage._replace(number=entry))) == 1
        assert len(stage.repository.repo.issues[entry].pull.asked) == number + 1, "each of the people once"
        assert shown(stage, entry).conclusion == "action_required"


def test_merging_twice_at_once_merges_once_and_brings_the_other_up_to_date_once(story, at, monkeypatch):
    stage, road = at("merged")
    head = head_of(stage, road.entry)
    calls = [lambda run=run: merge(remote_of(stage, run), road.entry, head, here()) for run in ("8.1", "9.1")]
    done = meeting(monkeypatch, merge_stage, "proven", *calls)
    assert [one.standing.headline for one in done] == ["merged", "merged"]
    assert unlike(stage, story.told["merged"]) == []


BOTH = [("f", "base", "ft-v1.1.0"), ("g", "base", "ft-v1.1.0")]


def test_two_entries_that_are_merged_at_once_are_merged_one_after_the_other(story, at, monkeypatch):
    stage, road = at("merged")
    entries = (road.entry, road.other_entry)
    heads = [head_of(stage, number) for number in entries]
    calls = [lambda n=n, head=head: merged(stage, n, head) for n, head in zip(entries, heads, strict=True)]
    done = meeting(monkeypatch, merge_stage, "proven", *calls)
    assert sorted(done) == [False, True]
    first, second = sorted(entries, key=lambda number: done[entries.index(number)], reverse=True)
    assert lost(stage) == []
    assert shown(stage, first).title == "merged"
    assert shown(stage, second).conclusion == "action_required", "it was made again, and nobody has released that yet"
    stage.repository.review(second, "ben")
    assert merged(stage, second, head_of(stage, second))
    known = registry.parse(stage.repository.file("main", REGISTRY), REGISTRY)
    assert {name: [*feature.variants] for name, feature in known.features.items()} == {
        name: ["base", "ft-v1.1.0"] for name in "fg"
    }
    assert lost(stage) == []


def merged(stage: Stage, number: int, head: str) -> bool:
    try:
        merge(remote_of(stage, f"{number}.1"), number, head, here())
    except NotMeasured:
        return False
    return True


def test_a_push_between_the_look_and_the_merge_is_not_merged(story, at):
    stage, road = at("merged")
    old = head_of(stage, road.entry)
    strike(stage, story.told["merged"].writes, 0, "stale_head")
    ended, _ = play(stage, road, "merged")
    assert ended.code == 3
    assert "its head is another commit by now; as it stands now: " in ended.err
    assert head_of(stage, road.entry) != old
    assert stage.repository.repo.issues[road.entry].state == "open"
    assert stage.repository.file("main", REGISTRY) is None
    looked(stage, road.entry)
    assert shown(stage, road.entry).conclusion == "failure", "it brings another file"
    ended, _ = stage.give("pr", "merge", "--pull", road.entry, "--head", old)
    assert ended.code == 3
    assert stage.repository.file("main", REGISTRY) is None


def test_another_writer_on_the_evidence_branch_changes_nothing_of_what_is_left_behind(story, at):
    told = story.told["registered"]
    stage, road = at("registered")
    strike(stage, told.writes, place_of(told, JOURNAL), "stale_head", times=3)
    ended, outputs = play(stage, road, "registered")
    assert (ended.code, outputs) == (0, told.outputs), ended.err
    assert left(stage) == told.left


def test_a_push_to_an_entry_while_it_is_made_again_stays_in_its_history_and_is_not_proposed(story, at):
    told = story.told["merged"]
    (name,) = (branch for branch in told.left["branches"] if branch.startswith("evalgate/registry/g-ft-v1.1.0-"))
    stage, road = at("merged")
    strike(stage, told.writes, place_of(told, name), "stale_head", times=2)
    ended, _ = play(stage, road, "merged")
    assert ended.code == 0, ended.err
    found = left(stage)
    log, once = found["branches"].pop(name), told.left["branches"][name]
    assert [line.partition(" ")[2] for line in log].count("Another writer was faster") == 2
    assert [line for line in log if "Another writer" not in line] == once
    assert found == {**told.left, "branches": {key: value for key, value in told.left["branches"].items() if key != name}}


def place_of(told: Told, name: str) -> int:
    """The number of the write that moves a branch."""
    return next(place for place, (_, path) in enumerate(told.writes) if path.endswith(f"/git/refs/heads/{name}"))


# --- what was true and is not any more ---


def test_after_a_merge_no_other_pull_request_on_the_registry_is_shown_green_on_what_was(story, at):
    stage, road = at("merged")
    theirs = by_hand(stage, road)
    looked(stage, road.other_entry)
    for number in (theirs, road.other_entry):
        assert shown(stage, number).conclusion == "success"
    stage.repository.commit(OTHER_TOPIC, {OTHER_NEW: stage.repository.file(OTHER_TOPIC, OTHER_NEW) + b"\n"})
    ended, _ = play(stage, road, "merged")
    assert ended.code == 0, ended.err
    for number in (theirs, road.other_entry):
        assert shown(stage, number).conclusion != "success"
        assert shown(stage, number).title.removesuffix("…") in ours(stage._replace(number=number))[0].replace("`", "")


def by_hand(stage: Stage, road: Road) -> int:
    """A pull request on the registry that a person opened, verified and released."""
    entry = stage.repository.file(head_of(stage, road.entry), REGISTRY)
    report = "reports/f/ft-v1.1.0.md"
    files = {REGISTRY: entry, report: stage.repository.file(head_of(stage, road.entry), report)}
    stage.repository.commit("by-hand", files, base="main")
    number = stage.repository.open_pull("by-hand", author="ann")
    stage.repository.review(number, "ben")
    looked(stage, number)
    return number
