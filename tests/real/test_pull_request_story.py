"""Dataset pull requests from opened to merged on the GitHub test server, with scripted models and every command in turn."""

import hashlib
import io
import json
import zipfile

import pytest
from drawn_workspace import GOOD, HARMFUL, UNCHANGED, teach
from node_tools import needs_node
from pull_stage import BOT, NEW, TOKEN, TOPIC, staged

READS = {"contents": "read", "actions": "read", "metadata": "read"}


@pytest.fixture
def stage(tmp_path, monkeypatch, capsys):
    with staged(tmp_path, monkeypatch, capsys) as stage:
        yield stage


def begun(stage, *, run=7):
    """The key of the work that two approvals begin."""
    stage.approve("ben", "cat")
    ((work),) = stage.control(run=run)
    return work["work"]


def steps(stage):
    """The journal's steps, in order."""
    lines = stage.repository.file("evalgate-evidence", f"pulls/{stage.number}.jsonl").splitlines()
    return [json.loads(line)["step"] for line in lines]


def say(stage, body, login="ben", *, run=1, edited=False):
    """A comment, and the controller on its event: its reactions and the work that begins."""
    comment = stage.repository.comment(stage.number, login, body, edited=edited)
    works = stage.control("issue_comment", comment, action="created", run=run)
    return [content for _, content in stage.repository.reactions(comment)], works


class TestTheRoad:
    @needs_node
    @pytest.mark.parametrize(
        ("drawing", "verdict", "conclusion"),
        [
            (GOOD, "pass", "success"),
            pytest.param(HARMFUL, "fail", "failure", marks=pytest.mark.full),
            pytest.param(UNCHANGED, "inconclusive", "failure", marks=pytest.mark.full),
        ],
    )
    def test_from_opened_over_two_approvals_to_the_verdict(self, tmp_path, monkeypatch, capsys, drawing, verdict, conclusion):
        with staged(tmp_path, monkeypatch, capsys, drawing=drawing, contract=True) as stage:
            assert stage.control() == []
            assert "approved 0 of 2" in stage.comment
            assert stage.check.conclusion == "action_required"
            stage.approve("ben")
            assert stage.control() == []
            assert "approved 1 of 2" in stage.comment
            stage.approve("cat")
            ((work),) = stage.control(run=7)
            assert (work["pull"], stage.check.status) == (stage.number, "in_progress")
            _, outputs = stage.train(work["work"], run=7)
            assert outputs["verdict"] == verdict
            assert f"**{verdict}**" in stage.comment
            assert stage.check.conclusion == conclusion
            pull = ("--pull", stage.number, "--work", work["work"])
            ended, _ = stage.give("pr", "settle", *pull, "--job-result", "success", run=7)
            assert ended.code == {"success": 0, "failure": 1}[conclusion]
            assert stage.control(run=8) == []
            assert steps(stage) == ["head", "started", "training", "trained", "evaluating", "finished"]
            assert verdict in stage.evidence("report.md").decode()

    def test_no_golden_question_and_no_row_stands_in_the_comment(self, stage):
        stage.train(begun(stage), run=7)
        assert "what now" not in stage.comment
        assert "refund 1:" not in stage.comment

    def test_a_fork_is_judged_like_a_branch(self, tmp_path, monkeypatch, capsys):
        with staged(tmp_path, monkeypatch, capsys, fork="mallory") as stage:
            stage.repository.person("ann", "read")
            _, outputs = stage.train(begun(stage), run=7)
            assert outputs["verdict"] == "pass"

    def test_on_an_enterprise_server_the_base_url_has_a_path(self, stage):
        stage.server.public_url = f"{stage.server.url}/api/v3"
        assert stage.control() == []
        assert "approved 0 of 2" in stage.comment

    def test_evidence_may_lie_in_a_folder(self, tmp_path, monkeypatch, capsys):
        with staged(tmp_path, monkeypatch, capsys, evidence=str(tmp_path / "evidence")) as stage:
            _, outputs = stage.train(begun(stage), run=7)
            assert outputs["verdict"] == "pass"
            assert stage.server.effects("POST", "/git/") == 0
            assert list((tmp_path / "evidence/objects").rglob("*.json"))


