"""P10: cases lost or doubled in 50 runs whose workers are killed at random.

    .venv/bin/python -P bench/scale/killed_workers.py

Every run has three workers on a cluster of one node and 60 pieces of 8 cases; a piece takes up to 80 ms. Meanwhile workers are
sent SIGKILL, or for every fourth SIGSTOP, which is a hang: one at random, after a random time, as often as is drawn (one to five
times a run). A case counts as lost when no answer came, as doubled when more than one did.
"""

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import cloudpickle

sys.path += [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2] / "tests" / "real")]
from figures import Figure, tell
from ray_head import ray_head

from evalgate.cluster import Limits, Pool, Where, Workers, pooled
from evalgate.errors import NotMeasured

CASES, PIECE = 480, 8


def working(folder: Path, seed: int):
    """Work that tells its process id and takes a random time."""

    def make():
        (folder / str(os.getpid())).touch()
        draw = random.Random(f"{seed}-{os.getpid()}")  # noqa: S311

        def work(piece):
            for number in piece:
                time.sleep(draw.random() * 0.01)
                yield number

        return work

    return make


def strike(folder: Path, draw: random.Random, over: threading.Event, struck: Counter[str]) -> None:
    """Signals at random, until it is over."""
    for _ in range(draw.randint(1, 5)):
        if over.wait(draw.random() * 1.5):
            return
        pids = [int(path.name) for path in folder.iterdir()]
        if pids:
            chosen = draw.choice(pids)
            (folder / str(chosen)).unlink()
            sent = draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP))
            with contextlib.suppress(ProcessLookupError):
                os.kill(chosen, sent)
                struck[sent.name] += 1


def one_run(address: str, seed: int, struck: Counter[str]) -> tuple[int, int, int]:
    """(cases lost, cases doubled, pieces given out again)."""
    draw, over, stood = random.Random(seed), threading.Event(), [Pool()]  # noqa: S311
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        striker = threading.Thread(target=strike, args=(folder, draw, over, struck))
        pieces = [range(begin, begin + PIECE) for begin in range(0, CASES, PIECE)]
        executor = pooled(Where(address), Workers(3, cpus=0.5), Limits(patience_s=4.0, tries=6), watch=stood.append)
        striker.start()
        try:
            got = Counter(number for _, number in executor(working(folder, seed), pieces))
        except NotMeasured as error:
            print(f"run {seed}: {error}", file=sys.stderr)
            got = Counter()
        over.set()
        striker.join()
    return CASES - len(got), sum(count > 1 for count in got.values()), stood[-1].retries


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=50)
    chosen = options.parse_args()
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    struck: Counter[str] = Counter()
    lost = doubled = retries = 0
    with ray_head(cpus=2) as head:
        for seed in range(chosen.runs):
            found = one_run(head.address, seed, struck)
            lost, doubled, retries = lost + found[0], doubled + found[1], retries + found[2]
    figures = [
        Figure(f"P10: cases lost in {chosen.runs} runs", lost, "exactly 0", lost == 0),
        Figure(f"P10: cases doubled in {chosen.runs} runs", doubled, "exactly 0", doubled == 0),
        Figure(
            "P10: workers struck, so that there was something to survive",
            struck.total(),
            f"at least {chosen.runs}",
            struck.total() >= chosen.runs,
        ),
    ]
    return tell(figures, struck=struck, pieces_given_out_again=retries, cases=CASES * chosen.runs)


if __name__ == "__main__":
    sys.exit(main())
