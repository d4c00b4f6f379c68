"""What people read of a judgement: report.md and report.html."""

from collections.abc import Sequence
from typing import Any

from evalgate.judgement.charts import forest, loss_curve
from evalgate.judgement.comment import SHOWN_CASES
from evalgate.judgement.markdown import ALERTS
from evalgate.judgement.rendering import render
from evalgate.judgement.wording import lift_words, safety_words
from evalgate.records.check import CheckReport
from evalgate.records.comparison import Comparison
from evalgate.records.training import TrainingRun
from evalgate.records.verdict import Verdict


def report_markdown(
    comparison: Comparison,
    verdict: Verdict,
    *,
    training: TrainingRun | None = None,
    check: CheckReport | None = None,
    notes: Sequence[str] = (),
) -> str:
    """The whole report as GitHub Markdown; the same inputs give the same bytes."""
    return _rendered("report.md", comparison, verdict, training=training, check=check, notes=notes)


def report_html(
    comparison: Comparison,
    verdict: Verdict,
    *,
    training: TrainingRun | None = None,
    check: CheckReport | None = None,
    notes: Sequence[str] = (),
) -> str:
    """The whole report as one page without scripts and without anything from elsewhere."""
    return _rendered("report.html", comparison, verdict, training=training, check=check, notes=notes)


def _rendered(template: str, comparison: Comparison, verdict: Verdict, *, notes: Sequence[str], **more: Any) -> str:
    return render(
        template,
        c=comparison,
        v=verdict,
        alert=ALERTS[verdict.verdict],
        lift=lift_words(verdict.scopes[0]),
        safety=safety_words(comparison),
        forest=forest(verdict.scopes, verdict.bucket_margin),
        curve=loss_curve(more["training"]) if more["training"] else None,
        shown=SHOWN_CASES,
        told=(*comparison.warnings, *notes),
        has_reference=comparison.reference_results_sha256 is not None,
        **more,
    )
