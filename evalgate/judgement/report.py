"""What people read of a judgement: report.md and report.html."""

from collections.abc import Sequence
from typing import Any

from evalgate.judgement.charts import forest, loss_curve
from evalgate.judgement.comment import SHOWN_CASES
from evalgate.judgement.confusion import confusion
from evalgate.judgement.figure_rows import figure_rows
from evalgate.judgement.flips import WORST, for_review, side_by_side
from evalgate.judgement.honesty import attempt_words, look_words, safety_bound_words, spent_words, waiver_words
from evalgate.judgement.markdown import ALERTS, plain
from evalgate.judgement.rendering import render
from evalgate.judgement.settling import cost_of_a_case, unsettled
from evalgate.judgement.wording import lift_words
from evalgate.records.check import CheckReport
from evalgate.records.comparison import Comparison
from evalgate.records.training import TrainingRun
from evalgate.records.verdict import Verdict

LABELS = ("f1", "fields")
CONTENDERS = ("contenders",)
"""Rules whose figures have a table of their own."""


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
        **_words(comparison, verdict, plain if template.endswith(".html") else str),
        alert=ALERTS[verdict.verdict],
        lift=lift_words(verdict.scopes[0]),
        forest=forest(verdict.scopes, verdict.bucket_margin),
        curve=loss_curve(more["training"]) if more["training"] else None,
        shown=SHOWN_CASES,
        worst=WORST,
        review=for_review(comparison, verdict),
        flips_beside=side_by_side(comparison, SHOWN_CASES),
        labels=figure_rows(verdict.figures, rules=LABELS),
        measures=figure_rows(verdict.figures, but=LABELS + CONTENDERS),
        contenders=figure_rows(verdict.figures, rules=CONTENDERS),
        others={contender.name: contender for contender in comparison.contenders},
        grid=confusion(comparison.classes) if comparison.classes is not None else None,
        unsettled=unsettled(comparison, verdict),
        price=cost_of_a_case(comparison),
        told=(*comparison.warnings, *(more["training"].warnings if more["training"] else ()), *notes),
        has_reference=comparison.reference_results_sha256 is not None,
        graded=comparison.overall.graded is not None,
        **more,
    )


def _words(comparison: Comparison, verdict: Verdict, shown: Any) -> dict[str, Any]:
    """Our own sentences, as Markdown or, through `shown`, as plain text."""
    look = look_words(comparison, verdict)
    return {
        "summary": shown(verdict.summary),
        "next_step": shown(verdict.next_step) if verdict.next_step else None,
        "safety": shown(safety_bound_words(comparison, verdict)),
        "attempt": shown(attempt_words(verdict)),
        "look": shown(look) if look else None,
        "spent": shown(spent_words(verdict)),
        "best_contender": shown(verdict.contenders) if verdict.contenders else None,
        "waivers": [shown(waiver_words(waived)) for waived in verdict.waived],
    }
