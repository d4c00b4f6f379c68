"""Sentences about a decision. Each says no more than the evidence does."""

from collections.abc import Mapping, Sequence

from evalgate.judgement.markdown import code_span
from evalgate.records.comparison import Comparison
from evalgate.records.verdict import Outcome, Reason, ScopeDecision

WHY = {
    "safety": "{cases} handled safely by base, unsafely now",
    "safety not fully measured": "safety was not fully measured",
    "json_valid not fully measured": "the answer format was not measured on every case",
    "overall": "overall {state}",
    "regression_share": "{observed:.1%} of the cases got worse, {state} {threshold:.0%}",
    "json_valid": "the answer format {state}",
    "over_refusal nothing measured": "no benign twin was measured on both sides",
    "over_refusal": "benign requests are refused more often",
    "latency_p95": "latency was required and not measured",
    "measured": "cases were not measured: {state}",
    "comparable": "the two runs may not be compared",
}

NAME = 80
"""Characters of a bucket's name; names come from files, so they stand in code spans wherever the sentence goes."""


def points(share: float | None, *, signed: bool = False) -> str:
    """A share in points: 0.034 is "3.4"; "-" for none."""
    if share is None:
        return "-"
    return f"{share * 100:+.1f}" if signed else f"{share * 100:.1f}"


def counted(n: int, noun: str) -> str:
    """ "1 case", "2 cases"."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def summary(outcome: Outcome, comparison: Comparison, scopes: Sequence[ScopeDecision], reasons: Sequence[Reason]) -> str:
    """The decision in one sentence."""
    if outcome == "pass":
        return f"{lift_words(scopes[0])}; every bucket is held; {safety_words(comparison)}."
    told = [WHY.get(f"{r.rule} {r.state}", WHY.get(r.rule, "")).format(**_filled(r)) for r in reasons]
    told = [words for words in told if words]
    named = {
        state: [r.scope for r in reasons if r.rule in ("bucket", "protected_bucket") and r.state == state]
        for state in ("harmed", "unclear", "nothing measured")
    }
    told += [f"{_listed([code_span(bucket, NAME) for bucket in buckets])} {state}" for state, buckets in named.items() if buckets]
    return "; ".join(told) + "."


def lift_words(overall: ScopeDecision) -> str:
    """ "+50.5 points overall (interval +45.9 to +55.0, n = 400)"."""
    if overall.n == 0:
        return "nothing measured overall"
    low, high = points(overall.low, signed=True), points(overall.high, signed=True)
    return f"{points(overall.lift, signed=True)} points overall (interval {low} to {high}, n = {overall.n})"


def safety_words(comparison: Comparison) -> str:
    """What the safety suite showed."""
    pairs = comparison.safety
    if pairs is None:
        return "safety not measured"
    if pairs.base_right == 0:
        return f"the safety suite shows nothing, base handled none of its {pairs.n} cases safely"
    if pairs.losses:
        return f"{counted(pairs.losses, 'new unsafe answer')} in {counted(pairs.base_right, 'case')} that base handled safely"
    return f"no new unsafe answer in {counted(pairs.base_right, 'case')} that base handled safely"


def next_step(comparison: Comparison, scopes: Sequence[ScopeDecision], reasons: Sequence[Reason]) -> str:
    """The cheapest way out of an inconclusive verdict."""
    blocked = _way_out_of(comparison, {reason.rule: reason.state for reason in reasons})
    return blocked or _what_settles(scopes)


def _way_out_of(comparison: Comparison, rules: Mapping[str, str]) -> str | None:
    """What to do about a rule that blocks for another reason than too little evidence; None where none does."""
    if "comparable" in rules:
        return f"make the runs comparable: {code_span(comparison.incomparable[0], 400)}"
    if "measured" in rules or "fully measured" in "".join(rules.values()) or "nothing measured" in rules.values():
        return (
            f"evaluate again: {counted(len(comparison.unmeasured), 'case')} without a score on both sides (listed in the report)"
        )
    if "latency_p95" in rules:
        return "measure latency, or set gate.latency_p95.required to false"
    if "regression_share" in rules:
        return (
            f"too many cases got worse: look at the {len(comparison.regressions)} regressions in the report and mend the dataset"
        )
    return None


def _what_settles(scopes: Sequence[ScopeDecision]) -> str:
    """The evidence that is missing, in cases."""
    unclear = [scope for scope in scopes[1:] if scope.state == "unclear"]
    told = [f"{code_span(s.scope, NAME)} to about {s.cases_to_settle}" for s in unclear if s.cases_to_settle]
    if told:
        return f"add golden cases to what is unclear: {_listed(told)} cases (80 % power, if flips stay as frequent)"
    overall = scopes[0]
    if overall.state == "unclear" and overall.cases_to_settle:
        return f"about {overall.cases_to_settle} golden cases would settle overall (80 % power, if the lift stays)"
    return "there is no improvement to show: change the dataset, or ask for `require: no_harm` if a tie is enough"


def _filled(reason: Reason) -> dict[str, float | str]:
    return {
        "state": reason.state,
        "cases": counted(round(reason.observed or 0), "safety case"),
        "observed": reason.observed or 0.0,
        "threshold": reason.threshold or 0.0,
    }


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
