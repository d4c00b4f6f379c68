"""Sentences about a decision. Each says no more than the evidence does."""

from collections.abc import Mapping, Sequence

from evalgate.judgement.markdown import code_span
from evalgate.records.comparison import Comparison
from evalgate.records.verdict import Figure, Outcome, Reason, ScopeDecision, Waived

WHY = {
    "safety": "{cases} handled safely by base, unsafely now",
    "safety not fully measured": "safety was not fully measured",
    "json_valid not fully measured": "the answer format was not measured on every case",
    "json_valid nothing measured": "the answer format was not measured",
    "overall": "overall {state}",
    "regression_share": "{observed:.1%} of the cases got worse, {state} {threshold:.0%}",
    "json_valid": "the answer format {state}",
    "preference": "the judge: {state}",
    "latency_p95 not measured": "latency was required and not measured",
    "latency_p95": "{observed:.2f} times base's latency at the 95th percentile, {state}",
    "cost_per_call not known": "costs were required and are not known",
    "cost_per_call": "{observed:.2f} times base's cost a call, {state}",
    "fairness nothing measured": "the groups of {scope} were not measured",
    "fairness": "the gap of {scope} is {observed:.1%}, {state}",
    "calibration not measured": "calibration was required and not measured",
    "calibration": "the calibration error changed by {observed:+.1%}, {state}",
    "auc": "the area under the ROC curve {state}",
    "over_refusal nothing measured": "no benign twin was measured on both sides",
    "over_refusal": "benign requests are refused more often",
    "measured": "cases were not measured: {state}",
    "comparable": "the two runs may not be compared",
}
GROUPED = {
    "legacy": "what it must not forget, {names}: {state}",
    "f1": "F1 of {names} {state}",
    "fields": "F1 of the fields {names} {state}",
    "judge": "the judge's grades on {names}: {state}",
    "contenders": "against the contenders {names}: {state}",
    "bucket": "{names} {state}",
}
"""Rules that look at many scopes: all scopes of one state stand in one sentence."""
STATES = ("harmed", "unclear", "nothing measured")
"""The order in which a rule's states are told; others come after."""

WAYS = {
    "latency_p95 not measured": "measure latency: evaluate.probe_cases: 50, or set gate.latency_p95.required to false",
    "cost_per_call not known": "the results lack what gate.cost_per_call asks for: evaluate again with it, or set its "
    "`required` to false",
    "calibration not measured": "the results lack what gate.calibration asks for: evaluate again with it, or set its "
    "`required` to false",
    "contenders": "look at the contenders: one of them may do without training",
    "regression_share": "too many cases got worse: look at the {regressions} regressions in the report and mend the dataset",
    "latency_p95": "time more cases (evaluate.probe_cases), or make the candidate faster: what it gains does not pay for it",
}
"""The way out of a rule, or of one of its states, the first that matches."""

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


def summary(
    outcome: Outcome,
    comparison: Comparison,
    scopes: Sequence[ScopeDecision],
    reasons: Sequence[Reason],
    waived: Sequence[Waived] = (),
) -> str:
    """The decision in one sentence; a pass that leans on waivers says so."""
    if outcome == "pass":
        leans = f"; {counted(len(waived), 'finding')} waived" if waived else ""
        return f"{lift_words(scopes[0])}; {_held_words(scopes)}; {safety_words(comparison)}{leans}."
    return "; ".join([*filter(None, map(_why, reasons)), *_grouped(reasons)]) + "."


def contender_words(comparison: Comparison, figures: Sequence[Figure]) -> str | None:
    """Whether the fine-tune beats the best of what is cheaper; None where nothing else was asked.

    One that is as good is told before one that looks better and is beaten.
    """
    asked = [figure for figure in figures if figure.rule == "contenders" and figure.base is not None]
    if not asked:
        return f"{len(comparison.contenders)} contenders were asked, none could be measured" if comparison.contenders else None
    best = max(asked, key=lambda figure: (figure.state == "as good", figure.base or 0.0, figure.scope))
    name, reaches = code_span(best.scope, NAME), f"{best.base:.1%} against the candidate's {best.candidate:.1%}"
    open_ones = [code_span(figure.scope, NAME) for figure in asked if figure.state not in ("beaten", "as good")]
    if best.state == "beaten":
        but = f"; whether it beats {_listed(open_ones)} is not settled" if open_ones else ""
        return f"the best contender, {name}, is beaten: {reaches}{but}"
    if best.state == "as good":
        unsafe = _unsafe_words(comparison, best.scope)
        advice = f", but {unsafe}" if unsafe else ": do not train"
        return f"{name} already reaches this ({reaches}, shown to lose less than the margin){advice}"
    return f"whether it beats the best contender, {name}, is {best.state} ({reaches})"


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
    return blocked or _what_settles(scopes, reasons)


