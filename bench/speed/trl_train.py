"""One training by TRL's SFTTrainer, in the environment that TRL is installed in: `python -P trl_train.py JOB.json`.

A job holds rows that are tokens already, in the order in which they are trained, and what both sides are given: LoRA,
learning rate, warm-up, steps and rows a step. All else is TRL's default, or what `more` names. What it says goes to stdout
as JSON; nothing of EvalGate is imported.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from trl import SFTConfig, SFTTrainer

from datasets import Dataset


class Counting(SFTTrainer):
    """SFTTrainer that counts the tokens on which it takes the loss."""

    trained = 0

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **more: Any) -> Any:
        self.trained += int((inputs["labels"][:, 1:] != -100).sum())
        return super().compute_loss(model, inputs, *args, **more)


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    tokenizer = AutoTokenizer.from_pretrained(job["model"], local_files_only=True)
    network = AutoModelForCausalLM.from_pretrained(job["model"], dtype=getattr(torch, job["dtype"]), local_files_only=True)
    set_seed(job["seed"])
    model = get_peft_model(network, LoraConfig(task_type="CAUSAL_LM", **job["lora"]))
    trainer = Counting(
        model=model,
        args=SFTConfig(
            output_dir=job["out"],
            per_device_train_batch_size=job["batch_rows"],
            max_steps=job["steps"],
            learning_rate=job["learning_rate"],
            warmup_steps=job["warmup_steps"],
            train_sampling_strategy="sequential",
            completion_only_loss=True,  # TRL's own default for rows of prompt and completion; these are tokens already
            seed=job["seed"],
            use_cpu=not torch.cuda.is_available(),  # without a card bf16 is refused unless this is said
            report_to=[],
            disable_tqdm=True,
            **job["more"],
        ),
        train_dataset=Dataset.from_list(job["rows"]),
        processing_class=tokenizer,
    )
    begun = time.perf_counter()
    trainer.train()
    trained = time.perf_counter() - begun
    trainer.save_model(job["out"])
    args = trainer.args
    told = {
        "seconds": trained,
        "tokens_trained": trainer.trained,
        "steps": trainer.state.global_step,
        "dtype": job["dtype"],
        "bf16": args.bf16,
        "gradient_checkpointing": args.gradient_checkpointing,
        "optim": str(args.optim.value),
        "versions": {name: version(name) for name in ("trl", "transformers", "peft", "torch")},
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
