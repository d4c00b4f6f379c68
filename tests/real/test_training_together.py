"""Claims about processes that train together: the adapter is the one of a single process that sees all their rows."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from drawn_training import Characters, job, llama, silent
from safetensors.torch import load_file

from evalgate.records.training import TrainingRun
from evalgate.training.peft_lora import train

HERE = Path(__file__).parent
JOBS = {
    "lora": {},
    "accumulation and validation": {"accumulate": 2, "validate_every": 2},
    "full": {"method": "full", "learning_rate": 1e-3},
    "checkpointing and a last step with few rows": {"checkpointing": True, "rows": 21, "max_steps": None, "epochs": 2},
}
TOO_FEW_BATCHES = {"workers": 3}


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """(folder, what each of two processes says of each job)."""
    folder = tmp_path_factory.mktemp("two")
    jobs = {name: {"batch_rows": 4, "workers": 2, **more} for name, more in {**JOBS, "too few": TOO_FEW_BATCHES}.items()}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(free.getsockname()[1]),
            "WORLD_SIZE": "2",
            "LOCAL_WORLD_SIZE": "2",
        }
    processes = [
        subprocess.Popen(
            [sys.executable, str(HERE / "training_worker.py"), str(folder), json.dumps(jobs)],
            env={**os.environ, **place, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=200) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said[0][1][-3000:] + said[1][1][-3000:]
    of_rank = [[line for line in out.splitlines() if line.startswith("{")] for out, _ in said]
    return folder, {name: [lines[i] for lines in of_rank] for i, name in enumerate(jobs)}


def weights(folder):
    tensors = load_file(folder / "adapter" / "adapter_model.safetensors")
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


@pytest.mark.parametrize("name", JOBS)
def test_two_processes__make_the_adapter_that_one_makes_of_twice_the_rows(name, together, tmp_path):
    folder, said = together
    apart = [TrainingRun.model_validate_json(line) for line in said[name]]
    asked = job(**{"batch_rows": 8, **JOBS[name]})
    whole = train(asked, tmp_path, network=llama(), tokenizer=Characters(), progress=silent)
    ours, theirs = weights(folder / name), weights(tmp_path)
    assert (ours - theirs).norm() / theirs.norm() < 1e-4
    assert apart[0].candidate == apart[1].candidate
    assert apart[0].tokens_trained == apart[1].tokens_trained == whole.tokens_trained
    for rank in apart:
        assert [p.loss for p in rank.loss] == pytest.approx([p.loss for p in whole.loss], rel=1e-4)
        assert [p.step for p in rank.validation_loss] == [p.step for p in whole.validation_loss]
        assert [p.loss for p in rank.validation_loss] == pytest.approx([p.loss for p in whole.validation_loss], rel=1e-4)
    assert sorted(p.name for p in (folder / name).iterdir()) == ["adapter"]


def test_processes__that_cannot_share_a_step_are_told_so(together):
    for line in together[1]["too few"]:
        assert "2 workers cannot share the 3 batches of a step" in json.loads(line)["error"]
