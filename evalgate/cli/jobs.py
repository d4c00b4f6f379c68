"""evalgate ray: runs as jobs on a Ray cluster."""

import tempfile
from pathlib import Path

import click

from evalgate import settings
from evalgate.cli.options import F, format_option, policy_option
from evalgate.cli.output import machine, say
from evalgate.errors import PASSED

HERE = "http://127.0.0.1:8265"


@click.group()
def ray() -> None:
    """Send a run to a Ray cluster, come back to it, stop it."""


def dashboard_option(command: F) -> F:
    """`--dashboard URL`."""
    return click.option(
        "--dashboard", default=None, metavar="URL",
        help=f"The cluster's dashboard. Default: RAY_API_SERVER_ADDRESS, else {HERE}.",
    )(command)  # fmt: skip


@ray.command(context_settings={"ignore_unknown_options": True})
@policy_option
@dashboard_option
@click.option(
    "--lock",
    type=click.Path(path_type=Path),
    default=None,
    help="Install what this lock file names on every node (constraints.txt). Default: the nodes have the packages.",
)
@click.option("--cache", default=None, metavar="PATH", help="EvalGate's cache on the cluster, on a disk that outlives the job.")
@click.option("--detach", is_flag=True, help="Do not wait: `evalgate ray attach` comes back.")
@format_option
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def submit(
    policy_path: Path,
    dashboard: str | None,
    lock: Path | None,
    cache: str | None,
    detach: bool,
    output: str,
    words: tuple[str, ...],
) -> int:
    """Run `evalgate WORDS` on a cluster: evalgate ray submit -- run --feature F. Its exit code is ours.

    The policy's folder travels, without what git ignores and what may hold secrets. The same files and words are the same job:
    sent twice, it is found again.
    """
    from evalgate.cluster import jobs
    from evalgate.stages.shipping import pack, shipment

    settings.tame_libraries()
    root, at = policy_path.absolute().parent, dashboard or settings.ray_around().dashboard or HERE
    ship = shipment(root, words, lock=lock, cache=cache)
    with tempfile.TemporaryDirectory(prefix="evalgate-job-") as folder:
        pack(root, ship, Path(folder))
        fresh = jobs.submit(at, ship.name, ship.entrypoint, Path(folder), ship.environment)
    say(f"job {ship.name}: {'sent' if fresh else 'found, it was sent before'}; come back with: evalgate ray attach {ship.name}")
    if detach:
        if output == "json":
            machine({"job": ship.name, "sent": fresh})
        return PASSED
    return _follow(at, ship.name, output)


@ray.command()
@dashboard_option
@format_option
@click.argument("job")
def attach(dashboard: str | None, output: str, job: str) -> int:
    """Follow a job's log until it is over; its exit code is ours."""
    settings.tame_libraries()
    return _follow(dashboard or settings.ray_around().dashboard or HERE, job, output)


@ray.command()
@dashboard_option
@format_option
@click.argument("job")
def stop(dashboard: str | None, output: str, job: str) -> int:
    """Stop a job."""
    from evalgate.cluster import jobs

    settings.tame_libraries()
    stopped = jobs.stop(dashboard or settings.ray_around().dashboard or HERE, job)
    if output == "json":
        machine({"job": job, "stopped": stopped})
    say(f"job {job}: {'stopped' if stopped else 'was over already'}")
    return PASSED


def _follow(dashboard: str, job: str, output: str) -> int:
    from evalgate.cluster import jobs

    found = jobs.follow(dashboard, job, lambda line: say(line, lead="  | "))
    if output == "json":
        machine({"job": job, "status": found.status, "exit_code": found.ended_with})
    say(f"job {job}: {found.status}, exit code {found.ended_with}" + (f": {found.message}" if found.exit_code is None else ""))
    return found.ended_with
