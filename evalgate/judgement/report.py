"""What people read: report.md, report.html and the body of the pull-request comment. The one door to jinja2."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from evalgate.judgement.charts import forest, loss_curve
from evalgate.judgement.markdown import code_span
from evalgate.judgement.wording import lift_words, points, safety_words
from evalgate.records.check import CheckReport
from evalgate.records.comparison import Comparison
from evalgate.records.training import TrainingRun
from evalgate.records.verdict import Verdict
from evalgate.redaction import mask, safe_line

COMMENT_LIMIT = 65_536
"""Characters at which GitHub ends a comment."""
ALERTS = {"pass": "TIP", "fail": "CAUTION", "inconclusive": "WARNING"}
SHOWN_CASES = 50
COMMENT_SIZES = ((SHOWN_CASES, 1_000), (10, 1_000), (0, 1_000), (0, 100), (0, 20))
"""Cases and buckets that a comment shows, until it is short enough; 20 names of 200 characters, all of them escaped, are."""


def report_markdown(
    comparison: Comparison,
    verdict: Verdict,
    *,
    training: TrainingRun | None = None,
    check: CheckReport | None = None,
    notes: Sequence[str] = (),
) -> str:
    """The whole report as GitHub Markdown; the same inputs give the same bytes."""
    return _render("report.md", comparison, verdict, training=training, check=check, notes=notes)


def report_html(
    comparison: Comparison,
    verdict: Verdict,
    *,
    training: TrainingRun | None = None,
    check: CheckReport | None = None,
    notes: Sequence[str] = (),
) -> str:
    """The whole report as one page without scripts and without anything from elsewhere."""
    return _render("report.html", comparison, verdict, training=training, check=check, notes=notes)


def comment_markdown(comparison: Comparison, verdict: Verdict, *, report: str | None = None) -> str:
    """The body of the pull-request comment, never longer than GitHub takes."""
    for shown, scopes in COMMENT_SIZES:
        body = _render("comment.md", comparison, verdict, report=report, shown=shown, shown_scopes=scopes)
        if len(body) <= COMMENT_LIMIT:
            break
    return body


def _render(template: str, comparison: Comparison, verdict: Verdict, **more: Any) -> str:
    context = {
        "c": comparison,
        "v": verdict,
        "alert": ALERTS[verdict.verdict],
        "lift": lift_words(verdict.scopes[0]),
        "safety": safety_words(comparison),
        "forest": forest(verdict.scopes, verdict.bucket_margin),
        "curve": loss_curve(more["training"]) if more.get("training") else None,
        "shown": SHOWN_CASES,
        "shown_scopes": len(verdict.scopes),
        "told": (*comparison.warnings, *more.get("notes", ())),
        "has_reference": comparison.reference_results_sha256 is not None,
        **more,
    }
    return _environment(html=template.endswith(".html")).get_template(template).render(context)


@cache
def _environment(*, html: bool) -> ImmutableSandboxedEnvironment:
    """The one that renders; kept, because compiling a template takes longer than rendering it."""
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("evalgate.judgement"),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_inert if html else None,
    )
    environment.filters.update(code=code_span, points=points, percent=_percent, figure=_figure)
    return environment


def _inert(value: Any) -> Any:
    """Text that goes into the page, masked and without control characters; escaping comes after."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else safe_line(mask(value), 2_000)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _figure(value: float | None) -> str:
    """A bare figure: four significant digits at most; a dash for none."""
    return "-" if value is None else f"{value:.4g}"
