"""Fine-tuning on transformers.Trainer and PEFT: from rows to an adapter, on one machine or as one of several processes.

Reads top to bottom: rows become tokens, tokens are split, steps are planned, the base gets an adapter, the Trainer trains
it, the adapter is written whole. As one of several processes (torch.distributed) each computes its batches of a step; the
first writes.
"""

import math
import time
from contextlib import AbstractContextManager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainingArguments, set_seed

from evalgate.errors import NotMeasured, PolicyError
from evalgate.ports import Progress, TrainingJob
from evalgate.prompts import TrainingTokens, prompt_sha256
from evalgate.records.train_policy import Train
from evalgate.records.training import Candidate, LossPoint, TrainingRun
from evalgate.training import checkpoints, shared_prefix
from evalgate.training.batches import Lengths, Step, every, in_batches, plan
from evalgate.training.checkpoints import Counters, best_step, fingerprint, last_whole, step_of
from evalgate.training.methods import Prepared, prepare, write_adapter
from evalgate.training.overfitting import passes, warnings_of
from evalgate.training.rows import Split, read_rows, shared_length
from evalgate.training.watching import Watch, Watcher
from evalgate.weights import adapter_digest

CHECKPOINTS = "checkpoints"
ADAPTER = "adapter"


def train(job: TrainingJob, folder: Path, *, network: Any, tokenizer: Any, progress: Progress) -> TrainingRun:
    """Train an adapter into `folder`/adapter and say how it went; goes on from the last whole checkpoint.

    Raises:
        DatasetError: a row has nothing to train on or is too long.
        PolicyError: a LoRA setting does not exist, or the workers do not divide a step.
        NotMeasured: training failed, or this machine cannot do it; there is no candidate.
    """
    rows = read_rows(job, tokenizer)
    set_seed(job.settings.seed)
    prepared = prepare(network, job.settings)
    places, this_job = folder / CHECKPOINTS, fingerprint(job)
    trainer = _Trainer(job.settings, rows, prepared, places=places, filler=tokenizer.eos_token_id)
    watch = Watch(
        job=this_job,
        total=trainer.total,
        resume=trainer.resume_counting,
        validate=trainer.validation_loss,
        weights=trainer.weights,
        rows_of=lambda step: [rows.where[place] for batch in trainer.steps[step - 1] for place in batch],
        every=every(job.settings, len(trainer.steps)) if rows.validated else None,
        patience=job.settings.patience,
        keep_best=job.settings.keep == "best",
    )
    watcher = Watcher(watch, progress)
    trainer.remove_callback(PrinterCallback)  # it prints on stdout, which belongs to machine output
    trainer.add_callback(watcher)
    started = time.monotonic()
    before = [LossPoint(step=0, loss=trainer.validation_loss())] if rows.validated else []
    resumed = _agreed(trainer, last_whole(places, this_job))
    set_seed(job.settings.seed)
    _run(trainer, resumed)
    steps = trainer.state.global_step
    kept = steps
    if watch.every is not None and watch.keep_best:
        kept = best_step(watcher.validation) or steps
    validation = [*before, *(LossPoint(step=step, loss=loss) for step, loss in watcher.validation)]
    if validation and validation[-1].step != steps:
        validation.append(LossPoint(step=steps, loss=trainer.validation_loss()))
    counted, digest = trainer.total(), _write(trainer, prepared, job, folder, kept)
    loss = tuple(LossPoint(step=e["step"], loss=e["loss"]) for e in trainer.state.log_history if "loss" in e)
    own = len(rows.trained) - rows.replayed
    seen = sum(place < own for step in trainer.steps[:steps] for batch in step for place in batch)
    return TrainingRun(
        provider="peft",
        change=job.change,
        prompt_sha256=prompt_sha256(job.prompt),
        candidate=Candidate(base_model=job.base_model, base_sha256=job.base_sha256, adapter=ADAPTER, adapter_sha256=digest),
        hyperparameters=_hyperparameters(job, trainer),
        seed=job.settings.seed,
        rows_trained=len(rows.trained),
        rows_validated=len(rows.validated),
        rows_replayed=rows.replayed,
        replay_sha256=job.replay_sha256,
        steps=steps,
        kept_step=kept,
        ended="patience" if watcher.ran_out else "steps",
        tokens_seen=counted.tokens_seen,
        tokens_trained=counted.tokens_trained,
        loss=loss,
        validation_loss=tuple(validation),
        warnings=warnings_of(own, passes(steps, seen, own), loss, validation),
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
            "Out of memory: lower train.batch_rows or train.max_tokens, or set train.checkpointing. Full disk: make room. "
            "Then run again, it goes on"
        ) from error


