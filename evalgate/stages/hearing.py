"""A command in a comment: who may, what it does to the journal, and the reaction that answers it."""

from collections.abc import Sequence
from itertools import takewhile

from evalgate.pull_request import facts, reaction
from evalgate.pull_request.client import Remote
from evalgate.review.approvals import same_login
from evalgate.review.commands import Command, parse
from evalgate.review.work import Work, works
from evalgate.stages.seen import Here, Seen
from evalgate.stages.tidying import end
from evalgate.stages.trigger import look


def hear(remote: Remote, number: int, comment_id: int, here: Here) -> Command | None:
    """The command in a comment, answered with a reaction; None when it is none, or from somebody who may not.

    What it does to the journal is done here; what it asks for is decided by the threshold.
    """
    said = reaction.comment_of(remote, comment_id)
    asked = parse(said.body)
    if asked is None or said.created_at != said.updated_at or said.login is None:
        return None
    who = facts.person(remote, said.login)
    if said.kind != "User" or not who.may_write:
        reaction.react(remote, comment_id, "-1")
        return None
    if isinstance(asked, str):
        reaction.react(remote, comment_id, "confused")
        return None
    done = _obeyed(remote, look(remote, number, here), asked, who.login, comment_id, here)
    reaction.react(remote, comment_id, "+1" if done else "confused")
    return asked


def _obeyed(remote: Remote, seen: Seen, asked: Command, by: str, comment_id: int, here: Here) -> bool:
    """Whether the command could be followed as far as the journal goes; a second one like it changes nothing."""
    if seen.journal is None:
        return asked.name == "status"
    key = here.entry(seen, "command", f"command/{comment_id}").key
    until = tuple(takewhile(lambda entry: entry.key != key, seen.entries))
    running = [work for work in works(until) if work.running]
    if len(until) == len(seen.entries) and not _may_be_followed(seen, asked, by, running):
        return False
    note = seen.journal.append(here.entry(seen, "command", f"command/{comment_id}", by=by, said=asked.name))
    if asked.name == "approve-cost":  # again where it was heard before: whoever heard it may have stopped right then
        seen.journal.append(here.entry(seen, "cost_approved", f"cost/{note.head}/{by}", by=by, head=note.head))
    if asked.name == "cancel":
        begun = {work.started.key for work in running}
        for work in works(seen.entries):
            if work.running and work.started.key in begun:
                end(remote, seen, work, "cancelled", f"cancelled by {by}", here)
    return True


def _may_be_followed(seen: Seen, asked: Command, by: str, running: Sequence[Work]) -> bool:
    """Whether there is something to cancel; whether the cost is this head's, and its approval not the author's own."""
    if asked.name == "cancel":
        return bool(running)
    if asked.name != "approve-cost":
        return True
    own = seen.pull.author is None or same_login(by, seen.pull.author)
    return not own and asked.commit is not None and seen.pull.head.startswith(asked.commit)
