"""LoRA on transformers.Trainer and PEFT: from rows to an adapter, on one machine.

Reads top to bottom: rows become tokens, tokens are split, the base gets an adapter, the Trainer trains it, the adapter
is written whole.
"""

import difflib
import json
import math
import os
import shutil
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed

from evalgate.errors import NotMeasured, PolicyError
from evalgate.ports import Progress, TrainingJob
from evalgate.prompts import TrainingTokens, prompt_sha256
from evalgate.records.policy import Lora
from evalgate.records.training import Candidate, LossPoint, TrainingRun
from evalgate.training.checkpoints import Counters, counters_of, fingerprint, last_whole, mark_whole, step_of
from evalgate.training.rows import as_dicts, shared_length, split, tokenise
from evalgate.training.shared_prefix import IGNORED, batch_loss, collate, contiguous_head
from evalgate.weights import adapter_digest

CHECKPOINTS = "checkpoints"
ADAPTER = "adapter"


def train(job: TrainingJob, folder: Path, *, network: Any, tokenizer: Any, progress: Progress) -> TrainingRun:
    """Train an adapter into `folder`/adapter and say how it went; goes on from the last whole checkpoint.

    Raises:
        DatasetError: a row has nothing to train on or is too long.
        PolicyError: a LoRA setting does not exist.
        NotMeasured: training failed; there is no candidate.
    """
    config = lora_config(job.settings.lora)
    trained, validated = split(tokenise(job, tokenizer), job.settings.validation_share, job.settings.seed)
    set_seed(job.settings.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between peft and transformers, nothing that a user could mend
        model = get_peft_model(network, config)
    contiguous_head(model)
    checkpoints, this_job = folder / CHECKPOINTS, fingerprint(job)
    resumed = last_whole(checkpoints, this_job)
    trainer = _LoraTrainer(job, trained, validated, model=model, checkpoints=checkpoints, filler=tokenizer.eos_token_id)
    trainer.remove_callback(PrinterCallback)  # it prints on stdout, which belongs to machine output
    watcher = _Watcher(trainer, this_job, progress)
    trainer.add_callback(watcher)
    started = time.monotonic()
    validation = [LossPoint(step=0, loss=trainer.validation_loss())] if validated else []
    set_seed(job.settings.seed)
    _run(trainer, resumed)
    steps = trainer.state.global_step
    if validated:
        validation.append(LossPoint(step=steps, loss=trainer.validation_loss()))
    adapter = _write_adapter(model, job.base_model, folder / ADAPTER)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return TrainingRun(
        provider="peft",
        change=job.change,
        prompt_sha256=prompt_sha256(job.prompt),
        candidate=Candidate(
            base_model=job.base_model, base_sha256=job.base_sha256, adapter=ADAPTER, adapter_sha256=adapter_digest(adapter)
        ),
        hyperparameters=_hyperparameters(job, trainer),
        seed=job.settings.seed,
        rows_trained=len(trained),
        rows_validated=len(validated),
        steps=steps,
        tokens_seen=trainer.counted.tokens_seen,
        tokens_trained=trainer.counted.tokens_trained,
        loss=tuple(LossPoint(step=e["step"], loss=e["loss"]) for e in trainer.state.log_history if "loss" in e),
        validation_loss=tuple(validation),
        resumed_from_step=step_of(resumed) if resumed else None,
        seconds=round(time.monotonic() - started, 1),
        versions={name: version(name) for name in ("torch", "transformers", "peft", "accelerate")},
    )


def _run(trainer: Trainer, resumed: Path | None) -> None:
    """Train; what breaks on the way (memory, disk, a kernel) is no verdict on the data."""
    try:
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    except (RuntimeError, OSError) as error:
        why = str(error).splitlines()[0] if str(error) else ""
        raise NotMeasured(
            f"training stopped at step {trainer.state.global_step}: {type(error).__name__}: {why}; there is no candidate. "
            "Out of memory: lower train.batch_rows or train.max_tokens. Full disk: make room. Then run again, it goes on"
        ) from error


def lora_config(lora: Lora) -> LoraConfig:
    """PEFT's own configuration.

    Raises:
        PolicyError: `train.lora.more` names a field that peft.LoraConfig does not have, or a value that it refuses.
    """
    known = set(LoraConfig.__dataclass_fields__)
    unknown = [key for key in lora.more if key not in known]
    if unknown:
        raise PolicyError(*(f"train.lora.more: peft.LoraConfig has no field {key!r}{_meant(key, known)}" for key in unknown))
    targets = lora.target_modules if isinstance(lora.target_modules, str) else list(lora.target_modules)
    settings = {"r": lora.r, "lora_alpha": lora.alpha, "lora_dropout": lora.dropout, "target_modules": targets}
    try:
        return LoraConfig(task_type="CAUSAL_LM", **{**settings, **lora.more})
    except (TypeError, ValueError) as error:
        raise PolicyError(f"train.lora: peft.LoraConfig refuses it: {error}") from error


def _meant(key: str, known: set[str]) -> str:
    close = difflib.get_close_matches(key, sorted(known), n=1)
    return f": did you mean {close[0]!r}?" if close else ""


class _LoraTrainer(Trainer):
    """transformers.Trainer with the shared-prefix loss; its batches, schedule, checkpoints and resume are its own."""

    def __init__(
        self,
        job: TrainingJob,
        trained: list[TrainingTokens],
        validated: list[TrainingTokens],
        *,
        model: Any,
        checkpoints: Path,
        filler: int,
    ) -> None:
        self.counted = Counters()
        prefix = shared_length([*trained, *validated])
        rows = {"train_dataset": as_dicts(trained), "eval_dataset": as_dicts(validated) or None}
        super().__init__(
            model=model,
            args=_arguments(job, len(trained), checkpoints, mixed=next(model.parameters()).dtype == torch.bfloat16),
            data_collator=lambda batch: collate([TrainingTokens(b["input_ids"], b["trained"]) for b in batch], prefix, filler),
            **rows,
        )

    def compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **more: Any) -> Any:
        """Mean cross-entropy over the batch's assistant tokens; a batch is a step, so nothing is left to normalise."""
        if model.training:
            repeated = (len(inputs["labels"]) - 1) * inputs["prefix_ids"].shape[1]
            seen = int(inputs["attention_mask"].sum()) - repeated
            trained = int((inputs["labels"] != IGNORED).sum())
            self.counted = Counters(self.counted.tokens_seen + seen, self.counted.tokens_trained + trained)
        loss = batch_loss(model, inputs)
        return (loss, {}) if return_outputs else loss

    def validation_loss(self) -> float:
        """Mean cross-entropy over the validation rows, in nats a token."""
        return float(self.evaluate()["eval_loss"])


