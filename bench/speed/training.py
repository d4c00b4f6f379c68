"""P6: trainable tokens a second of `evalgate train`, beside TRL's SFTTrainer on the same rows in the same order.

    .venv/bin/python -P bench/speed/training.py [--steps 80] [--repeat 5]

8 rows a step of the 8 banking intents, LoRA of rank 16 on all linear layers, the same seed and the same learning rate on all
sides. TRL gets the rows as tokens, with the answers marked, so that nobody's tokens differ and TRL need not tokenise; the
order is what EvalGate planned. Columns: TRL's defaults (weights in float32, bf16 autocast, gradient checkpointing), and the
settings that were fastest for it here, without checkpointing, searched once over dtype and autocast. Clocks run from the
first step to the written adapter on our side, over `trainer.train()` alone on TRL's. The losses on the validation split are
computed by one code, in float32 (`validation.py`).
"""

import argparse
import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from evalgate.prompts import TrainingTokens, training_tokens
from evalgate.records.policy import Train
from evalgate.records.suite import Message
from evalgate.stages.workspace import open_workspace, read_prompt
from evalgate.training.batches import Lengths, plan
from speed.figure import Figure, figure, ratios, tell
from speed.timed import Took, machine, took
from speed.workplace import BENCH, EVALGATE, FEATURE, ROOT, Workplace, dataset_rows, validation_rows, workplace

PYTHON = ROOT / ".others" / "bin" / "python"
DEFAULTS: dict[str, Any] = {"dtype": "float32", "more": {}}
"""The dtype that weights are loaded in, and what else is no default of SFTConfig."""
SEARCHED: tuple[dict[str, Any], ...] = tuple(
    {"dtype": dtype, "more": {"gradient_checkpointing": False, "bf16": autocast}}
    for dtype in ("float32", "bfloat16")
    for autocast in (True, False)
)
"""Among what the best settings are searched, once; activations need no saving at this size."""
SEARCH_STEPS = 8
WITHIN = 0.005
"""Share by which the validation losses may differ."""


class Trained(NamedTuple):
    """One training."""

    seconds: float
    tokens: int
    took: Took
    adapter: Path
    told: dict[str, Any]

    @property
    def speed(self) -> float:
        """Trainable tokens a second."""
        return self.tokens / self.seconds


def tokens_of(place: Workplace, rows: list[dict[str, Any]]) -> list[TrainingTokens]:
    """The rows as both sides train them."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(place.dense("bfloat16"), local_files_only=True)
    prompt = read_prompt(open_workspace(place.folder / "evalgate.yaml", FEATURE))
    turns = [tuple(Message.model_validate(turn) for turn in row["messages"]) for row in rows]
    return [training_tokens(tokenizer, prompt, one, f"row {number}") for number, one in enumerate(turns)]


def policy_of(place: Workplace, steps: int) -> Train:
    """Write a workspace beside the place's whose training has that many steps; its settings."""
    folder = BENCH / "scratch" / "train"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(place.folder, folder, ignore=shutil.ignore_patterns("trained", "lm_eval", "runs"))
    text = (folder / "evalgate.yaml").read_text()
    (folder / "evalgate.yaml").write_text(text.replace("max_steps: 80", f"max_steps: {steps}"))
    return open_workspace(folder / "evalgate.yaml", FEATURE).feature.train


def ours(place: Workplace) -> Trained:
    """`evalgate train`, anew."""
    folder = BENCH / "scratch" / "train"
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [EVALGATE, "train", "--out", out, "--format", "json"]
    done = took(command, folder, {"EVALGATE_CACHE": str(place.cache)})
    told = json.loads((out / "training.json").read_text())
    return Trained(told["seconds"], told["tokens_trained"], done, out / "adapter", told["hyperparameters"])


