"""How commands reach the GitHub that their surroundings name."""

from typing import TYPE_CHECKING

from evalgate import settings

if TYPE_CHECKING:
    from evalgate.pull_request.client import Remote


def connected(repository: str | None) -> "tuple[Remote, settings.GitHub]":
    """A connection to `repository`, or to the one that the surroundings name, and what they say of it.

    Raises:
        NotMeasured: there is no token, or no repository.
    """
    from evalgate.pull_request.client import connect

    known = settings.github(repository)
    remote = connect(
        token=known.token,
        repository=known.repository,
        api_url=known.api_url,
        author=known.author,
        run=known.run,
        pace=known.pace,
    )
    return remote, known
