"""A dataset pull request from opened to its verdict, on the GitHub test server, with scripted models."""

import pytest
from pull_stage import staged


@pytest.fixture
def stage(tmp_path, monkeypatch, capsys):
    with staged(tmp_path, monkeypatch, capsys) as stage:
        yield stage


def test_from_opened_over_two_approvals_to_a_pass(stage):
    assert stage.control() == []
    assert "approved 0 of 2" in stage.comment
    assert stage.check.conclusion == "action_required"
    stage.approve("ben")
    assert stage.control() == []
    assert "approved 1 of 2" in stage.comment
    stage.approve("cat")
    ((work),) = stage.control(run=7)
    assert work["pull"] == stage.number
    assert stage.check.status == "in_progress"
    ended, outputs = stage.train(work["work"], run=7)
    assert ended.code == 0, ended.err
    assert outputs["verdict"] == "pass"
    assert "**pass**" in stage.comment
    assert stage.check.conclusion == "success"
    ended, _ = stage.give("pr", "settle", "--pull", stage.number, "--work", work["work"], "--job-result", "success", run=7)
    assert ended.code == 0, ended.err
    print(stage.comment)
