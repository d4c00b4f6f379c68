"""What a judge says: its grades, and its choice between two answers."""

from collections.abc import Iterator, Mapping

from evalgate.judgement.rules.figures import figure_of, lift_of, means
from evalgate.judgement.rules.finding import Effect, Evidence, Facts, Finding, Harm, Sampler, finding, harm_of
from evalgate.judgement.scopes import OVERALL, lifted, sample_of
from evalgate.records.comparison import Pairs
from evalgate.records.gate_policy import JudgeGate
from evalgate.records.verdict import Figure
from evalgate.stats.lift import Sample, certified_margin, held, p_down, p_up


def judge_harm(facts: Facts, sampler: Sampler) -> Mapping[Harm, float]:
    """Lower grades on a protected bucket, or base's answers preferred."""
    if facts.gate.judge is None:
        return {}
    protected = (pairs for pairs in facts.comparison.judge if pairs.scope != OVERALL)
    return harm_of("judge", (*protected, facts.comparison.preference), sampler)


def judge(evidence: Evidence) -> Iterator[Finding]:
    """Grades rise by what the policy asks, and fall on no protected bucket; what people's grades make of them stands beside."""
    yield from _peoples(evidence)
    asked = evidence.gate.judge
    if asked is None:
        return
    if not evidence.comparison.judge and evidence.comparison.preference is not None:
        return  # the judge was asked for choices alone: `preference` decides
    if not any(pairs.n for pairs in evidence.comparison.judge):
        yield finding("blocks", "judge", OVERALL, "nothing measured", n=0, threshold=asked.min_lift)
        return
    for pairs in evidence.comparison.judge:
        yield _overall(evidence, pairs) if pairs.scope == OVERALL else _protected(evidence, pairs)


def preference(evidence: Evidence) -> Iterator[Finding]:
    """Base's answers are not preferred; a choice counts only where the judge makes it in both orders.

    Where the judge gave no grades, choices stand for them: the candidate must be preferred by the least lift.
    """
    pairs, asked = evidence.comparison.preference, evidence.gate.judge
    if pairs is None or asked is None:
        return
    sample = sample_of(pairs)
    harmed = ("judge", pairs.scope) in evidence.rejected
    whole = pairs.unmeasured <= evidence.comparison.overall.unmeasured
    state = "base preferred" if harmed else "preferred" if p_up(sample) <= evidence.spent else "no clear choice"
    if not harmed and not (pairs.n and whole):
        state = "not fully measured" if pairs.n else "nothing measured"
    lift = (pairs.gains - pairs.losses) / pairs.n if pairs.n else None
    effect: Effect = "fails" if harmed else "fine" if state in ("preferred", "no clear choice") else "blocks"
    if effect == "fine" and not _liked_enough(evidence, asked, sample):
        effect = "blocks"
    bound = p_down(sample) if harmed else p_up(sample)
    yield finding(effect, "preference", pairs.scope, state, n=pairs.n, observed=lift, bound=bound)


def judge_stands(evidence: Evidence) -> bool:
    """True when grades and choices would still do with every case that lacks one counted as lost."""
    asked, liked = evidence.gate.judge, evidence.comparison.preference
    if asked is None:
        return True
    if liked is not None and liked.unmeasured:
        lost = sample_of(liked, unmeasured_lost=True)
        if p_down(lost) <= evidence.alpha or not _liked_enough(evidence, asked, lost):
            return False
    worst = {pairs.scope: sample_of(pairs, unmeasured_lost=True) for pairs in evidence.comparison.judge}
    margin = asked.max_protected_drop
    return all(
        _risen(evidence, asked, sample) != "unclear" if scope == OVERALL else not lifted(sample.flipped(), margin)
        for scope, sample in worst.items()
    )


def _peoples(evidence: Evidence) -> Iterator[Finding]:
    """Mean grades as people would give them; they are told, and decide nothing."""
    for one in evidence.comparison.people:
        scope = f"{one.side}, with people's grades"
        shown = Figure(
            rule="judge",
            scope=scope,
            n=one.people,
            base=one.mean if one.side == "base" else None,
            candidate=one.mean if one.side == "candidate" else None,
            state=f"{one.low:.1%} to {one.high:.1%}" if one.low is not None and one.high is not None else "too few grades",
        )
        yield finding("fine", "judge", scope, shown.state, n=one.people, observed=one.mean, figure=shown)


def _liked_enough(evidence: Evidence, asked: JudgeGate, choices: Sample) -> bool:
    """True where grades decide, or where choices alone show the least lift."""
    alone = not evidence.comparison.judge and asked.min_lift > 0
    return not alone or (p_up(choices) <= evidence.spent and lifted(choices, asked.min_lift))


def _risen(evidence: Evidence, asked: JudgeGate, sample: Sample) -> str:
    if p_up(sample) <= evidence.spent and lifted(sample, asked.min_lift):
        return "improved"
    tie = asked.min_lift == 0 and held(sample, asked.max_protected_drop, evidence.spent)
    return "held" if tie else "unclear"


def _overall(evidence: Evidence, pairs: Pairs) -> Finding:
    asked, sample = evidence.gate.judge, sample_of(pairs)
    assert asked is not None  # noqa: S101  (`judge` looked)
    whole = pairs.unmeasured <= evidence.comparison.overall.unmeasured
    state = _risen(evidence, asked, sample) if whole else "not fully measured"
    effect: Effect = "fine" if state in ("improved", "held") else "blocks"
    return _told(evidence, pairs, effect, state, bound=p_up(sample), threshold=asked.min_lift)


def _protected(evidence: Evidence, pairs: Pairs) -> Finding:
    asked, sample = evidence.gate.judge, sample_of(pairs)
    assert asked is not None  # noqa: S101  (`judge` looked)
    base, candidate = means(pairs)
    drop = 0.0 if base is None or candidate is None else round(base - candidate, 12)
    down = drop > 0 and drop >= asked.max_protected_drop
    harmed = down and ("judge", pairs.scope) in evidence.rejected
    state = "harmed" if harmed else "nothing measured" if not pairs.n else "down, not proven" if down else "not harmed"
    effect: Effect = "fails" if harmed else "blocks" if state != "not harmed" else "fine"
    bound = certified_margin(sample, evidence.spent)
    return _told(evidence, pairs, effect, state, bound=bound, threshold=asked.max_protected_drop)


def _told(evidence: Evidence, pairs: Pairs, effect: Effect, state: str, *, bound: float, threshold: float) -> Finding:
    shown = figure_of("judge", pairs, state, evidence.spent)
    lift = lift_of(pairs)
    return finding(effect, "judge", pairs.scope, state, n=pairs.n, observed=lift, bound=bound, threshold=threshold, figure=shown)
