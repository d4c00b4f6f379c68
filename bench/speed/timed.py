"""How long a whole process takes, and on what machine."""

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "TQDM_DISABLE": "1"}
"""What every process is given, ours and theirs alike."""


class Took(NamedTuple):
    """One process, from its start to its end."""

    wall: float
    """Seconds."""
    processor: float
    """Seconds of all cores together, children counted."""
    stdout: str
    stderr: str
    code: int


def took(command: Sequence[str | Path], folder: Path, more: Mapping[str, str], *, codes: Sequence[int] = (0,)) -> Took:
    """Run a command to its end; ends the bench when it leaves with a code that is not among `codes`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **OFFLINE, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in codes:
        sys.exit(f"{' '.join(map(str, command))[:400]}\nleft with {done.returncode}:\n{done.stderr[-3000:]}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall, used, done.stdout, done.stderr, done.returncode)


def machine() -> dict[str, Any]:
    """What the figures were measured on; no name of it."""
    told = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    cpu = {key.strip(): value.strip() for key, value in told.items()}
    return {
        "processor": cpu.get("model name", platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
        "versions": {name: _version(name) for name in ("torch", "transformers", "peft")},
        "load_before": round(os.getloadavg()[0], 2),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
