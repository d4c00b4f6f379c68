"""Whether two runs may be compared at all, and what a reader should know about them."""

from collections.abc import Sequence

from evalgate.judgement.plan import PlannedCase
from evalgate.records.evaluation import EvalResults, ResultsHeader, Variant
from evalgate.records.policy import FeaturePolicy
from evalgate.records.suite import Suite


def other_suites(header: ResultsHeader, suites: Sequence[Suite]) -> list[str]:
    """Suites that a side was asked in another edition than the policy's."""
    return [
        f"{header.variant_name} was asked another edition of {suite.name}: evaluate it again"
        for suite in suites
        if header.suites.get(suite.name, suite.sha256) != suite.sha256
    ]


def unlike(base: ResultsHeader, candidate: ResultsHeader) -> list[str]:
    """Why two runs were not made under the same conditions; what a header leaves out is not held against it."""
    found = []
    if base.feature != candidate.feature:
        found.append(f"base answered feature {base.feature!r}, candidate {candidate.feature!r}")
    if base.look != candidate.look:
        found.append("base and candidate stopped at different looks: evaluate both again together")
    for what in ("suites", "decoding", "scorers", "environment"):
        ours, theirs = getattr(base, what), getattr(candidate, what)
        if ours and theirs and ours != theirs:
            found.append(f"base and candidate have different {what}: evaluate both again under the same conditions")
    return found


def warnings(feature: FeaturePolicy, golden: Sequence[PlannedCase], sides: Sequence[EvalResults]) -> list[str]:
    """What a reader should know: missing provenance, cases outside of a slice, a variant held against itself."""
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
