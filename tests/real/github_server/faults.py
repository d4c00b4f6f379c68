"""Faults on command: what can go wrong between a client and GitHub, before or after GitHub acted."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from .answers import Answer, Refused
from .discussion import Issue
from .git import Signature, write_blob, write_commit, write_tree
from .heads import move, tip
from .world import Repository, World

LOST_BEFORE, LOST_AFTER, CUT, BROKEN, STALE = "request_lost", "response_lost", "disconnect", "malformed", "stale_head"
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@dataclass
class Fault:
    """`skip` requests pass before it, then it strikes `times` times."""

    method: str
    path: str
    kind: str
    times: int = 1
    skip: int = 0
    retry_after: int = 0

    def strikes(self, method: str, path: str) -> bool:
        if self.times == 0 or self.method not in {"*", method} or not re.search(self.path, path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


def refusal(fault: Fault) -> Answer | None:
    """What is answered in GitHub's place, without its acting; None for a fault of another kind."""
    waits = {"Retry-After": str(fault.retry_after)}
    refusals: dict[str, Callable[[], Refused]] = {
        "429": lambda: Refused(429, "API rate limit exceeded for installation.", headers={**waits, "x-ratelimit-remaining": "0"}),
        "403_secondary": lambda: Refused(403, SECONDARY, headers=waits),
        "500": lambda: Refused(500, "Server Error"),
    }
    return refusals[fault.kind]().answer if fault.kind in refusals else None


KINDS = {LOST_BEFORE, LOST_AFTER, CUT, BROKEN, STALE, "429", "403_secondary", "500", "500_after"}


def another_writer(world: World, path: str, ref: str | None) -> None:
    """Puts a commit of somebody else on the ref that the request is about to move, or on the head it is about to merge."""
    found = re.search(r"/repos/([^/]+/[^/]+)/(?:git/refs(?:/(.+))?|pulls/(\d+)/merge|contents/.+)$", path)
    repo = world.repositories.get(found[1]) if found else None
    if found is None or repo is None:
        raise ValueError(f"stale_head is for requests that move a ref, not for {path}")
    if found[3]:
        repo, branch = _head(world, repo.issues[int(found[3])])
    else:
        branch = (f"refs/{found[2]}" if found[2] else ref or repo.default_branch).removeprefix("refs/heads/")
    write_over(world, repo, branch)


def _head(world: World, issue: Issue) -> tuple[Repository, str]:
    assert issue.pull is not None
    return world.repositories[issue.pull.head_repository], issue.pull.head_ref


def write_over(world: World, repo: Repository, branch: str) -> str:
    """The commit that another writer made on the branch; a branch that nobody has yet begins with it."""
    head, now = tip(repo, branch), world.now()
    blob = write_blob(repo.folder, f"written at {now}\n".encode())
    tree = write_tree(repo.folder, head, [(f"another-writer-{now.replace(':', '')}.txt", "100644", blob)])
    author = Signature("Another Writer", "another@example.com", now)
    sha = write_commit(repo.folder, tree, [head] if head else [], "Another writer was faster\n", author)
    move(world, repo, f"refs/heads/{branch}", sha)
    return sha
