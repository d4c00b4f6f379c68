"""publish: what a workflow step leaves behind: outputs, a job summary, and the body of the comment."""

from pathlib import Path

import orjson
from pydantic import ValidationError

from evalgate import store
from evalgate.errors import DatasetError
from evalgate.judgement.comment import check_comment, no_result_comment
from evalgate.records.check import CheckReport
from evalgate.records.verdict import Verdict
from evalgate.stages.outputs import NOTHING, add_summary, outputs_of, printed, write_outputs


def publish(result: Path, comment: Path, *, outputs: Path | None, summary: Path | None) -> str:
    """Write the comment's body, the step's outputs and the job summary; say which verdict it was.

    `result` is what `evalgate check` or `evalgate run` printed as JSON. Where the command ended without printing (it was
    refused its input, or it broke), the verdict is "none" and the comment says so.

    Raises:
        DatasetError: the file is no such output.
    """
    told = printed(result)
    run = Path(str(told["run"])) if "run" in told else None
    given, full = NOTHING, ""
    if run is not None:
        given = outputs_of(store.read_record(run / "verdict.json", Verdict), run, str(run / "report.md"))
        body, full = store.read(run / "comment.md").decode(), store.read(run / "report.md").decode()
    else:
        body = check_comment(_checked(told)) if told else no_result_comment()
    store.write(comment, body.encode())
    write_outputs(outputs, {**given, "comment": str(comment)})
    add_summary(summary, full or body, shorter=body)
    return given["verdict"]


def _checked(told: dict[str, object]) -> CheckReport:
    try:
        return CheckReport.model_validate_json(orjson.dumps(told))
    except ValidationError as error:
        raise DatasetError("the result is neither a check report nor a run") from error