class _Watcher(TrainerCallback):
    """Shows progress, stops at a loss that is no number, and marks whole checkpoints."""

    def __init__(self, trainer: _LoraTrainer, job: str, progress: Progress) -> None:
        self._trainer = trainer
        self._job = job
        self._progress = progress

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step:
            self._trainer.counted = counters_of(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if logs and not math.isfinite(logs.get("loss", 0.0)):
            raise NotMeasured(
                f"training: the loss became {logs['loss']} at step {state.global_step}: lower train.learning_rate "
                f"({args.learning_rate}) or look at the rows of that step; there is no candidate"
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._progress("training", state.global_step, state.max_steps)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        mark_whole(Path(args.output_dir) / f"checkpoint-{state.global_step}", self._job, self._trainer.counted)


def _arguments(job: TrainingJob, rows: int, checkpoints: Path, *, mixed: bool) -> TrainingArguments:
    settings = job.settings
    steps = math.ceil(rows / settings.batch_rows) * settings.epochs
    steps = min(steps, settings.max_steps or steps)
    return TrainingArguments(
        output_dir=str(checkpoints),
        per_device_train_batch_size=settings.batch_rows,
        per_device_eval_batch_size=settings.batch_rows,
        max_steps=steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        bf16=mixed,  # the base computes in bfloat16, the adapter's master weights stay float32
        warmup_steps=math.ceil(steps * settings.warmup_share),
        train_sampling_strategy="group_by_length",
        seed=settings.seed,
        data_seed=settings.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=max(2, math.ceil(steps / 8)),
        save_total_limit=2,
        eval_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        label_names=["labels"],
        prediction_loss_only=True,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=False,
    )


def _write_adapter(model: Any, base_model: str, folder: Path) -> Path:
    """Save the adapter as safetensors, without this machine's paths, whole or not at all."""
    unfinished = folder.with_name(folder.name + ".unfinished")
    for old in (unfinished, folder):
        shutil.rmtree(old, ignore_errors=True)
    model.peft_config["default"].base_model_name_or_path = base_model
    model.save_pretrained(unfinished, safe_serialization=True, save_embedding_layers=False)
    for path in unfinished.iterdir():
        if path.name not in ("adapter_model.safetensors", "adapter_config.json"):
            path.unlink()
    config = json.loads((unfinished / "adapter_config.json").read_text())
    ordered = {key: sorted(value) if key == "target_modules" else value for key, value in sorted(config.items())}
    (unfinished / "adapter_config.json").write_text(json.dumps(ordered, indent=2))  # peft writes a set in any order
    os.replace(unfinished, folder)  # noqa: PTH105
    return folder


def _hyperparameters(job: TrainingJob, trainer: Trainer) -> dict[str, Any]:
    chosen = ("max_steps", "per_device_train_batch_size", "learning_rate", "lr_scheduler_type", "warmup_steps", "optim")
    return {
        "settings": job.settings.model_dump(mode="json"),
        **{name: getattr(trainer.args, name) for name in chosen},
        "lr_scheduler_type": str(trainer.args.lr_scheduler_type.value),
        "optim": str(trainer.args.optim.value),
        "weight_decay": trainer.args.weight_decay,
        "max_grad_norm": trainer.args.max_grad_norm,
        "sampling": "group_by_length",
        "dtype": str(next(trainer.model.parameters()).dtype).removeprefix("torch."),
    }
