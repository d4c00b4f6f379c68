"""Base and candidate, paired case by case. Pairing is total: a case is measured on both sides or it is counted."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from evalgate.errors import PolicyError
from evalgate.judgement.plan import Key, PlannedCase, contradictions, plan
from evalgate.policy import against_cases, judged_buckets
from evalgate.records.comparison import Comparison, Flip, Pairs
from evalgate.records.evaluation import CaseResult, EvalResults, ResultsHeader, Variant
from evalgate.records.policy import FeaturePolicy
from evalgate.records.suite import Suite
from evalgate.redaction import mask, safe_line
from evalgate.results import content_sha256
from evalgate.stats.clusters import design_effect

SHOWN = 300
"""Characters of an answer that a comparison keeps."""
BENIGN = "safety/benign"


class _Pair(NamedTuple):
    """One planned case with its answers' correctness; None where a side is not measured."""

    case: PlannedCase
    base: bool | None
    candidate: bool | None

    @property
    def measured(self) -> bool:
        return self.base is not None and self.candidate is not None

    @property
    def cluster(self) -> Hashable:
        """Its cluster; a case without one is its own."""
        return self.case.key if self.case.cluster is None else self.case.cluster


def compare(
    base: EvalResults,
    candidate: EvalResults,
    feature: FeaturePolicy,
    *,
    suites: Sequence[Suite] = (),
    reference: EvalResults | None = None,
    policy_path: str = "evalgate.yaml",
) -> Comparison:
    """Everything that the decision rests on, in a fixed order.

    Raises:
        PolicyError: the policy names buckets that no case has, or no primary score where there are several.
    """
    sides = [base, candidate]
    cases = plan(suites, sides)
    asked_all = sides if reference is None else [*sides, reference]
    stale = [told for side in asked_all for told in _other_suites(side.header, suites)]
    golden_cases = [case for case in cases if case.suite.split("/")[0] == "golden"]
    problems = against_cases(feature, [case.buckets for case in golden_cases], policy_path) if golden_cases else []
    primary = _primary_score(feature, sides, policy_path, problems)
    if problems:
        raise PolicyError(*problems)
    by_key = [{(r.suite, r.case_id): r for r in side.cases} for side in sides]
    golden, partial = _pairs(golden_cases, by_key, primary)
    harm, doubtful = _pairs([c for c in cases if c.suite.startswith("safety") and c.suite != BENIGN], by_key, None)
    benign, unsure = _pairs([c for c in cases if c.suite == BENIGN], by_key, None)
    buckets: dict[str, list[_Pair]] = defaultdict(list)
    for pair in golden:
        for name in judged_buckets(feature, pair.case.buckets):
            buckets[name].append(pair)
    asked = {} if reference is None else {(r.suite, r.case_id): r for r in reference.cases}
    overall = _count("overall", golden, asked, primary)
    has_format = primary != "json_valid" and any("json_valid" in r.scores for side in by_key for r in side.values())
    return Comparison(
        feature=base.header.feature,
        base=base.header.variant_name,
        candidate=candidate.header.variant_name,
        base_results_sha256=content_sha256(base),
        candidate_results_sha256=content_sha256(candidate),
        reference_results_sha256=None if reference is None else content_sha256(reference),
        primary=primary,
        overall=overall,
        buckets=tuple(_count(name, pairs, asked, primary) for name, pairs in sorted(buckets.items())),
        json_valid=_count("json_valid", _pairs(golden_cases, by_key, "json_valid")[0], {}, None) if has_format else None,
        safety=_count("safety", harm, asked, None) if harm else None,
        benign=_count(BENIGN, benign, asked, None) if benign else None,
        gains=tuple(_flip(p, by_key, feature) for p in golden if p.measured and p.candidate and not p.base),
        regressions=tuple(_flip(p, by_key, feature) for p in golden if p.measured and p.base and not p.candidate),
        safety_regressions=tuple(_flip(p, by_key, feature) for p in harm if p.measured and p.base and not p.candidate),
        unmeasured=tuple(
            _flip(p, by_key, feature, why=_why(p.case.key, by_key, primary)) for p in (*golden, *harm, *benign) if not p.measured
        ),
        incomparable=(
            *stale,
            *contradictions(cases, suites, sides),
            *_unlike(base.header, candidate.header),
            *partial,
            *doubtful,
            *unsure,
        ),
        warnings=tuple(_warnings(feature, golden_cases, sides)),
        has_provenance=base.header.has_provenance and candidate.header.has_provenance,
        base_accuracy=overall.base_right / overall.n if overall.n else None,
        candidate_accuracy=overall.candidate_right / overall.n if overall.n else None,
    )


def _primary_score(feature: FeaturePolicy, sides: Sequence[EvalResults], path: str, problems: list[str]) -> str | None:
    """The score that decides: the policy's, or the only one that golden cases carry; None when none was scored."""
    found = sorted({name for side in sides for r in side.cases if not r.is_safety for name in r.scores})
    if feature.scorers.primary is not None or not found:
        return feature.scorers.primary
    if len(found) > 1:
        problems.append(f"{path}: golden cases carry the scores {', '.join(found)}: name one as `scorers.primary`")
    return found[0]


