"""One field of the mutation matrix."""

from typing import NamedTuple

from cache.mutations import Mutation


class Cell(NamedTuple):
    """What one cache made of one mutation."""

    mark: str
    """ok, stale, needless, failed, or none where the tool promises nothing."""
    asked: int
    """Answers that were generated."""
    note: str = ""


def cell_of(mutation: Mutation, asked: int, *, same: bool) -> Cell:
    """The mark of a run that generated `asked` answers; `same`: it says what a run with an empty cache says."""
    if not same or asked < mutation.asks:
        return Cell("stale", asked)
    return Cell("ok" if asked == mutation.asks else "needless", asked)