class _Trainer(Trainer):
    """transformers.Trainer on planned batches; its optimiser, schedule, checkpoints and resume are its own.

    An item of its dataset is a batch, so its batches have one item each.
    """

    def __init__(self, settings: Train, rows: Split, prepared: Prepared, *, places: Path, filler: int) -> None:
        model = prepared.model
        plain = model if prepared.start is not None else model.get_base_model()
        known = [*rows.trained, *rows.validated]
        with torch.autocast(plain.device.type, torch.bfloat16, enabled=prepared.mixed):
            self.not_shared = shared_prefix.why_not_shared(plain, known, filler)
        most = shared_prefix.most_packed(plain)
        self._lay = partial(shared_prefix.packed, most=most, filler=filler)
        if self.not_shared is not None:
            self._lay = partial(shared_prefix.plain, filler=filler)
        self._rows = rows
        self._mixed = prepared.mixed
        self._before = self._counted = Counters()
        self.steps = plan(self._lengths(rows.trained), settings)
        self._looks = in_batches(self._lengths(rows.validated), settings) if rows.validated else []
        if self.not_shared is None and plain.device.type == "cpu":
            self._choose_attention(plain)
        shared_prefix.contiguous_head(model)
        super().__init__(
            model=model,
            args=_arguments(settings, self.steps, places, mixed=prepared.mixed),
            train_dataset=[batch for step in self.steps for batch in step],
            data_collator=lambda items: self._lay([rows.trained[place] for place in items[0]]),
        )
        self.model_accepts_loss_kwargs = self.loss_is_scaled_for_ga = True  # the step's trained tokens are counted for us
        self._loss_shifts_labels = False

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Cross-entropy over the batch's assistant tokens, as a share of the step's mean.

        Every worker's batches count by their tokens: the sum is divided by the tokens of the whole step, and multiplied by
        the number of workers, whose gradients are averaged.
        """
        seen, trained = self._counted.tokens_seen, self._counted.tokens_trained
        counted = shared_prefix.tokens_of(inputs) if len(inputs["labels"]) else 0
        self._counted = Counters(seen + counted, trained + len(inputs["labels"]))
        loss = shared_prefix.summed_loss(model, inputs) * (self.args.world_size / num_items_in_batch)
        return (loss, {}) if return_outputs else loss

    def validation_loss(self) -> float:
        """Mean cross-entropy over the validation rows' assistant tokens, in nats; all workers share the work.

        Raises:
            NotMeasured: it is no number.
        """
        cut = self.is_fsdp_enabled  # then every forward pass is one of all workers together
        mine = self._looks if cut else self._looks[self.args.process_index :: self.args.world_size]
        model = self.model_wrapped if cut else self.model
        model.eval()
        total = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        with torch.no_grad(), self._autocast():
            for places in mine:
                batch = self._prepare_inputs(self._lay([self._rows.validated[place] for place in places]))
                total += torch.stack([shared_prefix.summed_loss(model, batch).double(), total.new_tensor(len(batch["labels"]))])
        model.train()
        loss, tokens = (total if cut else self.accelerator.reduce(total, "sum")).tolist()
        if not math.isfinite(loss):
            raise NotMeasured(
                f"training: the validation loss became {loss} at step {self.state.global_step}: at step 0 the base is broken, "
                f"later lower train.learning_rate ({self.args.learning_rate}); there is no candidate"
            )
        return float(loss / tokens)

    def weights(self) -> dict[str, Any]:
        """What is trained, by name, whole; every worker asks at the same time."""
        asked = {name for name, weight in self.model.named_parameters() if weight.requires_grad}
        state = (
            self.accelerator.get_state_dict(self.model_wrapped) if self.is_fsdp_enabled else dict(self.model.named_parameters())
        )
        return {name: tensor for name, tensor in state.items() if name in asked}

    def total(self) -> Counters:
        """What all workers counted; every worker asks at the same time."""
        mine = torch.tensor(self._counted[:2], device=self.args.device)
        seen, trained = self.accelerator.reduce(mine, "sum").tolist()
        return Counters(self._before.tokens_seen + seen, self._before.tokens_trained + trained)

    def resume_counting(self, counted: Counters) -> None:
        """Count on from a checkpoint's figures."""
        self._before = counted

    def _lengths(self, rows: list[TrainingTokens]) -> Lengths:
        shared = shared_length(rows) if rows and self.not_shared is None else 0
        return Lengths([len(row.ids) - shared for row in rows], shared, alike=self.not_shared is not None)

    def _choose_attention(self, network: Any) -> None:
        """On a CPU, plain products over short packs are faster than the fused kernel; over long ones they take memory."""
        first = self._lay([self._rows.trained[place] for place in self.steps[0][0]])["input_ids"]
        if network.config._attn_implementation == "sdpa" and first.shape[1] <= shared_prefix.DENSE_ATTENTION:
            network.set_attn_implementation("eager")

    def _autocast(self) -> AbstractContextManager[Any]:
        context: AbstractContextManager[Any] = torch.autocast(self.args.device.type, torch.bfloat16, enabled=self._mixed)
        return context


