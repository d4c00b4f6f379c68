"""judged: a judge's grades and choices, where the policy names one; its self-test comes first, in every run."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from evalgate import store
from evalgate.errors import PolicyError
from evalgate.models.judge import Asked, refuse_own_judge
from evalgate.ports import Progress
from evalgate.records.beside_policy import JudgePolicy
from evalgate.records.evaluation import CaseResult, EvalResults, Preferences, Variant
from evalgate.records.suite import Suite
from evalgate.scorers import JUDGED
from evalgate.stages.workspace import Workspace, all_scorers, as_text, read_suites, scorers_of

if TYPE_CHECKING:
    from evalgate.stages.judging import Judge, ProvenJudge

Secret = Callable[[str], SecretStr | None]


def judged(
    workspace: Workspace,
    answers: Mapping[str, EvalResults],
    *,
    cache: Path,
    progress: Progress,
    secret: Secret,
    tell: Callable[[str], object] = str,
) -> tuple[dict[str, EvalResults], Preferences | None]:
    """Every side's results with grades, and the choices between base and candidate; as they are where no judge is asked.

    Raises:
        PolicyError: the judge is one of those that it would judge.
        NotMeasured: the judge failed its self-test, or cannot be asked.
    """
    policy, suites = workspace.feature.judge, read_suites(workspace)
    golden = next((suite for suite in suites if suite.name == "golden"), None)
    if policy is None or golden is None:
        return dict(answers), None
    refuse_judge(workspace, answers)
    from evalgate.stages.judging import bill, judge_pairwise, self_test

    with _opened(workspace, policy, secret, cache) as judge:
        tell(f"judge: {policy.model} must tell good answers from bad ones before it is believed")
        proven = self_test(judge, golden, progress=progress)
        told = {name: _graded(workspace, suites, side, proven, progress) for name, side in answers.items()}
        preferences = None
        if policy.mode != "pointwise":
            asked = {case.case_id for case in told["base"].cases if case.suite == golden.name}
            cases = [case for case in golden.cases if case.id in asked]
            preferences = judge_pairwise(cases, told["base"], told["candidate"], proven, progress=progress)
        tell(f"  the judge: {bill(judge).words()}")
    return told, preferences


def ready_judge(workspace: Workspace, secret: Secret) -> None:
    """Nothing, or an error where the policy's judge could not even be asked; worth knowing before anything is trained.

    Raises:
        PolicyError: it would judge itself, or is not asked for what the scorers need, or its rubric cannot be read.
        NotMeasured: there is no key, or the library is not installed.
    """
    refuse_judge(workspace, {})
    if workspace.feature.judge is not None:
        with _opened(workspace, workspace.feature.judge, secret, None):
            pass


@contextmanager
def _opened(workspace: Workspace, policy: JudgePolicy, secret: Secret, cache: Path | None) -> "Iterator[Judge]":
    from evalgate.stages.judging import open_judge

    key = secret(policy.key) if policy.key is not None else None
    kept = None if cache is None else cache / "judge"
    judge = open_judge(policy, rubric=read_rubric(workspace), key=key, cache=kept)
    try:
        yield judge
    finally:
        judge.chat.close()


def _graded(
    workspace: Workspace, suites: list[Suite], side: EvalResults, proven: "ProvenJudge", progress: Progress
) -> EvalResults:
    """A side with grades on every suite whose scorers ask for one."""
    from evalgate.stages.judging import judge_pointwise

    for suite in suites:
        if JUDGED in scorers_of(workspace, suite.name):
            side = judge_pointwise(suite.cases, side, proven, suite=suite.name, progress=progress)
    return side


def read_rubric(workspace: Workspace) -> str | None:
    """The rubric that the policy names; None where it names none.

    Raises:
        PolicyError: it is not there or not UTF-8.
    """
    named = None if workspace.feature.judge is None else workspace.feature.judge.rubric
    return None if named is None else as_text(store.read(workspace.root / named), named)


def refuse_judge(workspace: Workspace, answers: Mapping[str, EvalResults]) -> None:
    """Nothing, or an error where the policy's judge is not one that can judge these answers.

    Raises:
        PolicyError: it would judge itself, or scorers ask for grades of a judge that gives none.
    """
    policy, path = workspace.feature.judge, workspace.path
    asks = JUDGED in all_scorers(workspace, [suite.name for suite in read_suites(workspace)])
    if asks and policy is None:
        raise PolicyError(f"{path}: features.{workspace.name}.judge is missing: a scorer is `judge`, say which model judges")
    if policy is None:
        return
    if asks and policy.mode == "pairwise":
        raise PolicyError(
            f"{path}: features.{workspace.name}.judge.mode is pairwise, which gives choices and no grades, but a scorer is "
            "`judge`: say pointwise or both"
        )
    asked = [Asked("base_model", workspace.feature.base_model)] if workspace.feature.base_model is not None else []
    asked += [Asked(one.name, one.model) for one in workspace.feature.contenders if one.model is not None]
    asked += [
        Asked(name, side.header.variant.model) for name, side in answers.items() if isinstance(side.header.variant, Variant)
    ]
    refuse_own_judge(policy, asked, path)


def judge_digest(workspace: Workspace) -> str:
    """Digest of the judge that the policy names, and of all that shapes what it says; nothing is asked of it.

    Raises:
        PolicyError: the policy names none, or its rubric cannot be read.
    """
    policy = workspace.feature.judge
    if policy is None:
        raise PolicyError(f"{workspace.path}: features.{workspace.name}.judge is missing: say which model judges")
    from evalgate.stages.judge_calls import digest_of

    return digest_of(policy, read_rubric(workspace))


def graded_again(anew: CaseResult, before: CaseResult, *, asked: bool) -> CaseResult:
    """A result that was scored anew, with the grade that follows from the judge's reply of then; unscorable without one.

    `asked`: the policy asks for a judge's grade of this case. What a judge says is not asked again: its words are evidence.
    """
    if not asked or anew.status == "errored":
        return anew
    from evalgate.stages.judging import graded

    reply = (before.replies or {}).get(JUDGED)
    return anew.model_copy(update={"status": "unscorable", "scores": {}}) if reply is None else graded(anew, reply)
