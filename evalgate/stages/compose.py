"""A workspace made from git objects: all that decides from the target branch, and from the head only what is under judgement.

Nothing of the pull request is checked out: files are read by commit, and links, submodules and odd names are refused.
"""

import posixpath
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from evalgate import policy as policy_files
from evalgate import registry, store
from evalgate.errors import PolicyError
from evalgate.pull_request import facts
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.records.policy import Policy
from evalgate.records.pull_request import PullRequest
from evalgate.records.registry import Registry
from evalgate.review.codeowners import PLACES as CODEOWNERS
from evalgate.review.kinds import Change, Places, change_of, inside, is_scorer_code, scorer_files, suite_places, weights_places

MOST = 100 << 20
"""Largest file that is read, in bytes: GitHub takes no larger one."""
SMALL = 1 << 20
"""Largest policy, registry, prompt or schema, in bytes: what is parsed as a whole."""
PARSED_WHOLE = (".yaml", ".yml", ".json", ".md")
MOST_IN_ALL = 1 << 30
"""Bytes of a whole workspace."""
CODE = ".py"
"""Ending of what may run: it never comes from a head."""
BEFORE = "-before"
"""Ending of the folder beside the workspace of a suite change that holds the target branch's own."""

Tree = dict[str, git.Blob]


class Trees(NamedTuple):
    """A pull request's two sides, listed but not read, and what the target branch says of them."""

    target: Tree
    head: Tree
    policy: Policy
    change: Change
    registry: Registry
    rules: Policy
    """The default branch's policy: where evidence lies is its word."""


class UnruledError(PolicyError):
    """The target branch is neither the default branch nor one that its policy lists: its policy may be anybody's."""


class NoPolicyError(PolicyError):
    """The target branch has no policy: EvalGate has nothing to say there yet."""


def trees_of(remote: Remote, pull: PullRequest, places: Places) -> Trees:
    """Both sides of a pull request, and its change by the target branch's policy.

    Raises:
        UnruledError: nothing is judged on the target branch.
        NoPolicyError: the target branch has none.
        PolicyError, RegistryError: the target branch's policy or registry is wrong.
    """
    rules = _rules(remote, pull, places)
    target = git.tree(remote, pull.target)
    policy = _policy_in(remote, target, places)
    if policy is None:
        raise NoPolicyError(f"{places.policy}: the target branch {pull.target_branch!r} has no policy")
    known = Registry(version=1)
    if places.registry in target:
        known = registry.parse(git.read(remote, target[places.registry], most=SMALL), places.registry)
    return Trees(target, git.tree(remote, pull.head), policy, change_of(pull.files, policy, places), known, rules or policy)


def _rules(remote: Remote, pull: PullRequest, places: Places) -> Policy | None:
    """The default branch's policy, where the target is another branch that it lists; None where it is the target itself.

    Raises:
        UnruledError: it is neither.
    """
    if pull.target_branch == pull.default_branch:
        return None
    default = git.tree(remote, facts.tip(remote, pull.default_branch))
    rules = _policy_in(remote, default, places)
    if rules is None or not any(fnmatchcase(pull.target_branch, pattern) for pattern in rules.branches):
        raise UnruledError(f"{pull.target_branch!r} is neither the default branch nor one that its policy lists under `branches`")
    return rules


def _policy_in(remote: Remote, tree: Tree, places: Places) -> Policy | None:
    if places.policy not in tree:
        return None
    return policy_files.parse(git.read(remote, tree[places.policy], most=SMALL), places.policy)


def compose(remote: Remote, trees: Trees, places: Places, into: Path) -> Path:
    """The workspace of a change, written into an empty folder; the path of its policy.

    Of a dataset change the dataset comes from the head; of a suite change policy, prompts and suites do. All else is the
    target branch's, and code always is.

    Raises:
        PolicyError: a file is a link, too large, oddly named, or missing.
    """
    change = trees.change
    chosen = _deciding(trees, places)
    if change.kind == "dataset":
        chosen |= _dataset_of_head(trees)
    if change.kind == "suite":
        of_suites = _inside(chosen, _suite_homes(trees.policy, places))
        chosen = {path: blob for path, blob in chosen.items() if path not in of_suites or path.endswith(CODE)}
        chosen |= _suites_of_head(remote, trees, places)
    _write(remote, chosen, into)
    return into / places.policy


def before(remote: Remote, trees: Trees, places: Places, into: Path) -> Path:
    """The target branch's own workspace, without anything of the head: what a suite change is held against."""
    _write(remote, _deciding(trees, places), into)
    return into / places.policy


def _dataset_of_head(trees: Trees) -> Tree:
    """The dataset under judgement.

    Raises:
        PolicyError: its name is not plain: names end up in folders, flags and reports.
    """
    path = trees.change.dataset
    if path is None:
        return {}
    store.refuse_odd_name(Path(path))
    return {path: trees.head[path]}


def dataset_of(remote: Remote, trees: Trees) -> bytes | None:
    """The bytes of the dataset under judgement; None where nothing is left to train on.

    Raises:
        PolicyError: it is a link or too large.
    """
    path = trees.change.dataset
    return None if path is None else git.read(remote, trees.head[path], most=MOST)


