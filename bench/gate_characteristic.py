"""What the gate reaches: GATE.md's table G1 to G10, each figure with its target and the point rule beside it.

    .venv/bin/python -P bench/gate_characteristic.py [--out docs/gate-characteristics.md]

The gate is the real one: `decide` on real comparison records, whose counts are drawn from a seed. One line a figure on
stderr; every cell as JSON on stdout, and as Markdown in --out. Exit code 1 when a figure falls short. Two processes.
"""

import argparse
import itertools
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

from gate_tables import clustered, early, exact, rates, size, speed
from gate_tables.drawn import policy
from gate_tables.figure import Cell, Figure, figure

NOTES = Path(__file__).resolve().parent / "gate_tables/early_notes.md"
"""What stands under the tables: what was found out about the lines of G9 that fall short."""
RUNS = 4_000
MORE, FEWER, FEWEST = 4, 2, 4
"""G3 and G4 stand close to their targets, and get the runs times the first; G7 and G9 are slow, and get them divided."""
SEED = 20_261_120
SIZES = ((0.04, 6.0), (0.05, None))
"""(alpha, target) of G5; 0.04 is what a first attempt has of 0.05, which is more than any attempt spends by default."""


class Job(NamedTuple):
    """One cell, or several that are measured together."""

    figure: str
    work: Callable[..., Any]
    given: tuple[Any, ...]


