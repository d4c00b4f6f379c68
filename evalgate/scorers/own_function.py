"""`python:PATH:FUNCTION`: a scorer that a team wrote, loaded from its own repository as it is on the target branch.

The function is given the case as a dict and the answer as a string, and gives a number in [0, 1], True or False, None, or
`{"score": ..., "note": ...}`. Whatever else it gives or raises makes the answer unscorable, never a 0.
"""

import hashlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from importlib.abc import SourceLoader
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from math import inf
from numbers import Real
from os import fsdecode
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from evalgate.errors import PolicyError
from evalgate.records.suite import Case
from evalgate.scorers.score import Score, Scorer, guarded

PREFIX = "python:"
LONGEST_NOTE = 200
"""Characters of a function's own note that are kept."""

_NAME = re.compile(r"python:([A-Za-z0-9_./-]+\.py):([A-Za-z_][A-Za-z0-9_]*)")


class OwnFunction(NamedTuple):
    """What a name `python:PATH:FUNCTION` names."""

    path: str
    """Relative to the policy's folder, with `/`."""
    function: str


def own_function(name: str) -> OwnFunction | None:
    """What the name names; None when it is not `python:PATH.py:FUNCTION` with a path that stays in its folder."""
    match = _NAME.fullmatch(name)
    if match is None or {"", ".", ".."} & set(match[1].split("/")):
        return None
    return OwnFunction(match[1], match[2])


def own_scorer(name: str, root: Path | None) -> Scorer:
    """A scorer that calls the function named, its file loaded once, now; what it prints goes to stderr.

    Raises:
        PolicyError: there is no such file or function, it cannot be loaded, or it does not take a case and an answer.
    """
    function = _loaded(name, root)

    def score(case: Case, output: str) -> Score:
        try:
            with redirect_stdout(sys.stderr):
                return _score_of(function(case.model_dump(), output))
        except (Exception, SystemExit) as error:  # somebody else's code may raise anything
            return Score(None, f"the function raised {type(error).__name__}")

    return guarded(score, no_problems)


def no_problems(_expected: Any) -> list[str]:
    """Nothing: what a function makes of an expectation is its own affair."""
    return []


def own_sources(name: str, root: Path | None) -> Iterator[bytes]:
    """Name and sha256 of every Python file in the folder of the file named, sorted: it may have loaded any of them.

    Raises:
        PolicyError: there is no such file.
    """
    folder = _file(name, root).parent
    for file in sorted(file for file in folder.glob("*.py") if file.is_file()):
        content = file.read_bytes().replace(b"\r\n", b"\n")  # a checkout's line endings are no change of code
        yield file.name.encode() + b"\0" + hashlib.sha256(content).digest()


class _SourceOnly(SourceLoader):
    """Loads one file from its source; a `__pycache__` beside it is neither believed nor written."""

    def __init__(self, name: str, file: Path) -> None:
        self._files = {name: file}

    def get_filename(self, fullname: str) -> str:
        """Where the code says that it comes from."""
        return str(self._files[fullname])

    def get_data(self, path: str | bytes) -> bytes:
        """The bytes of the file."""
        return Path(fsdecode(path)).read_bytes()


def _loaded(name: str, root: Path | None) -> Callable[[dict[str, Any], str], Any]:
    file = _file(name, root)
    try:
        with redirect_stdout(sys.stderr):
            module = _module(file)
    except (Exception, SystemExit) as error:  # somebody else's code may raise anything
        raise PolicyError(f"{name}: cannot be loaded: {type(error).__name__}: {error}") from error
    wanted = name.rpartition(":")[2]
    function: Callable[[dict[str, Any], str], Any] | None = vars(module).get(wanted)
    if not callable(function):
        raise PolicyError(f"{name}: the file has no function {wanted}")
    if not _takes_two(function):
        raise PolicyError(f"{name}: must be a plain function that takes a case and an answer")
    return function


def _module(file: Path) -> ModuleType:
    private = f"_evalgate_own_{hashlib.sha256(str(file).encode()).hexdigest()[:16]}"
    loader = _SourceOnly(private, file)
    module = module_from_spec(ModuleSpec(private, loader, origin=str(file)))
    module.__file__ = str(file)
    sys.modules[private] = module  # dataclasses look their module up there
    loader.exec_module(module)
    return module


def _takes_two(function: Callable[..., Any]) -> bool:
    import inspect

    try:
        inspect.signature(function).bind({}, "")
    except TypeError:
        return False
    except ValueError:  # some functions in C tell nobody what they take
        return True
    return not inspect.iscoroutinefunction(function)


def _file(name: str, root: Path | None) -> Path:
    """The regular file named, no link on its way.

    Raises:
        PolicyError: there is none.
    """
    named = own_function(name)
    if named is None or root is None:
        raise PolicyError(f"{name}: {'there is no folder to look for it in' if named else wrong_name(name)}")
    at = root
    for step in named.path.split("/"):
        at /= step
        if at.is_symlink():
            raise PolicyError(f"{name}: {at.relative_to(root)} is a link: name the file itself")
    if not at.is_file():
        raise PolicyError(f"{name}: there is no file {named.path} in the policy's folder")
    return at


def wrong_name(name: str) -> str:
    """Why a name that begins with `python:` names nothing."""
    return f"{name!a} must be python:PATH:FUNCTION, PATH a .py file under the policy's folder, without `..`"


def _score_of(given: Any) -> Score:
    note = None
    if isinstance(given, dict):
        if not {"score"} <= given.keys() <= {"score", "note"} or not isinstance(given.get("note"), str | None):
            return Score(None, "the function gave an object that has not just a `score` and a `note`")
        given, note = given["score"], _shown(given.get("note"))
    if given is None:
        return Score(None, note or "the function gave no score")
    if not isinstance(given, Real):
        return Score(None, f"the function gave a {type(given).__name__}, not a number")
    number = _float(given)
    if not 0 <= number <= 1:
        return Score(None, "the function gave a number outside [0, 1]")
    return Score(abs(number), note)  # -0.0 becomes 0.0


def _float(number: Real) -> float:
    try:
        return float(number)
    except OverflowError:
        return inf


def _shown(note: str | None) -> str | None:
    return "".join(char if char.isprintable() else " " for char in (note or "")[:LONGEST_NOTE]).strip() or None
