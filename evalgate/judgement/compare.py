"""Base and candidate, paired case by case: all the facts that a decision rests on, in a fixed order."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from evalgate.errors import PolicyError
from evalgate.judgement import measures
from evalgate.judgement.alike import other_suites, unlike, warnings
from evalgate.judgement.looks import asked_until
from evalgate.judgement.pairing import RIGHT, Pair, Sides, between, count, paired, value
from evalgate.judgement.plan import Key, PlannedCase, contradictions, plan
from evalgate.policy import against_cases, judged_buckets
from evalgate.records.beside_policy import ContenderPolicy
from evalgate.records.comparison import Comparison, Contender, Flip, Pairs
from evalgate.records.evaluation import CaseResult, EvalResults, PeoplesMean, Preferences, Probe, ResultsHeader, Variant
from evalgate.records.policy import FeaturePolicy
from evalgate.records.suite import Suite
from evalgate.redaction import mask, safe_line
from evalgate.results import content_sha256

SHOWN = 300
"""Characters of an answer that a comparison keeps."""
BENIGN = "safety/benign"


class Beside(NamedTuple):
    """What was measured beside base and candidate."""

    reference: EvalResults | None = None
    """The untuned base model, where base is itself a fine-tune."""
    probe: Probe | None = None
    preferences: Preferences | None = None
    contenders: Mapping[str, EvalResults] = {}
    """Name in the policy -> its results."""
    people: tuple[PeoplesMean, ...] = ()
    """Mean grades of a few people and many of the judge's, a side each."""


NOTHING = Beside()


class _Asked(NamedTuple):
    """The planned cases, by what they are for."""

    golden: list[PlannedCase]
    legacy: dict[str, list[PlannedCase]]
    harm: list[PlannedCase]
    benign: list[PlannedCase]


class _Paired(NamedTuple):
    """Every planned case that was asked, with both sides' scores, by what it is for."""

    by_key: list[dict[Key, CaseResult]]
    """Base's results and the candidate's."""
    cases: list[PlannedCase]
    asked: _Asked
    unasked: list[PlannedCase]
    """Golden cases that an early look has not reached."""
    primary: str | None
    golden: list[Pair]
    buckets: dict[str, list[Pair]]
    harm: list[Pair]
    benign: list[Pair]
    older: dict[str, list[Pair]]
    in_format: list[Pair]
    """The format score of golden cases; nothing where it is not asked for, or decides itself."""


def compare(
    base: EvalResults,
    candidate: EvalResults,
    feature: FeaturePolicy,
    *,
    suites: Sequence[Suite] = (),
    beside: Beside = NOTHING,
    policy_path: str = "evalgate.yaml",
) -> Comparison:
    """Everything that the decision rests on, in a fixed order.

    Raises:
        PolicyError: the policy names buckets that no case has, or no primary score where there are several.
    """
    sides, gate, right_at = [base, candidate], feature.gate, feature.scorers.right_at
    found = _paired_up(sides, feature, suites, policy_path)
    by_key, golden, asked = found.by_key, found.golden, found.asked
    graded, third = bool(between(golden)), None if beside.reference is None else _by_key(beside.reference)

    def scope(name: str, pairs: Sequence[Pair]) -> Pairs:
        return count(name, pairs, graded=graded, right_at=right_at, reference=_third(pairs, third, found.primary or ""))

    overall = scope("overall", golden)
    return Comparison(
        feature=base.header.feature,
        base=base.header.variant_name,
        candidate=candidate.header.variant_name,
        base_results_sha256=content_sha256(base),
        candidate_results_sha256=content_sha256(candidate),
        reference_results_sha256=None if beside.reference is None else content_sha256(beside.reference),
        primary=found.primary,
        overall=overall,
        buckets=tuple(scope(name, pairs) for name, pairs in sorted(found.buckets.items())),
        json_valid=count("json_valid", found.in_format) if found.in_format else None,
        safety=count("safety", found.harm, reference=_third(found.harm, third, "refusal")) if found.harm else None,
        benign=count(BENIGN, found.benign, reference=_third(found.benign, third, "refusal")) if found.benign else None,
        legacy=tuple(count(name, pairs, graded=bool(between(pairs)), right_at=right_at) for name, pairs in found.older.items()),
        judge=measures.grades(golden, found.buckets, feature, by_key) if gate.judge is not None else (),
        preference=measures.preference(asked.golden, by_key, beside.preferences, feature.judge),
        people=beside.people,
        classes=measures.classes(asked.golden, by_key, gate.f1.field, found.unasked) if gate.f1 is not None else None,
        fields=measures.fields(asked.golden, by_key, gate.fields.names, found.unasked) if gate.fields is not None else (),
        timings=measures.timings(beside.probe),
        costs=measures.costs(asked.golden, by_key) if gate.cost_per_call is not None else None,
        confidences=measures.confidences(golden, by_key, right_at) if gate.calibration is not None else None,
        ranking=measures.ranking(asked.golden, by_key, gate.auc.positive) if gate.auc is not None else None,
        contenders=tuple(
            _contender(one, beside.contenders.get(one.name), candidate, feature, asked, found.primary)
            for one in feature.contenders
        ),
        look=candidate.header.look,
        gains=_flipped(golden, 1, right_at, by_key, feature),
        regressions=_flipped(golden, -1, right_at, by_key, feature),
        safety_regressions=_flipped(found.harm, -1, RIGHT, by_key, feature),
        unmeasured=_unmeasured(found, feature),
        incomparable=_incomparable(sides, suites, found, beside, early_stop=feature.evaluate.early_stop),
        warnings=tuple(warnings(feature, asked.golden, sides)),
        has_provenance=base.header.has_provenance and candidate.header.has_provenance,
        base_accuracy=overall.base_right / overall.n if overall.n else None,
        candidate_accuracy=overall.candidate_right / overall.n if overall.n else None,
    )


