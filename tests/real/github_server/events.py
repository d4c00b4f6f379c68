"""Payloads of GitHub's webhooks, as a workflow finds them in its event file."""

from collections.abc import Callable
from typing import Any

from . import git
from .git import Signature
from .heads import tip
from .history import facts as commit_facts
from .history import merged_tree
from .shapes import repository_shape, user_shape
from .shapes_discussion import comment_shape, issue_shape, label_shape, review_shape
from .shapes_pulls import pull_of, pull_shape, pull_simple_shape
from .shapes_work import run_shape, simple_commit_shape, workflow_id
from .world import Repository, World

Facts = dict[str, Any]


def payload(world: World, repo: Repository, name: str, target: Any, action: str | None, sender: str | None) -> Facts:
    """The whole payload of one event on the target, whose number or id it takes from the event's kind."""
    make, usual = KINDS[name]
    facts, author = make(world, repo, target)
    common = {"repository": repository_shape(world, repo), "sender": user_shape(world, sender or author)}
    shown = {**({"action": action or usual} if action or usual else {}), **facts, **common}
    organization = world.person(repo.owner)
    return {**shown, "organization": user_shape(world, repo.owner)} if organization.kind == "Organization" else shown


def _pull_request(world: World, repo: Repository, number: int) -> tuple[Facts, str]:
    issue = repo.issues[number]
    facts: Facts = {"number": number, "pull_request": pull_shape(world, repo, issue)}
    if issue.labels:  # what a `labeled` event is about; other actions do not look
        facts["label"] = label_shape(world, repo, issue.labels[-1])
    return facts, issue.login


def _review(world: World, repo: Repository, number: int) -> tuple[Facts, str]:
    review = next(one for one in repo.reviews if one.id == number)
    shown = review_shape(world, repo, review)
    pull = pull_simple_shape(world, repo, repo.issues[review.number])
    # webhooks write the state in lower case, the REST API in upper
    return {"review": {**shown, "state": review.state.lower()}, "pull_request": pull}, review.login


def _comment(world: World, repo: Repository, number: int) -> tuple[Facts, str]:
    comment = repo.comments[number]
    issue = issue_shape(world, repo, repo.issues[comment.number])
    return {"issue": issue, "comment": comment_shape(world, repo, comment)}, comment.login


def _run(world: World, repo: Repository, number: int) -> tuple[Facts, str]:
    run = repo.runs[number]
    workflow = {"id": workflow_id(run.path), "name": run.name, "path": run.path, "state": "active"}
    return {"workflow_run": run_shape(world, repo, run), "workflow": workflow}, run.login


def _merge_group(world: World, repo: Repository, number: int) -> tuple[Facts, str]:
    """The queue's own commit is made for it: the pull request's head merged into the base."""
    pull = pull_of(repo.issues[number])
    base = tip(repo, pull.base_ref) or pull.base_sha
    tree = merged_tree(repo.folder, base, pull.head_sha)
    if tree is None:
        raise ValueError(f"#{number} conflicts with {pull.base_ref}: it cannot be in the merge queue")
    ref = f"refs/heads/gh-readonly-queue/{pull.base_ref}/pr-{number}-{base}"
    bot = Signature("GitHub Merge Queue", "noreply@github.com", world.now())
    sha = git.write_commit(repo.folder, tree, [base, pull.head_sha], f"Merge pull request #{number}\n", bot)
    git.set_ref(repo.folder, repo.git_ref(ref), sha)
    group = {"head_sha": sha, "head_ref": ref, "base_sha": base, "base_ref": f"refs/heads/{pull.base_ref}"}
    return {"merge_group": {**group, "head_commit": simple_commit_shape(repo, sha)}}, "github-merge-queue[bot]"


def _push(world: World, repo: Repository, branch: str) -> tuple[Facts, str]:
    """The push of the branch's last commit."""
    sha = tip(repo, branch)
    if sha is None:
        raise ValueError(f"there is no branch {branch}")
    commit = commit_facts(repo.folder, sha)
    before = commit.parents[0] if commit.parents else git.NOBODY
    head = simple_commit_shape(repo, sha)
    pushed = {"ref": f"refs/heads/{branch}", "before": before, "after": sha, "created": not commit.parents, "deleted": False}
    return {**pushed, "forced": False, "head_commit": head, "commits": [head]}, commit.author.name


def _dispatch(world: World, repo: Repository, branch: str) -> tuple[Facts, str]:
    """A workflow started by hand; its inputs are given as a field."""
    return {"ref": f"refs/heads/{branch}", "inputs": {}, "workflow": ".github/workflows/evalgate.yml"}, repo.owner


KINDS: dict[str, tuple[Callable[[World, Repository, Any], tuple[Facts, str]], str | None]] = {
    "pull_request": (_pull_request, "opened"),
    "pull_request_target": (_pull_request, "opened"),
    "pull_request_review": (_review, "submitted"),
    "issue_comment": (_comment, "created"),
    "workflow_run": (_run, "completed"),
    "push": (_push, None),
    "workflow_dispatch": (_dispatch, None),
    "merge_group": (_merge_group, "checks_requested"),
}
