"""publish: what a workflow step leaves behind: outputs, a job summary, and the body of the comment."""

from pathlib import Path

import orjson
from pydantic import ValidationError

from evalgate import store
from evalgate.errors import DatasetError
from evalgate.judgement.comment import check_comment, no_result_comment
from evalgate.records.check import CheckReport
from evalgate.stages.outputs import write_outputs

SUMMARY_LIMIT = 1_000_000
"""GitHub ends a job summary at 1 MiB."""


def publish(result: Path, comment: Path, *, outputs: Path | None, summary: Path | None) -> str:
    """Write the comment's body, the outputs `verdict` and `report`, and the job summary; say which verdict it was.

    `result` is what `evalgate check` or `evalgate run` printed as JSON. Where the command ended without printing (it was
    refused its input, or it broke), the verdict is "none" and the comment says so.

    Raises:
        DatasetError: the file is no such output.
    """
    printed = store.read(result) if result.exists() else b""
    told = _parse(printed, result)
    run = Path(str(told["run"])) if "run" in told else None
    if run is not None:
        verdict, report, body = str(told["verdict"]), str(run / "report.md"), store.read(run / "comment.md").decode()
    elif told:
        verdict, report, body = "none", "", check_comment(_checked(told))
    else:
        verdict, report, body = "none", "", no_result_comment()
    store.write(comment, body.encode())
    write_outputs(outputs, {"verdict": verdict, "report": report, "comment": str(comment)})
    if summary is not None:
        full = store.read(Path(report)).decode() if report else body
        _append(summary, full if len(full.encode()) < SUMMARY_LIMIT else body)
    return verdict


def _parse(printed: bytes, result: Path) -> dict[str, object]:
    if not printed.strip():
        return {}
    try:
        told = orjson.loads(printed)
    except orjson.JSONDecodeError as error:
        raise DatasetError(f"{result}: not what `evalgate check|run --format json` prints: {error}") from error
    if not isinstance(told, dict):
        raise DatasetError(f"{result}: not what `evalgate check|run --format json` prints")
    return told


def _checked(told: dict[str, object]) -> CheckReport:
    try:
        return CheckReport.model_validate_json(orjson.dumps(told))
    except ValidationError as error:
        raise DatasetError("the result is neither a check report nor a run") from error


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text)
