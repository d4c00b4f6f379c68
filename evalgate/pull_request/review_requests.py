"""Asking people and teams for a review, each once."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import Refused, asked, once
from evalgate.pull_request.faults import whole


def ask(remote: Remote, number: int, people: Sequence[str]) -> tuple[str, ...]:
    """Those of `people` whom GitHub does not let us ask for a review, without a leading @; all others are asked, once.

    Nobody is asked who ever was asked, or has reviewed: who took themselves off the list stays off it. The author never is.

    Args:
        people: Logins, and teams as org/team; a leading @ is taken off.

    Raises:
        Refused: there is no such pull request, or the token may ask nobody.
        NotMeasured: see `effects`.
    """
    wanted = {name.casefold(): name for name in (one.strip().removeprefix("@") for one in people)}
    done = asked(remote, lambda: _ever_asked(remote, number), f"see who was asked to review #{number}")
    return tuple(name for key, name in wanted.items() if key not in done and not _could_ask(remote, number, name))


def _ever_asked(remote: Remote, number: int) -> set[str]:
    """Everybody who needs no asking, in small letters: logins, and teams as org/team."""
    pull = remote.repository.get_pull(number).complete()
    found = _listed(remote, pull.raw_data)  # first: whoever reviews after that is found below
    logins = [review.user.login for review in pull.get_reviews() if review.user is not None]
    for event in _events(remote, number):
        if event["event"] == "review_requested":
            person, team = event.get("requested_reviewer"), event.get("requested_team")
            found |= _listed(remote, {"requested_reviewers": [person], "requested_teams": [team]})
    return found | {login.casefold() for login in (whole(pull.user, "user").login, *logins)}


def _events(remote: Remote, number: int) -> Iterator[Mapping[str, Any]]:
    """What happened to the pull request; PyGithub would ask once more for every event that is not about a team."""
    address = f"{remote.repository.url}/issues/{number}/events"
    for page in itertools.count(1):
        _, rows = remote.repository.requester.requestJsonAndCheck("GET", address, {"per_page": 100, "page": page})
        yield from rows
        if not rows:
            return


def _listed(remote: Remote, answer: Mapping[str, Any]) -> set[str]:
    """Who is asked now, by an answer that holds a pull request."""
    owner = remote.name.split("/")[0]
    people = {one["login"].casefold() for one in answer["requested_reviewers"] if one}
    return people | {f"{owner}/{one['slug']}".casefold() for one in answer["requested_teams"] if one}


def _could_ask(remote: Remote, number: int, name: str) -> bool:
    """Whether this one is asked now; nobody else is asked in the same call, for GitHub refuses all because of one."""
    owner, is_team, slug = name.rpartition("/")
    if not slug or (is_team and owner.casefold() != remote.name.split("/")[0].casefold()):
        return False
    address, sent = f"{remote.repository.url}/pulls/{number}", {"team_reviewers" if is_team else "reviewers": [slug]}

    def look() -> bool | None:
        _, answer = remote.repository.requester.requestJsonAndCheck("GET", address)
        return True if name.casefold() in _listed(remote, answer) else None

    def act() -> bool:
        _, answer = remote.repository.requester.requestJsonAndCheck("POST", f"{address}/requested_reviewers", input=sent)
        return name.casefold() in _listed(remote, answer)

    try:
        return once(remote, look, act, what=f"ask {name} to review #{number}")
    except Refused as refusal:
        if refusal.status in (404, 422):
            return False
        raise
