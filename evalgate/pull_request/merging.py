"""Merging one exact commit of a pull request."""

from evalgate.errors import NotMeasured
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import once
from evalgate.pull_request.faults import whole


def merge(remote: Remote, number: int, head: str, *, into: str) -> str | None:
    """The commit that the target branch has now; the pull request is merged, at `head` and at no other commit, once.

    None where it was merged already, or the answer got lost: GitHub does not say later which commit it was.

    GitHub binds a merge to the head alone. That it goes into the branch `into` is asked right before, and no later.

    Raises:
        Refused: 409, the head is another one by now; 405, it cannot be merged as it is; 403, the token may not.
        NotMeasured: it goes into another branch by now; or see `effects`.
    """

    def look() -> str | None:
        found = remote.repository.get_pull(number).complete()
        return "" if found.merged and found.head.sha == head else None

    def act() -> str:
        found = remote.repository.get_pull(number).complete()
        now = whole(whole(found.base, "base").ref, "base.ref")
        if now != into:
            raise NotMeasured(f"#{number} is not merged: it goes into {now!r} by now, it was verified for {into!r}")
        return whole(found.merge(sha=head).sha, "sha")

    return once(remote, look, act, what=f"merge #{number} at {head[:12]}") or None
