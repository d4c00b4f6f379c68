"""Scorers of a team's own, as attackers see them: code that runs beside secrets, and that decides. Only merged code ever runs."""

import json

import pytest
from pull_stage import NEW, TOPIC, staged
from test_pull_request_attacks import begun, measured, suite_change, taken

OWN, EVIL = "scorers/own.py", "golden/f/evil.py"
HONEST = b'def score(case, answer):\n    return case["expected"]["intent"] in answer\n'
BAD = b"open('/tmp/owned', 'w')\n\n\ndef score(case, answer):\n    return True\n"
NAMED = {"scorers": {"primary": "exact_json", "also": [f"python:{OWN}:score"]}}


@pytest.fixture
def stage(tmp_path, monkeypatch, capsys):
    """A stage whose target branch names a scorer of its own."""
    with staged(tmp_path, monkeypatch, capsys, review={"approvals": 1}) as stage:
        merged(stage, {OWN: HONEST}, **NAMED)
        yield stage


@pytest.fixture
def plain(tmp_path, monkeypatch, capsys):
    """One whose target branch has the code, and a policy that does not name it yet."""
    with staged(tmp_path, monkeypatch, capsys, review={"approvals": 1}) as stage:
        merged(stage, {OWN: HONEST})
        yield stage


def merged(stage, files, **fields):
    told = json.loads(stage.repository.file("main", "evalgate.yaml"))
    told["features"]["f"] |= fields
    stage.repository.commit("main", {**files, "evalgate.yaml": json.dumps(told).encode()})


class TestWithData:
    @pytest.mark.parametrize("path", [OWN, "scorers/json.py"])
    def test_code_beside_a_dataset_is_to_be_split(self, stage, path):
        stage.repository.commit(TOPIC, {path: BAD})
        stage.approve("ben")
        assert stage.control() == []
        assert "split this pull request" in stage.comment
        assert stage.check.conclusion != "success"

    def test_a_dataset_is_scored_by_the_code_of_the_target_branch(self, stage):
        ended, _, folder = taken(stage, begun(stage, approvers=("ben",)))
        assert ended.code == 0, ended.err
        assert (folder / OWN).read_bytes() == HONEST
        assert (folder / NEW).exists()


class TestWithSuites:
    def test_a_policy_that_names_code_that_only_the_head_has_is_refused(self, plain):
        stage = suite_change(plain, files={"scorers/evil.py": BAD}, scorers={"primary": "python:scorers/evil.py:score"})
        stage.approve("ben")
        assert stage.control() == []
        assert stage.check.conclusion == "failure"
        assert "not on the target branch" in stage.comment + json.dumps(stage.check.annotations)

    def test_a_policy_that_names_code_among_its_golden_cases_is_refused(self, plain):
        stage = suite_change(plain, files={EVIL: BAD}, scorers={"primary": f"python:{EVIL}:score"})
        stage.approve("ben")
        assert stage.control() == []
        assert stage.check.conclusion == "failure"

    def test_an_older_task_that_names_code_of_the_head_is_refused(self, plain):
        case = b'{"id": "o", "input": "q", "expected": {"intent": "x"}}\n'
        legacy = [{"path": "golden/old", "scorer": "python:scorers/evil.py:score"}]
        stage = suite_change(plain, files={"scorers/evil.py": BAD, "golden/old/c.jsonl": case}, legacy=legacy)
        stage.control()
        assert stage.check.conclusion == "failure"

    def test_code_that_the_head_changes_and_names_runs_as_it_was_merged(self, plain):
        stage = suite_change(plain, files={OWN: BAD}, **NAMED)
        ended, _, folder = taken(stage, begun(stage, approvers=("ben",)))
        assert ended.code == 0, ended.err
        assert (folder / OWN).read_bytes() == HONEST

    def test_code_that_was_merged_before_may_be_named(self, plain):
        assert "25.0% of 80 before" in measured(suite_change(plain, **NAMED))["measured"]

    def test_code_that_lies_beside_the_heads_cases_is_not_taken_along(self, plain):
        stage = suite_change(plain, files={EVIL: BAD}, gate={"max_bucket_drop": 0.2})
        ended, _, folder = taken(stage, begun(stage, approvers=("ben",)))
        assert ended.code == 0, ended.err
        assert not list(folder.rglob("evil.py"))

    def test_merged_code_among_golden_cases_stays_what_was_merged(self, plain):
        merged(plain, {EVIL: HONEST}, scorers={"primary": f"python:{EVIL}:score"})
        case = b'{"id": "new", "input": "q", "expected": {"intent": "refund"}, "buckets": {"intent": "refund"}}\n'
        stage = suite_change(plain, files={"golden/f/more.jsonl": case})
        ended, _, folder = taken(stage, begun(stage, approvers=("ben",)))
        assert ended.code == 0, ended.err
        assert (folder / EVIL).read_bytes() == HONEST

    def test_code_and_cases_together_are_to_be_split(self, stage):
        told = suite_change(stage, files={OWN: BAD}, gate={"max_bucket_drop": 0.2})
        told.approve("ben")
        assert told.control() == []
        assert "split this pull request" in told.comment
