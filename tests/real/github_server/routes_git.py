"""Endpoints on git's own objects: refs, blobs, trees, commits."""

import base64
from typing import Any

from . import git
from .answers import Answer, Call, Refused, not_found, paged
from .git import Signature
from .heads import fast_forwards, follow, move
from .protection import refuse_write
from .shapes import api_of, node_id
from .shapes_git import git_commit_shape, ref_shape, tree_shape
from .world import Repository

TREE, BLOB_MODES = "040000", {git.FILE, git.EXECUTABLE, git.SYMLINK}
BAD_PARTS = {"", ".", "..", ".git"}


def own_refs(repo: Repository) -> dict[str, str]:
    """The refs as the repository names them: forks' branches are nobody's but theirs."""
    if repo.parent is not None:
        return {"refs/heads/" + ref.removeprefix(repo.prefix): sha for ref, sha in git.refs(repo.folder, repo.prefix)}
    return {ref: sha for ref, sha in git.refs(repo.folder, "refs/") if not ref.startswith("refs/forks/")}


def get_ref(call: Call) -> Answer:
    ref = "refs/" + call.args["ref"]
    sha = own_refs(call.repo).get(ref)
    if sha is None:
        raise not_found()
    return Answer(200, ref_shape(call.world, call.repo, ref, sha))


def get_matching_refs(call: Call) -> Answer:
    found = [pair for pair in own_refs(call.repo).items() if pair[0].startswith("refs/" + call.args["ref"])]
    return paged(call, found, lambda pair: ref_shape(call.world, call.repo, *pair))


def _commit_given(call: Call) -> str:
    sha = call.given("sha", "Reference", str)
    if git.resolve(call.repo.folder, sha) != sha:
        raise Refused(422, "Object does not exist")
    return sha


def post_ref(call: Call) -> Answer:
    ref, sha = call.given("ref", "Reference", str), _commit_given(call)
    if not ref.startswith("refs/") or ref.count("/") < 2:
        raise Refused(422, "Reference name must start with 'refs/' and have at least two slashes.")
    if ref in own_refs(call.repo):
        raise Refused(422, "Reference already exists")
    try:
        move(call.world, call.repo, ref, sha)
    except git.Failed:  # a name that git refuses, or a branch where a folder of branches is
        raise Refused(422, f"{ref} is not a valid ref name.") from None
    return Answer(201, ref_shape(call.world, call.repo, ref, sha))


def patch_ref(call: Call) -> Answer:
    ref, sha = "refs/" + call.args["ref"], _commit_given(call)
    old = own_refs(call.repo).get(ref)
    if old is None:
        raise Refused(422, "Reference does not exist")
    forced = not fast_forwards(call.repo, old, sha)
    if forced and not call.body.get("force"):
        raise Refused(422, "Update is not a fast forward")
    refuse_write(call.repo, ref, forced=forced)
    move(call.world, call.repo, ref, sha)
    return Answer(200, ref_shape(call.world, call.repo, ref, sha))


def delete_ref(call: Call) -> Answer:
    ref = "refs/" + call.args["ref"]
    if ref not in own_refs(call.repo):
        raise Refused(422, "Reference does not exist")
    refuse_write(call.repo, ref, removed=True)
    git.delete_ref(call.repo.folder, call.repo.git_ref(ref))
    follow(call.world, call.repo)
    return Answer(204)


def get_blob(call: Call) -> Answer:
    sha = _object(call, "blob")
    content = git.read_blob(call.repo.folder, sha)
    encoded = base64.encodebytes(content).decode()
    shown = {"sha": sha, "node_id": node_id("Blob", sha), "size": len(content), "content": encoded, "encoding": "base64"}
    return Answer(200, {**shown, "url": _url(call, "blobs", sha)})


def _object(call: Call, kind: str) -> str:
    sha = git.resolve(call.repo.folder, call.args["sha"], kind)
    if sha is None:
        raise not_found()
    return sha


def _url(call: Call, kind: str, sha: str) -> str:
    return f"{api_of(call.world, call.repo)}/git/{kind}/{sha}"


