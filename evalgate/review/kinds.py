"""What sort of change a pull request is, told by the paths that it touches."""

import posixpath
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evalgate.records.policy import FeaturePolicy, Policy
from evalgate.records.pull_request import ChangedFile
from evalgate.records.standing import Kind

GUARDED = re.compile(r"\.github/.*|(docs/|\.gitlab/)?CODEOWNERS", re.DOTALL)
"""Workflows, actions and code owners: never beside data. So are the signers' key and the code of a team's own scorers."""


class Change(NamedTuple):
    """What a pull request changes, as far as EvalGate cares."""

    kind: Kind
    features: tuple[str, ...]
    """The features whose files are touched, in the policy's order."""
    parts: dict[str, tuple[str, ...]]
    """dataset, suite, registry, guarded -> the paths touched; a part without any is left out."""
    dataset: str | None
    """The one dataset file that is added or changed; None where files are only removed."""

    @property
    def feature(self) -> str | None:
        """The one feature that is meant; None for none or several."""
        return self.features[0] if len(self.features) == 1 else None


class Places(NamedTuple):
    """Where the files lie that decide, relative to the repository's root."""

    policy: str = "evalgate.yaml"
    registry: str = "models.yaml"

    def beside_registry(self, path: str) -> str:
        """A path that starts in the registry's folder, from the repository's root."""
        return posixpath.join(posixpath.dirname(self.registry), path)


def change_of(files: Sequence[ChangedFile], policy: Policy, places: Places) -> Change:
    """The kind of a change, by the policy of the target branch; a rename counts on both sides."""
    touched = sorted({path for file in files for path in (file.path, file.previous) if path is not None})
    parts: dict[str, list[str]] = {}
    features: set[str] = set()
    for path in touched:
        part, owners = _part_of(path, policy, places)
        if part is not None:
            parts.setdefault(part, []).append(path)
        if part in ("dataset", "suite"):
            features |= set(owners)
    named = tuple(name for name in policy.features if name in features)
    told = {part: tuple(paths) for part, paths in parts.items()}
    datasets = [file.path for file in files if file.path in told.get("dataset", ()) and file.status != "removed"]
    kind = _kind(set(parts), named) if len(datasets) < 2 else "mixed"
    return Change(kind, named, told, datasets[0] if kind == "dataset" and datasets else None)


def inside(path: str, place: str, folder: str = "") -> bool:
    """True when `path` is `place` or lies below it; `place` starts in `folder`."""
    home = posixpath.normpath(posixpath.join(folder, place))
    return path == home or path.startswith(home + "/") or home == "."


def suite_places(feature: FeaturePolicy) -> tuple[str, ...]:
    """All that a feature is asked and judged with, as its policy names it: cases, prompts, schema, rubric, documents; no code."""
    asked = (feature.golden, *feature.safety, *(legacy.path for legacy in feature.legacy), feature.prompt)
    judged = (feature.judge.rubric, feature.judge.human) if feature.judge is not None else ()
    beside = (place for one in feature.contenders for place in (one.prompt, one.documents))
    return tuple(place for place in (*asked, feature.scorers.answer_schema, *judged, *beside) if place is not None)


def is_scorer_code(path: str, policy: Policy, folder: str) -> bool:
    """True for Python files that lie beside a scorer of the team's own: they run where the verdict is made."""
    homes = {posixpath.dirname(home) or "." for home in scorer_files(policy, folder)}
    return path.endswith(".py") and (posixpath.dirname(path) or ".") in homes


def scorer_files(policy: Policy, folder: str) -> tuple[str, ...]:
    """The files of a team's own scorers that a policy in `folder` names, each once."""
    named = (name for feature in policy.features.values() for name in _scorer_names(feature))
    places = (posixpath.join(folder, name.split(":")[1]) for name in named if name.startswith("python:"))
    return tuple(dict.fromkeys(map(posixpath.normpath, places)))


def _scorer_names(feature: FeaturePolicy) -> tuple[str, ...]:
    return (*feature.scorers.all_names, *(legacy.scorer for legacy in feature.legacy if legacy.scorer is not None))


def weights_places(policy: Policy) -> tuple[str, ...]:
    """Base models that lie in the repository itself."""
    named = [(feature.base_model or "").partition(":") for feature in policy.features.values()]
    return tuple(place for scheme, _, place in named if scheme in ("path", "scripted"))


def _part_of(path: str, policy: Policy, places: Places) -> tuple[str | None, Iterable[str]]:
    folder = posixpath.dirname(places.policy)
    reports = [places.beside_registry(f"reports/{name}") for name in policy.features]
    if path == places.registry or any(inside(path, place) for place in reports):
        return "registry", ()
    if any(inside(path, place, folder) for place in weights_places(policy)):
        return "registry", ()
    if is_scorer_code(path, policy, folder):  # wherever it lies, beside golden cases too
        return "guarded", ()
    asking = [name for name, f in policy.features.items() if any(inside(path, place, folder) for place in suite_places(f))]
    if asking or path == places.policy:
        return "suite", policy.features if path == places.policy else asking
    training = [
        name
        for name, f in policy.features.items()
        if f.datasets is not None and inside(path, f.datasets, folder) and path.endswith(".jsonl")
    ]
    if training:
        return "dataset", training
    key = policy.release.adapter_key
    is_key = key is not None and inside(path, key, folder)
    return ("guarded" if GUARDED.fullmatch(path) or is_key else None), ()


def _kind(parts: set[str], features: tuple[str, ...]) -> Kind:
    if parts <= {"guarded"}:
        return "none"
    if len(parts) > 1 or (parts == {"dataset"} and len(features) > 1):
        return "mixed"
    kinds: dict[str, Kind] = {"dataset": "dataset", "suite": "suite", "registry": "registry"}
    return kinds[parts.pop()]
