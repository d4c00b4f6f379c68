"""What follows from the paths, in words. Each sentence says no more than the evidence does."""

from collections.abc import Sequence

from evalgate.judgement.markdown import code_span
from evalgate.judgement.wording import NAME, counted, points
from evalgate.records.paths import Choice, PathsDecision, Reached

ENOUGH_ROWS = 500
"""Reviewed rows below which a fine-tune is rarely worth its trouble."""
QUESTIONS = {
    "must_cite": "Must answers cite their sources?",
    "facts_change_monthly": "Do the facts in answers change more than monthly?",
    "stable_for_a_year": "Will the wanted behaviour be the same in a year?",
}
"""Key under `paths` in the policy -> the question."""
LEADS = {
    "must_cite": "yes: retrieval rather than training",
    "facts_change_monthly": "yes: retrieval rather than training",
    "stable_for_a_year": "no: a prompt rather than training",
}
ORDER: tuple[Choice, ...] = (
    "retrieval",
    "do not train yet",
    "prompt",
    "name contenders",
    "unclear",
    "collect rows",
    "train",
)
"""What decides before what: the task before the paths, what is shown before what is not."""
CHEAPEST_FIRST = ("base", "prompt", "retrieval", "structured", "endpoint")
STEPS = {
    "unsafe": "answers harm that base handles",
    "harms": "makes a bucket worse",
    "not measured": "was not measured",
}


def advise(decision: PathsDecision) -> tuple[Choice, tuple[str, ...]]:
    """The advice in a word, and all that follows in sentences, the deciding one first."""
    told = sorted([*_of_the_task(decision), *_of_the_paths(decision)], key=lambda line: ORDER.index(line[0]))
    choice = told[0][0]
    worth = {"train": ": training is worth trying", "collect rows": ": with enough rows, training is worth trying"}
    words = [f"{words}{worth.get(choice, '') if of == 'train' else ''}." for of, words in told]
    return choice, (*words, *_notes(decision))


def _of_the_task(decision: PathsDecision) -> list[tuple[Choice, str]]:
    """What follows from the answers about the task and from the dataset."""
    answers = {question.name: question.answer for question in decision.questions}
    found: list[tuple[Choice, str]] = []
    if answers.get("must_cite"):
        found.append(("retrieval", f"Answers must cite their sources: retrieval rather than training{_tried(decision)}"))
    if answers.get("facts_change_monthly"):
        found.append(("retrieval", f"The facts change more than monthly: retrieval rather than training{_tried(decision)}"))
    if answers.get("stable_for_a_year") is False:
        found.append(
            ("prompt", "The wanted behaviour will not be the same in a year: keep it in a prompt, which is cheap to change")
        )
    if decision.rows is None:
        found.append(("collect rows", f"There is no dataset yet: collect about {ENOUGH_ROWS} reviewed rows before training"))
    elif (decision.reviewed_rows or 0) < ENOUGH_ROWS:
        have = f"{decision.reviewed_rows} of {counted(decision.rows, 'row')} name a reviewer"
        found.append(("collect rows", f"{have}, fewer than {ENOUGH_ROWS}: collect and review rows before training"))
    return found


def _of_the_paths(decision: PathsDecision) -> list[tuple[Choice, str]]:
    """What follows from what was measured; exactly one of these is about training."""
    asked = [one for one in decision.reached if one.kind not in ("base", "reference")]
    reaching = sorted(
        (one for one in decision.reached if one.state == "reaches" and one.kind in CHEAPEST_FIRST),
        key=lambda one: CHEAPEST_FIRST.index(one.kind),
    )
    if reaching:
        also = f"; so does {_names(reaching[1:])}" if len(reaching) > 1 else ""
        found = f"{_subject(reaching[0])} already reaches {_target(decision)}: {_figures(reaching[0], decision)}{also}"
        return [("do not train yet", f"{found}; do not train yet")]
    if not asked:
        words = "Nothing cheaper was tried: name prompts or retrieval under `contenders` in the policy, and ask again"
        return [("name contenders", words)]
    return [_unclear(one, decision) for one in asked if one.state in ("unclear", "not measured")] or [
        ("train", f"No contender reaches {_target(decision)}{_apart(asked)}")
    ]


def _unclear(one: Reached, decision: PathsDecision) -> tuple[Choice, str]:
    name = code_span(one.name, NAME)
    if one.state == "not measured":
        return (
            "unclear",
            f"{name} was not measured{f' ({code_span(one.why, 300)})' if one.why else ''}: ask it again before you decide",
        )
    if one.safety_unmeasured:
        return "unclear", f"{name} is unclear: {counted(one.safety_unmeasured, 'harm case')} without a score: ask it again"
    more = f": about {one.more_cases} more golden cases would settle it (80 % power)" if one.more_cases else ""
    return "unclear", f"It is unclear whether {name} reaches {_target(decision)}: {_figures(one, decision)}{more}"


def _notes(decision: PathsDecision) -> list[str]:
    """What a reader should know beside the advice."""
    found = []
    open_ = [question for question in decision.questions if question.answer is None]
    if open_:
        keys = ", ".join(f"`{question.name}`" for question in open_)
        found.append(f"Not answered, so not taken into account: {keys}. Answer under `paths` in the policy.")
    if decision.teaching is not None and decision.teaching.warns:
        share = f"{decision.teaching.factual} of {counted(decision.teaching.rows, 'row')}"
        found.append(
            f"{share} look as if they teach facts rather than behaviour: facts belong into documents that are retrieved."
        )
    missing = [one for one in decision.reached if one.kind not in ("base", "reference") and one.safe_before is None]
    if missing:
        found.append("Safety was not measured: the policy names no safety suite with a case of harm.")
    return found


def _tried(decision: PathsDecision) -> str:
    """What is known of retrieval here."""
    tried = [one for one in decision.reached if one.kind == "retrieval"]
    if not tried:
        return "; no contender retrieves yet, so name one under `contenders`"
    return "; " + "; ".join(f"{code_span(one.name, NAME)} {_standing(one, decision)}" for one in tried)


def _standing(one: Reached, decision: PathsDecision) -> str:
    if one.state == "not measured":
        return "was not measured"
    verb = {"reaches": "reaches the target", "below": "stays below the target"}.get(one.state, STEPS.get(one.state, "is unclear"))
    return f"{verb}: {_figures(one, decision)}"


def _apart(asked: Sequence[Reached]) -> str:
    """Contenders that might reach the target but may not be used."""
    barred = [f"{code_span(one.name, NAME)} {STEPS[one.state]}" for one in asked if one.state in ("unsafe", "harms")]
    return f" without harm ({'; '.join(barred)})" if barred else ""


def _subject(one: Reached) -> str:
    return "Base" if one.kind == "base" else f"{code_span(one.name, NAME)} ({one.kind})"


def _names(reached: Sequence[Reached]) -> str:
    return ", ".join(code_span(one.name, NAME) for one in reached)


def _target(decision: PathsDecision) -> str:
    if decision.target is not None:
        return f"{points(decision.target)} %"
    return f"base and {points(decision.min_lift)} points more"


def _figures(one: Reached, decision: PathsDecision) -> str:
    """ "91.0 % right (interval 87.6 to 93.7, n = 400)", and the lift where that is the target."""
    right = f"{points(one.accuracy)} % right (interval {points(one.low)} to {points(one.high)}, n = {one.n})"
    if decision.target is not None or one.lift is None:
        return right
    low, high = points(one.lift_low, signed=True), points(one.lift_high, signed=True)
    return f"{right}, {points(one.lift, signed=True)} points to base (interval {low} to {high})"
