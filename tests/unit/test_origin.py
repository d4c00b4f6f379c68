"""Who speaks through an environment: nobody gets the target branch's place by saying so."""

import json

import pytest

from evalgate.settings import origin_of

MAIN = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_REF": "refs/heads/main"}
"""What a runner tells a job that stands on the default branch, the event apart."""
FORGED = ("", "x", "12/../target", "-1", "1 2", "\u0661", "target")


@pytest.fixture
def told(tmp_path):
    """`told(event, ...)`: the environment of a job on the default branch, with what is given in place of its own."""

    def call(event: str, **other: str | None) -> dict[str, str]:
        (tmp_path / "event.json").write_text(json.dumps({"repository": {"default_branch": "main"}}))
        whole = {**MAIN, "GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": str(tmp_path / "event.json"), **other}
        return {name: value for name, value in whole.items() if value is not None}

    return call


def test_outside_workflows__is_here():
    assert origin_of({}) == "here"


@pytest.mark.parametrize("event", ["push", "workflow_dispatch", "repository_dispatch", "schedule"])
def test_started_on_the_default_branch_for_nobody_in_particular__is_target(told, event):
    assert origin_of(told(event)) == "target"


def test_schedule__is_target_though_its_event_names_no_repository(told):
    assert origin_of(told("schedule", GITHUB_EVENT_PATH=None)) == "target"


@pytest.mark.parametrize("event", ["push", "workflow_dispatch"])
def test_on_another_branch__is_that_branch(told, event):
    assert origin_of(told(event, GITHUB_REF="refs/heads/mine/target")) == "branch/mine/target"


@pytest.mark.parametrize("event", ["workflow_run", "issue_comment"])
def test_trusted_code_at_work_for_a_pull_request__is_that_pull(told, event):
    assert origin_of(told(event, EVALGATE_PULL="12")) == "pull/12"


@pytest.mark.parametrize("event", ["workflow_run", "issue_comment", "pull_request_target", "merge_group", "release", ""])
def test_caused_by_somebody_who_is_not_named__speaks_for_its_own_run_alone(told, event):
    assert origin_of(told(event)) == "run/7"


@pytest.mark.parametrize("event", ["pull_request", "pull_request_review", "push"])
def test_code_of_a_pull_request__is_never_more_than_its_check(told, event):
    for pull in (None, "13", "12", *FORGED):
        assert origin_of(told(event, GITHUB_REF="refs/pull/12/merge", EVALGATE_PULL=pull)) == "check/12"


@pytest.mark.parametrize("pull", FORGED)
def test_number_that_is_none__is_no_pull(told, pull):
    assert origin_of(told("workflow_run", EVALGATE_PULL=pull)) == "run/7"


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"repository": null}', '{"repository": {"default_branch": null}}'])
def test_default_branch_that_is_not_known__is_nobodys(told, tmp_path, content):
    if content is None:
        path = tmp_path / "missing.json"
    else:
        (path := tmp_path / "broken.json").write_text(content)
    for branch in ("main", "None", ""):
        found = origin_of(told("push", GITHUB_EVENT_PATH=str(path), GITHUB_REF=f"refs/heads/{branch}"))
        assert found == f"branch/{branch}"


def test_tag__speaks_for_its_own_run_alone(told):
    assert origin_of(told("push", GITHUB_REF="refs/tags/main")) == "run/7"
