"""The chain from an entry of the registry to the raw answers: every digest compared, every conclusion drawn again.

No word of the evidence is believed that can be derived: a report's own "pass" counts for nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from evalgate import store, suites, weights
from evalgate.errors import WrongInputError
from evalgate.judgement.looks import asked_until
from evalgate.judgement.plan import plan
from evalgate.policy import gate_sha256
from evalgate.ports import Shelf
from evalgate.prompts import prompt_sha256
from evalgate.records.base import Sha256, is_day
from evalgate.records.evaluation import Variant
from evalgate.records.link import Link
from evalgate.records.registry import Registry
from evalgate.records.suite import Suite
from evalgate.stages.following import asked_in, beside_links, people_links, policy_links, scored_by_in, scores_follow
from evalgate.stages.gate import judge, policy_notes, reports
from evalgate.stages.opened import Told, adapter_links
from evalgate.stages.workspace import Workspace, read_prompt, read_suites

LAST_DAYS = 14
"""A variant whose provider ends it in fewer days is not registered any more."""
LOCAL = ("path:", "scripted:")
"""How base models are named that lie in the repository: other commits may have other bytes under the same name."""
Mode = Literal["adding", "raising"]
"""adding: the entry is new, all must be as it was judged. raising: it stands already, and must pass as things are today."""


class Judges(NamedTuple):
    """The side that judges: what the target branch says, and when."""

    workspace: Workspace
    registry: Registry
    today: str
    """ISO date."""
    dataset: Callable[[Told], bytes | None]
    """The bytes that a training says it was made of, as git or the disk has them; None where they are not there any more."""


def broken(told: Told, judges: Judges, shelf: Shelf, mode: Mode) -> tuple[Link, ...]:
    """Every link between evidence and what the target branch says that does not hold; none is a pass that re-derives."""
    known = read_suites(judges.workspace)
    return (
        *_of_one_run(told, judges.workspace.name),
        *adapter_links(told.manifest, told.training.candidate.adapter_sha256, shelf),
        *_base(told, judges),
        *_dataset(told, judges),
        *_questions(told, judges.workspace, known),
        *_looks(told, known),
        *beside_links(judges.workspace, known, told.base, told.candidate, told.beside),
        *policy_links(judges.workspace, told.beside, is_new=mode == "adding"),
        *(people_links(judges.workspace, told.base, told.candidate, told.beside) if mode == "adding" else ()),
        *_verdict(told, judges.workspace, mode, judges.today),
        *_served(told, judges),
        *_sunset(told, judges),
    )


def judged_as_today(told: Told, workspace: Workspace) -> bool:
    """True where gate settings, cases and scorers are still those of the verdict, so that it can be derived again.

    So too where it stopped early and the policy still lets it.
    """
    known = read_suites(workspace)
    headers, asked, scored_by = (told.base.header, told.candidate.header), asked_in(known), scored_by_in(workspace, known)
    of_then = all((header.suites, header.scorers) == (asked, scored_by) for header in headers)
    as_asked = told.candidate.header.look is None or workspace.feature.evaluate.early_stop
    return of_then and as_asked and told.verdict.policy_sha256 == gate_sha256(workspace.feature)


def derived_again(told: Told, workspace: Workspace, *, today: str | None = None) -> Iterator[Link]:
    """Whether the raw answers, scored and compared once more, come to a pass; only where they were `judged_as_today`.

    With `today` (ISO date) it is also told which exceptions that pass leans on have ended.
    """
    known = read_suites(workspace)
    for side, found in (("base", told.base), ("candidate", told.candidate)):
        if not scores_follow(workspace, found, known):
            yield Link("scores", f"the {side}'s scores do not follow from its answers")
    yield from _looks(told, known)
    yield from beside_links(workspace, known, told.base, told.candidate, told.beside)
    yield from _verdict(told, workspace, "raising", today)


def _of_one_run(told: Told, feature: str) -> Iterator[Link]:
    """Whether the files of the evidence are of one another."""
    named = {told.manifest.feature, told.base.header.feature, told.candidate.header.feature, told.training.change.feature}
    if named != {feature}:
        yield Link("evidence", f"is of {', '.join(sorted(map(repr, named)))}, the entry is of {feature!r}")
    judged, trained = told.candidate.header.variant, told.training.candidate
    if not isinstance(judged, Variant):
        yield Link("provenance", "the candidate's results do not say what answered")
    else:
        recorded = (trained.adapter_sha256, trained.base_model, trained.base_sha256, told.training.prompt_sha256)
        if (judged.adapter_sha256, judged.model, judged.model_sha256, judged.prompt_sha256) != recorded:
            yield Link("results", "the candidate's results are of another adapter, base model or prompt than the training's")
    bound, change = told.manifest.binding, told.training.change
    if bound is not None:
        asked = dict(told.candidate.header.suites)
        differ = {
            "feature": bound.feature != told.manifest.feature,
            "dataset": bound.dataset_sha256 != change.sha256 or not _is_at(bound.dataset, change.path),
            "prompt": bound.prompt_sha256 != told.training.prompt_sha256,
            "golden": bound.golden_sha256 != asked.pop("golden", None),
            "safety": bound.safety_sha256 != suites.suites_sha256(asked),
            "attempts": bound.attempt != told.verdict.attempt,
            "adapter": bound.candidate != trained.adapter_sha256,
        }
        yield from (Link(name, "is not what was approved and bound") for name, is_so in differ.items() if is_so)
    yield from _attempts(told)


def _is_at(bound: str | None, path: str) -> bool:
    """True where a path of the repository is the dataset's, whose own path begins in the policy's folder."""
    return bound is not None and f"/{bound}".endswith(f"/{path}")


def _attempts(told: Told) -> Iterator[Link]:
    if not told.manifest.attempts:
        yield Link("attempts", "no ledger says how many candidates were judged: run it again, with `evalgate run`")
    elif told.verdict.attempt is None:
        yield Link("attempts", "the verdict was reached without counting attempts: run it again, with `evalgate run`")
    elif len(told.manifest.attempts) > told.verdict.attempt:
        tried = len(told.manifest.attempts)
        yield Link(
            "attempts", f"{tried} candidates were judged against this base, the verdict was told of {told.verdict.attempt}"
        )


def _base(told: Told, judges: Judges) -> Iterator[Link]:
    """Whether the base model is the policy's, and, where it lies in the repository, still the same bytes."""
    workspace, trained = judges.workspace, told.training.candidate
    for what, sha256 in _digests_of_base(told, judges):
        if sha256 != trained.base_sha256:
            yield Link("base", f"{trained.base_model} was trained on as {trained.base_sha256}, {what} has it as {sha256}")
    if workspace.feature.base_model != trained.base_model:
        yield Link("base", f"was trained on {trained.base_model!r}, the policy's base model is {workspace.feature.base_model!r}")
    else:
        yield from base_in_repository(trained.base_model, trained.base_sha256, workspace)


