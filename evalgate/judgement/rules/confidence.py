"""Probabilities and rankings: how far confidence is from being right, and how well scores rank cases."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from evalgate.judgement.rules.finding import Effect, Evidence, Facts, Finding, Harm, Sampler, finding
from evalgate.judgement.scopes import OVERALL
from evalgate.records.verdict import Figure
from evalgate.stats.calibration import Difference, auc, auc_difference, ece_difference, expected_calibration_error

Confidences = tuple[tuple[float, bool, float, bool], ...]
Ranking = tuple[tuple[bool, float, float], ...]


def confidence_harm(facts: Facts, _sampler: Sampler) -> Mapping[Harm, float]:
    """A larger calibration error, or a smaller area under the ROC curve."""
    found: dict[Harm, float] = {}
    if facts.gate.calibration is not None and facts.comparison.confidences:
        found["rule", "calibration"] = _calibration(facts.comparison.confidences).p_up
    if facts.gate.auc is not None and facts.comparison.ranking:
        found["rule", "auc"] = _ranking(facts.comparison.ranking).p_down
    return found


def calibration(evidence: Evidence) -> Iterator[Finding]:
    """The calibration error does not rise by more than the policy bears; a proven rise beyond that fails."""
    asked, told = evidence.gate.calibration, evidence.comparison.confidences
    if asked is None:
        return
    difference = _calibration(told) if told else None
    if told is None or difference is None or difference.estimate is None:
        effect: Effect = "blocks" if asked.required else "fine"
        yield finding(effect, "calibration", OVERALL, "not measured", n=len(told or ()), threshold=asked.max_rise)
        return
    base = expected_calibration_error([pair[0] for pair in told], [pair[1] for pair in told])
    candidate = expected_calibration_error([pair[2] for pair in told], [pair[3] for pair in told])
    shown = _figure("calibration", len(told), base, candidate, difference)
    yield _held(evidence, shown, difference.estimate, worse=difference.estimate, p=difference.p_up, limit=asked.max_rise)


def ranking(evidence: Evidence) -> Iterator[Finding]:
    """The area under the ROC curve does not fall by more than the policy bears; a proven fall beyond that fails."""
    asked, told = evidence.gate.auc, evidence.comparison.ranking
    if asked is None:
        return
    difference = _ranking(told) if told else None
    if told is None or difference is None or difference.estimate is None:
        yield finding("blocks", "auc", OVERALL, "not measured", n=len(told or ()), threshold=asked.max_drop)
        return
    positive, base, candidate = (list(side) for side in zip(*told, strict=True))
    shown = _figure("auc", len(told), auc(base, positive), auc(candidate, positive), difference)
    yield _held(evidence, shown, difference.estimate, worse=-difference.estimate, p=difference.p_down, limit=asked.max_drop)


def _held(evidence: Evidence, shown: Figure, observed: float, *, worse: float, p: float, limit: float) -> Finding:
    """A change for the worse beyond the limit blocks, and fails where it is proven to be one."""
    proven = worse > limit and ("rule", shown.rule) in evidence.rejected
    state = "beyond the limit" if proven else "beyond the limit, not proven" if worse > limit else "within"
    effect: Effect = "fails" if proven else "blocks" if worse > limit else "fine"
    figure = shown.model_copy(update={"state": state})
    return finding(effect, shown.rule, OVERALL, state, n=shown.n, observed=observed, bound=p, threshold=limit, figure=figure)


@lru_cache(maxsize=32)
def _calibration(told: Confidences) -> Difference:
    """Resampled; asked for by the family and by the rule, drawn once."""
    return ece_difference([(pair[0], pair[1]) for pair in told], [(pair[2], pair[3]) for pair in told])


def _ranking(told: Ranking) -> Difference:
    return auc_difference([case[1] for case in told], [case[2] for case in told], [case[0] for case in told])


def _figure(rule: str, n: int, base: float | None, candidate: float | None, difference: Difference) -> Figure:
    low, high = round(difference.low, 6), round(difference.high, 6)
    return Figure(rule=rule, scope=OVERALL, n=n, base=base, candidate=candidate, low=low, high=high, state="within")
