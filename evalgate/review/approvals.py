"""Whose reviews count: the latest decisive one of each person with write access who is not the author, on the head."""

from itertools import takewhile
from typing import NamedTuple

from evalgate.records.pull_request import PullRequest, Review

DECISIVE = ("APPROVED", "DISMISSED", "CHANGES_REQUESTED")
"""A comment after an approval changes nothing. Of one review told twice, the state that stands later here counts."""


class Approvals(NamedTuple):
    """What the reviews come to."""

    by: tuple[str, ...]
    """Counted reviewers who approve the head."""
    against: tuple[str, ...]
    """Counted reviewers who ask for changes, on whatever commit: they stand until they are taken back."""
    older: tuple[str, ...]
    """Counted reviewers who approved another commit, or for another target branch."""
    not_counted: dict[str, str]
    """Login -> why an approval of the head does not count."""


def approvals(pull: PullRequest) -> Approvals:
    """The reviews of a pull request, counted.

    An approval of the head stands until the same person asks for changes or is dismissed: approving another commit
    takes nothing back, so that a force-push back to an approved commit finds it approved.
    """
    named = {reviews[-1].by or "": reviews for reviews in _by_person(pull)}
    on_head = {login for login, reviews in named.items() if _approves(reviews, pull)}
    counted = {login: reviews[-1].state for login, reviews in named.items() if _why_not(pull, login) is None}
    return Approvals(
        by=tuple(sorted(login for login in counted if login in on_head)),
        against=tuple(sorted(login for login, state in counted.items() if state == "CHANGES_REQUESTED")),
        older=tuple(sorted(login for login, state in counted.items() if state == "APPROVED" and login not in on_head)),
        not_counted={login: why for login in sorted(on_head) if (why := _why_not(pull, login)) is not None},
    )


def _by_person(pull: PullRequest) -> list[list[Review]]:
    """The decisive reviews of each person, oldest first; those of accounts that are gone are left out."""
    said: dict[str, list[Review]] = {}
    for review in sorted(pull.reviews, key=lambda r: (r.id, r.by or "", r.state in DECISIVE and DECISIVE.index(r.state))):
        if review.by is not None and review.state in DECISIVE:
            said.setdefault(review.by.casefold(), []).append(review)
    return list(said.values())


def _approves(reviews: list[Review], pull: PullRequest) -> bool:
    """True when the reviews end with approvals, and one of those is of the head, for the branch that it goes into now."""
    last = takewhile(lambda review: review.state == "APPROVED", reversed(reviews))
    since = pull.retargeted or ""
    return any(review.commit == pull.head and (not since or (review.at or "") > since) for review in last)


def _why_not(pull: PullRequest, login: str) -> str | None:
    """Why a person's review does not count; None when it does."""
    person = pull.people.get(login)
    if pull.author is None or same_login(login, pull.author):
        return "is the author" if pull.author is not None else "may be the author, whose account is gone"
    if any(same_login(login, committer) for committer in pull.committers):
        return "wrote or merged a commit of it"
    if person is None:
        return "the API says nothing of this person"
    if person.bot:
        return "is a bot"
    return None if person.may_write else "has no write access"


def same_login(one: str, other: str) -> bool:
    """True when two logins are the same person's: GitHub does not tell upper from lower case."""
    return one.casefold() == other.casefold()
