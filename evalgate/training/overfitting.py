"""What a training's figures warn of; pure."""

from collections.abc import Sequence

from evalgate.records.training import LossPoint

MANY_PASSES = 10.0
"""Passes over the rows from which any dataset is learnt by heart rather than understood."""
FEW_ROWS = 100
FEW_ROWS_PASSES = 5.0
"""The same for fewer than `FEW_ROWS` rows."""
RISE = 1.02
"""A validation loss has risen when it is so many times its lowest."""


def passes(steps: int, rows_seen: int, rows: int) -> float:
    """How often each row was trained on, on average; 0 for no rows or no step."""
    return rows_seen / rows if rows and steps else 0.0


def warnings_of(rows: int, seen: float, loss: Sequence[LossPoint], validation: Sequence[LossPoint]) -> tuple[str, ...]:
    """What whoever reads the verdict should know: many passes over few rows, a validation loss that rose.

    Args:
        rows: Rows in the training split.
        seen: Passes over them.
        loss: The training loss of each step.
        validation: Validation losses, the first before the first step.
    """
    return tuple(warning for warning in (_many_passes(rows, seen), _rose(loss, validation)) if warning is not None)


def _many_passes(rows: int, seen: float) -> str | None:
    limit = FEW_ROWS_PASSES if rows < FEW_ROWS else MANY_PASSES
    if seen <= limit:
        return None
    return (
        f"overfitting: each of the {rows} rows was trained on {seen:.1f} times, more than {limit:.0f}: lower train.epochs or "
        "train.max_steps, or add rows"
    )


def _rose(loss: Sequence[LossPoint], validation: Sequence[LossPoint]) -> str | None:
    """Said when the validation loss is above its lowest while the training loss went on falling."""
    if len(validation) < 3:
        return None
    lowest, last = min(validation, key=lambda point: point.loss), validation[-1]
    if last.loss <= lowest.loss * RISE or _mean(loss, lowest.step, last.step) >= _mean(loss, 0, lowest.step):
        return None
    return (
        f"overfitting: the validation loss rose from {lowest.loss:.3f} at step {lowest.step} to {last.loss:.3f} at step "
        f"{last.step} while the training loss fell: set train.patience, or train for fewer steps"
    )


def _mean(loss: Sequence[LossPoint], after: int, until: int) -> float:
    """Mean training loss of the steps in (after, until]; infinite for none."""
    losses = [point.loss for point in loss if after < point.step <= until]
    return sum(losses) / len(losses) if losses else float("inf")
