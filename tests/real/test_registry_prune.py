"""Pruning on the GitHub test server: what an entry or an open pull request refers to is never removed."""

import json

import pytest
from pull_stage import staged
from test_registry_story import judged, on, registered

from evalgate.records.evidence import MANIFEST, object_place


@pytest.fixture
def stage(tmp_path, monkeypatch, capsys):
    with staged(tmp_path, monkeypatch, capsys) as stage:
        yield stage


def pruned(stage, *more):
    ended, _ = stage.give("registry", "prune", "--format", "json", *more)
    assert ended.code == 0, ended.err
    (only,) = json.loads(ended.out)
    return only


def kept(stage):
    return {path for path in stage.repository.files("evalgate-evidence") if path.startswith(("objects/", "adapters/"))}


def grow_old(stage, days=400):
    """Every step in the journal was written so many days ago."""
    for path in [path for path in stage.repository.files("evalgate-evidence") if path.endswith(".jsonl")]:
        lines = [json.loads(line) for line in stage.repository.file("evalgate-evidence", path).splitlines()]
        for line in lines:
            line["at"] = "2024-01-01T00:00:00Z"
        text = "".join(json.dumps(line) + "\n" for line in lines)
        stage.repository.commit("evalgate-evidence", {path: text.encode()}, author="github-actions[bot]")


def test_evidence_of_an_open_pull_request_stays_however_old(stage):
    judged(stage)
    grow_old(stage)
    before = kept(stage)
    assert pruned(stage, "--yes")["goes"] == {}
    assert kept(stage) == before


def test_evidence_of_a_closed_one_goes_once_it_is_old_and_only_with_yes(stage):
    judged(stage)
    stage.repository.close(stage.number)
    assert pruned(stage, "--yes")["goes"] == {}, "it is young"
    grow_old(stage)
    before = kept(stage)
    assert set(pruned(stage)["goes"]) == before == kept(stage), "nothing goes without --yes"
    pruned(stage, "--yes")
    assert kept(stage) == set()
    assert stage.repository.file("evalgate-evidence", f"pulls/{stage.number}.jsonl"), "the journal stays"


@pytest.mark.parametrize("merged", [False, True], ids=["proposed", "registered"])
def test_evidence_of_an_entry_stays_after_its_pull_request_is_gone(stage, merged):
    entry = on(stage, registered(stage, judged(stage)))
    if merged:
        entry.approve("ben")
        ended, _ = stage.give("pr", "merge", "--pull", entry.number, "--head", entry.head)
        assert ended.code == 0, ended.err
    stage.repository.close(stage.number)
    grow_old(stage)
    before = kept(stage)
    assert pruned(stage, "--yes")["goes"] == {}
    assert kept(stage) == before


def test_a_manifest_that_is_referred_to_and_missing_stops_everything(stage):
    registered(stage, judged(stage))
    lines = stage.repository.file("evalgate-evidence", f"pulls/{stage.number}.jsonl").splitlines()
    (digest,) = {found for line in lines if (found := json.loads(line).get("evidence"))}
    stage.repository.commit("evalgate-evidence", {object_place(MANIFEST, digest): None}, author="ann")
    ended, _ = stage.give("registry", "prune", "--yes")
    assert ended.code == 3
    assert "manifest" in ended.err