class TestWhatCounts:
    @pytest.mark.parametrize("login", ["ann", "mallory", "some-app[bot]"])
    def test_author_outsider_and_bot_approve_nothing(self, stage, login):
        stage.approve("ben", login)
        assert stage.control() == []
        assert "approved 1 of 2" in stage.comment

    def test_a_push_takes_approvals_back_and_the_new_commit_starts_red(self, stage):
        stage.approve("ben", "cat")
        stage.repository.commit(TOPIC, {"datasets/f/README.md": b"more\n"})
        assert stage.control() == []
        assert "approved 0 of 2" in stage.comment
        assert "approved another commit" in stage.comment
        assert stage.check.conclusion == "action_required"

    def test_changes_requested_later_take_the_approval_back_until_they_are_dismissed(self, stage):
        stage.approve("ben", "cat")
        asked = stage.repository.review(stage.number, "cat", "CHANGES_REQUESTED")
        assert stage.control() == []
        assert "`cat` asked for changes" in stage.comment
        stage.repository.dismiss(asked)
        assert stage.control() == []
        assert "approved 1 of 2" in stage.comment

    def test_back_at_the_approved_commit_the_approvals_count_and_the_journal_shows_both(self, stage):
        stage.approve("ben", "cat")
        approved = stage.head
        stage.repository.commit(TOPIC, {"datasets/f/README.md": b"more\n"})
        assert stage.control() == []
        stage.repository.force_push(TOPIC, approved)
        assert len(stage.control(run=9)) == 1
        assert steps(stage) == ["head", "head", "started"]

    def test_a_draft_and_the_hold_label_hold_back(self, stage):
        stage.approve("ben", "cat")
        stage.repository.draft(stage.number)
        stage.repository.label(stage.number, "evalgate-hold")
        assert stage.control() == []
        assert "held back: it is a draft" in stage.comment
        assert "held back by the label `evalgate-hold`" in stage.comment

    def test_a_dataset_with_errors_fails_on_its_line_and_trains_nothing(self, stage):
        broken = stage.repository.file(TOPIC, NEW) + b'{"messages": []}\n'
        stage.repository.commit(TOPIC, {NEW: broken})
        stage.approve("ben", "cat")
        assert stage.control() == []
        assert stage.check.conclusion == "failure"
        assert [(one["path"], one["start_line"]) for one in stage.check.annotations] == [(NEW, 81)]
        assert "EG201" in stage.comment

    @pytest.mark.parametrize(
        ("path", "content"), [("golden/f/cases.jsonl", b"{}\n"), ("evalgate.yaml", b"version: 1\n"), ("models.yaml", b"")]
    )
    def test_data_beside_what_judges_it_is_to_be_split(self, stage, path, content):
        stage.repository.commit(TOPIC, {path: content})
        stage.approve("ben", "cat")
        assert stage.control() == []
        assert "split this pull request" in stage.comment
        assert stage.check.conclusion == "failure"

    def test_a_link_in_place_of_a_dataset_is_refused(self, stage):
        stage.repository.commit(TOPIC, {NEW: None}, links={NEW: "../../evalgate.yaml"})
        stage.approve("ben", "cat")
        assert stage.control() == []
        assert "is a link" in stage.comment

    def test_a_change_without_anything_of_ours_is_green_at_once(self, stage):
        number = stage.number
        stage.repository.commit("docs", {"README.md": b"hello\n"}, base="main")
        other = stage.repository.open_pull("docs", author="ann")
        assert stage.control(target=other) == []
        (check,) = stage.repository.check_runs(stage.event("pull_request", other)["pull_request"]["head"]["sha"])
        assert (check.conclusion, other != number) == ("success", True)


