"""The only reader of os.environ."""

import os
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from evalgate.errors import NotMeasured

BUSY = 1.8
"""Processes at work, on average over the last minute, above which a machine counts as busy."""


class GitHub(NamedTuple):
    """What a workflow run is told about the GitHub that it runs on."""

    token: SecretStr
    """What we act with; never printed."""
    repository: str
    """owner/name."""
    api_url: str
    """Base of the REST API, of GitHub or of an Enterprise server."""
    server_url: str
    """Base of the pages that people open."""
    author: str
    """The login that comments appear under: github-actions[bot], or the app's own."""
    run: str | None
    """This workflow run and its attempt, as RUN.ATTEMPT; None outside workflows."""
    pace: float
    """Least seconds between two writes, as GitHub asks."""


class Settings(NamedTuple):
    """What the surroundings say."""

    cache: Path
    """Where weights and results are kept between runs."""
    github_output: Path | None
    """Where a workflow step writes its outputs."""
    github_summary: Path | None
    """Where a workflow step writes its summary."""
    github_event: str | None
    """Name of the event that started the workflow."""


def from_environ() -> Settings:
    """Settings of this process; the cache is `$EVALGATE_CACHE`, else `$XDG_CACHE_HOME/evalgate`, else `~/.cache/evalgate`."""
    cache, home = os.environ.get("EVALGATE_CACHE"), os.environ.get("XDG_CACHE_HOME")
    return Settings(
        cache=Path(cache).absolute() if cache else Path(home or Path.home() / ".cache") / "evalgate",
        github_output=_path("GITHUB_OUTPUT"),
        github_summary=_path("GITHUB_STEP_SUMMARY"),
        github_event=os.environ.get("GITHUB_EVENT_NAME") or None,
    )


def github(repository: str | None = None) -> GitHub:
    """The GitHub that the surroundings name; `repository` takes the place of theirs.

    Raises:
        NotMeasured: there is no token or no repository, so nothing can be asked.
    """
    token, named = os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN"), repository or os.environ.get("GITHUB_REPOSITORY")
    if not token:
        raise NotMeasured("GITHUB_TOKEN is not set: in a workflow give the step `env: GITHUB_TOKEN: ${{ github.token }}`")
    if not named:
        raise NotMeasured("GITHUB_REPOSITORY is not set: say which repository is meant, as owner/name")
    run, attempt = os.environ.get("GITHUB_RUN_ID"), os.environ.get("GITHUB_RUN_ATTEMPT", "1")
    return GitHub(
        token=SecretStr(token),
        repository=named,
        api_url=os.environ.get("GITHUB_API_URL") or "https://api.github.com",
        server_url=os.environ.get("GITHUB_SERVER_URL") or "https://github.com",
        author=os.environ.get("EVALGATE_AUTHOR") or "github-actions[bot]",
        run=f"{run}.{attempt}" if run else None,
        pace=float(os.environ.get("EVALGATE_PACE") or 1.0),
    )


def secret(name: str) -> SecretStr | None:
    """The value of an environment variable that a policy names as a key; None where it is not set, or empty."""
    value = os.environ.get(name)
    return SecretStr(value) if value else None


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
