"""Which checkpoint a killed training may go on from: a whole one, of this very job."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evalgate.ports import TrainingJob
from evalgate.prompts import prompt_sha256

WHOLE = "whole.json"
"""Written into a checkpoint when it is complete; one without it was cut short and is not read."""
BATCHES = "packs-1"
"""Raise the number when the same job may be cut into other batches: a checkpoint of another way is not resumed."""


class Counters(NamedTuple):
    """What a checkpoint of transformers does not count."""

    tokens_seen: int = 0
    tokens_trained: int = 0
    validation: tuple[tuple[int, float], ...] = ()
    """(step, loss) of every validation on the way."""


def fingerprint(job: TrainingJob) -> str:
    """Digest of all that shapes the training: a checkpoint of another job is never resumed."""
    parts = [BATCHES, job.change.sha256, prompt_sha256(job.prompt), job.settings.model_dump_json(), job.base_sha256]
    return hashlib.sha256("\n".join([*parts, str(job.replay_sha256)]).encode()).hexdigest()


def mark_whole(checkpoint: Path, job: str, counters: Counters) -> None:
    """Say that a checkpoint is complete."""
    (checkpoint / WHOLE).write_text(json.dumps({"job": job, **counters._asdict()}))


def counters_of(checkpoint: Path) -> Counters:
    """What had been counted when the checkpoint was written."""
    note = json.loads((checkpoint / WHOLE).read_text())
    return Counters(note["tokens_seen"], note["tokens_trained"], tuple((step, loss) for step, loss in note["validation"]))


def last_whole(checkpoints: Path, job: str) -> Path | None:
    """The newest complete checkpoint of the job; None where there is none."""
    found = sorted(checkpoints.glob("checkpoint-*"), key=step_of, reverse=True)
    return next((path for path in found if _whole_for(path, job)), None)


def step_of(checkpoint: Path) -> int:
    """The optimiser step at which a checkpoint was written."""
    return int(checkpoint.name.split("-")[1])


def best_step(validation: tuple[tuple[int, float], ...]) -> int | None:
    """The step with the lowest validation loss, the earliest of equals; None for no validation."""
    return min(validation, key=lambda point: (point[1], point[0]))[0] if validation else None


def out_of_patience(validation: tuple[tuple[int, float], ...], patience: int | None) -> bool:
    """True when the last `patience` validations brought no better loss than was there before."""
    best = best_step(validation)
    return patience is not None and best is not None and sum(step > best for step, _ in validation) >= patience


def keep_weights(checkpoints: Path, step: int, weights: Mapping[str, Any]) -> None:
    """Keep the trained weights of a step, whole or not at all."""
    from safetensors.torch import save_file

    checkpoints.mkdir(parents=True, exist_ok=True)
    unfinished = checkpoints / "best.unfinished"
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, unfinished)
    unfinished.replace(_best(checkpoints, step))


def kept_weights(checkpoints: Path, step: int) -> dict[str, Any]:
    """The trained weights of a step that were kept."""
    from safetensors.torch import load_file

    return dict(load_file(_best(checkpoints, step)))


def drop_weights(checkpoints: Path, but: int | None) -> None:
    """Let go of weights that are the best no more."""
    for path in checkpoints.glob("best-*.safetensors"):
        if but is None or path != _best(checkpoints, but):
            path.unlink(missing_ok=True)


def drop(checkpoints: Path) -> None:
    """Let go of all checkpoints: the adapter is written."""
    shutil.rmtree(checkpoints, ignore_errors=True)


def _best(checkpoints: Path, step: int) -> Path:
    return checkpoints / f"best-{step}.safetensors"


def _whole_for(checkpoint: Path, job: str) -> bool:
    try:
        return bool(json.loads((checkpoint / WHOLE).read_text())["job"] == job)
    except (OSError, ValueError, KeyError):
        return False
