"""A branch that is written through git's objects: a commit at a time, and only on top of the commit that was read.

Every function here is one attempt: `effects` repeats them. What an attempt uploaded is not uploaded again by the next one.
"""

import base64
import hashlib
import io
import itertools
from collections.abc import Iterator, Mapping

from github import GithubException, InputGitTreeElement
from github.ContentFile import ContentFile
from github.GitRef import GitRef
from github.GitTree import GitTree

from evalgate.errors import NotMeasured
from evalgate.pull_request.client import Remote
from evalgate.pull_request.faults import told, whole
from evalgate.pull_request.journal_lines import ELSEWHERE, megabytes
from evalgate.pull_request.tree import checked, content

FILE = "100644"
INLINE = 1 << 20
"""Bytes up to which a text travels inside the call that makes the tree."""
AT_ONCE = 1000
"""Paths that one call takes away."""
_BLOCK = 3 << 16
"""Bytes that become base64 at a time; base64 turns three into four."""


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


def advance(remote: Remote, name: str, over: GitRef | None, files: Mapping[str, bytes | None], message: str) -> None:
    """Nothing; the branch has one commit more, with `files` put over what was there, or begins with it.

    A file that is None is taken away. One that cannot travel inside the call is uploaded, at most once by a process, and
    not at all where the branch has it already.

    Raises:
        NotMeasured: a file is larger than GitHub's API takes.
        GithubException: 409 or 422 where the branch no longer stands at `over`.
    """
    below = remote.repository.get_git_commit(over.object.sha) if over else None
    tree = whole(below.tree, "tree") if below else None
    rows = (_row(remote, path, found, tree) for path, found in files.items() if found is not None)
    tree = _tree(remote, [row for row in rows if row is not None], tree)
    gone = (InputGitTreeElement(path, FILE, "blob", sha=None) for path, found in files.items() if found is None)
    for some in _some_at_a_time(gone):
        tree = _tree(remote, some, tree)
    made = remote.repository.create_git_commit(message, whole(tree, "tree"), [below] if below else [])
    sha = whole(made.sha, "sha")
    if over is None:
        remote.repository.create_git_ref(f"refs/heads/{name}", sha)
    else:
        over.edit(sha, force=False)


def body(found: bytes) -> io.BytesIO:
    """What asks GitHub to keep `found`, made piece by piece: a file is held in memory once more, and not five times."""
    made = io.BytesIO()
    made.write(b'{"encoding":"base64","content":"')
    for start in range(0, len(found), _BLOCK):
        made.write(base64.b64encode(found[start : start + _BLOCK]))
    made.write(b'"}')
    made.seek(0)
    return made


def _tree(remote: Remote, rows: list[InputGitTreeElement], below: GitTree | None) -> GitTree | None:
    """The tree `below` with `rows` over it; itself where there are none."""
    if not rows:
        return below
    made = remote.repository.create_git_tree(rows, below) if below else remote.repository.create_git_tree(rows)
    whole(made.sha, "sha")
    return made


def _some_at_a_time(rows: Iterator[InputGitTreeElement]) -> Iterator[list[InputGitTreeElement]]:
    while some := list(itertools.islice(rows, AT_ONCE)):
        yield some


def _row(remote: Remote, path: str, found: bytes, below: GitTree | None) -> InputGitTreeElement | None:
    """What puts a file into a tree; None where the tree below has it."""
    text = _as_text(found)
    if text is not None:
        return InputGitTreeElement(path, FILE, "blob", content=text)
    name = _name(found)
    if below is not None and _at(remote, whole(below.sha, "sha"), path) == name:
        return None
    key = f"uploaded:{name}"
    if key not in remote.kept:
        remote.kept[key] = _upload(remote, path, found)
    return InputGitTreeElement(path, FILE, "blob", sha=remote.kept[key])


def _upload(remote: Remote, path: str, found: bytes) -> str:
    """Git's name of the bytes, which GitHub has now; PyGithub's own way would hold them in memory five times."""
    post = remote.repository.requester.requestMemoryBlobAndCheck
    try:
        _, made = post("POST", f"{remote.repository.url}/git/blobs", {}, {"Content-Type": "application/json"}, body(found))
    except GithubException as error:
        if error.status in (413, 422) and len(found) > INLINE:  # "Sorry, your input was too large to process"
            words = told(error).words
            raise NotMeasured(f"{path}: {megabytes(found)}, more than GitHub's API takes ({words}): {ELSEWHERE}") from None
        raise
    sha: str = whole(made["sha"], "sha")
    checked(found, sha)
    return sha


def _name(found: bytes) -> str:
    """What git calls the bytes."""
    digest = hashlib.sha1(b"blob %d\0" % len(found), usedforsecurity=False)
    digest.update(found)
    return digest.hexdigest()


def _at(remote: Remote, tree: str, path: str) -> str | None:
    """Git's name of what lies at a path of a tree; None where nothing does."""
    first, _, rest = path.partition("/")
    key = f"folder:{tree}"
    if key not in remote.kept:
        remote.kept[key] = {row.path: (row.sha, row.type) for row in remote.repository.get_git_tree(tree).tree}
    known: dict[str, tuple[str, str]] = remote.kept[key]
    sha, kind = known.get(first, (None, None))
    if not rest or sha is None:
        return sha
    return _at(remote, sha, rest) if kind == "tree" else None


def _as_text(found: bytes) -> str | None:
    if len(found) > INLINE or b"\0" in found:
        return None
    try:
        return found.decode()
    except UnicodeDecodeError:
        return None
