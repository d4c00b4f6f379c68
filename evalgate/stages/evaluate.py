"""evaluate: a variant's answers to the suites, asked now or found again by everything that shapes them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from evalgate import results, store
from evalgate.errors import DatasetError, NotMeasured, PolicyError
from evalgate.judgement.evaluate import judge_answer
from evalgate.ports import Answer, Model, Progress
from evalgate.records.evaluation import CaseResult, Decoding, EvalResults, ResultsHeader
from evalgate.records.suite import Case, Suite
from evalgate.redaction import mask
from evalgate.scorers import Scorer, scorer_digests, scorers_for
from evalgate.stages.variants import Loadable, environment_of, find_variant, load_variant
from evalgate.stages.workspace import SAFETY_SCORER, Workspace, golden_scorers, read_answer_schema, read_suites


def evaluate(
    workspace: Workspace,
    variant: str | Loadable,
    *,
    registry_path: Path,
    cache: Path,
    progress: Progress,
    suite: str = "all",
    tell: Callable[[str], object] = str,
) -> EvalResults:
    """Results of one variant, by its name or found already, on the suites (or on one kind: "golden" or "safety").

    Raises:
        PolicyError, DatasetError, RegistryError: what was given is wrong.
        NotMeasured: the weights could not be fetched.
    """
    suites, golden = questions(workspace, suite)
    found = variant
    if isinstance(found, str):
        found = find_variant(workspace, found, registry_path=registry_path, cache=cache)
    header = _header(workspace, found, suites, golden)
    kept = cache / "results" / f"{_key(header)}.results.jsonl"
    again = _find(kept, header, suites)
    if again is not None:
        tell(f"  {found.variant.name}: all {len(again.cases)} answers found from an earlier run, nothing is generated")
        return again
    model = load_variant(found, cache=cache, batch_rows=workspace.feature.evaluate.batch_rows)
    answered = EvalResults(header=header, cases=tuple(_ask(workspace, model, suites, golden, progress)))
    if all(case.status != "errored" for case in answered.cases):
        store.write(kept, results.serialise(answered))
    return answered


def questions(workspace: Workspace, suite: str = "all") -> tuple[list[Suite], tuple[str, ...]]:
    """The suites that are asked and the golden scorers, known to fit together: worth asking before anything is trained.

    Raises:
        PolicyError, DatasetError: there is no such suite, no scorer for golden cases, or no valid answer schema.
    """
    suites = [s for s in read_suites(workspace) if suite in ("all", s.name, s.name.split("/")[0])]
    if not suites:
        raise PolicyError(f"{workspace.path}: no suite {suite!r}: features.{workspace.name} needs `golden` or `safety`")
    golden = golden_scorers(workspace)
    if not golden and any(s.name == "golden" for s in suites):
        raise PolicyError(f"{workspace.path}: features.{workspace.name}.scorers.primary is missing: say how cases are scored")
    scorers_for([*golden, SAFETY_SCORER], read_answer_schema(workspace))
    return suites, golden


def _header(workspace: Workspace, found: Loadable, suites: Sequence[Suite], golden: Sequence[str]) -> ResultsHeader:
    names = [*golden, *([SAFETY_SCORER] if any(s.name != "golden" for s in suites) else [])]
    return ResultsHeader(
        record="header",
        schema_version=1,
        feature=workspace.name,
        variant=found.variant,
        suites={s.name: s.sha256 for s in suites},
        decoding=Decoding(max_new_tokens=workspace.feature.evaluate.max_new_tokens),
        scorers=scorer_digests(names, read_answer_schema(workspace)),
        environment={**environment_of(found), "batch_rows": str(workspace.feature.evaluate.batch_rows)},
    )


def _key(header: ResultsHeader) -> str:
    """Digest of all that shapes the results; the variant's name does not."""
    variant = header.variant if isinstance(header.variant, str) else header.variant.model_copy(update={"name": ""})
    return store.key_of(header.model_copy(update={"variant": variant}).model_dump_json())


def _find(kept: Path, header: ResultsHeader, suites: Sequence[Suite]) -> EvalResults | None:
    """Results from an earlier run under this variant's name, without latencies; None where they are missing or not whole."""
    if not kept.is_file():
        return None
    try:
        found = results.parse(store.read(kept), str(kept))
    except (DatasetError, PolicyError):
        return None
    asked = [(suite.name, case.id) for suite in suites for case in suite.cases]
    if _key(found.header) != _key(header) or [(case.suite, case.case_id) for case in found.cases] != asked:
        return None
    timeless = tuple(case.model_copy(update={"latency_ms": None}) for case in found.cases)
    return EvalResults(header=header, cases=timeless)


def _ask(
    workspace: Workspace, model: Model, suites: Sequence[Suite], golden: Sequence[str], progress: Progress
) -> list[CaseResult]:
    """Every case of every suite, in suite order, with its answer judged."""
    cases = [(suite.name, case) for suite in suites for case in suite.cases]
    answers = _answers(workspace, model, [case for _, case in cases], progress)
    return score(workspace, [(suite, case, answer) for (suite, case), answer in zip(cases, answers, strict=True)], golden)


def score(workspace: Workspace, answered: Sequence[tuple[str, Case, Answer]], golden: Sequence[str]) -> list[CaseResult]:
    """Every answer judged; `answered` holds the suite's name, the case and its answer.

    Secrets and personal data in an answer are masked where that leaves its scores as they are: results are kept for good.
    """
    schema = read_answer_schema(workspace)
    golden_by, safety_by = scorers_for(golden, schema), scorers_for([SAFETY_SCORER], schema)
    return [_judged(case, suite, answer, golden_by if suite == "golden" else safety_by) for suite, case, answer in answered]


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
    decoding = Decoding(max_new_tokens=workspace.feature.evaluate.max_new_tokens)
    try:
        for answer in model.answer([case.turns for case in cases], decoding):
            got[answer.place] = answer
            progress(f"{model.variant.name}: answering", len(got), len(cases))
    except (RuntimeError, OSError, NotMeasured) as error:
        why = f"{type(error).__name__}: {error}"[:200]
    return [got.get(index, Answer(index, None, why)) for index in range(len(cases))]
