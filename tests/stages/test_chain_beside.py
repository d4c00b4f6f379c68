"""verify, of evidence with more than two sides: every file that was changed by hand is named, and every file of the policy."""

import json
import shutil

import pytest
from commands import run_folder
from drawn_beside import broken, in_json, in_lines, promoted, story_of, tampered
from test_startup import HEAVY, without_heavy


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return story_of(tmp_path_factory.mktemp("beside"))


@pytest.fixture
def story(told, tmp_path):
    return shutil.copytree(told, tmp_path / "story")


class TestVerified:
    def test_run__is_promoted_and_holds(self, evalgate, story):
        assert broken(evalgate, promoted(evalgate, story, run_folder(story))) == {}
        assert evalgate(story, "registry", "verify").code == 0

    def test_verify__needs_nothing_heavy(self, evalgate, story):
        promoted(evalgate, story, run_folder(story))
        ended = without_heavy(story, "registry", "verify", "--before", "before.yaml")
        assert (ended.code, "openai" in HEAVY) == (0, True), ended.err

    @pytest.mark.parametrize(
        ("name", "edit", "link"),
        [
            ("latency.json", in_json(lambda told: told["base"].update(model_sha256="e" * 64)), "latency"),
            ("latency.json", in_json(lambda told: told["timings"].append(told["timings"][0])), "latency"),
            ("latency.json", in_json(lambda told: told["timings"][0].update(case_id="nobody")), "latency"),
            ("latency.json", in_json(lambda told: told["timings"][0].update(candidate_ms=0.001)), "comparison"),
            ("latency.json", lambda _: None, "comparison"),
            ("latency.json", lambda _: b"{}", "evidence"),
            ("contender-v2.results.jsonl", lambda _: None, "contenders"),
            ("contender-v2.results.jsonl", in_lines(lambda line: _wrong(line, "refund-31")), "contenders"),
            ("contender-docs.results.jsonl", in_lines(lambda line: _shaped(line, documents="e" * 64)), "contenders"),
            ("contender-docs.results.jsonl", in_lines(lambda line: _asked_with(line, prompt_sha256="e" * 64)), "contenders"),
            ("contender-docs.results.jsonl", in_lines(lambda line: _asked_with(line, model="hf:other")), "contenders"),
            ("candidate.results.jsonl", in_lines(lambda line: _wrong(line, "old-3")), "scores"),
            ("base.results.jsonl", in_lines(lambda line: _wrong(line, "refund-31")), "scores"),
            ("base.results.jsonl", in_lines(lambda line: {**line, "look": 2} if "record" in line else line), "look"),
        ],
    )
    def test_tampered_file__is_named(self, evalgate, story, name, edit, link):
        promoted(evalgate, story, run_folder(story))
        tampered(story, name, edit)
        assert link in broken(evalgate, story)

    @pytest.mark.parametrize(
        ("path", "text", "link"),
        [
            ("v2.md", "Another prompt.", "contenders"),
            ("documents/rules.md", "# Other\n\nOther.\n", "contenders"),
            ("scorers/own.py", "def score(case, answer):\n    return 0.0\n", "scorers"),
        ],
    )
    def test_files_of_the_policy_that_changed_since__are_named(self, evalgate, story, path, text, link):
        promoted(evalgate, story, run_folder(story))
        (story / path).write_text(text)
        assert link in broken(evalgate, story)

    def test_another_policys_contender__was_not_asked(self, evalgate, story):
        promoted(evalgate, story, run_folder(story))
        policy = json.loads((story / "evalgate.yaml").read_text())
        policy["features"]["f"]["contenders"].append({"name": "third", "kind": "prompt", "prompt": "v2.md"})
        (story / "evalgate.yaml").write_text(json.dumps(policy))
        assert "third was not asked" in broken(evalgate, story)["contenders"]


def _wrong(line, case_id):
    return (
        {**line, "scores": {name: 1 - score for name, score in line["scores"].items()}}
        if line.get("case_id") == case_id
        else line
    )


def _shaped(line, **fields):
    return {**line, "environment": {**line["environment"], **fields}} if "record" in line else line


def _asked_with(line, **fields):
    return {**line, "variant": {**line["variant"], **fields}} if "record" in line else line
