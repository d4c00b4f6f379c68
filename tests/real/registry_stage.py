"""The registry's road on the GitHub test server: two features whose dataset pull requests have each got a pass."""

import json
import re
from typing import Any, NamedTuple

from commands import Ended
from disturbed import JOURNAL, TIME, check_of, comments_of, kept
from github_server import git
from pull_stage import NEW, TOPIC, Stage

from evalgate import registry
from evalgate.records.evidence import MANIFEST, object_place
from evalgate.records.registry import RegistryEntry

REGISTRY = "models.yaml"
COMMIT = re.compile(r"\b[0-9a-f]{40}\b|\b[0-9a-f]{12}\b|\b[0-9a-f]{7}\b")
"""A commit, as people and machines write it."""
RUN, OTHER_RUN = 7, 8
"""The workflow runs that train `f` and `g`."""
OTHER_TOPIC, OTHER_NEW = "more-rows-of-g", "datasets/g/ft-v1.1.0.jsonl"
ROAD = ["registered", "looked", "released", "merged", "again"]
"""The road, a command a scene: the entry of `f` is proposed, looked at, released, merged, and looked at once more."""


class Road(NamedTuple):
    """Where the road leads: pull requests and the work behind them."""

    work: str
    """Of the pull request on the dataset of `f`."""
    other: int
    """The pull request on the dataset of `g`."""
    other_work: str
    entry: int = 0
    """The pull request on the registry for `f`; 0 while there is none."""
    other_entry: int = 0


def two_passes(stage: Stage) -> Road:
    """A second feature beside `f`, of the same suites, and a pass for each."""
    policy = json.loads(stage.repository.file("main", "evalgate.yaml") or b"")
    policy["features"]["g"] = {**policy["features"]["f"], "datasets": "datasets/g", "owner": "@dan"}
    policy["release"] = {"managers": ["ben", "cat"]}
    stage.repository.person("dan", "write")
    stage.repository.commit("main", {"evalgate.yaml": json.dumps(policy).encode()}, "a second feature")
    stage.repository.commit(OTHER_TOPIC, {OTHER_NEW: stage.repository.file(TOPIC, NEW)}, "rows of g", base="main")
    other = stage.repository.open_pull(OTHER_TOPIC, author="ann", title="More rows of g")
    works = [_passed(stage._replace(number=number), run) for number, run in ((stage.number, RUN), (other, OTHER_RUN))]
    return Road(works[0], other, works[1])


def _passed(stage: Stage, run: int) -> str:
    """The key of the work on a dataset pull request, which has its verdict."""
    stage.approve("ben", "cat")
    ((work),) = stage.control(run=run)
    ended, _ = stage.train(work["work"], run=run)
    assert ended.code == 0, ended.err
    ended, _ = stage.give("pr", "settle", "--pull", stage.number, "--work", work["work"], "--job-result", "success", run=run)
    assert ended.code == 0, ended.err
    return str(work["work"])


def prepared(stage: Stage, road: Road, scene: str) -> Road:
    """What people and other jobs do before a command."""
    if scene == "released":
        other = register(stage, road.other, road.other_work)
        for number in (road.entry, other):
            stage.repository.review(number, "ben")
        return road._replace(other_entry=other)
    if scene == "again":
        stage.repository.review(road.other_entry, "ben")
    return road


def play(stage: Stage, road: Road, scene: str) -> tuple[Ended, dict[str, str]]:
    """The command of a scene."""
    if scene == "registered":
        return stage.give("pr", "register", "--pull", stage.number, "--work", road.work, run=RUN)
    if scene in ("looked", "released"):
        return looked(stage, road.entry)
    if scene == "merged":
        return stage.give("pr", "merge", "--pull", road.entry, "--head", head_of(stage, road.entry), run=9)
    return looked(stage, road.other_entry)


def register(stage: Stage, number: int, work: str) -> int:
    """The number of the pull request on the registry."""
    ended, told = stage.give("pr", "register", "--pull", number, "--work", work, run=RUN)
    assert ended.code == 0, ended.err
    return int(told["pull"])


