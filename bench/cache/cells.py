"""One field of the mutation matrix."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cache.mutations import Mutation
from cache.subject import CASES


class Cell(NamedTuple):
    """What one cache made of one mutation."""

    mark: str
    """ok, stale, needless, failed, or none where the tool promises nothing."""
    asked: int
    """Answers that were generated."""
    note: str = ""


Filled = dict[object, Path]
"""What comes before a mutation -> a cache that the subject filled then."""


def cell_of(mutation: Mutation, asked: int, *, is_same: Callable[[], bool]) -> Cell:
    """The mark of a run that generated `asked` answers; `is_same`: it says what a run with an empty cache says.

    That run is made only where something was reused that may be.
    """
    if asked < mutation.asks:
        return Cell("stale", asked)
    if asked < CASES and not is_same():
        return Cell("stale", asked, "not what an empty cache gives")
    return Cell("ok" if asked == mutation.asks else "needless", asked)


def emptied(folder: Path) -> Path:
    """An empty folder of that name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def filled(known: Filled, mutation: Mutation, scratch: Path, fill: Callable[[Path], object]) -> Path:
    """A copy of the cache that the subject filled before this mutation; filled once for all that begin alike."""
    begins = (mutation.first, mutation.before)
    if begins not in known:
        known[begins] = emptied(scratch / f"filled-{len(known)}")
        fill(known[begins])
    return shutil.copytree(known[begins], emptied(scratch / "filled"), dirs_exist_ok=True)
