"""beside: what is measured beside base's and the candidate's answers."""

from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import SecretStr

from evalgate import store
from evalgate.judgement.compare import Beside
from evalgate.ports import Progress
from evalgate.records.evaluate_policy import LEAST_PROBED
from evalgate.records.evaluation import EvalResults, Probe
from evalgate.stages.beside_files import LATENCY
from evalgate.stages.contenders import ask_contenders
from evalgate.stages.human_labels import peoples_means, refuse_other_answers
from evalgate.stages.judged import judged
from evalgate.stages.probe import PROBED, chosen, probe
from evalgate.stages.workspace import Workspace, read_suites


def measure_beside(
    workspace: Workspace,
    answers: Mapping[str, EvalResults],
    variants: Mapping[str, str],
    *,
    folder: Path,
    registry_path: Path,
    cache: Path,
    progress: Progress,
    secret: Callable[[str], SecretStr | None],
    tell: Callable[[str], object] = str,
) -> tuple[dict[str, EvalResults], Beside]:
    """The answers with a judge's grades, and all else that the policy asks for: choices, contenders, a latency probe.

    A probe that lies in the run folder and is of the same is not made again: times that are better are not waited for.

    Raises:
        DatasetError: people graded another answer.
        NotMeasured: the judge failed its self-test, or cannot be asked: then nothing is decided.
    """
    refuse_other_answers(workspace, answers)
    look = answers["base"].header.look
    asked = ask_contenders(workspace, cache=cache, progress=progress, tell=tell, secret=secret, look=look)
    graded, preferences = judged(workspace, {**answers, **asked}, cache=cache, progress=progress, secret=secret, tell=tell)
    timed = _found(folder / LATENCY, workspace, answers)
    if timed is not None:
        tell(f"  latency found from an earlier run, {len(timed.timings)} cases")
    elif workspace.feature.evaluate.probe_cases:
        tell(f"probe: {workspace.feature.evaluate.probe_cases} golden cases, one at a time, base and candidate in turn")
        timed = probe(
            workspace,
            variants["base"],
            variants["candidate"],
            registry_path=registry_path,
            cache=cache,
            progress=progress,
            tell=tell,
        )
        if timed is not None:
            store.write_record(folder / LATENCY, timed)  # kept at once: a run that is killed now goes on with it
    sides = {name: side for name, side in graded.items() if name in answers}
    contenders = {name: graded[name] for name in asked}
    people = peoples_means(workspace, sides, tell=tell)
    return sides, Beside(sides.get("reference"), timed, preferences, contenders, people)


def _found(path: Path, workspace: Workspace, answers: Mapping[str, EvalResults]) -> Probe | None:
    """The probe of an earlier run of the same variants on the same cases and the same machine's libraries."""
    wanted, found = workspace.feature.evaluate.probe_cases, store.find_record(path, Probe)
    if not wanted or found is None:
        return None
    base, candidate = answers["base"].header, answers["candidate"].header
    golden = [case for suite in read_suites(workspace) if suite.name == "golden" for case in suite.cases]
    timed, asked = [timing.case_id for timing in found.timings], {case.id for case in chosen(golden, wanted)}
    same = (found.base, found.candidate) == (base.variant, candidate.variant)
    alike = found.environment == {**base.environment, **PROBED}
    whole = LEAST_PROBED <= len(set(timed)) == len(timed) and set(timed) <= asked
    return found if same and alike and whole else None
