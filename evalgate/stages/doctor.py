"""doctor: what a folder lacks for a first run, and what a repository on GitHub lacks before its gate holds."""

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from evalgate import policy as policy_files
from evalgate import registry, store, yamlfile
from evalgate.errors import EvalGateError, NotMeasured, PolicyError
from evalgate.policy import judged_buckets, too_small_buckets
from evalgate.pull_request import protection
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.records.policy import Policy
from evalgate.redaction import mask, safe_line
from evalgate.review.codeowners import PLACES as CODEOWNERS
from evalgate.review.ground import Files, Unseen, Workflow
from evalgate.review.health import Point, points
from evalgate.review.kinds import Places, suite_places
from evalgate.stages import init
from evalgate.stages.check import check_change
from evalgate.stages.compose import MOST, Tree
from evalgate.stages.trigger import EVIDENCE
from evalgate.stages.workspace import Workspace, open_workspace, read_prompt, read_suites

WORKFLOWS, ACTIONS = ".github/workflows", ".github/actions"
_USES = re.compile(r"uses: (?:\./|([^\s@]+)/)\.github/actions/[a-z-]+(?:@(\S+))?")
_LOCAL_EXTRA = re.compile(r"""([A-Za-z0-9._-]+)[^;]*;.*extra == ["']local["']""")


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
    if isinstance(target, Unseen) or isinstance(default, Unseen):
        return target if isinstance(target, Unseen) else default  # type: ignore[return-value]
    try:
        tree = git.tree(remote, target)
        trunk = tree if default in (target, None) else git.tree(remote, str(default))
        return _read(remote, tree, trunk, places)
    except NotMeasured as fault:
        return Unseen(protection.CONTENTS, str(fault))


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


def _parsed[T](
    remote: Remote, tree: Tree, path: str, parse: Callable[[bytes, str], T]
) -> tuple[T | None, tuple[str, ...] | None]:
    """A file as a record, and what is wrong with it: None where there is no file."""
    if path not in tree:
        return None, None
    try:
        return parse(git.read(remote, tree[path], most=MOST), path), ()
    except NotMeasured:
        raise
    except EvalGateError as error:
        return None, _told(error)


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


def folder_points(policy_path: Path, registry_path: Path) -> tuple[Point, ...]:
    """What the policy's folder lacks for a first run."""
    found = [*_of_policy(policy_path), _point("registry", lambda: _known(registry_path))]
    root = policy_path.absolute().parent
    return (*found, *(_point(f"workflow {name}", lambda name=name: _unchanged(root, name)) for name in init.WORKFLOWS))  # type: ignore[misc]


def _of_policy(path: Path) -> Iterator[Point]:
    try:
        store_policy = _policy(path)
    except EvalGateError as error:
        yield _wrong("policy", error)
        return
    yield Point("policy", "ok", f"{path} can be read and has {', '.join(store_policy.features)}")
    for name in store_policy.features:
        yield from _of_feature(path, name)
    if any(_trains_here(feature.base_model) for feature in store_policy.features.values()):
        yield _extras()


def _policy(path: Path) -> Policy:
    if not path.exists():
        raise PolicyError(f"{path}: there is no policy: README.md shows one to begin with")
    return policy_files.parse(store.read(path), str(path))


def _of_feature(path: Path, name: str) -> Iterator[Point]:
    """What one feature lacks."""
    try:
        workspace = open_workspace(path, name)
    except EvalGateError as error:
        yield _wrong(f"{name}.policy", error)
        return
    looks: dict[str, Callable[[Workspace], str]] = {
        "base_model": lambda w: _named(w, "base_model", w.feature.base_model, "which model is tuned"),
        "owner": lambda w: _named(w, "owner", w.feature.owner, "who is asked"),
        "prompt": _prompt,
        "datasets": _datasets,
        "golden": _golden,
        "safety": _safety,
    }
    for what, look in looks.items():
        yield _point(f"{name}.{what}", lambda look=look: look(workspace))  # type: ignore[misc]


def _named(workspace: Workspace, key: str, value: str | None, what: str) -> str:
    if value is None:
        raise PolicyError(f"{workspace.path}: features.{workspace.name}.{key} is missing: say {what}")
    return f"{key} is {value}"


