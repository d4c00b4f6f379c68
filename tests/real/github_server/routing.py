"""From a request to its endpoint: the table of routes, and what stands before every one of them."""

import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from . import routes_actions as actions
from . import routes_attestations as attesting
from . import routes_checks as checks
from . import routes_contents as contents
from . import routes_git as objects
from . import routes_issues as issues
from . import routes_pulls as pulls
from . import routes_repository as repository
from . import routes_reviews as reviews
from .answers import Answer, Call, Refused, forbidden, not_found
from .world import Token, World

VERSIONS = {"2022-11-28", "2026-03-10"}
REPO = r"/repos/(?P<owner>[^/]+)/(?P<repo>[^/]+)"
NUMBER, COMMENT, CHECK = r"/(?P<number>\d+)", r"/issues/comments/(?P<comment>\d+)", r"/check-runs/(?P<check>\d+)"
TALK = "issues|pull_requests"
BRANCH, RUN, ARTIFACT = r"/branches/(?P<branch>.+)", r"/actions/runs/(?P<run>\d+)", r"/actions/artifacts/(?P<artifact>\d+)"
WORKFLOW = r"/actions/workflows/(?P<workflow>[^/]+)"


class Route(NamedTuple):
    """Any one of the areas (joined by |) at the level is enough; no needs, no token's permission is asked for."""

    method: str
    path: str
    act: Callable[[Call], Answer]
    needs: str = ""


