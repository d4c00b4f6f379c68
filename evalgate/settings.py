"""The only reader of os.environ."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from evalgate.errors import NotMeasured

BUSY = 1.8
"""Processes at work, on average over the last minute, above which a machine counts as busy."""

BRANCH = "refs/heads/"
OF_A_BRANCH = ("push", "workflow_dispatch", "repository_dispatch")
"""Events whose ref is the branch that the work is for; those that a pull request causes may name the default branch, too."""


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


class RayAround(NamedTuple):
    """What the surroundings say of Ray clusters."""

    address: str | None
    """The cluster that RAY_ADDRESS names, as Ray's own jobs do."""
    running: str | None
    """HOST:PORT of the cluster that was last started on this machine and not ended in order; perhaps it is gone."""
    dashboard: str | None
    """http:// address of a cluster's dashboard, RAY_API_SERVER_ADDRESS or an http:// RAY_ADDRESS, where jobs are sent."""
    in_job: bool
    """True in a command that runs as a Ray job."""
    cpus: int
    """Processors of this machine that this process may use."""


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
    origin: str
    """Whose results the cache may give us, and under which name it keeps ours; see `origin_of`."""


def from_environ() -> Settings:
    """Settings of this process; the cache is `$EVALGATE_CACHE`, else `$XDG_CACHE_HOME/evalgate`, else `~/.cache/evalgate`."""
    cache, home = os.environ.get("EVALGATE_CACHE"), os.environ.get("XDG_CACHE_HOME")
    return Settings(
        cache=Path(cache).absolute() if cache else Path(home or Path.home() / ".cache") / "evalgate",
        github_output=_path("GITHUB_OUTPUT"),
        github_summary=_path("GITHUB_STEP_SUMMARY"),
        github_event=os.environ.get("GITHUB_EVENT_NAME") or None,
        origin=origin_of(os.environ),
    )


def origin_of(told: Mapping[str, str]) -> str:
    """Who speaks through an environment, for the result cache (docs/cache.md): whoever cannot prove more is trusted less.

    "here" outside workflows. "target" for what a push, a schedule or a person started on the default branch: everybody
    trusts that. "pull/12" for trusted code at work for pull request 12, which the workflow names in EVALGATE_PULL. "check/12"
    for code of that pull request itself, whatever it claims to be. "branch/b" for another branch. Whatever else runs, such
    as the answer to a comment that does not say for whom, speaks for its own run alone: "run/7".
    """
    event, ref = told.get("GITHUB_EVENT_NAME", ""), told.get("GITHUB_REF", "")
    alone = f"run/{told.get('GITHUB_RUN_ID', '')}"
    if ref.startswith("refs/pull/"):
        return f"check/{ref.split('/')[2]}"
    if pull := told.get("EVALGATE_PULL"):  # never grants more than the place of that one pull request
        return f"pull/{pull}" if pull.isascii() and pull.isdigit() else alone
    if told.get("GITHUB_ACTIONS") != "true":
        return "here"
    if event == "schedule":  # GitHub starts it on the default branch alone
        return "target"
    if event not in OF_A_BRANCH or not ref.startswith(BRANCH):
        return alone
    branch = ref.removeprefix(BRANCH)
    return "target" if branch == _default_branch(told) else f"branch/{branch}"


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


def ray_around() -> RayAround:
    """What the surroundings say of Ray clusters; Ray itself is not asked."""
    base = Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp")  # noqa: S108  (Ray's own default)
    note = base / "ray" / "ray_current_cluster"
    running = note.read_text().strip() if note.is_file() else None
    address = os.environ.get("RAY_ADDRESS") or None
    page = os.environ.get("RAY_API_SERVER_ADDRESS") or (address if address and address.startswith("http") else None)
    in_job = "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ
    return RayAround(None if address == page else address, running or None, page, in_job, len(os.sched_getaffinity(0)))


def rank() -> int:
    """This process's number among those that train together, as torch.distributed has it; 0 when it trains alone."""
    return int(os.environ.get("RANK") or 0)


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
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # a worker without a card sees none; Ray asks to say so


def _default_branch(told: Mapping[str, str]) -> str | None:
    """What the event's own file says, which the runner writes; None where it does not."""
    try:
        event = json.loads(Path(told.get("GITHUB_EVENT_PATH", "")).read_bytes())
        found = event["repository"]["default_branch"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None


def _path(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value) if value else None
