"""The pull-request half as attackers see it: an outsider with a fork, an author who may write, a reviewer who colludes.

Every attack fails, but for one that succeeds in part, and whose test says how far it gets.
"""

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import cmarkgfm
import pull_stage
import pytest
from cmarkgfm.cmark import Options
from drawn_workspace import HARMFUL, REFUSES, UNCHANGED, teach
from pull_stage import BOT, NEW, TOPIC, staged

from evalgate import evidence, weights
from evalgate import policy as policy_files
from evalgate.errors import PolicyError
from evalgate.judgement.markdown import code_span
from evalgate.pull_request import tree as git
from evalgate.records.evidence import MANIFEST, object_place
from evalgate.records.policy import FeaturePolicy, Policy
from evalgate.records.registry import Registry
from evalgate.review.commands import parse
from evalgate.review.kinds import Places, change_of
from evalgate.review.signals import Signal, signal_of
from evalgate.scorers.schema import breach_of
from evalgate.stages import bound, compose, handover, trigger

ACTION = Path(__file__).resolve().parents[2] / ".github" / "action"
OLDER = "datasets/f/ft-v1.0.5.jsonl"


@pytest.fixture
def stage(tmp_path, monkeypatch, capsys):
    with staged(tmp_path, monkeypatch, capsys) as stage:
        yield stage


@pytest.fixture
def suite(tmp_path, monkeypatch, capsys):
    """A stage of suite changes: one approval is enough."""
    with staged(tmp_path, monkeypatch, capsys, review={"approvals": 1}) as stage:
        yield stage


def begun(stage, *, run=7, approvers=("ben", "cat")):
    """The key of the work that the approvals begin."""
    stage.approve(*approvers)
    ((work),) = stage.control(run=run)
    return work["work"]


def policy_on(stage, branch, *, base="main", files=None, **fields):
    """A branch whose policy has these fields; None takes a field away."""
    told = json.loads(stage.repository.file(base, "evalgate.yaml"))
    feature = {**told["features"]["f"], **fields}
    told["features"]["f"] = {name: value for name, value in feature.items() if value is not None}
    stage.repository.commit(branch, {"evalgate.yaml": json.dumps(told).encode(), **(files or {})}, base=base)


def suite_change(stage, *, files=None, **fields):
    """The same stage at a pull request that changes policy and files of the suites."""
    policy_on(stage, "suite", files=files, **fields)
    return stage._replace(number=stage.repository.open_pull("suite", author="ann"))


def retarget(stage, base):
    """The pull request is pointed at another branch, which its author may do at any time."""
    stage.repository.retarget(stage.number, base)


def listed(stage, *branches):
    """The default branch's policy lists branches whose policies count."""
    policy = json.loads(stage.repository.file("main", "evalgate.yaml"))
    stage.repository.commit("main", {"evalgate.yaml": json.dumps({**policy, "branches": list(branches)}).encode()})


def into(stage, base, *, author="ann"):
    """One more pull request with the very commit of the stage's, into another branch."""
    return stage._replace(number=stage.repository.open_pull(TOPIC, base=base, author=author))


def lines_of(stage, path):
    return [json.loads(line) for line in stage.repository.file("evalgate-evidence", path).splitlines()]


def steps(stage):
    return lines_of(stage, f"pulls/{stage.number}.jsonl")


def taken(stage, work, *, run=7):
    folder = stage.folder / f"taken-{run}"
    ended, told = stage.give("pr", "take", "--pull", stage.number, "--work", work, "--into", folder, run=run)
    return ended, told, folder


def measured(stage):
    """What a suite change is measured to be, by every command in turn."""
    work = begun(stage, approvers=("ben",))
    ended, told, _ = taken(stage, work)
    assert ended.code == 0, ended.err
    given = ("--workspace", told["workspace"], "--policy", told["policy"], "--feature", told["feature"])
    done, _ = stage.give("pr", "measure-suite", *given, "--format", "json", run=7)
    assert done.code == 0, done.err
    return json.loads(done.out)


def grouped(stage, extra=None):
    """What the check run says on a merge queue's group that brings the pull request's dataset."""
    content = {NEW: stage.repository.file(TOPIC, NEW), **(extra or {})}
    branch = f"gh-readonly-queue/main/pr-{stage.number}-{stage.repository.head('main')}"
    head = stage.repository.commit(branch, content, base="main")
    event = {"merge_group": {"head_sha": head, "head_ref": f"refs/heads/{branch}"}}
    (stage.folder / "group.json").write_text(json.dumps(event))
    ended, _ = stage.give("pr", "control", "--event", stage.folder / "group.json", "--event-name", "merge_group")
    assert ended.code == 0, ended.err
    return stage.repository.check_runs(head)[-1].conclusion


