"""calibrate: base against itself, to know the noise of the suites and what the policy can see on them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from evalgate.judgement.noise import noise_of
from evalgate.judgement.simulation import design_of, left_out, simulate, sizes_of
from evalgate.ports import Progress
from evalgate.records.evaluation import EvalResults
from evalgate.records.noise import Calibration, Noise, Source
from evalgate.stages.answering import asked_at_once, decoding_of
from evalgate.stages.evaluate import evaluate, questions, score
from evalgate.stages.variants import find_variant, load_variant
from evalgate.stages.workspace import Workspace

EXAMPLES = (0.05, 0.10, 0.20)
"""Discordances of trained candidates, where nobody says a better one."""
SEED = 20_260_101


def calibrate(
    workspace: Workspace,
    *,
    registry_path: Path,
    cache: Path,
    progress: Progress,
    tell: Callable[[str], object] = str,
    discordances: Sequence[float] = (),
    runs: int = 400,
) -> Calibration:
    """What two runs of base say: how far it is from itself, how often the policy errs on ties, and what it can see.

    The first run may be found from an earlier one. The second is always asked, in batches of another size and in reverse
    order, and is not kept. The same answers give the same figures.

    Raises:
        PolicyError, DatasetError, RegistryError: what was given is wrong.
        NotMeasured: the weights could not be fetched.
    """
    suites, feature = questions(workspace), workspace.feature
    tell("ask base a first time")
    first = evaluate(workspace, "base", registry_path=registry_path, cache=cache, progress=progress, tell=tell)
    rows = feature.evaluate.batch_rows
    other = rows // 2 or 2
    tell(f"ask base again, in batches of {other} instead of {rows}, in reverse order")
    second = _again(workspace, first, other, registry_path=registry_path, cache=cache, progress=progress)
    by_suite, safety, buckets = noise_of(first, second, feature, suites)
    tell("simulate ties on the same cases and buckets")
    design = design_of(first, second, feature, suites)
    return Calibration(
        feature=workspace.name,
        variant=first.header.variant_name if isinstance(first.header.variant, str) else first.header.variant.model,
        varied=(f"batches of {other} instead of {rows}", "the order of the cases, reversed"),
        identical=not any(noise.texts for noise in by_suite),
        suites=by_suite,
        safety=safety,
        buckets=buckets,
        confidence=feature.gate.confidence,
        require=feature.gate.require,
        margin=feature.gate.max_bucket_drop,
        sizes=() if design is None else sizes_of(design),
        simulated=()
        if design is None
        else tuple(
            simulate(design, share, source, runs=runs, seed=SEED, progress=progress)
            for share, source in _discordances(by_suite, discordances)
        ),
        left_out=left_out(feature),
        seed=SEED,
    )


def _again(
    workspace: Workspace, first: EvalResults, rows: int, *, registry_path: Path, cache: Path, progress: Progress
) -> EvalResults:
    """The same cases asked once more; the header is the first one's."""
    found = find_variant(workspace, "base", registry_path=registry_path, cache=cache)
    model = load_variant(found, workspace.feature.evaluate.model_copy(update={"batch_rows": rows}), cache=cache)
    asked = [(suite.name, case) for suite in questions(workspace) for case in suite.cases][::-1]
    answers = asked_at_once(model, [case for _, case in asked], decoding_of(workspace), progress, "base: answering again")
    scored = score(workspace, [(suite, case, answer) for (suite, case), answer in zip(asked, answers, strict=True)])
    return EvalResults(header=first.header, cases=tuple(scored))


def _discordances(by_suite: Sequence[Noise], asked_for: Sequence[float]) -> list[tuple[float, Source]]:
    """What was observed, where anything was, and what was asked for, else examples; each share once."""
    found: dict[float, Source] = {
        noise.rate: "observed" for noise in by_suite if noise.scope == "golden" and noise.rate is not None
    }
    for share in asked_for or EXAMPLES:
        found.setdefault(share, "asked for" if asked_for else "example")
    return list(found.items())
