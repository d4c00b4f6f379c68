"""People and repositories as GitHub's REST API shows them."""

import base64
import urllib.parse
from typing import Any

from .world import Person, Repository, World

USER_PAGES = ("followers", "subscriptions", "organizations", "repos", "received_events")
REPOSITORY_PAGES = {
    "archive": "/{archive_format}{/ref}",
    "assignees": "{/user}",
    "git/blobs": "{/sha}",
    "branches": "{/branch}",
    "collaborators": "{/collaborator}",
    "comments": "{/number}",
    "commits": "{/sha}",
    "compare": "/{base}...{head}",
    "contents": "/{+path}",
    "contributors": "",
    "deployments": "",
    "downloads": "",
    "events": "",
    "forks": "",
    "git/commits": "{/sha}",
    "git/refs": "{/sha}",
    "git/tags": "{/sha}",
    "hooks": "",
    "issues/comments": "{/number}",
    "issues/events": "{/number}",
    "issues": "{/number}",
    "keys": "{/key_id}",
    "labels": "{/name}",
    "languages": "",
    "merges": "",
    "milestones": "{/number}",
    "notifications": "{?since,all,participating}",
    "pulls": "{/number}",
    "releases": "{/id}",
    "stargazers": "",
    "statuses": "/{sha}",
    "subscribers": "",
    "subscription": "",
    "tags": "",
    "teams": "",
    "git/trees": "{/sha}",
}
FIELD_OF_PAGE = {"git/blobs": "blobs_url", "git/trees": "trees_url", "issues/comments": "issue_comment_url"}
FIELD_OF_PAGE |= {"issues/events": "issue_events_url"}
REPOSITORY_CONSTANTS: dict[str, Any] = {
    "description": None,
    "disabled": False,
    "archived": False,
    "forks": 0,
    "forks_count": 0,
    "has_discussions": False,
    "has_downloads": True,
    "has_issues": True,
    "has_pages": False,
    "has_projects": False,
    "has_wiki": False,
    "homepage": None,
    "language": None,
    "license": None,
    "mirror_url": None,
    "network_count": 0,
    "open_issues": 0,
    "open_issues_count": 0,
    "size": 1,
    "stargazers_count": 0,
    "subscribers_count": 0,
    "watchers": 0,
    "watchers_count": 0,
    "allow_merge_commit": True,
    "allow_squash_merge": True,
    "allow_rebase_merge": False,
}


def node_id(kind: str, number: int | str) -> str:
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


def api_of(world: World, repo: Repository) -> str:
    return f"{world.public_url}/repos/{repo.full_name}"


def html_of(world: World, repo: Repository) -> str:
    return f"{world.html_url}/{repo.full_name}"


def person_shape(world: World, person: Person) -> dict[str, Any]:
    """A simple-user."""
    name = urllib.parse.quote(person.login)  # an app's login has brackets
    api = f"{world.public_url}/users/{name}"
    return {
        "login": person.login,
        "id": person.id,
        "node_id": node_id("User", person.id),
        "avatar_url": f"{world.html_url}/avatars/{person.id}",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{world.html_url}/{name}",
        **{f"{page}_url": f"{api}/{page}" for page in USER_PAGES},
        "organizations_url": f"{api}/orgs",
        "following_url": api + "/following{/other_user}",
        "gists_url": api + "/gists{/gist_id}",
        "starred_url": api + "/starred{/owner}{/repo}",
        "events_url": api + "/events{/privacy}",
        "type": person.kind,
        "site_admin": False,
    }


def user_shape(world: World, login: str) -> dict[str, Any]:
    return person_shape(world, world.person(login))


def public_user_shape(world: World, person: Person) -> dict[str, Any]:
    nothing = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio", "twitter_username"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    times = {"created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z"}
    return {**person_shape(world, person), **nothing, **counts, **times, "user_view_type": "public"}


def repository_shape(world: World, repo: Repository) -> dict[str, Any]:
    """A full-repository, which holds all that a minimal one has to."""
    api, html = api_of(world, repo), html_of(world, repo)
    pages = {_field(page): f"{api}/{page}{end}" for page, end in REPOSITORY_PAGES.items()}
    pages["archive_url"] = api + "/{archive_format}{/ref}"
    times = dict.fromkeys(("created_at", "updated_at", "pushed_at"), repo.created)
    shown = {
        "id": repo.id,
        "node_id": node_id("Repository", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "owner": user_shape(world, repo.owner),
        "private": repo.private,
        "visibility": "private" if repo.private else "public",
        "html_url": html,
        "url": api,
        "fork": repo.parent is not None,
        "default_branch": repo.default_branch,
        "clone_url": f"{html}.git",
        "git_url": f"git:{html.split(':', 1)[1]}.git",
        "ssh_url": f"git@github.com:{repo.full_name}.git",
        "svn_url": html,
    }
    return {**REPOSITORY_CONSTANTS, **pages, **times, **shown}


def team_shape(world: World, org: str, slug: str) -> dict[str, Any]:
    """A team, as pull requests show it."""
    number = 20_000 + sum(slug.encode())
    url = f"{world.public_url}/organizations/{world.person(org).id}/team/{number}"
    return {
        "id": number,
        "node_id": node_id("Team", number),
        "name": slug,
        "slug": slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "push",
        "type": "organization",
        "organization_id": world.person(org).id,
        "url": url,
        "html_url": f"{world.html_url}/orgs/{org}/teams/{slug}",
        "members_url": url + "/members{/member}",
        "repositories_url": f"{url}/repos",
        "parent": None,
    }


def _field(page: str) -> str:
    return FIELD_OF_PAGE.get(page, page.replace("/", "_") + "_url")


def association(world: World, repo: Repository, login: str) -> str:
    """What the person is to the repository, in GitHub's words."""
    if login == repo.owner:
        return "OWNER"
    if any(org == repo.owner and members.get(login) == "active" for (org, _), members in world.teams.items()):
        return "MEMBER"
    if repo.permissions.get(login, "none") != "none":
        return "COLLABORATOR"
    merged = any(issue.login == login and issue.pull and issue.pull.merged for issue in repo.issues.values())
    return "CONTRIBUTOR" if merged else "NONE"
