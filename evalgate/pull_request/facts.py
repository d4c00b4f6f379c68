"""What GitHub says, as records: nothing is judged here."""

import re
import urllib.parse
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from github.NamedUser import NamedUser
from github.Organization import Organization
from github.PullRequest import PullRequest as Pull
from github.PullRequestReview import PullRequestReview

from evalgate.errors import NotMeasured
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import Refused, asked
from evalgate.pull_request.faults import whole
from evalgate.records.pull_request import ChangedFile, Job, Person, PullRequest, Review

GHOST = "ghost"
"""The login that GitHub shows for accounts that are gone."""
RETARGETED = ("base_ref_changed", "automatic_base_change_succeeded")
"""By a person, and by GitHub itself when the target branch is deleted."""
MOST_COMMITS = 250
"""As many as GitHub lists of a pull request."""
PAGES = "web-flow"
"""The login that commits what people edit or merge on GitHub's pages."""
SILENT = re.compile(r"\[(skip ci|ci skip|no ci|skip actions|actions skip)\]|^skip-checks: ?true", re.IGNORECASE | re.MULTILINE)
"""What keeps GitHub from starting a workflow for a commit."""
ROUNDS = 3
_RUN = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})")


def observe(remote: Remote, number: int) -> PullRequest:
    """A pull request with its files, its reviews and the people behind them, all of one head.

    Raises:
        Refused: there is no such pull request.
        NotMeasured: see `effects`; or its head changes faster than it can be read.
    """
    for _ in range(ROUNDS):
        begun = _pull(remote, number)
        found = _around(remote, begun)
        ended = _pull(remote, number)
        if (found.head, found.target_branch) == (ended.head.sha, ended.base.ref):
            return found
    raise NotMeasured(f"#{number} changed each of the {ROUNDS} times that it was read: run the job again")


def person(remote: Remote, login: str) -> Person:
    """Somebody, with what GitHub's permission call says; nobody knows the login: no permission.

    Raises:
        Refused, NotMeasured: see `effects`.
    """
    address = f"{remote.repository.url}/collaborators/{urllib.parse.quote(login, safe='')}/permission"

    def call() -> Person:
        _, answer = remote.repository.requester.requestJsonAndCheck("GET", address)
        user = answer.get("user") or {"login": login, "type": None}
        return Person(login=user["login"], bot=_is_bot(user["login"], user["type"]), permission=answer["permission"])

    try:
        return asked(remote, call, f"ask what {login!r} may do")
    except Refused as refusal:
        if refusal.status != 404:
            raise
        return Person(login=login, bot=_is_bot(login, None), permission="none")


def pulls_at(remote: Remote, *, head: str, head_repository: str | None, head_branch: str | None) -> tuple[int, ...]:
    """Numbers of the pull requests whose head is this commit now, in order; asked by branch and by commit.

    Of each answer the open ones; where there is none, those that are closed: they were merged, or given up, just now.

    Args:
        head: The commit.
        head_repository: owner/name that a workflow run says it comes from; None when it was deleted.
        head_branch: The branch there; None when it is not known.

    Raises:
        Refused, NotMeasured: see `effects`.
    """
    found: set[int] = set(_at_commit(remote, head))
    if head_repository and head_branch:
        name = f"{head_repository.split('/')[0]}:{head_branch}"
        found |= set(asked(remote, lambda: _at(remote.repository.get_pulls(state="all", head=name), head), f"find {name}"))
    return tuple(sorted(found))


def default_branch(remote: Remote) -> str:
    """The repository's default branch: the one whose policy says which other branches count.

    Raises:
        Refused, NotMeasured: see `effects`.
    """
    found: str = asked(remote, lambda: whole(remote.repository.default_branch, "default_branch"), "read the default branch")
    return found


def tip(remote: Remote, branch: str) -> str:
    """The commit that a branch stands at.

    Raises:
        Refused: there is no such branch.
        NotMeasured: see `effects`.
    """
    return asked(remote, lambda: _tip(remote, branch), f"read where {branch} stands")


def open_pulls(remote: Remote) -> dict[int, str]:
    """Every open pull request: number -> head commit.

    Raises:
        Refused, NotMeasured: see `effects`.
    """

    def call() -> dict[int, str]:
        return {whole(one.number, "number"): whole(one.head.sha, "head.sha") for one in remote.repository.get_pulls(state="open")}

    return asked(remote, call, "list the open pull requests")


def branches(remote: Remote) -> dict[str, str]:
    """Every branch: name -> the commit that it stands at.

    Raises:
        Refused, NotMeasured: see `effects`.
    """

    def call() -> dict[str, str]:
        return {one.name: whole(one.commit.sha, "commit.sha") for one in remote.repository.get_branches()}

    return asked(remote, call, "list the branches")


def others_at(remote: Remote, head: str, number: int) -> tuple[int, ...]:
    """Numbers of the other open pull requests with this very head: they share its check runs.

    Raises:
        Refused, NotMeasured: see `effects`.
    """
    found = asked(remote, lambda: _open_at(remote, head), f"find pull requests at {head}")
    return tuple(other for other in found if other != number)


def job(remote: Remote, run: str) -> Job:
    """How a workflow run stands, named as RUN.ATTEMPT; one that GitHub no longer knows, or began again, has ended.

    Raises:
        Refused, NotMeasured: see `effects`; or `run` is no such name.
    """
    named = _RUN.fullmatch(run)
    if not named:
        raise NotMeasured(f"{run!r} does not name a workflow run and its attempt: somebody changed the journal by hand")
    number, attempt = int(named[1]), int(named[2])

    def call() -> Job:
        found = remote.repository.get_workflow_run(number).complete()
        ended = whole(found.status, "status") == "completed" or whole(found.run_attempt, "run_attempt") > attempt
        return Job(run=number, ended=ended)

    try:
        return asked(remote, call, f"ask whether workflow run {run} has ended")
    except Refused as refusal:
        if refusal.status != 404:
            raise
        return Job(run=number, ended=True)


