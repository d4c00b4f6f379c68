"""P8: how well 32 workers on 4 nodes share 100,000 cases, and what that costs the process that gives the work.

    .venv/bin/python -P bench/scale/many_workers.py

The nodes are simulated: four raylets on this machine, 8 workers each, every worker a process of its own. Two cores cannot
compute for 32, so workers sleep: a case takes what is drawn for it (gamma, mean 50 ms), its answer has 200 characters, cases
go out in pieces of 64 in order of length, as `evaluate` plans them. Perfect sharing is all sleep divided by 32. The time is
that of the whole executor on a cluster that is up: 32 Python processes that start on two cores are within it. Beside it stands
the time without that start: from the moment that the pool says that all workers are ready, counting the work left then.

Memory is that of this process and of the Ray driver beside it, once a second. It counts as flat when the median of the last
tenth is at most 10 % above the median of the second tenth.
"""

import argparse
import os
import random
import secrets
import statistics
import sys
import threading
import time
from pathlib import Path

import cloudpickle

sys.path.append(str(Path(__file__).resolve().parent))
from figures import Figure, tell

from evalgate.cluster import Pool, Where, Workers, pooled

NODES, EACH, PIECE, MEAN_S = 4, 8, 64, 0.05
EFFICIENCY, GROWTH = 0.85, 1.10


def sleeping():
    """Work that takes its time and answers with 200 characters a case."""
    import time

    def work(piece):
        time.sleep(sum(seconds for _, seconds in piece))
        for number, _ in piece:
            yield number, f"{number:0200d}"

    return work


class Memory(threading.Thread):
    """Resident bytes of this process and its child that is the Ray driver, once a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.samples: list[tuple[float, int, int]] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(1.0):
            drivers = [pid for pid in _children() if b"evalgate.cluster.driver" in _read(f"/proc/{pid}/cmdline")]
            self.samples.append((time.monotonic(), _resident(os.getpid()), sum(map(_resident, drivers))))


def _children() -> list[int]:
    return [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _resident(pid: int) -> int:
    words = _read(f"/proc/{pid}/statm").split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE") if words else 0


def growth(samples: list[int]) -> float:
    """Median of the last tenth over the median of the second."""
    tenth = max(1, len(samples) // 10)
    return statistics.median(samples[-tenth:]) / statistics.median(samples[tenth : 2 * tenth])


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--cases", type=int, default=100_000)
    chosen = options.parse_args()
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16), "RAY_USAGE_STATS_ENABLED": "0"}
    from ray.cluster_utils import Cluster

    draw = random.Random(8)  # noqa: S311
    lengths = sorted(draw.gammavariate(4.0, MEAN_S / 4.0) for _ in range(chosen.cases))
    cases = list(enumerate(lengths))
    pieces = [cases[begin : begin + PIECE] for begin in range(0, chosen.cases, PIECE)]
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": EACH, "include_dashboard": False})
    for _ in range(NODES - 1):
        cluster.add_node(num_cpus=EACH)
    workers, seen, ready = NODES * EACH, bytearray(chosen.cases), []
    memory, left = Memory(), sum(lengths)

    def watch(pool: Pool) -> None:
        if not ready and pool.workers == workers:
            ready.append((time.monotonic(), left))

    memory.start()
    begun = time.monotonic()
    for _, (number, text) in pooled(Where(cluster.address), Workers(workers), watch=watch)(sleeping, pieces):
        assert int(text) == number
        seen[number] += 1
        left -= lengths[number]
    ended = time.monotonic()
    memory.over.set()
    cluster.shutdown()
    perfect = sum(lengths) / workers
    whole = round(perfect / (ended - begun), 3)
    steady = round(ready[0][1] / workers / (ended - ready[0][0]), 3) if ready else 0.0
    wrong = sum(count != 1 for count in seen)
    during = [sample for sample in memory.samples if sample[0] <= ended]
    giver, driver = round(growth([one for _, one, _ in during]), 3), round(growth([two for _, _, two in during if two]), 3)
    figures = [
        Figure(
            "P8: efficiency against perfect sharing, the workers' start within",
            whole,
            f"at least {EFFICIENCY}",
            whole >= EFFICIENCY,
        ),
        Figure("P8: cases lost or doubled", wrong, "exactly 0", wrong == 0),
        Figure("P8: memory of this process, end / begin", giver, f"at most {GROWTH}", giver <= GROWTH),
        Figure("P8: memory of the Ray driver, end / begin", driver, f"at most {GROWTH}", driver <= GROWTH),
    ]
    return tell(
        figures,
        cases=chosen.cases,
        seconds=round(ended - begun, 1),
        perfect_s=round(perfect, 1),
        all_ready_after_s=round(ready[0][0] - begun, 1) if ready else None,
        efficiency_from_then=steady,
        cases_a_second=round(chosen.cases / (ended - begun)),
        resident_mb={"giver": round(during[-1][1] / 1e6), "driver": round(during[-1][2] / 1e6)},
    )


if __name__ == "__main__":
    sys.exit(main())
