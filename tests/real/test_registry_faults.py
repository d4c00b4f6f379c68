"""The registry's road while everything goes wrong: every write lost, refused or cut, every command killed, two at once."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from disturbed import KINDS, Frozen, Heard, Killed, freeze, impatient, kill, strike, thaw, writes
from pull_stage import Stage, staged
from registry_stage import ROAD, Road, by_tree, left, lost, play, prepared, two_passes


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


# --- every write under every fault ---


@pytest.mark.parametrize("kind", ["each in turn", *(pytest.param(kind, marks=pytest.mark.full) for kind in KINDS)])
@pytest.mark.parametrize("scene", ROAD)
def test_one_fault_on_any_write_changes_nothing_of_what_is_left_behind(story, at, scene, kind):
    told, turn = story.told[scene], ROAD.index(scene)
    for place, write in enumerate(told.writes):
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
        stage.server.faults.clear()
        ended, outputs = play(stage, road, scene)
        assert (ended.code, by_tree(stage, outputs)) == (0, told.outputs), f"{what}: {ended.err}"
        assert left(stage) == told.left, what


@pytest.mark.parametrize(
    ("scene", "after"),
    [
        *((scene, True) if scene == "merged" else pytest.param(scene, True, marks=pytest.mark.full) for scene in ROAD),
        *(pytest.param(scene, False, marks=pytest.mark.full) for scene in ROAD),
    ],
)
def test_a_command_that_was_killed_at_any_write_is_run_again_and_leaves_the_same_behind(story, at, monkeypatch, scene, after):
    told = story.told[scene]
    for place, write in enumerate(told.writes):
        stage, road = at(scene)
        with monkeypatch.context() as patch:
            kill(patch, place, after=after)
            with pytest.raises(Killed):
                play(stage._replace(patch=patch), road, scene)
        what = f"killed at {write}"
        assert lost(stage) == [], what
        ended, outputs = play(stage, road, scene)
        assert (ended.code, by_tree(stage, outputs)) == (0, told.outputs), f"{what}: {ended.err}"
        assert left(stage) == told.left, what