def theirs(place: Workplace, settings: Train, ordered: list[TrainingTokens], more: dict[str, Any]) -> Trained:
    """SFTTrainer on the rows in our order, with TRL's defaults but for `more`."""
    folder = BENCH / "scratch" / ("trl-best" if more["more"] else "trl-defaults")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    steps = len(ordered) // settings.batch_rows
    lora = settings.lora
    job = {
        "model": str(place.dense("bfloat16")),
        "rows": [{"input_ids": row.ids, "completion_mask": [int(hit) for hit in row.trained]} for row in ordered],
        "out": str(folder / "out"),
        "batch_rows": settings.batch_rows,
        "steps": steps,
        "learning_rate": settings.learning_rate,
        "warmup_steps": math.ceil(steps * settings.warmup_share),
        "seed": settings.seed,
        "lora": {"r": lora.r, "lora_alpha": lora.alpha, "lora_dropout": lora.dropout, "target_modules": lora.target_modules},
        **more,
    }
    (folder / "job.json").write_text(json.dumps(job))
    done = took([PYTHON, "-P", Path(__file__).with_name("trl_train.py"), folder / "job.json"], folder, {})
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return Trained(told["seconds"], told["tokens_trained"], done, folder / "out", told)


def best_settings(place: Workplace, settings: Train, ordered: list[TrainingTokens]) -> tuple[dict[str, Any], list[Any]]:
    """(what was fastest for TRL in a few steps, seconds of everything tried), searched once and kept in the workplace."""
    kept = place.folder / "trl-best.json"
    if not kept.exists():
        rows = ordered[: SEARCH_STEPS * settings.batch_rows]
        kept.write_text(json.dumps([[theirs(place, settings, rows, more).seconds, more] for more in SEARCHED]))
    tried = json.loads(kept.read_text())
    return min(tried, key=lambda one: one[0])[1], tried


def figures(runs: dict[str, list[Trained]], losses: dict[str, float]) -> list[Figure]:
    """Our speed by TRL's in either column; the defaults have the target."""
    found = []
    speeds = {name: [one.speed for one in done] for name, done in runs.items()}
    walls = {name: [one.took.wall for one in done] for name, done in runs.items()}
    for column in ("defaults", "best settings"):
        apart = losses["evalgate"] / losses[column] - 1
        told = f"validation loss {losses['evalgate']:.5f}, TRL's {losses[column]:.5f} ({apart:+.2%})"
        equal = abs(apart) <= WITHIN
        least = 2.5 if column == "defaults" else None
        name = f"P6 trainable tokens a second / TRL's {column}"
        found.append(figure(name, ratios(speeds["evalgate"], speeds[column]), least=least, note=told, counts=equal))
        found.append(figure(f"whole process / TRL's {column}", ratios(walls["evalgate"], walls[column])))
    found += [figure(f"trainable tokens a second: {name}", values) for name, values in speeds.items()]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    if not PYTHON.exists():
        sys.exit(f"{PYTHON} is missing: `make .others/.installed` puts TRL there")
    told = machine()
    place = workplace(240)
    settings = policy_of(place, args.steps)
    rows = tokens_of(place, dataset_rows(place))
    steps = plan(Lengths([len(row.ids) for row in rows], 0, alike=False), settings)
    ordered = [rows[number] for step in steps for batch in step for number in batch]
    best, tried = best_settings(place, settings, ordered)
    columns = {"defaults": DEFAULTS, "best settings": best}
    runs: dict[str, list[Trained]] = {name: [] for name in ("evalgate", *columns)}
    for number in range(args.repeat):
        names = list(runs) if number % 2 == 0 else list(reversed(runs))
        for name in names:
            runs[name].append(ours(place) if name == "evalgate" else theirs(place, settings, ordered, columns[name]))
            one = runs[name][-1]
            print(f"  {name}: {one.seconds:.1f} s of training, {one.took.wall:.1f} s in all", file=sys.stderr)
    held_back = tokens_of(place, validation_rows(place))
    from speed.validation import validation_loss

    losses = {name: validation_loss(place.dense("bfloat16"), done[-1].adapter, held_back) for name, done in runs.items()}
    said = {name: done[-1].told for name, done in runs.items()}
    tokens = {name: done[-1].tokens for name, done in runs.items()}
    more = {"rows_validated": len(held_back), "losses": losses, "tokens_trained": tokens, "settings": said, "searched": tried}
    return tell(figures(runs, losses), {"bench": "training", "machine": told, "steps": args.steps, **more})


if __name__ == "__main__":
    sys.exit(main())
