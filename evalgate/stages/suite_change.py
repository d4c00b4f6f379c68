"""A change of golden sets, safety suites, prompts or policy: nothing is trained; what is served is asked the new questions.

Held against what the target branch asks today: how the served variant does on either, and which registered variants would
no longer pass.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from evalgate import registry
from evalgate.errors import EvalGateError
from evalgate.judgement.markdown import code_span
from evalgate.judgement.wording import counted, lift_words
from evalgate.ports import Progress
from evalgate.prompts import prompt_sha256
from evalgate.records.evaluation import EvalResults
from evalgate.records.suite import Case
from evalgate.records.verdict import OverallState
from evalgate.stages.evaluate import evaluate
from evalgate.stages.gate import judge
from evalgate.stages.variants import Loadable, find_variant
from evalgate.stages.workspace import Workspace, open_workspace, read_prompt, read_suites


class Measured(NamedTuple):
    """What a suite change comes to."""

    measured: str
    """One sentence."""
    report: str
    """Markdown."""
    kind: str
    """"prompt" where the prompt changed, "suite" otherwise."""
    overall: OverallState | None
    """What a changed prompt did on the golden set; None where the prompt is the same."""


class Desk(NamedTuple):
    """What every measurement needs."""

    registry: Path
    cache: Path
    progress: Progress
    tell: Callable[[str], object]
    origin: str = "here"
    """See `Workspace.origin`."""


def measure(before: Path, after: Path, features: Iterable[str], desk: Desk) -> Measured:
    """Every feature measured on the suites of both policies, `before` the target branch's and `after` the change's.

    Raises:
        PolicyError, DatasetError, RegistryError: either side cannot be read.
        NotMeasured: weights could not be fetched.
    """

    def opened(policy: Path, name: str) -> Workspace:
        return open_workspace(policy, name)._replace(origin=desk.origin)

    told = [_feature(opened(before, name), opened(after, name), desk) for name in features]
    return Measured(
        measured="; ".join(one.measured for one in told),
        report="\n".join(["# EvalGate: a change of suites, prompts or policy", "", *(one.report for one in told)]),
        kind="prompt" if any(one.kind == "prompt" for one in told) else "suite",
        overall=next((one.overall for one in told if one.overall is not None), None),
    )


def _feature(old: Workspace, new: Workspace, desk: Desk) -> Measured:
    served = find_variant(old, "base", registry_path=desk.registry, cache=desk.cache)
    desk.tell(f"{new.name}: what is served, on today's suites")
    today = _asked(old, served, desk)
    desk.tell(f"{new.name}: what is served, on the changed suites")
    changed = _asked(new, served, desk)
    lines = [f"## {code_span(new.name)}", "", *_suites(old, new, today, changed)]
    words = [f"what is served has {_share(changed)} of the golden cases right, {_share(today)} before"]
    overall = None
    if prompt_sha256(read_prompt(new)) != prompt_sha256(read_prompt(old)):
        overall, said = _prompts(new, changed, served, desk)
        words.append(said)
        lines += ["", f"The changed prompt against the one of today, on the changed suites: {said}."]
    entries = list(_entries(new, changed, desk))
    lines += ["", "| registered variant | by the changed suites and policy |", "|---|---|"] if entries else []
    lines += [f"| {code_span(name)} | {said} |" for name, said, _ in entries]
    failing = [name for name, _, passes in entries if passes is False]
    if failing:
        words.append(f"{', '.join(map(code_span, failing))} would no longer pass")
    report = "\n".join([*lines, ""])
    return Measured(f"{code_span(new.name)}: {'; '.join(words)}", report, "prompt" if overall else "suite", overall)


def _asked(workspace: Workspace, found: Loadable, desk: Desk) -> EvalResults:
    return evaluate(workspace, found, registry_path=desk.registry, cache=desk.cache, progress=desk.progress, tell=desk.tell)


def _suites(old: Workspace, new: Workspace, today: EvalResults, changed: EvalResults) -> list[str]:
    """What changed in each suite, and how what is served does on either side."""
    before, after = _cases(old), _cases(new)
    lines = ["| suite | cases | added | removed | changed | right today | right then |", "|---|--:|--:|--:|--:|--:|--:|"]
    for suite in sorted({name for name, _ in (*before, *after)}):
        was, now = ({key: case for key, case in side.items() if key[0] == suite} for side in (before, after))
        counts = (len(now), len(now.keys() - was.keys()), len(was.keys() - now.keys()))
        edited = sum(was[key] != now[key] for key in was.keys() & now.keys())
        shares = (_share(today, suite), _share(changed, suite))
        lines.append(f"| {code_span(suite)} | {' | '.join(map(str, (*counts, edited, *shares)))} |")
    return lines


def _cases(workspace: Workspace) -> dict[tuple[str, str], Case]:
    return {(suite.name, case.id): case for suite in read_suites(workspace) for case in suite.cases}


def _share(results: EvalResults, suite: str = "golden") -> str:
    """Right answers of a suite, with how many were asked; unmeasured ones are named."""
    asked = [case for case in results.cases if case.suite == suite]
    scored = [case for case in asked if case.status == "scored"]
    right = sum(all(score == 1.0 for score in list(case.scores.values())[:1]) for case in scored)
    if not scored:
        return "not measured" if asked else "no case"
    missing = f", {counted(len(asked) - len(scored), 'case')} not measured" if len(scored) < len(asked) else ""
    return f"{right / len(scored):.1%} of {len(scored)}{missing}"


def _prompts(new: Workspace, changed: EvalResults, served: Loadable, desk: Desk) -> tuple[OverallState | None, str]:
    """The same weights with the changed prompt, against today's prompt, case by case."""
    prompt = read_prompt(new)
    variant = served.variant.model_copy(update={"name": "changed prompt", "prompt_sha256": prompt_sha256(prompt)})
    desk.tell(f"{new.name}: what is served, with the changed prompt")
    comparison, verdict = judge(new, changed, _asked(new, served._replace(prompt=prompt, variant=variant), desk))
    state = verdict.scopes[0].state
    overall: OverallState = state if state in ("improved", "tied", "harmed") else "unclear"
    unsafe = f"; {counted(comparison.safety.losses, 'new unsafe answer')}" if comparison.safety else ""
    return overall, f"{overall}, {lift_words(verdict.scopes[0])}{unsafe}"


def _entries(new: Workspace, base: EvalResults, desk: Desk) -> Iterable[tuple[str, str, bool | None]]:
    """Every registered variant: its name, what the changed suites say of it, and whether it passes; None: not measured."""
    known = registry.load(desk.registry).features.get(new.name)
    for name, entry in (known.variants if known else {}).items():
        if entry.adapter is None:
            continue
        try:
            found = find_variant(new, name, registry_path=desk.registry, cache=desk.cache)
            desk.tell(f"{new.name}: the registered {name}, on the changed suites")
            _, verdict = judge(new, base, _asked(new, found, desk))
        except EvalGateError as error:
            yield name, f"not measured: {code_span(error.problems[0], 300)}", None
            continue
        yield name, f"{verdict.verdict}: {verdict.summary}", verdict.verdict == "pass"
