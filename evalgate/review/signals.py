"""What an event file says: which pull requests to look at. Everything in it is hostile, and is only used to ask the API."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Source = Literal["pull", "comment", "head", "group", "nothing"]
PULL_EVENTS = ("pull_request", "pull_request_target", "pull_request_review")
MOST_DIGITS = 2**53
"""Numbers of pull requests and comments are below this."""


class Signal(NamedTuple):
    """Somewhere to look."""

    source: Source
    pull: int | None = None
    comment: int | None = None
    """GitHub's number of a comment that was just created on the pull request."""
    head: str | None = None
    """A commit: of a pull request's branch, or of a merge queue's group."""
    head_repository: str | None = None
    head_branch: str | None = None
    run: int | None = None
    """The workflow run of the untrusted half."""


NOTHING = Signal("nothing")


def signal_of(name: str, event: Mapping[str, Any]) -> Signal:
    """Where an event points; to nothing when it is none that EvalGate listens to, or has not the shape of one.

    One raw event: `{"action": "created", "issue": {"number": 12, "pull_request": {}}, "comment": {"id": 5}}`
    """
    if name in PULL_EVENTS:
        number = _number(event, "pull_request", "number")
        return NOTHING if number is None else Signal("pull", pull=number)
    if name == "issue_comment":
        return _of_comment(event)
    if name == "workflow_run":
        return _of_run(event)
    if name == "merge_group":
        head = _text(event, "merge_group", "head_sha")
        return NOTHING if head is None else Signal("group", head=head, head_branch=_text(event, "merge_group", "head_ref"))
    return NOTHING


def guessed(event: Mapping[str, Any]) -> str:
    """The name of the event that has this shape; "" for none that EvalGate listens to."""
    shapes = {"merge_group": ("merge_group",), "workflow_run": ("workflow_run",), "issue_comment": ("issue", "comment")}
    told = {**shapes, "pull_request_review": ("pull_request", "review"), "pull_request": ("pull_request",)}
    return next((name for name, parts in told.items() if all(isinstance(event.get(part), dict) for part in parts)), "")


def _of_comment(event: Mapping[str, Any]) -> Signal:
    """Created comments on pull requests alone: an edit asks for nothing, and an issue has no head."""
    number, comment = _number(event, "issue", "number"), _number(event, "comment", "id")
    is_pull = isinstance(_at(event, "issue", "pull_request"), dict)
    if event.get("action") != "created" or not is_pull or number is None or comment is None:
        return NOTHING
    return Signal("comment", pull=number, comment=comment)


def _of_run(event: Mapping[str, Any]) -> Signal:
    """The end of the untrusted half; its list of pull requests is empty for forks, so the head is what counts."""
    head = _text(event, "workflow_run", "head_sha")
    if head is None:
        return NOTHING
    source: Source = "group" if _text(event, "workflow_run", "event") == "merge_group" else "head"
    return Signal(
        source,
        head=head,
        head_repository=_text(event, "workflow_run", "head_repository", "full_name"),
        head_branch=_text(event, "workflow_run", "head_branch"),
        run=_number(event, "workflow_run", "id"),
    )


def _at(event: Mapping[str, Any], *names: str) -> Any:
    value: Any = event
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(event: Mapping[str, Any], *names: str) -> str | None:
    value = _at(event, *names)
    return value if isinstance(value, str) and value else None


def _number(event: Mapping[str, Any], *names: str) -> int | None:
    value = _at(event, *names)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < MOST_DIGITS else None
