"""One way to give a command: in this process, in a folder, with a cache of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Ended

from evalgate.cli.main import _run


@pytest.fixture
def evalgate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """`evalgate(folder, "run")`: exit code, stdout and stderr of the command, given in that folder."""

    def call(folder: Path, *arguments: object) -> Ended:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("EVALGATE_CACHE", str(folder / "cache"))
        capsys.readouterr()
        code = _run([str(argument) for argument in arguments])
        return Ended(code, *capsys.readouterr())

    return call
