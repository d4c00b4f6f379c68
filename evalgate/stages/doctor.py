"""doctor on a repository: what GitHub is not told yet, so that a gate can be walked around."""

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from evalgate import policy as policy_files
from evalgate import registry, yamlfile
from evalgate.errors import EvalGateError, NotMeasured, PolicyError
from evalgate.pull_request import protection
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.redaction import mask, safe_line
from evalgate.review.codeowners import PLACES as CODEOWNERS
from evalgate.review.ground import Files, Registering, Unseen, Workflow
from evalgate.review.health import points
from evalgate.review.kinds import Places, suite_places
from evalgate.review.point import Point, State
from evalgate.stages.compose import MOST, Tree
from evalgate.stages.first_run import WORKFLOWS
from evalgate.stages.workspace import EVIDENCE

T = TypeVar("T")
ACTIONS = ".github/actions"
REGISTERS = re.compile(r"(^|/)\.github/actions/registry(@|$)")
"""The action of zone 3, in a repository of its own or in this one."""


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
        release = files.release
        ground = ground._replace(
            evidence=tuple(protection.branch(remote, name) for name in names),
            managers=protection.people(remote, release.managers) if release else (),
            signs=protection.signing_variable(remote) if release and release.attestation == "required" else None,
        )
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
    rules, _ = (policy, wrong) if trunk is tree else _parsed(remote, trunk, places.policy, policy_files.parse)
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
        release=rules.release if rules else None,
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
    """A workflow's name, what starts it and what it registers with; None where the text is no workflow."""
    told = yamlfile.load(text).value
    if not isinstance(told, dict):
        return None
    on = told.get("on")
    events = {on: None} if isinstance(on, str) else on if isinstance(on, dict) else dict.fromkeys(on or ())
    after = events.get("workflow_run")
    follows = after.get("workflows") if isinstance(after, dict) else None
    names = [follows] if isinstance(follows, str) else follows or []
    return Workflow(
        path, str(told.get("name") or path), frozenset(map(str, events)), tuple(map(str, names)), tuple(_registering(told))
    )


def _registering(told: dict[str, Any]) -> Iterator[Registering]:
    """The steps of a workflow that open pull requests on the registry."""
    jobs = told.get("jobs")
    for job in jobs.values() if isinstance(jobs, dict) else ():
        steps = job.get("steps") if isinstance(job, dict) else None
        for step in steps if isinstance(steps, list) else ():
            given = step.get("with") if isinstance(step, dict) else None
            if isinstance(given, dict) and REGISTERS.search(str(step.get("uses"))) and given.get("command") == "register":
                yield Registering(*(_input(given, name) for name in ("github-token", "author", "attest")))


def _input(given: dict[str, Any], name: str) -> str | None:
    """An input as a step gives it, booleans as GitHub writes them; None where it is not given."""
    value = given.get(name)
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value).strip()


def worst(found: Sequence[Point]) -> State:
    """The state of the whole: missing before unknown before ok."""
    return min((point.state for point in found), key=("missing", "unknown", "ok").index)
