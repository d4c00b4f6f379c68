"""How work goes, as lines in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats."""

from collections.abc import Mapping
from typing import NamedTuple

PREFIX = "evalgate_"


class Figures(NamedTuple):
    """How far the asking of a feature's variants is."""

    cases_answered: int = 0
    """Answers that came in, those that failed counted."""
    cases_failed: int = 0
    """Answers without a text."""
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    """Since the first work was given out."""
    queue_pieces: int = 0
    """Pieces of work that nobody works on."""
    pieces_at_work: int = 0
    pieces_done: int = 0
    workers: int = 0
    """Workers that hold what they need and answer; this process counts as one."""
    workers_starting: int = 0
    retries: int = 0
    """Pieces that were given out again."""
    gpu_memory_bytes: int = 0
    """The most memory of a card that a worker had in use."""


HELP = {
    "cases_answered_total": ("counter", "Answers that came in."),
    "cases_failed_total": ("counter", "Answers without a text."),
    "prompt_tokens_total": ("counter", "Tokens of the questions."),
    "answer_tokens_total": ("counter", "Tokens of the answers."),
    "work_seconds": ("gauge", "Seconds since work began."),
    "cases_per_second": ("gauge", "Answers a second, since work began."),
    "answer_tokens_per_second": ("gauge", "Tokens of answers a second, since work began."),
    "queue_pieces": ("gauge", "Pieces of work that nobody works on."),
    "pieces_at_work": ("gauge", "Pieces of work at workers."),
    "pieces_done_total": ("counter", "Pieces of work whose results are there."),
    "workers": ("gauge", "Workers that answer."),
    "workers_starting": ("gauge", "Workers that wait for room, or load."),
    "piece_retries_total": ("counter", "Pieces of work that were given out again."),
    "gpu_memory_bytes": ("gauge", "The most memory of a card that a worker had in use; 0 without a card."),
}
"""Metric -> its type and what it says; names after Prometheus' conventions."""


def exposition(figures: Figures, labels: Mapping[str, str]) -> str:
    """The figures as Prometheus reads them, each with `labels`, ending in a line feed."""
    values = _values(figures)
    told = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items()))
    lines = []
    for name, (kind, says) in HELP.items():
        lines += [f"# HELP {PREFIX}{name} {says}", f"# TYPE {PREFIX}{name} {kind}", f"{PREFIX}{name}{{{told}}} {values[name]!r}"]
    return "\n".join(lines) + "\n"


def _values(figures: Figures) -> dict[str, float]:
    per_second = 1 / figures.seconds if figures.seconds > 0 else 0.0
    return {
        "cases_answered_total": figures.cases_answered,
        "cases_failed_total": figures.cases_failed,
        "prompt_tokens_total": figures.tokens_in,
        "answer_tokens_total": figures.tokens_out,
        "work_seconds": round(figures.seconds, 3),
        "cases_per_second": round(figures.cases_answered * per_second, 3),
        "answer_tokens_per_second": round(figures.tokens_out * per_second, 3),
        "queue_pieces": figures.queue_pieces,
        "pieces_at_work": figures.pieces_at_work,
        "pieces_done_total": figures.pieces_done,
        "workers": figures.workers,
        "workers_starting": figures.workers_starting,
        "piece_retries_total": figures.retries,
        "gpu_memory_bytes": figures.gpu_memory_bytes,
    }


def _escaped(value: str) -> str:
    """A label's value: backslash, quote and line feed escaped, as the format asks."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
