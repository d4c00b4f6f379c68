"""The story with all that may stand beside base and candidate: contenders, a probe, an older task, a scorer of one's own."""

import json
import shutil

import pytest
from commands import files, in_child, judged, run_folder
from drawn_beside import POLICY, draw_beside, in_json, story_of

from evalgate.stages import beside as beside_stage
from evalgate.stages.beside_files import find_beside, names_beside, write_beside

BESIDE = ["contender-docs.results.jsonl", "contender-v2.results.jsonl", "latency.json"]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return story_of(tmp_path_factory.mktemp("beside"))


@pytest.fixture
def story(told, tmp_path):
    return shutil.copytree(told, tmp_path / "story")


def verdict(folder):
    return json.loads((run_folder(folder) / "verdict.json").read_text())


def states(folder):
    return {(rule["rule"], rule["scope"]): rule["state"] for rule in verdict(folder)["rules"]}


class TestWhatIsLeft:
    def test_run_folder__holds_every_file_that_the_verdict_rests_on(self, told):
        assert names_beside(run_folder(told)) == BESIDE

    def test_verdict__names_contenders_latency_and_the_older_task(self, told):
        found = states(told)
        assert found["contenders", "v2"] == "beaten"
        assert found["contenders", "docs"] == "beaten"
        assert ("legacy", "golden/old") in found
        assert found["latency_p95", "overall"] != "not measured"

    def test_own_scorer__scores_every_side(self, told):
        for name in ("base.results.jsonl", *BESIDE[:2]):
            lines = [json.loads(line) for line in (run_folder(told) / name).read_text().splitlines()]
            assert all(POLICY["scorers"]["also"][0] in line["scores"] for line in lines[1:] if line["suite"] == "golden"), name

    def test_second_run__is_byte_identical_and_times_nothing_again(self, evalgate, story, monkeypatch):
        before, latency = judged(run_folder(story)), (run_folder(story) / "latency.json").read_bytes()
        monkeypatch.setattr(beside_stage, "probe", lambda *_, **__: pytest.fail("timed again"))
        assert evalgate(story, "run").code == 0
        assert judged(run_folder(story)) == before
        assert (run_folder(story) / "latency.json").read_bytes() == latency

    def test_fresh_run_elsewhere__is_byte_identical_apart_from_timings(self, evalgate, story, tmp_path):
        elsewhere = draw_beside(tmp_path / "else" / "where")
        run_folder_of = run_folder(story)
        (elsewhere / "runs" / run_folder_of.name).mkdir(parents=True)
        shutil.copy(run_folder_of / "latency.json", elsewhere / "runs" / run_folder_of.name)
        assert evalgate(elsewhere, "run").code == 0
        assert run_folder(elsewhere).name == run_folder_of.name
        assert judged(run_folder(elsewhere)) == judged(run_folder_of)

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("v2.md", "Say it in JSON."),
            ("documents/more.md", "# More\n\nMore."),
            ("scorers/own.py", "def score(case, answer):\n    return 1\n"),
        ],
    )
    def test_other_file_of_a_contender_or_a_scorer__is_another_story(self, evalgate, story, path, text):
        (story / path).write_text(text)
        evalgate(story, "run")
        assert len([path for path in (story / "runs").iterdir() if path.name != ".attempts"]) == 2

    def test_probe_of_other_variants__is_made_again(self, evalgate, story):
        latency = run_folder(story) / "latency.json"
        latency.write_bytes(in_json(lambda told: told["candidate"].update(adapter_sha256="e" * 64))(latency.read_bytes()))
        assert evalgate(story, "run").code == 0
        assert "e" * 64 not in latency.read_text()

    def test_file_that_this_run_did_not_measure__is_taken_away(self, evalgate, story):
        left = run_folder(story) / "contender-gone.results.jsonl"
        shutil.copy(run_folder(story) / "contender-v2.results.jsonl", left)
        assert evalgate(story, "run").code == 0
        assert names_beside(run_folder(story)) == BESIDE

    def test_beside__is_read_as_it_was_written(self, told, tmp_path):
        found = find_beside(run_folder(told))
        write_beside(tmp_path, found)
        assert find_beside(tmp_path) == found


class TestGateBeside:
    SIDES = ("--base", "runs/r/base.results.jsonl", "--candidate", "runs/r/candidate.results.jsonl", "--attempt", "1")

    @pytest.fixture
    def gate(self, evalgate, story):
        run_folder(story).rename(story / "runs" / "r")

        def call(*more):
            return evalgate(story, "gate", *self.SIDES, "--out", "out", *more)

        return call

    def test_folder__counts_and_people_see_what_was_used(self, gate, story):
        ended = gate("--beside", "runs/r")
        assert ended.code == 0
        assert f"beside: {', '.join(BESIDE)} of runs/r" in ended.err
        assert (story / "out/compare.json").read_bytes() == (story / "runs/r/compare.json").read_bytes()

    def test_without_it__nothing_is_measured_beside(self, gate, story):
        ended = gate()
        assert "beside:" not in ended.err
        assert json.loads((story / "out/compare.json").read_text())["timings"] is None

    def test_times_of_others__are_refused(self, gate, story):
        latency = story / "runs/r/latency.json"
        latency.write_bytes(in_json(lambda told: told["base"].update(model_sha256="e" * 64))(latency.read_bytes()))
        ended = gate("--beside", "runs/r")
        assert (ended.code, "the probe timed other variants" in ended.err) == (2, True)

    def test_file_that_is_none__is_2(self, gate, story):
        (story / "runs/r/latency.json").write_text("{}")
        ended = gate("--beside", "runs/r")
        assert (ended.code, "cannot be read" in ended.err) == (2, True)

    def test_contender_that_the_policy_does_not_name__is_said(self, gate, story):
        shutil.copy(story / "runs/r/contender-v2.results.jsonl", story / "runs/r/contender-x.results.jsonl")
        assert "the policy has no such contender: x" in gate("--beside", "runs/r").err

    def test_folder_that_is_not_there__is_2(self, gate):
        assert gate("--beside", "runs/none").code == 2


class TestKilled:
    def test_run_that_was_killed_after_the_probe__goes_on_with_its_times(self, evalgate, tmp_path):
        folder = draw_beside(tmp_path / "killed")
        ended = in_child(folder, "run", first=_die_after_the_probe)
        assert ended.code == -9, ended.err
        latency = (run_folder(folder) / "latency.json").read_bytes()
        assert not (run_folder(folder) / "verdict.json").exists()
        assert evalgate(folder, "run").code == 0
        assert (run_folder(folder) / "latency.json").read_bytes() == latency
        assert "verdict.json" in files(run_folder(folder))


def _die_after_the_probe():
    import os
    import signal

    from evalgate.stages import story as stage

    stage.write_beside = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
