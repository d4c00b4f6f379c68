"""The journal on a branch of its own: steps and evidence outlive the runner, and nobody needs more than the repository."""

from collections.abc import Mapping
from types import MappingProxyType

from github.GitRef import GitRef

from evalgate.errors import NotMeasured
from evalgate.pull_request import branch, journal_lines
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import Refused, asked, doze, once
from evalgate.records.journal import Entry

ROUNDS = 100
"""Writers who may be faster than we are, one after another."""
SLOWEST = 8
"""Where many write at once, the pause grows to this many times the first one."""
NO_FILES: Mapping[str, bytes] = MappingProxyType({})


class BranchJournal:
    """A `ports.Journal` on one branch, which begins with the first step and shares no history with any other.

    `pulls/<number>.jsonl` holds all steps of a pull request, `features/<feature>.jsonl` those that later pull requests
    need as well, and evidence lies beside them. A step is one commit, made on top of the commit that was read and put
    in place only while the branch still stands there.
    """

    def __init__(self, remote: Remote, name: str) -> None:
        self._remote = remote
        self._name = name

    def of_pull(self, number: int, /) -> tuple[Entry, ...]:
        """Every step on one pull request, oldest first.

        Raises:
            NotMeasured: the journal cannot be read, or holds what is no step.
        """
        return self._entries(journal_lines.of_pull(number))

    def of_feature(self, feature: str, /) -> tuple[Entry, ...]:
        """The steps on all pull requests that later ones of the same feature need, oldest first.

        Raises:
            NotMeasured: the journal cannot be read, or holds what is no step.
        """
        return self._entries(journal_lines.of_feature(feature))

    def read(self, name: str, /) -> bytes | None:
        """An evidence file; None where there is none.

        Raises:
            NotMeasured: it cannot be read.
        """
        return self._read(journal_lines.plain(name))

    def append(self, entry: Entry, files: Mapping[str, bytes] = NO_FILES, /) -> Entry:
        """The entry that stands under this key: this one, or the one that was there before.

        Raises:
            NotMeasured: it could not be written, or not be known whether it was.
        """
        journal_lines.check_files(entry, files)
        what = self._to(f"write the step {entry.key}")
        for crowd in range(1, ROUNDS + 1):
            attempt = _Attempt(self._remote, self._name, entry, files)
            try:
                return once(self._remote, attempt.look, attempt.act, what=what)
            except Refused as refusal:
                if refusal.status not in (409, 422) or not self._moved_from(attempt.over):
                    raise
            doze(self._remote.pauses[0] * min(crowd, SLOWEST))
        raise NotMeasured(f"could not {what}: somebody else wrote first, {ROUNDS} times; run the job again")

    def _entries(self, path: str) -> tuple[Entry, ...]:
        return journal_lines.entries(self._read(path), f"{self._name}:{path}")

    def _read(self, path: str) -> bytes | None:
        def call() -> bytes | None:
            over = branch.tip(self._remote, self._name)
            return branch.read(self._remote, over.object.sha, path) if over else None

        return asked(self._remote, call, self._to(f"read {path}"))

    def _moved_from(self, over: GitRef | None) -> bool:
        now = asked(self._remote, lambda: branch.tip(self._remote, self._name), self._to("see where it stands"))
        return (now and now.object.sha) != (over and over.object.sha)

    def _to(self, what: str) -> str:
        return f"{what} on the branch {self._name}"


class _Attempt:
    """One try to put a step on the branch as it was seen."""

    def __init__(self, remote: Remote, name: str, entry: Entry, files: Mapping[str, bytes]) -> None:
        self.over: GitRef | None = None
        self._remote, self._name, self._entry, self._files = remote, name, entry, files
        self._content: bytes | None = None

    def look(self) -> Entry | None:
        path = journal_lines.of_pull(self._entry.pull)
        self.over = branch.tip(self._remote, self._name)
        self._content = self._read(path)
        found = journal_lines.entries(self._content, f"{self._name}:{path}")
        return next((entry for entry in found if entry.key == self._entry.key), None)

    def act(self) -> Entry:
        own, *shared = journal_lines.places(self._entry)
        before = {own: self._content, **{path: self._read(path) for path in shared}}
        lines = {path: journal_lines.added(content, self._entry) for path, content in before.items()}
        message = f"{self._entry.step} on #{self._entry.pull}"
        branch.advance(self._remote, self._name, self.over, {**self._files, **lines}, message)
        return self._entry

    def _read(self, path: str) -> bytes | None:
        return branch.read(self._remote, self.over.object.sha, path) if self.over else None
