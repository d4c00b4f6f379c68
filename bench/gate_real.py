"""What the gate says of a real model: one training set under nine seeds, and one intent mislabelled in three strengths.

    OMP_NUM_THREADS=1 .venv/bin/python -P bench/gate_real.py --work DIR --out FILE

Every training lies in a run folder of its own under --work (default .bench/gate_real), its answers beside it. What is
there already is found, so that a second start goes on where the first one stopped. A line a run on stderr, the figures as
JSON on stdout, the tables as Markdown in --out, written anew after every run. It takes an hour or more on one core.
"""

import argparse
import itertools
import json
import os
import platform
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

from gate_tables.real_page import tables
from gate_tables.smallest import smallest_lifts

from evalgate import memory, results, settings, store
from evalgate.ports import Answer
from evalgate.records.comparison import Comparison, Pairs
from evalgate.records.evaluation import EvalResults
from evalgate.records.verdict import Verdict
from evalgate.scorers import scorer_digests
from evalgate.stages.check import check_change, refuse_errors
from evalgate.stages.evaluate import evaluate, score
from evalgate.stages.gate import judge
from evalgate.stages.train import train
from evalgate.stages.variants import find_variant
from evalgate.stages.workspace import Workspace, all_scorers, open_workspace, read_answer_schema, read_suites

ROOT = Path(__file__).resolve().parents[1]
FEATURE = "support-intent"
DATASET = ROOT / "datasets" / FEATURE / "ft-v1.0.0.jsonl"
CLEAN_SEEDS = tuple(range(1, 10))
HARMED, CALLED = "refund", "invoice"
"""The intent whose rows are mislabelled, and what they are called instead."""
HARM_SEEDS = {0.25: 11, 0.5: 12, 1.0: 13}
"""Share of the intent's rows that is mislabelled -> seed of that training; no clean run has it."""
REQUIRED = ("no_harm", "improvement")


class Run(NamedTuple):
    """One training."""

    seed: int
    share: float
    """Share of the intent's rows that is mislabelled; 0 for the good version."""

    @property
    def name(self) -> str:
        return f"clean-{self.seed}" if self.share == 0 else f"harm-{self.share:.0%}".replace("%", "pc")


class Judged(NamedTuple):
    """One comparison under both `require` settings."""

    base: Run
    candidate: Run
    comparison: Comparison
    verdicts: dict[str, Verdict]


RUNS = (
    *(Run(seed, 0.0) for seed in CLEAN_SEEDS[:3]),
    *(Run(seed, share) for share, seed in HARM_SEEDS.items()),
    *(Run(seed, 0.0) for seed in CLEAN_SEEDS[3:]),
)
"""In the order of work: what is killed early has something of both."""


def workspace_of(run: Run, steps: int, rows: int) -> Workspace:
    """The repository's own feature without its safety suites, trained with this run's seed and this many steps."""
    known = open_workspace(ROOT / "evalgate.yaml", FEATURE)
    trained = known.feature.train.model_copy(
        update={"seed": run.seed, "max_steps": steps, "batch_rows": rows, "validation_share": 0.0}
    )
    return known._replace(feature=known.feature.model_copy(update={"train": trained, "safety": ()}))


def dataset_of(run: Run, work: Path) -> Path:
    """The good version, or a copy in which this share of the intent's rows is mislabelled; more of them hold fewer."""
    if run.share == 0:
        return DATASET
    lines = DATASET.read_text(encoding="utf-8").splitlines()
    right, wrong = (json.dumps({"intent": intent}) for intent in (HARMED, CALLED))
    rows = [json.loads(line) for line in lines]
    places = [place for place, row in enumerate(rows) if row["messages"][-1]["content"] == right]
    random.Random(0).shuffle(places)  # noqa: S311  (which rows, not a secret)
    for place in places[: round(run.share * len(places))]:
        rows[place]["messages"][-1]["content"] = wrong
        lines[place] = json.dumps(rows[place], ensure_ascii=False)
    path = work / "datasets" / f"{run.name}.jsonl"
    store.write(path, ("\n".join(lines) + "\n").encode())
    return path