class TestBranchesAndHeads:
    def loose(self, stage, branch):
        """A branch whose policy asks for no approval."""
        policy = json.loads(stage.repository.file("main", "evalgate.yaml"))
        policy["features"]["f"]["review"]["approvals"] = 0
        stage.repository.commit(branch, {"evalgate.yaml": json.dumps(policy).encode()}, base="main")
        return stage._replace(number=stage.repository.open_pull(TOPIC, base=branch, author="ann"))

    def test_a_branch_that_anybody_may_move_judges_nothing_and_nothing_is_written(self, stage):
        loose = self.loose(stage, "mine")
        assert loose.control() == []
        assert stage.repository.check_runs(loose.head) == []
        assert stage.repository.comments(loose.number) == []

    def listed(self, stage, *branches):
        """The default branch's policy lists branches whose policies count."""
        policy = json.loads(stage.repository.file("main", "evalgate.yaml"))
        stage.repository.commit("main", {"evalgate.yaml": json.dumps({**policy, "branches": list(branches)}).encode()})

    def test_a_branch_that_the_default_branchs_policy_lists_judges_by_its_own(self, stage):
        self.listed(stage, "release/*")
        assert len(self.loose(stage, "release/1").control(run=7)) == 1
        assert self.loose(stage, "mine").control(run=8) == []

    def test_a_commit_with_two_pull_requests_is_not_green_for_one_by_the_other(self, stage):
        self.listed(stage, "release")
        stage.repository.commit("release", {"README.md": b"as main was\n"}, base="main")
        other = stage._replace(number=stage.repository.open_pull(TOPIC, base="release", author="ann"))
        assert other.control() == []
        assert stage.check.conclusion == "action_required"
        assert f"also the head of #{stage.number}" in stage.check.summary


class TestReviewedRows:
    def test_rows_count_once_their_reviewer_approves(self, tmp_path, monkeypatch, capsys):
        with staged(tmp_path, monkeypatch, capsys, review={"approvals": 1, "reviewed_rows": 30}) as stage:
            rows = [json.loads(line) for line in stage.repository.file(TOPIC, NEW).splitlines()]
            for row in rows[:30]:
                row["metadata"]["reviewed_by"] = ["cat"]
            stage.repository.commit(TOPIC, {NEW: "".join(json.dumps(row) + "\n" for row in rows).encode()})
            stage.approve("ben")
            assert stage.control() == []
            assert "reviewed rows 0 of 30" in stage.comment
            stage.approve("cat")
            assert len(stage.control(run=7)) == 1

    def test_rows_of_a_merged_pull_request_count_for_the_next_one(self, tmp_path, monkeypatch, capsys):
        with staged(tmp_path, monkeypatch, capsys, review={"approvals": 1, "reviewed_rows": 30}) as stage:
            rows = [json.loads(line) for line in stage.repository.file(TOPIC, NEW).splitlines()]
            for row in rows[:30]:
                row["metadata"]["reviewed_by"] = ["cat"]
            first = "".join(json.dumps(row) + "\n" for row in rows).encode()
            stage.repository.commit(TOPIC, {NEW: first})
            stage.approve("cat")
            assert len(stage.control(run=7)) == 1
            stage.repository.merge(stage.number)
            assert stage.control(run=8) == []
            assert "merged" in stage.comment
            assert steps(stage)[-2:] == ["cancelled", "merged"]
            more = (
                json.dumps({**rows[0], "messages": [{"role": "user", "content": "x?"}, rows[0]["messages"][1]]}).encode() + b"\n"
            )
            stage.repository.commit("next", {"datasets/f/ft-v1.2.0.jsonl": first + more}, base="main")
            number = stage.repository.open_pull("next", author="ann")
            stage.repository.review(number, "ben")
            assert len(stage.control(target=number, run=9)) == 1


