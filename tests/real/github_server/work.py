"""What machines do in a repository: check runs, workflow runs, artifacts."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class CheckRun:
    id: int
    name: str
    head_sha: str
    app: str
    suite: int
    started: str
    status: str = "queued"
    conclusion: str | None = None
    completed: str | None = None
    details_url: str | None = None
    external_id: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Run:
    id: int
    head_sha: str
    event: str
    status: str
    conclusion: str | None
    head_branch: str | None
    head_repository: str
    login: str
    path: str
    name: str
    number: int
    created: str
    updated: str
    attempt: int = 1


@dataclass
class Artifact:
    id: int
    run: int
    name: str
    content: bytes
    created: str
    expired: bool = False
