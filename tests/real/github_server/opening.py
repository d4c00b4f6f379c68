"""How a pull request comes to be, be it asked for over HTTP or drawn by a test."""

from collections.abc import Sequence

from .answers import invalid
from .discussion import Asked, Issue, Pull, Review
from .heads import keep, tip
from .history import is_ancestor
from .shapes_pulls import pull_of
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
    refuse_words(title, body)
    head_sha, base_sha = tip(source, branch), tip(repo, base)
    if base_sha is None or head_sha is None:
        raise invalid("PullRequest", "head" if base_sha else "base", "invalid")
    if is_ancestor(repo.folder, head_sha, base_sha):
        raise invalid("PullRequest", "", "custom", f"No commits between {base} and {branch}")
    if any(_same(issue, source, branch, base) for issue in repo.issues.values()):
        message = f"A pull request already exists for {source.owner}:{branch}."
        raise invalid("PullRequest", "", "custom", message)
    issue = open_issue(world, repo, login, title, body)
    issue.pull = Pull(world.new_id(), source.full_name, branch, head_sha, base, base_sha, draft)
    keep(repo, issue)
    return issue


def refuse_words(title: str, body: str | None) -> None:
    """Raises what GitHub says of a title or a body that it does not take."""
    if not title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    for name, text, most in (("title", title, 256), ("body", body or "", 65_536)):
        if len(text) > most:
            raise invalid("PullRequest", name, "custom", f"{name} is too long (maximum is {most} characters)")


def request_reviews(world: World, issue: Issue, by: str, logins: Sequence[str], teams: Sequence[str] = ()) -> None:
    """Asks those who are not asked already."""
    pull = pull_of(issue)
    for names, asked, person in ((logins, pull.requested, True), (teams, pull.requested_teams, False)):
        for name in dict.fromkeys(names):
            if name not in asked:
                asked.append(name)
                pull.asked.append(Asked(world.now(), by, name if person else None, None if person else name))


def answered(world: World, repo: Repository, review: Review) -> None:
    """A review is submitted: nobody waits any more for who wrote it, nor for their teams."""
    pull = pull_of(repo.issues[review.number])
    pull.requested = [login for login in pull.requested if login != review.login]
    pull.requested_teams = [slug for slug in pull.requested_teams if review.login not in world.teams.get((repo.owner, slug), {})]


def _same(issue: Issue, source: Repository, branch: str, base: str) -> bool:
    pull = issue.pull
    if pull is None or issue.state != "open":
        return False
    return (pull.head_repository, pull.head_ref, pull.base_ref) == (source.full_name, branch, base)
