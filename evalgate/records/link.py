"""One link of the chain between an entry of the registry and the raw answers."""

from typing import NamedTuple


class Link(NamedTuple):
    """One link that does not hold."""

    name: str
    """What it binds: evidence, adapter, base, dataset, golden, ..."""
    words: str
    """What is wrong; for people, names from foreign files in it."""