class TestCommands:
    def test_train_never_bypasses_the_threshold(self, stage):
        assert say(stage, "/evalgate train") == (["+1"], [])
        assert "approved 0 of 2" in stage.comment
        assert "started" not in steps(stage)

    @pytest.mark.parametrize("login", ["mallory", "some-app[bot]"])
    def test_an_outsider_and_a_bot_are_answered_with_no_and_nothing_else(self, stage, login):
        stage.approve("ben", "cat")
        assert say(stage, "/evalgate train", login)[1] == []
        assert stage.repository.comments(stage.number)[1:] == []

    @pytest.mark.parametrize(
        "body", ["```\n/evalgate train\n```", "> /evalgate train", "please /evalgate train", "    /evalgate train"]
    )
    def test_somebody_who_talks_about_a_command_gives_none(self, stage, body):
        stage.approve("ben", "cat")
        assert say(stage, body) == ([], [])

    def test_an_edited_comment_commands_nothing(self, stage):
        stage.approve("ben", "cat")
        assert say(stage, "/evalgate train", edited=True) == ([], [])

    def test_twice_in_a_second_begins_once(self, stage):
        stage.approve("ben", "cat")
        begun = [say(stage, "/evalgate train", run=run)[1] for run in (7, 8)]
        assert [len(works) for works in begun] == [1, 0]
        assert steps(stage).count("started") == 1

    def test_an_unknown_command_is_answered_with_confusion(self, stage):
        assert say(stage, "/evalgate deploy") == (["confused"], [])

    def test_a_failed_job_is_told_and_train_begins_again(self, stage):
        work = begun(stage)
        pull = ("--pull", stage.number, "--work", work)
        ended, _ = stage.give("pr", "settle", *pull, "--job-result", "failure", run=7)
        assert ended.code == 3
        assert "it never began" in stage.comment
        assert stage.check.conclusion == "action_required"
        assert stage.control(run=8) == []
        _, works = say(stage, "/evalgate train", run=9)
        assert [one["work"] for one in works] == [work]
        assert stage.train(work, run=9)[1]["verdict"] == "pass"

    def test_a_judged_commit_is_not_trained_again(self, stage):
        stage.train(begun(stage), run=7)
        assert say(stage, "/evalgate train", run=9)[1] == []
        assert "**pass**" in stage.comment

    def test_cancel_ends_the_work(self, stage):
        work = begun(stage)
        assert say(stage, "/evalgate cancel", run=8) == (["+1"], [])
        assert stage.train(work, run=7)[0].code == 3
        assert "cancelled by ben" in stage.comment

    def test_cost_is_approved_for_one_commit_by_somebody_else_than_the_author(self, tmp_path, monkeypatch, capsys):
        budget = {"price_per_million_tokens": 5000, "approve_above": 1}
        with staged(tmp_path, monkeypatch, capsys, budget=budget) as stage:
            stage.approve("ben", "cat")
            assert stage.control() == []
            assert "/evalgate approve-cost" in stage.comment
            assert say(stage, f"/evalgate approve-cost {stage.head[:7]}", "ann") == (["confused"], [])
            assert say(stage, "/evalgate approve-cost 0123456") == (["confused"], [])
            reactions, works = say(stage, f"/evalgate approve-cost {stage.head[:12]}", run=7)
            assert (reactions, len(works)) == (["+1"], 1)

    def test_above_the_limit_nobody_can_approve(self, tmp_path, monkeypatch, capsys):
        budget = {"price_per_million_tokens": 50_000, "refuse_above": 20}
        with staged(tmp_path, monkeypatch, capsys, budget=budget) as stage:
            stage.approve("ben", "cat")
            assert say(stage, f"/evalgate approve-cost {stage.head}")[1] == []
            assert stage.check.conclusion == "failure"


