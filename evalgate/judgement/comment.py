"""The one comment on a pull request, from records alone; a run folder's comment.md is the same comment without a checklist."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypedDict, Unpack

from evalgate.judgement.figure_rows import not_fine
from evalgate.judgement.honesty import attempt_words, look_words, safety_bound_words, waiver_words
from evalgate.judgement.markdown import ALERTS, code_span
from evalgate.judgement.rendering import render
from evalgate.judgement.wording import counted
from evalgate.records.binding import Binding
from evalgate.records.check import CheckReport, Finding
from evalgate.records.comparison import Comparison
from evalgate.records.standing import Mark, Standing
from evalgate.records.verdict import ScopeDecision, Verdict
from evalgate.redaction import mask

MARKER = "<!-- evalgate: one comment -->"
"""The first line; by it, and by its author, the comment is found again."""
COMMENT_LIMIT = 65_536
"""Unicode code points that GitHub surely takes.

Its refusal says "maximum is 65536 characters". Others have measured what comments really take: 262,144 UTF-8 bytes, so
65,536 characters outside the Basic Multilingual Plane and four times as many ASCII ones; bodies of pull requests were
refused from 65,537 code points on (github.com/dead-claudia/github-limits/pull/13, github.com/objectstack-ai/objectstack
issue 18826). No code point is longer than four bytes, so text within this limit is within both. Not measured here.
"""
SHOWN_CASES = 50
SEVERITIES = ("error", "hold", "warning", "note")
MARKS: Mapping[Mark, str] = {"done": "✅", "waiting": "⏳", "refused": "❌", "running": "🔄", "later": "▫️", "off": "➖"}
WORST_FIRST = ("harmed", "unclear")
CHART_SCOPES = 6
"""Scopes in the chart: overall, and the largest drops."""


class Room(NamedTuple):
    """How much of each kind a comment shows."""

    cases: int
    scopes: int
    findings: int
    lines: int
    """Conditions, and notes."""
    words: int
    """Characters of one such line."""


ROOMS = (
    Room(SHOWN_CASES, 1_000, 50, 100, 2_000),
    Room(10, 1_000, 50, 100, 2_000),
    Room(0, 1_000, 50, 100, 2_000),
    Room(0, 100, 50, 100, 2_000),
    Room(0, 20, 50, 100, 2_000),
    Room(0, 20, 10, 20, 1_000),
    Room(0, 5, 0, 10, 300),
)
"""Tried in order, until the comment is short enough; the last one is, whatever the names."""


class Told(NamedTuple):
    """What a comment says, before it is cut to length."""

    alert: str
    headline: str
    """Markdown of ours."""
    next_step: str | None = None
    standing: Standing | None = None
    comparison: Comparison | None = None
    verdict: Verdict | None = None
    stale: Binding | None = None
    """What the verdict is bound to, where that is not what the headline is about."""
    findings: Sequence[Finding] = ()
    report: str | None = None
    """Address or path of the full report."""


class Beside(TypedDict, total=False):
    """What comment and check run show beside the standing; what is left out is not there."""

    comparison: Comparison | None
    verdict: Verdict | None
    report_url: str | None
    findings: Sequence[Finding]
    stale: Binding | None
    """What a verdict is bound to that is not of the standing's head: it is shown folded, with a note."""


def pull_comment(standing: Standing, **beside: Unpack[Beside]) -> str:
    """The body of the pull request's comment, never longer than GitHub takes."""
    return text_of(of_pull(standing, **beside))


def comment_markdown(comparison: Comparison, verdict: Verdict, *, report: str | None = None) -> str:
    """The comment of a judgement outside a pull request: the same, without a checklist."""
    headline = f"**EvalGate: {verdict.verdict}** for {code_span(comparison.feature)}: {verdict.summary}"
    return text_of(
        Told(ALERTS[verdict.verdict], headline, verdict.next_step, comparison=comparison, verdict=verdict, report=report)
    )


def check_comment(report: CheckReport) -> str:
    """The comment of a dataset check outside a pull request: its findings."""
    found = f"{counted(report.rows, 'row')}, {counted(len(report.findings), 'finding')}"
    headline = f"**EvalGate: dataset {'refused' if report.refused else 'checked'}**: {found}."
    return text_of(Told("CAUTION" if report.refused else "TIP", headline, findings=report.findings))


def no_result_comment() -> str:
    """The comment of a command that ended without printing anything."""
    why = "The command ended without a result; the step's log says why. Nothing was measured."
    return text_of(Told("CAUTION", f"**EvalGate: no verdict.** {why}"))


def of_pull(standing: Standing, **beside: Unpack[Beside]) -> Told:
    """What is to be said of a pull request."""
    verdict, stale = beside.get("verdict"), beside.get("stale")
    return Told(
        alert=_alert(standing, verdict if stale is None else None),
        headline=f"**EvalGate:** {standing.headline}",
        standing=standing,
        comparison=beside.get("comparison"),
        verdict=verdict,
        stale=stale,
        findings=beside.get("findings", ()),
        report=beside.get("report_url"),
    )


