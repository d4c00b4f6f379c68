"""doctor on a folder: what it lacks for a first run. Everything is read by what the run itself reads with."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from evalgate import policy as policy_files
from evalgate import registry, store
from evalgate.errors import EvalGateError, PolicyError
from evalgate.policy import judged_buckets, too_small_buckets
from evalgate.records.policy import Policy
from evalgate.redaction import mask, safe_line
from evalgate.review.point import Point
from evalgate.stages import init
from evalgate.stages.check import check_change
from evalgate.stages.workspace import Workspace, open_workspace, read_prompt, read_suites

WORKFLOWS = ".github/workflows"
AGAIN = "`evalgate init --workflows --uses OWNER/REPOSITORY@COMMIT`"
_USES = re.compile(r"uses: (?:\./|([^\s@]+)/)\.github/actions/[a-z-]+(?:@(\S+))?")
_LOCAL_EXTRA = re.compile(r"""([A-Za-z0-9._-]+)[^;]*;.*extra == ["']local["']""")
Look = Callable[[], str]


def folder_points(policy_path: Path, registry_path: Path) -> tuple[Point, ...]:
    """What the policy's folder lacks for a first run."""
    root = policy_path.absolute().parent
    found = [*_of_policy(policy_path), _point("registry", "nothing says what is served", partial(_known, registry_path))]
    judged = "pull requests are not judged by the workflow that EvalGate writes"
    return (*found, *(_point(f"workflow {name}", judged, partial(_unchanged, root, name)) for name in init.WORKFLOWS))


def _of_policy(path: Path) -> Iterator[Point]:
    """The policy, its features, and the packages that they need."""
    try:
        policy = _policy(path)
    except EvalGateError as error:
        yield _wrong("policy", "without a policy nothing can begin", error)
        return
    yield Point("policy", "ok", f"{path} can be read and has {', '.join(policy.features)}")
    for name in policy.features:
        yield from _of_feature(path, name)
    if any(feature.train.provider == "peft" for feature in policy.features.values()):
        yield _extras()


def _policy(path: Path) -> Policy:
    if not path.exists():
        raise PolicyError(f"{path}: there is no policy: `evalgate init --feature NAME` writes one to begin with")
    return policy_files.parse(store.read(path), str(path))


def _of_feature(path: Path, name: str) -> Iterator[Point]:
    """What one feature lacks."""
    try:
        workspace = open_workspace(path, name)
    except EvalGateError as error:
        yield _wrong(f"{name}.policy", "the feature cannot be judged", error)
        return
    looks: dict[str, tuple[str, Callable[[Workspace], str]]] = {
        "base_model": ("nothing says which model is tuned", _base_model),
        "owner": ("nobody is named whom the findings are for", _owner),
        "prompt": ("there is no system prompt that can be used", _prompt),
        "datasets": ("there is no dataset that can be trained on", _datasets),
        "golden": ("there is no golden set that can settle a verdict", _golden),
        "safety": ("safety is not measured, and promote refuses that", _safety),
    }
    for what, (means, look) in looks.items():
        yield _point(f"{name}.{what}", means, partial(look, workspace))


def _named(workspace: Workspace, key: str, value: object) -> str:
    """That a key of the policy has a value.

    Raises:
        PolicyError: it has none.
    """
    if not value:
        raise PolicyError(f"{workspace.path}: features.{workspace.name}.{key} is missing: name it there")
    return f"{key} is {value}"


def _base_model(workspace: Workspace) -> str:
    return _named(workspace, "base_model", workspace.feature.base_model)


def _owner(workspace: Workspace) -> str:
    return _named(workspace, "owner", workspace.feature.owner)


def _prompt(workspace: Workspace) -> str:
    told = _named(workspace, "prompt", workspace.feature.prompt)
    read_prompt(workspace)
    return f"{told}, which can be read"


def _datasets(workspace: Workspace) -> str:
    report, _ = check_change(workspace)
    if report.refused:
        raise PolicyError(*(f"{f.path}:{f.line}: {f.code} {f.message}" for f in report.findings if f.severity == "error"))
    return f"{report.change.path if report.change else 'the dataset'} has {report.rows} rows and no errors"


def _golden(workspace: Workspace) -> str:
    """That the golden set parses, and that every bucket is large enough for the margin of the policy."""
    _named(workspace, "golden", workspace.feature.golden)
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
    _named(workspace, "safety", workspace.feature.safety)
    feature = workspace.feature.model_copy(update={"golden": None})
    found = read_suites(workspace._replace(feature=feature))
    return f"{sum(len(suite.cases) for suite in found)} safety cases in {', '.join(suite.name for suite in found)}"


def _known(path: Path) -> str:
    known = registry.existing(path)
    return f"{path} can be read and has {', '.join(known.features) or 'no feature yet'}"


def _unchanged(root: Path, name: str) -> str:
    """That a workflow is what `evalgate init --workflows` writes."""
    path = root / WORKFLOWS / name
    if not path.exists():
        raise PolicyError(f"{WORKFLOWS}/{name}: is not there: {AGAIN} writes it")
    content = store.read(path)
    uses = _USES.search(content.decode("utf-8", "replace"))
    made = init.workflows(f"{uses[1]}@{uses[2]}" if uses and uses[1] else init.HERE)
    if made[f"{WORKFLOWS}/{name}"] != content:
        raise PolicyError(f"{WORKFLOWS}/{name}: is not what this version of EvalGate writes: {AGAIN} says how they differ")
    return f"{name} is what `evalgate init --workflows` writes"


def _extras() -> Point:
    """Whether all packages of the extra `local` are installed."""
    wanted = [found[1] for line in requires("evalgate-ft") or () if (found := _LOCAL_EXTRA.match(line))]
    without = [name for name in wanted if not _installed(name)]
    if without:
        means = f"a model is tuned here, and {', '.join(without)} cannot be imported"
        return Point("extras", "missing", means, "pip install 'evalgate-ft[local]'; or leave training to a machine that has it")
    return Point("extras", "ok", "the packages to train and evaluate with are installed")


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _point(name: str, without: str, look: Look) -> Point:
    """ok with what `look` says; missing, with what it raises as what to do."""
    try:
        return Point(name, "ok", _safe(look()))
    except EvalGateError as error:
        return _wrong(name, without, error)


def _wrong(name: str, without: str, error: EvalGateError) -> Point:
    more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
    return Point(name, "missing", without, _safe(error.problems[0]) + more)


def _safe(text: str) -> str:
    return safe_line(mask(text), 600)
