"""How a pull request comes to be, be it asked for over HTTP or drawn by a test."""

from .answers import invalid
from .discussion import Issue, Pull
from .heads import keep, tip
from .world import Repository, World


def open_issue(world: World, repo: Repository, login: str, title: str, body: str | None = None) -> Issue:
    now = world.now()
    issue = Issue(max(repo.issues, default=0) + 1, world.new_id(), login, title, body, now, now)
    repo.issues[issue.number] = issue
    return issue


def open_pull(
    world: World,
    repo: Repository,
    source: Repository,
    branch: str,
    base: str,
    *,
    login: str,
    title: str,
    body: str | None = None,
    draft: bool = False,
) -> Issue:
    """A new pull request. GitHub takes one open one for a head and a base, and none without a commit."""
    head_sha, base_sha = tip(source, branch), tip(repo, base)
    if base_sha is None or head_sha is None:
        raise invalid("PullRequest", "head" if base_sha else "base", "invalid")
    if head_sha == base_sha:
        raise invalid("PullRequest", "", "custom", f"No commits between {base} and {branch}")
    if any(_same(issue, source, branch, base) for issue in repo.issues.values()):
        message = f"A pull request already exists for {source.owner}:{branch}."
        raise invalid("PullRequest", "", "custom", message)
    issue = open_issue(world, repo, login, title, body)
    issue.pull = Pull(world.new_id(), source.full_name, branch, head_sha, base, base_sha, draft)
    keep(repo, issue)
    return issue


def _same(issue: Issue, source: Repository, branch: str, base: str) -> bool:
    pull = issue.pull
    if pull is None or issue.state != "open":
        return False
    return (pull.head_repository, pull.head_ref, pull.base_ref) == (source.full_name, branch, base)