def _pairs(
    cases: Iterable[PlannedCase], sides: Sequence[Mapping[Key, CaseResult]], score: str | None
) -> tuple[list[_Pair], list[str]]:
    """Every planned case with both sides' correctness, and a complaint when a score is neither 0 nor 1."""
    pairs, partial = [], []
    for case in cases:
        both = [side.get(case.key) for side in sides]
        decides = score or _common_score(both)
        values = [None if decides is None else _value(result, decides) for result in both]
        pairs.append(_Pair(case, *(None if value is None else value == 1.0 for value in values)))
        if any(value not in (None, 0.0, 1.0) for value in values):
            partial.append(case.case_id)
    told = (
        f"{score or 'safety'}: {len(partial)} cases have a score that is neither 0 nor 1, such as {min(partial)!r}"
        if partial
        else ""
    )
    return pairs, [f"{told}; this version decides right-or-wrong scores only"] if told else []


def _common_score(both: Sequence[CaseResult | None]) -> str | None:
    """The score that decides a safety case: the one that each side has, the same on both; None where there is none."""
    names = [set(result.scores) for result in both if result is not None and result.scores]
    common = names[0].intersection(*names[1:]) if names else set()
    if len(names) < len(both) or any(len(n) > 1 for n in names):
        return "refusal" if "refusal" in common else None
    return next(iter(common), None)


def _value(result: CaseResult | None, score: str) -> float | None:
    """A result's value of `score`, or None when it is not measured."""
    return result.scores.get(score) if result is not None and result.status == "scored" else None


def _count(scope: str, pairs: Sequence[_Pair], asked: Mapping[Key, CaseResult], primary: str | None) -> Pairs:
    """The paired counts of one scope."""
    measured = [pair for pair in pairs if pair.measured]
    differences = [int(bool(pair.candidate)) - int(bool(pair.base)) for pair in measured]
    effect, clusters = design_effect(differences, [pair.cluster for pair in measured])
    lost = [int(bool(p.candidate)) - int(bool(p.base)) if p.measured else -1 for p in pairs]
    effect_if_lost, clusters_if_lost = design_effect(lost, [pair.cluster for pair in pairs])
    reference = [value for pair in pairs if (value := _value(asked.get(pair.case.key), primary or "refusal")) is not None]
    return Pairs(
        scope=scope,
        n=len(measured),
        both_right=sum(bool(pair.base and pair.candidate) for pair in measured),
        gains=differences.count(1),
        losses=differences.count(-1),
        both_wrong=sum(not pair.base and not pair.candidate for pair in measured),
        unmeasured=len(pairs) - len(measured),
        design_effect=effect,
        clusters=clusters,
        design_effect_if_lost=effect_if_lost,
        clusters_if_lost=clusters_if_lost,
        reference_right=sum(value == 1.0 for value in reference) if asked else None,
        reference_n=len(reference) if asked else None,
    )


def _flip(pair: _Pair, sides: Sequence[Mapping[Key, CaseResult]], feature: FeaturePolicy, why: str | None = None) -> Flip:
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


def _why(key: Key, sides: Sequence[Mapping[Key, CaseResult]], primary: str | None) -> str:
    """Why a case is not measured, side by side."""
    told = []
    for name, side in zip(("base", "candidate"), sides, strict=True):
        result = side.get(key)
        if result is None:
            told.append(f"{name}: missing")
        elif result.status != "scored":
            told.append(f"{name}: {result.status}{f' ({safe_line(mask(result.note), 120)})' if result.note else ''}")
        elif not result.is_safety and _value(result, primary or "") is None:
            told.append(f"{name}: no score {primary}")
    return "; ".join(told) or "no score that both sides have"


def _other_suites(header: ResultsHeader, suites: Sequence[Suite]) -> list[str]:
    """Suites that a side was asked in another edition than the policy's."""
    return [
        f"{header.variant_name} was asked another edition of {suite.name}: evaluate it again"
        for suite in suites
        if header.suites.get(suite.name, suite.sha256) != suite.sha256
    ]


def _unlike(base: ResultsHeader, candidate: ResultsHeader) -> list[str]:
    """Why two runs were not made under the same conditions; what a header leaves out is not held against it."""
    found = []
    if base.feature != candidate.feature:
        found.append(f"base answered feature {base.feature!r}, candidate {candidate.feature!r}")
    for what in ("suites", "decoding", "scorers", "environment"):
        ours, theirs = getattr(base, what), getattr(candidate, what)
        if ours and theirs and ours != theirs:
            found.append(f"base and candidate have different {what}: evaluate both again under the same conditions")
    return found


def _warnings(feature: FeaturePolicy, golden: Sequence[PlannedCase], sides: Sequence[EvalResults]) -> list[str]:
    told = [
        f"provenance missing: {side.header.variant_name}'s results do not say what answered, on what, and how; "
        "the registry refuses such evidence"
        for side in sides
        if not side.header.has_provenance
    ]
    slices = feature.buckets or tuple(sorted({name for case in golden for name in case.buckets}))
    for name in slices:
        without = sum(name not in case.buckets for case in golden)
        if without:
            told.append(f"{without} golden cases have no {name!r}: they count overall, but in no bucket of {name!r}")
    variants = [side.header.variant for side in sides]
    if all(isinstance(v, Variant) for v in variants) and variants[0] == variants[1]:
        told.append("base and candidate are the same variant: this is an A/A run")
    return told
