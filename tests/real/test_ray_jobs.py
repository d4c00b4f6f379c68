"""`evalgate ray submit`: a run as a job on a real cluster; its exit code is ours, and the same job is never sent twice."""

import json
import sys
from pathlib import Path

import pytest
from ray_head import ray_head

sys.path.append(str(Path(__file__).parents[1] / "stages"))
from commands import process
from drawn_workspace import GOOD, HARMFUL, draw

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def head():
    with ray_head(cpus=2, dashboard=True) as up:
        yield up


def submit(folder: Path, head, *words: str):
    ended = process(folder, "ray", "submit", "--dashboard", head.dashboard, "--format", "json", *words)
    return ended, json.loads(ended.out) if ended.out else None


class TestSubmit:
    def test_exit_code_log_and_name_are_those_of_the_run(self, head, tmp_path):
        draw(tmp_path, GOOD)
        ended, told = submit(tmp_path, head, "--", "run", "--feature", "f")
        assert ended.code == 0, ended.err
        assert (told["status"], told["exit_code"]) == ("SUCCEEDED", 0)
        assert "decide: pair the answers case by case" in ended.err
        again, found = submit(tmp_path, head, "--", "run", "--feature", "f")
        assert (again.code, found["job"]) == (0, told["job"])
        assert "found, it was sent before" in again.err
        attached = process(tmp_path, "ray", "attach", "--dashboard", head.dashboard, told["job"])
        assert attached.code == 0

    def test_a_failing_gate_is_exit_code_1(self, head, tmp_path):
        draw(tmp_path, HARMFUL)
        ended, told = submit(tmp_path, head, "--", "run")
        assert (ended.code, told["exit_code"]) == (1, 1), ended.err

    def test_wrong_input_is_exit_code_2(self, head, tmp_path):
        draw(tmp_path, GOOD)
        assert submit(tmp_path, head, "--", "run", "--feature", "nobody")[0].code == 2

    def test_a_job_that_is_stopped__is_no_verdict_and_is_begun_again_when_it_is_sent_again(self, head, tmp_path):
        draw(tmp_path, GOOD)
        ended, told = submit(tmp_path, head, "--detach", "--", "run")
        assert ended.code == 0
        assert process(tmp_path, "ray", "stop", "--dashboard", head.dashboard, told["job"]).code == 0
        assert process(tmp_path, "ray", "attach", "--dashboard", head.dashboard, told["job"]).code == 3
        again, _ = submit(tmp_path, head, "--", "run")
        assert again.code == 0, again.err


def test_a_dashboard_that_is_not_there__is_no_verdict(tmp_path):
    draw(tmp_path, GOOD)
    ended = process(tmp_path, "ray", "submit", "--dashboard", "http://127.0.0.1:1", "--", "run")
    assert ended.code == 3
    assert "cannot be reached" in ended.err
