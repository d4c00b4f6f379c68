"""What one workflow step leaves for the next ones and for the runner: printed JSON, outputs, the job summary."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from evalgate import store
from evalgate.errors import DatasetError, NotMeasured
from evalgate.records.verdict import Verdict

NOTHING = {"verdict": "none", "lift": "", "report": "", "candidate": ""}
"""Outputs where nothing was decided."""
SUMMARY_LIMIT = 1_000_000
"""Bytes; GitHub ends a job summary at 1 MiB."""


def outputs_of(verdict: Verdict, folder: Path, report: str) -> dict[str, str]:
    """The outputs of a step that brought a verdict: lift in points, and where report and candidate lie."""
    lift, adapter = verdict.scopes[0].lift, folder / "adapter"
    return {
        "verdict": verdict.verdict,
        "lift": "" if lift is None else f"{lift * 100:.1f}",
        "report": report,
        "candidate": str(adapter) if adapter.exists() else "",
    }


def printed(result: Path) -> dict[str, Any]:
    """What a command printed with `--format json`, kept in a file; empty where it printed nothing.

    Raises:
        DatasetError: it is no JSON object.
    """
    content = store.read(result) if result.exists() else b""
    if not content.strip():
        return {}
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise DatasetError(f"{result}: not what a command prints with --format json: {error}") from error
    if not isinstance(told, dict):
        raise DatasetError(f"{result}: not what a command prints with --format json")
    return told


def write_outputs(path: Path | None, told: Mapping[str, str]) -> None:
    """Append outputs to the runner's file; nothing outside a workflow.

    Each value stands between two lines that nobody can guess, so that no value can end early and set another output.

    Raises:
        NotMeasured: the file cannot be written.
    """
    end = secrets.token_hex(16)
    _append(path, "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in told.items()))


def add_summary(path: Path | None, text: str, shorter: str = "") -> None:
    """Append to the job summary; nothing outside a workflow. `shorter` takes the place of a text that is too long.

    Raises:
        NotMeasured: the file cannot be written.
    """
    _append(path, text if len(text.encode()) < SUMMARY_LIMIT else shorter)


def _append(path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise NotMeasured(f"{path}: what a step tells its runner cannot be written: {error.strerror}") from error
