"""evaluate: a variant's answers to the suites, asked now or found again by everything that shapes them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from evalgate import results, store
from evalgate.errors import DatasetError, NotMeasured, PolicyError
from evalgate.judgement.evaluate import judge_answer
from evalgate.judgement.looks import asked_until
from evalgate.judgement.plan import plan
from evalgate.ports import Answer, Model, Progress
from evalgate.records.evaluation import CaseResult, Decoding, EvalResults, ResultsHeader
from evalgate.records.policy import Evaluation
from evalgate.records.suite import Case, Suite
from evalgate.redaction import mask
from evalgate.scorers import Scorer, scorer_digests, scorers_for
from evalgate.stages.variants import Contending, Loadable, environment_of, find_variant, load_variant
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
) -> EvalResults:
    """Results of one variant, by its name or found already, on the suites (or on one kind: "golden" or "safety").

    With `look` only the cases up to it are asked; answers of an earlier look are not asked again.

    Raises:
        PolicyError, DatasetError, RegistryError: what was given is wrong.
        NotMeasured: the weights could not be fetched.
    """
    suites = questions(workspace, suite)
    found = variant
    if isinstance(found, str):
        found = find_variant(workspace, found, registry_path=registry_path, cache=cache)
    asked = _asked(suites, look)
    header = _header(workspace, found, suites, look)
    again = _find(cache, header, asked)
    if again is not None:
        tell(f"  {found.variant.name}: all {len(again.cases)} answers found from an earlier run, nothing is generated")
        return _priced(again, found, workspace.feature.evaluate)
    before = _earlier(cache, header, suites)
    open_cases = [one for one in asked if (one[0], one[1].id) not in before]
    model = load_variant(found, cache=cache, batch_rows=workspace.feature.evaluate.batch_rows)
    new = {(case.suite, case.case_id): case for case in ask(workspace, model, open_cases, progress)}
    answered = EvalResults(header=header, cases=tuple((before | new)[name, case.id] for name, case in asked))
    if all(case.status != "errored" for case in answered.cases):
        store.write(_kept(cache, header), results.serialise(answered))
    return _priced(answered, found, workspace.feature.evaluate)


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
        environment={**environment_of(found), "batch_rows": str(workspace.feature.evaluate.batch_rows)},
        look=look,
    )


def decoding_of(workspace: Workspace) -> Decoding:
    """How a feature's variants answer; confidence is kept where the gate asks for calibration."""
    feature = workspace.feature
    return Decoding(max_new_tokens=feature.evaluate.max_new_tokens, confidence=feature.gate.calibration is not None)


def _key(header: ResultsHeader) -> str:
    """Digest of all that shapes the results; the variant's name does not."""
    variant = header.variant if isinstance(header.variant, str) else header.variant.model_copy(update={"name": ""})
    return store.key_of(header.model_copy(update={"variant": variant}).model_dump_json())


def _kept(cache: Path, header: ResultsHeader) -> Path:
    return cache / "results" / f"{_key(header)}.results.jsonl"


def _find(cache: Path, header: ResultsHeader, asked: Sequence[tuple[str, Case]]) -> EvalResults | None:
    """Results from an earlier run under this variant's name, without latencies; None where they are missing or not whole."""
    kept = _kept(cache, header)
    if not kept.is_file():
        return None
    try:
        found = results.parse(store.read(kept), str(kept))
    except (DatasetError, PolicyError):
        return None
    if _key(found.header) != _key(header) or [(c.suite, c.case_id) for c in found.cases] != [(s, c.id) for s, c in asked]:
        return None
    timeless = tuple(case.model_copy(update={"latency_ms": None}) for case in found.cases)
    return EvalResults(header=header, cases=timeless)


def _earlier(cache: Path, header: ResultsHeader, suites: Sequence[Suite]) -> dict[tuple[str, str], CaseResult]:
    """What the look before this one asked; nothing without looks."""
    if header.look is None or header.look == 1:
        return {}
    look = header.look - 1
    found = _find(cache, header.model_copy(update={"look": look}), _asked(suites, look))
    return {} if found is None else {(case.suite, case.case_id): case for case in found.cases}


def ask(workspace: Workspace, model: Model, asked: Sequence[tuple[str, Case]], progress: Progress) -> list[CaseResult]:
    """Every case with its answer judged, in the order given."""
    answers = _answers(workspace, model, [case for _, case in asked], progress)
    return score(workspace, [(suite, case, answer) for (suite, case), answer in zip(asked, answers, strict=True)])


def score(workspace: Workspace, answered: Sequence[tuple[str, Case, Answer]]) -> list[CaseResult]:
    """Every answer judged by its suite's scorers; `answered` holds the suite's name, the case and its answer.

    Secrets and personal data in an answer are masked where that leaves its scores as they are: results are kept for good.
    """
    schema, root = read_answer_schema(workspace), workspace.root
    by = {suite: scorers_for(scorers_of(workspace, suite), schema, root) for suite in {suite for suite, _, _ in answered}}
    return [_judged(case, suite, answer, by[suite]) for suite, case, answer in answered]


def _priced(answered: EvalResults, found: Loadable | Contending, prices: Evaluation) -> EvalResults:
    """The results with what each answer cost, where prices and tokens are known; today's prices, whenever it was answered.

    The policy's prices are those of the feature's own weights: what a contender costs they do not say.
    """
    ask, answer = prices.price_input_per_million, prices.price_output_per_million
    if ask is None or answer is None or isinstance(found, Contending):
        return answered

    def priced(case: CaseResult) -> CaseResult:
        if case.tokens_in is None or case.tokens_out is None:
            return case
        return case.model_copy(update={"cost": round((case.tokens_in * ask + case.tokens_out * answer) / 1e6, 12)})

    return EvalResults(header=answered.header, cases=tuple(map(priced, answered.cases)))


def _judged(case: Case, suite: str, answer: Answer, by: Mapping[str, Scorer]) -> CaseResult:
    found = judge_answer(case, suite, answer, by)
    hidden = None if answer.text is None else mask(answer.text)
    if hidden == answer.text:
        return found
    again = judge_answer(case, suite, answer._replace(text=hidden), by)
    return again if (again.status, again.scores) == (found.status, found.scores) else found


def _answers(workspace: Workspace, model: Model, cases: Sequence[Case], progress: Progress) -> list[Answer]:
    """One answer a case; when the model breaks down, the cases it did not reach are errored, never wrong."""
    got: dict[int, Answer] = {}
    why = "the model gave no answer"
    decoding = decoding_of(workspace)
    try:
        for answer in model.answer([case.turns for case in cases], decoding):
            got[answer.place] = answer
            progress(f"{model.variant.name}: answering", len(got), len(cases))
    except (RuntimeError, OSError, NotMeasured) as error:
        why = f"{type(error).__name__}: {error}"[:200]
    return [got.get(index, Answer(index, None, why)) for index in range(len(cases))]
