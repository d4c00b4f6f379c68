"""One way to give a command, in this process and in a folder with a cache of its own; and a run that passed to start from."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Ended, in_child
from drawn_workspace import GOOD, draw

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


@pytest.fixture(scope="session")
def good_story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose one run passed; nobody writes into it."""
    folder = draw(tmp_path_factory.mktemp("good"), GOOD)
    assert in_child(folder, "run").code == 0
    return folder


@pytest.fixture
def passed(good_story: Path, tmp_path: Path) -> Path:
    """A copy of that workspace, to do with as one likes."""
    return shutil.copytree(good_story, tmp_path / "passed")
