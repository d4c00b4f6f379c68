"""What a 70B base and a million cases on 64 GPUs would take, on paper: measured parts, and assumptions that are called so.

    .venv/bin/python -P bench/speed/scaling.py --driver driver.json [--pool pool.json] [--cases 1000000] [--gpus 64]

`driver.json` is what `driver.py` printed, `pool.json` what `bench/scale/many_workers.py` printed (P8). The tables go to stdout
as Markdown, for docs/scaling.md. Nothing here was run on a GPU.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Assumed(NamedTuple):
    """What nobody measured here."""

    parameters: float = 70e9
    bytes_each: float = 2.0
    """Of a parameter, bfloat16."""
    gpus_a_replica: int = 4
    """140 GB of weights on cards of 80 GB, with room for keys and values."""
    flops: float = 989e12
    """Of one card, dense bfloat16, as its data sheet says."""
    prefill_use: float = 0.40
    """Share of it that reading a prompt reaches."""
    bandwidth: float = 3.35e12
    """Bytes a second of one card's memory, as its data sheet says."""
    decode_use: float = 0.60
    """Share of it that writing an answer reaches."""
    rows: int = 128
    """Answers that a replica writes side by side."""
    seen_bytes: float = 327_680
    """Keys and values of a token: 80 layers, 8 heads of 128, two of 2 bytes each."""
    fetch: float = 2e9
    """Bytes a second at which a replica gets its weights."""


class Shape(NamedTuple):
    """What a case is like, in tokens."""

    name: str
    shared: int
    """Of the prompt that all cases share."""
    own: int
    """Of the question itself."""
    base: int
    """Of base's answer."""
    candidate: int
    """Of the candidate's answer."""
    drafted: int
    """Of the candidate's draft; 0 for none."""
    stood: float
    """Share of the candidate's answers whose draft stands."""


SHAPES = (
    Shape("intents, as benched here", shared=61, own=16, base=37, candidate=10, drafted=10, stood=0.9),
    Shape("long prompt, free text, no drafts", shared=1_000, own=200, base=150, candidate=150, drafted=0, stood=0.0),
)


class Measured(NamedTuple):
    """Of the one process that drives; seconds of one core, as measured here."""

    first: float
    """Seconds that do not grow with the cases."""
    each: float
    """Seconds a case, both answers of it: read, look up, keep, score, pair, decide, report."""
    megabytes: float
    """A case."""
    kept: float
    """Answers a second that the cache keeps."""
    shared: float | None
    """How well workers share the cases, against perfect sharing; None: not measured."""


class Part(NamedTuple):
    """One line of the table."""

    name: str
    formula: str
    seconds: float


def measured(figures: Mapping[str, float], pool: Mapping[str, float]) -> Measured:
    """The slopes between the smallest and the largest number of cases.

    Raises:
        KeyError: a figure is missing.
    """
    sizes = sorted(int(name.split(", ")[2].split(" ")[0]) for name in figures if _is_cold(name, "processor seconds"))
    seconds = [figures[f"run without a model, cold, {size} cases: processor seconds"] for size in sizes]
    memory = [figures[f"run without a model, cold, {size} cases: MB"] for size in sizes]
    apart = sizes[-1] - sizes[0]
    each = (seconds[-1] - seconds[0]) / apart
    shared = next((value for name, value in pool.items() if "efficiency against perfect sharing" in name), None)
    first = max(0.0, seconds[0] - each * sizes[0])
    return Measured(first, each, (memory[-1] - memory[0]) / apart, figures["answers kept a second"], shared)


def parts(shape: Shape, known: Measured, given: Assumed, *, cases: int, gpus: int) -> list[Part]:
    """Seconds of each part of one verdict, base and candidate."""
    replicas = gpus // given.gpus_a_replica
    weights = given.parameters * given.bytes_each
    read = replicas * given.gpus_a_replica * given.flops * given.prefill_use / (2 * given.parameters)
    longest = shape.own + (shape.base + shape.candidate) / 4  # half of the mean answer is there, on average
    a_step = weights + given.seen_bytes * (shape.shared + given.rows * longest)  # bytes; what is shared is read once
    write = replicas * given.rows * given.gpus_a_replica * given.bandwidth * given.decode_use / a_step
    asked = cases * (2 * shape.own + shape.drafted) + 2 * replicas * shape.shared
    answered = cases * (shape.base + (1 - shape.stood) * shape.candidate)
    found = [
        Part("weights to every replica, once", f"{weights / 1e9:.0f} GB / {given.fetch / 1e9:.0f} GB/s", weights / given.fetch),
        Part("reading prompts", f"{asked:.2g} tokens / {read:,.0f} a second", asked / read),
        Part("writing answers", f"{answered:.2g} tokens / {write:,.0f} a second", answered / write),
        Part(
            "the driver, one core",
            f"{known.first:.1f} s + {cases:,} x {known.each * 1e3:.2f} ms",
            known.first + cases * known.each,
        ),
        Part("of it, keeping answers", f"{2 * cases:,} / {known.kept:,.0f} a second", 2 * cases / known.kept),
    ]
    return found


def table(known: Measured, given: Assumed, *, cases: int, gpus: int) -> str:
    """The tables of all shapes, as Markdown."""
    told = []
    for shape in SHAPES:
        rows = parts(shape, known, given, cases=cases, gpus=gpus)
        busy = (rows[1].seconds + rows[2].seconds) / (known.shared or 1.0)
        told += [
            f"**{shape.name}**: {shape.shared} shared tokens, {shape.own} of its own, answers of {shape.base} and "
            f"{shape.candidate} tokens, {shape.stood:.0%} of the candidate's drafts stand",
            "",
            "| part | reckoning | seconds |",
            "|---|---|---:|",
            *(f"| {row.name} | {row.formula} | {row.seconds:,.0f} |" for row in rows),
            f"| **GPUs** | both / {known.shared or 1.0:g}: {2 * cases / busy:,.0f} answers a second | **{busy:,.0f}** |",
            "",
        ]
    told.append(
        f"Memory of the driver: {cases:,} cases x {known.megabytes * 1e3:.1f} KB = {cases * known.megabytes / 1e3:.1f} GB."
    )
    return "\n".join(told)


def _is_cold(name: str, what: str) -> bool:
    return name.startswith("run without a model, cold, ") and name.endswith(what)


def _figures(path: Path | None) -> dict[str, float]:
    if path is None:
        return {}
    document: dict[str, Any] = json.loads(path.read_text())
    return {one["name"]: float(one["value"]) for one in document["figures"]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", type=Path, required=True)
    parser.add_argument("--pool", type=Path)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--gpus", type=int, default=64)
    args = parser.parse_args()
    print(table(measured(_figures(args.driver), _figures(args.pool)), Assumed(), cases=args.cases, gpus=args.gpus))
    return 0


if __name__ == "__main__":
    sys.exit(main())