def post_blob(call: Call) -> Answer:
    content, encoding = call.given("content", "Blob", str), call.body.get("encoding", "utf-8")
    sha = git.write_blob(call.repo.folder, decoded(content) if encoding == "base64" else content.encode())
    return Answer(201, {"sha": sha, "url": _url(call, "blobs", sha)})


def decoded(content: str) -> bytes:
    try:
        return base64.b64decode(content)
    except ValueError:
        raise Refused(422, "content is not valid Base64") from None


def get_tree(call: Call) -> Answer:
    # any value of `recursive` asks for it on GitHub, "0" and "false" too
    sha = _object(call, "tree")
    rows = git.entries(call.repo.folder, sha, recursive="recursive" in call.query)
    return Answer(200, tree_shape(call.world, call.repo, sha, rows))


def post_tree(call: Call) -> Answer:
    given, base = call.given("tree", "Tree", list), call.body.get("base_tree")
    start = git.resolve(call.repo.folder, base, "tree") if base else None
    if not given or (base and start is None):
        raise Refused(422, "base_tree is not a valid tree oid" if given else "Invalid tree info")
    rows = [row for entry in given for row in _rows(call, entry, start)]
    sha = git.write_tree(call.repo.folder, start, rows)
    return Answer(201, tree_shape(call.world, call.repo, sha, git.entries(call.repo.folder, sha)))


def _rows(call: Call, entry: dict[str, Any], base: str | None) -> list[tuple[str, str, str | None]]:
    """(path, mode, blob) for one entry of the body: for a whole tree, a row for every file in it."""
    path, mode, sha = entry.get("path", ""), entry.get("mode", git.FILE), entry.get("sha")
    if BAD_PARTS & {*path.split("/")}:
        raise Refused(422, "tree.path contains a malformed path component")
    if "content" in entry:
        return [(path, mode, git.write_blob(call.repo.folder, entry["content"].encode()))]
    if sha is None:
        return _removed(call, path, base)
    if git.resolve(call.repo.folder, sha, "tree" if mode == TREE else "blob") != sha or mode not in {TREE, *BLOB_MODES}:
        raise Refused(422, f"tree.sha {sha} is not a valid {'tree' if mode == TREE else 'blob'}")
    if mode != TREE:
        return [(path, mode, sha)]
    under = git.entries(call.repo.folder, sha, recursive=True)
    return [(f"{path}/{row.path}", row.mode, row.sha) for row in under if row.kind == "blob"]


def _removed(call: Call, path: str, base: str | None) -> list[tuple[str, str, str | None]]:
    """Rows that remove the path, and all that is under it, from the base tree, where it has to be."""
    under = git.entries(call.repo.folder, base, recursive=True) if base else []
    found = [row.path for row in under if row.kind != "tree" and (row.path == path or row.path.startswith(path + "/"))]
    if not found:
        raise Refused(422, "GitRPC::BadObjectState")
    return [(one, git.FILE, None) for one in found]


def get_commit(call: Call) -> Answer:
    return Answer(200, git_commit_shape(call.world, call.repo, _object(call, "commit")))


def post_commit(call: Call) -> Answer:
    message, tree = call.given("message", "Commit", str), call.given("tree", "Commit", str)
    parents, folder = call.body.get("parents", []), call.repo.folder
    if git.resolve(folder, tree, "tree") != tree:
        raise Refused(422, "Tree SHA does not exist")
    if any(git.resolve(folder, parent) != parent for parent in parents):
        raise Refused(422, "Parent SHA does not exist or is not a commit object")
    author = signature(call, "author")
    committer = signature(call, "committer") if "committer" in call.body else author
    sha = git.write_commit(folder, tree, parents, message, author, committer)
    return Answer(201, git_commit_shape(call.world, call.repo, sha))


def signature(call: Call, role: str) -> Signature:
    """Who the body says made it; else who asks, now."""
    given, now, login = call.body.get(role), call.world.now(), call.token.login
    if given is None:
        return Signature(login, f"{call.world.person(login).id}+{login}@users.noreply.github.com", now)
    return Signature(given["name"], given["email"], given.get("date", now))
