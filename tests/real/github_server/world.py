"""The state of one GitHub: its people, tokens and repositories, its clock and its ids."""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .discussion import Comment, Issue, Review
from .work import Artifact, CheckRun, Run

ACTIONS_APP = "github-actions"
KNOWN_APPS = {ACTIONS_APP: 15368}
KNOWN_PEOPLE = {"github-actions[bot]": 41898282}
START = datetime(2026, 11, 20, 8, 0, 0, tzinfo=UTC)


@dataclass
class Person:
    login: str
    kind: str
    id: int


@dataclass
class Token:
    """Who asks, and what for: `permissions` None is a person's own token, that may do everything."""

    login: str
    permissions: dict[str, str] | None
    app: str | None

    def allows(self, area: str, level: str) -> bool:
        if self.permissions is None or (area, level) == ("metadata", "read"):
            return True
        held = self.permissions.get(area, "none")
        return held in {"read", "write", "admin"} if level == "read" else held in {"write", "admin"}


@dataclass
class Repository:
    """One repository. A fork lives in its parent's git folder, with its branches under a prefix of their own."""

    full_name: str
    id: int
    folder: Path
    created: str
    prefix: str = "refs/heads/"
    parent: str | None = None
    private: bool = False
    default_branch: str = "main"
    permissions: dict[str, str] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    reviews: list[Review] = field(default_factory=list)
    checks: dict[int, CheckRun] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    artifacts: dict[int, Artifact] = field(default_factory=dict)
    protections: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    rulesets: list[dict[str, Any]] = field(default_factory=list)
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    workflow_permissions: dict[str, Any] = field(
        default_factory=lambda: {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}
    )
    dispatches: list[dict[str, Any]] = field(default_factory=list)

    @property
    def owner(self) -> str:
        return self.full_name.split("/")[0]

    @property
    def name(self) -> str:
        return self.full_name.split("/")[1]

    def git_ref(self, ref: str) -> str:
        """The ref in the git folder for what this repository calls `refs/...`."""
        return self.prefix + ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ref


def counting_clock(start: datetime = START) -> Callable[[], datetime]:
    """A clock that is one second later every time it is read."""
    seconds: Iterator[int] = itertools.count()
    return lambda: start + timedelta(seconds=next(seconds))


@dataclass
class World:
    folder: Path
    public_url: str = ""
    own_url: str = ""
    html_url: str = "https://github.com"
    clock: Callable[[], datetime] = field(default_factory=counting_clock)
    people: dict[str, Person] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    teams: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)
    apps: dict[str, int] = field(default_factory=lambda: dict(KNOWN_APPS))
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1001))
    lock: threading.RLock = field(default_factory=threading.RLock)

    def now(self) -> str:
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")

    def new_id(self) -> int:
        return next(self.ids)

    def person(self, login: str, kind: str | None = None) -> Person:
        """The person of this login, made when nobody has it yet."""
        if login not in self.people:
            guessed = "Bot" if login.endswith("[bot]") else "User"
            self.people[login] = Person(login, guessed, KNOWN_PEOPLE.get(login) or self.new_id())
        if kind is not None:
            self.people[login].kind = kind
        return self.people[login]

    def app_id(self, slug: str) -> int:
        if slug not in self.apps:
            self.apps[slug] = self.new_id()
        return self.apps[slug]
