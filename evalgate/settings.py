"""The only reader of os.environ."""

import os
from pathlib import Path
from typing import NamedTuple

BUSY = 1.8
"""Processes at work, on average over the last minute, above which a machine counts as busy."""


class Settings(NamedTuple):
    """What the surroundings say."""

    cache: Path
    """Where weights and results are kept between runs."""
    github_output: Path | None
    """Where a workflow step writes its outputs."""
    github_summary: Path | None
    """Where a workflow step writes its summary."""


def from_environ() -> Settings:
    """Settings of this process; the cache is `$EVALGATE_CACHE`, else `$XDG_CACHE_HOME/evalgate`, else `~/.cache/evalgate`."""
    cache, home = os.environ.get("EVALGATE_CACHE"), os.environ.get("XDG_CACHE_HOME")
    return Settings(
        cache=Path(cache).absolute() if cache else Path(home or Path.home() / ".cache") / "evalgate",
        github_output=_path("GITHUB_OUTPUT"),
        github_summary=_path("GITHUB_STEP_SUMMARY"),
    )


def tame_libraries() -> None:
    """Keep libraries from calling home, from drawing bars beside ours, and from burning a core while they wait.

    Must be called before torch is imported. On a machine that is busy already, waiting threads sleep instead of spinning:
    beside one other busy process that made a matrix product 2.5 times faster on two cores. On an idle one they spin, which
    makes a training step about a tenth faster.
    """
    if os.getloadavg()[0] > BUSY:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TQDM_DISABLE", "1")


def _path(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value) if value else None