def text_of(told: Told, *, limit: int = COMMENT_LIMIT, size: Callable[[str], int] = len, marker: str | None = MARKER) -> str:
    """The Markdown of all that fits into `limit`, measured by `size`; what is left out is counted."""
    for room in ROOMS:
        text = _rendered(told, room, marker)
        if size(text) <= limit:
            break
    return text


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, those that refuse the dataset first."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def chart(scopes: Sequence[ScopeDecision]) -> str | None:
    """Mermaid's source of a bar chart of right answers; None where names would be empty or alike, or nothing is measured.

    Shares of base and candidate, not the lift: Mermaid (seen in 11.4.1 and 12.3.0) draws a negative bar from the end of
    the axis, so that a small loss looks like a long gain. Names are reduced to characters that mean nothing to Mermaid.
    """
    measured = [scope for scope in scopes if scope.base is not None and scope.candidate is not None]
    drawn = [*measured[:1], *sorted(measured[1:], key=lambda scope: scope.lift or 0.0)[: CHART_SCOPES - 1]]
    names = [_label(scope.scope) for scope in drawn]
    if not drawn or not all(names) or len(set(names)) < len(names):
        return None
    cut = len(measured) - len(drawn)
    return render("chart.mmd", bars=list(zip(names, drawn, strict=True)), cut=cut, height=70 + 36 * len(names))


def worst_first(scopes: Sequence[ScopeDecision]) -> list[ScopeDecision]:
    """Overall, then the harmed, the unclear and all other buckets: where some are left out, it is those of which all is well."""
    return [
        *scopes[:1],
        *sorted(scopes[1:], key=lambda s: WORST_FIRST.index(s.state) if s.state in WORST_FIRST else len(WORST_FIRST)),
    ]


def _label(name: str) -> str:
    """A scope's name as a Mermaid label: safe characters alone, at most 24."""
    return re.sub(r"[^A-Za-z0-9 ._/-]", "", mask(name))[:24].strip()


def _alert(standing: Standing, verdict: Verdict | None) -> str:
    """Which box the headline stands in. An inconclusive verdict is no proof of harm, though the check run is red."""
    if standing.conclusion is None:
        return "NOTE"
    refused = any(condition.mark == "refused" for condition in standing.conditions)
    if standing.conclusion == "failure" and not refused and verdict is not None and verdict.verdict == "inconclusive":
        return ALERTS["inconclusive"]
    return {"success": "TIP", "failure": "CAUTION", "action_required": "WARNING"}[standing.conclusion]


def _rendered(told: Told, room: Room, marker: str | None) -> str:
    judged = told.comparison is not None and told.verdict is not None
    return render(
        "comment.md",
        marker=marker,
        told=told,
        room=room,
        s=told.standing,
        needs=_needs(told.standing) if told.standing else (),
        c=told.comparison if judged else None,
        v=told.verdict if judged else None,
        marks=MARKS,
        chart=chart(told.verdict.scopes) if told.verdict and judged and told.stale is None else None,
        findings=in_order(told.findings),
        blocking=any(finding.severity in ("error", "hold") for finding in told.findings),
        changed=_changed(told),
        binding=told.stale or (told.standing.binding if told.standing else None),
        scopes=worst_first(told.verdict.scopes) if told.verdict else (),
        leans=_leans(told.comparison, told.verdict),
        figures=not_fine(told.verdict.figures, but=("contenders",)) if told.verdict else (),
        safety=safety_bound_words(told.comparison, told.verdict) if told.comparison and told.verdict else "",
    )


def _leans(comparison: Comparison | None, verdict: Verdict | None) -> tuple[str, ...]:
    """What a reader must know beside the verdict, a line each: waivers, contenders, attempts that nobody counted, the look."""
    if comparison is None or verdict is None:
        return ()
    uncounted = attempt_words(verdict) if verdict.attempt is None else None
    lines = (verdict.contenders, uncounted, look_words(comparison, verdict))
    return (*(f"⚠ {waiver_words(waived)}" for waived in verdict.waived), *filter(None, lines))


def _needs(standing: Standing) -> tuple[str, ...]:
    """What is waited for; nothing where the headline says it all."""
    return standing.waits_for if any(need not in standing.headline for need in standing.waits_for) else ()


def _changed(told: Told) -> tuple[str, ...]:
    """The fields in which a stale verdict's binding is not what the work would be bound to now."""
    present = told.standing.binding if told.standing else None
    if told.stale is None or present is None:
        return ()
    names = (name.removesuffix("_sha256") for name in told.stale.differs_from(present))
    return tuple(dict.fromkeys(name for name in names if name != "head"))
