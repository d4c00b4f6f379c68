"""What the check run says: a title, the comment's text as its summary, and findings on the lines where they are."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Unpack

from evalgate.judgement.comment import Beside, in_order, of_pull, text_of
from evalgate.judgement.markdown import plain
from evalgate.records.check import Finding, Severity
from evalgate.records.standing import Standing
from evalgate.redaction import mask, safe_line

TITLE_LIMIT = 80
SUMMARY_LIMIT = 65_535
"""Characters that GitHub documents for a summary. How it counts is not said; we count UTF-8 bytes, the strictest reading."""
MOST_ANNOTATIONS = 50
"""Annotations that one call takes."""
MESSAGE_LIMIT = 1_000

Level = Literal["failure", "warning", "notice"]
LEVELS: Mapping[Severity, Level] = {"error": "failure", "hold": "warning", "warning": "warning", "note": "notice"}


class Annotation(NamedTuple):
    """One finding, on its line. Plain text."""

    path: str
    line: int
    """From 1; a finding on a whole file stands on its first line."""
    level: Level
    message: str


class CheckText(NamedTuple):
    """All words of a check run."""

    title: str
    """Plain text, at most 80 characters."""
    summary: str
    """Markdown, at most 65,535 bytes."""
    annotations: tuple[Annotation, ...]
    """At most 50."""


def check_text(standing: Standing, **beside: Unpack[Beside]) -> CheckText:
    """Title, summary and annotations of the check run; the summary says what the comment says."""
    told = of_pull(standing, **beside)
    summary = text_of(told, limit=SUMMARY_LIMIT, marker=None, size=lambda text: len(text.encode()))
    return CheckText(title(standing), summary, tuple(annotations(told.findings)))


def title(standing: Standing) -> str:
    """The headline as plain text, for GitHub shows a title as it is."""
    return safe_line(mask(plain(standing.headline)), TITLE_LIMIT) or "EvalGate"


def annotations(findings: Sequence[Finding]) -> list[Annotation]:
    """The first 50 findings, those that refuse the dataset first; with more than 50 the last message counts the rest."""
    shown = [_annotation(finding) for finding in in_order(findings)[:MOST_ANNOTATIONS]]
    if len(findings) > len(shown):
        more = f"{shown[-1].message} (and {len(findings) - len(shown)} more findings in the dataset)"
        shown[-1] = shown[-1]._replace(message=more)
    return shown


def _annotation(finding: Finding) -> Annotation:
    message = safe_line(mask(f"{finding.code}: {finding.message}"), MESSAGE_LIMIT)
    return Annotation(safe_line(mask(finding.path), 4_096), max(finding.line, 1), LEVELS[finding.severity], message)
