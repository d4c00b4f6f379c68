"""P1, P2 and P3: a verdict cold, with base known, and with nothing changed, beside lm-eval's `hf` backend run twice.

    .venv/bin/python -P bench/speed/verdict.py [--cases 240|1000] [--repeat 5] [--dtype auto|float32]

Every run is a whole process, `evalgate run --format json` in a run folder whose adapter is trained already: it checks the
dataset, asks base and candidate, compares, decides and writes the reports. lm-eval is asked the base, then the candidate
(`peft=`), with the same dense weights, the same prompt through the chat template, the same limit on tokens, at the batch
size that was fastest for each. The order turns round with every repetition. A figure counts only when at least 99 % of the
cases score the same; with --dtype float32 at least 99 % of the texts must be identical too.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from evalgate import results
from evalgate.stages.check import check_change
from evalgate.stages.story import run_id
from evalgate.stages.workspace import open_workspace
from speed import lm_eval_side
from speed.figure import Figure, figure, ratios, tell
from speed.timed import Took, machine, took
from speed.workplace import BENCH, EVALGATE, FEATURE, SIZES, Workplace, copied, fresh_cache, keep_dense, workplace

SIDES = ("base", "candidate")
LEAST_ALIKE = 0.99
Texts = dict[str, dict[str, str]]
"""Side -> case id -> what was answered."""


class Alike(NamedTuple):
    """How far two programs' answers of one side agree; shares of the cases."""

    scores: float
    texts: float


class Repetition(NamedTuple):
    """What one turn through all programs took."""

    cold: Took
    warm: Took
    nothing: Took
    theirs: dict[str, Took]
    alike: dict[str, Alike]

    @property
    def peer(self) -> float:
        """Seconds of lm-eval's two processes."""
        return sum(one.wall for one in self.theirs.values())


def run(place: Workplace, cache: Path, runs: Path) -> Took:
    """The whole verdict as one process; the adapter must have been found, not trained."""
    command = [EVALGATE, "run", "--feature", FEATURE, "--runs", runs, "--format", "json"]
    done = took(command, place.folder, {"EVALGATE_CACHE": str(cache)}, codes=(0, 1, 3))
    if "the adapter was found" not in done.stderr:
        sys.exit(f"the adapter in {place.trained} was not found by `evalgate run`:\n{done.stderr[-2000:]}")
    return done


def fresh_runs(place: Workplace, name: str) -> Path:
    """A folder of runs in which this story's run folder holds its adapter and nothing else."""
    workspace = open_workspace(place.folder / "evalgate.yaml", FEATURE)
    report, _ = check_change(workspace)
    assert report.change is not None
    runs = BENCH / "scratch" / name
    shutil.rmtree(runs, ignore_errors=True)
    copied(place.trained, f"{name}/{run_id(workspace, report.change, place.folder / 'models.yaml')}")
    return runs


def base_known(place: Workplace) -> Path:
    """A cache in which the base has answered everything and the candidate nothing."""
    cache = fresh_cache(place, f"known-{place.cases}")
    out = BENCH / "scratch" / "known.results.jsonl"
    command = [EVALGATE, "evaluate", "--feature", FEATURE, "--variant", "base", "--out", out]
    took(command, place.folder, {"EVALGATE_CACHE": str(cache)})
    keep_dense(place, cache)
    return cache


def texts_of(runs: Path) -> Texts:
    """What the sides of the one run in there answered."""
    found = {}
    for side in SIDES:
        path = next(runs.glob(f"*/{side}.results.jsonl"))
        found[side] = {case.case_id: case.output or "" for case in results.parse(path.read_bytes(), str(path)).cases}
    return found


def alike(place: Workplace, ours: dict[str, str], theirs: dict[str, str]) -> Alike:
    """How far two programs' answers agree; an answer is right when it is the expected JSON, whitespace around it aside."""
    golden = place.golden()
    if not golden or set(theirs) != {case["id"] for case in golden}:
        return Alike(0.0, 0.0)
    scores = sum(_right(ours[c["id"]], c["expected"]) == _right(theirs[c["id"]], c["expected"]) for c in golden)
    texts = sum(ours[case["id"]].strip() == theirs[case["id"]].strip() for case in golden)
    return Alike(scores / len(golden), texts / len(golden))


def _right(text: str, expected: dict[str, str]) -> bool:
    try:
        return bool(json.loads(text) == expected)
    except ValueError:
        return False


