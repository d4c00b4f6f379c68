"""One row of the bucket table: a scope's state, its interval, and what would settle it."""

from fractions import Fraction

from evalgate.records.comparison import Pairs
from evalgate.records.policy import GatePolicy
from evalgate.records.verdict import BucketState, OverallState, ScopeDecision
from evalgate.stats.paired import Counts, certified_margin, held, lift_interval, p_down, p_up
from evalgate.stats.sizes import cases_to_hold, cases_to_improve

OVERALL = "overall"


def counts_of(pairs: Pairs, *, unmeasured_lost: bool = False) -> Counts:
    """The counts that tests are made of; with `unmeasured_lost` every unmeasured case is a loss."""
    if not unmeasured_lost:
        return Counts(pairs.n, pairs.gains, pairs.losses, pairs.design_effect, pairs.clusters)
    n, losses = pairs.n + pairs.unmeasured, pairs.losses + pairs.unmeasured
    return Counts(n, pairs.gains, losses, pairs.design_effect_if_lost, pairs.clusters_if_lost)


def counts_for_harm(pairs: Pairs) -> Counts:
    """The counts that harm is shown with: every unmeasured case is a gain, so that none can cause a fail."""
    n, gains = pairs.n + pairs.unmeasured, pairs.gains + pairs.unmeasured
    return Counts(n, gains, pairs.losses, pairs.design_effect, pairs.clusters)


def overall_state(counts: Counts, gate: GatePolicy, alpha: float, *, drop_proven: bool) -> OverallState:
    """improved, tied, harmed or unclear: the first that matches. `drop_proven`: Holm rejects "no drop"."""
    if p_up(counts) <= alpha and counts.n and Fraction(counts.gains - counts.losses, counts.n) >= exact(gate.min_lift):
        return "improved"
    if held(counts, gate.max_drop, alpha):
        return "tied"
    return "harmed" if drop_proven else "unclear"


def bucket_state(counts: Counts, margin: float, alpha: float, *, drop_proven: bool) -> BucketState:
    """held, harmed or unclear: a proven drop inside the margin is held."""
    if held(counts, margin, alpha):
        return "held"
    return "harmed" if drop_proven else "unclear"


def decide_scope(pairs: Pairs, gate: GatePolicy, alpha: float, *, drop_proven: bool) -> ScopeDecision:
    """The decision for overall or a bucket, at the error rate `alpha`."""
    counts = counts_of(pairs)
    state: OverallState | BucketState
    if pairs.scope == OVERALL:
        state = overall_state(counts, gate, alpha, drop_proven=drop_proven)
    else:
        state = bucket_state(counts, gate.max_bucket_drop, alpha, drop_proven=drop_proven)
    low, high = lift_interval(counts, alpha)
    return ScopeDecision(
        scope=pairs.scope,
        state=state,
        n=pairs.n,
        gains=pairs.gains,
        losses=pairs.losses,
        unmeasured=pairs.unmeasured,
        base=_share(pairs.base_right, pairs.n),
        candidate=_share(pairs.candidate_right, pairs.n),
        reference=_share(pairs.reference_right, pairs.reference_n),
        lift=_share(pairs.gains - pairs.losses, pairs.n),
        low=round(low, 6),
        high=round(high, 6),
        certified_margin=round(certified_margin(counts, alpha), 6),
        p_up=p_up(counts),
        p_down=p_down(counts),
        cases_to_settle=_cases_to_settle(counts, gate, alpha, pairs.scope) if state == "unclear" else None,
    )


def exact(share: float) -> Fraction:
    """The share that was written, not its nearest binary float."""
    return Fraction(str(share))


def _share(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else part / whole


def _cases_to_settle(counts: Counts, gate: GatePolicy, alpha: float, scope: str) -> int | None:
    """Cases at which this scope, with the flips seen so far, would likely be decided (80 % power); None if none would."""
    if counts.n == 0:
        return None
    discordance = (counts.gains + counts.losses) / counts.n
    needed: int | None
    if scope == OVERALL and gate.require == "improvement":
        needed = cases_to_improve(discordance, (counts.gains - counts.losses) / counts.n, alpha)
    else:
        needed = cases_to_hold(discordance, gate.max_drop if scope == OVERALL else gate.max_bucket_drop, alpha)
    return None if needed is None else max(round(needed * counts.design_effect), counts.n + 1)
