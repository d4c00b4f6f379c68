"""Whether scores follow from answers, and what was measured beside base and candidate from these two and the policy's files."""

from collections.abc import Iterator, Mapping, Sequence

from evalgate import store
from evalgate.errors import PolicyError, WrongInputError
from evalgate.judgement.compare import Beside
from evalgate.ports import Answer
from evalgate.prompts import prompt_sha256
from evalgate.records.base import digest_over
from evalgate.records.beside_policy import ContenderPolicy
from evalgate.records.evaluation import EvalResults, Preference, Variant
from evalgate.records.link import Link
from evalgate.records.suite import Suite
from evalgate.scorers import JUDGED, scorer_digests
from evalgate.stages.contenders import read_documents
from evalgate.stages.evaluate import score
from evalgate.stages.human_labels import graded_by_people, peoples_means
from evalgate.stages.judged import graded_again, judge_digest
from evalgate.stages.workspace import Workspace, all_scorers, read_answer_schema, read_prompt, scorers_of


def asked_in(known: Sequence[Suite]) -> dict[str, str]:
    """Suite -> digest, as a results header has it."""
    return {suite.name: suite.sha256 for suite in known}


def scored_by_in(workspace: Workspace, known: Sequence[Suite]) -> dict[str, str]:
    """Scorer -> digest, as a results header has it; the judge's is that of all that shapes what it says."""
    names = all_scorers(workspace, [suite.name for suite in known])
    found = scorer_digests(names, read_answer_schema(workspace), workspace.root)
    return found | ({JUDGED: judge_digest(workspace)} if JUDGED in found and workspace.feature.judge is not None else {})


def scores_follow(workspace: Workspace, found: EvalResults, known: Sequence[Suite]) -> bool:
    """True when judging the recorded answers once more gives the recorded scores."""
    cases = {(suite.name, case.id): case for suite in known for case in suite.cases}
    asked = [result for result in found.cases if (result.suite, result.case_id) in cases]
    answered = [(r.suite, cases[r.suite, r.case_id], Answer(place, r.output)) for place, r in enumerate(asked)]
    by_judge = {suite.name for suite in known if JUDGED in scorers_of(workspace, suite.name)}
    again = [
        graded_again(new, old, asked=old.suite in by_judge) for old, new in zip(asked, score(workspace, answered), strict=True)
    ]
    return all((old.status, old.scores) == (new.status, new.scores) for old, new in zip(asked, again, strict=True))


def beside_links(
    workspace: Workspace, known: Sequence[Suite], base: EvalResults, candidate: EvalResults, beside: Beside
) -> Iterator[Link]:
    """Whether contenders and reference were scored as they answered, and choices and times are of these two."""
    asked, scored_by = asked_in(known), scored_by_in(workspace, known)
    thirds = [("contenders", name, found) for name, found in beside.contenders.items()]
    thirds += [("reference", "reference", beside.reference)] if beside.reference is not None else []
    for link, name, found in thirds:
        if (found.header.suites, found.header.scorers) != (asked, scored_by):
            yield Link(link, f"{name} was asked or scored in another way than base and candidate: run it again")
        elif not scores_follow(workspace, found, known):
            yield Link(link, f"the scores of {name} do not follow from its answers: run it again")
    yield from measured_links(base, candidate, beside)
    golden = {case.id for suite in known if suite.name == "golden" for case in suite.cases}
    timed = [timing.case_id for timing in beside.probe.timings] if beside.probe is not None else []
    if len(set(timed)) < len(timed) or not set(timed) <= golden:
        yield Link("latency", "the probe timed a case twice, or one that is no golden case: run it again")


def measured_links(base: EvalResults, candidate: EvalResults, beside: Beside) -> Iterator[Link]:
    """Whether choices and times are of the two sides that are compared."""
    sides = [_unnamed(side.header.variant) for side in (base, candidate)]
    if beside.probe is not None and [_unnamed(beside.probe.base), _unnamed(beside.probe.candidate)] != sides:
        yield Link("latency", "the probe timed other variants than those that are compared: run it again")
    if beside.preferences is not None:
        ours, theirs = ({(c.suite, c.case_id): c.output for c in side.cases} for side in (base, candidate))
        odd = [choice.case_id for choice in beside.preferences.cases if not _follows(choice, ours, theirs)]
        if odd:
            yield Link("preferences", f"the choice on {odd[0]!r} is not one between the two answers: run it again")


