"""How a candidate is trained: the `train` part of the policy."""

from typing import Any, Literal

from pydantic import Field, model_validator

from evalgate.records.base import Record


class Lora(Record):
    """LoRA settings; `alpha` and `dropout` are peft.LoraConfig's lora_alpha and lora_dropout."""

    r: int = Field(default=16, ge=1, le=1024, description="rank of the adapter")
    alpha: int = Field(default=32, ge=1, description="scale numerator; the update is scaled by alpha / r")
    dropout: float = Field(
        default=0.0, ge=0.0, lt=1.0, description="dropout on the adapter's input; above 0 rows do not share a prompt"
    )
    target_modules: str | tuple[str, ...] = Field(default="all-linear", description="modules that get an adapter")
    more: dict[str, Any] = Field(default_factory=dict, description="further fields of peft.LoraConfig, e.g. use_rslora")


class Replay(Record):
    """General rows that are trained beside the dataset's, against forgetting."""

    path: str = Field(min_length=1, description="folder with one JSONL file of rows, or the file")
    share: float = Field(default=0.1, gt=0, le=0.5, description="share of all trained rows that are replayed ones")


class Train(Record):
    """How a candidate is trained."""

    provider: Literal["peft", "scripted"] = Field(default="peft", description="who trains")
    method: Literal["lora", "rslora", "dora", "qlora", "full"] = Field(
        default="lora", description="what is trained: an adapter of a kind, or every weight"
    )
    epochs: int = Field(default=3, ge=1, le=100, description="passes over the rows, unless max_steps ends it first")
    max_steps: int | None = Field(default=None, ge=1, description="optimiser steps at most")
    batch_rows: int = Field(default=8, ge=1, description="rows that go through the model together")
    batch_tokens: int | None = Field(
        default=None,
        ge=16,
        description="tokens that go through the model together, a shared prompt counted once; else batch_rows",
    )
    accumulate: int = Field(default=1, ge=1, le=4096, description="batches whose gradients make one step")
    checkpointing: bool = Field(default=False, description="compute activations twice to hold fewer of them")
    learning_rate: float = Field(default=1e-3, gt=0, lt=1, description="peak learning rate, then linear decay; full: try 2e-5")
    warmup_share: float = Field(default=0.05, ge=0, lt=1, description="share of the steps that warm up")
    validation_share: float = Field(default=0.05, ge=0, le=0.5, description="share of the rows kept for validation loss")
    validate_every: float | None = Field(
        default=None, gt=0, description="validation loss is taken every so many steps; below 1: a share of the run"
    )
    patience: int | None = Field(
        default=None, ge=1, description="training ends when so many validations in a row brought no better loss"
    )
    keep: Literal["best", "last"] = Field(
        default="best", description="whose weights are kept where validate_every is set: the best validation loss's or the last"
    )
    max_tokens: int = Field(default=1024, ge=8, description="longest row in tokens; a longer one is an error")
    seed: int = Field(default=17, ge=0, description="seed of order, split and initial weights")
    lora: Lora = Field(default_factory=Lora, description="LoRA settings")
    replay: Replay | None = Field(default=None, description="general rows against forgetting")
    workers: int = Field(
        default=1,
        ge=1,
        le=4096,
        description="processes that share a step, each with a batch of its own; one process does theirs in turn",
    )
    cpus_per_worker: float = Field(default=1, gt=0, description="processors of each worker on a cluster")
    gpus_per_worker: float = Field(default=0, ge=0, description="cards of each worker on a cluster")
    storage: str | None = Field(
        default=None, description="where checkpoints outlive a machine of a cluster: a folder that all see, s3://, gs://"
    )
    shard: Literal["none", "fsdp"] = Field(default="none", description="fsdp: workers hold parts of a model larger than a card")

    @model_validator(mode="after")
    def _validation_is_possible(self) -> "Train":
        if self.validate_every is not None and self.validate_every > 1 and self.validate_every != int(self.validate_every):
            raise ValueError(f"validate_every is {self.validate_every}: a share below 1, or a whole number of steps")
        if self.validate_every is not None and not self.validation_share:
            raise ValueError("validate_every needs validation rows: set validation_share")
        if self.patience is not None and self.validate_every is None:
            raise ValueError("patience counts validations: set validate_every")
        return self

    @property
    def parts(self) -> int:
        """Batches whose gradients make one step, over all workers."""
        return self.accumulate * self.workers

    @property
    def rows_a_step(self) -> int | None:
        """Rows whose gradients make one step; None where tokens are counted instead."""
        return None if self.batch_tokens is not None else self.batch_rows * self.parts