class TestMeanwhile:
    def test_a_push_during_training_leaves_the_result_with_the_old_commit(self, stage):
        work = begun(stage)
        old = stage.head
        pull = ("--pull", stage.number, "--work", work)
        taken, _ = stage.give("pr", "take", *pull, "--into", stage.folder / "w", run=7)
        assert taken.code == 0
        stage.repository.commit(TOPIC, {"datasets/f/README.md": b"more\n"})
        assert stage.control(run=8) == []
        (stage.folder / "result.json").write_text("")
        ended, _ = stage.give("pr", "finish", *pull, "--result", stage.folder / "result.json", run=7)
        assert ended.code == 3
        assert "superseded" in steps(stage)
        assert f"`{old[:7]}`" not in stage.comment.split("\n")[2]
        assert stage.check.conclusion == "action_required"

    def test_an_approval_that_is_gone_before_the_job_begins_trains_nothing(self, stage):
        work = begun(stage)
        stage.repository.review(stage.number, "cat", "CHANGES_REQUESTED")
        taken, _ = stage.give("pr", "take", "--pull", stage.number, "--work", work, "--into", stage.folder / "w", run=7)
        assert taken.code == 3
        assert "nothing is trained" in taken.err

    def test_what_changes_on_the_target_branch_makes_the_verdict_stale_and_says_what(self, stage):
        stage.train(begun(stage), run=7)
        golden = stage.repository.file("main", "golden/f/cases.jsonl")
        stage.repository.commit("main", {"golden/f/cases.jsonl": golden.splitlines(keepends=True)[0] + golden})
        cases = [json.loads(line) for line in golden.splitlines()]
        cases.append({**cases[0], "id": "one-more", "input": "refund 99: what now"})
        stage.repository.commit("main", {"golden/f/cases.jsonl": "".join(json.dumps(c) + "\n" for c in cases).encode()})
        assert stage.control(run=8) == []
        assert "golden" in stage.comment
        assert "stale" in stage.comment
        assert stage.check.conclusion == "action_required"
        _, works = say(stage, "/evalgate evaluate", run=9)
        assert len(works) == 1

    def test_another_dataset_version_is_another_attempt(self, stage):
        first = begun(stage)
        stage.train(first, run=7)
        stage.repository.commit(TOPIC, {NEW: teach(stage.folder / "again", HARMFUL, version="v1.1.0").read_bytes()})
        stage.approve("ben", "cat")
        ((work),) = stage.control(run=8)
        stage.train(work["work"], run=8)
        assert "| attempt | 2 |" in stage.comment

    def test_an_older_commits_pass_says_nothing_of_the_new_one(self, stage):
        stage.train(begun(stage), run=7)
        stage.repository.commit(TOPIC, {"datasets/f/README.md": b"more\n"})
        assert stage.control(run=8) == []
        assert stage.check.conclusion == "action_required"
        assert "it says nothing of this one" in stage.comment


class TestTheMergeQueue:
    def queued(self, stage, extra=None):
        """The head of a group that brings the pull request on top of the target branch."""
        content = {NEW: stage.repository.file(TOPIC, NEW), **(extra or {})}
        branch = f"gh-readonly-queue/main/pr-{stage.number}-{stage.repository.head('main')}"
        return stage.repository.commit(branch, content, base="main"), branch

    def judged(self, stage, head, branch):
        event = {"merge_group": {"head_sha": head, "head_ref": f"refs/heads/{branch}"}}
        (stage.folder / "group.json").write_text(json.dumps(event))
        ended, outputs = stage.give("pr", "control", "--event", stage.folder / "group.json", "--event-name", "merge_group")
        assert ended.code == 0, ended.err
        assert outputs["works"] == "[]"
        return stage.repository.check_runs(head)[-1].conclusion

    def test_the_same_data_is_green_and_not_trained_again(self, stage):
        stage.train(begun(stage), run=7)
        assert self.judged(stage, *self.queued(stage)) == "success"

    def test_data_that_nobody_judged_is_held(self, stage):
        assert self.judged(stage, *self.queued(stage)) == "action_required"

    def test_data_that_failed_is_red(self, tmp_path, monkeypatch, capsys):
        with staged(tmp_path, monkeypatch, capsys, drawing=HARMFUL) as stage:
            stage.train(begun(stage), run=7)
            assert self.judged(stage, *self.queued(stage)) == "failure"


class TestTrigger:
    def test_it_prints_the_decision_and_changes_nothing(self, stage):
        (stage.folder / "event.json").write_text(json.dumps(stage.event("pull_request", stage.number)))
        arguments = ("pr", "trigger", "--event", stage.folder / "event.json")
        ended, _ = stage.give(*arguments, "--format", "json")
        assert ended.code == 3
        (told,) = json.loads(ended.out)
        assert (told["kind"], told["start"], told["conclusion"]) == ("dataset", False, "action_required")
        assert "approved 0 of 2" in ended.err
        assert stage.server.effects("POST") + stage.server.effects("PATCH") == 0
        assert stage.repository.comments(stage.number) == []