def answers_of(run: Run, args: argparse.Namespace) -> EvalResults:
    """The run's answers to the golden set, trained and asked now where they are not there yet."""
    work = args.work.absolute()
    workspace = workspace_of(run, args.steps, args.rows)
    folder = work / f"{run.name}-{args.steps}x{args.rows}"
    cache = Path(os.environ.get("EVALGATE_CACHE", str(ROOT / ".cache" / "evalgate")))
    report, rows = check_change(workspace, dataset_of(run, work))
    refuse_errors(report)
    assert report.change is not None
    with store.only_one(folder):
        train(workspace, report.change, rows, folder, cache=cache, progress=steps_told(run))
        candidate = find_variant(workspace, f"candidate:{folder}", registry_path=ROOT / "models.yaml", cache=cache)
        kept = folder / "golden.results.jsonl"
        if kept.exists() and is_of(found := results.parse(store.read(kept), str(kept)), candidate.variant.adapter_sha256):
            return scored_today(workspace, found)
        asked = evaluate(workspace, candidate, registry_path=ROOT / "models.yaml", cache=cache, progress=lambda *_: None)
        store.write(kept, results.serialise(asked))
    memory.release()
    return scored_today(workspace, asked)


def is_of(found: EvalResults, adapter_sha256: str | None) -> bool:
    variant = found.header.variant
    return not isinstance(variant, str) and variant.adapter_sha256 == adapter_sha256


def scored_today(workspace: Workspace, found: EvalResults) -> EvalResults:
    """The answers, scored by the scorers as they are now: runs of different days are scored alike."""
    suites, schema = read_suites(workspace), read_answer_schema(workspace)
    cases = {(suite.name, case.id): case for suite in suites for case in suite.cases}
    answered = [(r.suite, cases[r.suite, r.case_id], Answer(place, r.output)) for place, r in enumerate(found.cases)]
    digests = scorer_digests(all_scorers(workspace, [suite.name for suite in suites]), schema, workspace.root)
    header = found.header.model_copy(update={"scorers": digests})
    return EvalResults(header=header, cases=tuple(score(workspace, answered)))


def steps_told(run: Run) -> Any:
    started = time.monotonic()

    def told(what: str, done: int, of: int) -> None:
        if done in (1, 5) or done % 20 == 0:
            say(f"  {run.name}: {what} {done}/{of}, {time.monotonic() - started:.0f} s")

    return told


def judged(base: Run, candidate: Run, answers: dict[Run, EvalResults], args: argparse.Namespace) -> Judged:
    """The verdicts, first attempt, golden set only."""
    workspace = workspace_of(candidate, args.steps, args.rows)
    verdicts = {}
    for required in REQUIRED:
        gate = workspace.feature.gate.model_copy(update={"require": required})
        under = workspace._replace(feature=workspace.feature.model_copy(update={"gate": gate}))
        comparison, verdicts[required] = judge(under, answers[base], answers[candidate])
    return Judged(base, candidate, comparison, verdicts)


def discordance(pairs: Pairs) -> float:
    return (pairs.gains + pairs.losses) / pairs.n


def figures(answers: dict[Run, EvalResults], args: argparse.Namespace) -> dict[str, Any]:
    """All that the tables say."""
    clean = sorted(run for run in answers if run.share == 0)
    harmed = sorted((run for run in answers if run.share > 0), key=lambda run: run.share)
    pairs = [judged(base, candidate, answers, args) for base, candidate in itertools.combinations(clean, 2)]
    first = [judged(clean[0], candidate, answers, args) for candidate in harmed]
    every = {run: [judged(base, run, answers, args) for base in clean] for run in harmed}
    found: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "feature": FEATURE,
        "harmed": HARMED,
        "called": CALLED,
        "steps": args.steps,
        "rows a step": args.rows,
        "golden cases": len(next(iter(answers.values())).cases),
        "accuracy": {run.name: accuracy(answers[run]) for run in (*clean, *harmed)},
        f"accuracy of {HARMED}": {run.name: accuracy(answers[run], HARMED) for run in (*clean, *harmed)},
        "pairs": len(pairs),
        "not comparable": sum(bool(case.comparison.incomparable) for case in (*pairs, *itertools.chain(*every.values()))),
        "harm against one seed": [of_harm(case) for case in first],
        "harm against every seed": {run.name: tally(cases) for run, cases in every.items()},
        "its bucket against every seed": {run.name: bucket_states(cases) for run, cases in every.items()},
    }
    if pairs:
        spread = spreads(pairs)
        n, feature = pairs[0].comparison.overall.n, workspace_of(clean[0], args.steps, args.rows).feature
        found |= {
            "verdicts": tally(pairs),
            "its bucket between seeds": bucket_states(pairs),
            "overall states": {word: states(pairs, word) for word in REQUIRED},
            "discordance": spread,
            "smallest lift": smallest_lifts(n, spread["overall"], feature),
            "median lift seen": statistics.median(abs(lift(case.comparison.overall)) for case in pairs),
            "largest lift seen": max(abs(lift(case.comparison.overall)) for case in pairs),
        }
    return found


