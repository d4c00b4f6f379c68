"""What git, the journal and the API say of the pull request behind a piece of evidence."""

from collections.abc import Callable, Iterator

from evalgate.errors import PolicyError, UnreadableJournalError
from evalgate.ports import Journal
from evalgate.pull_request import facts
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import Refused
from evalgate.records.binding import Binding
from evalgate.records.journal import Entry
from evalgate.records.link import Link
from evalgate.records.policy import Review
from evalgate.records.pull_request import PullRequest
from evalgate.records.registry import RegistryEntry
from evalgate.review.approvals import approvals, same_login
from evalgate.review.work import deciding, judged_before
from evalgate.stages.compose import MOST
from evalgate.stages.opened import Told

GONE = (404, 422)
"""How GitHub says that it knows no such commit or pull request."""


def dataset_in_git(remote: Remote) -> Callable[[Told], bytes | None]:
    """Finds the dataset of a training in the commit that was approved; a link or a commit that is not there is none."""

    def found(told: Told) -> bytes | None:
        bound = told.manifest.binding
        if bound is None or bound.dataset is None:
            return None
        try:
            blob = git.tree(remote, bound.head).get(bound.dataset)
            return None if blob is None else git.read(remote, blob, most=MOST)
        except PolicyError:
            return None
        except Refused as refusal:
            if refusal.status not in GONE:
                raise
            return None

    return found


def of_pull(remote: Remote, told: Told, journal: Journal, review: Review, entry: RegistryEntry | None = None) -> Iterator[Link]:
    """Whether evidence is of a pull request whose approvals still count, and is the end that its journal knows.

    `entry` is what was made of it, where that is there already: it was made when the verdict was reached.

    Raises:
        NotMeasured: GitHub or the journal could not be asked.
    """
    bound = told.manifest.binding
    if bound is None:
        yield Link("approvals", "the evidence is of a run outside of a pull request: nobody approved its data")
        return
    if bound.repository.casefold() != remote.name.casefold():
        yield Link("approvals", f"the evidence is of another repository, {bound.repository}")
        return
    yield from _approvals(remote, review, bound, told.manifest.approved_by)
    try:
        yield from _journal(told, bound, journal, entry)
    except UnreadableJournalError as error:
        yield Link("journal", f"cannot be read: {error.problems[0]}")


def registered_when(end: Entry) -> str:
    """What an entry says of when it was made: when the verdict was reached, so that the same entry is the same text."""
    return f"{end.at[:19]}Z"


def _journal(told: Told, bound: Binding, journal: Journal, entry: RegistryEntry | None) -> Iterator[Link]:
    """Whether the journal knows the evidence as what decided, and how often was tried."""
    end = deciding(journal.of_pull(bound.pull), bound.head, bound.key, trains=True)
    if end is None or end.evidence != told.sha256:
        yield Link("journal", f"the journal of #{bound.pull} does not name this evidence as what decided")
    elif entry is not None and entry.registered_at != registered_when(end):
        yield Link(
            "entry.registered_at", f"is {entry.registered_at or 'nothing'}, the verdict was reached at {registered_when(end)}"
        )
    if bound.feature != told.manifest.feature:  # another link says so, and a name from evidence is no path
        return
    tried = (*judged_before(journal.of_feature(bound.feature), bound.base, bound.key), bound.key)
    if told.verdict.attempt is None or len(tried) > told.verdict.attempt:
        yield Link("attempts", f"the journal counts {len(tried)} attempts, the verdict was told of {told.verdict.attempt}")


def _approvals(remote: Remote, review: Review, bound: Binding, named: tuple[str, ...]) -> Iterator[Link]:
    """Whether the pull request behind evidence is as it was when its data was approved, and enough people still stand by it."""
    try:
        pull = facts.observe(remote, bound.pull)
    except Refused as refusal:
        if refusal.status not in GONE:
            raise
        yield Link("approvals", f"#{bound.pull} is no pull request of {bound.repository}")
        return
    counted = approvals(pull)
    if not pull.open and not pull.merged:
        yield Link("approvals", f"#{pull.number}, which brought the dataset, was closed and not merged")
    if pull.target_branch != bound.target_branch:
        yield Link("approvals", f"#{pull.number} goes into {pull.target_branch!r} now, it was judged for {bound.target_branch!r}")
    if pull.head != bound.head:
        yield Link("approvals", f"#{pull.number} has a newer commit than the one that was approved and judged")
        return
    if len(counted.by) < review.approvals or counted.against:
        against = f", and {len(counted.against)} ask for changes" if counted.against else ""
        yield Link("approvals", f"#{pull.number} has {len(counted.by)} approvals that count of {review.approvals}{against}")
    if strangers := [login for login in named if not _reviewed(pull, login)]:
        yield Link("approvals", f"{', '.join(strangers)} never approved {pull.head[:12]} of #{pull.number}, the evidence says so")


def _reviewed(pull: PullRequest, login: str) -> bool:
    """True for somebody who approved the head once, be it taken back since."""
    found = [one for one in pull.reviews if one.commit == pull.head and one.state in ("APPROVED", "DISMISSED")]
    return any(one.by is not None and same_login(one.by, login) for one in found)