def base_in_repository(uri: str, sha256: Sha256, workspace: Workspace) -> Iterator[Link]:
    """Whether a base model that lies in the repository still has this digest; others are not looked for."""
    if not uri.startswith(LOCAL):
        return
    try:
        found = weights.resolve(uri, None, cache=Path(), root=workspace.root).sha256
    except WrongInputError as error:
        yield Link("base", str(error))
        return
    if found != sha256:
        yield Link("base", f"{uri} has digest {found}, it was trained on {sha256}")


def _digests_of_base(told: Told, judges: Judges) -> Iterator[tuple[str, Sha256]]:
    """Who else says a digest of the base model: the results, and of a name that never means other bytes policy and registry."""
    uri, compared, feature = told.training.candidate.base_model, told.base.header.variant, judges.workspace.feature
    if isinstance(compared, Variant) and compared.model == uri:
        yield "what base's results are of", compared.model_sha256
    if uri.startswith("hf:") and feature.base_model_sha256 is not None:  # of a package the pin is its wheel's
        yield "the policy", feature.base_model_sha256
    known = judges.registry.features.get(judges.workspace.name)
    for name, entry in (known.variants if known else {}).items():
        if entry.base_model.uri == uri and not uri.startswith(LOCAL):
            yield name, entry.base_model.sha256


def _dataset(told: Told, judges: Judges) -> Iterator[Link]:
    change, content = told.training.change, judges.dataset(told)
    if content is None or store.key_of_bytes(content) != change.sha256:
        yield Link("dataset", f"{change.path} is not the dataset that was trained on")


def _questions(told: Told, workspace: Workspace, known: Sequence[Suite]) -> Iterator[Link]:
    """Whether the results are answers to today's cases, asked with today's prompt, scored by today's scorers."""
    asked, scored_by = asked_in(known), scored_by_in(workspace, known)
    prompt = prompt_sha256(read_prompt(workspace))
    if told.candidate.header.look is not None and not workspace.feature.evaluate.early_stop:
        yield Link("look", "asking was stopped early, which the policy does not allow: run it again")
    for side, found in (("base", told.base), ("candidate", told.candidate)):
        header, variant = found.header, found.header.variant
        if header.suites.get("golden") != asked.get("golden"):
            yield Link("golden", f"the {side}'s results answer other golden cases than the policy's: run it again")
        if _safety(header.suites) != _safety(asked):
            yield Link("safety", f"the {side}'s results answer other safety cases than the policy's: run it again")
        if header.suites != asked:
            continue
        if header.scorers != scored_by:
            yield Link("scorers", f"the {side}'s results were scored by other scorers than today's: run it again")
        elif not scores_follow(workspace, found, known):
            yield Link("scores", f"the {side}'s scores do not follow from its answers: run it again")
        if isinstance(variant, Variant) and variant.prompt_sha256 != prompt:
            yield Link("prompt", f"the prompt is not the one that the {side} was asked with: run it again")


