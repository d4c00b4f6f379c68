"""Results files (`*.results.jsonl`): one header line, then one line a case, read strictly whoever wrote them."""

import hashlib
from typing import Any

import orjson
from pydantic import ValidationError

from evalgate import jsonl
from evalgate.errors import DatasetError
from evalgate.records.base import problems_of
from evalgate.records.evaluation import CaseResult, EvalResults, ResultsHeader

MOST_PROBLEMS = 50


def parse(content: bytes, path: str) -> EvalResults:
    """The results in a file's bytes.

    Raises:
        DatasetError: with every faulty line: not strict JSON, no header first, an unknown field, a score outside
            [0, 1], scores without status "scored", a case that stands twice.
    """
    problems: list[str] = []
    header: ResultsHeader | None = None
    cases: list[CaseResult] = []
    seen: dict[tuple[str, str], int] = {}
    for line in jsonl.read(content, controls=True):
        where = f"{path}:{line.number}"
        if line.problem is not None:
            problems.append(f"{where}: {line.problem.message}")
        elif line.number == 1:
            header = _record(ResultsHeader, line.value, f"{where}: the first line must be a header", problems)
        elif (case := _record(CaseResult, line.value, where, problems)) is not None:
            first = seen.setdefault((case.suite, case.case_id), line.number)
            if first != line.number:
                problems.append(f"{where}: case {case.case_id!r} of {case.suite} stands twice (first on line {first})")
            cases.append(case)
    if header is None and not problems:
        problems.append(f"{path}: empty: the first line must be a header")
    if problems or header is None:
        raise DatasetError(*problems[:MOST_PROBLEMS])
    return EvalResults(header=header, cases=tuple(cases))


def serialise(results: EvalResults) -> bytes:
    """The file's bytes; fields that are not known are left out."""
    lines = [results.header, *results.cases]
    return b"".join(line.model_dump_json(exclude_none=True).encode() + b"\n" for line in lines)


def content_sha256(results: EvalResults) -> str:
    """Digest of what was answered and scored; how long it took and the order of the lines do not count."""
    ordered = sorted(results.cases, key=lambda case: (case.suite, case.case_id))
    timeless = results.model_copy(update={"cases": tuple(case.model_copy(update={"latency_ms": None}) for case in ordered)})
    return hashlib.sha256(serialise(timeless)).hexdigest()


def _record(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    try:
        return kind.model_validate_json(orjson.dumps(value))
    except ValidationError as error:
        problems.extend(f"{where}: {problem}" for problem in problems_of(error))
        return None
