"""The journal on a branch of its own: steps and evidence outlive the runner, and nobody needs more than the repository."""

from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType

from github.GitRef import GitRef

from evalgate.errors import NotMeasured
from evalgate.pull_request import branch, journal_lines, tree
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import Refused, asked, doze, once
from evalgate.pull_request.tree import Blob
from evalgate.records.journal import Entry
from evalgate.review import journal_file
from evalgate.review.evidence_files import KEPT

ROUNDS = 100
"""Writers who may be faster than we are, one after another."""
SLOWEST = 8
"""Where many write at once, the pause grows to this many times the first one."""
NO_FILES: Mapping[str, bytes] = MappingProxyType({})
MOVED = (409, 422)
"""How GitHub says, among other things, that a branch no longer stands where it was seen."""


class BranchJournal:
    """A `ports.Journal` on one branch, which begins with the first step and shares no history with any other.

    `pulls/<number>.jsonl` holds all steps of a pull request, `features/<feature>.jsonl` those that later pull requests
    need as well, and evidence lies beside them under its digests. A step is one commit, made on top of the commit that
    was read and put in place only while the branch still stands there.
    """

    remains = "the branch's history still holds them: git gives the room back only when the branch is begun anew"
    """What is left of files that were removed, for people."""

    def __init__(self, remote: Remote, name: str) -> None:
        self._remote = remote
        self._name = name

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

    def read(self, name: str, /) -> bytes | None:
        """An evidence file; None where there is none.

        Raises:
            NotMeasured: it cannot be read.
        """
        return self._read(journal_file.plain(name))

    def append(self, entry: Entry, files: Mapping[str, bytes] = NO_FILES, /) -> Entry:
        """The entry that stands under this key: this one, or the one that was there before.

        Raises:
            NotMeasured: it could not be written, or not be known whether it was; or a file is too large.
            ValueError: a file does not lie under its digest.
        """
        journal_lines.check_files(files)
        what = self._to(f"write the step {entry.key}")
        for crowd in range(1, ROUNDS + 1):
            attempt = _Attempt(self._remote, self._name, entry, files)
            try:
                return once(self._remote, attempt.look, attempt.act, what=what)
            except Refused as refusal:
                if refusal.status not in MOVED or self.stands() == _sha(attempt.over):
                    raise
            doze(self._remote.pauses[0] * min(crowd, SLOWEST))
        raise NotMeasured(f"could not {what}: somebody else wrote first, {ROUNDS} times; run the job again")

    def stands(self) -> str:
        """Commit that the branch stands at, which every write moves; empty where there is no branch.

        Raises:
            NotMeasured: GitHub could not be asked.
        """
        return _sha(asked(self._remote, lambda: branch.tip(self._remote, self._name), self._to("see where it stands")))

    def steps(self) -> tuple[Entry, ...]:
        """Every step on every pull request and feature, each once.

        Raises:
            NotMeasured: the journal cannot be read, or holds what is no step.
        """
        files = [blob for path, blob in self._tree(self.stands()).items() if journal_file.holds_steps(path)]
        read = [(blob.path, tree.read(self._remote, blob, most=journal_lines.LARGEST)) for blob in files]
        return tuple(dict.fromkeys(e for path, found in read for e in journal_file.entries(found, f"{self._name}:{path}")))

    def places(self) -> dict[str, int]:
        """All evidence: place -> bytes.

        Raises:
            NotMeasured: the branch cannot be listed.
        """
        return {path: blob.size or 0 for path, blob in self._tree(self.stands()).items() if path.startswith(KEPT)}

    def young(self, _places: Collection[str], _since: datetime, /) -> frozenset[str]:
        """None: a file and the step that names it are one commit, so none waits for its step."""
        return frozenset()

    def remove(self, places: Collection[str], stands: str, _since: datetime, /) -> tuple[str, ...] | None:
        """`places`, which one commit took away; None where the branch no longer stood at `stands`: then nothing was.

        The commits before it still hold the files, and git keeps them as long as it keeps the branch.

        Raises:
            NotMeasured: they could not be removed, or not be known whether they were.
            ValueError: a place is none of evidence.
        """
        if not all(place.startswith(KEPT) for place in places):
            raise ValueError("only evidence is removed, the journal never")
        if not places:
            return ()
        removal = _Removal(self._remote, self._name, places, stands)
        try:
            return once(self._remote, removal.look, removal.act, what=self._to(f"remove {len(places)} files"))
        except _MovedError:
            return None
        except Refused as refusal:
            if refusal.status not in MOVED or self.stands() == stands:
                raise
            return None

    def _tree(self, commit: str) -> dict[str, Blob]:
        return tree.tree(self._remote, commit) if commit else {}

    def _entries(self, path: str) -> tuple[Entry, ...]:
        return journal_file.entries(self._read(path), f"{self._name}:{path}")

    def _read(self, path: str) -> bytes | None:
        def call() -> bytes | None:
            over = branch.tip(self._remote, self._name)
            return branch.read(self._remote, over.object.sha, path) if over else None

        return asked(self._remote, call, self._to(f"read {path}"))

    def _to(self, what: str) -> str:
        return f"{what} on the branch {self._name}"


class _Attempt:
    """One try to put a step on the branch as it was seen."""

    def __init__(self, remote: Remote, name: str, entry: Entry, files: Mapping[str, bytes]) -> None:
        self.over: GitRef | None = None
        self._remote, self._name, self._entry, self._files = remote, name, entry, files
        self._content: bytes | None = None

    def look(self) -> Entry | None:
        path = journal_file.of_pull(self._entry.pull)
        self.over = branch.tip(self._remote, self._name)
        self._content = self._read(path)
        found = journal_file.entries(self._content, f"{self._name}:{path}")
        return next((entry for entry in found if entry.key == self._entry.key), None)

    def act(self) -> Entry:
        own, *shared = journal_file.places(self._entry)
        before = {own: self._content, **{path: self._read(path) for path in shared}}
        lines = {path: journal_file.added(content, self._entry) for path, content in before.items()}
        message = f"{self._entry.step} on #{self._entry.pull}"
        branch.advance(self._remote, self._name, self.over, {**self._files, **lines}, message)
        return self._entry

    def _read(self, path: str) -> bytes | None:
        return branch.read(self._remote, self.over.object.sha, path) if self.over else None


class _MovedError(Exception):
    """The branch went on, and what is to be removed was decided on what it was before."""


class _Removal:
    """One try to take files away from the branch, as it stood when that was decided."""

    def __init__(self, remote: Remote, name: str, places: Collection[str], stands: str) -> None:
        self._remote, self._name, self._places, self._stands = remote, name, tuple(places), stands
        self._over: GitRef | None = None

    def look(self) -> tuple[str, ...] | None:
        self._over = branch.tip(self._remote, self._name)
        if _sha(self._over) == self._stands:
            return None
        left = tree.tree(self._remote, _sha(self._over)) if self._over else {}
        if any(place in left for place in self._places):
            raise _MovedError
        return self._places  # an answer was lost, and it was ours

    def act(self) -> tuple[str, ...]:
        gone: dict[str, bytes | None] = dict.fromkeys(self._places)
        branch.advance(self._remote, self._name, self._over, gone, f"{len(gone)} files that nothing refers to")
        return self._places


def _sha(over: GitRef | None) -> str:
    return over.object.sha if over else ""
