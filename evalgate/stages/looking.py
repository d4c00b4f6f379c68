"""looking: every side's answers, all at once, or in four looks of which the first that decides ends the asking."""

from collections.abc import Callable, Mapping
from pathlib import Path

from evalgate.judgement.gate import error_rates
from evalgate.judgement.plan import plan
from evalgate.judgement.stopping import stops
from evalgate.ports import Executor, Progress, inline
from evalgate.records.evaluation import EvalResults
from evalgate.scorers import JUDGED
from evalgate.stages.evaluate import evaluate_all
from evalgate.stages.gate import judge
from evalgate.stages.workspace import Workspace, read_suites
from evalgate.stats.sequential import LOOKS


def answers_of(
    workspace: Workspace,
    variants: Mapping[str, str],
    *,
    registry_path: Path,
    cache: Path,
    progress: Progress,
    attempt: Callable[[EvalResults, EvalResults], int],
    tell: Callable[[str], object] = str,
    today: str | None = None,
    executor: Executor = inline,
) -> dict[str, EvalResults]:
    """Side -> its answers; with `evaluate.early_stop` as many as it takes to decide, the same cases for every side.

    Where a judge's grade is the score that decides, nothing can be seen before all is asked: then all is asked at once.
    `attempt` counts the tries, by base's results and the candidate's; it is asked before anything is looked at.
    `today` (ISO date) is what waivers expire against: harm that is waived ends nothing.
    """

    def ask(look: int | None) -> dict[str, EvalResults]:
        at = f", look {look} of {LOOKS}" if look else ""
        tell(f"evaluate {' and '.join(variants)}: golden and safety suites, same prompt, same decoding, in one schedule{at}")
        return evaluate_all(
            workspace,
            variants,
            registry_path=registry_path,
            cache=cache,
            progress=progress,
            look=look,
            tell=tell,
            executor=executor,
        )

    if not workspace.feature.evaluate.early_stop:
        return ask(None)
    if workspace.feature.scorers.primary == JUDGED:
        tell("early_stop: a judge's grade decides, which is asked for at the end: every case is asked")
        return ask(None)
    for look in range(1, LOOKS):
        asked = ask(look)
        if decided(workspace, asked, attempt(asked["base"], asked["candidate"]), today):
            tell(f"look {look} of {LOOKS} decides: the cases that are left are not asked")
            return asked
    return ask(LOOKS)


def decided(workspace: Workspace, asked: Mapping[str, EvalResults], attempt: int, today: str | None = None) -> bool:
    """True when the answers so far decide, or when those to come could not."""
    comparison, verdict = judge(workspace, asked["base"], asked["candidate"], attempt=attempt, today=today)
    planned = plan(read_suites(workspace), ())
    return stops(verdict, comparison, workspace.feature, planned, error_rates(workspace.feature.gate, attempt, LOOKS))
