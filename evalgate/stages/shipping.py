"""shipping: what of a workspace travels to a cluster with a job, and under which name: the same files and words, the same job."""

import fnmatch
import hashlib
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalgate import store
from evalgate.errors import PolicyError
from evalgate.git_shelf import git

NEVER = (
    ".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.kdbx", "id_rsa*", "id_ed25519*", "id_ecdsa*",
    ".netrc", ".pypirc", ".npmrc", ".git-credentials", "auth_token", "credentials", "credentials.json", "kubeconfig",
    "service-account*.json",
)  # fmt: skip
"""Names of files that may hold secrets: they never travel, tracked or not."""
NOT_OF_A_RUN = (
    ".git",
    ".venv",
    "venv",
    "runs",
    ".cache",
    ".bench",
    ".demo",
    "node_modules",
    "__pycache__",
    ".ssh",
    ".aws",
    ".kube",
)
"""Folders that a run makes anew, or that belong to this machine."""
COMMANDS = ("run", "train", "evaluate", "check", "calibrate", "paths")
"""What may be sent: it works from files and leaves files."""

READY = "python -P -c 'import evalgate.cli.main' || exit 3; "
"""Before the command: a node without EvalGate ends a job with Python's 1, which would be read as the gate's no."""


WORKSPACE = "workspace"
"""Where the workspace lies in what travels: Ray puts the folder that travels on the module path, and what lies in a repository
must pass for no library."""


class Shipment(NamedTuple):
    """A job as it is sent."""

    name: str
    """evalgate- and a digest of all that travels."""
    entrypoint: str
    """The shell line that the cluster runs, every word quoted."""
    files: tuple[str, ...]
    """Paths from the workspace's root."""
    environment: dict[str, Any]
    """Ray's runtime environment, the working folder apart."""


def shipment(root: Path, words: Sequence[str], *, lock: Path | None, cache: str | None) -> Shipment:
    """What travels for `evalgate WORDS`: the workspace at `root` without secrets, and the packages that `lock` names.

    `cache` is where the cluster keeps EvalGate's cache: on a disk that outlives the job, a job that is sent again goes on.

    Raises:
        PolicyError: the command is none that can be sent, or the lock file is not there.
    """
    if not words or words[0] not in COMMANDS:
        raise PolicyError(f"ray submit: say what to run after `--`: one of {', '.join(COMMANDS)}, with its options")
    given = [*words] if "--ray" in words or words[0] not in ("run", "train", "evaluate") else [*words, "--ray", "auto"]
    entrypoint = f"{READY}cd {WORKSPACE} && exec {shlex.join(['python', '-P', '-m', 'evalgate', *given])}"
    environment: dict[str, Any] = {}
    if lock is not None:
        environment["pip"] = {"packages": _pinned(lock), "pip_check": False}
    if cache is not None:
        environment["env_vars"] = {"EVALGATE_CACHE": cache}
    files = tuple(sorted(_travelling(root)))
    contents = [f"{name} {store.key_of_bytes((root / name).read_bytes())}" for name in files]
    own = [f"{path.name} {store.key_of_bytes(path.read_bytes())}" for path in sorted(Path(__file__).parents[1].rglob("*.py"))]
    digest = hashlib.sha256("\n".join([entrypoint, repr(environment), *contents, *own]).encode()).hexdigest()
    return Shipment(f"evalgate-{digest[:24]}", entrypoint, files, environment)


def pack(root: Path, ship: Shipment, folder: Path) -> None:
    """Copy what travels into an empty folder."""
    for name in ship.files:
        target = folder / WORKSPACE / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, target)


def _travelling(root: Path) -> Iterator[str]:
    """Files of the workspace that a run may need: what git does not ignore, where it is a clone, and never a secret or a link."""
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = listed.stdout.decode(errors="surrogateescape").split("\0") if listed.returncode == 0 else _all_files(root)
    for name in dict.fromkeys(names):
        path = root / name
        if name and path.is_file() and not path.is_symlink() and may_travel(name):
            yield name


def may_travel(name: str) -> bool:
    """True for a path that is none of a secret and none of this machine's own."""
    *folders, file = Path(name).parts
    return not set(folders) & set(NOT_OF_A_RUN) and not any(fnmatch.fnmatch(file.lower(), pattern) for pattern in NEVER)


def _all_files(root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]


def _pinned(lock: Path) -> list[str]:
    """The packages of a lock file, one a line.

    Raises:
        PolicyError: it cannot be read, or holds what is no package with its version.
    """
    lines = [line.split("#")[0].strip() for line in store.read(lock).decode(errors="replace").splitlines()]
    found = [line for line in lines if line]
    odd = [line for line in found if "==" not in line or line.startswith("-")]
    if odd:
        raise PolicyError(f"{lock}: {odd[0]!r} is no package with its version: a lock file has NAME==VERSION, one a line")
    return found
