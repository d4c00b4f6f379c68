"""Which checkpoint a killed training may go on from: a whole one, of this very job."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from evalgate.ports import TrainingJob
from evalgate.prompts import prompt_sha256

WHOLE = "whole.json"
"""Written into a checkpoint when it is complete; one without it was cut short and is not read."""


class Counters(NamedTuple):
    """What a checkpoint of transformers does not count."""

    tokens_seen: int = 0
    tokens_trained: int = 0


def fingerprint(job: TrainingJob) -> str:
    """Digest of all that shapes the training: a checkpoint of another job is never resumed."""
    parts = [job.change.sha256, prompt_sha256(job.prompt), job.settings.model_dump_json(), job.base_sha256]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def mark_whole(checkpoint: Path, job: str, counters: Counters) -> None:
    """Say that a checkpoint is complete."""
    (checkpoint / WHOLE).write_text(json.dumps({"job": job, **counters._asdict()}))


def counters_of(checkpoint: Path) -> Counters:
    """What had been counted when the checkpoint was written."""
    note = json.loads((checkpoint / WHOLE).read_text())
    return Counters(note["tokens_seen"], note["tokens_trained"])


def last_whole(checkpoints: Path, job: str) -> Path | None:
    """The newest complete checkpoint of the job; None where there is none."""
    found = sorted(checkpoints.glob("checkpoint-*"), key=step_of, reverse=True)
    return next((path for path in found if _whole_for(path, job)), None)


def step_of(checkpoint: Path) -> int:
    """The optimiser step at which a checkpoint was written."""
    return int(checkpoint.name.split("-")[1])


def _whole_for(checkpoint: Path, job: str) -> bool:
    try:
        return bool(json.loads((checkpoint / WHOLE).read_text())["job"] == job)
    except (OSError, ValueError, KeyError):
        return False
