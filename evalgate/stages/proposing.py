"""A change of flags, shares or the default, opened as a pull request on the registry that the default branch has now."""

from collections.abc import Callable

from evalgate import registry, store
from evalgate.errors import RegistryError
from evalgate.pull_request import facts, proposal
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.stages.compose import SMALL
from evalgate.stages.controller import reconcile
from evalgate.stages.seen import Here


def propose_change(remote: Remote, here: Here, what: str, feature: str, change: Callable[[str], str]) -> int | None:
    """Number of the pull request, None where the registry says so already; the same change twice is one pull request.

    Args:
        what: rollout or rollback; part of the branch's name and the title.
        change: The registry's text -> its text afterwards.

    Raises:
        RegistryError: there is no registry, or the change cannot be made.
        NotMeasured: GitHub could not be asked or written to.
    """
    target = facts.default_branch(remote)
    over = facts.tip(remote, target)
    blob = git.tree(remote, over).get(here.places.registry)
    if blob is None:
        raise RegistryError(f"{here.places.registry}: the default branch {target!r} has no registry")
    before = git.read(remote, blob, most=SMALL)
    registry.parse(before, here.places.registry)
    after = change(before.decode())
    if after == before.decode():
        return None
    title = f"{feature}: {what}"
    number = proposal.propose(
        remote,
        proposal.Proposal(
            branch=f"evalgate/{what}/{feature}-{store.key_of(over, after)[:12]}",
            target=target,
            over=over,
            files={here.places.registry: after.encode()},
            message=title,
            title=title,
            body=f"Opened by `evalgate registry {what} --open`. The check says what changes and whether evidence carries it.\n",
        ),
    )
    reconcile(remote, number, here)
    return number
