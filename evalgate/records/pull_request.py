"""What GitHub says of a pull request at one moment: facts, no judgement."""

from typing import Literal

from pydantic import Field

from evalgate.records.base import Record

Permission = Literal["admin", "write", "read", "none"]
"""As GitHub's permission call answers: maintain is write, triage is read."""
ReviewState = Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"]
FileStatus = Literal["added", "modified", "removed", "renamed", "copied", "changed", "unchanged"]
COMMIT = r"^[0-9a-f]{40}([0-9a-f]{24})?$"


class Person(Record):
    """Somebody who has a say."""

    login: str = Field(description="the login, as GitHub writes it")
    bot: bool = Field(description="an app or a bot account: its reviews and commands never count")
    permission: Permission = Field(description="what the person may do in the repository, as the API says")

    @property
    def may_write(self) -> bool:
        """True for people with write access; bots never."""
        return not self.bot and self.permission in ("admin", "write")


class Review(Record):
    """One review."""

    id: int = Field(description="GitHub's number of the review; later reviews have larger ones")
    by: str | None = Field(description="the reviewer's login; none when the account is gone")
    state: ReviewState = Field(description="what the reviewer said; DISMISSED once somebody took it back")
    commit: str | None = Field(description="the commit that was reviewed; none when GitHub lost it")
    at: str | None = Field(default=None, description="when, ISO 8601 in UTC; none when GitHub does not say")


class ChangedFile(Record):
    """One path that the pull request touches."""

    path: str = Field(description="the path at the head")
    status: FileStatus = Field(description="what happens to it")
    previous: str | None = Field(default=None, description="the path at the merge base, where it was renamed")


class Job(Record):
    """A workflow run that the journal says was given the work."""

    run: int = Field(description="GitHub's number of the workflow run")
    ended: bool = Field(description="true when GitHub says that it is completed, or knows it no longer")


class PullRequest(Record):
    """A pull request, its reviews, and what the people behind them may do."""

    repository: str = Field(description="owner/name of the repository that it is opened on")
    number: int = Field(ge=1, description="its number")
    title: str = Field(description="its title: hostile text")
    author: str | None = Field(description="login of who opened it; none when the account is gone")
    open: bool = Field(description="neither merged nor closed")
    merged: bool = Field(description="merged")
    draft: bool = Field(description="a draft")
    labels: tuple[str, ...] = Field(default=(), description="its labels: hostile text")
    head: str = Field(pattern=COMMIT, description="the commit under judgement")
    head_repository: str | None = Field(description="owner/name that the head comes from; none when it was deleted")
    target_branch: str = Field(description="the branch that it merges into")
    target: str = Field(pattern=COMMIT, description="that branch's commit at this moment")
    default_branch: str = Field(default="main", description="the repository's default branch")
    silent: bool = Field(default=False, description="the head's message tells GitHub to start no workflow for it")
    committers: tuple[str, ...] = Field(default=(), description="logins of who wrote or committed one of its commits")
    retargeted: str | None = Field(
        default=None, description="when it was last pointed at another branch, ISO 8601 in UTC; none: never"
    )
    files: tuple[ChangedFile, ...] = Field(description="every path that it touches")
    files_cut: bool = Field(default=False, description="it has more than the 3,000 files or 250 commits that GitHub lists")
    reviews: tuple[Review, ...] = Field(default=(), description="all reviews, oldest first")
    people: dict[str, Person] = Field(default_factory=dict, description="reviewers by login")

    @property
    def touched(self) -> frozenset[str]:
        """Every path that it touches, of a rename both."""
        return frozenset(path for file in self.files for path in (file.path, file.previous) if path is not None)

    @property
    def is_fork(self) -> bool:
        """True when the head lies in another repository."""
        return self.head_repository != self.repository
