"""merge: a pull request whose standing is green is merged at exactly the commit that was judged."""

from evalgate.errors import NotMeasured
from evalgate.judgement.markdown import code_span
from evalgate.pull_request import facts, merging
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import Refused
from evalgate.stages.controller import Ended, reconcile
from evalgate.stages.proof import proven
from evalgate.stages.registering import bring_up_to_date
from evalgate.stages.seen import Here, Seen
from evalgate.stages.trigger import look

HOLDS = {
    403: "the token may not merge: give it `contents: write`, or let a person merge",
    405: "GitHub does not let it be merged: reviews, checks or conflicts are in the way",
    409: "its head is another commit by now",
}
ROUNDS = 5
"""How often it is looked at again because its target branch moved meanwhile."""


def merge(remote: Remote, number: int, head: str, here: Here) -> Ended:
    """The pull request, merged at `head` and its comment made true; merged already is as good.

    Raises:
        NotMeasured: it is not merged, and why; or it is, and its target branch has not what was verified.
    """
    seen, made = _green(remote, number, head, here), None
    if not seen.pull.merged:
        try:
            made = merging.merge(remote, number, head, into=seen.pull.target_branch)
        except Refused as refusal:
            after = look(remote, number, here)
            if not after.pull.merged or after.pull.head != head:  # nobody else merged the same commit in this moment
                now = f"; as it stands now: {after.standing.headline}" if refusal.status == 409 else ""
                raise NotMeasured(f"#{number} is not merged: {HOLDS.get(refusal.status, refusal.problems[0])}{now}") from refusal
    ended = reconcile(remote, number, here)
    if ended.standing.kind == "registry":
        bring_up_to_date(remote, here, apart=number)
        if made is not None:
            _refuse_a_mixture(remote, number, head, made, here)
    return ended


def _green(remote: Remote, number: int, head: str, here: Here) -> Seen:
    """The pull request, merged already or green on the commit that its target branch stands at now.

    A look takes seconds, and a merge is bound to the head alone: whatever came into the target meanwhile is looked at too.

    Raises:
        NotMeasured: it is neither, and why.
    """
    for _ in range(ROUNDS):
        seen = proven(look(remote, number, here))
        if seen.pull.merged:
            return seen
        if seen.pull.head != head:
            raise NotMeasured(f"#{number} is not merged: {HOLDS[409]} ({seen.pull.head[:12]}): {seen.standing.headline}")
        if seen.standing.conclusion != "success":
            raise NotMeasured(f"#{number} is not merged: {seen.standing.headline}")
        if facts.tip(remote, seen.pull.target_branch) == seen.pull.target:
            return seen
    moved = f"{seen.pull.target_branch!r} moved each of the {ROUNDS} times that it was looked at"
    raise NotMeasured(f"#{number} is not merged: {moved}: run the job again")


def _refuse_a_mixture(remote: Remote, number: int, head: str, made: str, here: Here) -> None:
    """Nothing, or an error: the merge left the registry that was verified, and not a mixture of it with another change.

    Raises:
        NotMeasured: somebody changed it in the moment between the last look and the merge: git merged the two as text.
    """
    place = here.places.registry
    brought, stands = (git.tree(remote, commit).get(place) for commit in (head, made))
    if (brought and brought.sha) != (stands and stands.sha):
        raise NotMeasured(
            f"#{number} is merged, but {code_span(place)} is a mixture of it and of a change that came in the same moment, and "
            "nobody verified the two together: verify what is served now, and take back what does not hold (registry rollback)"
        )
