"""The one comment that we keep on a pull request."""

from github.IssueComment import IssueComment

from evalgate.errors import NotMeasured
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import Refused, asked, once
from evalgate.pull_request.faults import whole

LONGEST = 65_536
"""Characters that GitHub takes."""


def keep(remote: Remote, number: int, body: str, marker: str) -> str:
    """Address of the one comment of ours, which says `body` now; nothing is sent where it says so already.

    Ours is what our login wrote and what begins with `marker`: a marker in somebody else's comment, or further down in
    one of ours, means nothing. Where two writers made one each at the same time, the older stays.

    Raises:
        ValueError: `body` does not begin with `marker`, or is longer than GitHub takes.
        Refused, NotMeasured: see `effects`.
    """
    if len(body) > LONGEST or not body.startswith(marker):
        raise ValueError("a comment begins with its marker and has at most 65,536 characters")
    where = f"the comment on #{number}"
    ours = asked(remote, lambda: _ours(remote, number, marker), f"find {where}")
    if not ours:
        _created(remote, number, body, marker)
        ours = asked(remote, lambda: _ours(remote, number, marker), f"find {where}")
    if not ours:
        raise NotMeasured(f"{where} was written, and is not there: somebody deleted it, run the job again")
    for later in ours[1:]:
        _deleted(remote, later, f"delete a second comment on #{number}")
    return _edited(remote, ours[0], body, f"change {where}")


def _ours(remote: Remote, number: int, marker: str) -> list[IssueComment]:
    """Oldest first, from all pages."""
    found = [one for one in remote.repository.get_issue(number).get_comments() if (one.body or "").startswith(marker)]
    mine = [one for one in found if one.user is not None and one.user.login.casefold() == remote.author.casefold()]
    return sorted(mine, key=lambda one: whole(one.id, "id"))


def _created(remote: Remote, number: int, body: str, marker: str) -> None:
    def look() -> IssueComment | None:
        return next(iter(_ours(remote, number, marker)), None)

    def act() -> IssueComment:
        made = remote.repository.get_issue(number).create_comment(body)
        whole(made.id, "id")
        whole(made.user, "user")
        return made

    made = once(remote, look, act, what=f"comment on #{number}")
    login = made.user.login
    if login.casefold() != remote.author.casefold():  # it would not be found again, and the next run would write another
        _deleted(remote, made, f"take back the comment on #{number}")
        raise NotMeasured(f"comments appear under {login}, not under {remote.author}: set EVALGATE_AUTHOR to {login}")


def _edited(remote: Remote, comment: IssueComment, body: str, what: str) -> str:
    def look() -> str | None:
        fresh = _fresh(remote, comment)
        return whole(fresh.html_url, "html_url") if fresh.body == body else None

    def act() -> str:
        comment.edit(body)
        return whole(comment.html_url, "html_url")

    return comment.html_url if comment.body == body else once(remote, look, act, what=what)


def _deleted(remote: Remote, comment: IssueComment, what: str) -> None:
    """Delete it; somebody who did so before is welcome."""
    try:
        asked(remote, comment.delete, what)
    except Refused as refusal:
        if refusal.status != 404:
            raise


def _fresh(remote: Remote, comment: IssueComment) -> IssueComment:
    return IssueComment(remote.repository.requester, url=f"{remote.repository.url}/issues/comments/{comment.id}").complete()
