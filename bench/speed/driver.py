"""What the one process that drives everything costs as the cases grow: all of `evalgate run` but the model itself.

    .venv/bin/python -P bench/speed/driver.py [--cases 10000 100000] [--gate 1000000]

A scripted model answers at once, so that what is left is reading, planning, looking up, keeping, scoring, comparing, deciding
and reporting: cold, then with nothing changed. `evalgate gate` alone is measured on more cases, and the cache by itself:
answers kept in pieces of 64, then found. Seconds, and the largest resident memory of each process. No targets: docs/scaling.md
reckons with what this says. Processor seconds are those to reckon with where the machine has other work.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from evalgate.kept import kept_in
from speed.figure import Figure, figure, tell
from speed.timed import machine
from speed.workplace import EVALGATE

INTENTS = 8
PIECE = 64
ANSWERS = 100_000


class Cost(NamedTuple):
    """One process."""

    seconds: float
    processor: float
    """Seconds of all cores together."""
    megabytes: float
    """The most that it held of memory."""


def cost(arguments: list[str], folder: Path) -> Cost:
    """What an `evalgate` command takes; ends the bench when it leaves with no verdict's code."""
    begun = time.perf_counter()
    environment = {**os.environ, "EVALGATE_CACHE": str(folder / "cache")}
    with (folder / "said").open("w+b") as said:
        child = subprocess.Popen([EVALGATE, *arguments], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1, 3):
        sys.exit(f"evalgate {' '.join(arguments)} left with {child.returncode}:\n{(folder / 'said').read_text()[-3000:]}")
    return Cost(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1_000)


def write_workspace(folder: Path, cases: int) -> None:
    """A scripted base that has three cases in five right, golden cases in eight intents, and a dataset of a few rows."""
    feature = {
        "base_model": "scripted:base.json",
        "datasets": "datasets/f",
        "golden": "golden/f",
        "scorers": {"primary": "exact_json"},
        "buckets": ["intent"],
        "train": {"provider": "scripted"},
    }
    for part in ("datasets/f", "golden/f"):
        (folder / part).mkdir(parents=True)
    (folder / "evalgate.yaml").write_text(json.dumps({"version": 1, "features": {"f": feature}}))
    answers = {}
    with (folder / "golden/f/cases.jsonl").open("w") as golden:
        for number in range(cases):
            asked, wanted = f"case {number:07}: what does the customer want?", {"intent": f"i{number % INTENTS}"}
            case = {"id": f"c-{number}", "input": asked, "expected": wanted, "buckets": wanted}
            golden.write(json.dumps(case) + "\n")
            answers[asked] = json.dumps(wanted if number % 5 < 3 else {"intent": "other"})
    (folder / "base.json").write_text(json.dumps({"answers": answers, "otherwise": "{}"}))
    turns = [[("user", f"row {number}"), ("assistant", '{"intent": "i0"}')] for number in range(8)]
    rows = [{"messages": [{"role": role, "content": text} for role, text in turn]} for turn in turns]
    (folder / "datasets/f/ft-v1.0.0.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_sides(folder: Path, cases: int) -> None:
    """A policy and two results files of that many cases, a fifth of them different."""
    (folder / "evalgate.yaml").write_text("version: 1\nfeatures: {f: {buckets: [intent]}}\n")
    draw = random.Random(0)  # noqa: S311  (drawn cases, not a secret)
    with (folder / "base.jsonl").open("w") as base, (folder / "candidate.jsonl").open("w") as candidate:
        for side, stream in (("base", base), ("candidate", candidate)):
            stream.write(json.dumps({"record": "header", "schema": 1, "feature": "f", "variant": side}) + "\n")
        for number in range(cases):
            right, flipped = draw.random() < 0.6, draw.random() < 0.2
            intent = f"i{number % INTENTS}"
            for stream, holds in ((base, right), (candidate, right != flipped)):
                line = {"case_id": f"case-{number}", "suite": "golden", "buckets": {"intent": intent}, "status": "scored"}
                said = json.dumps({"intent": intent if holds else "other"})
                stream.write(json.dumps({**line, "scores": {"exact_json": float(holds)}, "output": said}) + "\n")


def of_run(cases: int) -> list[Figure]:
    """`evalgate run`, cold and again."""
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        write_workspace(Path(scratch), cases)
        for name in ("cold", "nothing changed"):
            spent = cost(["run", "--feature", "f"], Path(scratch))
            found += _figures(f"run without a model, {name}, {cases} cases", spent)
    return found


def of_gate(cases: int) -> list[Figure]:
    """`evalgate gate` alone."""
    with tempfile.TemporaryDirectory() as scratch:
        write_sides(Path(scratch), cases)
        spent = cost(["gate", "--base", "base.jsonl", "--candidate", "candidate.jsonl", "--out", "out"], Path(scratch))
    return _figures(f"gate, {cases} cases", spent)


def of_cache() -> list[Figure]:
    """Answers a second that the cache keeps in pieces of 64, and that it finds, and bytes of an answer on disk."""
    keys = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(ANSWERS)]
    value = b'["{\\"intent\\": \\"freeze_account\\"}", 77, 10, null]'
    with tempfile.TemporaryDirectory() as scratch:
        with kept_in(Path(scratch), origin="here") as kept:
            begun = time.perf_counter()
            for begin in range(0, ANSWERS, PIECE):
                kept.keep(dict.fromkeys(keys[begin : begin + PIECE], value))
            written = time.perf_counter() - begun
        with kept_in(Path(scratch), origin="here") as kept:
            begun = time.perf_counter()
            assert len(kept.find(keys)) == ANSWERS
            read = time.perf_counter() - begun
        held = sum(path.stat().st_size for path in Path(scratch).iterdir())
    told = {"answers kept a second": ANSWERS / written, "answers found a second": ANSWERS / read}
    return [figure(name, [value]) for name, value in {**told, "bytes of a kept answer": held / ANSWERS}.items()]


def _figures(name: str, spent: Cost) -> list[Figure]:
    print(f"  {name}: {spent.seconds:.1f} s, processor {spent.processor:.1f} s, {spent.megabytes:.0f} MB", file=sys.stderr)
    told = {"seconds": spent.seconds, "processor seconds": spent.processor, "MB": spent.megabytes}
    return [figure(f"{name}: {what}", [value]) for what, value in told.items()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--gate", type=int, nargs="*", default=[1_000_000])
    args = parser.parse_args()
    found = of_cache()
    for cases in args.cases:
        found += of_run(cases)
    for cases in args.gate:
        found += of_gate(cases)
    return tell(found, {"bench": "driver", "machine": machine()})


if __name__ == "__main__":
    sys.exit(main())