# the first that matches is taken: what ends in more words stands before what takes any rest
ROUTES = [
    Route("GET", REPO, repository.get_repository, "metadata:read"),
    Route("GET", REPO + "/branches", repository.get_branches, "contents:read"),
    Route("GET", REPO + BRANCH + "/protection", repository.get_protection, "administration:read"),
    Route("GET", REPO + BRANCH, repository.get_branch, "contents:read"),
    Route("GET", REPO + "/rules" + BRANCH, repository.get_branch_rules, "metadata:read"),
    Route("GET", REPO + "/rulesets", repository.get_rulesets, "metadata:read"),
    Route("GET", REPO + r"/rulesets/(?P<ruleset>\d+)", repository.get_ruleset, "metadata:read"),
    Route("GET", REPO + "/environments", repository.get_environments, "actions:read"),
    Route("GET", REPO + "/environments/(?P<environment>[^/]+)", repository.get_environment, "actions:read"),
    Route("GET", REPO + "/actions/permissions/workflow", repository.get_workflow_permissions, "administration:read"),
    Route("GET", REPO + "/collaborators/(?P<login>[^/]+)/permission", repository.get_permission, "metadata:read"),
    Route("GET", REPO + "/pulls", pulls.get_pulls, "pull_requests:read"),
    Route("POST", REPO + "/pulls", pulls.post_pull, "pull_requests:write"),
    Route("GET", REPO + "/pulls" + NUMBER, pulls.get_pull, "pull_requests:read"),
    Route("PATCH", REPO + "/pulls" + NUMBER, pulls.patch_pull, "pull_requests:write"),
    Route("GET", REPO + "/pulls" + NUMBER + "/files", pulls.get_files, "pull_requests:read"),
    Route("GET", REPO + "/pulls" + NUMBER + "/commits", pulls.get_commits, "pull_requests:read"),
    Route("POST", REPO + "/pulls" + NUMBER + "/requested_reviewers", pulls.post_reviewers, "pull_requests:write"),
    Route("GET", REPO + "/pulls" + NUMBER + "/reviews", reviews.get_reviews, "pull_requests:read"),
    Route("POST", REPO + "/pulls" + NUMBER + "/reviews", reviews.post_review, "pull_requests:write"),
    Route("PUT", REPO + "/pulls" + NUMBER + r"/reviews/(?P<review>\d+)/dismissals", reviews.put_dismissal, "pull_requests:write"),
    Route("GET", REPO + "/pulls" + NUMBER + "/merge", reviews.get_merged, "contents:read"),
    Route("PUT", REPO + "/pulls" + NUMBER + "/merge", reviews.put_merge, "contents:write"),
    Route("GET", REPO + "/issues", issues.get_issues, TALK + ":read"),
    Route("POST", REPO + "/issues", issues.post_issue, "issues:write"),
    Route("GET", REPO + "/issues" + NUMBER, issues.get_issue, TALK + ":read"),
    Route("PATCH", REPO + "/issues" + NUMBER, issues.patch_issue, TALK + ":write"),
    Route("GET", REPO + "/issues" + NUMBER + "/comments", issues.get_comments, TALK + ":read"),
    Route("GET", REPO + "/issues" + NUMBER + "/events", issues.get_events, TALK + ":read"),
    Route("POST", REPO + "/issues" + NUMBER + "/comments", issues.post_comment, TALK + ":write"),
    Route("GET", REPO + COMMENT, issues.get_comment, TALK + ":read"),
    Route("PATCH", REPO + COMMENT, issues.patch_comment, TALK + ":write"),
    Route("DELETE", REPO + COMMENT, issues.delete_comment, TALK + ":write"),
    Route("GET", REPO + COMMENT + "/reactions", issues.get_reactions, "issues:read"),
    Route("POST", REPO + COMMENT + "/reactions", issues.post_reaction, "issues:write"),
    Route("DELETE", REPO + COMMENT + r"/reactions/(?P<reaction>\d+)", issues.delete_reaction, "issues:write"),
    Route("GET", REPO + "/issues" + NUMBER + "/labels", issues.get_labels, TALK + ":read"),
    Route("POST", REPO + "/issues" + NUMBER + "/labels", issues.post_labels, TALK + ":write"),
    Route("DELETE", REPO + "/issues" + NUMBER + "/labels/(?P<label>[^/]+)", issues.delete_label, TALK + ":write"),
    Route("GET", REPO + "/attestations/sha256:(?P<sha256>[0-9a-f]{64})", attesting.get_attestations, "attestations:read"),
    Route("POST", REPO + "/check-runs", checks.post_check, "checks:write"),
    Route("GET", REPO + CHECK, checks.get_check, "checks:read"),
    Route("PATCH", REPO + CHECK, checks.patch_check, "checks:write"),
    Route("GET", REPO + CHECK + "/annotations", checks.get_annotations, "checks:read"),
    Route("GET", REPO + "/commits/(?P<ref>.+)/check-runs", checks.get_checks, "checks:read"),
    Route("GET", REPO + "/git/ref/(?P<ref>.+)", objects.get_ref, "contents:read"),
    Route("GET", REPO + "/git/refs/(?P<ref>.+)", objects.get_ref, "contents:read"),
    Route("GET", REPO + "/git/matching-refs/(?P<ref>.*)", objects.get_matching_refs, "contents:read"),
    Route("POST", REPO + "/git/refs", objects.post_ref, "contents:write"),
    Route("PATCH", REPO + "/git/refs/(?P<ref>.+)", objects.patch_ref, "contents:write"),
    Route("DELETE", REPO + "/git/refs/(?P<ref>.+)", objects.delete_ref, "contents:write"),
    Route("POST", REPO + "/git/blobs", objects.post_blob, "contents:write"),
    Route("GET", REPO + "/git/blobs/(?P<sha>[^/]+)", objects.get_blob, "contents:read"),
    Route("POST", REPO + "/git/trees", objects.post_tree, "contents:write"),
    Route("GET", REPO + "/git/trees/(?P<sha>.+)", objects.get_tree, "contents:read"),
    Route("POST", REPO + "/git/commits", objects.post_commit, "contents:write"),
    Route("GET", REPO + "/git/commits/(?P<sha>[^/]+)", objects.get_commit, "contents:read"),
    Route("GET", REPO + "/contents(?:/(?P<path>.*))?", contents.get_contents, "contents:read"),
    Route("PUT", REPO + "/contents/(?P<path>.+)", contents.put_contents, "contents:write"),
    Route("GET", REPO + "/commits/(?P<sha>[^/]+)/pulls", pulls.get_pulls_of_commit, "pull_requests:read"),
    Route("GET", REPO + "/commits", contents.get_commits, "contents:read"),
    Route("GET", REPO + "/commits/(?P<ref>.+)", contents.get_commit, "contents:read"),
    Route("GET", REPO + "/compare/(?P<basehead>.+)", contents.get_comparison, "contents:read"),
    Route("GET", REPO + "/actions/runs", actions.get_runs, "actions:read"),
    Route("GET", REPO + RUN, actions.get_run, "actions:read"),
    Route("POST", REPO + RUN + "/cancel", actions.post_cancel, "actions:write"),
    Route("GET", REPO + RUN + "/artifacts", actions.get_artifacts, "actions:read"),
    Route("GET", REPO + "/actions/artifacts", actions.get_artifacts, "actions:read"),
    Route("GET", REPO + ARTIFACT, actions.get_artifact, "actions:read"),
    Route("GET", REPO + ARTIFACT + "/zip", actions.get_zip, "actions:read"),
    Route("GET", REPO + WORKFLOW + "/runs", actions.get_runs, "actions:read"),
    Route("POST", REPO + WORKFLOW + "/dispatches", actions.post_dispatch, "actions:write"),
    Route("GET", "/_storage/(?P<owner>[^/]+)/(?P<repo>[^/]+)" + r"/(?P<artifact>\d+)", actions.get_storage),
    Route(
        "GET",
        "/orgs/(?P<org>[^/]+)/teams/(?P<team>[^/]+)/memberships/(?P<login>[^/]+)",
        repository.get_membership,
        "members:read",
    ),
    Route("GET", "/users/(?P<login>[^/]+)", repository.get_user, "metadata:read"),
    Route("GET", "/user", repository.get_own_user, "metadata:read"),
    Route("GET", "/rate_limit", repository.get_rate_limit, "metadata:read"),
]
COMPILED = [(route, re.compile(route.path)) for route in ROUTES]
ANONYMOUS = Token("", {}, None)


