"""How a pull request is merged, be it asked for over HTTP or drawn by a test."""

from .answers import Refused
from .discussion import Issue
from .git import Signature, write_commit
from .heads import mergeable, missing_checks, move, tip
from .history import merged_tree
from .shapes_pulls import pull_of
from .world import Repository, World

METHODS = {"merge", "squash"}
WEB = ("GitHub", "noreply@github.com")


def refuse_merge(repo: Repository, issue: Issue) -> None:
    """Raises what GitHub says of a pull request that cannot be merged."""
    pull, missing = pull_of(issue), missing_checks(repo, issue)
    if pull.draft:
        raise Refused(405, "Pull Request is still a draft")
    if issue.state == "closed" or not mergeable(repo, issue):
        raise Refused(405, "Pull Request is not mergeable")
    if missing:
        raise Refused(405, f'Required status check "{missing[0]}" is expected.')
    if pull.blocked:
        raise Refused(405, "At least 1 approving review is required by reviewers with write access.")


def merge(
    world: World,
    repo: Repository,
    issue: Issue,
    login: str,
    method: str = "merge",
    words: tuple[str | None, str | None] = (None, None),
) -> str:
    """The commit that the base branch is on now; `words` are the title and the rest of its message, where given."""
    pull = pull_of(issue)
    base = tip(repo, pull.base_ref)
    tree = merged_tree(repo.folder, base, pull.head_sha) if base else None
    if base is None or tree is None or method not in METHODS:
        raise Refused(405, f"{method.capitalize()} merges are not allowed on this repository.")
    now = world.now()
    author = Signature(login, f"{login}@users.noreply.github.com", now)
    parents = [base, pull.head_sha] if method == "merge" else [base]
    sha = write_commit(repo.folder, tree, parents, _message(issue, method, words), author, Signature(*WEB, now))
    pull.merged, pull.merged_by, pull.merge_sha = now, login, sha
    issue.state, issue.closed, issue.updated = "closed", now, now
    move(world, repo, f"refs/heads/{pull.base_ref}", sha)
    return sha


def _message(issue: Issue, method: str, words: tuple[str | None, str | None]) -> str:
    pull, (title, rest) = pull_of(issue), words
    merged = f"Merge pull request #{issue.number} from {pull.head_repository.split('/')[0]}/{pull.head_ref}"
    usual = merged if method == "merge" else f"{issue.title} (#{issue.number})"
    return "\n\n".join(part for part in (title or usual, issue.title if rest is None else rest) if part)
