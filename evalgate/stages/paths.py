"""paths: what is cheaper than a fine-tune is asked first, and a document says what follows."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from evalgate import registry, store
from evalgate.errors import NothingThereError
from evalgate.judgement.paths import Asked, Rows, decide_paths, paths_markdown
from evalgate.judgement.paths_advice import QUESTIONS
from evalgate.judgement.teaching import teaching_of
from evalgate.ports import Progress
from evalgate.records.evaluation import EvalResults
from evalgate.records.paths import PathsDecision, Question
from evalgate.review.rows import rows_seen
from evalgate.scorers import JUDGED
from evalgate.stages.check import check_change
from evalgate.stages.contenders import Secret, ask_contenders, no_secret
from evalgate.stages.evaluate import evaluate, questions
from evalgate.stages.workspace import Workspace, find_change, read_prompt, read_suites

_WRITTEN_ON = re.compile(r"^Results `([0-9a-f]{64})`", re.MULTILINE)


class Given(NamedTuple):
    """What the caller says of the task; the policy's own answers give way to it."""

    answers: Mapping[str, bool] = {}
    """Key under `paths` -> answer, by an option."""
    typed: Mapping[str, bool] = {}
    """The same, typed on a terminal."""
    target: float | None = None
    """Accuracy to reach, as a share; None for base and the policy's `min_lift` more."""


class Places(NamedTuple):
    """Where things are read from and kept."""

    registry: Path
    cache: Path


def decide(
    workspace: Workspace,
    places: Places,
    given: Given,
    *,
    progress: Progress,
    tell: Callable[[str], object] = str,
    secret: Secret = no_secret,
) -> PathsDecision:
    """Base and every contender asked, and what follows; nothing is trained.

    Raises:
        PolicyError, DatasetError, RegistryError: what was given is wrong.
        NotMeasured: base's weights could not be fetched.
    """
    questions(workspace)  # what would be refused later is refused before anybody is asked
    contenders = ask_contenders(workspace, cache=places.cache, progress=progress, tell=tell, secret=secret)
    answers = {}
    for side in ("base", *(["reference"] if _is_tuned(workspace, places.registry) else [])):
        tell(f"ask {side}: golden and safety suites, same decoding")
        answers[side] = evaluate(workspace, side, registry_path=places.registry, cache=places.cache, progress=progress, tell=tell)
    graded = _graded(workspace, {**contenders, **answers}, places.cache, progress=progress, tell=tell, secret=secret)
    return decide_paths(
        Asked(graded["base"], {name: graded[name] for name in contenders}, graded.get("reference")),
        workspace.feature,
        suites=read_suites(workspace),
        questions=asked(workspace, given),
        dataset=_rows(workspace),
        target=given.target,
        policy_path=workspace.path,
    )


def asked(workspace: Workspace, given: Given) -> tuple[Question, ...]:
    """The questions on the task, with the answers of options, terminal and policy, the first that is there."""
    return tuple(_question(name, workspace, given) for name in QUESTIONS)


def _question(name: str, workspace: Workspace, given: Given) -> Question:
    said: tuple[tuple[bool | None, Literal["option", "terminal", "policy"]], ...] = (
        (given.answers.get(name), "option"),
        (given.typed.get(name), "terminal"),
        (getattr(workspace.feature.paths, name), "policy"),
    )
    answer, by = next(((answer, by) for answer, by in said if answer is not None), (None, None))
    return Question(name=name, asks=QUESTIONS[name], answer=answer, by=by)


def _graded(
    workspace: Workspace,
    answers: Mapping[str, EvalResults],
    cache: Path,
    *,
    progress: Progress,
    tell: Callable[[str], object],
    secret: Secret,
) -> dict[str, EvalResults]:
    """The answers with a judge's grades where a score is a judge's; there is no candidate to be preferred yet."""
    policy = workspace.feature.judge
    if policy is None or policy.mode == "pairwise" or JUDGED not in workspace.feature.scorers.all_names:
        return dict(answers)
    from evalgate.stages.judged import judged

    pointwise = workspace.feature.model_copy(update={"judge": policy.model_copy(update={"mode": "pointwise"})})
    alone = workspace._replace(feature=pointwise)
    return judged(alone, answers, cache=cache, progress=progress, secret=secret, tell=tell)[0]


def write_document(decision: PathsDecision, out: Path) -> str | None:
    """Write the decision document; the digest of the results that the one before it was written on, where there was one.

    Raises:
        NotMeasured: it cannot be written.
        PolicyError: something else is in its place.
    """
    before = _WRITTEN_ON.search(store.read(out).decode("utf-8", "replace")) if out.is_file() else None
    store.write(out, paths_markdown(decision).encode())
    return None if before is None else before[1]


def _is_tuned(workspace: Workspace, registry_path: Path) -> bool:
    known = registry.load(registry_path).features.get(workspace.name)
    return known is not None and known.variants[known.default].adapter is not None


def _rows(workspace: Workspace) -> Rows | None:
    """What is known of the newest dataset; None where there is none yet."""
    if workspace.feature.datasets is None:
        return None
    try:
        change, content = find_change(workspace)
        _, rows = check_change(workspace)
    except NothingThereError:
        return None
    reviewed = {row.digest for row in rows_seen(content) if row.reviewers}
    return Rows(change.rows, len(reviewed), change.sha256, teaching_of(rows, read_prompt(workspace)))