class TestTheUntrustedHalf:
    def left(self, stage, content):
        """An artifact of the pull request's own workflow."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("check.json", content)
        stage.repository.add_run(50, stage.head, head_branch=TOPIC)
        stage.repository.add_artifact(50, "evalgate-check", packed.getvalue())

    def test_a_green_check_of_its_own_makes_nothing_green(self, stage):
        self.left(stage, json.dumps({"schema": 1, "rows": 1, "findings": []}))
        stage.repository.commit(TOPIC, {NEW: b'{"messages": []}\n'})
        self.left(stage, json.dumps({"schema": 1, "rows": 1, "findings": []}))
        assert stage.control() == []
        assert stage.check.conclusion == "failure"
        assert "the pull request's own workflow found no error" in stage.comment

    @pytest.mark.parametrize("content", ["{", '{"verdict": "pass"}', "x" * 9_000_000])
    def test_what_it_leaves_may_be_anything(self, stage, content):
        self.left(stage, content)
        assert stage.control() == []
        assert "own workflow" not in stage.comment


class TestSuiteChanges:
    """A pull request that changes golden sets, prompts or policy trains nothing; what is served is asked."""

    @pytest.fixture
    def suites(self, tmp_path, monkeypatch, capsys):
        with staged(tmp_path, monkeypatch, capsys, review={"approvals": 1}) as stage:
            yield stage

    def opened(self, stage, files):
        stage.repository.commit("suite", files, base="main")
        return stage._replace(number=stage.repository.open_pull("suite", author="ann"))

    def measured(self, stage):
        stage.approve("ben")
        ((work),) = stage.control(run=7)
        pull = ("--pull", stage.number, "--work", work["work"])
        taken, told = stage.give("pr", "take", *pull, "--into", stage.folder / "suite", run=7)
        assert taken.code == 0, taken.err
        assert told["kind"] == "suite"
        given = ("--workspace", told["workspace"], "--policy", told["policy"], "--feature", told["feature"])
        done, _ = stage.give("pr", "measure-suite", *given, "--format", "json", run=7)
        assert done.code == 0, done.err
        (stage.folder / "result.json").write_text(done.out)
        ended, _ = stage.give("pr", "finish", *pull, "--result", stage.folder / "result.json", run=7)
        assert ended.code == 0, ended.err
        return json.loads(done.out)

    def test_a_changed_golden_set_is_measured_on_what_is_served(self, suites):
        lines = suites.repository.file("main", "golden/f/cases.jsonl").splitlines(keepends=True)
        stage = self.opened(suites, {"golden/f/cases.jsonl": b"".join(lines[:70])})
        told = self.measured(stage)
        assert "of the golden cases right, 25.0% of 80 before" in told["measured"]
        assert "| `golden` | 70 | 0 | 10 | 0 |" in told["report"]
        assert stage.check.conclusion == "success"
        assert "**measured**" in stage.comment
        assert "training" not in steps(stage)

    def test_a_golden_set_that_cannot_be_read_is_red_on_its_line(self, suites):
        stage = self.opened(suites, {"golden/f/cases.jsonl": b'{"id": 1}\n'})
        stage.approve("ben")
        assert stage.control() == []
        assert stage.check.conclusion == "failure"
        assert next((one["path"], one["start_line"]) for one in stage.check.annotations) == ("golden/f/cases.jsonl", 1)

    def test_a_policy_that_cannot_be_read_is_red_and_the_target_branchs_rules(self, suites):
        stage = self.opened(suites, {"evalgate.yaml": b"version: 1\nfeatures: {f: {review: {approvals: 0}, x: 1}}\n"})
        assert stage.control() == []
        assert stage.check.conclusion == "failure"
        assert "unknown key" in stage.comment
        assert "approved 0 of 1" in stage.comment

    def test_a_github_that_cannot_be_asked_is_no_fault_of_the_suites(self, suites, monkeypatch):
        monkeypatch.setattr("evalgate.pull_request.client.connect.__kwdefaults__", {"pauses": (0.0,)}, raising=False)
        stage = self.opened(suites, {"golden/f/cases.jsonl": b'{"id": 1}\n'})
        blob = hashlib.sha1(b"blob 10\0" + b'{"id": 1}\n', usedforsecurity=False).hexdigest()
        suites.server.fault("GET", f"/git/blobs/{blob}", "500", times=50)
        (stage.folder / "event.json").write_text(json.dumps(stage.event("pull_request", stage.number)))
        ended, _ = stage.give("pr", "control", "--event", stage.folder / "event.json", "--event-name", "pull_request")
        assert ended.code == 3
        assert stage.repository.check_runs(stage.head) == []

    def test_loosening_the_policy_in_the_pull_request_loosens_nothing_for_it(self, suites):
        policy = json.loads(suites.repository.file("main", "evalgate.yaml"))
        policy["features"]["f"]["review"]["approvals"] = 0
        stage = self.opened(suites, {"evalgate.yaml": json.dumps(policy).encode()})
        assert stage.control() == []
        assert "approved 0 of 1" in stage.comment

    def test_a_changed_prompt_is_held_against_todays_prompt(self, suites):
        policy = json.loads(suites.repository.file("main", "evalgate.yaml"))
        policy["features"]["f"]["prompt"] = "prompts/f.md"
        suites.repository.commit("main", {"evalgate.yaml": json.dumps(policy).encode(), "prompts/f.md": b"Answer.\n"})
        stage = self.opened(suites, {"prompts/f.md": b"Answer well.\n"})
        told = self.measured(stage)
        assert told["kind"] == "prompt"
        assert told["overall"] == "unclear"  # no flip in 80 cases does not prove a tie within 3 points


class TestMerging:
    def green(self, stage):
        stage.train(begun(stage), run=7)
        assert stage.check.conclusion == "success"
        return stage.head

    def merged(self, stage, head):
        return stage.give("pr", "merge", "--pull", stage.number, "--head", head, run=8)[0]

    def test_what_is_green_is_merged_at_its_commit_and_twice_is_once(self, stage):
        head = self.green(stage)
        assert [self.merged(stage, head).code for _ in range(2)] == [0, 0]
        assert stage.server.effects("PUT", "/merge") == 1
        assert "merged: **pass**" in stage.comment
        assert steps(stage)[-1] == "merged"

    @pytest.mark.parametrize("fault", ["response_lost", "request_lost", "500", "500_after", "429", "malformed", "disconnect"])
    def test_a_lost_answer_merges_once(self, stage, fault, monkeypatch):
        monkeypatch.setattr("evalgate.pull_request.client.PAUSES", (0.0, 0.0, 0.0))
        head = self.green(stage)
        stage.server.fault("PUT", "/merge", fault)
        assert self.merged(stage, head).code == 0
        assert stage.server.effects("PUT", "/merge") == 1

    def test_a_head_that_moved_is_never_merged_blindly(self, stage):
        head = self.green(stage)
        stage.server.fault("PUT", "/merge", "stale_head")
        ended = self.merged(stage, head)
        assert ended.code == 3
        assert "its head is another commit by now; as it stands now: waits for 2 approvals" in ended.err

    def test_not_mergeable_and_forbidden_are_held_with_the_reason(self, stage):
        head = self.green(stage)
        stage.repository.block(stage.number)
        ended = self.merged(stage, head)
        assert (ended.code, "reviews, checks or conflicts are in the way" in ended.err) == (3, True)
        stage.repository.block(stage.number, False)
        stage.server.token(
            TOKEN, BOT, dict.fromkeys(("issues", "pull_requests", "checks"), "write") | READS, app="github-actions"
        )
        ended = self.merged(stage, head)
        assert (ended.code, "the token may not merge" in ended.err) == (3, True)

    def test_what_is_not_green_is_not_merged(self, stage):
        assert stage.control() == []
        ended = self.merged(stage, stage.head)
        assert ended.code == 3
        assert "waits for" in ended.err
        assert stage.server.effects("PUT", "/merge") == 0