def refuse_of_others(base: EvalResults, candidate: EvalResults, beside: Beside) -> None:
    """Nothing, or an error where choices or times are of others than these two.

    Raises:
        PolicyError: naming them.
    """
    wrong = [f"{link.name}: {link.words}" for link in measured_links(base, candidate, beside)]
    if wrong:
        raise PolicyError(*wrong)


def policy_links(workspace: Workspace, beside: Beside, *, is_new: bool) -> Iterator[Link]:
    """Whether contenders and judge are those that the policy names, with the prompts, documents and rubric of its files.

    Of what stands already (not `is_new`) contenders are looked at only where the policy asks for more than they reach.
    """
    choices = beside.preferences
    if choices is not None and (workspace.feature.judge is None or choices.judge_sha256 != judge_digest(workspace)):
        yield Link("judge", "the choices are of another judge than the policy's: run it again")
    for named in workspace.feature.contenders if is_new or workspace.feature.gate.must_beat_contenders else ():
        found = beside.contenders.get(named.name)
        if found is None:
            yield Link("contenders", f"{named.name} was not asked: run it again")
            continue
        try:
            odd = _other_than_named(workspace, named, found)
        except WrongInputError as error:
            odd = error.problems[0]
        if odd is not None:
            yield Link("contenders", f"{named.name}: {odd}: run it again")


def people_links(workspace: Workspace, base: EvalResults, candidate: EvalResults, beside: Beside) -> Iterator[Link]:
    """Whether people's means follow from the grades in the policy's file, where the evidence names any.

    Without the library that combines them, whether they are of as many grades.
    """
    if not beside.people:
        return
    sides = {"base": base, "candidate": candidate}
    missing: list[str] = []
    try:
        again = peoples_means(workspace, sides, tell=missing.append)
        counts = graded_by_people(workspace, sides)
    except WrongInputError as error:
        yield Link("people", f"{error.problems[0]}: run it again")
        return
    of_so_many = {one.side: (one.people, one.judged) for one in beside.people}
    if of_so_many != counts or not (missing or again == beside.people):
        yield Link("people", "people's means do not follow from the grades in the policy's file: run it again")


def _other_than_named(workspace: Workspace, named: ContenderPolicy, found: EvalResults) -> str | None:
    """What of a contender's results is not of the policy's contender; None where all is."""
    variant, shaped = found.header.variant, found.header.environment
    if not isinstance(variant, Variant):
        return "its results do not say what answered"
    asked = workspace._replace(feature=workspace.feature.model_copy(update={"prompt": named.prompt or workspace.feature.prompt}))
    if variant.prompt_sha256 != prompt_sha256(read_prompt(asked)):
        return "its prompt is not the one that the policy names"
    model = workspace.feature.base_model if named.model is None else f"openai:{named.model}"
    if variant.model != model or variant.adapter_sha256 is not None:
        return "another model answered than the one that the policy names"
    if named.base_url is not None and variant.model_sha256 != store.key_of(named.base_url, named.model):
        return "another host answered than the one that the policy names"
    if named.documents is not None and any(case.output is not None for case in found.cases):
        documents = read_documents(workspace.root / named.documents, named.documents)
        digest = digest_over({name: store.key_of_bytes(content) for name, content in documents.items()})
        if (shaped.get("documents"), shaped.get("passages")) != (digest, str(named.top)):
            return "its documents are not those that the policy names"
    return None


def _follows(
    choice: Preference, ours: Mapping[tuple[str, str], str | None], theirs: Mapping[tuple[str, str], str | None]
) -> bool:
    """True where both answers are there, and the same only where the choice says so."""
    key = (choice.suite, choice.case_id)
    if choice.base_first is None and choice.candidate_first is None and not choice.identical:
        return True  # no reply: never counted
    return None not in (ours.get(key), theirs.get(key)) and choice.identical == (ours[key] == theirs[key])


def _unnamed(variant: Variant | str) -> Variant | str:
    return variant if isinstance(variant, str) else variant.model_copy(update={"name": ""})
