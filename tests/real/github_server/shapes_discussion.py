"""Issues, comments, labels, reactions and reviews as GitHub's REST API shows them."""

from typing import Any

from .discussion import Asked, Comment, Issue, Reaction, Review
from .shapes import api_of, association, html_of, node_id, team_shape, user_shape
from .world import ACTIONS_APP, Repository, World

ROLLUP = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")


def issue_html(world: World, repo: Repository, issue: Issue) -> str:
    return f"{html_of(world, repo)}/{'pull' if issue.pull else 'issues'}/{issue.number}"


def label_shape(world: World, repo: Repository, name: str) -> dict[str, Any]:
    number = sum(name.encode())
    return {
        "id": number,
        "node_id": node_id("Label", number),
        "url": f"{api_of(world, repo)}/labels/{name.replace(' ', '%20')}",
        "name": name,
        "description": "",
        "color": "ededed",
        "default": False,
    }


def issue_shape(world: World, repo: Repository, issue: Issue) -> dict[str, Any]:
    url, html = f"{api_of(world, repo)}/issues/{issue.number}", issue_html(world, repo, issue)
    shown = {
        "id": issue.id,
        "node_id": node_id("Issue", issue.id),
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "user": user_shape(world, issue.login),
        "state": issue.state,
        "locked": issue.locked,
        "labels": [label_shape(world, repo, name) for name in issue.labels],
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": sum(comment.number == issue.number for comment in repo.comments.values()),
        "created_at": issue.created,
        "updated_at": issue.updated,
        "closed_at": issue.closed,
        "author_association": association(world, repo, issue.login),
        "url": url,
        "html_url": html,
        "repository_url": api_of(world, repo),
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "labels_url": url + "/labels{/name}",
    }
    return {**shown, "pull_request": _pull_links(world, repo, issue)} if issue.pull else shown


def _pull_links(world: World, repo: Repository, issue: Issue) -> dict[str, Any]:
    html = issue_html(world, repo, issue)
    api = f"{api_of(world, repo)}/pulls/{issue.number}"
    merged = issue.pull.merged if issue.pull else None
    return {"url": api, "html_url": html, "diff_url": f"{html}.diff", "patch_url": f"{html}.patch", "merged_at": merged}


def comment_shape(world: World, repo: Repository, comment: Comment) -> dict[str, Any]:
    url = f"{api_of(world, repo)}/issues/comments/{comment.id}"
    counts = {content: sum(one.content == content for one in comment.reactions) for content in ROLLUP}
    return {
        "id": comment.id,
        "node_id": node_id("IssueComment", comment.id),
        "url": url,
        "html_url": f"{issue_html(world, repo, repo.issues[comment.number])}#issuecomment-{comment.id}",
        "issue_url": f"{api_of(world, repo)}/issues/{comment.number}",
        "body": comment.body,
        "user": user_shape(world, comment.login),
        "created_at": comment.created,
        "updated_at": comment.updated,
        "author_association": association(world, repo, comment.login),
        "reactions": {"url": f"{url}/reactions", "total_count": len(comment.reactions), **counts},
        "performed_via_github_app": app_shape(world, comment.app) if comment.app else None,
    }


def reaction_shape(world: World, reaction: Reaction) -> dict[str, Any]:
    return {
        "id": reaction.id,
        "node_id": node_id("Reaction", reaction.id),
        "user": user_shape(world, reaction.login),
        "content": reaction.content,
        "created_at": reaction.created,
    }


def review_shape(world: World, repo: Repository, review: Review) -> dict[str, Any]:
    html = f"{issue_html(world, repo, repo.issues[review.number])}#pullrequestreview-{review.id}"
    pull = f"{api_of(world, repo)}/pulls/{review.number}"
    return {
        "id": review.id,
        "node_id": node_id("PullRequestReview", review.id),
        "user": user_shape(world, review.login),
        "body": review.body,
        "state": review.state,
        "commit_id": review.commit,
        "submitted_at": review.submitted,
        "html_url": html,
        "pull_request_url": pull,
        "_links": {"html": {"href": html}, "pull_request": {"href": pull}},
        "author_association": association(world, repo, review.login),
    }


def app_shape(world: World, slug: str) -> dict[str, Any]:
    number = world.app_id(slug)
    return {
        "id": number,
        "slug": slug,
        "node_id": node_id("App", number),
        "owner": user_shape(world, "github" if slug == ACTIONS_APP else slug),
        "name": "GitHub Actions" if slug == ACTIONS_APP else slug,
        "description": "",
        "external_url": "https://help.github.com/en/actions",
        "html_url": f"{world.html_url}/apps/{slug}",
        "created_at": "2018-07-30T09:30:17Z",
        "updated_at": "2024-04-10T20:33:16Z",
        "permissions": {"checks": "write"},
        "events": ["check_run"],
    }


def event_shape(world: World, repo: Repository, issue: Issue, number: int, what: str | Asked) -> dict[str, Any]:
    """An issue-event that says that the base was changed, at a time, or that somebody was asked for a review."""
    id, asked = issue.id * 1000 + number, None if isinstance(what, str) else what
    kind, word = ("ReviewRequestedEvent", "review_requested") if asked else ("BaseRefChangedEvent", "base_ref_changed")
    shown = {
        "id": id,
        "node_id": node_id(kind, id),
        "url": f"{api_of(world, repo)}/issues/events/{id}",
        "actor": user_shape(world, asked.by if asked else issue.login),
        "event": word,
        "commit_id": None,
        "commit_url": None,
        "created_at": what if isinstance(what, str) else what.at,
        "performed_via_github_app": None,
    }
    if asked is None:
        return shown
    shown["review_requester"] = user_shape(world, asked.by)
    if asked.team is not None:
        return {**shown, "requested_team": team_shape(world, repo.owner, asked.team)}
    return {**shown, "requested_reviewer": user_shape(world, asked.login or "ghost")}
