"""What sort of change a pull request is, told by the paths that it touches."""

import posixpath
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evalgate.records.policy import FeaturePolicy, Policy
from evalgate.records.pull_request import ChangedFile
from evalgate.records.standing import Kind

GUARDED = re.compile(r"\.github/.*|(docs/|\.gitlab/)?CODEOWNERS", re.DOTALL)
"""Workflows, actions and code owners: never beside data."""
VERSION = re.compile(r"v(\d{1,9})\.(\d{1,9})\.(\d{1,9})")


class Change(NamedTuple):
    """What a pull request changes, as far as EvalGate cares."""

    kind: Kind
    features: tuple[str, ...]
    """The features whose files are touched, in the policy's order."""
    parts: dict[str, tuple[str, ...]]
    """dataset, suite, registry, guarded -> the paths touched; a part without any is left out."""
    dataset: str | None
    """The dataset file to train on: of those added or changed the one with the highest version; None when none is left."""

    @property
    def feature(self) -> str | None:
        """The one feature that is meant; None for none or several."""
        return self.features[0] if len(self.features) == 1 else None


class Places(NamedTuple):
    """Where the files lie that decide, relative to the repository's root."""

    policy: str = "evalgate.yaml"
    registry: str = "models.yaml"


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
    kind = _kind(set(parts), named)
    told = {part: tuple(paths) for part, paths in parts.items()}
    return Change(kind, named, told, _dataset(files, told.get("dataset", ())) if kind == "dataset" else None)


def inside(path: str, place: str, folder: str = "") -> bool:
    """True when `path` is `place` or lies below it; `place` starts in `folder`."""
    home = posixpath.normpath(posixpath.join(folder, place))
    return path == home or path.startswith(home + "/") or home == "."


def suite_places(feature: FeaturePolicy) -> tuple[str, ...]:
    """Golden set, safety suites, prompt and answer schema of a feature, as its policy names them."""
    named = (feature.golden, *feature.safety, feature.prompt, feature.scorers.answer_schema)
    return tuple(place for place in named if place is not None)


def _part_of(path: str, policy: Policy, places: Places) -> tuple[str | None, Iterable[str]]:
    folder = posixpath.dirname(places.policy)
    if path == places.registry:
        return "registry", ()
    if path == places.policy:
        return "suite", policy.features
    asking = [name for name, f in policy.features.items() if any(inside(path, place, folder) for place in suite_places(f))]
    if asking:
        return "suite", asking
    training = [
        name
        for name, f in policy.features.items()
        if f.datasets is not None and inside(path, f.datasets, folder) and path.endswith(".jsonl")
    ]
    if training:
        return "dataset", training
    return ("guarded" if GUARDED.fullmatch(path) else None), ()


def _kind(parts: set[str], features: tuple[str, ...]) -> Kind:
    if parts <= {"guarded"}:
        return "none"
    if len(parts) > 1 or (parts == {"dataset"} and len(features) > 1):
        return "mixed"
    kinds: dict[str, Kind] = {"dataset": "dataset", "suite": "suite", "registry": "registry"}
    return kinds[parts.pop()]


def _dataset(files: Sequence[ChangedFile], paths: Sequence[str]) -> str | None:
    left = [file.path for file in files if file.path in paths and file.status != "removed"]
    return max(left, key=lambda path: (version_of(path), path)) if left else None


def version_of(path: str) -> tuple[int, ...]:
    """The version in a file's name, for ordering; (-1,) where it has none."""
    found = VERSION.search(posixpath.basename(path))
    return tuple(int(part) for part in found.groups()) if found else (-1,)
