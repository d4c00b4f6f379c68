"""evalgate backlog."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from click.core import ParameterSource

from evalgate.cli.options import feature_option, format_option, policy_option
from evalgate.cli.output import machine, say
from evalgate.errors import PASSED, NotMeasured
from evalgate.judgement.wording import counted
from evalgate.stages.regressions import as_lines, rows_from, write_rows


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@policy_option
@feature_option
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Where the rows go. Default: stdout.")
@format_option
@click.pass_context
def backlog(ctx: click.Context, file: Path, policy_path: Path, feature: str | None, out: Path | None, output: str) -> int:
    """Turn the corrected lines of a run's regressions.jsonl into dataset rows.

    A line becomes a row once a person has filled in `corrected` (the answer to learn), `paraphrase` (a new question of the
    same kind: a golden case must never be trained on), `finding` and `reviewer`. Lines without `corrected` wait. One faulty
    line, and nothing is written.
    """
    named = ctx.get_parameter_source("policy_path") is not ParameterSource.DEFAULT or feature is not None
    known = policy_path if named or policy_path.exists() else None
    if known is None:
        say(f"warning: no {policy_path} here: paraphrases are held against the questions in {file} alone")
    found = rows_from(file, known, feature, datetime.now(UTC).date().isoformat())
    if out is not None:
        write_rows(found, out)
    if output == "json":
        machine({"rows": list(found.rows), "waiting": found.waiting, "out": None if out is None else str(out)})
    elif out is None:
        _lines(as_lines(found))
    say(f"{counted(len(found.rows), 'row')}{f' written to {out}' if out else ''}, {found.waiting} without a corrected answer")
    return PASSED


def _lines(content: bytes) -> None:
    """The rows on stdout."""
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except (OSError, AttributeError) as error:
        raise NotMeasured(f"stdout: cannot be written: {error}") from error