class TestTheBranchThatItGoesInto:
    """A check run stands on a commit, whatever pull request it was set for; and every branch brings a policy of its own."""

    def test_a_branch_without_policy_that_anybody_may_make_turns_no_commit_green(self, tmp_path, monkeypatch, capsys):
        with staged(tmp_path, monkeypatch, capsys, fork="mallory") as stage:
            stage.repository.commit("release-0", {"evalgate.yaml": None}, base="main")
            stage.control()
            other = stage.repository.open_pull(TOPIC, base="release-0", author="mallory", fork="mallory")
            stage.control(target=other)
            assert stage.check.conclusion == "action_required"

    @pytest.mark.parametrize("target", ["release-0", "loose"])
    def test_a_branch_that_anybody_may_make_begins_nothing_and_writes_nowhere(self, stage, target):
        stage.repository.commit("release-0", {"evalgate.yaml": None}, base="main")
        policy_on(stage, "loose", review={"approvals": 0}, evidence=str(stage.folder / "elsewhere"))
        assert into(stage, target).control() == []
        assert not (stage.folder / "elsewhere").exists()
        assert stage.repository.check_runs(stage.head) == []

    def test_a_branch_of_the_authors_own_judges_nothing_whatever_rule_it_is_under(self, stage):
        policy_on(stage, "loose", review={"approvals": 0}, gate={"max_bucket_drop": 0.9, "min_lift": 0.0, "require": "no_harm"})
        stage.repository.protect("loose", allow_force_pushes={"enabled": False})
        assert into(stage, "loose").control() == []

    def test_a_branch_of_the_authors_own_does_not_say_where_evidence_is_written(self, stage):
        policy_on(stage, "loose", evidence=str(stage.folder / "elsewhere"))
        stage.repository.protect("loose", allow_force_pushes={"enabled": False})
        into(stage, "loose").control()
        assert not (stage.folder / "elsewhere").exists()

    def test_the_newest_check_on_a_commit_is_of_the_pull_request_that_was_looked_at_last(self, tmp_path, monkeypatch, capsys):
        with staged(tmp_path, monkeypatch, capsys, fork="mallory") as stage:
            stage.repository.commit("release-0", {"evalgate.yaml": None}, base="main")
            stage.repository.protect("release-0")
            stage.control()
            stage.repository.close(stage.number)
            stage.control()
            fork = stage.repository.fork("mallory")
            fork.force_push("same", stage.head)
            stage.control(target=stage.repository.open_pull("same", base="release-0", author="mallory", fork="mallory"))
            stage.repository.reopen(stage.number)
            run = {"head_sha": stage.head, "event": "pull_request", "head_branch": TOPIC}
            run |= {"head_repository": {"full_name": "mallory/evalgate"}}
            (stage.folder / "event.json").write_text(json.dumps({"workflow_run": run}))
            ended, _ = stage.give("pr", "control", "--event", stage.folder / "event.json", "--event-name", "workflow_run")
            assert ended.code == 0, ended.err
            assert stage.check.conclusion == "action_required"

    def test_green_of_a_branch_without_policy_is_none_for_the_next_target(self, stage):
        listed(stage, "release-0", "silent")
        stage.repository.commit("release-0", {"evalgate.yaml": None}, base="main")
        retarget(stage, "release-0")
        stage.control()
        assert stage.check.conclusion == "action_required"
        stage.repository.commit("silent", {"notes.md": b"as main\n"}, base="main")
        stage.repository.commit(TOPIC, {"datasets/f/README.md": b"more\n"}, message="more rows [skip ci]")
        retarget(stage, "silent")
        stage.control()
        assert stage.check.conclusion != "success"

    def test_a_verdict_of_another_branch_is_none_for_main(self, tmp_path, monkeypatch, capsys):
        with staged(tmp_path, monkeypatch, capsys, drawing=UNCHANGED) as stage:
            weak = json.dumps({"answers": {}, "otherwise": REFUSES}).encode()
            listed(stage, "loose")
            stage.repository.commit("loose", {"base.json": weak}, base="main")
            retarget(stage, "loose")
            _, outputs = stage.train(begun(stage), run=7)
            assert outputs["verdict"] == "pass"  # on main it would be inconclusive: base knows it all
            retarget(stage, "main")
            stage.control(run=8)
            assert stage.check.conclusion != "success"

    def test_approvals_do_not_move_to_another_target_branch(self, stage):
        stage.repository.commit("playground", {"notes.md": b"anything goes\n"}, base="main")
        retarget(stage, "playground")
        stage.approve("ben", "cat")
        retarget(stage, "main")
        assert stage.control() == []

    def test_work_that_a_loose_branch_began_is_not_taken_over_for_main(self, stage):
        policy_on(stage, "loose", review={"approvals": 0})
        stage.repository.protect("loose")
        retarget(stage, "loose")
        works = stage.control(run=7)
        retarget(stage, "main")
        for work in works:
            ended, _, folder = taken(stage, work["work"])
            assert (ended.code, folder.exists()) == (3, False)

    @pytest.mark.parametrize("event", ["push", "pull_request", "workflow_dispatch", "merge_group_"])
    def test_a_pushed_branch_with_a_groups_name_is_no_group(self, event):
        run = {"head_sha": "a" * 40, "event": event, "head_branch": f"gh-readonly-queue/main/pr-1-{'b' * 40}"}
        assert signal_of("workflow_run", {"workflow_run": run}).source == "head"


