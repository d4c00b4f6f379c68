"""doctor on a repository: what GitHub is not told yet, so that a gate can be walked around."""

import posixpath
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from evalgate import policy as policy_files
from evalgate import registry, yamlfile
from evalgate.errors import EvalGateError, NotMeasured, PolicyError
from evalgate.pull_request import protection
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.redaction import mask, safe_line
from evalgate.review.codeowners import PLACES as CODEOWNERS
from evalgate.review.ground import Files, Unseen, Workflow
from evalgate.review.health import points
from evalgate.review.kinds import Places, suite_places
from evalgate.review.point import Point, State
from evalgate.stages.compose import MOST, Tree
from evalgate.stages.first_run import WORKFLOWS
from evalgate.stages.workspace import EVIDENCE

T = TypeVar("T")
ACTIONS = ".github/actions"


def repository_points(remote: Remote, branch: str | None, places: Places) -> tuple[Point, ...]:
    """What a repository lacks; of its branches the one that is named, else its default branch.

    Raises:
        PolicyError: there is no such branch.
        NotMeasured: the repository itself cannot be seen.
    """
    home = protection.home(remote)
    ground = protection.observe(remote, home, branch or home.default)
    if ground.target.commit is None:
        raise PolicyError(f"{remote.name} has no branch {ground.target.name!r}: say --branch, or push a first commit")
    files = _files(remote, ground.target.commit, ground.default.commit, places)
    if not isinstance(files, Unseen):
        names = [place.partition(":")[2] for place in files.evidence if place.startswith("branch:")]
        ground = ground._replace(evidence=tuple(protection.branch(remote, name) for name in names))
    return points(ground, files)


def _files(remote: Remote, target: str | Unseen, default: str | Unseen | None, places: Places) -> Files | Unseen:
    """What lies on the two branches; one file that is not shown makes all unseen."""
    if isinstance(target, Unseen):
        return target
    if isinstance(default, Unseen):
        return default
    try:
        tree = git.tree(remote, target)
        trunk = tree if default is None or default == target else git.tree(remote, default)
        return _read(remote, tree, trunk, places)
    except NotMeasured as fault:
        return protection.unseen(fault, protection.CONTENTS)


def _read(remote: Remote, tree: Tree, trunk: Tree, places: Places) -> Files:
    policy, wrong = _parsed(remote, tree, places.policy, policy_files.parse)
    _, wrong_registry = _parsed(remote, tree, places.registry, registry.parse)
    owners = next((path for path in CODEOWNERS if path in tree), None)
    features = list(policy.features.values()) if policy else []
    home = posixpath.dirname(places.policy)
    named = [posixpath.normpath(posixpath.join(home, place)) for feature in features for place in suite_places(feature)]
    folders = [WORKFLOWS, *([ACTIONS] if any(path.startswith(f"{ACTIONS}/") for path in tree) else [])]
    workflows = tuple(_workflows(remote, tree))
    return Files(
        paths=frozenset(tree),
        policy=places.policy,
        registry=places.registry,
        policy_problems=wrong,
        registry_problems=wrong_registry,
        codeowners=None if owners is None else _text(remote, tree, owners),
        guarded=tuple(dict.fromkeys([places.policy, places.registry, *named, *folders, *([owners] if owners else [])])),
        evidence=tuple(dict.fromkeys(feature.evidence or EVIDENCE for feature in features)) or (EVIDENCE,),
        workflows=workflows if trunk is tree else tuple(_workflows(remote, trunk)),
        target_workflows=workflows,
    )


def _parsed(remote: Remote, tree: Tree, path: str, parse: Callable[[bytes, str], T]) -> tuple[T | None, tuple[str, ...] | None]:
    """A file as a record, and what is wrong with it: None where there is no file."""
    if path not in tree:
        return None, None
    try:
        return parse(git.read(remote, tree[path], most=MOST), path), ()
    except NotMeasured:
        raise
    except EvalGateError as error:
        return None, tuple(safe_line(mask(problem), 600) for problem in error.problems)


def _text(remote: Remote, tree: Tree, path: str) -> str:
    """A file's text; "" for a link, which GitHub reads as that."""
    try:
        return git.read(remote, tree[path], most=MOST).decode("utf-8", "replace")
    except PolicyError:
        return ""


def _workflows(remote: Remote, tree: Tree) -> Iterator[Workflow]:
    """The workflow files that can be read; one that cannot be is nobody's business here."""
    for path in sorted(tree):
        if posixpath.dirname(path) == WORKFLOWS and path.endswith((".yml", ".yaml")):
            found = workflow_of(path, _text(remote, tree, path))
            if found is not None:
                yield found


def workflow_of(path: str, text: str) -> Workflow | None:
    """A workflow's name and what starts it; None where the text is no workflow."""
    told = yamlfile.load(text).value
    if not isinstance(told, dict):
        return None
    on = told.get("on")
    events = {on: None} if isinstance(on, str) else on if isinstance(on, dict) else dict.fromkeys(on or ())
    after = events.get("workflow_run")
    follows = after.get("workflows") if isinstance(after, dict) else None
    names = [follows] if isinstance(follows, str) else follows or []
    return Workflow(path, str(told.get("name") or path), frozenset(map(str, events)), tuple(map(str, names)))


def worst(found: Sequence[Point]) -> State:
    """The state of the whole: missing before unknown before ok."""
    return min((point.state for point in found), key=("missing", "unknown", "ok").index)
