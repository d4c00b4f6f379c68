"""How often a policy errs on ties, and what it can see on its suites. Pure.

Ties are simulated on the suites' own cases and buckets and judged by the gate itself. A candidate that was trained flips
far more cases than a second run of the same variant, so that the figures are asked for at several discordances.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

from evalgate.judgement.gate import decide, error_rates
from evalgate.judgement.noise import BENIGN, SAFETY, by_key, score_of
from evalgate.judgement.pairing import Sides, paired
from evalgate.judgement.plan import PlannedCase, plan
from evalgate.judgement.rules import FAMILY
from evalgate.judgement.rules.finding import Facts
from evalgate.judgement.scopes import OVERALL, sample_for_harm
from evalgate.policy import judged_buckets
from evalgate.ports import Progress
from evalgate.records.comparison import Comparison, Pairs
from evalgate.records.evaluation import EvalResults
from evalgate.records.gate_policy import GatePolicy, Latency
from evalgate.records.noise import BucketPower, BucketSize, Simulated, Source
from evalgate.records.policy import FeaturePolicy
from evalgate.records.suite import Suite
from evalgate.records.verdict import Verdict
from evalgate.stats.clusters import design_effect
from evalgate.stats.counts import upper_bound
from evalgate.stats.simulated import Drawn, cases_held, draw, least_difference, smallest_drop, smallest_lift
from evalgate.stats.sizes import cases_without_a_flip

GOLDEN, FORMAT = "golden", "json_valid"
NOT_DRAWN = {
    "f1": None, "fields": None, "judge": None, "cost_per_call": None, "calibration": None, "auc": None, "fairness": None,
    "latency_p95": Latency(), "must_beat_contenders": False,
}  # fmt: skip
"""Key of the gate -> how it is left out of a simulation, which draws right and wrong answers alone."""

Scope = tuple[str, str]
"""(kind, name); the kind is what flips: golden, the suite of an older task, safety, safety/benign or json_valid."""
EVERY: Scope = (GOLDEN, OVERALL)


class Design(NamedTuple):
    """What a simulation draws: everything that the verdict counts, question by question."""

    feature: FeaturePolicy
    kinds: tuple[str, ...]
    """Of each question: the paraphrases of one question flip together, and so do no others."""
    members: Mapping[Scope, tuple[tuple[int, int], ...]]
    """Scope -> (place of a question, its cases in the scope); overall first, then by kind and name."""
    sizes: Mapping[Scope, int]
    """Scope -> its cases."""
    independent: Mapping[Scope, int]
    """Scope -> what its cases count for where paraphrases of one question flip together: n^2/sum(s^2)."""
    rates: Mapping[str, float]
    """How often safety, benign twins and format flipped when the same variant was asked again."""
    right: float
    """Share of the golden cases that the variant has right."""

    @property
    def held(self) -> tuple[Scope, ...]:
        """What must be held: buckets, then suites of older tasks."""
        found = [scope for scope in self.members if scope[0].split("/")[0] == GOLDEN and scope != EVERY]
        return tuple(sorted(found, key=lambda scope: (scope[0] != GOLDEN, scope)))

    def margin(self, scope: Scope) -> float:
        """What a bucket, or a suite of an older task, may lose."""
        return self.feature.gate.max_bucket_drop if scope[0] == GOLDEN else self.feature.gate.max_legacy_drop


def design_of(first: EvalResults, second: EvalResults, feature: FeaturePolicy, suites: Sequence[Suite]) -> Design | None:
    """What a simulation on these suites draws; None without golden cases."""
    cases, sides = plan(suites, [first, second]), [by_key(first), by_key(second)]
    if not any(case.suite == GOLDEN for case in cases):
        return None
    primary = score_of(GOLDEN, feature, first)
    with_format = primary != FORMAT and any(FORMAT in case.scores for case in first.cases)
    places: dict[tuple[str, Hashable], int] = {}
    members: dict[Scope, dict[int, int]] = {EVERY: {}}
    for case in cases:
        for kind, name in _scopes_of(case, feature, with_format=with_format):
            place = places.setdefault((kind, case.key if case.cluster is None else case.cluster), len(places))
            counts = members.setdefault((kind, name), defaultdict(int))
            counts[place] = counts.get(place, 0) + 1
    golden = [pair.base for pair in paired([case for case in cases if case.suite == GOLDEN], sides, primary)]
    ordered = dict(sorted(members.items(), key=lambda item: (item[0] != EVERY, item[0])))
    scored = [score >= feature.scorers.right_at for score in golden if score is not None]
    return Design(
        feature=_drawn_policy(feature),
        kinds=tuple(kind for kind, _ in places),
        members={scope: tuple(counts.items()) for scope, counts in ordered.items()},
        sizes={scope: sum(counts.values()) for scope, counts in ordered.items()},
        independent={scope: _independent(list(counts.values())) for scope, counts in ordered.items()},
        rates={kind: _rate(kind, cases, sides) for kind in (SAFETY, BENIGN, FORMAT)},
        right=sum(scored) / len(scored) if scored else 0.0,
    )


def _independent(sizes: Sequence[int]) -> int:
    return round(sum(sizes) ** 2 / sum(size * size for size in sizes))


def left_out(feature: FeaturePolicy) -> tuple[str, ...]:
    """What the policy asks for and a simulation does not draw."""
    default, gate = GatePolicy(), feature.gate
    asked = [f"gate.{key}" for key in NOT_DRAWN if getattr(gate, key) != getattr(default, key)]
    return (*asked, *(["evaluate.early_stop"] if feature.evaluate.early_stop else []))


def sizes_of(design: Design) -> tuple[BucketSize, ...]:
    """Whether each bucket, and each suite of an older task, can be held at all on a first attempt."""
    spent = _error_rates(design)[1]
    return tuple(
        BucketSize(
            scope=scope[1],
            n=design.sizes[scope],
            questions=design.independent[scope],
            least=cases_without_a_flip(design.margin(scope), spent),
        )
        for scope in design.held
    )


def simulate(
    design: Design, discordance: float, source: Source, *, runs: int, seed: int, progress: Progress | None = None
) -> Simulated:
    """What the policy says of `runs` ties in which this share of the golden cases flips; first attempt, nothing unmeasured."""
    drawn = _drawn(design, discordance, runs, seed)
    verdicts: list[Verdict] = []
    for run in range(runs):
        verdicts.append(decide(_comparison(design, drawn, run), design.feature))
        if progress is not None:
            progress(f"simulating ties, {discordance:.1%} flip", run + 1, runs)
    fails = sum(verdict.verdict == "fail" for verdict in verdicts)
    states, family = [_states(verdict) for verdict in verdicts], _family_size(design)
    return Simulated(
        discordance=discordance,
        source=source,
        runs=runs,
        fails=fails,
        fails_high=upper_bound(fails, runs, 1 - design.feature.gate.confidence),
        passes=sum(verdict.verdict == "pass" for verdict in verdicts),
        improved=sum(verdict.scopes[0].state == "improved" for verdict in verdicts),
        point_rule_fails=sum(_point_rule_alarms(verdict) for verdict in verdicts),
        smallest_lift=_smallest_lift(design, discordance),
        buckets=tuple(
            _power(design, scope, discordance, family, held=sum(told[scope] == "held" for told in states) / runs)
            for scope in design.held
        ),
    )


def _drawn(design: Design, discordance: float, runs: int, seed: int) -> Drawn:
    sizes = [[0] * len(design.members) for _ in design.kinds]
    for column, members in enumerate(design.members.values()):
        for place, cases in members:
            sizes[place][column] = cases
    return draw(sizes, [design.rates.get(kind, discordance) for kind in design.kinds], runs, seed)


def _states(verdict: Verdict) -> dict[Scope, str]:
    """Each bucket's state, and each older task's."""
    buckets = {(GOLDEN, scope.scope): str(scope.state) for scope in verdict.scopes[1:]}
    return buckets | {(rule.scope, rule.scope): rule.state for rule in verdict.rules if rule.rule == "legacy"}


def _point_rule_alarms(verdict: Verdict) -> bool:
    """True where thresholds on point estimates see harm; that a tie is no improvement is no false alarm."""
    return any(not told.startswith("mean lift") for told in verdict.point_rule.because)


def _smallest_lift(design: Design, discordance: float) -> float | None:
    n, spent = design.independent[EVERY], _error_rates(design)[1]
    return smallest_lift(n, discordance, spent, least_difference(n, design.feature.gate.min_lift))


def _power(design: Design, scope: Scope, discordance: float, family: int, *, held: float) -> BucketPower:
    (alpha, spent), margin = _error_rates(design), design.margin(scope)
    n = design.independent[scope]
    needed = cases_held(discordance, margin, spent) * design.sizes[scope] / n
    return BucketPower(
        scope=scope[1],
        n=design.sizes[scope],
        held=held,
        smallest_drop=smallest_drop(n, discordance, alpha / family, margin, spent),
        cases_to_hold=round(needed),
    )


def _family_size(design: Design) -> int:
    """How many hypotheses share the error rate of harm tests; Holm asks the clearest to be this many times as clear."""
    facts = Facts(_comparison(design, _drawn(design, 0.0, 1, 0), 0), design.feature.gate, *_error_rates(design))
    return sum(len(rule(facts, sample_for_harm)) for rule in FAMILY)


def _error_rates(design: Design) -> tuple[float, float]:
    """(of harm tests, of improved, tied and held) on a first attempt."""
    return error_rates(design.feature.gate, 1, None)


def _comparison(design: Design, drawn: Drawn, run: int) -> Comparison:
    """One simulated run as the gate sees it."""
    pairs = {scope: _pairs(design, drawn, run, column) for column, scope in enumerate(design.members)}
    overall = pairs[EVERY]
    return Comparison(
        feature="simulated",
        base="base",
        candidate="candidate",
        base_results_sha256="0" * 64,
        candidate_results_sha256="0" * 64,
        primary="right",
        overall=overall,
        buckets=tuple(pairs[scope] for scope in design.held if scope[0] == GOLDEN),
        legacy=tuple(pairs[scope] for scope in design.held if scope[0] != GOLDEN),
        safety=pairs.get((SAFETY, SAFETY)),
        benign=pairs.get((BENIGN, BENIGN)),
        json_valid=pairs.get((FORMAT, FORMAT)),
        gains=(),
        regressions=(),
        safety_regressions=(),
        unmeasured=(),
        has_provenance=True,
        base_accuracy=overall.base_right / overall.n,
        candidate_accuracy=overall.candidate_right / overall.n,
    )


def _pairs(design: Design, drawn: Drawn, run: int, column: int) -> Pairs:
    scope, members = list(design.members.items())[column]
    n, gains, losses = design.sizes[scope], int(drawn.gains[run, column]), int(drawn.losses[run, column])
    right = min(max(round(design.right * n) if scope[0] == GOLDEN else n, losses), n - gains)
    effect, clusters = 1.0, None
    if design.independent[scope] < n:
        flips = [(int(drawn.outcomes[run, place]), place) for place, cases in members for _ in range(cases)]
        effect, clusters = design_effect([flip for flip, _ in flips], [place for _, place in flips])
    return Pairs(
        scope=scope[1],
        n=n,
        both_right=right - losses,
        gains=gains,
        losses=losses,
        both_wrong=n - right - gains,
        unmeasured=0,
        design_effect=effect,
        clusters=clusters,
        design_effect_if_lost=effect,
        clusters_if_lost=clusters,
    )


def _scopes_of(case: PlannedCase, feature: FeaturePolicy, *, with_format: bool) -> Iterator[Scope]:
    """Every scope that counts a case."""
    if case.suite == GOLDEN:
        yield EVERY
        yield from ((GOLDEN, name) for name in judged_buckets(feature, case.buckets))
        if with_format:
            yield FORMAT, FORMAT
    else:
        kind = SAFETY if case.suite.startswith(SAFETY) and case.suite != BENIGN else case.suite
        yield kind, kind


def _rate(kind: str, cases: Sequence[PlannedCase], sides: Sides) -> float:
    """How often safety, benign twins or format flipped; 0 where none was measured."""
    of_kind = [case for case in cases if (kind, kind) in _scopes_of(case, FeaturePolicy(), with_format=True)]
    measured = [pair for pair in paired(of_kind, sides, FORMAT if kind == FORMAT else None) if pair.measured]
    return sum(pair.lift != 0 for pair in measured) / len(measured) if measured else 0.0


def _drawn_policy(feature: FeaturePolicy) -> FeaturePolicy:
    """The policy without what a simulation does not draw."""
    gate = feature.gate.model_copy(update=NOT_DRAWN)
    return feature.model_copy(update={"gate": gate, "waivers": (), "contenders": ()})