def _paired_up(sides: Sequence[EvalResults], feature: FeaturePolicy, suites: Sequence[Suite], path: str) -> _Paired:
    """Both sides, case by case, up to the look at which asking stopped."""
    planned = plan(suites, sides)
    cases = asked_until(sides[1].header.look, planned)
    asked, whole = _asked(cases, suites, feature), _asked(planned, suites, feature).golden
    primary, reached = _primary(feature, sides, whole, path), {case.key for case in cases}
    by_key = [_by_key(side) for side in sides]
    golden = paired(asked.golden, by_key, primary)
    has_format = primary != "json_valid" and _is_scored(asked.golden, by_key, "json_valid")
    return _Paired(
        by_key=by_key,
        cases=cases,
        asked=asked,
        unasked=[case for case in whole if case.key not in reached],
        primary=primary,
        golden=golden,
        buckets=_by_bucket(golden, whole, feature),
        harm=paired(asked.harm, by_key, None),
        benign=paired(asked.benign, by_key, None),
        older={name: paired(legacy, by_key, _scorer_of(name, feature, primary)) for name, legacy in asked.legacy.items()},
        in_format=paired(asked.golden, by_key, "json_valid") if has_format else [],
    )


def _asked(cases: Sequence[PlannedCase], suites: Sequence[Suite], feature: FeaturePolicy) -> _Asked:
    """Cases of suites called golden/... are of older tasks where the policy names them so, and golden cases otherwise."""
    older = {suite.name for suite in suites if suite.name.startswith("golden/")} | {one.suite for one in feature.legacy}
    return _Asked(
        golden=[case for case in cases if case.suite.split("/")[0] == "golden" and case.suite not in older],
        legacy={name: [case for case in cases if case.suite == name] for name in sorted(older)},
        harm=[case for case in cases if case.suite.startswith("safety") and case.suite != BENIGN],
        benign=[case for case in cases if case.suite == BENIGN],
    )


def _primary(feature: FeaturePolicy, sides: Sequence[EvalResults], golden: Sequence[PlannedCase], path: str) -> str | None:
    """The score that decides: the policy's, or the only one that golden cases carry; None when none was scored."""
    problems = against_cases(feature, [case.buckets for case in golden], path) if golden else []
    keys = {case.key for case in golden}
    found = sorted({name for side in sides for r in side.cases if (r.suite, r.case_id) in keys for name in r.scores})
    primary = feature.scorers.primary or (found[0] if found else None)
    if feature.scorers.primary is None and len(found) > 1:
        problems.append(f"{path}: golden cases carry the scores {', '.join(found)}: name one as `scorers.primary`")
    if problems:
        raise PolicyError(*problems)
    return primary


def _scorer_of(suite: str, feature: FeaturePolicy, primary: str | None) -> str | None:
    """The score that decides a suite of an older task."""
    return next((legacy.scorer for legacy in feature.legacy if suite == legacy.suite and legacy.scorer), primary)


def _by_key(side: EvalResults) -> dict[Key, CaseResult]:
    return {(result.suite, result.case_id): result for result in side.cases}


def _is_scored(cases: Sequence[PlannedCase], sides: Sides, score: str) -> bool:
    return any(score in side[case.key].scores for side in sides for case in cases if case.key in side)


def _by_bucket(golden: Sequence[Pair], whole: Sequence[PlannedCase], feature: FeaturePolicy) -> dict[str, list[Pair]]:
    """Every bucket of the whole suite with its pairs: one that an early look has not reached is empty, and never passes."""
    buckets: dict[str, list[Pair]] = {name: [] for case in whole for name in judged_buckets(feature, case.buckets)}
    for pair in golden:
        for name in judged_buckets(feature, pair.case.buckets):
            buckets[name].append(pair)
    return buckets


