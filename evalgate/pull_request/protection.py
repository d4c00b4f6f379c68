"""How a repository is protected, as far as GitHub shows it: nothing is judged here, nothing is changed.

One refused call hides nothing else: what it asked for is `Unseen`.
"""

import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from evalgate.errors import NotMeasured
from evalgate.pull_request import facts
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import Refused, asked
from evalgate.records.pull_request import Person
from evalgate.review.ground import (
    ADMINISTRATION,
    CHECK,
    CHECK_ID,
    ENVIRONMENT,
    REGISTRY_ENVIRONMENT,
    SIGNS,
    App,
    Branch,
    Environment,
    Ground,
    Guard,
    Required,
    Unseen,
    WorkflowToken,
)

T = TypeVar("T")
PAGE = 100
VARIABLES = 30
"""Items of a page: as many as GitHub lists, and as many variables."""
RECENT = 10
"""Commits, and heads of pull requests, on which check runs of ours are looked for."""
BLOCKING = ("creation", "update", "pull_request", "required_status_checks", "merge_queue", "workflows", "required_deployments")
"""Rules that stop a push by the API."""
CONTENTS, CHECKS, ACTIONS, METADATA = "Contents: read", "Checks: read", "Actions: read", "Metadata: read"
SETTINGS = "Variables: read"


class Home(NamedTuple):
    """What the repository says of itself."""

    private: bool
    default: str


def home(remote: Remote) -> Home:
    """What must be seen before anything else can be asked.

    Raises:
        Refused: there is no such repository, or the token may not see it.
        NotMeasured: GitHub could not be asked.
    """

    def call() -> Home:
        told = _get(remote, "")
        return Home(bool(told["private"]), str(told["default_branch"]))

    return asked(remote, call, f"see the repository {remote.name}")


def observe(remote: Remote, home: Home, target: str) -> Ground:
    """The settings that a gate stands on; what depends on files is asked with `branch`, `people` and `signing_variable`."""
    into = branch(remote, target)
    rooms = _seen(remote, lambda: tuple(_pages(remote, "/environments", "environments")), "list the environments", ACTIONS)
    return Ground(
        repository=remote.name,
        private=home.private,
        target=into,
        default=into if target == home.default else branch(remote, home.default),
        environment=_environment(remote, rooms, ENVIRONMENT),
        token=_seen(remote, lambda: _token(remote), "read what workflows may do", ADMINISTRATION),
        posted=_posted(remote, target),
        owner_errors=_seen(remote, lambda: _owner_errors(remote, target), "ask what is wrong in CODEOWNERS", CONTENTS),
        registry_environment=_environment(remote, rooms, REGISTRY_ENVIRONMENT),
    )


def people(remote: Remote, logins: Sequence[str]) -> tuple[Person | Unseen, ...]:
    """Each of these logins once, in order, with what it may do; a login that nobody has may do nothing."""
    folded = [login.casefold() for login in logins]
    return tuple(_person(remote, login) for at, login in enumerate(logins) if folded.index(folded[at]) == at)


def _person(remote: Remote, login: str) -> Person | Unseen:
    try:
        return facts.person(remote, login)
    except NotMeasured as fault:
        return unseen(fault, METADATA)


def signing_variable(remote: Remote) -> str | Unseen | None:
    """Value of the repository's variable that lets verdicts be signed, from the list of all; None where it is not set."""
    address, what = "/actions/variables", "list the repository's variables"
    told = _seen(remote, lambda: tuple(_pages(remote, address, "variables", VARIABLES)), what, SETTINGS)
    if isinstance(told, Unseen):
        return told
    return next((str(one["value"]) for one in told if str(one["name"]).upper() == SIGNS), None)


def branch(remote: Remote, name: str) -> Branch:
    """A branch that may not be there, and how it is protected."""
    address = f"/branches/{_quoted(name)}"
    told = _found(remote, lambda: dict(_get(remote, address)), f"read the branch {name}", CONTENTS, "Branch not found")
    rules = _seen(remote, lambda: tuple(_pages(remote, f"/rules{address}")), f"read the rules of {name}", METADATA)
    commit = told if isinstance(told, Unseen) or told is None else str(told["commit"]["sha"])
    by_rules = Guard("rulesets", unseen=rules) if isinstance(rules, Unseen) else _by_rules(rules)
    return Branch(name, commit, (_by_protection(remote, name, told), by_rules))


