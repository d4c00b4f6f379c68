"""Whose answers a run is given: its own and the target branch's, whatever else lies in the same cache."""

import json

import pytest
from drawn_workspace import UNCHANGED, draw

CASES = 90
AROUND = ("GITHUB_ACTIONS", "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH", "GITHUB_REF", "GITHUB_RUN_ID", "EVALGATE_PULL")
TRUSTED = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_run", "GITHUB_REF": "refs/heads/main", "GITHUB_RUN_ID": "7"}
WHO = {
    "here": {},
    "target": {**TRUSTED, "GITHUB_EVENT_NAME": "push"},
    "pull/12": {**TRUSTED, "EVALGATE_PULL": "12"},
    "pull/13": {**TRUSTED, "EVALGATE_PULL": "13"},
    "check/12": {**TRUSTED, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/12/merge", "EVALGATE_PULL": "12"},
    "run/7": TRUSTED,
}


@pytest.fixture
def asks(evalgate, tmp_path, monkeypatch):
    """`asks("pull/12")`: how many of the base's answers that run had to ask for."""
    draw(tmp_path, UNCHANGED)
    (tmp_path / "event.json").write_text(json.dumps({"repository": {"default_branch": "main"}}))

    def call(who: str) -> int:
        for name in AROUND:
            monkeypatch.delenv(name, raising=False)
        for name, value in {**WHO[who], "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}.items():
            monkeypatch.setenv(name, value)
        before = _kept(evalgate, tmp_path, who)
        assert evalgate(tmp_path, "evaluate", "--variant", "base", "--out", "base.results.jsonl").code == 0
        return _kept(evalgate, tmp_path, who) - before

    return call


def _kept(evalgate, folder, who):
    told = json.loads(evalgate(folder, "cache", "--format", "json").out)
    return sum(one["entries"] for one in told["answers"] if one["origin"] == who)


@pytest.mark.parametrize("who", WHO)
def test_second_run_of_the_same_origin__asks_nothing(asks, who):
    assert (asks(who), asks(who)) == (CASES, 0)


@pytest.mark.parametrize("who", [who for who in WHO if who != "target"])
def test_what_the_target_branch_answered__nobody_asks_again(asks, who):
    assert (asks("target"), asks(who)) == (CASES, 0)


@pytest.mark.parametrize("writer", [who for who in WHO if who != "target"])
def test_what_anybody_else_answered__is_given_to_no_other(asks, writer):
    assert asks(writer) == CASES
    assert {who: asks(who) for who in WHO if who not in (writer, "target")} == {
        who: CASES for who in WHO if who not in (writer, "target")
    }
    assert asks("target") == CASES
