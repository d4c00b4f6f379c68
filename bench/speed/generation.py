"""P5: how long base and candidate take to answer all cases, beside bare `model.generate` over the same batches.

    .venv/bin/python -P bench/speed/generation.py [--cases 240|1000] [--repeat 5] [--dtype auto|float32]

One process, weights loaded and warmed up before any clock starts, both ways in turn, the order turned round with every
repetition. Batches are EvalGate's own. `generate` is given the adapter merged, greedy decoding, the same end and the same
limit; its parameters ask for gradients, which spares it a slow path of the language-model head on CPU. The figure with the
target verifies no drafts: what pays is the shared prompt and rows that leave early. With drafts, as they are by default,
stands beside it.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from evalgate.models.generation import Question, batches
from evalgate.models.transformers_model import Side, TransformersPanel, load_panel
from evalgate.ports import Asked
from evalgate.prompts import question_tokens
from evalgate.records.evaluate_policy import Evaluation
from evalgate.records.evaluation import Decoding
from evalgate.records.suite import Message
from evalgate.stages.workspace import base_weights, open_workspace, read_prompt
from speed.figure import figure, ratios, tell
from speed.timed import machine
from speed.workplace import FEATURE, MAX_NEW_TOKENS, SIZES, Workplace, workplace

SIDES = ("base", "candidate")
LEAST_ALIKE = 0.99
Texts = dict[tuple[str, int], str]
"""(side, number of the case) -> what was answered."""


def asked_of(place: Workplace) -> list[Asked]:
    """Every case to both sides, with what is expected as a draft."""
    return [
        Asked(side, (Message(role="user", content=case["input"]),), json.dumps(case["expected"]))
        for side in SIDES
        for case in place.golden()
    ]


def ours(panel: TransformersPanel, asked: list[Asked]) -> Texts:
    """The panel's answers."""
    each = len(asked) // len(SIDES)
    answers = panel.answer(asked, Decoding(max_new_tokens=MAX_NEW_TOKENS))
    return {(asked[answer.place].side, answer.place % each): answer.text or "" for answer in answers}


def bare(networks: dict[str, Any], tokenizer: Any, cut: list[list[Question]]) -> Texts:
    """What `model.generate` gives over the same batches."""
    found: Texts = {}
    stop = tokenizer.eos_token_id
    for batch in cut:
        longest = max(len(question.ids) for question in batch)
        ids = torch.tensor([[stop] * (longest - len(q.ids)) + q.ids for q in batch])  # (B, T)
        mask = torch.tensor([[0] * (longest - len(q.ids)) + [1] * len(q.ids) for q in batch])  # (B, T)
        for side, network in networks.items():
            with torch.inference_mode():
                out = network.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    max_new_tokens=MAX_NEW_TOKENS,
                    do_sample=False,
                    eos_token_id=stop,
                    pad_token_id=stop,
                )  # (B, T + t)
            for question, text in zip(batch, tokenizer.batch_decode(out[:, longest:], skip_special_tokens=True), strict=True):
                found[side, question.place] = text
    return found


def bare_networks(place: Workplace, dtype: torch.dtype) -> dict[str, Any]:
    """Base and candidate as anybody would load them, the adapter merged."""

    def base() -> Any:
        folder = place.dense(str(dtype).removeprefix("torch."))
        return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True).eval()

    candidate = PeftModel.from_pretrained(base(), str(place.adapter), local_files_only=True).merge_and_unload().eval()
    return {"base": base(), "candidate": candidate.requires_grad_()}


def timed(work: Callable[[], Texts]) -> tuple[float, Texts]:
    """(seconds, what came of it)."""
    begun = time.perf_counter()
    texts = work()
    return time.perf_counter() - begun, texts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, choices=sorted(SIZES), default=240)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--dtype", choices=("auto", "float32"), default="auto")
    args = parser.parse_args()
    told = machine()
    place = workplace(args.cases, dtype=args.dtype)
    workspace = open_workspace(place.folder / "evalgate.yaml", FEATURE)
    weights, prompt = base_weights(workspace, place.cache), read_prompt(workspace)
    sides = {"base": Side(None, prompt), "candidate": Side(place.adapter, prompt)}
    asked = asked_of(place)

    def panel(drafts: bool) -> TransformersPanel:
        chosen: Evaluation = workspace.feature.evaluate.model_copy(update={"drafts": drafts})
        return load_panel(weights, sides, chosen, cache=place.cache)

    plain, drafting = panel(False), panel(True)
    dtype = torch.float32 if args.dtype == "float32" else torch.bfloat16
    networks = bare_networks(place, dtype)
    tokenizer = AutoTokenizer.from_pretrained(place.dense("bfloat16"), local_files_only=True)
    each = len(asked) // len(SIDES)
    questions = [Question(number, question_tokens(tokenizer, prompt, one.turns)) for number, one in enumerate(asked[:each])]
    evaluation = workspace.feature.evaluate
    cut = batches(questions, 0, rows=evaluation.batch_rows, tokens=10**9)
    ways: dict[str, Callable[[], Texts]] = {
        "evalgate": lambda: ours(plain, asked),
        "generate": lambda: bare(networks, tokenizer, cut),
        "drafts": lambda: ours(drafting, asked),
    }
    ours(plain, asked[:32]), bare(networks, tokenizer, cut[:1])  # kernels are built for the first time
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    texts: dict[str, Texts] = {}
    for number in range(args.repeat):
        for name in list(ways) if number % 2 == 0 else list(reversed(ways)):
            took, texts[name] = timed(ways[name])
            seconds[name].append(took)
            print(f"  {name}: {took:.1f} s", file=sys.stderr)
    found, agreed = [], {}
    for name, most in (("evalgate", 0.70), ("drafts", None)):
        same = sum(texts[name][key].strip() == text.strip() for key, text in texts["generate"].items()) / len(texts["generate"])
        agreed[name] = scores_alike(place, texts[name], texts["generate"])
        note = f"{agreed[name]:.1%} of scores and {same:.1%} of texts the same"
        counts = agreed[name] >= LEAST_ALIKE and (args.dtype != "float32" or same >= LEAST_ALIKE)
        what = "drafts verified" if name == "drafts" else "no drafts"
        told_as = f"P5 wall / bare generate, {args.cases} cases, {what}"
        found.append(figure(told_as, ratios(seconds[name], seconds["generate"]), most=most, note=note, counts=counts))
    found += [figure(f"seconds: {name}", values) for name, values in seconds.items()]
    used = {"cases": args.cases, "batch_rows": evaluation.batch_rows, "dtype": str(dtype), "threads": torch.get_num_threads()}
    return tell(found, {"bench": "generation", "machine": told, "settings": used})


def scores_alike(place: Workplace, mine: Texts, others: Texts) -> float:
    """Share of the answers that are right in both or wrong in both."""
    golden = place.golden()

    def right(text: str, number: int) -> bool:
        try:
            return bool(json.loads(text) == golden[number]["expected"])
        except ValueError:
            return False

    return sum(right(mine[key], key[1]) == right(others[key], key[1]) for key in others) / len(others)


if __name__ == "__main__":
    sys.exit(main())
