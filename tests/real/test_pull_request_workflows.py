"""The shipped workflows on pull requests, run for real under act against the GitHub test server.

The pull requests, people and files are on the server; what runs is a copy of this repository's default branch. Every job has a
token that may do what the workflow declares for it. What act cannot show stands in docs/not-measured-here.md.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from drawn_workspace import HARMFUL, teach
from node_tools import needs_node
from pull_stage import BOT, NEW, TOPIC
from small_job import cache_with_the_model, harmful_rows
from workflow_runs import ACT, CHECK, REPOSITORY, TRUSTED, give_own_tokens, keep_what_is_made
from workflow_stage import DONE, MERGED, NO_WORK, Opening, opening

from evalgate.stages.init import put, workflows

pytestmark = pytest.mark.skipif(ACT is None, reason="act is not installed: it comes with the package's extra `dev`")

TRAP = "cd $KEPT; touch pwned"
HOSTILE = f"'; {TRAP}; '\"; {TRAP}; \" $({TRAP}) `{TRAP}` ${{{{ github.actor }}}} ::error::forged ##[group]forged works=[1]"
"""Text that would leave a file or a mark in the log, wherever anything took it for more than text."""
USES = "uses: ./.github/actions/train-and-evaluate"
GOLDEN = "golden/f/cases.jsonl"


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Opening]:
    with opening(tmp_path, monkeypatch, capsys) as ready:
        yield ready


class TestTheWalk:
    def test_from_the_pull_request_over_two_approvals_and_a_training_to_a_verdict(self, opened: Opening) -> None:
        at = opened()
        ran = at.checked()
        assert ran.jobs == NO_WORK, ran.said
        assert at.stage.check.conclusion == "action_required"
        assert "0 of 2" in at.stage.comment
        at.stage.approve("ben", "mallory", "ann")  # one may write, one may not, one is the author
        ran = at.checked("pull_request_review")
        assert (ran.jobs, at.stage.check.conclusion) == (NO_WORK, "action_required")
        assert "1 of 2" in at.stage.comment
        at.stage.approve("cat")
        spy = at.spying()
        at.rewrite(TRUSTED, f"      {USES}", f"      env: {{PROVIDER_KEY: a-secret}}\n      {USES}")
        ran = at.checked("pull_request_review", python=str(spy.program))
        assert ran.jobs == DONE, ran.said
        assert at.stage.check.conclusion == "success"
        assert "**pass**" in at.stage.comment
        assert ran.outputs("evalgate", "finish").keys() >= {"verdict", "lift", "report", "candidate"}
        assert spy.heard() == {
            "pr control": "token", "pr take": "token+key", "train": "+key", "pr step": "token+key", "run": "+key",
            "pr finish": "token+key", "pr settle": "token", "pr register": "token",
        }, "commands that read rows and run models have no token; the trusted half has no provider's key"  # fmt: skip
        (kept,) = ran.kept.glob("artifacts/evalgate-[0-9]*")
        told = {"check.json", "training.json", "compare.json", "verdict.json", "report.md", "report.html"}
        assert {path.name for path in kept.rglob("*") if path.is_file()} == told, (
            "rows, raw answers and weights stay on the runner"
        )

        written = at.written
        ran = at.checked("pull_request_review")  # the same event once more
        assert (ran.jobs, at.written) == (NO_WORK, written)

    def test_a_harmful_dataset_ends_in_fail_and_a_red_check(self, opened: Opening) -> None:
        at = opened(drawing=HARMFUL)
        at.stage.approve("ben", "cat")
        ran = at.checked("pull_request_review")
        assert ran.jobs["decide"] == "success", ran.said
        assert ran.jobs["train-and-evaluate"] == "failure", "the gate says no, and so does the job"
        assert ran.outputs("evalgate", "finish")["verdict"] == "fail"
        assert at.stage.check.conclusion == "failure"
        assert "**fail**" in at.stage.comment
        assert ran.jobs["register"] == "success"
        assert "the verdict is fail: nothing is registered" in ran.said
        assert at.proposed() == []
        assert at.stage.repository.file("main", "models.yaml") is None

    def test_a_change_of_the_golden_set_trains_nothing_and_is_measured(self, opened: Opening) -> None:
        at = opened(review={"approvals": 1})
        repository = at.stage.repository
        cases = (repository.file("main", GOLDEN) or b"").splitlines(keepends=True)
        repository.commit("fewer-cases", {GOLDEN: b"".join(cases[:-2])}, "fewer cases", base="main")
        suite = at.about(repository.open_pull("fewer-cases", author="ann"))
        suite.stage.approve("ben")
        spy = suite.spying()
        ran = suite.checked("pull_request_review", python=str(spy.program))
        assert ran.jobs == DONE, ran.said
        assert spy.heard() == {
            "pr control": "token", "pr take": "token", "pr measure-suite": "", "pr finish": "token", "pr settle": "token",
            "pr register": "token",
        }  # fmt: skip
        assert suite.proposed() == []
        assert suite.stage.check.conclusion == "success"

    def test_work_that_is_killed_and_work_that_never_begins_are_said_to_have_failed(self, opened: Opening) -> None:
        at = opened()
        at.stage.approve("ben", "cat")
        at.copy.write(".github/actions/train-and-evaluate/train", "kill -9 $$\n")
        at.copy.write(".github/actions/train-and-evaluate/finish", "exit 1\n")
        ran = at.checked("pull_request_review")
        assert ran.jobs["train-and-evaluate"] == "failure", ran.said
        assert at.stage.check.conclusion == "action_required"
        assert "no verdict: `the job ended as failure; the log says more`" in at.stage.comment
        at.rewrite(
            TRUSTED, "    if: needs.decide", "    if: false && needs.decide"
        )  # as when nobody lets it into the environment
        ran, _ = at.says("/evalgate train", login="ben")
        assert (ran.jobs["decide"], ran.jobs["train-and-evaluate"]) == ("success", "skipped"), ran.said
        assert at.stage.check.conclusion == "action_required"
        assert "no verdict: `the job ended as skipped; it never began: " in at.stage.comment

    @pytest.mark.full
    @pytest.mark.timeout(1800)
    def test_harmful_rows_make_a_real_model_fail_and_nothing_is_registered(self, opened: Opening, tmp_path: Path) -> None:
        at = opened.real(harmful_rows())  # good rows go the whole road, in test_registry_road.py
        (tmp_path / "cache").mkdir()
        at.stage.approve("ben")
        ran = at.checked("pull_request_review", cache=cache_with_the_model(tmp_path / "cache"), timeout=1700)
        assert ran.outputs("evalgate", "finish")["verdict"] == "fail", ran.said
        assert ran.jobs["register"] == "success"
        assert "**fail**" in at.stage.comment
        assert at.stage.check.conclusion == "failure"
        assert at.proposed() == []
        assert at.stage.repository.file("main", "models.yaml") == (REPOSITORY / "models.yaml").read_bytes()


class TestTheThreshold:
    def test_a_push_takes_approvals_back_and_so_does_a_dismissal(self, opened: Opening) -> None:
        at = opened()
        at.stage.approve("ben")
        old = at.stage.head
        taught = teach(at.stage.folder / "again", HARMFUL, version="v1.1.0").read_bytes()
        at.stage.repository.commit(TOPIC, {NEW: taught}, "other rows")
        cat = at.stage.repository.review(at.stage.number, "cat")
        assert at.stage.head != old
        ran = at.checked()
        assert (ran.jobs, at.stage.check.conclusion) == (NO_WORK, "action_required")
        assert "1 of 2" in at.stage.comment
        at.stage.repository.dismiss(cat)
        ran = at.checked("pull_request_review")
        assert (ran.jobs, at.stage.check.conclusion) == (NO_WORK, "action_required")
        assert "0 of 2" in at.stage.comment
        assert at.checked(head=old).jobs == NO_WORK, "the end of a run on the old commit begins nothing"

    def test_a_fork_s_pull_request_gets_its_comment_and_its_check_from_the_trusted_half(self, opened: Opening) -> None:
        at = opened(fork="mallory")
        ran = at.checked(actor="mallory")
        assert (ran.jobs, at.stage.check.conclusion) == (NO_WORK, "action_required")
        assert "0 of 2" in at.stage.comment


class TestCommands:
    def test_who_may_not_is_not_heard_and_who_may_is_heard_once(self, opened: Opening) -> None:
        at = opened()
        ran, reactions = at.says("/evalgate train", login="mallory")
        assert (ran.jobs, [what for _, what in reactions]) == (NO_WORK, ["-1"])
        ran, reactions = at.says("/evalgate train", login="ben")
        assert (ran.jobs, [what for _, what in reactions]) == (NO_WORK, ["+1"])
        assert at.stage.check.conclusion == "action_required", "a command takes the place of no approval"
        written = at.written
        ran, reactions = at.says("/evalgate train", login="ben", edited=True)
        assert (reactions, at.written) == ([], written)
        for text in ("please /evalgate train", "```\n/evalgate train\n```", " /evalgate train"):
            assert at.says(text)[0].result("evalgate") is None, "the job is not begun"
        issue = at.stage.repository.open_issue("no pull request")
        comment = at.stage.repository.comment(issue, "ben", "/evalgate train")
        assert at.happens("issue_comment", comment).result("evalgate") is None
        assert at.written == written

    def test_the_job_s_own_token_is_taken_where_no_other_is_given(self, opened: Opening) -> None:
        at = opened()
        at.rewrite(TRUSTED, "github-token:", "unused:")
        at.stage.server.token("ghs_own", BOT, app="github-actions")
        ran, reactions = at.says("/evalgate status", login="ben")
        assert (ran.jobs, [what for _, what in reactions]) == (NO_WORK, ["+1"])


class TestTheMergeQueue:
    def test_the_group_s_commit_gets_the_check_too_and_trains_nothing(self, opened: Opening) -> None:
        at = opened()
        group = at.stage.event("merge_group", at.stage.number)["merge_group"]
        ran = at.checked("merge_group", head=group["head_sha"], branch=group["head_ref"].removeprefix("refs/heads/"))
        assert ran.jobs == NO_WORK, ran.said
        assert [check.conclusion for check in at.stage.repository.check_runs(group["head_sha"])] == ["action_required"]


class TestHostileText:
    def test_titles_branches_labels_logins_and_file_names_run_nothing_and_forge_nothing(self, opened: Opening) -> None:
        at = opened()
        branch = f"a'$({TRAP})`{TRAP}`\"".replace(" ", "${IFS}")
        repository = at.stage.repository
        login = "$(cd${IFS}$KEPT;touch${IFS}pwned)"
        repository.commit(
            branch, {f"datasets/f/{HOSTILE}.jsonl": b"{}\n", NEW: HOSTILE.encode()}, HOSTILE, base="main", author="x"
        )
        number = repository.open_pull(branch, author=login, title=HOSTILE, body=HOSTILE)
        repository.label(number, HOSTILE)
        hostile = at.about(number)
        ran = hostile.checked(actor=login)
        assert ran.jobs == NO_WORK, ran.said
        assert not (ran.kept / "pwned").exists()
        assert ran.commands <= {"set-output", "summary"}
        assert hostile.stage.check.conclusion == "failure"
        ran, reactions = hostile.says(f"/evalgate {HOSTILE}", login=login)
        assert (ran.jobs, [what for _, what in reactions]) == (NO_WORK, ["-1"])
        assert not (ran.kept / "pwned").exists()
        assert ran.commands <= {"set-output", "summary"}

    def test_a_pull_request_on_the_registry_with_such_names_is_refused_and_merged_without_running_any(
        self, opened: Opening
    ) -> None:
        at = opened()
        branch = f"evalgate/registry/a'$({TRAP})`{TRAP}`\"".replace(" ", "${IFS}")
        repository = at.stage.repository
        named = f"version: 1\nfeatures: {{{json.dumps(HOSTILE)}: {{default: base, variants: {{base: {{}}}}}}}}\n"
        repository.commit(branch, {"models.yaml": named.encode(), f"reports/{HOSTILE}.md": b"#\n"}, HOSTILE, base="main")
        hostile = at.about(repository.open_pull(branch, title=HOSTILE, body=HOSTILE))
        ran = hostile.checked()
        assert ran.jobs == NO_WORK, ran.said
        assert hostile.stage.check.conclusion == "failure"
        assert not (ran.kept / "pwned").exists()
        assert ran.commands <= {"set-output", "summary"}
        harmless = {"models.yaml": f"version: 1  # {HOSTILE}\n".encode(), f"reports/{HOSTILE}.md": None}
        repository.commit(branch, harmless, HOSTILE)  # exposes nobody
        hostile.stage.approve("ben")
        ran = hostile.checked("pull_request_review")
        assert ran.jobs == MERGED, ran.said
        assert HOSTILE in (repository.file("main", "models.yaml") or b"").decode()
        assert not (ran.kept / "pwned").exists()
        assert ran.commands <= {"set-output", "summary"}


class TestInAnotherRepository:
    """What `evalgate init --workflows` writes there, with the actions taken from here at one commit."""

    def test_the_callers_find_the_actions_and_the_actions_find_their_scripts(self, opened: Opening) -> None:
        at = opened()
        ours, pinned = at.copy.root, f"octo/tool@{at.copy.git('rev-parse', 'HEAD').strip()}"
        tool = at.stage.folder / "tool"
        ours.rename(tool)
        for path, text in workflows(pinned).items():
            at.copy.write(path, text.decode())
            keep_what_is_made(at.copy.root / path)
        give_own_tokens(at.copy.root / TRUSTED)
        at.copy.git("init", "--quiet", "--initial-branch=main")
        at.copy.git("remote", "add", "origin", "https://github.com/octo/evalgate.git")
        at.copy.commit("callers")
        at.stage.approve("ben", "cat")
        ran = at.checked("pull_request_review", elsewhere={pinned: tool})
        assert ran.jobs == DONE, ran.said
        assert at.stage.check.conclusion == "success"
        at.copy.write("evalgate.yaml", "version: 1\nfeatures: {f: {datasets: data}}\n")
        at.copy.write("data/ft-v1.0.0.jsonl", "no JSON\n")
        at.copy.commit("data")
        ran = at.copy.act("merge_group", {}, workflow=CHECK, elsewhere={pinned: tool})
        assert (ran.jobs, len(list(ran.kept.glob("artifacts/evalgate-check/check.json")))) == ({"check": "failure"}, 1)

    @needs_node
    def test_no_linter_has_anything_against_them(self, tmp_path: Path) -> None:
        put(workflows(f"octo/tool@{'0' * 40}"), tmp_path)
        program = REPOSITORY / "tests/node/lint_workflows.py"
        done = subprocess.run([sys.executable, "-P", program, tmp_path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