def repetition(place: Workplace, known: Path, batches: dict[str, int], dtype: str, *, backwards: bool) -> Repetition:
    """Every program once, ours first or theirs first."""
    cold, colds = fresh_cache(place, "cold"), fresh_runs(place, "cold-runs")
    warm, warms = copied(known, "warm"), fresh_runs(place, "warm-runs")
    timed: dict[str, Took] = {}
    texts: Texts = {}

    def ask(side: str) -> Took:
        asked = lm_eval_side.ask(place, candidate=side == "candidate", batch=batches[side], dtype=dtype)
        texts[side] = asked.texts
        return asked.took

    turns: list[tuple[str, Callable[[], Took]]] = [
        ("cold", lambda: run(place, cold, colds)),
        ("base", lambda: ask("base")),
        ("warm", lambda: run(place, warm, warms)),
        ("candidate", lambda: ask("candidate")),
    ]
    for name, turn in reversed(turns) if backwards else turns:
        timed[name] = turn()
        print(f"  {name}: {timed[name].wall:.1f} s, processor {timed[name].processor:.1f} s", file=sys.stderr)
    ours = texts_of(colds)
    nothing = run(place, cold, colds)
    for told, sides in ((timed["warm"], ["base"]), (nothing, list(SIDES))):
        for side in sides:
            if not re.search(rf"{side}: all {place.cases} answers found", told.stderr):
                sys.exit(f"{side} should have been found and was asked again:\n{told.stderr[-2000:]}")
    print(f"  nothing changed: {nothing.wall:.1f} s, processor {nothing.processor:.1f} s", file=sys.stderr)
    agreed = {side: alike(place, ours[side], texts[side]) for side in SIDES}
    return Repetition(timed["cold"], timed["warm"], nothing, {side: timed[side] for side in SIDES}, agreed)


def figures(done: list[Repetition], place: Workplace, batches: dict[str, int], dtype: str) -> list[Figure]:
    """P1 and P2 against lm-eval, P3 against our own cold run."""
    exact = dtype == "float32"
    least = {side: Alike(*(min(values) for values in zip(*(one.alike[side] for one in done), strict=True))) for side in SIDES}
    counts = all(one.scores >= LEAST_ALIKE and (not exact or one.texts >= LEAST_ALIKE) for one in least.values())
    agreed = ", ".join(f"{side}: {one.scores:.1%} of scores and {one.texts:.1%} of texts the same" for side, one in least.items())
    told = f"{agreed}; lm-eval's batch {batches['base']} and {batches['candidate']}, {dtype}"
    peers = [one.peer for one in done]
    colds = [one.cold.wall for one in done]
    size = f"{place.cases} cases, {dtype}"
    agreement = []
    for side, one in least.items():
        agreement += [
            figure(f"P1 {side}: share of scores alike, {size}", [one.scores], least=LEAST_ALIKE),
            figure(f"P1 {side}: share of texts alike, {size}", [one.texts], least=LEAST_ALIKE if exact else None),
        ]
    return [
        figure(f"P1 cold verdict / lm-eval twice, {size}", ratios(colds, peers), most=0.35, note=told, counts=counts),
        figure(
            f"P2 warm verdict, base known / lm-eval twice, {size}",
            ratios([one.warm.wall for one in done], peers),
            most=0.20,
            note="no base generation",
            counts=counts,
        ),
        figure(
            f"P3 nothing changed / own cold, {size}",
            ratios([one.nothing.wall for one in done], colds),
            most=0.03 if place.cases >= 1_000 else None,
        ),
        *agreement,
        figure("seconds: cold", colds),
        figure("seconds: warm", [one.warm.wall for one in done]),
        figure("seconds: nothing changed", [one.nothing.wall for one in done]),
        figure("seconds: lm-eval, base", [one.theirs["base"].wall for one in done]),
        figure("seconds: lm-eval, candidate", [one.theirs["candidate"].wall for one in done]),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, choices=sorted(SIZES), default=240)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--dtype", choices=("auto", "float32"), default="auto")
    args = parser.parse_args()
    if not lm_eval_side.PYTHON.exists():
        sys.exit(f"{lm_eval_side.PYTHON} is missing: `make .others/.installed` puts lm-eval there")
    told = machine()
    place = workplace(args.cases, dtype=args.dtype)
    dtype = "float32" if args.dtype == "float32" else "bfloat16"
    known = base_known(place)
    searched = {side: lm_eval_side.best_batch(place, candidate=side == "candidate", dtype=dtype) for side in SIDES}
    batches = {side: best for side, (best, _) in searched.items()}
    done = []
    for number in range(args.repeat):
        print(f"repetition {number + 1} of {args.repeat}", file=sys.stderr)
        done.append(repetition(place, known, batches, dtype, backwards=number % 2 == 1))
    settings = {"cases": args.cases, "dtype": dtype, "lm_eval_seconds_by_batch": {s: found for s, (_, found) in searched.items()}}
    processor = {
        "cold": [round(one.cold.processor, 1) for one in done],
        "lm_eval": [round(sum(t.processor for t in one.theirs.values()), 1) for one in done],
    }
    return tell(
        figures(done, place, batches, dtype),
        {"bench": "verdict", "machine": told, "settings": settings, "processor_seconds": processor},
    )


if __name__ == "__main__":
    sys.exit(main())
