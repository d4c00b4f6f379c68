"""One row of the bucket table: a scope's state, its interval, and what would settle it."""

from fractions import Fraction
from functools import lru_cache

from evalgate.records.comparison import Pairs
from evalgate.records.gate_policy import GatePolicy
from evalgate.records.verdict import BucketState, OverallState, ScopeDecision
from evalgate.stats.lift import Sample, certified_margin, held, lift_interval, p_down, p_up
from evalgate.stats.paired import Counts
from evalgate.stats.resampling import Resampled, mean_of
from evalgate.stats.sizes import cases_to_hold, cases_to_improve

OVERALL = "overall"


def sample_of(pairs: Pairs, *, unmeasured_lost: bool = False) -> Sample:
    """What tests are made of: counts, or resampled scores; with `unmeasured_lost` every unmeasured case is a loss."""
    if pairs.graded is not None:
        return _resampled(pairs.graded.units, -pairs.unmeasured if unmeasured_lost else 0)
    if not unmeasured_lost:
        return Counts(pairs.n, pairs.gains, pairs.losses, pairs.design_effect, pairs.clusters)
    n, losses = pairs.n + pairs.unmeasured, pairs.losses + pairs.unmeasured
    return Counts(n, pairs.gains, losses, pairs.design_effect_if_lost, pairs.clusters_if_lost)


def sample_for_harm(pairs: Pairs) -> Sample:
    """What harm is shown with: every unmeasured case is a gain, so that none can cause a fail."""
    if pairs.graded is not None:
        return _resampled(pairs.graded.units, pairs.unmeasured)
    n, gains = pairs.n + pairs.unmeasured, pairs.gains + pairs.unmeasured
    return Counts(n, gains, pairs.losses, pairs.design_effect, pairs.clusters)


def flips_of(pairs: Pairs, *, unmeasured_lost: bool = False) -> Counts:
    """Right against wrong, whatever the scores between: what the share of regressions is made of."""
    n, losses = pairs.n, pairs.losses
    if unmeasured_lost:
        n, losses = n + pairs.unmeasured, losses + pairs.unmeasured
    return Counts(n, pairs.gains, losses)


@lru_cache(maxsize=256)
def _resampled(units: tuple[tuple[float, int], ...], unmeasured: int) -> Resampled:
    """The resampled mean; asked for by several rules, drawn once. `unmeasured`: so many cases gained (lost where below 0)."""
    added = [(1.0 if unmeasured > 0 else -1.0, 1)] * abs(unmeasured)
    return mean_of([*units, *added])


def overall_state(sample: Sample, gate: GatePolicy, alpha: float, *, drop_proven: bool) -> OverallState:
    """improved, tied, harmed or unclear: the first that matches. `drop_proven`: Holm rejects "no drop"."""
    if p_up(sample) <= alpha and lifted(sample, gate.min_lift):
        return "improved"
    if held(sample, gate.max_drop, alpha):
        return "tied"
    return "harmed" if drop_proven else "unclear"


def bucket_state(sample: Sample, margin: float, alpha: float, *, drop_proven: bool) -> BucketState:
    """held, harmed or unclear: a proven drop inside the margin is held."""
    if held(sample, margin, alpha):
        return "held"
    return "harmed" if drop_proven else "unclear"


def decide_scope(pairs: Pairs, gate: GatePolicy, alpha: float, *, drop_proven: bool) -> ScopeDecision:
    """The decision for overall or a bucket, at the error rate `alpha`."""
    sample = sample_of(pairs)
    state: OverallState | BucketState
    if pairs.scope == OVERALL:
        state = overall_state(sample, gate, alpha, drop_proven=drop_proven)
    else:
        state = bucket_state(sample, gate.max_bucket_drop, alpha, drop_proven=drop_proven)
    low, high = lift_interval(sample, alpha)
    return ScopeDecision(
        scope=pairs.scope,
        state=state,
        n=pairs.n,
        gains=pairs.gains,
        losses=pairs.losses,
        unmeasured=pairs.unmeasured,
        base=pairs.graded.base if pairs.graded else _share(pairs.base_right, pairs.n),
        candidate=pairs.graded.candidate if pairs.graded else _share(pairs.candidate_right, pairs.n),
        reference=_share(pairs.reference_right, pairs.reference_n),
        lift=round(sample.estimate, 12) if isinstance(sample, Resampled) else _share(pairs.gains - pairs.losses, pairs.n),
        low=round(low, 6),
        high=round(high, 6),
        certified_margin=round(certified_margin(sample, alpha), 6),
        p_up=p_up(sample),
        p_down=p_down(sample),
        cases_to_settle=_cases_to_settle(sample, gate, alpha, pairs) if state == "unclear" else None,
    )


def lifted(sample: Sample, least: float) -> bool:
    """True when the observed lift is at least `least`, in exact arithmetic where answers are right or wrong."""
    if isinstance(sample, Resampled):
        return sample.cases > 0 and round(sample.estimate, 12) >= least
    return sample.n > 0 and Fraction(sample.gains - sample.losses, sample.n) >= exact(least)


def exact(share: float) -> Fraction:
    """The share that was written, not its nearest binary float."""
    return Fraction(str(share))


def _share(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else part / whole


def _cases_to_settle(sample: Sample, gate: GatePolicy, alpha: float, pairs: Pairs) -> int | None:
    """Cases at which this scope, with what was seen so far, would likely be decided (80 % power); None if none would."""
    if pairs.n == 0:
        return None
    if isinstance(sample, Resampled):  # a spread of differences takes the place of the share of flips
        spread, lift, inflation = sample.error**2 * pairs.n + sample.estimate**2, sample.estimate, 1.0
    else:
        spread, lift, inflation = (
            (sample.gains + sample.losses) / sample.n,
            _share(sample.gains - sample.losses, sample.n) or 0.0,
            sample.design_effect,
        )
    needed: int | None
    if pairs.scope == OVERALL and gate.require == "improvement":
        needed = cases_to_improve(spread, lift, alpha)
    else:
        needed = cases_to_hold(spread, gate.max_drop if pairs.scope == OVERALL else gate.max_bucket_drop, alpha)
    return None if needed is None else max(round(needed * inflation), pairs.n + 1)
