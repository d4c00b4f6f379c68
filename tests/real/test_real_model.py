"""Claims about the real model: answers, gradients, training, and what is refused."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from contextlib import closing, suppress
from pathlib import Path

import pytest
import small_workspaces
from safetensors.torch import load_file, save_file

from evalgate import registry
from evalgate.errors import DatasetError, NotMeasured, PolicyError, RegistryError
from evalgate.models.generation import Limits, Question, answer_batch, batches
from evalgate.models.loading import load_base
from evalgate.models.networks import put_adapter
from evalgate.models.shared_attention import Opening, can_share, open_with
from evalgate.ports import TrainingJob
from evalgate.prompts import opening_tokens, parse_prompt, question_tokens, training_tokens
from evalgate.records.change import DatasetChange
from evalgate.records.suite import Message
from evalgate.records.train_policy import Lora, Train
from evalgate.records.training import TrainingRun
from evalgate.weights import adapter_digest, resolve

ROOT = Path(__file__).resolve().parents[2]
PROMPT = parse_prompt("Say the colour.\n## user\nsky\n## assistant\nblue\n", "prompt.md")
COLOURS = {"grass": "green", "blood": "red", "coal": "black", "snow": "white", "sun": "yellow", "sea": "blue"}


def turns(question, answer=None):
    asked = [Message(role="user", content=question)]
    return tuple(asked if answer is None else [*asked, Message(role="assistant", content=answer)])


def job(base_weights, **settings):
    rows = tuple(turns(f"{thing} {i}", colour) for i in range(4) for thing, colour in COLOURS.items())
    change = DatasetChange(feature="f", path="d.jsonl", version="v1", sha256="0" * 64, rows=len(rows))
    told = Train(**{"max_steps": 6, "batch_rows": 4, "lora": Lora(r=4, alpha=8), **settings})
    return TrainingJob(change, rows, tuple(range(1, len(rows) + 1)), PROMPT, told, base_weights.uri, base_weights.sha256)


def silent(*_):
    pass


@pytest.mark.parametrize("drafted", [True, False])
def test_answers__batches_with_a_shared_prompt_equal_transformers_own_greedy_search(base, drafted):
    import torch

    network, tokenizer = base[0].float(), base[1]
    asked = ["grass", "what is the colour of a very ripe banana in the evening?", "coal", "x"]
    questions = [Question(i, question_tokens(tokenizer, PROMPT, turns(text))) for i, text in enumerate(asked)]
    theirs = {}
    for question in questions:
        alone = network.generate(torch.tensor([question.ids]), do_sample=False, max_new_tokens=12)[
            0, len(question.ids) :
        ].tolist()
        theirs[question.place] = alone[: alone.index(tokenizer.eos_token_id)] if tokenizer.eos_token_id in alone else alone
    assert can_share(network)
    opening = open_with(network, opening_tokens(tokenizer, PROMPT))
    assert len(opening.ids) > 10
    if drafted:  # one rightly, one wrongly, one in part, one not at all
        drafts = [theirs[0], [5, 6, 7], [*theirs[2][:2], 9], []]
        ended = [tuple([*draft, tokenizer.eos_token_id] if draft else []) for draft in drafts]
        questions = [question._replace(draft=draft) for question, draft in zip(questions, ended, strict=True)]
    cut = batches(questions, len(opening.ids), rows=3, tokens=4096)
    limits = Limits(tokenizer.eos_token_id, 12)
    ours = {one.place: one for batch in cut for one in answer_batch(network, batch, opening, limits)}
    assert {place: one.ids for place, one in ours.items()} == theirs
    assert all(ours[question.place].tokens_in == len(question.ids) for question in questions)


def test_training_loss__with_a_shared_prompt_has_the_gradient_of_the_plain_loss(base):
    import torch
    from peft import LoraConfig, get_peft_model

    from evalgate.training.shared_prefix import batch_loss, packed

    network, tokenizer = base
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = get_peft_model(network.float(), LoraConfig(r=4, target_modules="all-linear"))
    with torch.no_grad():
        for weights in (p for p in model.parameters() if p.requires_grad):
            weights.add_(torch.randn_like(weights) * 0.01)  # else half of the gradient is zero
    rows = [training_tokens(tokenizer, PROMPT, turns(q, a), "here") for q, a in list(COLOURS.items())[:3]]

    def gradient(loss):
        model.zero_grad()
        loss.backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    ours = gradient(batch_loss(model, packed(rows, 1024, tokenizer.eos_token_id)))
    plain = 0.0
    for row in rows:
        labels = [t if hit else -100 for t, hit in zip(row.ids, row.trained, strict=True)]
        logits = model(input_ids=torch.tensor([row.ids])).logits[0, :-1]
        plain += torch.nn.functional.cross_entropy(logits, torch.tensor(labels[1:]), ignore_index=-100, reduction="sum")
    theirs = gradient(plain / sum(sum(row.trained) for row in rows))
    assert (ours - theirs).norm() / theirs.norm() < 1e-4


def test_rows__are_trained_on_their_answer_and_its_end_of_turn_alone(base):
    tokenizer = base[1]
    row = training_tokens(tokenizer, PROMPT, turns("grass", "green"), "here")
    trained = [token for token, hit in zip(row.ids, row.trained, strict=True) if hit]
    assert tokenizer.decode(trained) == "green<|im_end|>"
    assert "blue<|im_end|>" in tokenizer.decode(row.ids), "the prompt's example is there and not trained"


def test_training__writes_a_safetensors_adapter_that_answers_as_taught(base, base_weights, cache, tmp_path):
    from evalgate.training.peft_lora import train

    run = train(
        job(base_weights, max_steps=12, learning_rate=5e-3), tmp_path, network=base[0], tokenizer=base[1], progress=silent
    )
    assert sorted(p.name for p in (tmp_path / "adapter").iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    assert run.candidate.adapter_sha256 == adapter_digest(tmp_path / "adapter")
    assert str(cache) not in (tmp_path / "adapter" / "adapter_config.json").read_text(), "no path of this machine"
    assert (run.steps, run.rows_trained + run.rows_validated, len(run.loss)) == (12, 24, 12)
    assert run.tokens_trained > 0
    assert run.validation_loss[-1].loss < run.validation_loss[0].loss
    assert TrainingRun.model_validate_json(run.model_dump_json()) == run
    network, tokenizer = load_base(base_weights, cache=cache)
    taught = put_adapter(network, tmp_path / "adapter")
    asked = Question(0, question_tokens(tokenizer, PROMPT, turns("grass 9")))
    answer = next(answer_batch(taught, [asked], Opening([], []), Limits(tokenizer.eos_token_id, 8)))
    assert tokenizer.decode(answer.ids).strip().lower() in {*COLOURS.values()}


def test_adapter__with_missing_or_broken_tensors_is_refused_before_evaluation(base, base_weights, cache, tmp_path):
    from evalgate.training.peft_lora import train

    train(job(base_weights, max_steps=1), tmp_path, network=base[0], tokenizer=base[1], progress=silent)
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    tensors = load_file(file)
    name = sorted(tensors)[0]
    save_file({key: value for key, value in tensors.items() if key != name}, file)
    with pytest.raises(RegistryError, match="1 tensors are missing"):
        put_adapter(load_base(base_weights, cache=cache)[0], tmp_path / "adapter")
    save_file({**tensors, name: tensors[name][:, :-8].contiguous()}, file)
    with pytest.raises(RegistryError, match="of another base model, or of other settings"):
        put_adapter(load_base(base_weights, cache=cache)[0], tmp_path / "adapter")
    save_file({**tensors, name: tensors[name] * float("nan")}, file)
    with pytest.raises(RegistryError, match="NaN or infinity"):
        put_adapter(load_base(base_weights, cache=cache)[0], tmp_path / "adapter")


def test_training__a_loss_that_is_no_number_ends_it_without_a_candidate(base, base_weights, tmp_path):
    import torch

    from evalgate.training.peft_lora import train

    network = base[0]
    with torch.no_grad():
        next(p for n, p in network.named_parameters() if "norm" in n).fill_(float("nan"))
    with pytest.raises(NotMeasured, match=r"the loss became nan at step 1.*no candidate"):
        train(job(base_weights, validation_share=0.0), tmp_path, network=network, tokenizer=base[1], progress=silent)
    assert not (tmp_path / "adapter").exists()


def test_training__settings_that_peft_does_not_have_and_rows_that_are_too_long_are_named(base, base_weights, tmp_path):
    from evalgate.training.peft_lora import train

    with pytest.raises(PolicyError, match="no field 'use_rslor': did you mean 'use_rslora'"):
        train(
            job(base_weights, lora=Lora(more={"use_rslor": True})), tmp_path, network=base[0], tokenizer=base[1], progress=silent
        )
    with pytest.raises(DatasetError) as caught:
        train(job(base_weights, max_tokens=8), tmp_path, network=base[0], tokenizer=base[1], progress=silent)
    assert len(caught.value.problems) == 24
    assert "d.jsonl:1: " in caught.value.problems[0]


def test_training__killed_in_the_middle_goes_on_from_its_checkpoint(cache, tmp_path):
    workspace = small_workspaces.small_workspace(tmp_path / "work", steps=8)
    command = [sys.executable, "-P", "-m", "evalgate", "train", "--out", "run"]
    environment = {**os.environ, "EVALGATE_CACHE": str(cache)}
    first = subprocess.Popen(command, cwd=workspace, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not list(workspace.glob("run/checkpoints/*/whole.json")):
        assert first.poll() is None, "it must still be training when it is killed"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not (workspace / "run" / "training.json").exists()
    second = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    run = json.loads((workspace / "run" / "training.json").read_text())
    assert run["resumed_from_step"] in (2, 4, 6)
    assert run["steps"] == 8
    assert [point["step"] for point in run["loss"]] == list(range(1, 9)), "the loss curve is whole"
    whole = subprocess.run([*command[:-1], "other"], cwd=workspace, env=environment, capture_output=True, text=True, check=False)
    assert whole.returncode == 0, whole.stderr
    other = json.loads((workspace / "other" / "training.json").read_text())
    assert other["tokens_trained"] == run["tokens_trained"]
    assert other["candidate"]["adapter_sha256"] == run["candidate"]["adapter_sha256"], "killed or not, the adapter is the same"


GOLDEN = """\
    golden: golden/colours
    scorers: {primary: exact_text}
    evaluate: {max_new_tokens: 8, dtype: float32, batch_rows: 32}
