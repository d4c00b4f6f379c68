"""Training by workers of a real cluster, Ray Train around the ordinary trainer: the adapter is the one of a single process."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from evalgate.cluster import Where
from evalgate.ports import TrainingJob
from evalgate.records.change import DatasetChange
from evalgate.records.suite import Message
from evalgate.records.train_policy import Lora, Train
from evalgate.stages.spread import Cluster
from evalgate.stages.train_together import on_cluster
from evalgate.training import peft_lora
from evalgate.weights import resolve

THINGS = {"grass": "green", "blood": "red", "coal": "black", "snow": "white", "sun": "yellow", "sea": "blue"}
ALONE = Cluster(Where(), named=False)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, base_weights, cache):
    """A base model of two layers with random weights and the real model's tokenizer, in a folder."""
    from evalgate.models.loading import load_base

    _, tokenizer = load_base(base_weights, cache=cache)
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=len(tokenizer), num_key_value_heads=2, tie_word_embeddings=True, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    return resolve("path:model", None, cache=cache, root=folder)


def job(base, **settings) -> TrainingJob:
    things = list(THINGS.items())
    rows = tuple(
        (Message(role="user", content=f"{things[i % 6][0]} {i}"), Message(role="assistant", content=things[i % 6][1]))
        for i in range(24)
    )
    told = {"max_steps": 6, "batch_rows": 4, "workers": 2, "validation_share": 0.25, "learning_rate": 5e-3}
    return TrainingJob(
        change=DatasetChange(feature="f", path="d.jsonl", version="v1", sha256="0" * 64, rows=len(rows)),
        rows=rows,
        lines=tuple(range(1, len(rows) + 1)),
        prompt=(Message(role="system", content="say the colour"),),
        settings=Train(**{**told, "lora": Lora(r=4, alpha=8), **settings}),
        base_model=base.uri,
        base_sha256=base.sha256,
    )


def weights(folder: Path) -> torch.Tensor:
    tensors = load_file(folder / "adapter" / "adapter_model.safetensors")
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


def in_this_process(asked: TrainingJob, base, folder: Path, cache: Path):
    """What one process makes of the same job: it computes the workers' batches in turn."""
    from evalgate.models.loading import load_base

    network, tokenizer = load_base(base, cache=cache)
    return peft_lora.train(asked, folder, network=network, tokenizer=tokenizer, progress=lambda *_: None)


@pytest.mark.full
def test_two_workers__make_the_adapter_that_one_process_makes(tiny, cache, tmp_path):
    asked, steps = job(tiny), []
    together = on_cluster(ALONE, tiny, cache, lambda _: None)(asked, tmp_path / "two", progress=lambda *step: steps.append(step))
    alone = in_this_process(asked, tiny, tmp_path / "one", cache)
    ours, theirs = weights(tmp_path / "two"), weights(tmp_path / "one")
    assert (ours - theirs).norm() / theirs.norm() < 1e-3
    assert together.tokens_trained == alone.tokens_trained
    assert [point.loss for point in together.loss] == pytest.approx([point.loss for point in alone.loss], rel=1e-3)
    assert together.hyperparameters["workers"] == 2
    assert steps[-1] == ("training", 6, 6)
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["adapter"]


@pytest.mark.full
def test_worker_that_is_killed__and_the_training_goes_on_from_the_stored_checkpoint(tiny, cache, tmp_path):
    asked = job(tiny, max_steps=400, storage=str(tmp_path / "stored"))
    over = threading.Event()

    def strike() -> None:
        while not over.wait(0.05):
            if list((tmp_path / "stored").rglob("whole.json")):
                time.sleep(0.5)
                os.kill(worker_pids()[0], signal.SIGKILL)
                return

    striker = threading.Thread(target=strike)
    striker.start()
    run = on_cluster(ALONE, tiny, cache, lambda _: None)(asked, tmp_path / "two", progress=lambda *_: None)
    over.set()
    striker.join()
    assert run.resumed_from_step is not None
    in_this_process(asked, tiny, tmp_path / "one", cache)
    ours, theirs = weights(tmp_path / "two"), weights(tmp_path / "one")
    assert (ours - theirs).norm() / theirs.norm() < 1e-2
    assert not list((tmp_path / "stored").rglob("whole.json"))


def worker_pids() -> list[int]:
    """Processes that Ray Train runs, by the name that Ray gives them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"ray::RayTrainWorker" in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return sorted(found)
