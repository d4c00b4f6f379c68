"""The evidence branch as a clone on this machine has it: read with git alone, no network and no token."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from evalgate.errors import NotMeasured, PolicyError
from evalgate.records.journal import Entry
from evalgate.redaction import mask, safe_line
from evalgate.review import journal_file

_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_NO_BRANCH = re.compile(r"\.\.|\.(?:/|$)|\.lock(?:/|$)")
_FILE = re.compile(rb"100(?:644|755) blob ([0-9a-f]{40}(?:[0-9a-f]{24})?)\t[^\0]*\0")
_QUIET = (
    "--no-pager",
    "--no-replace-objects",
    "--literal-pathspecs",
    "-c", f"core.hooksPath={os.devnull}",
    "-c", "core.fsmonitor=false",
    "-c", "protocol.allow=never",
    "-c", "log.showSignature=false",
)  # fmt: skip
"""What lies in the clone is read as it is: nothing of its settings runs, and what it lacks is not fetched behind our back."""


class GitShelf:
    """The branch in the clone at a folder, as `origin` was fetched last, else the local branch; fulfils `ports.Shelf`."""

    def __init__(self, folder: Path, branch: str) -> None:
        """Name the branch; nothing is read yet.

        Raises:
            PolicyError: no branch can be named so.
        """
        if not _BRANCH.fullmatch(branch) or _NO_BRANCH.search(branch):
            raise PolicyError(f"evidence 'branch:{branch}': no branch can be named so: letters, digits, `.`, `_`, `-` and `/`")
        self.folder, self.branch = folder, branch

    def read(self, name: str, /) -> bytes | None:
        """An evidence file; None where the branch has no such file.

        Raises:
            NotMeasured: the branch is not in the clone, or it cannot be read.
        """
        path = journal_file.plain(name)
        row = _FILE.fullmatch(self._git("ls-tree", "-z", "--full-tree", self._commit(), "--", path))
        return None if row is None else self._git("cat-file", "blob", row[1].decode())

    def of_pull(self, number: int, /) -> tuple[Entry, ...]:
        """Every step on one pull request, oldest first.

        Raises:
            NotMeasured: the journal cannot be read, or holds what is no step.
        """
        return self._entries(journal_file.of_pull(number))

    def of_feature(self, feature: str, /) -> tuple[Entry, ...]:
        """The steps on all pull requests that later ones of the same feature need, oldest first.

        Raises:
            NotMeasured: the journal cannot be read, or holds what is no step.
        """
        return self._entries(journal_file.of_feature(feature))

    def _entries(self, path: str) -> tuple[Entry, ...]:
        return journal_file.entries(self.read(path), f"{self.branch}:{path}")

    def _commit(self) -> str:
        """The commit that the branch stands at.

        Raises:
            NotMeasured: the clone has none, or is none.
        """
        for ref in (f"refs/remotes/origin/{self.branch}", f"refs/heads/{self.branch}"):
            found = self._git("rev-parse", "--verify", "--quiet", ref + "^{commit}", fails=(1,))
            if found:
                return found.decode().strip()
        into = f"{self.branch}:refs/remotes/origin/{self.branch}"  # a clone of one branch would fetch it into nothing
        raise NotMeasured(f"{self.folder}: the clone has no branch {self.branch}: fetch it: git fetch origin {into}")

    def _git(self, *words: str, fails: tuple[int, ...] = ()) -> bytes:
        """What git printed, or nothing where it ends with one of `fails`.

        Raises:
            NotMeasured: it ends otherwise, or is not there.
        """
        ran = git(self.folder, *words)
        if ran.returncode == 0:
            return ran.stdout
        if ran.returncode in fails:
            return b""
        needs = f"it must be a whole clone: git fetch --refetch origin {self.branch}:refs/remotes/origin/{self.branch}"
        raise NotMeasured(f"{self.folder}: the branch {self.branch} cannot be read: {said_by(ran)}; {needs}")


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """What became of a git command in a clone, however it ended: nothing of the clone's settings runs, nothing is fetched.

    Raises:
        NotMeasured: there is no git.
    """
    program = shutil.which("git")
    if program is None:
        raise NotMeasured("git is not installed here: install it, it reads what lies in the clone")
    given = [program, "-C", str(folder), *_QUIET, *words]
    return subprocess.run(given, stdin=subprocess.DEVNULL, capture_output=True, env=_surroundings(), check=False)


def said_by(ran: subprocess.CompletedProcess[bytes]) -> str:
    """What git complained of, on one line that is fit to be shown."""
    return safe_line(mask(ran.stderr.decode(errors="replace").strip()), 300)


def _surroundings() -> dict[str, str]:
    """All that git is told: no GIT_* of ours that would lead it elsewhere, and the home whose settings trust the clone."""
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        return {**quiet, "PATH": os.defpath, "HOME": str(Path.home())}
    except RuntimeError:  # nobody's home
        return {**quiet, "PATH": os.defpath}
