"""A connection to one repository, through PyGithub."""

from typing import Any, NamedTuple

from github import Auth, Github
from github.Repository import Repository
from pydantic import SecretStr

API_VERSION = "2026-03-10"
"""Answers keep this shape whatever GitHub changes. It has no `merge_commit_sha`, and we ask for none; Enterprise servers
know it from 3.21 on."""
PAUSES = (1.0, 5.0, 20.0)
"""Seconds between attempts; every call is made at most once more often than there are pauses."""
TIMEOUT = 30


class Remote(NamedTuple):
    """The repository that is worked on; whoever holds one gives it on and looks no further."""

    api: Github
    """Holds the token, and shows it in no repr."""
    repository: Repository
    """Known by name only: nothing is asked of GitHub before it is needed."""
    name: str
    """owner/name."""
    author: str
    """The login that our comments appear under."""
    run: str | None
    """The workflow run and attempt that we are, as RUN.ATTEMPT."""
    pauses: tuple[float, ...]
    """See `PAUSES`."""
    kept: dict[str, Any]
    """Git objects that were read, by name: what a name stands for never changes, so it is asked for once.
    And whether a commit's message is silent."""


def connect(
    *,
    token: SecretStr,
    repository: str,
    api_url: str,
    author: str,
    run: str | None,
    pace: float,
    pauses: tuple[float, ...] = PAUSES,
) -> Remote:
    """A connection to `repository`, in seconds; nothing is asked of GitHub yet.

    PyGithub retries nothing, reads neither: its own retry sends a POST again that the server has acted on, does not see
    an answer that breaks off or is not JSON, and sleeps without a word. `effects` retries instead.

    Args:
        pace: Least seconds between two writes.
        pauses: See `PAUSES`.
    """
    api = Github(
        auth=Auth.Token(token.get_secret_value()),
        base_url=api_url,
        timeout=TIMEOUT,
        user_agent="evalgate",
        per_page=100,
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=pace,
        lazy=True,
        api_version=API_VERSION,
    )
    return Remote(api, api.get_repo(repository), repository, author, run, pauses, {})
