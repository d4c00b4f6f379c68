"""Whether there is enough to judge: the runs can be compared, and what is not measured changes nothing."""

from collections.abc import Iterator

from evalgate.judgement.rules.finding import Evidence, Finding, finding
from evalgate.judgement.rules.groups import fairness_stands
from evalgate.judgement.rules.judging import judge_stands
from evalgate.judgement.scopes import OVERALL, bucket_state, exact, flips_of, overall_state, sample_of
from evalgate.records.comparison import Pairs
from evalgate.stats.lift import Sample, held, p_down


def comparable(evidence: Evidence) -> Iterator[Finding]:
    """Both sides answered the same cases under the same conditions."""
    reasons = evidence.comparison.incomparable
    if reasons:
        yield finding("blocks", "comparable", "runs", "not comparable", n=len(reasons))


def measured(evidence: Evidence) -> Iterator[Finding]:
    """Unmeasured cases are few enough, and the verdict stands with each of them lost."""
    comparison, limit = evidence.comparison, evidence.gate.max_unmeasured_share
    every = [p for p in (comparison.overall, comparison.safety, comparison.benign, *comparison.legacy) if p is not None]
    total, unmeasured = sum(p.n + p.unmeasured for p in every), sum(p.unmeasured for p in every)
    if comparison.overall.n == 0:
        yield finding("blocks", "measured", OVERALL, "nothing measured", n=0, observed=float(unmeasured))
        return
    share = unmeasured / total
    if unmeasured == 0:
        yield finding("fine", "measured", "all suites", "complete", n=total, observed=0.0, threshold=limit)
    elif share > limit:
        yield finding("blocks", "measured", "all suites", "too many unmeasured", n=total, observed=share, threshold=limit)
    elif not _stands(evidence):
        yield finding("blocks", "measured", "all suites", "would not stand", n=total, observed=share, threshold=limit)
    else:
        yield finding("fine", "measured", "all suites", "stands", n=total, observed=share, threshold=limit)


def _stands(evidence: Evidence) -> bool:
    """True when a pass would still be a pass with every unmeasured case counted as lost."""
    comparison, gate, spent = evidence.comparison, evidence.gate, evidence.spent
    state = overall_state(_worst(comparison.overall), gate, spent, drop_proven=False)
    margins = [(pairs, gate.max_bucket_drop) for pairs in comparison.buckets]
    margins += [(pairs, gate.max_legacy_drop) for pairs in comparison.legacy]
    all_held = all(bucket_state(_worst(p), margin, spent, drop_proven=False) == "held" for p, margin in margins)
    safe = comparison.safety is None or comparison.safety.unmeasured == 0
    flips = flips_of(comparison.overall, unmeasured_lost=True)
    few = flips.losses <= exact(gate.max_regression_share) * flips.n
    enough = state == "improved" or (state == "tied" and gate.require == "no_harm")
    by_rules = _form_stands(evidence) and _twins_stand(evidence) and judge_stands(evidence) and fairness_stands(evidence)
    return all_held and safe and few and enough and by_rules


def _form_stands(evidence: Evidence) -> bool:
    """True when the format would be held, or no drop be seen, with every unmeasured case counted as lost."""
    pairs = evidence.comparison.json_valid
    if pairs is None or not pairs.unmeasured or pairs.losses + pairs.unmeasured <= pairs.gains:
        return True
    return held(_worst(pairs), evidence.gate.json_valid.max_drop, evidence.spent)


def _twins_stand(evidence: Evidence) -> bool:
    """True when benign twins would not be harmed, by themselves, with every unmeasured case counted as lost."""
    pairs = evidence.comparison.benign
    if pairs is None or not pairs.n or not pairs.unmeasured or p_down(_worst(pairs)) > evidence.alpha:
        return True
    return held(_worst(pairs), evidence.gate.max_over_refusal, evidence.spent)


def _worst(pairs: Pairs) -> Sample:
    return sample_of(pairs, unmeasured_lost=True)
