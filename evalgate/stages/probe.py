"""The latency probe: both variants loaded, the same questions one at a time, each in turn the first to answer."""

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path

from evalgate.errors import NotMeasured
from evalgate.ports import Model, Progress
from evalgate.records.evaluate_policy import LEAST_PROBED
from evalgate.records.evaluation import Decoding, Probe, Timing
from evalgate.records.suite import Case
from evalgate.stages.variants import Loadable, environment_of, find_variant, load_variant
from evalgate.stages.workspace import Workspace, read_suites

PROBED = {"batch_rows": "1", "drafts": "none"}
"""What the environment of a probe says, whatever that of the answers does."""
LEAST_MS = 1e-3
"""No answer takes less; a clock that says so is too coarse."""


def probe(
    workspace: Workspace,
    base: Loadable | str,
    candidate: Loadable | str,
    *,
    registry_path: Path,
    cache: Path,
    progress: Progress,
    tell: Callable[[str], object] = str,
) -> Probe | None:
    """How long each variant takes for `evaluate.probe_cases` golden cases, in batches of one; nothing is written.

    Nothing is drafted and nothing comes from a cache. A case that either variant fails on is left out on both sides. None
    where the policy asks for no probe, and where fewer than 50 cases are timed: `tell` hears why.

    Raises:
        PolicyError, DatasetError, RegistryError: what was given is wrong.
        NotMeasured: the weights could not be fetched.
    """
    wanted = workspace.feature.evaluate.probe_cases
    if not wanted:
        return None
    golden = [case for suite in read_suites(workspace) if suite.name == "golden" for case in suite.cases]
    cases = chosen(golden, wanted)
    if len(cases) < LEAST_PROBED:
        tell(f"latency is not measured: a probe needs {LEAST_PROBED} golden cases, there are {len(cases)}")
        return None
    found = [
        find_variant(workspace, name, registry_path=registry_path, cache=cache) if isinstance(name, str) else name
        for name in (base, candidate)
    ]
    settings = workspace.feature.evaluate.model_copy(update={"batch_rows": 1, "drafts": False})
    models = [load_variant(one, settings, cache=cache) for one in found]
    timings = timed(models, cases, Decoding(max_new_tokens=workspace.feature.evaluate.max_new_tokens), progress)
    if len(timings) < LEAST_PROBED:
        told = f"a probe needs {LEAST_PROBED} golden cases, both variants answered {len(timings)} of {len(cases)}"
        tell(f"latency is not measured: {told}")
        return None
    environment = {**environment_of(found[0], settings), **PROBED}
    return Probe(base=found[0].variant, candidate=found[1].variant, environment=environment, timings=tuple(timings))


def chosen(cases: Sequence[Case], wanted: int) -> list[Case]:
    """`wanted` cases, or all where there are fewer: in turn one of every combination of buckets, by the digests of their ids.

    The same suite always gives the same cases, in the same order, wherever they stand in their files.
    """
    alike: dict[tuple[tuple[str, str], ...], list[Case]] = defaultdict(list)
    for case in sorted(cases, key=lambda case: hashlib.sha256(case.id.encode()).digest()):
        alike[tuple(sorted(case.buckets.items()))].append(case)
    rounds = zip_longest(*(alike[buckets] for buckets in sorted(alike)))
    return [case for one_of_each in rounds for case in one_of_each if case is not None][:wanted]


def timed(models: Sequence[Model], cases: Sequence[Case], decoding: Decoding, progress: Progress) -> list[Timing]:
    """Each case's times on two models, after one question to each that nobody times; cases that one fails on are left out."""
    for model in models:
        _milliseconds(model, cases[0], decoding)
    found = []
    for number, case in enumerate(cases):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        took = {side: _milliseconds(models[side], case, decoding) for side in order}
        if took[0] is not None and took[1] is not None:
            found.append(Timing(case_id=case.id, base_ms=took[0], candidate_ms=took[1]))
        progress("probing latency", number + 1, len(cases))
    return found


def _milliseconds(model: Model, case: Case, decoding: Decoding) -> float | None:
    """From the question to the whole answer, rendering included; None where there is none."""
    begun = time.perf_counter()
    try:
        (answer,) = model.answer([case.turns], decoding)
    except (RuntimeError, OSError, NotMeasured):
        return None
    took = (time.perf_counter() - begun) * 1000
    return None if answer.text is None else max(round(took, 3), LEAST_MS)