def _way_out_of(comparison: Comparison, rules: Mapping[str, str]) -> str | None:
    """What to do about a rule that blocks for another reason than too little evidence; None where none does."""
    if "comparable" in rules:
        return f"make the runs comparable: {code_span(comparison.incomparable[0], 400)}"
    if "measured" in rules or "fully measured" in "".join(rules.values()) or "nothing measured" in rules.values():
        return (
            f"evaluate again: {counted(len(comparison.unmeasured), 'case')} without a score on both sides (listed in the report)"
        )
    for rule, way in WAYS.items():
        name, _, state = rule.partition(" ")
        if name in rules and state in ("", rules[name]):
            return way.format(regressions=len(comparison.regressions))
    return None


def _what_settles(scopes: Sequence[ScopeDecision], reasons: Sequence[Reason]) -> str:
    """The evidence that is missing, in cases."""
    unclear = [scope for scope in scopes[1:] if scope.state == "unclear"]
    told = [f"{code_span(s.scope, NAME)} to about {s.cases_to_settle}" for s in unclear if s.cases_to_settle]
    if told:
        return f"add golden cases to what is unclear: {_listed(told)} cases (80 % power, if flips stay as frequent)"
    overall = scopes[0]
    if overall.state == "unclear" and overall.cases_to_settle:
        return f"about {overall.cases_to_settle} golden cases would settle overall (80 % power, if the lift stays)"
    if reasons and all(reason.rule != "overall" for reason in reasons):
        names = [f"{reason.rule} of {code_span(reason.scope, NAME)}" for reason in reasons]
        return f"add golden cases, or change the dataset, for what stands in the way: {_listed(names)}"
    return "there is no improvement to show: change the dataset, or ask for `require: no_harm` if a tie is enough"


def _unsafe_words(comparison: Comparison, name: str) -> str | None:
    """What speaks against a contender's safety; None where nothing does."""
    pairs = next((one.safety for one in comparison.contenders if one.name == name), None)
    if pairs is None or pairs.n == 0 or pairs.unmeasured:
        return "its safety was not fully measured"
    return f"it answers {counted(pairs.gains, 'safety case')} unsafely that the candidate handles" if pairs.gains else None


def _held_words(scopes: Sequence[ScopeDecision]) -> str:
    """What a pass says of the buckets: a waiver may have let one through that is not held."""
    others = [scope for scope in scopes[1:] if scope.state != "held"]
    if not others:
        return "every bucket is held"
    return f"not held: {_listed([f'{code_span(scope.scope, NAME)} ({scope.state})' for scope in others])}"


def _why(reason: Reason) -> str:
    """One reason in words; nothing for rules that are told together."""
    if _group(reason) in GROUPED:
        return ""
    told = WHY.get(f"{reason.rule} {reason.state}", WHY.get(reason.rule, "{rule}: {state}"))
    if reason.observed is None and "{observed" in told:
        told = "{rule}: {state}"
    return told.format(**_filled(reason))


def _grouped(reasons: Sequence[Reason]) -> list[str]:
    """The rules that look at many scopes, a sentence for each of their states."""
    found = []
    for rule, words in GROUPED.items():
        mine = [reason for reason in reasons if _group(reason) == rule]
        for state in dict.fromkeys((*STATES, *(reason.state for reason in mine))):
            names = [code_span(reason.scope, NAME) for reason in mine if reason.state == state]
            if names:
                found.append(words.format(names=_listed(names), state=state))
    return found


def _group(reason: Reason) -> str:
    return "bucket" if reason.rule == "protected_bucket" else reason.rule


def _filled(reason: Reason) -> dict[str, float | str]:
    return {
        "rule": reason.rule,
        "state": reason.state,
        "scope": code_span(reason.scope, NAME),
        "cases": counted(round(reason.observed or 0), "safety case"),
        "observed": reason.observed or 0.0,
        "threshold": reason.threshold or 0.0,
    }


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
