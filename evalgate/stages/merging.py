"""merge: a pull request whose standing is green is merged at exactly the commit that was judged."""

from evalgate.errors import NotMeasured
from evalgate.pull_request import merging
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import Refused
from evalgate.stages.controller import Ended, reconcile
from evalgate.stages.proof import proven
from evalgate.stages.registering import bring_up_to_date
from evalgate.stages.seen import Here
from evalgate.stages.trigger import look

HOLDS = {
    403: "the token may not merge: give it `contents: write`, or let a person merge",
    405: "GitHub does not let it be merged: reviews, checks or conflicts are in the way",
    409: "its head is another commit by now",
}


def merge(remote: Remote, number: int, head: str, here: Here) -> Ended:
    """The pull request, merged at `head` and its comment made true; merged already is as good.

    Raises:
        NotMeasured: it is not merged, and why.
    """
    seen = proven(look(remote, number, here))
    if not seen.pull.merged:
        if seen.pull.head != head:
            raise NotMeasured(f"#{number} is not merged: {HOLDS[409]} ({seen.pull.head[:12]}): {seen.standing.headline}")
        if seen.standing.conclusion != "success":
            raise NotMeasured(f"#{number} is not merged: {seen.standing.headline}")
        try:
            merging.merge(remote, number, head)
        except Refused as refusal:
            after = look(remote, number, here)
            if not after.pull.merged or after.pull.head != head:  # nobody else merged the same commit in this moment
                now = f"; as it stands now: {after.standing.headline}" if refusal.status == 409 else ""
                raise NotMeasured(f"#{number} is not merged: {HOLDS.get(refusal.status, refusal.problems[0])}{now}") from refusal
    ended = reconcile(remote, number, here)
    if ended.standing.kind == "registry":
        bring_up_to_date(remote, here, apart=number)
    return ended