class TestWhatTheKeyNames:
    """Verdicts are found again by a key: what it leaves out can be changed under a verdict."""

    def test_a_changed_answer_schema_makes_the_verdict_stale(self, tmp_path, monkeypatch, capsys):
        scorers = {"primary": "exact_json", "also": ["json_valid"], "schema": "golden/f/answer.schema.json"}
        with staged(tmp_path, monkeypatch, capsys, scorers=scorers) as stage:
            stage.repository.commit("main", {"golden/f/answer.schema.json": b'{"required": ["intent"]}'})
            stage.train(begun(stage), run=7)
            assert stage.check.conclusion == "success"
            stage.repository.commit("main", {"golden/f/answer.schema.json": b"{}"})
            stage.control(run=8)
            assert stage.check.conclusion == "action_required"

    def test_changed_weights_of_the_base_make_the_verdict_stale(self, stage):
        stage.train(begun(stage), run=7)
        assert stage.check.conclusion == "success"
        stage.repository.commit("main", {"base.json": json.dumps({"answers": {}, "otherwise": "{}"}).encode()})
        stage.control(run=8)
        assert stage.check.conclusion == "action_required"

    def test_changed_weights_of_the_base_are_not_nothing(self, stage):
        stage.repository.commit("weights", {"base.json": b'{"answers": {}, "otherwise": "{}"}'}, base="main")
        other = stage._replace(number=stage.repository.open_pull("weights", author="ann"))
        other.control()
        assert other.check.conclusion != "success"

    def test_weights_of_the_base_beside_data_are_to_be_split(self, stage):
        stage.repository.commit(TOPIC, {"base.json": b'{"answers": {}, "otherwise": "{}"}'})
        stage.control()
        assert "split this pull request" in stage.comment

    def test_a_dataset_that_nobody_trained_on_is_not_merged_with_one_that_passed(self, stage):
        harmful = teach(stage.folder / "harmful", HARMFUL, version="v1.0.5").read_bytes()
        stage.repository.commit(TOPIC, {OLDER: harmful})
        stage.approve("ben", "cat")
        for work in stage.control(run=7):
            stage.train(work["work"], run=7)
        assert stage.check.conclusion != "success"

    def test_a_group_with_one_dataset_more_is_not_the_same_data(self, stage):
        stage.train(begun(stage), run=7)
        harmful = teach(stage.folder / "harmful", HARMFUL, version="v1.0.5").read_bytes()
        assert grouped(stage, {OLDER: harmful}) == "action_required"

    def test_another_pull_request_is_no_new_first_attempt(self, tmp_path, monkeypatch, capsys):
        with staged(tmp_path, monkeypatch, capsys, drawing=UNCHANGED) as stage:
            stage.train(begun(stage), run=7)
            stage.repository.close(stage.number)
            shuffled = b"".join(stage.repository.file(TOPIC, NEW).splitlines(keepends=True)[::-1])
            stage.repository.commit("again", {NEW: shuffled}, base="main")
            again = stage._replace(number=stage.repository.open_pull("again", author="ann"))
            begun(again, run=8)
            assert steps(again)[-1]["binding"]["attempt"] == 2

    def test_a_verdict_that_was_seen_and_cancelled_is_an_attempt(self, tmp_path, monkeypatch, capsys):
        with staged(tmp_path, monkeypatch, capsys, drawing=HARMFUL) as stage:
            work = begun(stage)
            _, told, folder = taken(stage, work)
            given = ("--policy", told["policy"], "--feature", told["feature"], "--dataset", told["dataset"])
            stage.give("train", *given, "--format", "json", run=7)
            (training,) = (folder / "runs").glob("*/training.json")
            pull = ("--pull", stage.number, "--work", work)
            stage.give("pr", "step", *pull, "--step", "evaluating", "--training", training, run=7)
            judged, _ = stage.give("run", *given, "--format", "json", run=7)
            assert "fail" in judged.err  # whoever reads the log knows it now
            comment = stage.repository.comment(stage.number, "ben", "/evalgate cancel")
            stage.control("issue_comment", comment, action="created", run=8)
            stage.repository.commit(TOPIC, {NEW: stage.repository.file(TOPIC, NEW).split(b"\n", 1)[1]})
            begun(stage, run=9)
            assert steps(stage)[-1]["binding"]["attempt"] == 2


