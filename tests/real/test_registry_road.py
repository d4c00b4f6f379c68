"""The registry's whole road under act: rows, a verdict, an entry, a rollout, and all of it taken back.

Every job of the shipped workflow takes part, each with a token that may do what the workflow declares for it. Between the runs
people do what people do, on the GitHub test server and with git. What act cannot show stands in docs/not-measured-here.md.
"""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from commands import process
from pull_stage import BOT
from small_job import FEATURE, cache_with_the_model, good_rows
from workflow_runs import ACT
from workflow_stage import DONE, MERGED, NO_WORK, Actions, Opening, opening

from evalgate import registry
from evalgate.records.registry import Registry

pytestmark = pytest.mark.skipif(ACT is None, reason="act is not installed: it comes with the package's extra `dev`")

NAME = "ft-v1.1.0"
RELEASE = {"managers": ["cat"]}
KEYS = [f"key-{number}" for number in range(1_000)]
SIGNED = {"EVALGATE_ATTEST": "true"}
ANN = {"NAME": "ann", "EMAIL": "ann@example.com"}


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Opening]:
    with opening(tmp_path, monkeypatch, capsys) as ready:
        yield ready


def registered(at: Actions) -> Registry:
    """What stands in the target branch's registry."""
    return registry.parse(at.stage.repository.file("main", "models.yaml") or b"version: 1", "models.yaml")


def served(at: Actions, feature: str) -> list[str]:
    """Who answers each of the keys, by the target branch's registry."""
    known = registered(at)
    return [registry.resolve(feature, key=key, registry=known).variant for key in KEYS]


def clone(at: Actions, name: str) -> Path:
    """A person's clone of the repository as it is now."""
    folder = at.stage.folder / name
    git(at.stage.folder, "clone", "--quiet", str(at.stage.repository.repo.folder), name)
    return folder


def git(folder: Path, *words: str) -> str:
    """What git says to ann, who has no settings of her own."""
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in ANN.items()}
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **who}
    return subprocess.run(["git", *words], cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


def proposed_by_hand(at: Actions, folder: Path, steps: Sequence[str]) -> Actions:
    """The pull request that ann opens for what git brought to a branch, step by step; the last one names the branch."""
    for step in steps:
        program, *words = shlex.split(step)
        assert program == "git"
        git(folder, *words)
    branch = steps[-1].rpartition("refs/heads/")[2]
    return at.about(at.stage.repository.open_pull(branch, author="ann", title="A change of what is served"))


def waits(at: Actions, words: str) -> None:
    """The check is verified and waits for a release."""
    assert at.stage.check.conclusion == "action_required", at.stage.comment
    assert words in at.stage.comment, at.stage.comment
    assert "released by 0 of 1" in at.stage.comment


def released(at: Actions, **given: Any) -> None:
    """The release manager approves, and the job merges exactly that commit."""
    head = at.stage.head
    at.stage.approve("cat")
    ran = at.checked("pull_request_review", actor="cat", **given)
    assert ran.jobs == MERGED, ran.said
    pull = at.stage.repository.pull(at.stage.number).pull
    assert pull is not None
    assert (pull.merged_by, pull.head_sha) == (BOT, head)
    assert at.stage.repository.commits("main")[0].parents[1] == head
    assert at.stage.check.conclusion == "success"


def the_whole_road(at: Actions, feature: str, **given: Any) -> None:
    """From rows to a served variant, and back; everything that is claimed on the way. `given`: how workflows are run."""
    at.stage.repository.protect("main", ["EvalGate"])
    untouched = at.stage.repository.file("main", "models.yaml")
    ran = at.checked(**given)
    assert (ran.jobs, at.stage.check.conclusion) == (NO_WORK, "action_required"), ran.said
    at.stage.approve("ben")
    ran = at.checked("pull_request_review", **{**given, "variables": SIGNED})
    assert (ran.jobs, ran.outputs("evalgate", "finish")["verdict"]) == (DONE, "pass"), ran.said

    (entry,) = at.proposed()
    assert at.stage.repository.pull(entry.stage.number).login == BOT
    assert at.stage.repository.file("main", "models.yaml") == untouched
    waits(entry, "derived again")
    released(entry, **given)
    made = registered(at).features[feature].variants[NAME]
    assert made.adapter is not None
    assert made.flag is not None
    assert not made.flag.on
    assert set(served(at, feature)) == {"base"}
    assert f"registry: proposed in #{entry.stage.number}" in at.stage.comment
    signed = (ran.kept / "signed/subjects.sha256").read_text()
    assert f"{made.adapter.sha256}  {NAME}\n" in signed
    assert json.loads((ran.kept / "signed/predicate.json").read_bytes())["result"] == "PASSED"

    mine = clone(at, "rolls-out")
    ended = process(mine, "registry", "verify", feature)
    assert ended.code == 0, "with the evidence branch of the clone alone"
    ended = process(mine, "registry", "rollout", feature, "--variant", NAME, "--share", "0.5")
    assert ended.code == 0, ended.err
    steps = ("git commit --quiet --all --message 'Half of it'", "git push --quiet origin HEAD:refs/heads/half-of-it")
    half = proposed_by_hand(at, mine, steps)
    half.stage.approve("ben")  # who may write, and is no release manager
    assert half.checked("pull_request_review", **given).jobs == NO_WORK
    waits(half, "derived again")
    released(half, **given)
    answers = served(at, feature)
    assert 400 < answers.count(NAME) < 600
    assert set(answers) == {"base", NAME}
    mine = clone(at, "rolls-back")
    for variant in ("base", NAME):
        ended = process(mine, "registry", "resolve", feature, "--key", KEYS[answers.index(variant)])
        assert (ended.code, ended.out) == (0, f"{variant}\n")

    ended = process(mine, "registry", "rollback", feature, "--format", "json")
    assert ended.code == 0, ended.err
    back = proposed_by_hand(at, mine, json.loads(ended.out)["next"])
    assert git(mine, "show", "--numstat", "--format=", "HEAD") == "1\t1\tmodels.yaml\n"
    assert back.checked(**given).jobs == NO_WORK
    waits(back, "it only lowers exposure and needs no new evidence")
    released(back, **given)
    assert set(served(at, feature)) == {"base"}
    assert registered(at).features[feature].variants[NAME].adapter == made.adapter, "taken back, it stays registered"


def test_the_whole_road_under_act__from_rows_to_a_served_variant_and_back(opened: Opening) -> None:
    at = opened(review={"approvals": 1})
    policy = json.loads(at.stage.repository.file("main", "evalgate.yaml") or b"")
    at.stage.repository.commit("main", {"evalgate.yaml": json.dumps({**policy, "release": RELEASE}).encode()}, "who releases")
    spy = at.spying()
    the_whole_road(at, "f", python=str(spy.program))
    assert spy.heard() == {
        "pr control": "token", "pr take": "token", "train": "", "pr step": "token", "run": "", "pr finish": "token",
        "pr settle": "token", "pr statement": "token", "pr register": "token", "pr merge": "token",
    }  # fmt: skip


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_the_whole_road_under_act_with_a_real_model(opened: Opening, tmp_path: Path) -> None:
    at = opened.real(good_rows(), release=RELEASE)
    (tmp_path / "cache").mkdir()
    the_whole_road(at, FEATURE, cache=cache_with_the_model(tmp_path / "cache"), timeout=1700)
