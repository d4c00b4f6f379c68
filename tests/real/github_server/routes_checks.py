"""Endpoints on check runs, with GitHub's limits on what one call may bring."""

from typing import Any

from . import git
from .answers import Answer, Call, Refused, forbidden, not_found, paged
from .shapes_work import annotation_shape, check_shape
from .work import CheckRun

MOST_ANNOTATIONS = 50
MOST_CHARACTERS = 65_535
NEEDED = ("path", "start_line", "end_line", "annotation_level", "message")
LEVELS = {"notice", "warning", "failure"}
STATUSES = {"queued", "in_progress", "completed", "waiting", "requested", "pending"}
CONCLUSIONS = {"action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"}


def malformed(words: str) -> Refused:
    return Refused(422, f"Invalid request.\n\n{words}")


def _app(call: Call) -> str:
    """The app that asks: check runs are made by apps alone."""
    if call.token.app is None:
        raise Refused(403, "You must authenticate via a GitHub App.")
    return call.token.app


def find_check(call: Call) -> CheckRun:
    check = call.repo.checks.get(int(call.args["check"]))
    if check is None:
        raise not_found()
    return check


def post_check(call: Call) -> Answer:
    app, name, sha = _app(call), call.body.get("name"), call.body.get("head_sha")
    if not name or not sha:
        raise malformed(f'"{"head_sha" if name else "name"}" wasn\'t supplied.')
    if git.resolve(call.repo.folder, sha) != sha:
        raise Refused(422, f"No commit found for SHA: {sha}")
    _refuse(call.body)
    now = call.world.now()
    check = CheckRun(call.world.new_id(), name, sha, app, _suite(call, app, sha), call.body.get("started_at") or now)
    _write(call, check, now)
    call.repo.checks[check.id] = check
    return Answer(201, check_shape(call.world, call.repo, check))


def _suite(call: Call, app: str, sha: str) -> int:
    """An app has one suite for a commit."""
    old = (check.suite for check in call.repo.checks.values() if (check.app, check.head_sha) == (app, sha))
    return next(old, None) or call.world.new_id()


def patch_check(call: Call) -> Answer:
    check = find_check(call)
    if check.app != _app(call):
        raise forbidden()
    _refuse(call.body)
    check.name = call.body.get("name", check.name)
    check.started = call.body.get("started_at", check.started)
    _write(call, check, call.world.now())
    return Answer(200, check_shape(call.world, call.repo, check))


def _write(call: Call, check: CheckRun, now: str) -> None:
    """What the body says, put on the check run: a conclusion completes it, annotations come after those it has."""
    body, output = call.body, call.body.get("output") or {}
    check.details_url = body.get("details_url", check.details_url)
    check.external_id = body.get("external_id", check.external_id)
    check.conclusion = body.get("conclusion", check.conclusion)
    check.status = "completed" if body.get("conclusion") else body.get("status", check.status)
    if check.status == "completed":
        check.completed = body.get("completed_at") or check.completed or now
    else:
        check.conclusion = check.completed = None
    check.title = output.get("title", check.title)
    check.summary, check.text = output.get("summary", check.summary), output.get("text", check.text)
    check.annotations += output.get("annotations", [])


def _refuse(body: dict[str, Any]) -> None:
    status, conclusion, output = body.get("status", "queued"), body.get("conclusion"), body.get("output")
    if status not in STATUSES or conclusion not in {None, *CONCLUSIONS}:
        raise malformed(f"{conclusion or status} is not a member of the values allowed.")
    if status == "completed" and conclusion is None:
        raise malformed('"conclusion" wasn\'t supplied.')
    if len(body.get("actions", [])) > 3:
        raise malformed("No more than 3 items are allowed.")
    if output is not None:
        _refuse_output(output)


def _refuse_output(output: dict[str, Any]) -> None:
    for name in ("title", "summary"):
        if not isinstance(output.get(name), str):
            raise malformed(f'"{name}" wasn\'t supplied.')
    for name in ("summary", "text"):
        size = len(output.get(name) or "")
        if size > MOST_CHARACTERS:
            raise malformed(f"Only {MOST_CHARACTERS} characters are allowed; {size} were supplied.")
    annotations = output.get("annotations", [])
    if len(annotations) > MOST_ANNOTATIONS:
        raise malformed(f"No more than {MOST_ANNOTATIONS} items are allowed; {len(annotations)} were supplied.")
    for annotation in annotations:
        _refuse_annotation(annotation)


def _refuse_annotation(annotation: dict[str, Any]) -> None:
    for name in NEEDED:
        if name not in annotation:
            raise malformed(f'"{name}" wasn\'t supplied.')
    if annotation["annotation_level"] not in LEVELS:
        raise malformed(f"{annotation['annotation_level']} is not a member of {sorted(LEVELS)}.")
    if not 1 <= annotation["start_line"] <= annotation["end_line"]:
        raise malformed("start_line must be at least 1 and not after end_line.")
    if annotation["start_line"] != annotation["end_line"] and {"start_column", "end_column"} & {*annotation}:
        raise malformed("Columns are for annotations of one line.")
    if len(annotation.get("title") or "") > 255 or len(annotation["message"].encode()) > 65_536:
        raise malformed("A title has at most 255 characters and a message 64 KB.")


def get_check(call: Call) -> Answer:
    return Answer(200, check_shape(call.world, call.repo, find_check(call)))


def get_annotations(call: Call) -> Answer:
    check = find_check(call)
    return paged(call, check.annotations, lambda one: annotation_shape(call.world, call.repo, check, one))


def get_checks(call: Call) -> Answer:
    """The check runs of a commit, newest first: of each app and name the latest, unless all are asked for."""
    sha = git.resolve(call.repo.folder, call.args["ref"]) or git.resolve(call.repo.folder, "heads/" + call.args["ref"])
    if sha is None:
        raise Refused(422, f"No commit found for SHA: {call.args['ref']}")
    asked = {"name": call.query.get("check_name"), "status": call.query.get("status")}
    every = [check for check in call.repo.checks.values() if check.head_sha == sha]
    found = [check for check in every if all(value in {None, getattr(check, name)} for name, value in asked.items())]
    if "app_id" in call.query:
        found = [check for check in found if str(call.world.app_id(check.app)) == call.query["app_id"]]
    if call.query.get("filter", "latest") == "latest":
        found = [*{(check.app, check.name): check for check in found}.values()]
    found.sort(key=lambda check: -check.id)
    return paged(call, found, lambda check: check_shape(call.world, call.repo, check), key="check_runs")
