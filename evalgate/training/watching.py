"""What is done between two steps: progress, a stop where the loss is no number, validation, and marks on checkpoints."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from transformers import TrainerCallback

from evalgate.errors import NotMeasured
from evalgate.ports import Progress
from evalgate.training import checkpoints
from evalgate.training.checkpoints import Counters

MOST_NAMED = 8
"""Rows that a message names."""


class Watch(NamedTuple):
    """What is asked of the trainer that is watched, and what of the policy."""

    job: str
    """Fingerprint of the job."""
    total: Callable[[], Counters]
    """What was counted so far, over all workers; every worker asks at the same time."""
    resume: Callable[[Counters], None]
    """Go on counting from there."""
    validate: Callable[[], float]
    """The validation loss, computed by all workers together."""
    weights: Callable[[], dict[str, Any]]
    """What is trained, by name."""
    rows_of: Callable[[int], list[str]]
    """Where the rows of a step stand, steps counted from 1."""
    every: int | None
    """Steps from one validation to the next."""
    patience: int | None
    keep_best: bool


class Watcher(TrainerCallback):
    """See the module."""

    def __init__(self, watch: Watch, progress: Progress) -> None:
        self._watch = watch
        self._progress = progress
        self.validation: tuple[tuple[int, float], ...] = ()
        self.ran_out = False
        """True when training ended because no better loss came."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Take up the counters of the checkpoint that is gone on from."""
        if state.global_step:
            counted = checkpoints.counters_of(Path(args.output_dir) / f"checkpoint-{state.global_step}")
            self.validation = counted.validation
            self._watch.resume(counted)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Stop where the loss or its gradient is no number."""
        told = {name: logs[name] for name in ("loss", "grad_norm") if name in (logs or {})}
        if all(math.isfinite(value) for value in told.values()):
            return
        rows = self._watch.rows_of(state.global_step)
        more = f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
        raise NotMeasured(
            f"training: the loss became {told.get('loss')} at step {state.global_step} "
            f"(gradient norm {told.get('grad_norm')}): "
            f"lower train.learning_rate ({args.learning_rate}) or look at the rows of that step: "
            f"{', '.join(rows[:MOST_NAMED])}{more}; there is no candidate"
        )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Show progress; validate where it is time, and write a checkpoint that knows of it."""
        self._progress("training", state.global_step, state.max_steps)
        every = self._watch.every
        if every is None or (state.global_step % every and state.global_step != state.max_steps):
            return
        self.validation = (*self.validation, (state.global_step, self._watch.validate()))
        if self._watch.keep_best and checkpoints.best_step(self.validation) == state.global_step:
            weights = self._watch.weights()
            if state.is_world_process_zero:
                checkpoints.keep_weights(Path(args.output_dir), state.global_step, weights)
        self.ran_out = checkpoints.out_of_patience(self.validation, self._watch.patience)
        control.should_training_stop |= self.ran_out
        control.should_save = not self.ran_out  # what goes on from a checkpoint takes a step before it can stop

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the checkpoint as whole; what was the best before is not needed any more."""
        counted = self._watch.total()._replace(validation=self.validation)
        if state.is_world_process_zero:
            folder = Path(args.output_dir)
            checkpoints.mark_whole(folder / f"checkpoint-{state.global_step}", self._watch.job, counted)
            checkpoints.drop_weights(folder, but=checkpoints.best_step(self.validation))
