"""The registry's road on the GitHub test server, with scripted models: a verdict becomes an entry, is released, and taken back."""

import json

import pytest
from drawn_workspace import HARMFUL
from node_tools import needs_node
from pull_stage import BOT, staged

from evalgate import registry

RELEASE = {"managers": ["cat"]}


@pytest.fixture
def stage(tmp_path, monkeypatch, capsys):
    with staged(tmp_path, monkeypatch, capsys) as stage:
        yield stage


def judged(stage, *, run=7):
    """The key of the work on the pull request, which has its verdict."""
    stage.approve("ben", "cat")
    ((work),) = stage.control(run=run)
    stage.train(work["work"], run=run)
    return work["work"]


def registered(stage, work, *, run=7):
    """The number of the pull request on the registry."""
    ended, told = stage.give("pr", "register", "--pull", stage.number, "--work", work, run=run)
    assert ended.code == 0, ended.err
    return int(told["pull"])


def on(stage, number):
    return stage._replace(number=number)


def served(stage, **asked):
    """Who answers on the target branch."""
    known = registry.parse(stage.repository.file("main", "models.yaml"), "models.yaml")
    return registry.resolve("f", registry=known, **asked).variant


@needs_node
def test_the_whole_road__from_rows_to_a_served_variant_and_back(tmp_path, monkeypatch, capsys):
    with staged(tmp_path, monkeypatch, capsys, contract=True) as stage:
        entry = on(stage, registered(stage, judged(stage)))
        assert entry.check.conclusion == "action_required"
        assert "derived again from the raw results" in entry.comment
        assert "released by 0 of 1" in entry.comment
        entry.approve("ben")
        assert entry.control() == []
        assert entry.check.conclusion == "success"
        ended, _ = stage.give("pr", "merge", "--pull", entry.number, "--head", entry.head)
        assert ended.code == 0, ended.err
        assert served(stage) == "base", "its flag is off"
        assert served(stage, flags={"f-ft-v1.1.0": True}) == "ft-v1.1.0"
        assert f"registry: proposed in #{entry.number}" in stage.comment or stage.control() == []
        assert stage.repository.file("main", "reports/f/ft-v1.1.0.md").decode().startswith("# ")


def test_a_verdict_that_is_no_pass_leaves_the_registry_untouched(tmp_path, monkeypatch, capsys):
    with staged(tmp_path, monkeypatch, capsys, drawing=HARMFUL) as stage:
        work = judged(stage)
        ended, told = stage.give("pr", "register", "--pull", stage.number, "--work", work, run=7)
        assert (ended.code, told["pull"]) == (0, "")
        assert "the verdict is fail" in ended.err


def test_registering_twice_is_registering_once(stage):
    work = judged(stage)
    first = registered(stage, work)
    before = stage.server.effects()
    assert registered(stage, work) == first
    assert stage.server.effects() == before


def test_the_controller_hands_over_what_may_be_merged_and_nothing_else(stage):
    entry = on(stage, registered(stage, judged(stage)))
    file = stage.folder / "event.json"
    file.write_text(json.dumps(stage.event("pull_request", entry.number)))
    given = ("pr", "control", "--event", file, "--event-name", "pull_request")
    assert json.loads(stage.give(*given)[1]["merges"]) == []
    entry.approve("ben")
    assert json.loads(stage.give(*given)[1]["merges"]) == [{"pull": entry.number, "head": entry.head}]


def test_a_bot_releases_nothing(stage):
    entry = on(stage, registered(stage, judged(stage)))
    entry.approve(BOT)
    entry.control()
    assert "released by 0 of 1" in entry.comment