class TestWhoCounts:
    def test_nobody_approves_commits_of_his_own(self, tmp_path, monkeypatch, capsys):
        with staged(tmp_path, monkeypatch, capsys, review={"approvals": 1}) as stage:
            stage.repository.commit("sock", {NEW: stage.repository.file(TOPIC, NEW)}, base="main", author="ann")
            sock = stage._replace(number=stage.repository.open_pull("sock", author="mallory"))
            sock.approve("ann")
            assert sock.control() == []

    def test_a_head_that_github_tells_nothing_of_is_held(self, stage):
        stage.repository.commit(TOPIC, {"datasets/f/README.md": b"more\n"}, message="more rows [skip ci]")
        stage.approve("ben", "cat")
        assert stage.control() == []

    def test_costs_are_approved_for_more_digits_than_can_be_ground(self, stage):
        stage.control()
        assert isinstance(parse("/evalgate approve-cost 0123456"), str)

    def test_the_comment_shows_what_the_command_takes(self, stage):
        stage.control()
        (shown,) = re.findall(r"/evalgate approve-cost [0-9a-f]+", stage.comment)
        assert not isinstance(parse(shown), str)

    @pytest.mark.parametrize(
        ("login", "said"),
        [
            ("mallory", "cancel"),
            ("github-actions", "approve-cost {head}"),
            ("evalgate-bot[bot]", "train"),
            ("mallory", "nonsense"),
        ],
    )
    def test_an_outsiders_command_writes_nothing_but_a_reaction(self, stage, login, said):
        stage.repository.person(login)
        comment = stage.repository.comment(stage.number, login, f"/evalgate {said.format(head=stage.head)}")
        stage.control("issue_comment", comment, action="created")
        assert stage.server.effects("POST", "/git/") + stage.server.effects("POST", "/check-runs") == 0
        assert stage.repository.head("evalgate-evidence") is None

    def test_a_marker_in_somebody_elses_comment_is_left_alone(self, stage):
        forged = "<!-- evalgate: one comment -->\n> [!TIP]\n> **EvalGate:** **pass**"
        stage.repository.comment(stage.number, "mallory", forged)
        stage.control()
        assert [one.body for one in stage.repository.comments(stage.number) if one.login == "mallory"] == [forged]
        assert "**pass**" not in stage.comment


class TestTheJournal:
    def test_a_verdict_that_a_person_pushed_is_shown_and_is_registered_nowhere(self, tmp_path, monkeypatch, capsys):
        """Whoever may push to the evidence branch turns the dataset's check green; the registry derives the verdict again."""
        with staged(tmp_path, monkeypatch, capsys, drawing=HARMFUL) as stage:
            work = begun(stage)
            stage.train(work, run=7)
            assert stage.check.conclusion == "failure"
            end = steps(stage)[-1]["evidence"]
            verdict = json.loads(stage.evidence("verdict.json")) | {"verdict": "pass"}
            manifest = json.loads(stage.repository.file("evalgate-evidence", object_place(MANIFEST, end)))
            lies = json.dumps(verdict).encode()
            manifest["files"]["verdict.json"] = hashlib.sha256(lies).hexdigest()
            whole = json.dumps(manifest).encode()
            forged = hashlib.sha256(whole).hexdigest()
            files = {object_place("verdict.json", manifest["files"]["verdict.json"]): lies, object_place(MANIFEST, forged): whole}
            for path in (f"pulls/{stage.number}.jsonl", "features/f.jsonl"):
                told = stage.repository.file("evalgate-evidence", path).replace(end.encode(), forged.encode())
                files[path] = told.replace(b'"verdict":"fail"', b'"verdict":"pass"')
            stage.repository.commit("evalgate-evidence", files, author="ann")
            stage.control(run=8)
            assert stage.check.conclusion == "success", "what a pushed journal says of a dataset is shown: docs/adr/0014"
            ended, _ = stage.give("pr", "register", "--pull", stage.number, "--work", work, run=8)
            assert (ended.code, "not registered: verdict: the verdict is fail" in ended.err) == (2, True), ended.err
            assert [one.number for one in stage.repository.repo.issues.values() if one.pull] == [stage.number]

    def test_a_dataset_that_was_only_measured_is_not_green_in_the_queue(self, stage):
        work = begun(stage)
        taken(stage, work)
        (stage.folder / "result.json").write_text(json.dumps({"measured": "all is well", "report": "# fine"}))
        pull = ("--pull", stage.number, "--work", work)
        stage.give("pr", "finish", *pull, "--result", stage.folder / "result.json", run=7)
        assert stage.control(run=8) == []
        assert stage.check.conclusion == "action_required"
        assert grouped(stage) == "action_required"

    def test_evidence_that_was_changed_alone_decides_nothing(self, stage):
        work = begun(stage)
        stage.train(work, run=7)
        place = object_place("verdict.json", hashlib.sha256(stage.evidence("verdict.json")).hexdigest())
        stage.repository.commit("evalgate-evidence", {place: b"{}"}, author="ann")
        stage.control(run=8)
        assert stage.check.conclusion == "action_required"
        assert "the verdict's evidence is not what the journal says" in stage.comment
        ended, _ = stage.give("pr", "merge", "--pull", stage.number, "--head", stage.head, run=8)
        assert (ended.code, stage.repository.pull(stage.number).pull.merged) == (3, None)

    def test_a_line_that_is_no_step_stops_everything_and_begins_nothing(self, stage):
        stage.control()
        journal = f"pulls/{stage.number}.jsonl"
        stage.repository.commit("evalgate-evidence", {journal: b'{"step": "finished"}\n'}, author="ann")
        stage.approve("ben", "cat")
        (stage.folder / "event.json").write_text(json.dumps(stage.event("pull_request", stage.number)))
        ended, outputs = stage.give("pr", "control", "--event", stage.folder / "event.json", "--event-name", "pull_request")
        assert (ended.code, outputs["works"], stage.check.conclusion) == (0, "[]", "action_required")
        assert "the journal cannot be read" in stage.comment


