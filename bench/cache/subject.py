"""What is asked in the mutation matrix: a tiny random Llama with an adapter, six cases, and a scorer of our own.

The tokenizer is that of SmolLM2, from the folder of dense weights that `evalgate` keeps; the network has two layers and
random weights, so that a run takes a second. What it answers is nonsense, and always the same nonsense.
"""

import json
import shutil
from pathlib import Path

CASES = 6
TOKENS = 8
MODEL, RUN = "model", "runs/r1"
OWN = """\
def score(case, output):
    return len(output) % 7 / 7
"""
PROMPT = "Answer in one word.\n"


def build(folder: Path, tokenizer: Path) -> Path:
    """The subject in `folder`, unsealed."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(6)
    known = AutoTokenizer.from_pretrained(tokenizer, local_files_only=True)
    config = LlamaConfig(
        vocab_size=len(known),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        initializer_range=0.2,
        bos_token_id=known.bos_token_id,
        eos_token_id=known.eos_token_id,
        pad_token_id=known.pad_token_id,
    )
    network = LlamaForCausalLM(config)
    network.save_pretrained(folder / MODEL)
    known.save_pretrained(folder / MODEL)
    _adapter(network, folder / RUN / "adapter")
    write_golden(folder, [case(number) for number in range(CASES)])
    (folder / "prompts").mkdir()
    (folder / "prompts/f.md").write_text(PROMPT)
    (folder / "own.py").write_text(OWN)
    write_policy(folder)
    return folder


def _adapter(network: object, folder: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(network, LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, tensor in adapted.named_parameters():
            if "lora_" in name:
                tensor.copy_(torch.randn(tensor.shape) * 0.5)
    adapted.save_pretrained(folder, save_embedding_layers=False)
    adapted.unload()


def case(number: int) -> dict[str, object]:
    return {"id": f"c-{number}", "input": f"Question {number}, of {number * 7} words?", "expected": {"n": number}}


def golden(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "golden/f/cases.jsonl").read_text().splitlines()]


def write_golden(folder: Path, cases: list[dict[str, object]]) -> None:
    (folder / "golden/f").mkdir(parents=True, exist_ok=True)
    (folder / "golden/f/cases.jsonl").write_text("".join(json.dumps(one) + "\n" for one in cases))


def write_policy(folder: Path, *, model: str = MODEL, **evaluate: object) -> None:
    feature = {
        "base_model": f"path:{model}",
        "prompt": "prompts/f.md",
        "golden": "golden/f",
        "scorers": {"primary": "python:own.py:score"},
        "evaluate": {"max_new_tokens": TOKENS, "dtype": "float32", **evaluate},
    }
    (folder / "evalgate.yaml").write_text(json.dumps({"version": 1, "features": {"f": feature}}))


def fresh(master: Path, place: Path) -> Path:
    """The subject as it was built, at the place where it always lies."""
    shutil.rmtree(place, ignore_errors=True)
    return shutil.copytree(master, place)
