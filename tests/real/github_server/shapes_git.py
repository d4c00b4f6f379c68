"""Commits, trees, refs and files as GitHub's REST API shows them."""

import base64
import urllib.parse
from typing import Any

from .git import Entry, Signature, read_blob
from .history import CommitFacts, changes, facts
from .shapes import api_of, html_of, node_id, user_shape
from .shapes_pulls import change_shape
from .world import Repository, World

KINDS = {"blob": "file", "tree": "dir", "commit": "submodule"}
UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def signature_shape(signature: Signature) -> dict[str, str]:
    return {"name": signature.name, "email": signature.email, "date": signature.date}


def ref_shape(world: World, repo: Repository, ref: str, sha: str) -> dict[str, Any]:
    api = api_of(world, repo)
    return {
        "ref": ref,
        "node_id": node_id("Ref", ref),
        "url": f"{api}/git/{ref}",
        "object": {"type": "commit", "sha": sha, "url": f"{api}/git/commits/{sha}"},
    }


def _written(world: World, repo: Repository, commit: CommitFacts) -> dict[str, Any]:
    return {
        "author": signature_shape(commit.author),
        "committer": signature_shape(commit.committer),
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": f"{api_of(world, repo)}/git/trees/{commit.tree}"},
        "url": f"{api_of(world, repo)}/git/commits/{commit.sha}",
        "verification": UNSIGNED,
    }


def _parents(world: World, repo: Repository, commit: CommitFacts, kind: str) -> list[dict[str, str]]:
    api, html = api_of(world, repo), html_of(world, repo)
    return [{"sha": sha, "url": f"{api}/{kind}/{sha}", "html_url": f"{html}/commit/{sha}"} for sha in commit.parents]


def git_commit_shape(world: World, repo: Repository, sha: str) -> dict[str, Any]:
    """A git-commit: the object alone."""
    commit = facts(repo.folder, sha)
    return {
        **_written(world, repo, commit),
        "sha": sha,
        "node_id": node_id("Commit", sha),
        "html_url": f"{html_of(world, repo)}/commit/{sha}",
        "parents": _parents(world, repo, commit, "git/commits"),
    }


def commit_shape(world: World, repo: Repository, sha: str) -> dict[str, Any]:
    """A commit, as in lists. An account is known by `login@example.com`, as the drawings write commits; others are null."""
    commit, url = facts(repo.folder, sha), f"{api_of(world, repo)}/commits/{sha}"
    return {
        "sha": sha,
        "node_id": node_id("Commit", sha),
        "commit": {**_written(world, repo, commit), "comment_count": 0},
        "url": url,
        "html_url": f"{html_of(world, repo)}/commit/{sha}",
        "comments_url": f"{url}/comments",
        "author": _account(world, commit.author.email),
        "committer": _account(world, commit.committer.email),
        "parents": _parents(world, repo, commit, "commits"),
    }


def _account(world: World, email: str) -> dict[str, Any] | None:
    login, _, domain = email.partition("@")
    return user_shape(world, login) if domain == "example.com" and login in world.people else None


def whole_commit_shape(world: World, repo: Repository, sha: str) -> dict[str, Any]:
    """A commit with what it changes against its first parent."""
    parents = facts(repo.folder, sha).parents
    diff = changes(repo.folder, parents[0] if parents else None, sha)
    added, deleted = sum(change.additions for change in diff), sum(change.deletions for change in diff)
    return {
        **commit_shape(world, repo, sha),
        "stats": {"additions": added, "deletions": deleted, "total": added + deleted},
        "files": [change_shape(world, repo, change, sha) for change in diff],
    }


def tree_shape(world: World, repo: Repository, sha: str, rows: list[Entry]) -> dict[str, Any]:
    api = api_of(world, repo)
    return {
        "sha": sha,
        "url": f"{api}/git/trees/{sha}",
        "tree": [tree_row_shape(api, row) for row in rows],
        "truncated": False,
    }


def tree_row_shape(api: str, row: Entry) -> dict[str, Any]:
    kind = "trees" if row.kind == "tree" else "blobs"
    shown = {"path": row.path, "mode": row.mode, "type": row.kind, "sha": row.sha, "url": f"{api}/git/{kind}/{row.sha}"}
    return shown if row.size is None else {**shown, "size": row.size}


def entry_shape(world: World, repo: Repository, row: Entry, ref: str) -> dict[str, Any]:
    """What a file and a row of a folder have in common."""
    path, api, html = urllib.parse.quote(row.path), api_of(world, repo), html_of(world, repo)
    kind = "symlink" if row.mode == "120000" else KINDS[row.kind]
    page = "tree" if kind == "dir" else "blob"
    links = {
        "self": f"{api}/contents/{path}?ref={urllib.parse.quote(ref)}",
        "git": f"{api}/git/{page}s/{row.sha}",
        "html": f"{html}/{page}/{urllib.parse.quote(ref)}/{path}",
    }
    return {
        "type": kind,
        "name": row.path.rsplit("/", 1)[-1],
        "path": row.path,
        "sha": row.sha,
        "size": row.size or 0,
        "url": links["self"],
        "git_url": links["git"],
        "html_url": links["html"],
        "download_url": None if kind == "dir" else f"{html}/raw/{urllib.parse.quote(ref)}/{path}",
        "_links": links,
    }


def file_shape(world: World, repo: Repository, row: Entry, ref: str) -> dict[str, Any]:
    """A content-file. Past a megabyte GitHub leaves the content out and says so by the encoding."""
    content = read_blob(repo.folder, row.sha)
    fits = len(content) <= 1024 * 1024
    shown = {"encoding": "base64" if fits else "none", "content": base64.encodebytes(content).decode() if fits else ""}
    return {**entry_shape(world, repo, row, ref), "type": "file", **shown}
