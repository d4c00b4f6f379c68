"""What people say to each other in a repository: issues, pull requests, comments, reviews."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Asked(NamedTuple):
    """A request for a review: of a person by login, or of a team by slug."""

    at: str
    by: str
    login: str | None
    team: str | None


@dataclass
class Pull:
    """What a pull request has over an issue. Its head is read from git for as long as it is open."""

    id: int
    head_repository: str
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    draft: bool = False
    merged: str | None = None
    merged_by: str | None = None
    merge_sha: str | None = None
    requested: list[str] = field(default_factory=list)
    requested_teams: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    """Every request for a review that ever was; `requested` holds those that nobody answered yet."""
    blocked: bool = False
    retargeted: list[str] = field(default_factory=list)
    """When it was pointed at another base."""


@dataclass
class Issue:
    number: int
    id: int
    login: str
    title: str
    body: str | None
    created: str
    updated: str
    state: str = "open"
    closed: str | None = None
    locked: bool = False
    labels: list[str] = field(default_factory=list)
    pull: Pull | None = None


@dataclass
class Reaction:
    id: int
    login: str
    content: str
    created: str


@dataclass
class Comment:
    id: int
    number: int
    login: str
    body: str
    created: str
    updated: str
    app: str | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass
class Review:
    id: int
    number: int
    login: str
    body: str
    state: str
    commit: str
    submitted: str
