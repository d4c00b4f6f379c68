"""Refs that move, and the pull requests that follow them."""

from . import git
from .discussion import Issue
from .history import is_ancestor, merge_base, merged_tree
from .world import Repository, World


def tip(repo: Repository, branch: str) -> str | None:
    return git.resolve(repo.folder, repo.git_ref(f"refs/heads/{branch}"))


def move(world: World, repo: Repository, ref: str, sha: str) -> None:
    """Puts the ref (`refs/...`, as the repository calls it) on the commit; open pull requests follow."""
    git.set_ref(repo.folder, repo.git_ref(ref), sha)
    follow(world, repo)
    _merge_by_push(world, repo, ref.removeprefix("refs/heads/"), sha)


def follow(world: World, pushed: Repository) -> None:
    """Every open pull request out of the pushed repository has the head that its branch has now."""
    for repo in world.repositories.values():
        for issue in repo.issues.values():
            pull = issue.pull
            if issue.state == "open" and pull is not None and pull.head_repository == pushed.full_name:
                _follow_one(world, repo, issue, tip(pushed, pull.head_ref))


def _merge_by_push(world: World, repo: Repository, branch: str, sha: str) -> None:
    """Open pull requests whose head came into their base by a push are merged, as GitHub sees it: the queue does so."""
    for issue in repo.issues.values():
        pull = issue.pull
        if (
            issue.state == "open"
            and pull is not None
            and pull.base_ref == branch
            and is_ancestor(repo.folder, pull.head_sha, sha)
        ):
            now = world.now()
            pull.merged, pull.merge_sha = now, sha
            issue.state, issue.closed, issue.updated = "closed", now, now


def _follow_one(world: World, repo: Repository, issue: Issue, head: str | None) -> None:
    pull = issue.pull
    if pull is None or head == pull.head_sha:
        return
    if head is None:  # GitHub closes what has lost its branch
        issue.state, issue.closed = "closed", world.now()
        return
    pull.head_sha, pull.base_sha = head, tip(repo, pull.base_ref) or pull.base_sha
    issue.updated = world.now()
    keep(repo, issue)


def keep(repo: Repository, issue: Issue) -> None:
    """GitHub keeps the head of every pull request under a ref of its own, forks' too."""
    if issue.pull is not None:
        git.set_ref(repo.folder, f"refs/pull/{issue.number}/head", issue.pull.head_sha)


def fast_forwards(repo: Repository, old: str, new: str) -> bool:
    return old == new or is_ancestor(repo.folder, old, new)


def mergeable(repo: Repository, issue: Issue) -> bool:
    pull = issue.pull
    base = tip(repo, pull.base_ref) if pull else None
    if pull is None or base is None or merge_base(repo.folder, base, pull.head_sha) is None:
        return False
    return merged_tree(repo.folder, base, pull.head_sha) is not None


def mergeable_state(repo: Repository, issue: Issue) -> str:
    """In GitHub's words: unknown, draft, dirty, blocked or clean."""
    pull = issue.pull
    if pull is None or issue.state == "closed":
        return "unknown"
    if not mergeable(repo, issue):
        return "dirty"
    if pull.draft:
        return "draft"
    return "blocked" if pull.blocked or missing_checks(repo, issue) else "clean"


def missing_checks(repo: Repository, issue: Issue) -> list[str]:
    """The checks that the base branch's protection demands and that the head has not passed."""
    pull = issue.pull
    demanded = repo.protections.get(pull.base_ref, {}).get("required_status_checks") or {} if pull else {}
    latest = {check.name: check.conclusion for check in repo.checks.values() if pull and check.head_sha == pull.head_sha}
    return [name for name in demanded.get("contexts", []) if latest.get(name) not in {"success", "neutral", "skipped"}]
