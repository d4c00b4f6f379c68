"""What an endpoint gives back: an answer, a page of a list, or a refusal in GitHub's words."""

import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .world import Repository, Token, World

DOCUMENTATION = "https://docs.github.com/rest"
T = TypeVar("T")


@dataclass
class Answer:
    """`acted` None: a call that is no GET and was not refused acted; an endpoint that did nothing says False."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    acted: bool | None = None


class Refused(Exception):
    def __init__(self, status: int, message: str, errors: list[Any] | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        body = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
        self.answer = Answer(status, body if errors is None else {**body, "errors": errors}, headers or {}, acted=False)


def not_found() -> Refused:
    return Refused(404, "Not Found")


def forbidden() -> Refused:
    return Refused(403, "Resource not accessible by integration")


def invalid(resource: str, field_name: str, code: str, message: str = "") -> Refused:
    """A failed validation of one field: code is missing, missing_field, invalid, already_exists or custom."""
    error = {"resource": resource, "field": field_name, "code": code, **({"message": message} if message else {})}
    return Refused(422, "Validation Failed", [error])


@dataclass
class Call:
    """One request, as an endpoint sees it."""

    world: World
    token: Token
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    args: dict[str, str]

    @property
    def repo(self) -> Repository:
        found = self.world.repositories.get(f"{self.args['owner']}/{self.args['repo']}")
        if found is None:
            raise not_found()
        return found

    @property
    def number(self) -> int:
        return int(self.args["number"])

    @property
    def newest_version(self) -> bool:
        return self.headers.get("x-github-api-version", "") >= "2026-03-10"

    def given(self, name: str, resource: str, kind: type[T]) -> T:
        """A field of the body that must be there, of the type that it must have."""
        value = self.body.get(name) if isinstance(self.body, dict) else None
        if not isinstance(value, kind):
            raise invalid(resource, name, "missing_field" if value is None else "invalid")
        return value


def paged(call: Call, items: Sequence[T], shape: Callable[[T], Any], key: str | None = None) -> Answer:
    """The page asked for, shaped, with links to its neighbours; under a key the count of all stands beside it."""
    size = _whole(call.query.get("per_page"), 30, 100)
    page = _whole(call.query.get("page"), 1, 1_000_000)
    last = max(1, -(-len(items) // size))
    shown = [shape(item) for item in items[(page - 1) * size : page * size]]
    near = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    useful = {name: at for name, at in near.items() if 1 <= at <= last and (at > page if name in {"next", "last"} else at < page)}
    headers = {"Link": ", ".join(f'<{_page_url(call, at)}>; rel="{name}"' for name, at in useful.items())} if useful else {}
    return Answer(200, {"total_count": len(items), key: shown} if key else shown, headers)


def _page_url(call: Call, page: int) -> str:
    query = urllib.parse.urlencode({**call.query, "page": str(page)})
    return f"{call.world.public_url}{call.path}?{query}"


def _whole(text: str | None, default: int, most: int) -> int:
    return min(int(text), most) if text and text.isdigit() and int(text) > 0 else default
