"""What lies between two commits, for merge queues, which have no pull request of their own."""

from evalgate.errors import NotMeasured
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import asked
from evalgate.pull_request.facts import file_of
from evalgate.pull_request.faults import whole
from evalgate.records.pull_request import ChangedFile

MOST_FILES = 300
"""As many as GitHub lists of a comparison."""


def between(remote: Remote, base: str, head: str) -> tuple[str, tuple[ChangedFile, ...]]:
    """The commit that `base` stands at, and every path that `head` changes on top of it.

    Raises:
        Refused: there is no such commit.
        NotMeasured: GitHub could not be asked, or lists only a part.
    """

    def call() -> tuple[str, tuple[ChangedFile, ...]]:
        found = remote.repository.compare(base, head)
        return whole(found.base_commit.sha, "base_commit.sha"), tuple(file_of(one) for one in found.files)

    tip, files = asked(remote, call, f"compare {base} with {head[:12]}")
    if len(files) >= MOST_FILES:
        raise NotMeasured(f"{head[:12]} changes {MOST_FILES} files or more: GitHub lists no more, so nothing can be told of them")
    return tip, files


def merge_base(remote: Remote, base: str, head: str) -> str:
    """The last commit that `base` and `head` share.

    Raises:
        Refused: there is no such commit.
        NotMeasured: GitHub could not be asked.
    """

    def call() -> str:
        return whole(remote.repository.compare(base, head).merge_base_commit.sha, "merge_base_commit.sha")

    return asked(remote, call, f"find where {head[:12]} left {base[:12]}")
