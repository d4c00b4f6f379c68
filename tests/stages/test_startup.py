"""Commands that a workflow calls often start at once, and without anything heavy."""

import os
import resource
import subprocess
import sys

import pytest
from commands import Ended
from drawn_workspace import GOOD, draw
from test_gate_command import write_results

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "safetensors",
    "huggingface_hub",
    "gguf",
    "ray",
    "openai",
    "boto3",
    "github",
)
WITHOUT_HEAVY = f"""
import sys
sys.modules.update(dict.fromkeys({HEAVY!r}))
from evalgate.cli.main import main
main(sys.argv[1:])
"""
"""Whoever imports a module that is None in sys.modules gets an ImportError, as if it were not installed."""

GATE = ("gate", "--base", "base.results.jsonl", "--candidate", "candidate.results.jsonl", "--out", "out")
ROLLBACK = ("registry", "rollback", "rolled")
REGISTRY = f"""\
version: 1
features:
  f:
    default: base
    variants:
      base: {{model: m, base_model: {{uri: m, sha256: {"a" * 64}}}, prompt_sha256: {"b" * 64}}}
  rolled:
    default: ft
    variants:
      base: {{model: m, base_model: {{uri: m, sha256: {"a" * 64}}}, prompt_sha256: {"b" * 64}}}
      ft:
        model: adapter
        base_model: {{uri: m, sha256: {"a" * 64}}}
        prompt_sha256: {"b" * 64}
        judged_against: base
        flag: {{name: rolled-ft, on: false, share: 1.0}}
"""


@pytest.fixture(scope="module")
def hundred_cases(tmp_path_factory):
    """A workspace with results of a hundred cases and a registry."""
    folder = tmp_path_factory.mktemp("hundred")
    (folder / "evalgate.yaml").write_text("version: 1\nfeatures: {f: {buckets: [intent], gate: {max_bucket_drop: 0.1}}}\n")
    (folder / "models.yaml").write_text(REGISTRY)
    for number, side in enumerate(("base", "candidate")):
        write_results(folder / f"{side}.results.jsonl", side, "refund: -+*30 ++*20 | bill: -+*30 ++*20", number)
    return folder


def without_heavy(folder, *arguments):
    environment = {**os.environ, "EVALGATE_CACHE": str(folder / "cache")}
    command = [sys.executable, "-P", "-c", WITHOUT_HEAVY, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


def processor_seconds(folder, *arguments):
    """What the command needs of a processor: its wall time on a machine that has nothing else to do."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert without_heavy(folder, *arguments).code == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("command", [GATE, ("registry", "resolve", "f"), ROLLBACK], ids=["gate", "resolve", "rollback"])
def test_start__takes_less_than_a_second_and_nothing_heavy(hundred_cases, command):
    needed = []
    for _ in range(5):  # a busy machine only ever adds to it
        (hundred_cases / "models.yaml").write_text(REGISTRY)
        needed.append(processor_seconds(hundred_cases, *command))
    assert min(needed) < 1.0


@pytest.mark.parametrize("command", [("check",), ("run",), ("registry", "--help"), ("--help",), ("run", "--help")], ids=" ".join)
def test_everything_but_the_models_themselves__runs_without_heavy_packages(tmp_path, command):
    draw(tmp_path, GOOD)
    assert without_heavy(tmp_path, *command).code == 0


def test_a_datasets_folder_in_the_workspace__passes_for_no_library(tmp_path):
    draw(tmp_path, GOOD)
    (tmp_path / "click.py").write_text("raise SystemExit(99)")
    environment = {**os.environ, "EVALGATE_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-m", "evalgate", "check"], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0


def test_hub_model__is_not_measured_where_the_hub_client_is_not_installed(tmp_path):
    draw(tmp_path, GOOD, base_model=f"hf:org/name@{'0' * 40}")
    ended = without_heavy(tmp_path, "run")
    assert ended.code == 3
    assert "evalgate-ft[local]" in ended.err


def test_scripted_base_trained_by_peft__is_not_measured_where_torch_is_not_installed(tmp_path):
    draw(tmp_path, GOOD, train={"provider": "peft"})
    ended = without_heavy(tmp_path, "run")
    assert ended.code == 3
    assert "evalgate-ft[local]" in ended.err
