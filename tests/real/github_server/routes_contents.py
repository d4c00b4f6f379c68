"""Endpoints on files, commits and comparisons."""

import posixpath

from . import git
from .answers import Answer, Call, Refused, not_found, paged
from .git import Entry
from .heads import move, tip
from .history import between, changes, merge_base
from .protection import refuse_write
from .routes_git import decoded, signature
from .shapes import api_of, html_of
from .shapes_git import commit_shape, entry_shape, file_shape, git_commit_shape, whole_commit_shape
from .shapes_pulls import change_shape
from .world import Repository

STANDING = {(False, False): "identical", (True, False): "ahead", (False, True): "behind", (True, True): "diverged"}


def commit_named(repo: Repository, name: str) -> str | None:
    """The commit that a branch, a ref without its `refs/`, or an id names."""
    return tip(repo, name.removeprefix("refs/").removeprefix("heads/")) or git.resolve(repo.folder, name)


def _commit(call: Call, name: str) -> str:
    sha = commit_named(call.repo, name)
    if sha is None:
        raise Refused(422 if len(name) == 40 else 404, f"No commit found for SHA: {name}" if len(name) == 40 else "Not Found")
    return sha


def get_commit(call: Call) -> Answer:
    return Answer(200, whole_commit_shape(call.world, call.repo, _commit(call, call.args["ref"])))


def get_commits(call: Call) -> Answer:
    start = _commit(call, call.query.get("sha", call.repo.default_branch))
    path = ["--", call.query["path"]] if "path" in call.query else []
    found = git.git(call.repo.folder, "rev-list", start, *path).decode().split()
    return paged(call, found, lambda sha: commit_shape(call.world, call.repo, sha))


def get_contents(call: Call) -> Answer:
    """A file, a folder's rows, or a link; a link to a file is answered with that file, as GitHub does."""
    ref, path = call.query.get("ref", call.repo.default_branch), call.args.get("path", "").strip("/")
    sha = commit_named(call.repo, ref)
    if sha is None:
        raise Refused(404, f"No commit found for the ref {ref}")
    row = _row(call, sha, path) if path else None
    if path and row is None:
        raise not_found()
    if row is None or row.kind == "tree":
        rows = git.entries(call.repo.folder, f"{sha}:{path}")
        full = [one._replace(path=posixpath.join(path, one.path)) for one in rows]
        return Answer(200, [entry_shape(call.world, call.repo, one, ref) for one in full])
    return _file(call, sha, row, ref)


def _file(call: Call, sha: str, row: Entry, ref: str) -> Answer:
    if row.mode == git.SYMLINK:
        target = git.read_blob(call.repo.folder, row.sha).decode()
        pointed = _row(call, sha, posixpath.normpath(posixpath.join(posixpath.dirname(row.path), target)))
        if pointed is None or pointed.mode not in {git.FILE, git.EXECUTABLE}:
            return Answer(200, {**entry_shape(call.world, call.repo, row, ref), "target": target})
        row = pointed._replace(path=row.path)
    if "raw" in call.headers.get("accept", ""):
        return Answer(
            200, git.read_blob(call.repo.folder, row.sha), {"Content-Type": "application/vnd.github.raw; charset=utf-8"}
        )
    return Answer(200, file_shape(call.world, call.repo, row, ref))


def _row(call: Call, sha: str, path: str) -> Entry | None:
    rows = git.entries(call.repo.folder, sha, path=path) if not path.startswith("../") else []
    return next((row for row in rows if row.path == path), None)


def put_contents(call: Call) -> Answer:
    """Writes one file in one commit; who replaces a file has to know which."""
    branch, path = call.body.get("branch", call.repo.default_branch), call.args["path"]
    message, content = call.given("message", "Commit", str), decoded(call.given("content", "Commit", str))
    head = tip(call.repo, branch)
    if head is None:
        raise Refused(404, f"Branch {branch} not found")
    old = _row(call, head, path)
    if old and call.body.get("sha") is None:
        raise Refused(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    if old and call.body["sha"] != old.sha:
        raise Refused(409, f"{path} does not match {call.body['sha']}")
    refuse_write(call.repo, f"refs/heads/{branch}", status=409)
    tree = git.write_tree(call.repo.folder, head, [(path, git.FILE, git.write_blob(call.repo.folder, content))])
    author = signature(call, "author")
    sha = git.write_commit(call.repo.folder, tree, [head], message, author)
    move(call.world, call.repo, f"refs/heads/{branch}", sha)
    row = _row(call, sha, path)
    shown = {} if row is None else entry_shape(call.world, call.repo, row, branch)
    return Answer(200 if old else 201, {"content": shown, "commit": git_commit_shape(call.world, call.repo, sha)})


def get_comparison(call: Call) -> Answer:
    """What the head has over its merge base with the base."""
    names = call.args["basehead"].split("...")
    sides = [_side(call, name) for name in names]
    if len(sides) != 2:
        raise not_found()
    (base, head), folder = sides, call.repo.folder
    shared = merge_base(folder, base, head)
    if shared is None:
        raise Refused(404, f"No common ancestor between {names[0]} and {names[1]}.")
    ahead, behind = between(folder, base, head), between(folder, head, base)
    html, files = html_of(call.world, call.repo), changes(folder, shared, head)[:300]
    url = f"{html}/compare/{names[0]}...{names[1]}"
    page = paged(call, ahead, lambda sha: commit_shape(call.world, call.repo, sha))
    shown = {
        "url": f"{api_of(call.world, call.repo)}/compare/{names[0]}...{names[1]}",
        "html_url": url,
        "permalink_url": url,
        "diff_url": f"{url}.diff",
        "patch_url": f"{url}.patch",
        "base_commit": commit_shape(call.world, call.repo, base),
        "merge_base_commit": commit_shape(call.world, call.repo, shared),
        "status": STANDING[bool(ahead), bool(behind)],
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": page.body,
        "files": [change_shape(call.world, call.repo, change, head) for change in files],
    }
    return Answer(200, shown, page.headers)


def _side(call: Call, name: str) -> str:
    """The commit of `branch`, an id, or a fork's `owner:branch`."""
    owner, _, ref = name.rpartition(":")
    repo = call.world.repositories.get(f"{owner}/{call.repo.name}") if owner else call.repo
    sha = commit_named(repo, ref) if repo else None
    if sha is None:
        raise not_found()
    return sha
