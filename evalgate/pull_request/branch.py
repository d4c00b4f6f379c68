"""A branch that is written through git's objects: a commit at a time, and only on top of the commit that was read.

Every function here is one attempt: `effects` repeats them.
"""

import base64
from collections.abc import Mapping

from github import GithubException, InputGitTreeElement
from github.ContentFile import ContentFile
from github.GitRef import GitRef

from evalgate.pull_request.client import Remote
from evalgate.pull_request.faults import whole
from evalgate.pull_request.tree import checked, content

FILE = "100644"
INLINE = 1 << 20
"""Bytes up to which a text travels inside the call that makes the tree."""


def tip(remote: Remote, name: str) -> GitRef | None:
    """The branch as it stands, or None where there is none."""
    try:
        found = remote.repository.get_git_ref(f"heads/{name}").complete()  # its own url is not the one that edits it
    except GithubException as error:
        if error.status == 404:
            return None
        raise
    whole(whole(found.object, "object").sha, "sha")
    return found


def read(remote: Remote, commit: str, path: str) -> bytes | None:
    """A file's bytes at a commit, or None where there is no file of that path.

    Raises:
        ValueError: what came is not what git has.
    """
    try:
        found = remote.repository.get_contents(path, ref=commit)
    except GithubException as error:
        if error.status == 404:
            return None
        raise
    if not isinstance(found, ContentFile):
        return None
    sha = whole(found.sha, "sha")
    if found.encoding == "base64":
        return checked(base64.b64decode(whole(found.content, "content")), sha)
    return content(remote, sha)  # over a megabyte GitHub gives the name alone


def advance(remote: Remote, name: str, over: GitRef | None, files: Mapping[str, bytes], message: str) -> None:
    """Nothing; the branch has one commit more, with `files` put over what was there, or begins with it.

    Raises:
        GithubException: 409 or 422 where the branch no longer stands at `over`.
    """
    rows = [_row(remote, path, found) for path, found in files.items()]
    below = remote.repository.get_git_commit(over.object.sha) if over else None
    if over is None or below is None:
        tree = remote.repository.create_git_tree(rows)
    else:
        tree = remote.repository.create_git_tree(rows, whole(below.tree, "tree"))
    whole(tree.sha, "sha")
    made = remote.repository.create_git_commit(message, tree, [below] if below else [])
    sha = whole(made.sha, "sha")
    if over is None:
        remote.repository.create_git_ref(f"refs/heads/{name}", sha)
    else:
        over.edit(sha, force=False)


def _row(remote: Remote, path: str, found: bytes) -> InputGitTreeElement:
    text = _as_text(found)
    if text is not None:
        return InputGitTreeElement(path, FILE, "blob", content=text)
    made = remote.repository.create_git_blob(base64.b64encode(found).decode(), "base64")
    checked(found, whole(made.sha, "sha"))
    return InputGitTreeElement(path, FILE, "blob", sha=made.sha)


def _as_text(found: bytes) -> str | None:
    if len(found) > INLINE or b"\0" in found:
        return None
    try:
        return found.decode()
    except UnicodeDecodeError:
        return None