def looked(stage: Stage, number: int) -> tuple[Ended, dict[str, str]]:
    """The controller, on an event of a pull request."""
    file = stage.folder / "event.json"
    file.write_text(json.dumps(stage.event("pull_request", number)))
    return stage.give("pr", "control", "--event", file, "--event-name", "pull_request", run=9)


def head_of(stage: Stage, number: int) -> str:
    """The head commit of a pull request."""
    return str(stage.event("pull_request", number)["pull_request"]["head"]["sha"])


def left(stage: Stage) -> dict[str, Any]:
    """All that the road leaves behind, times apart: a commit is named by its tree, for its own name holds a time."""
    repository, folder = stage.repository, stage.repository.repo.folder
    steps, evidence = kept(stage)
    branches = git.git(folder, "for-each-ref", "--format=%(refname)", "refs/heads").decode().split()
    found = {
        "branches": {
            name.removeprefix("refs/heads/"): git.git(folder, "log", "--format=%T %s", name).decode().splitlines()
            for name in branches
            if not name.endswith("/evalgate-evidence")
        },
        "pulls": {number: _pull(issue) for number, issue in repository.repo.issues.items()},
        "comments": {number: comments_of(stage, number) for number in repository.repo.issues},
        "checks": [check_of(one) for one in repository.check_runs()],
        "journal": steps,
        "registry": (repository.file("main", REGISTRY) or b"").decode(),
        "runs": {run.id: (run.status, run.conclusion) for run in repository.repo.runs.values()},
    }
    return {**by_tree(stage, found), "evidence": evidence}


def _pull(issue: Any) -> dict[str, Any]:
    pull = issue.pull
    merged = {"merged": bool(pull.merged), "by": pull.merged_by, "commit": pull.merge_sha}
    words = {"title": issue.title, "body": TIME.sub("T", issue.body or ""), "state": issue.state, "login": issue.login}
    asked = [(one.by, one.login, one.team) for one in pull.asked]
    return {**words, **merged, "head": pull.head_sha, "from": pull.head_ref, "into": pull.base_ref, "asked": asked}


def by_tree(stage: Stage, found: dict[str, Any]) -> dict[str, Any]:
    """The same, with the tree's name in place of every commit's, whole or cut short."""
    listed = git.git(stage.repository.repo.folder, "log", "--all", "--format=%H %T").decode().splitlines()
    trees = dict(line.split() for line in listed)
    short = {sha[:length]: f"<{tree[:10]}>" for sha, tree in trees.items() for length in (7, 12, 40)}
    text = json.dumps(found, default=str)
    return dict(json.loads(COMMIT.sub(lambda match: short.get(match[0], match[0]), text)))


def lost(stage: Stage) -> list[str]:
    """What the registry on the target branch names and nobody finds: variants without their evidence or report."""
    known = registry.parse(stage.repository.file("main", REGISTRY) or b"version: 1", REGISTRY)
    named = [(f, n, e) for f, feature in known.features.items() for n, e in feature.variants.items() if e.evidence]
    return [
        f"{feature}: {name}"
        for feature, name, entry in named
        if not _is_there(stage, entry) or stage.repository.file("main", f"reports/{feature}/{name}.md") is None
    ]


def _is_there(stage: Stage, entry: RegistryEntry) -> bool:
    manifest = stage.repository.file(JOURNAL, object_place(MANIFEST, entry.evidence.sha256 if entry.evidence else ""))
    files = json.loads(manifest)["files"] if manifest else {"manifest": ""}
    return all(stage.repository.file(JOURNAL, object_place(name, digest)) is not None for name, digest in files.items())


def shown(stage: Stage, number: int) -> Any:
    """The check run that GitHub shows on the head of a pull request."""
    return [one for one in stage.repository.check_runs(head_of(stage, number)) if one.name == "EvalGate"][-1]