def _safety(named: Mapping[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in named.items() if name != "golden"}


def _looks(told: Told, known: Sequence[Suite]) -> Iterator[Link]:
    """Whether both sides stopped at the same look, with just the cases that stand before it."""
    look = told.candidate.header.look
    if told.base.header.look != look:
        yield Link("look", "base and candidate stopped at different looks: run it again")
    elif look is not None:
        until = {case.key for case in asked_until(look, plan(known, ()))}
        for side, found in (("base", told.base), ("candidate", told.candidate)):
            answered = {(case.suite, case.case_id) for case in found.cases}
            if found.header.suites == asked_in(known) and answered != until:
                yield Link("look", f"the {side}'s results are not of the cases up to look {look}: run it again")


def _verdict(told: Told, workspace: Workspace, mode: Mode, today: str | None) -> Iterator[Link]:
    """Whether the verdict is a pass that follows from the raw results under the target branch's policy and this code.

    It is derived as of the day that it names, and every exception that it leans on must still hold `today`.
    """
    attempt, then = told.verdict.attempt, told.verdict.today
    if then is not None and not is_day(then):
        yield Link("verdict", f"was reached on {then[:40]!r}, which is no day: run it again")
        return
    try:
        comparison, verdict = judge(workspace, told.base, told.candidate, beside=told.beside, attempt=attempt, today=then)
    except WrongInputError as error:
        yield Link("results", str(error))
        return
    yield from (
        Link("waivers", f"the waiver of {waived.rule} for {waived.scope} by {waived.owner} ended on {waived.expires}")
        for waived in verdict.waived
        if today is not None and waived.expires < today[:10]
    )
    if verdict.verdict != "pass":
        yield Link("verdict", f"the verdict is {verdict.verdict}: {verdict.summary}")
    if comparison.safety is None or comparison.safety.base_right == 0:
        yield Link("safety", "safety was not measured")
    if not comparison.has_provenance:
        yield Link("provenance", "the results do not say what answered, on what, and how")
    if mode == "raising":
        return
    if told.verdict.policy_sha256 != gate_sha256(workspace.feature):
        yield Link("policy", "the verdict was reached under other gate settings than today's: run it again")
    if comparison != told.comparison:
        yield Link("comparison", "compare.json does not follow from the raw results: run it again")
    if verdict != told.verdict:
        yield Link("verdict", "the verdict does not follow from the raw results under this policy: run it again")
    notes = policy_notes(workspace.feature, comparison, attempt)
    by_run = reports(comparison, verdict, training=told.training, check=told.check, notes=notes)["report.md"]
    by_gate = reports(comparison, verdict, notes=notes)["report.md"]
    if told.report not in (by_run, by_gate):
        yield Link("report", "report.md is not what follows from the raw results: run it again")


def _served(told: Told, judges: Judges) -> Iterator[Link]:
    """Whether the variant that was compared is what the target branch serves now: compare-and-swap."""
    compared, feature = told.base.header.variant, judges.workspace.name
    if not isinstance(compared, Variant):
        yield Link("provenance", "base's results do not say which variant answered")
        return
    known = judges.registry.features.get(feature)
    moved = "which is not the base that was compared: run the comparison again"
    if known is None:
        if (compared.model, compared.adapter_sha256) != (judges.workspace.feature.base_model, None):
            yield Link("served", f"{feature} serves {judges.workspace.feature.base_model!r} now, {moved}")
        return
    default = known.variants[known.default]
    serves = (default.base_model.sha256, default.adapter.sha256 if default.adapter else None)
    if serves != (compared.model_sha256, compared.adapter_sha256):
        yield Link("served", f"{feature} serves {known.default!r} now, {moved}")


def _sunset(told: Told, judges: Judges) -> Iterator[Link]:
    """Whether what the variant stands on will still be there; the registry says when a provider ends it."""
    known = judges.registry.features.get(judges.workspace.name)
    for name, entry in (known.variants if known else {}).items():
        left = entry.days_left(judges.today)
        if left is not None and left < LAST_DAYS and entry.base_model.sha256 == told.training.candidate.base_sha256:
            yield Link(
                "sunset", f"the provider ends {name}, of the same base model, on {entry.sunset}: choose another base model"
            )
