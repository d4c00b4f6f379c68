"""Commands given as a person gives them, and the folders that they leave behind."""

import os
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from evalgate.cli.main import _run
from evalgate.errors import OUR_FAULT
from evalgate.kept import FILE

JUDGED = ("compare.json", "verdict.json", "report.md")
"""Files that are byte-identical whenever the story is the same."""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def start(folder: Path, *arguments: object) -> "subprocess.Popen[str]":
    """A real process, begun."""
    environment = {**os.environ, "EVALGATE_CACHE": str(folder / "cache")}
    command = [sys.executable, "-P", "-m", "evalgate", *map(str, arguments)]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def process(folder: Path, *arguments: object) -> Ended:
    """A real process, from start to end."""
    begun = start(folder, *arguments)
    out, err = begun.communicate(timeout=60)
    return Ended(begun.returncode, out, err)


def in_child(folder: Path, *arguments: object, first: Callable[[], object] = bool) -> Ended:
    """A command in a forked copy of this process, which calls `first` before; minus the signal where one ended it."""
    heard, spoken = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other tests may have left threads, which this child never needs
        child = os.fork()
    if child == 0:
        os.environ["EVALGATE_CACHE"] = str(folder / "cache")
        os.chdir(folder)
        sys.stdout = sys.stderr = os.fdopen(spoken, "w")
        code = OUR_FAULT
        try:
            first()
            code = _run([str(argument) for argument in arguments])
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(spoken)
    with os.fdopen(heard) as stream:
        text = stream.read()
    return Ended(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text, text)


def run_folder(workspace: Path) -> Path:
    """The one run folder of a workspace."""
    (found,) = (path for path in (workspace / "runs").iterdir() if path.name != ".attempts")
    return found


def files(folder: Path) -> dict[str, bytes]:
    """Path -> bytes of everything below a folder, hidden files apart."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def held(cache: Path) -> dict[str, bytes]:
    """Key -> value of all that the result cache in a folder holds, read behind its back."""
    with closing(sqlite3.connect(f"{(cache / FILE).absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return dict(connection.execute("SELECT key, value FROM answers"))


def judged(folder: Path) -> dict[str, bytes]:
    """What a run folder says, without the timings of its results."""
    return {name: (folder / name).read_bytes() for name in JUDGED}