def _by_protection(remote: Remote, name: str, told: Mapping[str, Any] | Unseen | None) -> Guard:
    """Branch protection; without the permission for it, what the branch itself tells of it to everybody."""
    if told is None or (not isinstance(told, Unseen) and told.get("protected") is False):
        return Guard("branch protection")
    address = f"/branches/{_quoted(name)}/protection"
    what = f"read the protection of {name}"
    found = _found(remote, lambda: _protection(_get(remote, address)), what, ADMINISTRATION, "Branch not protected")
    if not isinstance(found, Unseen):
        return found or Guard("branch protection")
    shown = {} if isinstance(told, Unseen) else told.get("protection") or {}
    return Guard("branch protection", checks=_checks(shown.get("required_status_checks")), unseen=found)


def _protection(told: Mapping[str, Any]) -> Guard:
    reviews = told.get("required_pull_request_reviews")
    checks = told.get("required_status_checks")
    stops = {
        "pull_request": reviews is not None,
        "required_status_checks": checks is not None,
        "update": told.get("restrictions") is not None or _enabled(told, "lock_branch"),
    }
    return Guard(
        "branch protection",
        there=True,
        checks=_checks(checks),
        pull_request=reviews is not None,
        code_owners=bool(reviews and reviews.get("require_code_owner_reviews")),
        dismisses_stale=bool(reviews and reviews.get("dismiss_stale_reviews")),
        spares_admins=not _enabled(told, "enforce_admins"),
        blocks=tuple(name for name, stopped in stops.items() if stopped),
    )


def _enabled(told: Mapping[str, Any], name: str) -> bool:
    return bool((told.get(name) or {}).get("enabled"))


def _checks(told: Mapping[str, Any] | None) -> tuple[Required, ...]:
    """The required checks in an answer; GitHub writes "any app" as null, and takes it as -1 too."""
    strict = bool((told or {}).get("strict"))
    found = (told or {}).get("checks") or ()
    return tuple(Required(str(one["context"]), _app(one.get("app_id")), strict) for one in found)


def _app(number: int | None) -> int | None:
    return None if number is None or number < 0 else int(number)


def _by_rules(rules: tuple[Any, ...]) -> Guard:
    """All rules on a branch together, those of the organisation too."""
    given = [(str(rule["type"]), rule.get("parameters") or {}) for rule in rules]
    pulls = [more for kind, more in given if kind == "pull_request"]
    kinds = {kind for kind, _ in given}
    return Guard(
        "rulesets",
        there=bool(given),
        checks=tuple(
            Required(str(one["context"]), _app(one.get("integration_id")), bool(more.get("strict_required_status_checks_policy")))
            for kind, more in given
            if kind == "required_status_checks"
            for one in more.get("required_status_checks", ())
        ),
        pull_request=bool(pulls),
        code_owners=any(more.get("require_code_owner_review") for more in pulls),
        dismisses_stale=any(more.get("dismiss_stale_reviews_on_push") for more in pulls),
        queue="merge_queue" in kinds,
        blocks=tuple(kind for kind in BLOCKING if kind in kinds),
    )


def _environment(remote: Remote, listed: tuple[Any, ...] | Unseen, name: str) -> Environment | Unseen | None:
    """An environment, looked up in the list of all: there "not in it" and "not allowed" cannot be mistaken."""
    if isinstance(listed, Unseen):
        return listed
    found = next((one for one in listed if str(one["name"]).casefold() == name), None)
    if found is None:
        return None
    reviewers = any(rule["type"] == "required_reviewers" and rule.get("reviewers") for rule in found.get("protection_rules", ()))
    limit = found.get("deployment_branch_policy")
    kind: Literal["all", "protected", "selected"] = "all" if limit is None else "selected"
    if limit is not None and limit["protected_branches"]:
        kind = "protected"
    patterns: tuple[str, ...] | Unseen = ()
    if kind == "selected":
        address = f"/environments/{_quoted(str(found['name']))}/deployment-branch-policies"
        patterns = _seen(remote, lambda: _patterns(remote, address), "list the branches that may deploy", ACTIONS)
    return Environment(reviewers, kind, patterns)


