"""Endpoints on pull requests: listing, reading, opening and changing them."""

from typing import Any

from .answers import Answer, Call, Refused, invalid, not_found, paged
from .discussion import Issue
from .heads import tip
from .history import between, changes
from .opening import open_pull, refuse_words, request_reviews
from .shapes_git import commit_shape
from .shapes_pulls import base_of, change_shape, pull_of, pull_shape, pull_simple_shape
from .world import ACTIONS_APP, Repository


def pull_issue(call: Call) -> Issue:
    issue = call.repo.issues.get(call.number)
    if issue is None or issue.pull is None:
        raise not_found()
    return issue


def get_pulls(call: Call) -> Answer:
    state, by = call.query.get("state", "open"), call.query.get("sort", "created")
    order = call.query.get("direction", "desc" if by == "created" else "asc")
    found = [issue for issue in call.repo.issues.values() if issue.pull and state in {"all", issue.state} and _asked(call, issue)]
    found.sort(key=lambda issue: issue.updated if by == "updated" else issue.created, reverse=order == "desc")
    return paged(call, found, lambda issue: pull_simple_shape(call.world, call.repo, issue, call.newest_version))


def _asked(call: Call, issue: Issue) -> bool:
    pull = pull_of(issue)
    head = f"{pull.head_repository.split('/')[0]}:{pull.head_ref}"
    return call.query.get("head", head) == head and call.query.get("base", pull.base_ref) == pull.base_ref


def get_pull(call: Call) -> Answer:
    return Answer(200, pull_shape(call.world, call.repo, pull_issue(call), call.newest_version))


def get_files(call: Call) -> Answer:
    issue = pull_issue(call)
    head = pull_of(issue).head_sha
    # GitHub lists no more than 3,000 files of a pull request
    diff = changes(call.repo.folder, base_of(call.repo, issue), head)[:3000]
    return paged(call, diff, lambda change: change_shape(call.world, call.repo, change, head))


def get_commits(call: Call) -> Answer:
    pull = pull_of(pull_issue(call))
    found = between(call.repo.folder, pull.base_sha, pull.head_sha)[:250]
    return paged(call, found, lambda sha: commit_shape(call.world, call.repo, sha))


def refuse_actions(call: Call) -> None:
    """A workflow's own token opens and approves pull requests only where the repository's settings let it."""
    if call.token.app == ACTIONS_APP and not call.repo.workflow_permissions["can_approve_pull_request_reviews"]:
        raise Refused(403, "GitHub Actions is not permitted to create or approve pull requests.")


def post_pull(call: Call) -> Answer:
    refuse_actions(call)
    head, base = call.given("head", "PullRequest", str), call.given("base", "PullRequest", str)
    source, branch = _source(call, head)
    issue = open_pull(
        call.world,
        call.repo,
        source,
        branch,
        base,
        login=call.token.login,
        title=call.given("title", "PullRequest", str),
        body=call.body.get("body"),
        draft=bool(call.body.get("draft")),
    )
    return Answer(201, pull_shape(call.world, call.repo, issue, call.newest_version))


def _source(call: Call, head: str) -> tuple[Repository, str]:
    """The repository and the branch that `branch` or `owner:branch` names."""
    owner, _, branch = head.rpartition(":")
    repo = call.world.repositories.get(f"{owner}/{call.repo.name}") if owner else call.repo
    if repo is None or tip(repo, branch) is None:
        raise invalid("PullRequest", "head", "invalid")
    return repo, branch


def patch_pull(call: Call) -> Answer:
    issue, pull = pull_issue(call), pull_of(pull_issue(call))
    if call.body.get("state") == "open" and pull.merged:
        raise invalid("PullRequest", "state", "invalid", "state cannot be changed. The pull request is merged.")
    refuse_words(call.body.get("title", issue.title), call.body.get("body"))
    issue.title, issue.body = call.body.get("title", issue.title), call.body.get("body", issue.body)
    if call.body.get("base", pull.base_ref) != pull.base_ref:
        pull.base_ref = call.body["base"]
        pull.base_sha = tip(call.repo, pull.base_ref) or pull.base_sha
        pull.retargeted.append(call.world.now())
    set_state(call, issue, call.body.get("state", issue.state))
    issue.updated = call.world.now()
    return Answer(200, pull_shape(call.world, call.repo, issue, call.newest_version))


def set_state(call: Call, issue: Issue, state: str) -> None:
    if state not in {"open", "closed"}:
        raise invalid("Issue", "state", "invalid")
    issue.state, issue.closed = state, (issue.closed or call.world.now()) if state == "closed" else None


def post_reviewers(call: Call) -> Answer:
    """All of those who are named are asked, or nobody is. Logins and slugs are the same in any case of letters."""
    issue, people = pull_issue(call), {login.casefold(): login for login in call.world.people}
    slugs = {slug.casefold(): slug for org, slug in call.world.teams if org == call.repo.owner}
    wanted = [people.get(login.casefold(), "") for login in call.body.get("reviewers", [])]
    teams = [slugs.get(slug.casefold(), "") for slug in call.body.get("team_reviewers", [])]
    if issue.login in wanted:
        raise Refused(422, "Review cannot be requested from pull request author.")
    if "" in {*wanted, *teams}:
        only = "Reviews may only be requested from collaborators. One or more of the users or teams you specified"
        raise Refused(422, f"{only} is not a collaborator of the {call.repo.full_name} repository.")
    request_reviews(call.world, issue, call.token.login, wanted, teams)
    return Answer(201, pull_simple_shape(call.world, call.repo, issue, call.newest_version))


def get_pulls_of_commit(call: Call) -> Answer:
    """The pull requests that the commit is in or that brought it; of open ones those whose branch holds it."""
    found = [issue for issue in call.repo.issues.values() if issue.pull and _holds(call, issue, call.args["sha"])]
    return paged(call, found, lambda issue: pull_simple_shape(call.world, call.repo, issue, call.newest_version))


def _holds(call: Call, issue: Issue, sha: str) -> bool:
    pull = pull_of(issue)
    commits: list[Any] = between(call.repo.folder, pull.base_sha, pull.head_sha)
    return sha in {*commits, pull.head_sha, pull.merge_sha}
