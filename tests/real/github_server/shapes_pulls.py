"""Pull requests and what they change as GitHub's REST API shows them."""

import urllib.parse
from typing import Any

from .discussion import Issue, Pull
from .heads import mergeable, mergeable_state
from .history import Change, between, changes, merge_base
from .shapes import api_of, association, html_of, node_id, repository_shape, team_shape, user_shape
from .shapes_discussion import issue_html, label_shape
from .world import Repository, World

LINKS = ("comments", "commits", "statuses", "html", "issue", "review_comments", "review_comment", "self")


def pull_of(issue: Issue) -> Pull:
    assert issue.pull is not None
    return issue.pull


def side_shape(world: World, full_name: str, ref: str, sha: str) -> dict[str, Any]:
    """The head or the base; a fork that is gone shows as null, as on GitHub."""
    owner = full_name.split("/", 1)[0]
    repo = world.repositories.get(full_name)
    shown = repository_shape(world, repo) if repo else None
    return {"label": f"{owner}:{ref}", "ref": ref, "sha": sha, "user": user_shape(world, owner), "repo": shown}


def _urls(world: World, repo: Repository, issue: Issue) -> dict[str, str]:
    api, html = api_of(world, repo), issue_html(world, repo, issue)
    url = f"{api}/pulls/{issue.number}"
    return {
        "url": url,
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "issue_url": f"{api}/issues/{issue.number}",
        "comments_url": f"{api}/issues/{issue.number}/comments",
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": api + "/pulls/comments{/number}",
        "statuses_url": f"{api}/statuses/{pull_of(issue).head_sha}",
    }


def pull_simple_shape(world: World, repo: Repository, issue: Issue, newest_version: bool = False) -> dict[str, Any]:
    """A pull-request-simple, as in lists; the newest version of the API has no merge_commit_sha any more."""
    pull, urls = pull_of(issue), _urls(world, repo, issue)
    shown = {
        **urls,
        "id": pull.id,
        "node_id": node_id("PullRequest", pull.id),
        "number": issue.number,
        "state": issue.state,
        "locked": issue.locked,
        "draft": pull.draft,
        "title": issue.title,
        "body": issue.body,
        "user": user_shape(world, issue.login),
        "author_association": association(world, repo, issue.login),
        "labels": [label_shape(world, repo, name) for name in issue.labels],
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "auto_merge": None,
        "requested_reviewers": [user_shape(world, login) for login in pull.requested],
        "requested_teams": [team_shape(world, repo.owner, slug) for slug in pull.requested_teams],
        "created_at": issue.created,
        "updated_at": issue.updated,
        "closed_at": issue.closed,
        "merged_at": pull.merged,
        "head": side_shape(world, pull.head_repository, pull.head_ref, pull.head_sha),
        "base": side_shape(world, repo.full_name, pull.base_ref, pull.base_sha),
        "_links": {name: {"href": urls["url" if name == "self" else f"{name}_url"]} for name in LINKS},
    }
    return shown if newest_version else {**shown, "merge_commit_sha": pull.merge_sha}


def pull_shape(world: World, repo: Repository, issue: Issue, newest_version: bool = False) -> dict[str, Any]:
    """A pull-request: over the simple one, what has to be computed."""
    pull, base = pull_of(issue), base_of(repo, issue)
    diff = changes(repo.folder, base, pull.head_sha)
    return {
        **pull_simple_shape(world, repo, issue, newest_version),
        "merged": pull.merged is not None,
        "merged_by": user_shape(world, pull.merged_by) if pull.merged_by else None,
        "mergeable": None if issue.state == "closed" else mergeable(repo, issue),
        "mergeable_state": mergeable_state(repo, issue),
        "rebaseable": False,
        "maintainer_can_modify": False,
        "comments": sum(comment.number == issue.number for comment in repo.comments.values()),
        "review_comments": 0,
        "commits": len(between(repo.folder, pull.base_sha, pull.head_sha)),
        "additions": sum(change.additions for change in diff),
        "deletions": sum(change.deletions for change in diff),
        "changed_files": len(diff),
    }


def base_of(repo: Repository, issue: Issue) -> str | None:
    """The commit that the diff of the pull request starts from."""
    return merge_base(repo.folder, pull_of(issue).base_sha, pull_of(issue).head_sha)


def pull_minimal_shape(world: World, repo: Repository, issue: Issue) -> dict[str, Any]:
    pull, api = pull_of(issue), api_of(world, repo)
    head = world.repositories.get(pull.head_repository, repo)
    sides = ((pull.head_ref, pull.head_sha, head), (pull.base_ref, pull.base_sha, repo))
    shown = [
        {"ref": ref, "sha": sha, "repo": {"id": side.id, "url": api_of(world, side), "name": side.name}}
        for ref, sha, side in sides
    ]
    return {"id": pull.id, "number": issue.number, "url": f"{api}/pulls/{issue.number}", "head": shown[0], "base": shown[1]}


def change_shape(world: World, repo: Repository, change: Change, head: str) -> dict[str, Any]:
    """A diff-entry."""
    path, html = urllib.parse.quote(change.path), html_of(world, repo)
    shown = {
        "sha": change.sha,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{html}/blob/{head}/{path}",
        "raw_url": f"{html}/raw/{head}/{path}",
        "contents_url": f"{api_of(world, repo)}/contents/{path}?ref={head}",
    }
    return {**shown, "previous_filename": change.previous} if change.previous else shown