def login_of(user: NamedUser | Organization | None) -> str | None:
    """The login of somebody in an answer; None when the account is gone."""
    login = whole(user.login, "login") if user is not None else GHOST
    return None if login == GHOST else login


def _pull(remote: Remote, number: int) -> Pull:
    def call() -> Pull:
        found = remote.repository.get_pull(number).complete()
        whole(whole(found.head, "head").sha, "head.sha")
        whole(whole(found.base, "base").ref, "base.ref")
        return found

    return asked(remote, call, f"read #{number}")


def _around(remote: Remote, pull: Pull) -> PullRequest:
    """The record of one pull request: what the first answer holds, and what only more questions tell."""
    number, branch = pull.number, pull.base.ref
    target = tip(remote, branch)
    files = asked(remote, lambda: tuple(file_of(file) for file in pull.get_files()), f"list the files of #{number}")
    reviews = asked(remote, lambda: list(pull.get_reviews()), f"list the reviews of #{number}")
    return PullRequest(
        repository=remote.name,
        number=number,
        title=pull.title,
        author=login_of(pull.user),
        open=pull.state == "open",
        merged=pull.merged,
        draft=pull.draft,
        labels=tuple(label.name for label in pull.labels),
        head=pull.head.sha,
        head_repository=pull.head.repo.full_name if pull.head.repo is not None else None,
        target_branch=branch,
        target=target,
        default_branch=default_branch(remote),
        retargeted=asked(remote, lambda: _retargeted(remote, number), f"ask what happened to #{number}"),
        silent=_is_silent(remote, pull),
        committers=asked(remote, lambda: _committers(pull), f"list the commits of #{number}"),
        files=files,
        files_cut=pull.changed_files > len(files) or pull.commits > MOST_COMMITS,
        reviews=tuple(sorted((_review(review) for review in reviews), key=lambda review: review.id)),
        people=_people(remote, reviews),
    )


def _tip(remote: Remote, branch: str) -> str:
    return whole(remote.repository.get_git_ref(f"heads/{branch}").object.sha, "sha")


def file_of(file: Any) -> ChangedFile:
    """One path, as GitHub lists it in a pull request or a comparison."""
    return ChangedFile(path=file.filename, status=file.status, previous=file.previous_filename)


def _review(review: PullRequestReview) -> Review:
    state: Any = review.state  # one of GitHub's words, or the record refuses it
    at = moment(review.submitted_at) if review.submitted_at else None
    return Review(id=review.id, by=login_of(review.user), state=state, commit=review.commit_id, at=at)


def _people(remote: Remote, reviews: Iterable[PullRequestReview]) -> dict[str, Person]:
    """Every reviewer once; bots have no permission of a person's kind, so nobody is asked about theirs."""
    users = {login: review.user for review in reviews if (login := login_of(review.user))}
    return {
        login: Person(login=login, bot=True, permission="none") if _is_bot(login, user.type) else person(remote, login)
        for login, user in users.items()
    }


def _is_bot(login: str, kind: str | None) -> bool:
    return kind == "Bot" or login.endswith("[bot]")


def _at(pulls: Iterable[Pull], head: str) -> tuple[int, ...]:
    here = [pull for pull in pulls if pull.head.sha == head]
    still_open = [pull for pull in here if pull.state == "open"]
    return tuple(sorted(whole(pull.number, "number") for pull in still_open or here))


def _is_silent(remote: Remote, pull: Pull) -> bool:
    """True for a head whose message keeps GitHub from telling us of labels, drafts and retargeting."""
    sha = pull.head.sha
    if f"message/{sha}" not in remote.kept:
        message = asked(remote, lambda: whole(remote.repository.get_git_commit(sha).message, "message"), f"read commit {sha[:7]}")
        remote.kept[f"message/{sha}"] = bool(SILENT.search(message))
    return bool(remote.kept[f"message/{sha}"])


def _retargeted(remote: Remote, number: int) -> str | None:
    """When the pull request was last pointed at another branch."""
    events = remote.repository.get_issue(number).get_events()
    found = [whole(event.created_at, "created_at") for event in events if event.event in RETARGETED]
    return moment(max(found)) if found else None


def moment(at: datetime) -> str:
    """A time of GitHub's, ISO 8601 in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _committers(pull: Pull) -> tuple[str, ...]:
    """Everybody who wrote or committed a commit of the pull request; GitHub itself commits what people do on its pages."""
    people = [who for commit in pull.get_commits() for who in (commit.author, commit.committer)]
    named = {login for who in people if who is not None and (login := who.login) is not None}
    return tuple(sorted(named - {PAGES}))


def _open_at(remote: Remote, head: str) -> tuple[int, ...]:
    pulls = remote.repository.get_pulls(state="open")  # the list by commit leaves out much of forks' and the default branch's
    return tuple(sorted(pull.number for pull in pulls if pull.head.sha == head))


def _at_commit(remote: Remote, head: str) -> tuple[int, ...]:
    try:
        return asked(remote, lambda: _at(remote.repository.get_commit(head).get_pulls(), head), f"find pull requests at {head}")
    except Refused as refusal:
        if refusal.status not in (404, 422):  # what GitHub answers where the repository has no such commit
            raise
        return ()