def _patterns(remote: Remote, address: str) -> tuple[str, ...]:
    listed = _pages(remote, address, "branch_policies")
    return tuple(("tag:" if one.get("type") == "tag" else "") + str(one["name"]) for one in listed)


def _token(remote: Remote) -> WorkflowToken:
    told = _get(remote, "/actions/permissions/workflow")
    return WorkflowToken(told["default_workflow_permissions"] != "read", bool(told["can_approve_pull_request_reviews"]))


def _owner_errors(remote: Remote, ref: str) -> tuple[str, ...]:
    """What GitHub cannot read or use in CODEOWNERS, owners without write access too."""
    told = _get(remote, "/codeowners/errors", {"ref": ref})
    return tuple(f"line {int(one['line'])}: {one['kind']}" for one in told["errors"])


def _posted(remote: Remote, name: str) -> tuple[App, ...] | Unseen:
    """Apps behind the newest check runs of ours: on heads of pull requests, and on the branch itself."""
    many = {"per_page": RECENT}
    heads = {"state": "all", "base": name, "sort": "updated", "direction": "desc", **many}
    pulls = _seen(remote, lambda: _shas(_get(remote, "/pulls", heads), "head"), "list pull requests", "Pull requests: read")
    commits = _seen(remote, lambda: _shas(_get(remote, "/commits", {"sha": name, **many})), f"list commits of {name}", CONTENTS)
    if isinstance(pulls, Unseen) and isinstance(commits, Unseen):
        return commits
    for sha in dict.fromkeys(sha for seen in (pulls, commits) if not isinstance(seen, Unseen) for sha in seen):
        found = _seen(remote, lambda sha=sha: _apps(remote, sha), f"list the check runs at {sha[:7]}", CHECKS)  # type: ignore[misc]
        if found:  # apps, or nobody may look: then the next commit would say the same
            return found
    return ()


def _shas(told: Any, inside: str | None = None) -> tuple[str, ...]:
    return tuple(str((one[inside] if inside else one)["sha"]) for one in told)


def _apps(remote: Remote, sha: str) -> tuple[App, ...]:
    found = _get(remote, f"/commits/{sha}/check-runs", {"check_name": CHECK, "filter": "all", "per_page": PAGE})["check_runs"]
    ours = [one["app"] for one in found if str(one.get("external_id") or "").startswith(CHECK_ID) and one.get("app")]
    return tuple(sorted({App(int(app["id"]), str(app["slug"])) for app in ours}))


def _get(remote: Remote, path: str, query: Mapping[str, Any] | None = None) -> Any:
    """What GitHub answers about the repository: one call, not repeated."""
    _, told = remote.repository.requester.requestJsonAndCheck("GET", remote.repository.url + path, parameters=dict(query or {}))
    return told


def _pages(remote: Remote, path: str, key: str | None = None, size: int = PAGE) -> Iterator[Any]:
    """Every item of a list, `size` on a page; under a key where the answer is an object."""
    number, more = 1, True
    while more:
        told = _get(remote, path, {"per_page": size, "page": number})
        items = told[key] if key else told
        yield from items
        number, more = number + 1, len(items) == size


def _seen(remote: Remote, call: Callable[[], T], what: str, needs: str) -> T | Unseen:
    """What `call` gives, or why it gives nothing."""
    try:
        return asked(remote, call, what)
    except NotMeasured as fault:
        return unseen(fault, needs)


def _found(remote: Remote, call: Callable[[], T], what: str, needs: str, absent: str) -> T | Unseen | None:
    """As `_seen`, and None where GitHub says in the words `absent` that there is none: any other 404 may hide something."""
    try:
        return asked(remote, call, what)
    except NotMeasured as fault:
        none = isinstance(fault, Refused) and fault.status == 404 and absent in str(fault)
        return None if none else unseen(fault, needs)


def unseen(fault: NotMeasured, needs: str) -> Unseen:
    """Why something is not shown: a refusal may be mended by a permission, any other fault by asking again."""
    why, _, _ = str(fault).partition("; ")  # what follows is advice for a job that writes
    return Unseen(needs if isinstance(fault, Refused) else None, why)


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")
