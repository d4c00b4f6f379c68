"""Merging one exact commit of a pull request."""

from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import once


def merge(remote: Remote, number: int, head: str) -> None:
    """Nothing; the pull request is merged, at `head` and at no other commit, once.

    Raises:
        Refused: 409, the head is another one by now; 405, it cannot be merged as it is; 403, the token may not.
        NotMeasured: see `effects`.
    """

    def look() -> bool | None:
        found = remote.repository.get_pull(number).complete()
        return True if found.merged and found.head.sha == head else None

    def act() -> bool:
        remote.repository.get_pull(number).merge(sha=head)
        return True

    once(remote, look, act, what=f"merge #{number} at {head[:12]}")
