"""Kills, full disks, tampering and company: what is half done is never taken for whole, and the next run ends as any other."""

import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from commands import files, held, in_child, judged, run_folder, start
from drawn_workspace import GOOD, draw

from evalgate import store
from evalgate.kept import FILE, Kept
from evalgate.stages import panels
from evalgate.stages import train as train_stage
from evalgate.weights import adapter_digest


@pytest.fixture(scope="module")
def undisturbed(good_story):
    """What a run folder says when nothing goes wrong."""
    return judged(run_folder(good_story))


def generated(told):
    """How many answers a run says that it generated."""
    return sum(int(one or every) for every, one in re.findall(r"^  \w+: (?:(\d+) cases|.* (\d+) are generated)$", told, re.M))


def damaged(path, keep):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


class TestKilled:
    def test_at_any_file__the_next_run_ends_as_if_nothing_had_been(self, evalgate, tmp_path):
        """A run puts every file in place by one rename, and keeps every piece of answers at once: the process dies at the
        first, the second, ... of both."""
        died, pieces = 0, {"evaluate": {"batch_rows": 32}}
        undisturbed = draw(tmp_path / "undisturbed", GOOD, **pieces)
        assert evalgate(undisturbed, "run").code == 0
        while True:
            folder = draw(tmp_path / str(died), GOOD, **pieces)
            ended = in_child(folder, "run", first=lambda left=died: die_at(left))
            if ended.code == 0:
                break
            died += 1
            assert ended.code == -signal.SIGKILL, ended.err
            whole = [path for path in folder.glob("runs/*/*.json") if json.loads(path.read_text())]
            assert len(whole) == len(list(folder.glob("runs/*/*.json")))
            assert evalgate(folder, "run").code == 0
            assert judged(run_folder(folder)) == judged(run_folder(undisturbed))
        assert died == 14, "check, training, three pieces, results twice, the ledger, five reports, regressions"

    @pytest.mark.parametrize("seen", ["check.json", "training.json", "base.results.jsonl", "compare.json"])
    def test_real_process__the_next_run_ends_as_if_nothing_had_been(self, evalgate, tmp_path, undisturbed, seen):
        draw(tmp_path, GOOD)
        running = start(tmp_path, "run")
        while running.poll() is None and not list(tmp_path.glob(f"runs/*/{seen}")):
            time.sleep(0.001)
        running.kill()
        running.communicate()
        assert evalgate(tmp_path, "run").code == 0
        assert judged(run_folder(tmp_path)) == undisturbed


def die_at(left):
    """Let this process kill itself before the rename or the keeping of answers that follows `left` others."""
    rename, keep, seen = Path.replace, Kept.keep, []

    def step():
        if len(seen) == left:
            os.kill(os.getpid(), signal.SIGKILL)
        seen.append(left)

    def replace(self, target):
        step()
        rename(self, target)

    def kept(self, values):
        if values:
            step()
        keep(self, values)

    Path.replace, Kept.keep = replace, kept