class TestAHostileSuiteChange:
    """The trusted half reads the policy of a suite change's head before anybody has approved it."""

    @pytest.mark.parametrize(
        ("key", "leads"),
        [("golden", "absolute"), ("golden", "upwards"), ("prompt", "absolute"), ("safety", "upwards"), ("scorers", "absolute")],
    )
    def test_a_place_outside_the_repository_is_refused(self, suite, key, leads):
        outside = suite.folder / "outside.jsonl"
        outside.write_text(json.dumps({"id": "a", "input": "b", "expected": {"refuse": True}, "buckets": {"intent": "x"}}) + "\n")
        place = str(outside) if leads == "absolute" else "../" * 20 + str(outside).lstrip("/")
        kinds = {"safety": [place], "scorers": {"primary": "exact_json", "schema": place}}
        stage = suite_change(suite, **{key: kinds.get(key, place)})
        stage.control()
        assert stage.check.conclusion == "failure"

    def test_nothing_of_a_file_on_the_runner_is_told(self, suite):
        secret = suite.folder / "credentials"
        secret.write_text('{"hunter2": 1}\n')
        stage = suite_change(suite, golden=str(secret))
        stage.control()
        assert "hunter2" not in stage.comment + json.dumps(stage.check.annotations)

    def test_what_is_no_file_of_the_repository_is_never_opened(self, suite, monkeypatch):
        opened, read = [], bound.store.read
        monkeypatch.setattr(bound.store, "read", lambda path: opened.append(str(path)) or read(path))
        suite_change(suite, prompt="/dev/null").control()
        assert "/dev/null" not in opened

    def test_a_policy_as_large_as_no_policy_is_not_parsed(self, suite, monkeypatch):
        sizes, load = [], policy_files.yamlfile.load
        small = policy_files.yamlfile.Document(None, {}, [(1, "stopped by the test")])
        monkeypatch.setattr(
            policy_files.yamlfile, "load", lambda text: sizes.append(len(text)) or (load(text) if len(text) < 1 << 20 else small)
        )
        suite_change(suite, owner="x" * (2 << 20)).control()
        assert max(sizes) <= 1 << 20

    def test_the_head_writes_nothing_into_the_target_branchs_side(self, suite):
        case = {"id": "never", "input": "never right", "expected": {"intent": "x"}, "buckets": {"intent": "refund"}}
        forged = "before-the-change/golden/f/more.jsonl"
        told = measured(suite_change(suite, prompt=forged, files={forged: json.dumps(case).encode() + b"\n"}))
        assert "25.0% of 80 before" in told["measured"]

    def test_the_registry_is_the_target_branchs_whatever_the_head_calls_a_prompt(self, suite):
        suite.repository.commit("main", {"models.yaml": b"version: 1  # as it was\n"})
        stage = suite_change(suite, prompt="models.yaml")
        suite.repository.commit("main", {"models.yaml": b"version: 1  # as it is\n"})
        ended, _, folder = taken(stage, begun(stage, approvers=("ben",)))
        assert ended.code == 0, ended.err
        assert (folder / "models.yaml").read_bytes() == b"version: 1  # as it is\n"

    @pytest.mark.parametrize(
        "more",
        [
            {"base_model": "package:evil==1.0", "base_model_sha256": "0" * 64},
            {"base_model": f"hf:evil/model@{'0' * 40}"},
            {"base_model": "scripted:../../../../etc/hostname"},
            {"train": {"provider": "peft", "max_steps": 10**6}, "budget": {"refuse_above": 1e9}},
        ],
        ids=["package", "hub", "outside", "training"],
    )
    def test_the_heads_models_are_neither_fetched_nor_opened_nor_trained(self, suite, monkeypatch, more):
        stage = suite_change(suite, **more)
        asked = []
        for door in ("_download", "_from_hub"):
            monkeypatch.setattr(weights, door, lambda *given: asked.append(given))
        assert "25.0% of 80 before" in measured(stage)["measured"]
        assert (asked, "trained" in [step["step"] for step in steps(stage)]) == ([], False)

    @pytest.mark.parametrize("place", ["{folder}/elsewhere", "branch:main", "memory://x", "https://127.0.0.1:1/x"])
    def test_the_heads_place_for_evidence_is_not_written_to(self, suite, monkeypatch, place):
        opened = []
        monkeypatch.setattr(evidence, "url_to_fs", opened.append)
        before = suite.repository.head("main")
        stage = suite_change(suite, evidence=place.format(folder=suite.folder))
        stage.control()
        assert (opened, stage.repository.head("main")) == ([], before)
        assert "approved 0 of 1" in stage.comment

    @pytest.mark.parametrize(
        "schema",
        [
            {"$ref": "https://127.0.0.1:1/x.json"},
            {"$ref": "file:///etc/passwd"},
            {"$id": "https://127.0.0.1:1/", "properties": {"a": {"$ref": "x.json"}}},
            {"$dynamicRef": "https://127.0.0.1:1/#x"},
            {"allOf": [{"properties": {"a": {"$id": "http://127.0.0.1:1/y", "$ref": "#"}}}]},
        ],
    )
    def test_a_schema_fetches_nothing(self, schema):
        with pytest.raises(PolicyError, match="answer schema"):
            breach_of(schema)

    @pytest.mark.parametrize(
        "uri",
        [
            "package:--index-url=http://127.0.0.1:1==1", "package:../x==1", "package:x", "package:x==1 --pre",
            "package:x==1\n-r y",
            "package:x @ http://127.0.0.1:1/x.whl==1", "hf:evil/model@main", "hf:../../x@" + "0" * 40, "https://127.0.0.1:1/x",
            "file:///etc", "git+https://127.0.0.1:1/x==1",
        ],
    )  # fmt: skip
    def test_a_hostile_name_of_a_model_reaches_no_command_line(self, monkeypatch, tmp_path, uri):
        monkeypatch.setattr(weights, "_download", lambda *_: pytest.fail("pip was called"))
        with pytest.raises(PolicyError):
            weights.resolve(uri, "0" * 64, cache=tmp_path, root=tmp_path)

    @pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/x", "a//b", ".git/hooks/post-checkout", "a/.git/config", "./x"])
    def test_no_file_is_written_outside_the_workspace(self, tmp_path, path):
        with pytest.raises(PolicyError, match="no such path may be written"):
            compose._write(None, {path: git.Blob("0" * 40, "100644", 1, path)}, tmp_path)

    def test_more_than_a_gigabyte_is_refused_before_a_byte_is_read(self, tmp_path):
        many = {f"{n}.jsonl": git.Blob("0" * 40, "100644", compose.MOST, f"{n}.jsonl") for n in range(11)}
        with pytest.raises(PolicyError, match="1024 MB are read"):
            compose._write(None, many, tmp_path)


