"""regressions: what went wrong comes as a file for an expert, and goes back as dataset rows once it is corrected."""

from collections.abc import Sequence
from pathlib import Path

import orjson

from evalgate import store
from evalgate.errors import DatasetError, PolicyError
from evalgate.judgement.backlog import Backlog, Regression, dataset_rows, masked
from evalgate.judgement.flips import for_review
from evalgate.records.comparison import Comparison, Flip
from evalgate.records.evaluation import EvalResults
from evalgate.records.suite import Case, Message, Suite
from evalgate.records.verdict import Verdict
from evalgate.redaction import mask
from evalgate.stages.workspace import open_workspace, read_suites

LONGEST = 20_000
"""Characters of an answer that the file keeps."""
SHOWN = 50
"""Problems that a refusal spells out."""


def rows_for_review(results: Sequence[EvalResults], suites: Sequence[Suite], comparison: Comparison, verdict: Verdict) -> bytes:
    """regressions.jsonl: one line a regression, golden or safety, in the report's order; nothing where there is none.

    `results` are base's and the candidate's, for their whole answers; a side that is left out is told as the comparison
    shows it. A case that no suite has comes without its question. All text is masked.
    """
    cases = {(suite.name, case.id): case for suite in suites for case in suite.cases}
    said = [{(result.suite, result.case_id): result.output for result in side.cases} for side in results]
    lines = [_line(flip, cases.get((flip.suite, flip.case_id)), [side.get((flip.suite, flip.case_id)) for side in said])
             for flip in for_review(comparison, verdict)]  # fmt: skip
    return b"".join(line.model_dump_json().encode() + b"\n" for line in lines)


def rows_from(path: Path, policy_path: Path | None, feature: str | None, today: str) -> Backlog:
    """The dataset rows of a corrected file, held against every golden and safety case of the policy, if one is given.

    Raises:
        DatasetError: with every line that is no row yet; then there are no rows at all.
        PolicyError: a file cannot be read.
    """
    suites = [] if policy_path is None else read_suites(open_workspace(policy_path, feature))
    held_out = {
        f"{suite.name}/{case.id}#{place}": turn.content
        for suite in suites
        for case in suite.cases
        for place, turn in enumerate(case.turns)
        if turn.role == "user"
    }
    found = dataset_rows(store.read(path), str(path), held_out, today)
    if found.problems:
        left = len(found.problems) - SHOWN
        raise DatasetError(*found.problems[:SHOWN], *([f"{path}: and {left} more problems"] if left > 0 else []))
    return found


def as_lines(found: Backlog) -> bytes:
    """The rows as lines of a dataset file."""
    return b"".join(orjson.dumps(row) + b"\n" for row in found.rows)


def write_rows(found: Backlog, out: Path) -> None:
    """Write the rows where nothing else lies.

    Raises:
        PolicyError: there is another file already.
        NotMeasured: the disk is full or the folder cannot be written.
    """
    content = as_lines(found)
    if out.exists() and (out.is_dir() or store.read(out) != content):
        raise PolicyError(f"{out}: is there already, with other content: choose another name, then put the rows together")
    store.write(out, content)


def _line(flip: Flip, case: Case | None, said: Sequence[str | None]) -> Regression:
    shown = [flip.base_output, flip.candidate_output]
    base, candidate = (said[side] if side < len(said) and said[side] is not None else shown[side] for side in (0, 1))
    return Regression(
        case_id=flip.case_id,
        suite=flip.suite,
        buckets=flip.buckets,
        messages=() if case is None else tuple(Message(role=turn.role, content=mask(turn.content)) for turn in case.turns),
        expected=None if case is None else masked(case.expected),
        base_output=_shortened(base),
        candidate_output=_shortened(candidate),
    )


def _shortened(output: str | None) -> str | None:
    if output is None:
        return None
    hidden = mask(output)
    return hidden if len(hidden) <= LONGEST else hidden[: LONGEST - 1] + "…"
