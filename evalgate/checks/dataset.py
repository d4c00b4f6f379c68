"""The checks of one dataset file."""

from collections.abc import Mapping

from evalgate import jsonl
from evalgate.checks.codes import CODES
from evalgate.checks.rows import Fault, File, Row, key_of, row_of, text_of
from evalgate.checks.shape import well_formed
from evalgate.records.check import Finding
from evalgate.redaction import safe_line

MAX_MESSAGE = 300
"""Longest message of a finding, in characters."""


def check_dataset(
    data: bytes, path: str, *, golden: Mapping[str, str] = {}, prompt: str | None = None
) -> tuple[list[Finding], list[Row]]:
    """The findings on one dataset file, in order of line and code, and its well-formed rows.

    Args:
        data: The file's bytes.
        path: The file's name in the findings.
        golden: Golden and safety cases, id -> input text, e.g. `golden/refund-017`.
        prompt: The policy's system prompt; None leaves EG601 out.
    """
    file = _file(data, golden, prompt)
    findings = [_finding(code, path, fault) for code in CODES for fault in CODES[code].check(file)]
    return sorted(findings, key=lambda finding: (finding.line, finding.code)), file.rows


def _file(data: bytes, golden: Mapping[str, str], prompt: str | None) -> File:
    rejected, rows, texts = [], [], []
    for line in jsonl.read(data):
        if line.problem is None:
            texts.append((line.number, text_of(line.value)))
        if line.problem is None and well_formed(line.value):
            rows.append(row_of(line))
        else:
            rejected.append(line)
    return File(rejected, rows, [key_of(row) for row in rows], texts, golden, prompt)


def _finding(code: str, path: str, fault: Fault) -> Finding:
    message = safe_line(fault.message, MAX_MESSAGE)
    return Finding(code=code, severity=CODES[code].severity, path=path, line=fault.line, message=message)
