"""Pull requests that EvalGate opens itself: files on a branch of their own, one pull request, and the people who are asked.

Every function here may be called again, by anybody, at any time: what is there already is not done again.
"""

import re
from collections.abc import Collection, Mapping
from functools import partial
from typing import NamedTuple

from github import GithubException, InputGitTreeElement
from github.GitRef import GitRef
from github.PullRequest import PullRequest as Pull

from evalgate.errors import NotMeasured, RegistryError
from evalgate.pull_request import branch, facts, tree
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import Refused, asked, doze, once
from evalgate.pull_request.faults import whole

LONGEST_TITLE, LONGEST_BODY, LONGEST_BRANCH = 256, 65_536, 200
"""Characters."""
MOST_FILES = 3_000
"""As many as GitHub lists of a pull request."""
ROUNDS = 5
"""Writers who may be faster than we are, one after another."""
EXECUTABLE = "100755"
FORBIDDEN = "not permitted to create or approve pull requests"
"""In what GitHub says where a repository's settings keep workflows from opening pull requests."""
_NO_PERMISSION = (
    "this repository lets no workflow open pull requests: allow it in the repository's settings (Settings > Actions > General "
    "> Allow GitHub Actions to create and approve pull requests), or give the token of a GitHub App"
)
_NO_BRANCH = "cannot be the name of a branch: use letters, digits, '.', '_' and '-', in parts with '/' between them"
_BRANCH = re.compile(r"[A-Za-z0-9._/-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Proposal(NamedTuple):
    """A change that somebody shall review."""

    branch: str
    """Where it is put; whoever proposes the same thing names the same branch."""
    target: str
    """The branch that it shall be merged into."""
    over: str
    """The target's commit that the files were made from."""
    files: Mapping[str, bytes]
    """Path -> whole content: text, each below a megabyte."""
    message: str
    """Of the commit."""
    title: str
    """At most 256 characters."""
    body: str
    """Markdown, at most 65,536 characters."""


def propose(remote: Remote, proposal: Proposal) -> int:
    """The number of the open pull request that proposes this; of the merged one, where the target has the files from it.

    The branch begins with one commit on `over`. One that is there, and stands elsewhere or says something else, gets a
    merge of itself and `over` that holds `over`'s files and these: nothing is lost, nothing forced, and approvals of
    what was there before count no more. Files besides these are left alone as long as these are right.

    Raises:
        RegistryError: a name, a path or a text that git or GitHub does not take; or the target has the files already.
        Refused: GitHub said no.
        NotMeasured: a person closed the pull request; the branch has newer commits of the target than `over`; others are
            faster all the time; see `effects`.
    """
    _check(proposal)
    standing = asked(remote, lambda: _standing(remote, proposal), f"find the pull request of {proposal.branch}")
    if standing is None and _holds(remote, facts.tip(remote, proposal.target), proposal):
        files = ", ".join(proposal.files)
        raise RegistryError(f"{proposal.target} has {files} as proposed, and not from here: there is nothing to propose")
    if standing is None or standing.state == "open":
        _put(remote, proposal)
        standing = _opened(remote, proposal)
    if standing.state == "open":
        _worded(remote, standing, proposal)
    return standing.number


def merged_from(remote: Remote, name: str, target: str) -> int | None:
    """Number of the last pull request that was merged from this branch of the repository into `target`; None where none was.

    Raises:
        Refused, NotMeasured: see `effects`.
    """

    def found() -> int | None:
        ours = [pull for pull in _from(remote, name) if pull.merged_at is not None and whole(pull.base, "base").ref == target]
        return max((whole(pull.number, "number") for pull in ours), default=None)

    return asked(remote, found, f"find what was merged from {name}")


def open_at(remote: Remote, paths: Collection[str]) -> tuple[int, ...]:
    """Numbers of the open pull requests that touch one of these paths, in order.

    One whose files GitHub does not list to the end counts: it may.

    Raises:
        Refused, NotMeasured: see `effects`.
    """
    if not paths:
        return ()
    return tuple(number for number in sorted(facts.open_pulls(remote)) if _touches(remote, number, frozenset(paths)))


def _touches(remote: Remote, number: int, paths: frozenset[str]) -> bool:
    pull = remote.repository.get_pull(number)
    files = asked(remote, lambda: [facts.file_of(file) for file in pull.get_files()], f"list the files of #{number}")
    return len(files) >= MOST_FILES or any({file.path, file.previous} & paths for file in files)


def _check(proposal: Proposal) -> None:
    """Nothing, or all that is wrong with it."""
    title, body = proposal.title, proposal.body
    problems = [
        (not _is_branch(proposal.branch), f"{proposal.branch!r} {_NO_BRANCH}"),
        (proposal.branch == proposal.target, f"{proposal.branch!r} is the branch to merge into: name another one"),
        (not _COMMIT.fullmatch(proposal.over), f"{proposal.over!r} does not name a commit: give all of its id"),
        *(_file_problem(path, content) for path, content in proposal.files.items()),
        (not proposal.files, "no file is proposed: name at least one"),
        (len(title) > LONGEST_TITLE, f"the title has {len(title):,} characters: GitHub takes {LONGEST_TITLE}"),
        (not title.strip(), "the pull request has no title: give it one"),
        (len(body) > LONGEST_BODY, f"the body has {len(body):,} characters: GitHub takes {LONGEST_BODY:,}"),
    ]
    if any(wrong for wrong, _ in problems):
        raise RegistryError(*(problem for wrong, problem in problems if wrong))


def _is_branch(name: str) -> bool:
    """True for what `git check-ref-format --branch` takes, of letters that need no quotes anywhere."""
    spelt = _BRANCH.fullmatch(name) and len(name) <= LONGEST_BRANCH and ".." not in name
    means_more = name == "HEAD" or name.startswith(("-", "refs/")) or _COMMIT.fullmatch(name)
    parts = all(part and part[0] != "." and not part.endswith((".", ".lock")) for part in name.split("/"))
    return bool(spelt and not means_more and parts)


def _file_problem(path: str, content: bytes) -> tuple[bool, str]:
    """(whether there is a problem, what it is)."""
    if not path.isprintable() or "\\" in path or any(part.casefold() in {"", ".", "..", ".git"} for part in path.split("/")):
        return True, f"{path!r} cannot be a path in a repository: give one from its top, with '/' between the parts"
    if len(content) >= branch.INLINE:
        return True, f"{path}: {len(content):,} bytes: only files below {branch.INLINE:,} are proposed"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    return "\0" in text, f"{path}: is not text in UTF-8: only text is proposed"


def _put(remote: Remote, proposal: Proposal) -> None:
    """Nothing; the branch has these files on top of `over`."""
    what = f"put the files on the branch {proposal.branch}"
    seen: GitRef | None = None

    def look() -> bool | None:
        nonlocal seen
        seen = branch.tip(remote, proposal.branch)
        at = seen.object.sha if seen else None
        return True if at and _holds(remote, at, proposal) and _contains(remote, at, proposal.over) else None

    for _ in range(ROUNDS):
        try:
            once(remote, look, lambda: _commit(remote, proposal, seen), what=what)
            return
        except Refused as refusal:
            now = asked(remote, lambda: branch.tip(remote, proposal.branch), f"see where {proposal.branch} stands")
            if refusal.status not in (409, 422) or (now and now.object.sha) == (seen and seen.object.sha):
                raise
        doze(remote.pauses[0])
    raise NotMeasured(f"could not {what}: somebody else wrote first, {ROUNDS} times; run the job again")


def _commit(remote: Remote, proposal: Proposal, seen: GitRef | None) -> bool:
    """True; one attempt to put a commit over the branch as it was seen, and only while the branch still stands there."""
    at = seen.object.sha if seen else None
    if at and _contains(remote, at, proposal.over):
        _unless_stale(remote, proposal, at)
    before, below = tree.tree(remote, proposal.over), remote.repository.get_git_commit(proposal.over)
    kept = {path for path in proposal.files if path in before and before[path].mode == EXECUTABLE}
    modes = {path: EXECUTABLE if path in kept else branch.FILE for path in proposal.files}
    rows = [InputGitTreeElement(path, modes[path], "blob", content=found.decode()) for path, found in proposal.files.items()]
    made = remote.repository.create_git_tree(rows, whole(below.tree, "tree"))
    whole(made.sha, "sha")
    parents = [below] if at in (None, proposal.over) else [remote.repository.get_git_commit(at), below]
    sha = whole(remote.repository.create_git_commit(proposal.message, made, parents).sha, "sha")
    if seen is None:
        remote.repository.create_git_ref(f"refs/heads/{proposal.branch}", sha)
    else:
        seen.edit(sha, force=False)
    return True


def _holds(remote: Remote, commit: str, proposal: Proposal) -> bool:
    """True where the commit has these files, with these bytes; a link to one that has them is none."""
    there = tree.tree(remote, commit)
    return all(path in there and _is(there[path], content) for path, content in proposal.files.items())


def _is(blob: tree.Blob, content: bytes) -> bool:
    try:
        tree.checked(content, blob.sha)
    except ValueError:
        return False
    return blob.mode in (branch.FILE, EXECUTABLE)


def _contains(remote: Remote, commit: str, ancestor: str) -> bool:
    """True where `ancestor` is the commit, or lies below it; one attempt."""
    try:
        found = remote.repository.compare(ancestor, commit, comparison_commits_per_page=1)
        return whole(found.status, "status") in ("ahead", "identical")
    except GithubException as error:
        if error.status == 404:  # they have no commit in common: somebody made the branch out of nothing
            return False
        raise


def _unless_stale(remote: Remote, proposal: Proposal, at: str) -> None:
    """Nothing, unless the branch has more of the target than `over` has: the files on top of it would take that back."""
    found = remote.repository.compare(proposal.target, at, comparison_commits_per_page=1)
    stands = whole(whole(found.merge_base_commit, "merge_base_commit").sha, "sha")
    if stands != proposal.over:
        raise NotMeasured(
            f"{proposal.branch} stands on {stands[:12]} of {proposal.target}, this was made from {proposal.over[:12]}: "
            f"run the job again, on {proposal.target} as it is now"
        )


def _from(remote: Remote, name: str) -> list[Pull]:
    """Every pull request from the branch; one attempt."""
    owner = remote.name.split("/")[0]
    listed = [*remote.repository.get_pulls(state="all", head=f"{owner}:{name}")]
    named = [pull for pull in listed if pull.head.ref == name and pull.head.repo is not None]
    return [pull for pull in named if pull.head.repo.full_name.casefold() == remote.name.casefold()]  # not a fork of our owner's


def _standing(remote: Remote, proposal: Proposal) -> Pull | None:
    """The open pull request from the branch into the target, or the merged one that brought these files; one attempt."""
    ours = _from(remote, proposal.branch)
    still_open = [pull for pull in ours if pull.state == "open" and whole(pull.base, "base").ref == proposal.target]
    closed = [pull for pull in ours if pull.state != "open"]
    last: Pull | None = max(still_open or closed, key=lambda pull: whole(pull.number, "number"), default=None)
    if last is None or last.state == "open":
        return last
    if last.merged_at is None:
        raise NotMeasured(
            f"#{last.number} was closed by a person, and not merged ({proposal.branch} into {proposal.target}): "
            "reopen it, or choose a new dataset version"
        )
    return last if _holds(remote, facts.tip(remote, proposal.target), proposal) else None


def _opened(remote: Remote, proposal: Proposal) -> Pull:
    """The open pull request, made where there is none; one that was merged in the meantime is as good."""
    what = f"open a pull request from {proposal.branch} into {proposal.target}"

    look = partial(_standing, remote, proposal)

    def act() -> Pull:
        made = remote.repository.create_pull(base=proposal.target, head=proposal.branch, title=proposal.title, body=proposal.body)
        whole(made.number, "number")
        return made

    try:
        return once(remote, look, act, what=what)
    except Refused as refusal:
        if refusal.status == 403 and FORBIDDEN in str(refusal):
            raise Refused(403, f"could not {what}: {_NO_PERMISSION}") from None
        found = asked(remote, look, f"see whether somebody else could {what}") if refusal.status == 422 else None
        if found is None:
            raise
        return found


def _worded(remote: Remote, pull: Pull, proposal: Proposal) -> None:
    """Nothing; title and body say what they shall."""

    def look() -> bool | None:
        return True if _says(remote.repository.get_pull(pull.number).complete(), proposal) else None

    def act() -> bool:
        pull.edit(title=proposal.title, body=proposal.body)
        return bool(whole(pull.title, "title"))

    if not _says(pull, proposal):
        once(remote, look, act, what=f"change the words of #{pull.number}")


def _says(pull: Pull, proposal: Proposal) -> bool:
    """True where the words are the same; GitHub trims them, and may end their lines in another way."""
    pairs = ((whole(pull.title, "title"), proposal.title), (pull.body or "", proposal.body))
    return all(shown.strip().splitlines() == wanted.strip().splitlines() for shown, wanted in pairs)