def accuracy(found: EvalResults, intent: str | None = None) -> float:
    asked = [case for case in found.cases if intent is None or case.buckets.get("intent") == intent]
    return round(sum(case.scores.get("exact_json", 0.0) for case in asked) / len(asked), 4)


def lift(pairs: Pairs) -> float:
    return (pairs.gains - pairs.losses) / pairs.n


def tally(cases: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """Verdicts a `require`, and what the point rule says, which does not know `require`."""
    counted = {word: dict(Counter(case.verdicts[word].verdict for case in cases)) for word in REQUIRED}
    return {**counted, "point rule": dict(Counter(case.verdicts["no_harm"].point_rule.verdict for case in cases))}


def states(cases: Sequence[Judged], required: str) -> dict[str, int]:
    return dict(Counter(case.verdicts[required].scopes[0].state for case in cases))


def bucket_states(cases: Sequence[Judged]) -> dict[str, int]:
    """What the gate says of the bucket whose rows are mislabelled."""
    scopes = [scope for case in cases for scope in case.verdicts["no_harm"].scopes if scope.scope == f"intent/{HARMED}"]
    return dict(Counter(scope.state for scope in scopes))


def spreads(cases: Sequence[Judged]) -> dict[str, dict[str, float]]:
    """Scope -> least, median and largest discordance."""
    seen: dict[str, list[float]] = {}
    for case in cases:
        for pairs in (case.comparison.overall, *case.comparison.buckets):
            seen.setdefault(pairs.scope, []).append(discordance(pairs))
    return {s: {"min": min(ds), "median": statistics.median(ds), "max": max(ds)} for s, ds in seen.items()}


def of_harm(case: Judged) -> dict[str, Any]:
    bucket = next(pairs for pairs in case.comparison.buckets if pairs.scope == f"intent/{HARMED}")
    scope = next(s for s in case.verdicts["no_harm"].scopes if s.scope == bucket.scope)
    return {
        "run": case.candidate.name,
        "base": case.base.name,
        "bucket lift": lift(bucket),
        "bucket gains": bucket.gains,
        "bucket losses": bucket.losses,
        "bucket state": scope.state,
        "overall lift": lift(case.comparison.overall),
        **{word: case.verdicts[word].verdict for word in REQUIRED},
        "point rule": case.verdicts["no_harm"].point_rule.verdict,
        "point rule because": list(case.verdicts["no_harm"].point_rule.because),
    }


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="The gate on a real model.")
    parser.add_argument("--work", type=Path, default=Path(".bench/gate_real"), help="where trainings and answers are kept")
    parser.add_argument("--out", type=Path, default=None, help="Markdown file for the tables; default: in --work")
    parser.add_argument("--steps", type=int, default=40, help="steps of every training")
    parser.add_argument("--rows", type=int, default=16, help="rows a step")
    parser.add_argument("--runs", type=int, default=len(RUNS), help="how many of the trainings, in the order of work")
    args = parser.parse_args()
    settings.tame_libraries()
    command = f"python -P bench/gate_real.py --steps {args.steps} --rows {args.rows}"
    out, answers, found = args.out or args.work / "gate-real-model.md", {}, {}
    for run in RUNS[: args.runs]:
        started = time.monotonic()
        answers[run] = answers_of(run, args)
        say(f"{run.name}: {accuracy(answers[run]):.4f} right, {time.monotonic() - started:.0f} s")
        found = figures(answers, args)
        store.write(out, tables(found, command, len(RUNS)).encode())
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
