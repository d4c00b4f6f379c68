"""prune: evidence that neither an entry nor an open pull request refers to goes, once it is old enough; the journal stays."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from typing import NamedTuple

from evalgate import policy as policy_files
from evalgate import registry
from evalgate.errors import NotMeasured, WrongInputError
from evalgate.pull_request import facts
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.records.policy import Policy
from evalgate.records.registry import Registry
from evalgate.stages.compose import SMALL
from evalgate.stages.pruning import Plan, carry_out, plan
from evalgate.stages.seen import Here, open_journal
from evalgate.stages.workspace import EVIDENCE


class Pruned(NamedTuple):
    """What goes, or went, at one place."""

    place: str
    plan: Plan


def prune(remote: Remote, here: Here, *, now: datetime, really: bool) -> tuple[Pruned, ...]:
    """What would go at every place that the default branch's policy names; with `really` it is gone.

    Raises:
        PolicyError: the default branch has no policy, or a wrong one.
        NotMeasured: not all that may refer to evidence could be read: nothing is pruned on half a picture.
    """
    heads, standing = facts.open_pulls(remote), facts.branches(remote)
    default = facts.default_branch(remote)
    tree = git.tree(remote, standing[default])
    if here.places.policy not in tree:
        raise NotMeasured(f"{here.places.policy}: the default branch has no policy: nothing says where evidence lies")
    policy = policy_files.parse(git.read(remote, tree[here.places.policy], most=SMALL), here.places.policy)
    listed = [sha for name, sha in standing.items() if name == default or _counts(name, policy)]
    known = (*_registries(remote, here, listed), *_registries(remote, here, heads.values(), proposed=True))
    done = []
    for place in dict.fromkeys(feature.evidence or EVIDENCE for feature in policy.features.values()):
        journal = open_journal(remote, place)
        act = carry_out if really else plan
        found = act(journal, known, tuple(heads), now=now, keep_days=policy.release.keep_days, place=place)
        done.append(Pruned(place, found))
    return tuple(done)


def _counts(branch: str, policy: Policy) -> bool:
    return any(fnmatchcase(branch, pattern) for pattern in policy.branches)


def _registries(remote: Remote, here: Here, commits: Iterable[str], *, proposed: bool = False) -> Iterator[Registry]:
    """The registry at every commit; one that is only `proposed`, and cannot be read, refers to nothing.

    Raises:
        RegistryError: one that counts cannot be read.
        NotMeasured: GitHub could not be asked.
    """
    for sha in dict.fromkeys(commits):
        blob = git.tree(remote, sha).get(here.places.registry)
        try:
            if blob is not None:
                yield registry.parse(git.read(remote, blob, most=SMALL), here.places.registry)
        except WrongInputError:
            if not proposed:
                raise