def jobs(runs: int, seed: int) -> list[Job]:
    """Everything that is drawn or enumerated, each with a seed of its own."""
    seeds = itertools.count(seed)
    grid = list(itertools.product(rates.NS, rates.DS))
    found = [Job("G1", rates.a_a_fails, (next(seeds), runs, n, d)) for n, d in grid]
    found += [Job("G2", rates.lost_bucket_passes, (next(seeds), runs, n, d, rates.OTHERS_UP)) for n, d in grid]
    found += [Job("G2", rates.lost_bucket_passes, (next(seeds), runs, n, d, 0.0)) for n, d in grid if n >= 500]
    for required, (n, d) in itertools.product(("no_harm", "improvement"), ((500, 0.10), (1000, 0.20))):
        found.append(Job(f"G3 {required}", rates.gain_passes, (next(seeds), MORE * runs, n, d, required)))
    found += [Job(f"G4 {d:.2f}", rates.lost_bucket_fails, (next(seeds), MORE * runs, 1000, d)) for d in (0.10, 0.20)]
    for alpha, _ in SIZES:
        found += [Job(f"G5 {alpha:g}", size.worst_sizes, (n, alpha)) for n in reversed(size.NS)]
    found += [Job("G6", exact.improved_in_five, (n, rates.DS)) for n in (200, 500, 1000)]
    for n, d in itertools.product((200, 500, 1000, 2000), (0.10, 0.20, 0.30)):
        found.append(Job("G7 held", clustered.lost_margin_held, (next(seeds), runs // FEWER, n, d)))
        found.append(Job("G7 harm", clustered.a_a_harmed, (next(seeds), runs // FEWER, n, d)))
    found += [Job("G8", exact.judge_improves, (n,)) for n in (100, 200, 500, 1000)]
    for scenario, n, d in itertools.product(early.SCENARIOS, early.NS, early.DS):
        found.append(Job(f"G9 {scenario.name}", early.with_looks, (next(seeds), runs // FEWEST, n, d, scenario)))
    for scenario, n, d in ((early.SAME, 1000, 0.20), (early.ONE_DOWN, 500, 0.10)):
        found.append(Job("G9 draws", early.more_draws, (next(seeds), runs // FEWEST, n, d, scenario)))
    return found


def figures(runs: int, seed: int, processes: int) -> list[Figure]:
    """All lines of the table; the time is taken before anything else keeps the machine busy."""
    timed = of_speed(seed)
    cells: dict[str, list[Any]] = {}
    todo = jobs(runs, seed)
    with ProcessPoolExecutor(processes) as pool:
        for job, cell in zip(todo, pool.map(done, todo), strict=True):
            cells.setdefault(job.figure, []).extend(cell if isinstance(cell, list) else [cell])
    return [
        *of_rates(cells),
        *of_tests(cells),
        *of_tries(cells),
        *of_looks(cells),
        timed,
    ]


def done(job: Job) -> Any:
    return job.work(*job.given)


def of_rates(cells: dict[str, list[Any]]) -> Iterator[Figure]:
    yield figure("G1", "nothing changed: false fail", cells["G1"], most=5.0, peer="a bucket 5 points down")
    yield figure("G2", "one bucket of six lost the margin: false pass", cells["G2"], most=5.5, peer="point rule")
    for required, least in (("no_harm", 95.0), ("improvement", 90.0)):
        measure = f"truly +5 everywhere: pass with `{required}`"
        yield figure("G3", measure, cells[f"G3 {required}"], least=least, peer="point rule")
    for d, least in (("0.10", 96.0), ("0.20", 65.0)):
        yield figure("G4", "a bucket truly down 10: fail", cells[f"G4 {d}"], least=least, peer="point rule")


def of_tests(cells: dict[str, list[Any]]) -> Iterator[Figure]:
    for alpha, most in SIZES:
        measure = f"exact size of `held` at alpha {alpha:g}, n = 17-167, margin 5-10 points, d from the margin to 1"
        told = measure if most is not None else f"{measure} (no attempt spends this under the default confidence)"
        yield worst_of_each_margin(figure("G5", told, cells[f"G5 {alpha:g}"], most=most, peer="Wald"))


def worst_of_each_margin(found: Figure) -> Figure:
    """The figure with its worst cell a margin; there is one for each n."""
    worst: dict[str, Cell] = {}
    for cell in found.cells:
        margin = cell.setting.split("margin = ")[1].split(",")[0]
        worst[margin] = max(worst.get(margin, cell), cell, key=lambda c: c.gate)
    return found._replace(cells=tuple(worst[margin] for margin in sorted(worst, key=lambda m: float(m.split()[0]))))


def of_tries(cells: dict[str, list[Any]]) -> Iterator[Figure]:
    yield figure("G6", "five fresh tries, nothing changed: one `improved`", cells["G6"], most=5.0, peer="a lift of 3 points")
    held, held_at_5 = zip(*cells["G7 held"], strict=True)
    failed, failed_share_apart, improved, worse_at_5 = zip(*cells["G7 harm"], strict=True)
    alone, unchanged = "ignoring clusters", "clusters of 4-8, nothing changed"
    for measure, found in (
        ("clusters of 4-8: a bucket that lost the margin is held", held),
        (f"{unchanged}: false fail", failed),
        (f"{unchanged}: false fail, the rule on the share of losses apart", failed_share_apart),
        (f"{unchanged}: false `improved`", improved),
        ("clusters of 4-8: a bucket that lost the margin is held by the test alone at 5 %", held_at_5),
        (f"{unchanged}: overall called worse by the test alone at 5 %", worse_at_5),
    ):
        yield figure("G7", measure, found, most=6.5, peer=alone)
    yield figure("G8", "judge prefers the first slot 72 %: false `improved`", cells["G8"], most=5.0, peer="one order")


def of_looks(cells: dict[str, list[Any]]) -> Iterator[Figure]:
    found = {scenario: early.Early(*zip(*cells[f"G9 {scenario.name}"], strict=True)) for scenario in early.SCENARIOS}
    looks = "with early stopping"
    for scenario, most in ((early.UP, 85.0), (early.SAME, 75.0), (early.DOWN, 55.0)):
        yield figure("G9", f"{looks}, {scenario.name}: cases asked", found[scenario].cases, most=most, peer="without it")
    for scenario in (early.DOWN, early.ONE_DOWN, early.ONE_DOWN_ALONE):
        measure = f"{looks}, {scenario.name}: so much less often it fails, in points"
        yield figure("G9", measure, found[scenario].fails_lost, most=4.0, peer="without it")
    for scenario in (early.ONE_DOWN, early.ONE_DOWN_ALONE):
        yield figure("G9", f"{looks}, {scenario.name}: cases asked", found[scenario].cases, peer="without it")
    yield figure("G9", f"{looks}, {early.SAME.name}: false fail", found[early.SAME].fails, most=5.0, peer="without it")
    yield figure("G9", f"{looks}, {early.SAME.name}: false pass", found[early.SAME].passes, most=5.0, peer="without it")
    measure = f"{looks}, {early.ONE_DOWN.name}: false pass"
    yield figure("G9", measure, found[early.ONE_DOWN].passes, most=5.5, peer="without it")
    yield figure("G9", f"{looks}, {early.UP.name}: pass", found[early.UP].passes, peer="without it")
    measure = f"cases asked where the projection has the gate's own {early.DRAWS} draws"
    yield figure("G9", measure, cells["G9 draws"], peer=f"{early.FEW_DRAWS} draws, as above,")


def of_speed(seed: int) -> Figure:
    base, candidate = speed.sides(seed)
    took, peer = (speed.seconds(work, base, candidate, policy()) for work in (speed.judged, speed.plain))
    beside = f"{took / peer:.0f} times a plain loop over the cases ({1000 * peer:.2g} ms)"
    return Figure("G10", "compare, decide and report, n = 1000, six buckets", "<= 1 s", took, 0.0, beside, took <= 1.0, "s")


def page(found: Sequence[Figure], command: str, took: float) -> Iterator[str]:
    """The figures for people, in Markdown."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    yield "# What the gate reaches"
    yield ""
    yield f"Written by `{command}` in {took / 60:.0f} min ({machine}, {time.strftime('%Y-%m-%d')})."
    yield "The gate is `evalgate.judgement.gate.decide` itself, on comparison records whose counts are drawn from a seed:"
    yield "base is right in four cases of five, six equal buckets, bucket margin 10 points, min_lift 3, 95 %, first attempt,"
    yield "no safety suite, every case asked but in G9. d is the share of cases that flip, and at least the size of the lift."
    yield "A figure is that of its worst cell, so it includes the luck of the worst draw; s.e. is its standard error, and what"
    yield "has none was enumerated. The point rule: mean lift at least 3 points, under 15 % losses, no bucket more than 5"
    yield "points down. G7 has half of the runs, G9 a quarter, G3 and G4 four times as many."
    yield ""
    yield "| | measure | target | the gate | beside it | |"
    yield "|---|---|---|---|---|---|"
    for one in found:
        yield f"| {one.name} | {one.measure} | {one.target} | {one.shown} | {one.peer} | {one.mark} |"
    short = [f"- {one.name} {one.measure}" for one in found if one.passed is False]
    yield ""
    yield "These lines fall short of their targets:" if short else "No line falls short of its target."
    yield from ["", *short] if short else []
    for one in found:
        if len(one.cells) > 1:
            yield ""
            yield f"## {one.name}: {one.measure.split(';')[0]}"
            yield ""
            yield "| | the gate, % | s.e. | beside it, % |"
            yield "|---|---|---|---|"
            for cell in one.cells:
                beside = "-" if cell.peer is None else f"{100 * cell.peer:.1f}"
                yield f"| {cell.setting} | {100 * cell.gate:.2f} | {100 * cell.error:.2f} | {beside} |"
    yield ""
    yield NOTES.read_text(encoding="utf-8").rstrip()


def main() -> int:
    parser = argparse.ArgumentParser(description="The gate's error rates and power.")
    parser.add_argument("--runs", type=int, default=RUNS, help="simulated runs a cell")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=None, help="Markdown file for all cells")
    args = parser.parse_args()
    started = time.monotonic()
    found = figures(args.runs, args.seed, args.processes)
    for one in found:
        print(f"{one.mark}  {one.name} {one.measure}: {one.shown} ({one.target}; {one.peer})", file=sys.stderr)
    if args.out is not None:
        command = f"python -P bench/gate_characteristic.py --runs {args.runs} --seed {args.seed}"
        lines = page(found, command, time.monotonic() - started)
        args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(json.dumps([one.document() for one in found], indent=2))
    return 0 if all(one.passed is not False for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
