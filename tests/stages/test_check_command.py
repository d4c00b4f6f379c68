"""`evalgate check` on whole policies: several features, and repositories that are only beginning."""

import json
import shutil

import pytest
from drawn_workspace import GOOD, draw, write_lines


def test_without_a_feature__every_feature_is_checked(evalgate, tmp_path):
    policy = tmp_path / "evalgate.yaml"
    draw(tmp_path, GOOD)
    known = json.loads(policy.read_text())
    known["features"]["g"] = {**known["features"]["f"], "datasets": "datasets/g"}
    policy.write_text(json.dumps(known))
    write_lines(tmp_path / "datasets/g/ft-v1.0.0.jsonl", [{"messages": []}])
    ended = evalgate(tmp_path, "check", "--format", "json")
    assert ended.code == 1
    assert {finding["path"] for finding in json.loads(ended.out)["findings"]} >= {"datasets/g/ft-v1.0.0.jsonl"}


@pytest.mark.parametrize("missing", ["evalgate.yaml", "datasets/f/ft-v1.0.0.jsonl", "datasets"])
def test_what_is_not_there_yet__is_a_fault_unless_one_says_if_any(evalgate, tmp_path, missing):
    draw(tmp_path, GOOD)
    shutil.rmtree(tmp_path / missing) if (tmp_path / missing).is_dir() else (tmp_path / missing).unlink()
    assert evalgate(tmp_path, "check").code == 2
    assert evalgate(tmp_path, "check", "--if-any").code == 0


def test_if_any__lets_no_broken_policy_through(evalgate, tmp_path):
    draw(tmp_path, GOOD)
    (tmp_path / "evalgate.yaml").write_text("version: 2\n")
    assert evalgate(tmp_path, "check", "--if-any").code == 2