class TestFullDisk:
    @pytest.mark.parametrize("most", [10, 3_000, 12_000, 20_000, 40_000])
    def test_no_room_for_a_file__is_no_verdict_and_leaves_nothing_half_written(self, evalgate, tmp_path, undisturbed, most):
        """A disk that is full for every file over `most` bytes."""
        draw(tmp_path, GOOD)
        ended = in_child(tmp_path, "run", first=lambda: leave_room(most))
        assert ended.code == 3
        assert "error: " in ended.err
        assert "run again" in ended.err
        assert "Traceback" not in ended.err
        assert not list(tmp_path.glob("runs/*/verdict.json"))
        for path in tmp_path.glob("runs/*/*.json"):
            json.loads(path.read_text())
        assert [path.name for path in tmp_path.glob("runs/*/.*")] == [".lock"]
        assert evalgate(tmp_path, "run").code == 0
        assert judged(run_folder(tmp_path)) == undisturbed

    def test_no_room_for_results_whose_answers_are_known__is_no_verdict_and_nothing_is_asked_again(
        self, evalgate, tmp_path, monkeypatch
    ):
        draw(tmp_path, GOOD.replace("*30", "*120"))
        assert evalgate(tmp_path, "run").code == 0
        before = judged(run_folder(tmp_path))
        shutil.rmtree(tmp_path / "runs")
        ended = in_child(tmp_path, "run", first=lambda: leave_room(40_000))
        assert ended.code == 3
        assert "base.results.jsonl: cannot be written: File too large; nothing half-written is left" in ended.err
        assert [path.name for path in tmp_path.glob("runs/*/.*")] == [".lock"]
        monkeypatch.setattr(panels, "load_variant", lambda *_, **__: pytest.fail("asked again"))
        assert evalgate(tmp_path, "run").code == 0
        assert judged(run_folder(tmp_path)) == before

    def test_no_room_for_the_registry__leaves_it_as_it_was(self, evalgate, passed):
        (passed / "models.yaml").write_text("version: 1  # ours\n")
        ended = in_child(passed, "registry", "promote", run_folder(passed), first=lambda: leave_room(600))
        assert ended.code == 3
        assert "cannot be written" in ended.err
        assert (passed / "models.yaml").read_text() == "version: 1  # ours\n"


def leave_room(most):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


class TestHalfAFile:
    """What a crash of the whole machine may leave: a file that is there and is not whole."""

    @pytest.mark.parametrize("keep", [0, 0.6])
    @pytest.mark.parametrize("name", ["check.json", "training.json", "compare.json", "verdict.json", "base.results.jsonl"])
    def test_in_the_run_folder__is_made_again(self, evalgate, passed, undisturbed, name, keep):
        damaged(run_folder(passed) / name, keep)
        assert evalgate(passed, "run").code == 0
        assert judged(run_folder(passed)) == undisturbed

    @pytest.mark.parametrize("keep", [0, 0.6])
    @pytest.mark.parametrize("name", ["training.json", "verdict.json", "candidate.results.jsonl"])
    def test_in_the_run_folder__is_never_promoted(self, evalgate, passed, name, keep):
        damaged(run_folder(passed) / name, keep)
        assert evalgate(passed, "registry", "promote", run_folder(passed)).code == 2
        assert not (passed / "models.yaml").exists()

    @pytest.mark.parametrize("keep", [0, 0.1, 0.6, 0.95])
    def test_of_the_cache__is_asked_again(self, evalgate, passed, undisturbed, keep):
        whole = held(passed / "cache")
        damaged(passed / "cache" / FILE, keep)
        assert evalgate(passed, "run").code == 0
        assert judged(run_folder(passed)) == undisturbed
        assert evalgate(passed, "run").code == 0
        assert held(passed / "cache") == whole, "what was asked again is what had been kept"

    def test_overwritten_in_the_middle_of_the_cache__is_asked_again(self, evalgate, passed, undisturbed):
        content = (passed / "cache" / FILE).read_bytes()
        for begin in range(0, len(content), 4096):
            (passed / "cache" / FILE).write_bytes(content[:begin] + bytes(2048) + content[begin + 2048 :])
            assert evalgate(passed, "run").code == 0, begin
            assert judged(run_folder(passed)) == undisturbed, begin

    @pytest.mark.parametrize(
        "change",
        [
            "value = (SELECT value FROM answers AS other WHERE other.value <> answers.value LIMIT 1)",
            "value = CAST('[\"OWNED\",0,0,null]' AS BLOB)",
            "value = CAST('no JSON' AS BLOB)",
            "origin = 'target'",
        ],
        ids=["that of another", "made up", "no answer at all", "of another origin"],
    )
    def test_answer_in_the_cache_that_was_changed__is_asked_again(self, evalgate, passed, undisturbed, change):
        with closing(sqlite3.connect(passed / "cache" / FILE)) as connection, connection:
            connection.execute(f"UPDATE answers SET {change}")  # noqa: S608  (what the test says)
        ended = evalgate(passed, "run")
        assert ended.code == 0
        assert judged(run_folder(passed)) == undisturbed
        assert generated(ended.err) == 180

    def test_handed_to_the_gate__is_2(self, evalgate, passed):
        base = run_folder(passed) / "base.results.jsonl"
        candidate = damaged(run_folder(passed) / "candidate.results.jsonl", 0.5)
        ended = evalgate(passed, "gate", "--base", base, "--candidate", candidate, "--out", "out")
        assert ended.code == 2
        assert "candidate.results.jsonl:" in ended.err