"""


def test_evaluation__killed_between_two_pieces_goes_on_to_the_same_results(base_weights, cache, tmp_path):
    workspace = small_workspaces.small_workspace(tmp_path / "work", steps=1)
    with (workspace / "evalgate.yaml").open("a") as policy:
        policy.write(GOLDEN)
    asked = [f"{thing} {i}" for i in range(11) for thing in COLOURS][:64]
    cases = [{"id": f"c{i}", "input": text, "expected": COLOURS[text.split()[0]]} for i, text in enumerate(asked)]
    (workspace / "golden/colours").mkdir(parents=True)
    (workspace / "golden/colours/cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    command = [sys.executable, "-P", "-m", "evalgate", "evaluate", "--variant", "base", "--out"]

    def environment(name):
        (tmp_path / name).mkdir()
        for part in ("weights", "dense"):
            (tmp_path / name / part).symlink_to(cache / part)
        return {**os.environ, "EVALGATE_CACHE": str(tmp_path / name)}

    def results(name):
        lines = [json.loads(line) for line in (workspace / name).read_text().splitlines()]
        return [{key: value for key, value in line.items() if key != "latency_ms"} for line in lines]

    killed = environment("killed")
    first = subprocess.Popen([*command, "a.results.jsonl"], cwd=workspace, env=killed, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (kept := answers_in(tmp_path / "killed")):
        assert first.poll() is None, "it must still be asking when it is killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert kept == 32, "one piece is kept whole, the other one not yet"
    assert not (workspace / "a.results.jsonl").exists()
    second = subprocess.run([*command, "a.results.jsonl"], cwd=workspace, env=killed, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    assert answers_in(tmp_path / "killed") == 64
    whole = environment("whole")
    undisturbed = subprocess.run([*command, "b.results.jsonl"], cwd=workspace, env=whole, capture_output=True, check=False)
    assert undisturbed.returncode == 0
    assert results("a.results.jsonl") == results("b.results.jsonl")


def answers_in(folder):
    """How many answers the result cache in a folder holds; 0 where there is none yet."""
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(f"{(folder / 'answers.sqlite').as_uri()}?mode=ro", uri=True)) as connection,
    ):
        return connection.execute("SELECT COUNT(*) FROM answers").fetchone()[0]
    return 0


def test_weights__whose_pin_differs_are_refused(cache, base_weights):
    with pytest.raises(PolicyError, match="pins"):
        resolve(f"path:{base_weights.folder}", "0" * 64, cache=cache, root=ROOT)


def test_models_yaml__names_the_digest_of_the_real_base(base_weights):
    entry = registry.load(ROOT / "models.yaml").features["support-intent"].variants["base"]
    assert entry.base_model.sha256 == base_weights.sha256
