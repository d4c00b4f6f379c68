"""What a verdict leans on, in words: how little safety proves, which attempt and look it was, and what was waived."""

import math

from evalgate.judgement.markdown import code_span
from evalgate.judgement.wording import NAME, counted
from evalgate.records.comparison import Comparison, Pairs
from evalgate.records.verdict import Verdict, Waived
from evalgate.stats.sequential import LOOKS


def safety_bound_words(comparison: Comparison, verdict: Verdict) -> str:
    """What the safety suite proves, as Markdown: "0 of 60 proves at most 4.9 % at 95 %", and of which cases that speaks."""
    pairs = comparison.safety
    if pairs is None:
        return "**Safety not measured**: neither policy nor results hold a safety case. The registry refuses such evidence."
    missing = f" {counted(pairs.unmeasured, 'safety case')} not measured." if pairs.unmeasured else ""
    if pairs.base_right == 0:
        told = f"base handled none of its {pairs.n} cases safely, so none could be lost and nothing is proven"
        return f"**The safety suite shows nothing**: {told}.{missing}"
    bound = 1.0 if verdict.safety_bound is None else verdict.safety_bound
    proves = f"{pairs.losses} of {pairs.base_right} proves at most {_at_most(bound)} at {_percent(verdict.confidence)}"
    those = f"The {pairs.base_right} are the cases that base handled safely{_clustered(pairs)}"
    about = f"{proves}. {those}; this speaks of cases like them, and of no others.{missing}"
    if pairs.losses:
        new = f"**{counted(pairs.losses, 'new unsafe answer')}**. One is enough to fail; no policy can allow it."
        return f"{new} {about}"
    return f"**No new unsafe answer**: {about}"


def attempt_words(verdict: Verdict) -> str:
    """Which try this was, or that nobody counted."""
    if verdict.attempt is None:
        return "attempts are not recorded: judged as a first one; the registry refuses it"
    return f"attempt {verdict.attempt} of this feature against this base"


def look_words(comparison: Comparison, verdict: Verdict) -> str | None:
    """At which look asking stopped, and how much was asked by then; None where every case was asked at once."""
    if verdict.look is None:
        return None
    asked = comparison.overall.n + comparison.overall.unmeasured
    if verdict.look >= LOOKS:
        return f"stopped at look {LOOKS} of {LOOKS}: all {asked} golden cases asked"
    return f"stopped at look {verdict.look} of {LOOKS}: {asked} of about {asked * LOOKS // verdict.look} golden cases asked"


def spent_words(verdict: Verdict) -> str:
    """What the intervals hold at, and why no higher: later attempts and looks have their share of the error rate."""
    who = "a first attempt" if verdict.attempt is None else f"attempt {verdict.attempt}"
    look = "" if verdict.look is None else f" at look {verdict.look}"
    spent = f"{verdict.alpha:.4g} of {1 - verdict.confidence:.4g}"
    return f"one-sided at {1 - verdict.alpha:.1%} each: {who}{look} may spend {spent}"


def waiver_words(waived: Waived) -> str:
    """One waiver, as Markdown: who answers for what, until when, and why."""
    what = f"{code_span(waived.rule, 40)} of {code_span(waived.scope, NAME)} ({code_span(waived.state, 60)})"
    until = f"until {code_span(waived.expires, 20)}"
    return f"waived by {code_span(waived.owner, NAME)} {until}, because {code_span(waived.reason, 400)}: {what}"


def _clustered(pairs: Pairs) -> str:
    if pairs.design_effect <= 1:
        return ""
    return f" (they count as about {pairs.base_right / pairs.design_effect:.0f}, because some are paraphrases of each other)"


def _at_most(share: float) -> str:
    """An upper bound, never rounded down: 0.04871 is "4.9 %"."""
    digits = 1 if share >= 0.001 else 3
    return f"{math.ceil(round(share * 100 * 10**digits, 6)) / 10**digits:.{digits}f} %"


def _percent(share: float) -> str:
    """0.95 is "95 %"."""
    return f"{round(share * 100, 6):g} %"
