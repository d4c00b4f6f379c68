"""What people read: report.md, report.html and the body of the pull-request comment. The one door to jinja2."""

from collections.abc import Sequence
from typing import Any

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evalgate.judgement.charts import forest, loss_curve
from evalgate.judgement.markdown import code_span
from evalgate.judgement.wording import lift_words, points, safety_words
from evalgate.records.check import CheckReport
from evalgate.records.comparison import Comparison
from evalgate.records.training import TrainingRun
from evalgate.records.verdict import Verdict

COMMENT_LIMIT = 65_536
"""Characters at which GitHub ends a comment."""
ALERTS = {"pass": "TIP", "fail": "CAUTION", "inconclusive": "WARNING"}
SHOWN_CASES = 50


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
    for shown in (SHOWN_CASES, 10, 0):
        body = _render("comment.md", comparison, verdict, report=report, shown=shown)
        if len(body) <= COMMENT_LIMIT:
            return body
    return body[: COMMENT_LIMIT - 200] + "\n\n*Shortened: the full report is in the run's artifacts.*\n"


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
        "told": (*comparison.warnings, *more.get("notes", ())),
        "has_reference": comparison.reference_results_sha256 is not None,
        **more,
    }
    return _environment(html=template.endswith(".html")).get_template(template).render(context)


def _environment(*, html: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("evalgate.judgement"),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(code=code_span, points=points, percent=_percent, figure=_figure)
    return environment


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _figure(value: float | None) -> str:
    """A bare figure: four significant digits at most; a dash for none."""
    return "-" if value is None else f"{value:.4g}"
