"""How commands reach the GitHub that their surroundings name."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evalgate import settings

if TYPE_CHECKING:
    from evalgate.pull_request.client import Remote
    from evalgate.stages.seen import Here


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


def here_of(policy: str, registry: str, known: settings.GitHub) -> "Here":
    """Where and when we look: two paths from the repository's root, the clock, and the address of its pages."""
    from evalgate.review.kinds import Places
    from evalgate.stages.seen import Here

    return Here(Places(policy, registry), _now, f"{known.server_url}/{known.repository}")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
