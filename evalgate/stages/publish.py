"""publish: what a workflow step leaves behind: outputs, a job summary, and the body of the comment."""

from pathlib import Path

import orjson
from pydantic import ValidationError

from evalgate import store
from evalgate.errors import DatasetError
from evalgate.judgement.markdown import code_span
from evalgate.judgement.wording import counted
from evalgate.records.check import CheckReport

SUMMARY_LIMIT = 1_000_000
"""GitHub ends a job summary at 1 MiB."""
SHOWN = 50


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
        verdict, report, body = "none", "", _findings(told)
    else:
        verdict, report, body = "none", "", NOTHING
    store.write(comment, body.encode())
    if outputs is not None:
        _append(outputs, _output("verdict", verdict) + _output("report", report) + _output("comment", str(comment)))
    if summary is not None:
        full = store.read(Path(report)).decode() if report else body
        _append(summary, full if len(full.encode()) < SUMMARY_LIMIT else body)
    return verdict


NOTHING = """\
<!-- evalgate: one comment -->
> [!CAUTION]
> **EvalGate: no verdict.** The command ended without a result; the step's log says why. Nothing was measured.
"""


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


def _findings(told: dict[str, object]) -> str:
    """The comment of a check: a table of findings, errors first, each in code spans."""
    try:
        report = CheckReport.model_validate_json(orjson.dumps(told))
    except ValidationError as error:
        raise DatasetError("the result is neither a check report nor a run") from error
    alert = "CAUTION" if report.refused else "TIP"
    lines = [
        "<!-- evalgate: one comment -->",
        f"> [!{alert}]",
        f"> **EvalGate: dataset {'refused' if report.refused else 'checked'}**: "
        f"{counted(report.rows, 'row')}, {counted(len(report.findings), 'finding')}.",
        "",
    ]
    if report.findings:
        lines += ["| where | severity | code | what |", "|---|---|---|---|"]
    for found in sorted(report.findings, key=lambda finding: finding.severity != "error")[:SHOWN]:
        lines.append(
            f"| {code_span(f'{found.path}:{found.line}')} | {found.severity} | {found.code} | {code_span(found.message)} |"
        )
    if len(report.findings) > SHOWN:
        lines += ["", f"*{len(report.findings) - SHOWN} more are in the step's output.*"]
    return "\n".join(lines) + "\n"


def _output(name: str, value: str) -> str:
    """One output between lines that no value can hold, for they carry its digest: a path with a line break stays one value."""
    end = f"end-{store.key_of_bytes(value.encode())}"
    return f"{name}<<{end}\n{value}\n{end}\n"


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text)
