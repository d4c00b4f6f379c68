"""evaluate: a variant's answers to the suites, asked now or found again by everything that shapes them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from evalgate.errors import PolicyError
from evalgate.judgement.evaluate import judge_answer
from evalgate.judgement.looks import asked_until
from evalgate.judgement.plan import plan
from evalgate.kept import Kept, kept_in
from evalgate.ports import Answer, Executor, Progress, inline
from evalgate.records.evaluate_policy import Evaluation
from evalgate.records.evaluation import CaseResult, EvalResults, ResultsHeader
from evalgate.records.suite import Case, Suite
from evalgate.redaction import mask
from evalgate.scorers import Scorer, scorer_digests, scorers_for
from evalgate.stages.answering import answers_to, decoding_of
from evalgate.stages.scores import remembering
from evalgate.stages.variants import Contending, Loadable, environment_of, find_variant
from evalgate.stages.workspace import Workspace, all_scorers, golden_scorers, read_answer_schema, read_suites, scorers_of


def evaluate(
    workspace: Workspace,
    variant: str | Loadable | Contending,
    *,
    registry_path: Path,
    cache: Path,
    progress: Progress,
    suite: str = "all",
    look: int | None = None,
    tell: Callable[[str], object] = str,
    executor: Executor = inline,
) -> EvalResults:
    """Results of one variant, by its name or found already; see `evaluate_all`."""
    side = variant if isinstance(variant, str) else variant.variant.name
    answered = evaluate_all(
        workspace,
        {side: variant},
        registry_path=registry_path,
        cache=cache,
        progress=progress,
        suite=suite,
        look=look,
        tell=tell,
        executor=executor,
    )
    return answered[side]


def evaluate_all(
    workspace: Workspace,
    variants: Mapping[str, str | Loadable | Contending],
    *,
    registry_path: Path,
    cache: Path,
    progress: Progress,
    suite: str = "all",
    look: int | None = None,
    tell: Callable[[str], object] = str,
    executor: Executor = inline,
) -> dict[str, EvalResults]:
    """Side -> results on the suites (or on one kind: "golden" or "safety"), all sides asked in one schedule.

    With `look` only the cases up to it are asked. What was answered before is not asked again. `executor` says where.

    Raises:
        PolicyError, DatasetError, RegistryError: what was given is wrong.
        NotMeasured: the weights could not be fetched, or nothing could be asked at all.
    """
    suites = questions(workspace, suite)
    found = {
        side: find_variant(workspace, one, registry_path=registry_path, cache=cache) if isinstance(one, str) else one
        for side, one in variants.items()
    }
    asked = _asked(suites, look)
    headers = {side: _header(workspace, one, suites, look) for side, one in found.items()}
    with kept_in(cache, origin=workspace.origin, tell=tell) as kept:
        answers = answers_to(
            workspace, found, headers, asked, kept=kept, cache=cache, progress=progress, tell=tell, executor=executor
        )
        return {
            side: EvalResults(
                header=headers[side],
                cases=tuple(
                    _priced(case, one, workspace.feature.evaluate) for case in _scored(workspace, asked, answers[side], kept)
                ),
            )
            for side, one in found.items()
        }


def questions(workspace: Workspace, suite: str = "all") -> list[Suite]:
    """The suites that are asked, known to fit together with their scorers: worth asking before anything is trained.

    Raises:
        PolicyError, DatasetError: there is no such suite, no scorer for golden cases, or no valid answer schema.
    """
    suites = [s for s in read_suites(workspace) if suite in ("all", s.name, s.name.split("/")[0])]
    if not suites:
        raise PolicyError(f"{workspace.path}: no suite {suite!r}: features.{workspace.name} needs `golden` or `safety`")
    if not golden_scorers(workspace) and any(s.name == "golden" for s in suites):
        raise PolicyError(f"{workspace.path}: features.{workspace.name}.scorers.primary is missing: say how cases are scored")
    scorers_for(all_scorers(workspace, [s.name for s in suites]), read_answer_schema(workspace), workspace.root)
    return suites


def _asked(suites: Sequence[Suite], look: int | None) -> list[tuple[str, Case]]:
    """The cases up to a look, each with its suite's name, in suite order."""
    chosen = {case.key for case in asked_until(look, plan(suites, ()))}
    return [(suite.name, case) for suite in suites for case in suite.cases if (suite.name, case.id) in chosen]


def _header(workspace: Workspace, found: Loadable | Contending, suites: Sequence[Suite], look: int | None) -> ResultsHeader:
    names = all_scorers(workspace, [suite.name for suite in suites])
    return ResultsHeader(
        record="header",
        schema_version=1,
        feature=workspace.name,
        variant=found.variant,
        suites={s.name: s.sha256 for s in suites},
        decoding=decoding_of(workspace),
        scorers=scorer_digests(names, read_answer_schema(workspace), workspace.root),
        environment=environment_of(found, workspace.feature.evaluate),
        look=look,
    )


def _scored(workspace: Workspace, asked: Sequence[tuple[str, Case]], answers: Sequence[Answer], kept: Kept) -> list[CaseResult]:
    return score(workspace, [(suite, case, answer) for (suite, case), answer in zip(asked, answers, strict=True)], kept)


def score(workspace: Workspace, answered: Sequence[tuple[str, Case, Answer]], kept: Kept | None = None) -> list[CaseResult]:
    """Every answer judged by its suite's scorers; `answered` holds the suite's name, the case and its answer.

    Secrets and personal data in an answer are masked where that leaves its scores as they are: results are kept for good.
    What a team's own function said of the very same is found again in `kept`.
    """
    schema, root = read_answer_schema(workspace), workspace.root
    by = {suite: scorers_for(scorers_of(workspace, suite), schema, root) for suite in {suite for suite, _, _ in answered}}
    if kept is None:
        return [_judged(case, suite, answer, by[suite]) for suite, case, answer in answered]
    with remembering(kept, workspace.root) as remembered:
        known = {suite: remembered(scorers) for suite, scorers in by.items()}
        return [_judged(case, suite, answer, known[suite]) for suite, case, answer in answered]


def _priced(case: CaseResult, found: Loadable | Contending, prices: Evaluation) -> CaseResult:
    """The case with what its answer cost, where prices and tokens are known; today's prices, whenever it was answered.

    The policy's prices are those of the feature's own weights: what a contender costs they do not say.
    """
    ask, answer = prices.price_input_per_million, prices.price_output_per_million
    if ask is None or answer is None or isinstance(found, Contending) or case.tokens_in is None or case.tokens_out is None:
        return case
    return case.model_copy(update={"cost": round((case.tokens_in * ask + case.tokens_out * answer) / 1e6, 12)})


def _judged(case: Case, suite: str, answer: Answer, by: Mapping[str, Scorer]) -> CaseResult:
    found = judge_answer(case, suite, answer, by)
    hidden = None if answer.text is None else mask(answer.text)
    if hidden == answer.text:
        return found
    again = judge_answer(case, suite, answer._replace(text=hidden), by)
    return again if (again.status, again.scores) == (found.status, found.scores) else found