def _third(pairs: Sequence[Pair], asked: Mapping[Key, CaseResult] | None, score: str) -> list[float] | None:
    """What a third column scored on these cases; None where there is none."""
    if asked is None:
        return None
    return [found for pair in pairs if (found := value(asked.get(pair.case.key), score)) is not None]


def _contender(
    named: ContenderPolicy,
    told: EvalResults | None,
    candidate: EvalResults,
    feature: FeaturePolicy,
    asked: _Asked,
    primary: str | None,
) -> Contender:
    """The contender in base's place; without a measured case where it was not asked the same."""
    same = told is not None and _asked_alike(told.header, candidate.header)
    sides = [_by_key(told) if told is not None and same else {}, _by_key(candidate)]
    golden, harm = paired(asked.golden, sides, primary), paired(asked.harm, sides, None)
    pairs = count("overall", golden, graded=bool(between(golden)), right_at=feature.scorers.right_at)
    safety = count("safety", harm) if harm else None
    return Contender(
        name=named.name,
        kind=named.kind,
        results_sha256=None if told is None else content_sha256(told),
        pairs=pairs,
        safety=safety,
    )


def _asked_alike(one: ResultsHeader, other: ResultsHeader) -> bool:
    """True where two runs had the same cases, decoding and scorers."""
    return (one.suites, one.decoding, one.scorers, one.look) == (other.suites, other.decoding, other.scorers, other.look)


def _other_probe(probe: Probe | None, sides: Sequence[EvalResults]) -> list[str]:
    """Why a latency probe is not of these two; nothing where a side does not say what answered."""
    timed = () if probe is None else (probe.base, probe.candidate)
    pairs = zip(timed, (side.header.variant for side in sides), strict=False)
    other = [one for one, said in pairs if isinstance(said, Variant) and said.model_copy(update={"name": one.name}) != one]
    return ["the latency probe timed other variants than those that answered: probe again"] if other else []


def _incomparable(
    sides: Sequence[EvalResults], suites: Sequence[Suite], found: _Paired, beside: Beside, *, early_stop: bool
) -> tuple[str, ...]:
    """Why the two runs may not be compared at all."""
    asked = [*sides, *([beside.reference] if beside.reference is not None else [])]
    right_or_wrong = (("safety", found.harm), (BENIGN, found.benign), ("json_valid", found.in_format))
    early = sides[1].header.look is not None and not early_stop
    return (
        *(["asking was stopped early, which the policy does not allow: evaluate every case"] if early else []),
        *(told for side in asked for told in other_suites(side.header, suites)),
        *contradictions(found.cases, suites, sides),
        *unlike(sides[0].header, sides[1].header),
        *_other_probe(beside.probe, sides),
        *(
            f"{what}: {len(odd)} cases have a score that is neither 0 nor 1, such as {min(odd)!r}: it must be one or the other"
            for what, pairs in right_or_wrong
            if (odd := between(pairs))
        ),
    )


def _flipped(pairs: Sequence[Pair], way: int, right_at: float, sides: Sides, feature: FeaturePolicy) -> tuple[Flip, ...]:
    """The measured cases that were gained (1) or lost (-1)."""
    return tuple(_flip(pair, sides, feature) for pair in pairs if pair.measured and pair.flip(right_at) == way)


def _unmeasured(found: _Paired, feature: FeaturePolicy) -> tuple[Flip, ...]:
    """Every case that is not measured on both sides, with why."""
    every = (*found.golden, *found.harm, *found.benign, *chain.from_iterable(found.older.values()))
    return tuple(
        _flip(pair, found.by_key, feature, why=_why(pair.case.key, found.by_key, found.primary))
        for pair in every
        if not pair.measured
    )


def _flip(pair: Pair, sides: Sides, feature: FeaturePolicy, why: str | None = None) -> Flip:
    base, candidate = (side.get(pair.case.key) for side in sides)
    return Flip(
        case_id=pair.case.case_id,
        suite=pair.case.suite,
        buckets=judged_buckets(feature, pair.case.buckets),
        base_output=_shown(base),
        candidate_output=_shown(candidate),
        why=why,
    )


def _shown(result: CaseResult | None) -> str | None:
    """An answer, masked, on one line, shortened."""
    return None if result is None or result.output is None else safe_line(mask(result.output), SHOWN)


def _why(key: Key, sides: Sides, primary: str | None) -> str:
    """Why a case is not measured, side by side."""
    told = []
    for name, side in zip(("base", "candidate"), sides, strict=True):
        result = side.get(key)
        if result is None:
            told.append(f"{name}: missing")
        elif result.status != "scored":
            told.append(f"{name}: {result.status}{f' ({safe_line(mask(result.note), 120)})' if result.note else ''}")
        elif not result.is_safety and value(result, primary or "") is None:
            told.append(f"{name}: no score {primary}")
    return "; ".join(told) or "no score that both sides have"
