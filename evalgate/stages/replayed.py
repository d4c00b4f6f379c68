"""replayed: general rows that are trained beside the dataset's, read and checked as a dataset is."""

from typing import NamedTuple

from evalgate import store
from evalgate.checks import check_dataset
from evalgate.records.base import digest_over
from evalgate.records.check import CheckReport, Finding
from evalgate.records.suite import Message
from evalgate.stages.check import golden_questions, refuse_errors
from evalgate.stages.workspace import Workspace, read_suites


class Replayed(NamedTuple):
    """The rows of `train.replay`."""

    rows: tuple[tuple[Message, ...], ...]
    """Each row's turns, in order of files and lines."""
    sha256: str | None
    """Digest over the files; None where the policy names none."""


def replayed(workspace: Workspace) -> Replayed:
    """The general rows that the policy names; none where it names none.

    Raises:
        PolicyError: there is no such file.
        DatasetError: a row is not well-formed, or is a golden or safety case.
    """
    policy = workspace.feature.train.replay
    if policy is None:
        return Replayed((), None)
    files = store.jsonl_files(workspace.root / policy.path, "general rows of train.replay", policy.path)
    questions = golden_questions(read_suites(workspace))
    findings: list[Finding] = []
    rows: list[tuple[Message, ...]] = []
    for path, content in files.items():
        found, well_formed = check_dataset(content, path, golden=questions)
        findings += found
        rows += [row.messages for row in well_formed]
    refuse_errors(CheckReport(rows=len(rows), findings=tuple(findings)))
    return Replayed(tuple(rows), digest_over({path: store.key_of_bytes(content) for path, content in files.items()}))
