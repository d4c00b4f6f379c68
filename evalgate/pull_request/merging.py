"""Merging one exact commit of a pull request."""

from evalgate.errors import NotMeasured
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import asked, once
from evalgate.pull_request.faults import whole


def merge(remote: Remote, number: int, head: str, *, into: str) -> None:
    """Nothing; the pull request is merged, at `head` and at no other commit, once.

    GitHub binds a merge to the head alone. That it goes into the branch `into` is asked right before, and no later.

    Raises:
        Refused: 409, the head is another one by now; 405, it cannot be merged as it is; 403, the token may not.
        NotMeasured: it goes into another branch by now; or see `effects`.
    """

    def look() -> bool | None:
        found = remote.repository.get_pull(number).complete()
        return True if found.merged and found.head.sha == head else None

    def act() -> bool:
        found = remote.repository.get_pull(number).complete()
        now = whole(whole(found.base, "base").ref, "base.ref")
        if now != into:
            raise NotMeasured(f"#{number} is not merged: it goes into {now!r} by now, it was verified for {into!r}")
        found.merge(sha=head)
        return True

    once(remote, look, act, what=f"merge #{number} at {head[:12]}")


def merged_as(remote: Remote, number: int) -> str:
    """The commit that a merged pull request made of its target branch.

    Raises:
        Refused, NotMeasured: see `effects`.
    """

    def call() -> str:
        return whole(remote.repository.get_pull(number).complete().merge_commit_sha, "merge_commit_sha")

    return asked(remote, call, f"read how #{number} was merged")
