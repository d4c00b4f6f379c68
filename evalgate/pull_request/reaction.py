"""Comments that people write to us, and the sign that we read them."""

from datetime import datetime
from typing import NamedTuple

from github.IssueComment import IssueComment

from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import asked
from evalgate.pull_request.facts import login_of
from evalgate.pull_request.faults import whole


class Comment(NamedTuple):
    """One comment, as it stands now."""

    body: str
    """Hostile text."""
    login: str | None
    """Who wrote it; None when the account is gone."""
    kind: str | None
    """User or Bot, as GitHub says; None when the account is gone."""
    created_at: datetime
    updated_at: datetime
    """Later than `created_at` once somebody edited it."""


def react(remote: Remote, comment_id: int, content: str) -> None:
    """Nothing; our reaction stands under the comment, once: GitHub takes the same one twice and keeps one.

    Args:
        comment_id: GitHub's number of the comment.
        content: As GitHub calls it: eyes, +1, rocket, confused.

    Raises:
        Refused, NotMeasured: see `effects`.
    """
    asked(remote, lambda: whole(_named(remote, comment_id).create_reaction(content).id, "id"), f"react to comment {comment_id}")


def comment_of(remote: Remote, comment_id: int) -> Comment:
    """A comment as it stands now.

    Raises:
        Refused: it is not there.
        NotMeasured: see `effects`.
    """
    return asked(remote, lambda: _read(_named(remote, comment_id)), f"read comment {comment_id}")


def _named(remote: Remote, comment_id: int) -> IssueComment:
    return IssueComment(remote.repository.requester, url=f"{remote.repository.url}/issues/comments/{comment_id}")


def _read(found: IssueComment) -> Comment:
    login = login_of(found.user)
    return Comment(
        body=found.body or "",
        login=login,
        kind=whole(found.user.type, "type") if login else None,
        created_at=whole(found.created_at, "created_at"),
        updated_at=whole(found.updated_at, "updated_at"),
    )
