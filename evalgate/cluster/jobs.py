"""Ray jobs: a command that runs on a cluster while nobody listens, found again by its name."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from evalgate.cluster.beside import refuse_without_ray
from evalgate.errors import NO_VERDICT, OUR_FAULT, PASSED, REFUSED, WRONG_INPUT, NotMeasured

T = TypeVar("T")
LOOK_S = 2.0
"""Seconds between two looks at a job."""
AWAY_S = 120.0
"""Seconds without an answer of the cluster after which nobody waits any more; the job goes on."""
DECIDED = (PASSED, REFUSED, WRONG_INPUT)
"""Exit codes that the same files and words would give again."""
OVER = ("SUCCEEDED", "FAILED", "STOPPED")


class Job(NamedTuple):
    """A job as the cluster tells of it."""

    name: str
    status: str
    """PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED."""
    message: str
    exit_code: int | None
    """Of its command; None where it has none, or has not ended by itself."""

    @property
    def ended_with(self) -> int:
        """The exit code for whoever waits: the command's own, else "not measured"."""
        if self.status == "SUCCEEDED":
            return PASSED
        known = (REFUSED, WRONG_INPUT, NO_VERDICT, OUR_FAULT)
        return self.exit_code if self.status == "FAILED" and self.exit_code in known else NO_VERDICT


def submit(dashboard: str, name: str, entrypoint: str, folder: Path, environment: Mapping[str, Any]) -> bool:
    """Start a job, or find the one of this name; True when it was started now.

    One that ended without a verdict (killed, stopped, not measured) is begun again under its name.

    Raises:
        NotMeasured: the cluster cannot be asked, or refuses the job.
    """
    client = _client(dashboard)
    before = _find(client, dashboard, name)
    if before is not None and not (before.status in OVER and before.ended_with not in DECIDED):
        return False
    package = str(Path(__file__).resolve().parents[1])
    shipped = {"working_dir": str(folder), "py_modules": [package], "excludes": ["**/__pycache__"], **environment}
    if before is not None:
        _asked(dashboard, lambda: client.delete_job(name))
    try:
        _asked(dashboard, lambda: client.submit_job(entrypoint=entrypoint, submission_id=name, runtime_env=shipped))
    except NotMeasured:
        if _find(client, dashboard, name) is None:  # else the cluster took it, and its answer was lost
            raise
    return True


def follow(dashboard: str, name: str, tell: Callable[[str], object]) -> Job:
    """The job once it is over; `tell` hears every line of its log.

    Raises:
        NotMeasured: there is no such job, or the cluster has not answered for too long.
    """
    client, told, heard = _client(dashboard), 0, time.monotonic()
    while True:
        try:
            found = _find(client, dashboard, name)
            if found is None:
                raise NotMeasured(f"ray {dashboard}: has no job {name}: it was stopped and forgotten, or the cluster began anew")
            log = str(_asked(dashboard, lambda: client.get_job_logs(name)))
            heard = time.monotonic()
        except _AwayError as away:
            if time.monotonic() - heard > AWAY_S:
                raise NotMeasured(f"{away}; the job goes on without us: evalgate ray attach {name}") from away
            time.sleep(LOOK_S)
            continue
        over = found.status in OVER
        lines = log.splitlines() if over or log.endswith("\n") else log.splitlines()[:-1]
        for line in lines[told:]:
            tell(line)
        told = max(told, len(lines))
        if over:
            return found
        time.sleep(LOOK_S)


def stop(dashboard: str, name: str) -> bool:
    """Stop a job; True when it was at work until now.

    Raises:
        NotMeasured: there is no such job, or the cluster cannot be asked.
    """
    client = _client(dashboard)
    if _find(client, dashboard, name) is None:
        raise NotMeasured(f"ray {dashboard}: has no job {name}")
    return bool(_asked(dashboard, lambda: client.stop_job(name)))


class _AwayError(NotMeasured):
    """The cluster does not answer now."""


def _client(dashboard: str) -> Any:
    refuse_without_ray()
    from ray.job_submission import JobSubmissionClient

    return _asked(dashboard, lambda: JobSubmissionClient(dashboard))


def _find(client: Any, dashboard: str, name: str) -> Job | None:
    try:
        told = _asked(dashboard, lambda: client.get_job_info(name))
    except _AwayError:
        raise
    except NotMeasured as error:
        if "does not exist" in str(error):
            return None
        raise
    return Job(name, str(getattr(told.status, "value", told.status)), told.message or "", told.driver_exit_code)


def _asked(dashboard: str, ask: Callable[[], T]) -> T:
    """What the cluster answers.

    Raises:
        NotMeasured: it does not, or refuses.
    """
    try:
        return ask()
    except (ConnectionError, TimeoutError, OSError) as error:
        raise _AwayError(f"ray {dashboard}: cannot be reached: is it the address of the cluster's dashboard?") from error
    except (RuntimeError, ValueError) as error:
        raise NotMeasured(f"ray {dashboard}: {next(iter(str(error).splitlines()), '')[:300]}") from error