def _prompt(workspace: Workspace) -> str:
    place = _named(workspace, "prompt", workspace.feature.prompt, "which file holds the system prompt")
    read_prompt(workspace)
    return f"{place}, which can be read"


def _datasets(workspace: Workspace) -> str:
    report, _ = check_change(workspace)
    if report.refused:
        errors = [f"{f.path}:{f.line}: {f.code} {f.message}" for f in report.findings if f.severity == "error"]
        raise PolicyError(*errors)
    return f"{report.change.path if report.change else 'the dataset'} has {report.rows} rows and no errors"


def _golden(workspace: Workspace) -> str:
    _named(workspace, "golden", workspace.feature.golden, "where the golden cases are")
    feature = workspace.feature.model_copy(update={"safety": ()})
    cases = [case for suite in read_suites(workspace._replace(feature=feature)) for case in suite.cases]
    sizes: dict[str, int] = {}
    for case in cases:
        for bucket in judged_buckets(feature, case.buckets):
            sizes[bucket] = sizes.get(bucket, 0) + 1
    small = too_small_buckets(feature.gate, sizes)
    if small:
        raise PolicyError(*small)
    return f"{len(cases)} golden cases in {len(sizes)} buckets, each large enough to be held"


def _safety(workspace: Workspace) -> str:
    if not workspace.feature.safety:
        raise PolicyError(
            f"{workspace.path}: features.{workspace.name}.safety is missing: safety is not measured, and promote refuses that"
        )
    feature = workspace.feature.model_copy(update={"golden": None, "buckets": None})
    found = read_suites(workspace._replace(feature=feature))
    return f"{sum(len(suite.cases) for suite in found)} safety cases in {', '.join(suite.name for suite in found)}"


def _known(path: Path) -> str:
    known = registry.existing(path)
    return f"{path} can be read and has {', '.join(known.features) or 'no feature yet'}"


def _unchanged(root: Path, name: str) -> str:
    """That a workflow is what `evalgate init --workflows` writes."""
    path = root / WORKFLOWS / name
    again = "`evalgate init --workflows --uses OWNER/REPOSITORY@COMMIT`"
    if not path.exists():
        raise PolicyError(f"{WORKFLOWS}/{name}: is not there: {again} writes it")
    content = store.read(path)
    uses = _USES.search(content.decode("utf-8", "replace"))
    made = init.workflows(f"{uses[1]}@{uses[2]}" if uses and uses[1] else init.HERE)
    if made[f"{WORKFLOWS}/{name}"] != content:
        raise PolicyError(f"{WORKFLOWS}/{name}: is not what this version of EvalGate writes: {again} says how they differ")
    return f"{name} is what `evalgate init --workflows` writes"


def _trains_here(base_model: str | None) -> bool:
    return base_model is not None and base_model.startswith(("package:", "hf:", "path:"))


def _extras() -> Point:
    """Whether all packages of the extra `local` are installed."""
    wanted = [found[1] for line in requires("evalgate-ft") or () if (found := _LOCAL_EXTRA.match(line))]
    without = [name for name in wanted if not _installed(name)]
    if without:
        told = f"a model is tuned here, and {', '.join(without)} is not installed"
        return Point("extras", "missing", told, "pip install 'evalgate-ft[local]'")
    return Point("extras", "ok", "all packages to train and evaluate with are installed")


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _point(name: str, look: Callable[[], str]) -> Point:
    """ok with what `look` says, or missing with what it raises."""
    try:
        return Point(name, "ok", _safe(look()))
    except EvalGateError as error:
        return _wrong(name, error)


def _wrong(name: str, error: EvalGateError) -> Point:
    problem, more = _told(error)[0], len(error.problems) - 1
    return Point(name, "missing", problem, "do what it says" + (f"; there are {more} more like it" if more else ""))


def _told(error: EvalGateError) -> tuple[str, ...]:
    return tuple(_safe(problem) for problem in error.problems)


def _safe(text: str) -> str:
    return safe_line(mask(text), 600)


def worst(found: Sequence[Point]) -> str:
    """The state of the whole: missing before unknown before ok."""
    return min((point.state for point in found), key=("missing", "unknown", "ok").index, default="ok")