def answer(world: World, method: str, target: str, headers: Mapping[str, str], sent: bytes) -> Answer:
    """What GitHub says to the request, having done it."""
    try:
        path, _, query = target.partition("?")
        path = path.removeprefix("/api/v3")
        route, args = _found(method, path)
        if headers.get("x-github-api-version", "2022-11-28") not in VERSIONS:
            raise Refused(400, "API version is not supported.")
        token = _allowed(world, route, headers)
        parsed = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        return route.act(Call(world, token, method, path, parsed, dict(headers), _json(sent), args))
    except Refused as refused:
        return refused.answer


def _found(method: str, path: str) -> tuple[Route, dict[str, str]]:
    for route, pattern in COMPILED:
        found = pattern.fullmatch(path) if route.method == method else None
        if found is not None:
            return route, {name: urllib.parse.unquote(text) for name, text in found.groupdict().items() if text is not None}
    raise not_found()


def _allowed(world: World, route: Route, headers: Mapping[str, str]) -> Token:
    if not route.needs:
        return ANONYMOUS
    secret = headers.get("authorization", "").rpartition(" ")[2]
    if not secret:
        raise Refused(401, "Requires authentication")
    if secret not in world.tokens:
        raise Refused(401, "Bad credentials")
    areas, _, level = route.needs.partition(":")
    if not any(world.tokens[secret].allows(area, level) for area in areas.split("|")):
        raise forbidden()
    return world.tokens[secret]


def _json(sent: bytes) -> Any:
    try:
        return json.loads(sent) if sent else {}
    except ValueError:
        raise Refused(400, "Problems parsing JSON") from None