def trained_before(remote: Remote, trees: Trees, feature: str) -> bytes | None:
    """The dataset version that was trained and registered last, read from the target branch; None where there is none.

    One whose bytes are no longer what the registry says is none: then every row counts as new.
    """
    known = trees.registry.features.get(feature)
    entries = [e for e in known.variants.values() if e.dataset is not None] if known else []
    for entry in sorted(entries, key=lambda entry: entry.registered_at or "", reverse=True):
        path = entry.dataset.uri.removeprefix("path:") if entry.dataset else ""
        if path in trees.target and entry.dataset is not None:
            content = git.read(remote, trees.target[path], most=MOST)
            return content if store.key_of_bytes(content) == entry.dataset.sha256 else None
    return None


def codeowners(remote: Remote, trees: Trees) -> str | None:
    """The target branch's CODEOWNERS, from the place where GitHub looks first."""
    found = next((path for path in CODEOWNERS if path in trees.target), None)
    return None if found is None else git.read(remote, trees.target[found], most=MOST).decode("utf-8", "replace")


def _deciding(trees: Trees, places: Places) -> Tree:
    """Files of the target branch that shape a judgement; datasets are not among them."""
    homes = _suite_homes(trees.policy, places) + _weights(trees, places) + _key(trees, places)
    return _scorer_code(trees.target, trees.policy, places) | _inside(trees.target, [*homes, (places.registry, "")])


def _scorer_code(tree: Tree, policy: Policy, places: Places) -> Tree:
    folder = posixpath.dirname(places.policy)
    return {path: blob for path, blob in tree.items() if is_scorer_code(path, policy, folder)}


def _inside(tree: Tree, homes: Sequence[tuple[str, str]]) -> Tree:
    """The files at or below places, each given with the folder that it starts in."""
    return {path: blob for path, blob in tree.items() if any(inside(path, place, folder) for place, folder in homes)}


def _suite_homes(policy: Policy, places: Places) -> list[tuple[str, str]]:
    """The policy file itself, and the suites, prompts and schemas that it names."""
    folder = posixpath.dirname(places.policy)
    return [(places.policy, ""), *((place, folder) for feature in policy.features.values() for place in suite_places(feature))]


def _weights(trees: Trees, places: Places) -> list[tuple[str, str]]:
    """Places of base models and adapters that lie in the repository, with the folder that each starts in."""
    home, registered = posixpath.dirname(places.policy), posixpath.dirname(places.registry)
    known = [trees.registry.features[name] for name in trees.policy.features if name in trees.registry.features]
    adapters = [entry.adapter.uri.partition(":") for one in known for entry in one.variants.values() if entry.adapter]
    return [
        *((place, home) for place in weights_places(trees.policy)),
        *((place, registered) for scheme, _, place in adapters if scheme == "path"),
    ]


def _key(trees: Trees, places: Places) -> list[tuple[str, str]]:
    """The file with the key that adapters are signed with, by the default branch's policy; none where it names none."""
    named = trees.rules.release.adapter_key
    return [] if named is None else [(named, posixpath.dirname(places.policy))]


def _suites_of_head(remote: Remote, trees: Trees, places: Places) -> Tree:
    """The head's policy and all that it names; where that policy is wrong, what the target's names. Code is the target's."""
    policy = trees.policy
    if places.policy in trees.head:
        policy = policy_files.parse(git.read(remote, trees.head[places.policy], most=SMALL), places.policy)
    _refuse_outside(policy, trees, places)
    found = _inside(trees.head, _suite_homes(policy, places))
    of_target = _inside(found, [*_weights(trees, places), (places.registry, "")])
    data = {path: blob for path, blob in found.items() if path not in of_target and not path.endswith(CODE)}
    return data | _scorer_code(trees.target, policy, places)


def _refuse_outside(policy: Policy, trees: Trees, places: Places) -> None:
    """Nothing, or an error: all that a head's policy names for its suites lies in the head, and its code in the target branch.

    Raises:
        PolicyError: with every place that does not: what runs would read it from the machine, or run what nobody merged.
    """
    folder = posixpath.dirname(places.policy)
    named = dict.fromkeys(place for feature in policy.features.values() for place in suite_places(feature))
    lost = [place for place in named if posixpath.isabs(place) or not any(inside(path, place, folder) for path in trees.head)]
    code = [file for file in scorer_files(policy, folder) if file not in trees.target]
    wrong = [f"{places.policy}: {place!r} is no file or folder of this repository" for place in lost]
    wrong += [
        f"{places.policy}: the scorer {file!r} is not on the target branch: merge its code first, on its own" for file in code
    ]
    if wrong:
        raise PolicyError(*wrong)


def _write(remote: Remote, chosen: Tree, into: Path) -> None:
    """Every chosen file at its place, after all names and sizes were looked at; a link or a submodule is refused.

    Raises:
        PolicyError: with every file that may not be written.
    """
    odd = [path for path in sorted(chosen) if set(path.split("/")) & {"", ".", "..", ".git"}]
    problems = [f"{path!r}: no such path may be written: rename it" for path in odd]
    size = sum(blob.size or 0 for blob in chosen.values())
    if size > MOST_IN_ALL:
        problems.append(f"the files that decide have {size >> 20} MB in all, at most {MOST_IN_ALL >> 20} MB are read")
    if problems:
        raise PolicyError(*problems)
    for path, blob in sorted(chosen.items()):
        most = SMALL if path.endswith(PARSED_WHOLE) else MOST
        store.write(into / path, git.read(remote, blob, most=most))
