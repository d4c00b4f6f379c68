"""The registry on the GitHub test server, with scripted models: a verdict becomes an entry, is released, and taken back."""

import difflib
import json

import pytest
from drawn_workspace import HARMFUL
from node_tools import needs_node
from pull_stage import BOT, NEW, TOPIC, staged

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


def proposed(stage, text, *, branch, author="ann"):
    """The number of a person's pull request that makes the registry say `text`."""
    stage.repository.commit(branch, {"models.yaml": text.encode()}, branch, base="main", author=author)
    return stage.repository.open_pull(branch, author=author, title=branch)


def merged(stage, number, *, by="ben"):
    """A pull request on the registry, released and merged."""
    entry = on(stage, number)
    entry.approve(by)
    ended, _ = stage.give("pr", "merge", "--pull", number, "--head", entry.head)
    assert ended.code == 0, ended.err


def now(stage):
    return stage.repository.file("main", "models.yaml").decode()


def test_rollout_rollback_and_the_next_candidate_meet_what_is_served(stage):
    merged(stage, registered(stage, judged(stage)))
    merged(stage, proposed(stage, registry.set_flag(now(stage), "f", "ft-v1.1.0", on=True, share=0.5), branch="half"))
    sides = {served(stage, key=str(number)) for number in range(50)}
    assert sides == {"base", "ft-v1.1.0"}
    merged(stage, proposed(stage, registry.set_flag(now(stage), "f", "ft-v1.1.0", on=True, share=1.0), branch="all"))
    assert served(stage) == "ft-v1.1.0"

    later = "datasets/f/ft-v1.2.0.jsonl"
    stage.repository.commit("next", {later: stage.repository.file(TOPIC, NEW)}, "the next version", base="main")
    following = on(stage, stage.repository.open_pull("next", author="ann", title="next"))
    following.approve("ben", "cat")
    (work,) = following.control(run=9)
    _, outputs = following.train(work["work"], run=9)
    assert outputs["verdict"] == "inconclusive", "it is as good as what is served, and no better"
    asked = following.evidence("base.results.jsonl").splitlines()[0]
    assert json.loads(asked)["variant"]["adapter_sha256"], "base is the fine-tune that is served"
    assert following.evidence("reference.results.jsonl"), "and the untuned model is the third column"

    back = registry.rollback(now(stage), "f", today="2026-11-20")
    number = proposed(stage, back.text, branch="back")
    on(stage, number).control()
    assert "only lowers exposure" in on(stage, number).comment
    merged(stage, number)
    assert {served(stage, key=str(number)) for number in range(50)} == {"base"}


def test_rollback_opens_its_pull_request_once_and_changes_one_line(stage):
    merged(stage, registered(stage, judged(stage)))
    merged(stage, proposed(stage, registry.set_flag(now(stage), "f", "ft-v1.1.0", on=True, share=1.0), branch="all"))
    before = now(stage)
    numbers = [stage.give("registry", "rollback", "f", "--open", "--format", "json")[0] for _ in range(2)]
    assert [ended.code for ended in numbers] == [0, 0], numbers
    (number,) = {json.loads(ended.out)["pull"] for ended in numbers}
    merged(stage, number)
    changed = [line for line in difflib.ndiff(before.splitlines(), now(stage).splitlines()) if line[0] in "+-"]
    assert changed == ["-     default: ft-v1.1.0", "+     default: base"]
    again, _ = stage.give("registry", "rollback", "f", "--open")
    assert (again.code, "nothing to change" in again.err) == (0, True)


def test_an_adapter_that_github_would_refuse_is_left_out_and_said_to_be(stage, monkeypatch):
    monkeypatch.setattr("evalgate.stages.finishing.LARGEST_BLOB", 10)
    work = judged(stage)
    assert "not all evidence could be kept, so nothing can be registered" in stage.comment
    assert "set `evidence:` to s3://" in stage.comment
    ended, _ = stage.give("pr", "register", "--pull", stage.number, "--work", work, run=7)
    assert (ended.code, "not registered: adapter: was not kept" in ended.err) == (2, True)