def _arguments(settings: Train, steps: list[Step], places: Path, *, mixed: bool) -> TrainingArguments:
    cut: dict[str, Any] = {"fsdp": True, "fsdp_config": {"version": 2}} if settings.shard == "fsdp" else {}
    arguments = TrainingArguments(
        output_dir=str(places),
        per_device_train_batch_size=1,  # planned batches: see _Trainer
        train_sampling_strategy="sequential",
        max_steps=len(steps),
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        bf16=mixed,  # the base computes in bfloat16, what is trained is kept in float32
        warmup_steps=math.ceil(len(steps) * settings.warmup_share),
        activation_checkpointing=settings.checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False} if settings.checkpointing else None,
        seed=settings.seed,
        data_seed=settings.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=max(2, math.ceil(len(steps) / 8)),
        save_total_limit=2,
        eval_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=False,
        ddp_find_unused_parameters=False,
        **cut,
    )
    batches, workers = settings.parts, arguments.world_size
    if batches % workers:
        raise PolicyError(
            f"train: {workers} workers cannot share the {batches} batches of a step (train.workers x train.accumulate): "
            f"set train.workers to {workers}, or start as many as it says"
        )
    arguments.gradient_accumulation_steps = batches // workers
    arguments._n_gpu = min(1, arguments.n_gpu)  # a process uses one card; several cards are several processes
    return arguments


def _agreed(trainer: _Trainer, mine: Path | None) -> Path | None:
    """The checkpoint that all workers see.

    Raises:
        NotMeasured: they see different ones.
    """
    step = torch.tensor([step_of(mine) if mine else 0], device=trainer.args.device)
    found = set(trainer.accelerator.gather(step).tolist())
    if len(found) > 1:
        raise NotMeasured(
            f"training: the workers see checkpoints of different steps ({sorted(found)}): put them where all see them, "
            "train.storage, or remove them and train anew"
        )
    return mine


def _write(trainer: _Trainer, prepared: Prepared, job: TrainingJob, folder: Path, kept: int) -> str:
    """Write the adapter, the first worker for all; its digest, known to all."""
    state = trainer.weights() if trainer.is_fsdp_enabled else None
    told = [""]
    if trainer.is_world_process_zero():
        if kept != trainer.state.global_step:
            best = checkpoints.kept_weights(folder / CHECKPOINTS, kept)
            if state is None:
                prepared.model.load_state_dict(best, strict=False)
            else:
                state = best
        told = [adapter_digest(write_adapter(prepared, state, job.base_model, folder / ADAPTER))]
        checkpoints.drop(folder / CHECKPOINTS)
    if trainer.args.world_size > 1:
        torch.distributed.broadcast_object_list(told, src=0, device=trainer.args.device)
    return told[0]


def _hyperparameters(job: TrainingJob, trainer: _Trainer) -> dict[str, Any]:
    chosen = ("max_steps", "learning_rate", "warmup_steps", "weight_decay", "max_grad_norm", "gradient_accumulation_steps")
    return {
        "settings": job.settings.model_dump(mode="json"),
        **{name: getattr(trainer.args, name) for name in chosen},
        "lr_scheduler_type": str(trainer.args.lr_scheduler_type.value),
        "optim": str(trainer.args.optim.value),
        "sampling": "at random" if trainer.not_shared is None else "at random, like lengths together",
        "shared_prompt": trainer.not_shared or "computed once a batch",
        "workers": trainer.args.world_size,
        "dtype": str(next(trainer.model.parameters()).dtype).removeprefix("torch."),
    }