class TestTamperedAdapter:
    @pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
    def test_one_byte_after_training__is_trained_again_and_never_judged(self, evalgate, passed, undisturbed, name):
        path = run_folder(passed) / "adapter" / name
        path.write_bytes(path.read_bytes().replace(b"refund", b"refunx") + b" ")
        assert evalgate(passed, "run").code == 0
        assert judged(run_folder(passed)) == undisturbed
        assert (
            adapter_digest(path.parent)
            == json.loads((path.parent.parent / "training.json").read_text())["candidate"]["adapter_sha256"]
        )

    def test_asked_as_a_candidate__is_refused(self, evalgate, passed):
        run = run_folder(passed)
        (run / "adapter/adapter_config.json").write_text('{"answers": {}}')
        ended = evalgate(passed, "evaluate", "--variant", f"candidate:{run}", "--out", "x.results.jsonl")
        assert ended.code == 2
        assert "it was changed" in ended.err

    def test_pickle_beside_the_weights__is_refused(self, evalgate, passed):
        run = run_folder(passed)
        (run / "adapter/adapter_model.bin").write_bytes(b"\x80")
        ended = evalgate(passed, "registry", "promote", run)
        assert ended.code == 2
        assert "adapter_model.bin is a pickle, which can run code" in ended.err

    def test_served_by_the_registry__is_no_base(self, evalgate, passed):
        run = run_folder(passed)
        evalgate(passed, "registry", "promote", run)
        evalgate(passed, "registry", "rollout", "f", "--variant", "ft-v1.0.0")
        (config,) = passed.glob("evidence/adapters/*/adapter_config.json")
        config.write_text('{"answers": {}}')
        ended = evalgate(passed, "evaluate", "--variant", "base", "--out", "x.results.jsonl")
        assert ended.code == 2
        assert "it was changed" in ended.err


class TestCompany:
    def test_two_runs_at_once__both_end_well_with_one_set_of_files(self, tmp_path, undisturbed):
        draw(tmp_path, GOOD)
        both = [start(tmp_path, "run", "--format", "json") for _ in range(2)]
        printed = [running.communicate(timeout=60)[0] for running in both]
        assert [running.returncode for running in both] == [0, 0]
        assert printed[0] == printed[1]
        assert judged(run_folder(tmp_path)) == undisturbed
        assert [path.name for path in run_folder(tmp_path).glob(".*")] == [".lock"]

    @pytest.mark.parametrize("arguments", [("run",), ("train", "--out", "{run}")], ids=["run", "train"])
    def test_command_that_must_wait__says_so_and_goes_on_when_it_may(self, passed, arguments):
        run = run_folder(passed)
        with store.only_one(run):
            waiting = start(passed, *(argument.format(run=run) for argument in arguments))
            heard = iter(waiting.stderr.readline, "")
            assert any("another process is at work" in line for line in heard)
        waiting.communicate(timeout=60)
        assert waiting.returncode == 0

    def test_run_that_waited__trains_nothing(self, evalgate, passed, monkeypatch):
        before = files(run_folder(passed) / "adapter")
        monkeypatch.setattr(train_stage, "TRAINERS", {})
        assert evalgate(passed, "run").code == 0
        assert files(run_folder(passed) / "adapter") == before
