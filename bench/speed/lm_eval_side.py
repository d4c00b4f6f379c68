"""lm-eval on the same cases: a task of its own with the same prompt, the same weights, the same limit on tokens."""

import json
from pathlib import Path
from typing import NamedTuple

from speed.timed import Took, took
from speed.workplace import MAX_NEW_TOKENS, ROOT, Workplace

PYTHON = ROOT / ".others" / "bin" / "python"
TASK = """\
task: clinc
dataset_path: json
dataset_kwargs: {{data_files: {{test: {cases}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{input}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["<|im_end|>"], do_sample: false, max_gen_toks: {tokens}}}
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
metadata: {{version: 1}}
"""
BATCHES = (8, 16, 32, 64, 128)


class Asked(NamedTuple):
    """One run of lm-eval."""

    took: Took
    texts: dict[str, str]
    """Case id -> what the model answered."""


def ask(place: Workplace, *, candidate: bool, batch: int, dtype: str) -> Asked:
    """One whole process of lm-eval's `hf` backend on the base, or on base and adapter."""
    folder = place.folder / "lm_eval"
    out = folder / "out"
    _write_task(place, folder)
    for old in out.rglob("*.json*"):
        old.unlink()
    weights = f"pretrained={place.dense(dtype)},dtype={dtype}" + (f",peft={place.adapter}" if candidate else "")
    command = [
        PYTHON, "-P", "-m", "lm_eval", "run", "--model", "hf", "--model_args", weights, "--tasks", "clinc",
        "--include_path", folder, "--apply_chat_template", "--system_instruction", place.system, "--device", "cpu",
        "--batch_size", batch, "--log_samples", "--output_path", out,
    ]  # fmt: skip
    done = took(command, folder, {"HF_DATASETS_CACHE": str(folder / "datasets"), "LMEVAL_LOG_LEVEL": "ERROR"})
    samples = next(out.rglob("samples_clinc_*.jsonl")).read_text().splitlines()
    told = [json.loads(line) for line in samples]
    return Asked(done, {one["doc"]["id"]: one["resps"][0][0] for one in told})


def best_batch(place: Workplace, *, candidate: bool, dtype: str) -> tuple[int, dict[int, float]]:
    """(the batch size that was fastest on these cases, seconds of each), searched once and kept beside the workspace."""
    kept = place.folder / "lm_eval" / f"batch-{'candidate' if candidate else 'base'}-{dtype}.json"
    if not kept.exists():
        seconds: dict[int, float] = {}
        for batch in BATCHES:
            seconds[batch] = round(ask(place, candidate=candidate, batch=batch, dtype=dtype).took.wall, 2)
            if seconds[batch] > 1.15 * min(seconds.values()):
                break  # from here on padding only grows
        kept.write_text(json.dumps(seconds))
    found = {int(batch): wall for batch, wall in json.loads(kept.read_text()).items()}
    return min(found, key=lambda batch: found[batch]), found


def _write_task(place: Workplace, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    cases = folder / "cases.jsonl"
    lines = [{"id": c["id"], "input": c["input"], "answer": json.dumps(c["expected"])} for c in place.golden()]
    cases.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "clinc.yaml").write_text(TASK.format(cases=cases, tokens=MAX_NEW_TOKENS))
