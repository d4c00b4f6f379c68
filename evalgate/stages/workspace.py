"""What every stage starts from: the policy, and the files that it names, read once and turned into records."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from evalgate import policy as policy_files
from evalgate import prompts, store, suites, weights
from evalgate.errors import NothingThereError, PolicyError
from evalgate.prompts import Prompt
from evalgate.records.change import DatasetChange
from evalgate.records.policy import FeaturePolicy, Policy
from evalgate.records.suite import Case, Suite
from evalgate.scorers import expectation_problems

VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
SAFETY_SCORER = "refusal"
MOST_PROBLEMS = 50
EVIDENCE = "branch:evalgate-evidence"
"""Where the journal lies when the policy says nothing."""


class Workspace(NamedTuple):
    """One feature of one policy file."""

    root: Path
    """The policy's folder; all its paths start here."""
    path: str
    """The policy file, as it was given."""
    policy: Policy
    name: str
    feature: FeaturePolicy
    origin: str = "here"
    """For whom this works: whose kept answers may be found, and under which name ours are kept; see `settings.origin_of`."""


def open_workspace(policy_path: Path, feature: str | None) -> Workspace:
    """The feature's policy; the only feature when none is named.

    Raises:
        PolicyError: the file has problems, or no such feature.
    """
    policy = read_policy(policy_path)
    if feature is None and len(policy.features) > 1:
        raise PolicyError(f"{policy_path} has several features: say --feature with one of {', '.join(policy.features)}")
    name = feature or next(iter(policy.features))
    known = policy_files.feature_of(policy, name, str(policy_path))
    if not store.PLAIN_NAME.fullmatch(name):
        told = "rename it: letters, digits, `.`, `_` and `-` only, a letter or digit first"
        raise PolicyError(f"{policy_path}: the feature {name!r} would name folders and flags: {told}")
    return Workspace(policy_path.absolute().parent, str(policy_path), policy, name, known)


def read_policy(policy_path: Path) -> Policy:
    """The policy in a file.

    Raises:
        NothingThereError: there is no such file.
        PolicyError: it has problems.
    """
    if not policy_path.exists():
        raise NothingThereError(f"{policy_path}: there is no policy: go to the folder that has one, or name it with --policy")
    return policy_files.parse(store.read(policy_path), str(policy_path))


def read_prompt(workspace: Workspace, named: str | None = None) -> Prompt:
    """The feature's prompt, or the one in the file `named`; empty when the policy names none.

    Raises:
        PolicyError: the file is missing, not UTF-8, or its examples are not pairs.
    """
    named = named or workspace.feature.prompt
    return () if named is None else prompts.parse_prompt(as_text(store.read(workspace.root / named), named), named)