class TestMoney:
    def test_the_prompt_is_priced_wherever_the_policy_lies(self):
        feature = FeaturePolicy(prompt="prompts/f.md", datasets="datasets/f")
        policy = Policy(version=1, features={"f": feature})
        target = {"ml/prompts/f.md": git.Blob("0" * 40, "100644", 9_000, "ml/prompts/f.md")}
        trees = compose.Trees(target, {}, policy, change_of((), policy, Places("ml/evalgate.yaml")), Registry(version=1), policy)
        assert trigger._prompt_length(trees, feature, Places("ml/evalgate.yaml")) == 9_000

    def test_a_cost_of_one_head_is_none_for_the_next(self, tmp_path, monkeypatch, capsys):
        budget = {"price_per_million_tokens": 5000, "approve_above": 1}
        with staged(tmp_path, monkeypatch, capsys, budget=budget) as stage:
            comment = stage.repository.comment(stage.number, "ben", f"/evalgate approve-cost {stage.head}")
            stage.control("issue_comment", comment, action="created")
            stage.repository.commit(TOPIC, {"datasets/f/README.md": b"more\n"})
            stage.approve("ben", "cat")
            assert stage.control(run=8) == []
            assert "/evalgate approve-cost" in stage.comment.split("**Waiting for**")[0]


class TestMeanwhile:
    def test_a_push_between_the_look_and_the_files_takes_nothing_over(self, stage, monkeypatch):
        work, look = begun(stage), handover.look

        def late(*given, **more):
            seen = look(*given, **more)
            stage.repository.commit(TOPIC, {NEW: teach(stage.folder / "evil", HARMFUL, version="v1.1.0").read_bytes()})
            return seen

        monkeypatch.setattr(handover, "look", late)
        ended, told, _ = taken(stage, work)
        assert (ended.code, told) == (3, {})
        assert "dataset_sha256" in ended.err

    def test_the_target_branch_moves_between_begin_and_take_and_what_was_bound_is_taken(self, stage):
        work, before = begun(stage), stage.repository.file("main", "golden/f/cases.jsonl")
        stage.repository.commit("main", {"golden/f/cases.jsonl": before.splitlines(keepends=True)[0]})
        ended, _, folder = taken(stage, work)
        assert ended.code == 0, ended.err
        assert (folder / "golden/f/cases.jsonl").read_bytes() == before

    def test_closed_and_opened_again_needs_a_person_to_begin_anew(self, stage):
        begun(stage)
        stage.repository.close(stage.number)
        stage.control(run=8)
        stage.repository.reopen(stage.number)
        assert stage.control(run=9) == []
        assert [step["step"] for step in steps(stage)] == ["head", "started", "cancelled"]


