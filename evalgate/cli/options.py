"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from evalgate.errors import RegistryError

F = TypeVar("F", bound=Callable[..., Any])
MOST_ATTEMPTS = 1_000
"""Beyond this, what is left of the error rate is no floating-point number any more."""


def policy_option(command: F) -> F:
    """`--policy FILE`."""
    return click.option(
        "--policy", "policy_path", type=click.Path(path_type=Path), default=Path("evalgate.yaml"), show_default=True,
        help="The policy file; its paths start in its folder.",
    )(command)  # fmt: skip


def feature_option(command: F) -> F:
    """`--feature NAME`."""
    return click.option("--feature", default=None, help="The feature; may be left out when the policy has only one.")(command)


def registry_option(command: F) -> F:
    """`--registry FILE`."""
    return click.option(
        "--registry", "registry_path", type=click.Path(path_type=Path), default=None,
        help="The registry file. Default: models.yaml beside the policy.",
    )(command)  # fmt: skip


def registry_file_option(command: F) -> F:
    """`--registry FILE`, for commands that need no policy."""
    return click.option(
        "--registry", "path", type=click.Path(path_type=Path), default=Path("models.yaml"), show_default=True,
        help="The registry file.",
    )(command)  # fmt: skip


def format_option(command: F) -> F:
    """`--format text|json`."""
    return click.option(
        "--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True,
        help="json: machine output on stdout.",
    )(command)  # fmt: skip


def ray_option(command: F) -> F:
    """`--ray off|auto|local|ADDRESS`."""
    return click.option(
        "--ray", default="off", show_default=True, metavar="off|auto|local|ADDRESS",
        help="Work on a Ray cluster: HOST:PORT or ray://HOST:PORT; local: one on this machine; auto: one that is there, or none.",
    )(command)  # fmt: skip


def metrics_option(command: F) -> F:
    """`--metrics FILE`."""
    return click.option(
        "--metrics", type=click.Path(path_type=Path), default=None,
        help="Write how the asking goes to this file, in Prometheus' text format, every two seconds.",
    )(command)  # fmt: skip


def registry_of(registry_path: Path | None, policy_path: Path) -> Path:
    """The registry file that is meant; the one beside the policy may be missing, one that was named may not.

    Raises:
        RegistryError: a registry was named and is not there.
    """
    if registry_path is not None and not registry_path.exists():
        raise RegistryError(f"{registry_path}: there is no such registry; leave --registry out to begin one beside the policy")
    return registry_path or policy_path.absolute().parent / "models.yaml"