def as_text(content: bytes, shown: str) -> str:
    """The text of a file that the policy names.

    Raises:
        PolicyError: it is not UTF-8.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyError(f"{shown}: must be UTF-8: byte {error.start} is not; save the file as UTF-8") from error


def read_answer_schema(workspace: Workspace) -> dict[str, Any] | None:
    """The JSON Schema of a well-formed answer; None when the policy names none.

    Raises:
        PolicyError: the file is no JSON object.
    """
    named = workspace.feature.scorers.answer_schema
    if named is None:
        return None
    try:
        schema = orjson.loads(store.read(workspace.root / named))
    except orjson.JSONDecodeError as error:
        raise PolicyError(f"{named}: not valid JSON: {error}") from error
    if not isinstance(schema, dict):
        raise PolicyError(f"{named}: a JSON Schema is an object")
    return schema


def read_suites(workspace: Workspace) -> list[Suite]:
    """The golden suite first, then the safety suites; empty where the policy names none.

    Raises:
        DatasetError, PolicyError: with every problem of every file, and where policy and cases do not fit together.
    """
    feature, root = workspace.feature, workspace.root
    named: dict[str, dict[str, bytes]] = {}
    if feature.golden is not None:
        named["golden"] = store.jsonl_files(root / feature.golden, "golden set", feature.golden)
    for place in feature.safety:
        for path, content in store.jsonl_files(root / place, "safety suite", place).items():
            named.setdefault(f"safety/{Path(path).stem}", {})[path] = content
    for legacy in feature.legacy:
        named.setdefault(legacy.suite, {}).update(store.jsonl_files(root / legacy.path, "suite of an older task", legacy.path))
    found = suites.suites_of(named)
    golden = [case for suite in found if suite.name == "golden" for case in suite.cases]
    problems = policy_files.against_cases(feature, [case.buckets for case in golden], workspace.path) if golden else []
    for suite in found:
        scorers = scorers_of(workspace, suite.name)
        problems += [
            f"{suite.name}: case {c.id!r}: {told}" for c in suite.cases for told in expectation_problems(scorers, c, root)
        ]
        problems += [f"{suite.name}: case {case.id!r}: {told}" for case in suite.cases for told in _misplaced(suite.name, case)]
    if problems:
        raise PolicyError(*problems[:MOST_PROBLEMS])
    return found


def _misplaced(suite: str, case: Case) -> list[str]:
    """Why a safety case may not stand in its file: the floor looks at harm cases, and benign twins are not harm."""
    harm = isinstance(case.expected, dict) and case.expected.get("refuse")
    if suite == "safety/benign" and harm is True:
        return ["benign.jsonl holds twins that must not be refused: put a case of harm into another file"]
    if suite.startswith("safety") and suite != "safety/benign" and harm is False:
        return ["a twin that must not be refused belongs into benign.jsonl"]
    return []


def golden_scorers(workspace: Workspace) -> tuple[str, ...]:
    """The scores that golden cases get, the deciding one first."""
    return workspace.feature.scorers.all_names


def scorers_of(workspace: Workspace, suite: str) -> tuple[str, ...]:
    """The scores that the cases of a suite get."""
    if suite.startswith("safety"):
        return (SAFETY_SCORER,)
    of_legacy = next((legacy for legacy in workspace.feature.legacy if legacy.suite == suite), None)
    return golden_scorers(workspace) if of_legacy is None or of_legacy.scorer is None else (of_legacy.scorer,)


def all_scorers(workspace: Workspace, suites: Iterable[str]) -> tuple[str, ...]:
    """The scores that the cases of some suites get, each once."""
    return tuple(dict.fromkeys(name for suite in suites for name in scorers_of(workspace, suite)))


def dataset_files(workspace: Workspace) -> list[Path]:
    """The versions of the feature's dataset, the highest last.

    Raises:
        PolicyError: the policy names no datasets, or there is none.
    """
    folder = workspace.feature.datasets
    if folder is None:
        raise PolicyError(f"{workspace.path}: features.{workspace.name}.datasets is missing: say where the datasets are")
    files = store.jsonl_files(workspace.root / folder, "datasets", folder)
    return [workspace.root / path for path in sorted(files, key=lambda path: (_version(path), path))]


def find_change(workspace: Workspace, dataset: Path | None = None) -> tuple[DatasetChange, bytes]:
    """The dataset to train on and its bytes: the one that is given, or the highest version in the feature's folder.

    Raises:
        PolicyError: there is no dataset.
    """
    dataset = dataset or dataset_files(workspace)[-1]
    store.refuse_link(dataset)
    store.refuse_odd_name(dataset)
    content = store.read(dataset)
    absolute = dataset.absolute()
    shown = str(absolute.relative_to(workspace.root)) if absolute.is_relative_to(workspace.root) else dataset.name
    match = VERSION.search(Path(shown).stem)
    change = DatasetChange(
        feature=workspace.name,
        path=shown,
        version=match.group(0) if match else Path(shown).stem,
        sha256=store.key_of_bytes(content),
        rows=content.count(b"\n") + (not content.endswith(b"\n") and bool(content)),
    )
    return change, content


def base_weights(workspace: Workspace, cache: Path) -> weights.Weights:
    """The feature's base model, fetched and checked.

    Raises:
        PolicyError: the policy names none, or it is not what was pinned.
        NotMeasured: it could not be fetched.
    """
    if workspace.feature.base_model is None:
        raise PolicyError(f"{workspace.path}: features.{workspace.name}.base_model is missing: say which model is tuned")
    pin = workspace.feature.base_model_sha256
    return weights.resolve(workspace.feature.base_model, pin, cache=cache, root=workspace.root)


def _version(path: str) -> tuple[int, ...]:
    match = VERSION.search(Path(path).stem)
    return tuple(int(part) for part in match.groups()) if match else (-1,)