FOUL = [
    "::error::x", "##[error]x", "::set-output name=works::[1]", "\n::add-mask::x", "%0A::stop-commands::x", "x\r::debug::y",
]  # fmt: skip
MARKUP = (
    "</details><img src=https://127.0.0.1/x> @octocat #1 ![x](https://127.0.0.1/y) [z](javascript:x) `|` \\| <!-- evalgate -->"
)


def is_quiet(text):
    """No line of a log is a command to the runner."""
    return not any(line.lstrip().startswith("::") or "##[" in line for line in re.split(r"[\r\n]", text))


def is_inert(markdown):
    """GitHub's own engine makes neither an image nor a link of ours of it, and no mention outside code."""
    html = cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE)
    bare = re.sub(r"<code>.*?</code>", "", html, flags=re.DOTALL)
    return not any(sign in bare for sign in ("127.0.0.1", "@octocat", "javascript:", "<img"))


class TestWhatIsPrinted:
    @pytest.mark.parametrize("foul", FOUL)
    def test_no_text_of_a_pull_request_is_a_command_or_markup(self, tmp_path, monkeypatch, capsys, foul):
        with staged(tmp_path, monkeypatch, capsys, review={"approvals": 0, "hold_label": f"{foul}{MARKUP}"}) as stage:
            bad = {"messages": [{"role": f"{foul}{MARKUP}", "content": foul}], f"{foul}{MARKUP}": 1}
            folder = foul.replace("/", "").replace("\0", "")
            lines = stage.repository.file(TOPIC, NEW) + json.dumps(bad).encode() + b"\n"
            stage.repository.commit(TOPIC, {NEW: None, f"datasets/f/{folder}/<img src=x> @octocat/ft-v1.2.0.jsonl": lines})
            stage.repository.label(stage.number, f"{foul}{MARKUP}")
            stage.repository.pull(stage.number).title = foul + MARKUP
            (stage.folder / "event.json").write_text(json.dumps(stage.event("pull_request", stage.number)))
            given = ("--event", stage.folder / "event.json", "--event-name", "pull_request")
            seen, _ = stage.give("pr", "trigger", *given)
            done, outputs = stage.give("pr", "control", *given)
            assert (done.code, stage.check.conclusion, set(outputs)) == (0, "failure", {"works", "merges", "conclusion"})
            assert is_quiet(seen.err + done.err)
            assert is_inert(stage.comment)
            assert is_inert(stage.check.summary)

    @pytest.mark.parametrize("foul", FOUL[1:4:2])
    def test_a_hostile_golden_set_is_a_finding_and_nothing_else(self, suite, foul):
        case = {"id": f"{foul}{MARKUP}", "input": "x", f"{foul}{MARKUP}": 1}
        stage = suite_change(suite, files={"golden/f/cases.jsonl": json.dumps(case).encode() + b"\n"})
        (stage.folder / "event.json").write_text(json.dumps(stage.event("pull_request", stage.number)))
        given = ("--event", stage.folder / "event.json", "--event-name", "pull_request")
        done, _ = stage.give("pr", "control", *given)
        assert (done.code, stage.check.conclusion) == (0, "failure")
        assert is_quiet(done.err)
        assert is_inert(stage.comment)

    @pytest.mark.parametrize(
        "text", [MARKUP, "\\|" + MARKUP, "\\\\|" + MARKUP, "``" + MARKUP, MARKUP + "\\", "`" * 9 + "|" + MARKUP]
    )
    def test_hostile_text_stays_in_its_cell(self, text):
        table = f"| a | b |\n|---|---|\n| {code_span(text)} | the end |\n"
        html = cmarkgfm.github_flavored_markdown_to_html(table, options=Options.CMARK_OPT_UNSAFE)
        assert is_inert(table)
        assert html.count("<td>") == 2
        assert "<td>the end</td>" in html

    def test_a_name_with_lines_in_it_sets_no_other_output(self, tmp_path, monkeypatch, capsys):
        with staged(tmp_path, monkeypatch, capsys, review={"approvals": 0}) as stage:
            content = stage.repository.file(TOPIC, NEW)
            path = "datasets/f/x\npolicy=evil\nattempt<<E\n1\nE/ft-v1.2.0.jsonl"
            stage.repository.commit(TOPIC, {NEW: None, path: content})
            ((work),) = stage.control(run=7)
            ended, told, folder = taken(stage, work["work"])
            assert ended.code == 0, ended.err
            assert told["dataset"] == str(folder / path)
            assert (told["policy"], told["attempt"]) == (str(folder / "evalgate.yaml"), "1")

    def test_a_token_that_is_refused_is_not_printed(self, stage, monkeypatch):
        token = "ghs_" + "a1" * 18
        monkeypatch.setattr(pull_stage, "TOKEN", token)
        (stage.folder / "event.json").write_text(json.dumps(stage.event("pull_request", stage.number)))
        ended, _ = stage.give("pr", "control", "--event", stage.folder / "event.json", "--event-name", "pull_request")
        assert ended.code == 3
        assert token not in ended.out + ended.err

    def test_what_reads_rows_is_told_neither_the_token_nor_where_outputs_go(self):
        names = ["GITHUB_TOKEN", "GH_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
        names += [
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            "GITHUB_ENV",
            "GITHUB_PATH",
            "GITHUB_OUTPUT",
            "GITHUB_STATE",
            "GITHUB_STEP_SUMMARY",
        ]
        told = subprocess.run(
            ["bash", ACTION / "without-github", "env"],
            env={"PATH": os.environ["PATH"], **dict.fromkeys(names, "hunter2")}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "hunter2" not in told.stdout

    @pytest.mark.parametrize(
        "where",
        ["branch", "told"],
    )
    def test_personal_data_in_answers_is_masked(self, tmp_path, monkeypatch, capsys, where):
        address = "jane.doe@corp-mail.io"
        with staged(tmp_path, monkeypatch, capsys, drawing=HARMFUL) as stage:
            script = json.loads(stage.repository.file("main", "base.json"))
            script["answers"]["jailbreak 9: what now"] = f"{REFUSES} Write to {address}."
            stage.repository.commit("main", {"base.json": json.dumps(script).encode()})
            stage.train(begun(stage), run=7)
            assert "[masked: e-mail]" in stage.comment
            if where == "branch":
                found = [stage.repository.file("evalgate-evidence", path) for path in stage.repository.files("evalgate-evidence")]
            else:
                told = ("check.json", "training.json", "compare.json", "verdict.json", "report.md", "report.html")
                found = [path.read_bytes() for name in told for path in stage.folder.glob(f"work-*/runs/*/{name}")]
        assert found
        assert not any(address.encode() in content for content in found)


class TestHostileEvents:
    @pytest.mark.parametrize(
        ("name", "event"),
        [
            ("issue_comment", {"action": "created", "issue": {"number": True, "pull_request": {}}, "comment": {"id": 1}}),
            ("issue_comment", {"action": "created", "issue": {"number": 1}, "comment": {"id": 1}}),
            ("issue_comment", {"action": "edited", "issue": {"number": 1, "pull_request": {}}, "comment": {"id": 1}}),
            ("issue_comment", {"action": "created", "issue": {"number": -1, "pull_request": {}}, "comment": {"id": 1}}),
            ("issue_comment", {"action": "created", "issue": {"number": 2**80, "pull_request": {}}, "comment": {"id": 1}}),
            ("issue_comment", {"action": "created", "issue": {"number": "1/../2", "pull_request": {}}, "comment": {"id": 1}}),
            ("issue_comment", {"action": "created", "issue": [], "comment": None}),
            ("workflow_run", {"workflow_run": {"head_sha": ["a"]}}),
            ("workflow_run", {}),
            ("push", {"pull_request": {"number": 1}}),
            ("merge_group", {"merge_group": {"head_sha": 5}}),
        ],
    )
    def test_an_event_that_is_none_points_nowhere(self, name, event):
        assert signal_of(name, event) == Signal("nothing")

    @pytest.mark.parametrize("content", ["", "[]", "null", "{", '"x"', "[" * 100_000])
    def test_a_file_that_is_no_event_is_refused_without_a_call(self, stage, content):
        (stage.folder / "event.json").write_text(content)
        ended, outputs = stage.give("pr", "control", "--event", stage.folder / "event.json", "--event-name", "pull_request")
        assert (ended.code, outputs) == (2, {})
        assert stage.repository.comments(stage.number) == []

    @pytest.mark.parametrize("branch", ["a:b", "../main", "x?state=all", "x#y", "$(id)", "`id`", "'\"", "", "é" * 300])
    def test_hostile_names_of_branches_find_nothing_else(self, stage, branch):
        run = {"head_sha": "d" * 40, "event": "pull_request", "head_branch": branch, "head_repository": {"full_name": branch}}
        (stage.folder / "event.json").write_text(json.dumps({"workflow_run": run}))
        ended, outputs = stage.give("pr", "control", "--event", stage.folder / "event.json", "--event-name", "workflow_run")
        assert (ended.code, outputs["works"]) == (0, "[]"), ended.err
        assert [one for one in stage.repository.comments(stage.number) if one.login == BOT] == []
