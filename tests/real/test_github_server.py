"""The GitHub of the tests is a GitHub: PyGithub itself drives it, and every fault does what its name says."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import github
import pytest
import requests
from github.PullRequest import PullRequest
from github.Repository import Repository
from github_server import DrawnRepository, GithubServer

WRITES = {"issues": "write", "pull_requests": "write", "checks": "write", "contents": "write", "actions": "write"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GithubServer]:
    with GithubServer(tmp_path) as started:
        started.token("bot", "github-actions[bot]", WRITES, app="github-actions")
        started.token("ann", "ann")
        yield started


@pytest.fixture
def drawn(server: GithubServer) -> DrawnRepository:
    repository = server.repository("octo/evalgate")
    repository.commit("main", {"README.md": b"hello\n", "data/old.jsonl": b'{"n": 1}\n{"n": 2}\n{"n": 3}\n'}, "First")
    repository.commit("topic", {"README.md": b"hello\nthere\n", "data/new.jsonl": b"{}\n"}, "A row")
    repository.workflow_permissions(can_approve_pull_request_reviews=True)
    return repository


@pytest.fixture
def repo(server: GithubServer, drawn: DrawnRepository) -> Iterator[Repository]:
    with client(server) as found:
        yield found.get_repo("octo/evalgate")


def client(server: GithubServer, who: str = "bot", **options: Any) -> github.Github:
    unhurried = {"retry": None, "seconds_between_requests": 0, "seconds_between_writes": 0}
    return github.Github(base_url=server.public_url, auth=github.Auth.Token(who), **{**unhurried, **options})


def sent(server: GithubServer, method: str, path: str, who: str = "bot", **options: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {who}", **options.pop("headers", {})}
    url = f"{server.url}/repos/octo/evalgate{path}"
    return requests.request(method, url, headers=headers, timeout=10, **options)


def refusal(error: pytest.ExceptionInfo[github.GithubException]) -> tuple[int, str]:
    return error.value.status, error.value.data["message"]


READS = [
    ("/branches", 200),
    ("/pulls?state=all&sort=updated", 200),
    ("/pulls/1/commits", 200),
    ("/pulls/1/merge", 404),
    ("/pulls/9", 404),
    ("/issues?state=all", 200),
    ("/issues/1/labels", 200),
    ("/issues/comments/{comment}/reactions?content=heart", 200),
    ("/git/matching-refs/heads/", 200),
    ("/git/blobs/{blob}", 200),
    ("/git/ref/heads/none", 404),
    ("/contents/data?ref=topic", 200),
    ("/contents/", 200),
    ("/contents/link?ref=topic", 200),
    ("/contents/dangling?ref=topic", 200),
    ("/contents/none", 404),
    ("/commits?sha=topic&path=README.md", 200),
    ("/commits/heads/topic", 200),
    ("/commits/none", 404),
    ("/actions/artifacts?name=none", 200),
    ("/actions/workflows/evalgate.yml/runs?status=success", 200),
    ("/../../../users/ben", 200),
    ("/../../../users/nobody", 404),
    ("/../../../rate_limit", 200),
]
WRITTEN: list[tuple[str, str, int, Any]] = [
    ("POST", "/pulls/1/requested_reviewers", 201, {"reviewers": ["ben"]}),
    ("POST", "/pulls/1/requested_reviewers", 422, {"reviewers": ["ann"]}),
    ("POST", "/pulls/1/reviews", 200, {"event": "APPROVE"}),
    ("PUT", "/pulls/1/reviews/{review}/dismissals", 200, {"message": "Old"}),
    ("PATCH", "/pulls/1", 200, {"title": "Another", "state": "closed"}),
    ("POST", "/issues", 201, {"title": "A question", "labels": ["ask"]}),
    ("PATCH", "/issues/1", 200, {"labels": ["seen"]}),
    ("DELETE", "/issues/1/labels/none", 404, None),
    ("PUT", "/contents/a/new.txt", 201, {"message": "Add", "content": "dGV4dA=="}),
    ("DELETE", "/git/refs/heads/topic", 204, None),
    ("DELETE", "/git/refs/heads/topic", 422, None),
]


class TestEveryRoute:
    def test_it_answers_what_github_answers(self, server: GithubServer, drawn: DrawnRepository) -> None:
        drawn.commit("topic", {}, links={"link": "data/new.jsonl", "dangling": "../../etc/passwd"})
        number = drawn.open_pull("topic")
        ids = {"review": drawn.review(number, "ben"), "comment": drawn.comment(number, "ben", "hello")}
        drawn.add_run(77, drawn.head("topic") or "", head_branch="topic")
        asked = [*(("GET", path, status, None) for path, status in READS), *WRITTEN]
        for method, path, status, body in asked:
            full = path.format(**ids, blob=git_blob(b"hello\n"))
            assert (path, sent(server, method, full, json=body).status_code) == (path, status)


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()


class TestPullRequests:
    def test_a_pull_request_opened_is_read_back_with_its_head_and_base(self, drawn: DrawnRepository, repo: Repository) -> None:
        made = repo.create_pull(base="main", head="topic", title="A row", body="More.", draft=False)
        found = repo.get_pull(made.number)
        assert (found.head.sha, found.base.sha) == (drawn.head("topic"), drawn.head("main"))
        assert (found.user.login, found.user.type, found.state) == ("github-actions[bot]", "Bot", "open")
        assert (found.mergeable, found.changed_files, found.commits, found.additions) == (True, 2, 1, 2)
        assert [one.number for one in repo.get_pulls(head="octo:topic", base="main")] == [made.number]
        assert [*repo.get_pulls(head="mallory:topic")] == []

    def test_files__every_status_with_what_a_renamed_file_was_called(self, drawn: DrawnRepository, repo: Repository) -> None:
        old = drawn.file("topic", "data/old.jsonl")
        drawn.commit("topic", {"data/old.jsonl": None, "data/renamed.jsonl": old, "über.txt": b"\0"})
        drawn.commit("topic", {"README.md": None}, links={"link": "data/new.jsonl"})
        files = {file.filename: file for file in repo.get_pull(drawn.open_pull("topic")).get_files()}
        assert {path: file.status for path, file in files.items()} == {
            "README.md": "removed",
            "data/new.jsonl": "added",
            "data/renamed.jsonl": "renamed",
            "link": "added",
            "über.txt": "added",
        }
        assert files["data/renamed.jsonl"].previous_filename == "data/old.jsonl"

    def test_files__are_those_since_the_branches_parted(self, drawn: DrawnRepository, repo: Repository) -> None:
        number = drawn.open_pull("topic")
        drawn.commit("main", {"elsewhere": b""})
        assert {file.filename for file in repo.get_pull(number).get_files()} == {"README.md", "data/new.jsonl"}

    def test_the_head_follows_a_push_until_the_pull_request_is_closed(self, drawn: DrawnRepository, repo: Repository) -> None:
        number = drawn.open_pull("topic")
        second = drawn.commit("topic", {"more": b""})
        assert repo.get_pull(number).head.sha == second == repo.get_git_ref(f"pull/{number}/head").object.sha
        drawn.close(number)
        drawn.commit("topic", {"still more": b""})
        assert (repo.get_pull(number).head.sha, repo.get_pull(number).state) == (second, "closed")

    def test_a_pull_request_out_of_a_fork_names_the_fork(self, drawn: DrawnRepository, repo: Repository) -> None:
        sha = drawn.fork("mallory").commit("topic", {"README.md": b"mine\n"})
        found = repo.get_pull(drawn.open_pull("topic", author="mallory", fork="mallory"))
        assert (found.head.sha, found.head.repo.full_name, found.head.label) == (sha, "mallory/evalgate", "mallory:topic")
        assert found.head.repo.fork and not found.base.repo.fork
        assert drawn.head("topic") != sha
        assert "refs/forks" not in " ".join(ref.ref for ref in repo.get_git_matching_refs(""))

    def test_reviews__keep_the_commit_that_they_were_made_on(self, drawn: DrawnRepository, repo: Repository) -> None:
        number, first = drawn.open_pull("topic"), drawn.head("topic")
        approval = drawn.review(number, "ben")
        drawn.commit("topic", {"more": b""})
        drawn.review(number, "cem", "CHANGES_REQUESTED")
        drawn.dismiss(approval)
        seen = [(one.user.login, one.state, one.commit_id) for one in repo.get_pull(number).get_reviews()]
        assert seen == [("ben", "DISMISSED", first), ("cem", "CHANGES_REQUESTED", drawn.head("topic"))]

    def test_reviews__an_author_cannot_approve_their_own(self, server: GithubServer, drawn: DrawnRepository) -> None:
        number = drawn.open_pull("topic", author="ann")
        with client(server, "ann") as ann, pytest.raises(github.GithubException) as refused:
            ann.get_repo("octo/evalgate").get_pull(number).create_review(body="mine", event="APPROVE")
        assert refusal(refused) == (422, "Unprocessable Entity")
        assert refused.value.data["errors"] == ["Can not approve your own pull request"]

    def test_a_merge_puts_a_commit_of_both_parents_on_the_base(self, drawn: DrawnRepository, repo: Repository) -> None:
        number, heads = drawn.open_pull("topic"), (drawn.head("main"), drawn.head("topic"))
        merged = repo.get_pull(number).merge(sha=heads[1])
        assert (merged.merged, merged.sha) == (True, drawn.head("main"))
        assert tuple(drawn.commits("main")[0].parents) == heads
        found = repo.get_pull(number)
        assert (found.merged, found.state, found.merge_commit_sha) == (True, "closed", merged.sha)
        assert [one.number for one in repo.get_commit(merged.sha).get_pulls()] == [number]

    def test_a_merge_of_a_head_that_moved_is_refused(self, drawn: DrawnRepository, repo: Repository) -> None:
        number, old = drawn.open_pull("topic"), drawn.head("topic")
        drawn.commit("topic", {"more": b""})
        with pytest.raises(github.GithubException) as refused:
            repo.get_pull(number).merge(sha=old)
        assert refusal(refused) == (409, "Head branch was modified. Review and try the merge again.")

    @pytest.mark.parametrize("why", ["draft", "conflict", "check", "approval", "closed"])
    def test_what_cannot_be_merged_is_refused(self, drawn: DrawnRepository, repo: Repository, why: str) -> None:
        number = drawn.open_pull("topic")
        make = {
            "draft": lambda: drawn.draft(number),
            "conflict": lambda: drawn.commit("main", {"README.md": b"bye\n"}),
            "check": lambda: drawn.protect("main", ["EvalGate"]),
            "approval": lambda: drawn.block(number),
            "closed": lambda: drawn.close(number),
        }
        make[why]()
        with pytest.raises(github.GithubException) as refused:
            repo.get_pull(number).merge()
        assert refused.value.status == 405
        drawn.protect("main", ["EvalGate"])

    def test_a_push_that_brings_the_head_into_the_base_merges(self, drawn: DrawnRepository, repo: Repository) -> None:
        number = drawn.open_pull("topic")
        group = drawn.event("merge_group", number)["merge_group"]
        drawn.push("main", group["head_sha"])
        found = repo.get_pull(number)
        assert (found.merged, found.merge_commit_sha) == (True, group["head_sha"])

    def test_a_fork_that_is_gone_leaves_no_head_repository(
        self, server: GithubServer, drawn: DrawnRepository, repo: Repository
    ) -> None:
        sha = drawn.fork("mallory").commit("topic", {"README.md": b"mine\n"})
        number = drawn.open_pull("topic", author="mallory", fork="mallory")
        server.remove("mallory/evalgate")
        head = sent(server, "GET", f"/pulls/{number}").json()["head"]
        assert (head["repo"], head["sha"]) == (None, sha)

    def test_reviews_are_asked_of_people_and_teams_until_they_answer(
        self, server: GithubServer, drawn: DrawnRepository, repo: Repository
    ) -> None:
        server.team("octo", "ml", {"ben": "active"})
        pull = repo.get_pull(drawn.open_pull("topic", author="ann"))
        pull.create_review_request(reviewers=["ben"], team_reviewers=["ML"])
        pull.create_review_request(reviewers=["Ben"])
        found = repo.get_pull(pull.number)
        assert ([one.login for one in found.requested_reviewers], [one.slug for one in found.requested_teams]) == (
            ["ben"],
            ["ml"],
        )
        for nobody in ({"reviewers": ["ben", "unknown"]}, {"team_reviewers": ["unknown"]}):
            with pytest.raises(github.GithubException) as refused:
                pull.create_review_request(**nobody)
            assert refusal(refused)[0] == 422
        drawn.review(pull.number, "ben")
        found = repo.get_pull(pull.number)
        assert (found.requested_reviewers, found.requested_teams) == ([], [])
        assert [one.event for one in repo.get_issue(pull.number).get_events()] == ["review_requested"] * 2

    def test_a_pull_request_that_lost_its_branch_is_closed(self, drawn: DrawnRepository, repo: Repository) -> None:
        number = drawn.open_pull("topic")
        repo.get_git_ref("heads/topic").delete()
        assert (repo.get_pull(number).state, repo.get_pull(number).merged) == ("closed", False)

    def test_no_pull_request_of_commits_that_the_base_has(self, drawn: DrawnRepository, repo: Repository) -> None:
        drawn.merge(drawn.open_pull("topic"))
        with pytest.raises(github.GithubException) as refused:
            repo.create_pull(base="main", head="topic", title="A row")
        assert refused.value.data["errors"][0]["message"] == "No commits between main and topic"

    @pytest.mark.parametrize("words", [{"title": "x" * 257}, {"title": " "}, {"title": "x", "body": "x" * 65_537}])
    def test_words_that_github_does_not_take_are_refused(
        self, drawn: DrawnRepository, repo: Repository, words: dict[str, str]
    ) -> None:
        with pytest.raises(github.GithubException) as refused:
            repo.create_pull(base="main", head="topic", **words)
        assert refused.value.status == 422
        with pytest.raises(github.GithubException) as refused:
            repo.get_pull(drawn.open_pull("topic")).edit(**words)
        assert refused.value.status == 422

    def test_a_workflows_token_opens_none_where_the_settings_forbid_it(self, drawn: DrawnRepository, repo: Repository) -> None:
        drawn.workflow_permissions(can_approve_pull_request_reviews=False)
        with pytest.raises(github.GithubException) as refused:
            repo.create_pull(base="main", head="topic", title="A row")
        assert refusal(refused) == (403, "GitHub Actions is not permitted to create or approve pull requests.")


class TestDiscussion:
    def test_comments__come_over_several_pages_in_their_order(self, drawn: DrawnRepository, server: GithubServer) -> None:
        number = drawn.open_pull("topic")
        ids = [drawn.comment(number, "ben", f"comment {count}") for count in range(7)]
        with client(server, per_page=3) as paging:
            found = paging.get_repo("octo/evalgate").get_issue(number).get_comments()
            assert [comment.id for comment in found] == ids
            assert found.totalCount == 7
        pages = [entry.query for entry in server.log if entry.path.endswith("/comments")]
        assert len(pages) == 4  # three pages, and one more for the count

    def test_a_comment_is_made_edited_and_deleted(self, drawn: DrawnRepository, repo: Repository) -> None:
        number = drawn.open_pull("topic")
        made = repo.get_issue(number).create_comment("hello")
        assert made.created_at == made.updated_at
        made.edit("bye")
        found = repo.get_issue(number).get_comment(made.id)
        assert (found.body, found.updated_at > found.created_at, found.user.type) == ("bye", True, "Bot")
        made.delete()
        assert drawn.comments(number) == []

    def test_a_comment_past_the_limit_is_refused(self, drawn: DrawnRepository, repo: Repository) -> None:
        number = drawn.open_pull("topic")
        repo.get_issue(number).create_comment("x" * 65_536)
        with pytest.raises(github.GithubException) as refused:
            repo.get_issue(number).create_comment("x" * 65_537)
        assert refusal(refused) == (422, "Validation Failed")

    def test_reactions__the_same_again_is_the_old_one(self, server: GithubServer, drawn: DrawnRepository) -> None:
        comment = drawn.comment(drawn.open_pull("topic"), "ben", "/evalgate override")
        drawn.react(comment, "ben", "heart")
        path = f"/issues/comments/{comment}/reactions"
        made = [sent(server, "POST", path, json={"content": "eyes"}) for _ in range(2)]
        assert [answer.status_code for answer in made] == [201, 200]
        assert made[0].json() == made[1].json()
        assert drawn.reactions(comment) == [("ben", "heart"), ("github-actions[bot]", "eyes")]
        assert server.effects("POST", "reactions$") == 1

    def test_labels__of_a_pull_request_are_the_issues(self, drawn: DrawnRepository, repo: Repository) -> None:
        number = drawn.open_pull("topic")
        repo.get_issue(number).add_to_labels("gate: blocked", "gate: data")
        repo.get_pull(number).remove_from_labels("gate: data")
        assert [label.name for label in repo.get_pull(number).labels] == ["gate: blocked"] == drawn.labels(number)


class TestChecks:
    def test_annotations__are_appended_by_every_update(self, drawn: DrawnRepository, repo: Repository) -> None:
        check = repo.create_check_run("EvalGate", drawn.head("topic"), status="in_progress")
        for lines in (range(1, 51), range(51, 61)):
            check.edit(output={"title": "Rows", "summary": "Findings.", "annotations": [annotation(line) for line in lines]})
        check.edit(conclusion="failure")
        found = repo.get_check_run(check.id)
        assert (found.status, found.conclusion, found.output.annotations_count) == ("completed", "failure", 60)
        assert [one.start_line for one in found.get_annotations()] == [*range(1, 61)]

    @pytest.mark.parametrize(
        ("output", "words"),
        [
            ({"annotations": [{}] * 51}, "No more than 50 items are allowed; 51 were supplied."),
            ({"text": "x" * 65_536}, "Only 65535 characters are allowed; 65536 were supplied."),
            (
                {"annotations": [{"path": "a", "start_line": 1, "end_line": 1, "message": ""}]},
                '"annotation_level" wasn\'t supplied.',
            ),
        ],
    )
    def test_more_than_github_takes_is_refused(
        self, server: GithubServer, drawn: DrawnRepository, output: dict[str, Any], words: str
    ) -> None:
        body = {"name": "EvalGate", "head_sha": drawn.head("topic"), "output": {"title": "", "summary": "", **output}}
        answer = sent(server, "POST", "/check-runs", json=body)
        assert (answer.status_code, answer.json()["message"]) == (422, f"Invalid request.\n\n{words}")
        assert drawn.check_runs() == []

    def test_a_check_run_is_changed_by_its_app_alone(self, server: GithubServer, drawn: DrawnRepository) -> None:
        check = drawn.add_check(drawn.head("topic") or "", "EvalGate", "success", app="somebody-else")
        tries = [sent(server, "PATCH", f"/check-runs/{check}", token, json={"status": "queued"}) for token in ("bot", "ann")]
        assert [answer.status_code for answer in tries] == [403, 403]

    def test_of_a_name_the_latest_is_listed(self, drawn: DrawnRepository, repo: Repository) -> None:
        ids = [drawn.add_check(drawn.head("topic") or "", name, "success") for name in ("A", "B", "A")]
        commit = repo.get_commit("topic")
        assert [check.id for check in commit.get_check_runs()] == [ids[2], ids[1]]
        assert [check.id for check in commit.get_check_runs(check_name="A", filter="all")] == [ids[2], ids[0]]


def annotation(line: int) -> dict[str, Any]:
    return {
        "path": "data/new.jsonl",
        "start_line": line,
        "end_line": line,
        "annotation_level": "warning",
        "message": f"row {line}",
    }


class TestGitObjects:
    def test_an_orphan_branch_is_written_and_its_ref_moves_by_compare_and_swap(
        self, drawn: DrawnRepository, repo: Repository
    ) -> None:
        first = self.evidence(repo, "1", [])
        ref = repo.create_git_ref("refs/heads/evidence", first)
        second, rival = self.evidence(repo, "2", [first]), self.evidence(repo, "3", [first])
        ref.edit(second)
        with pytest.raises(github.GithubException) as refused:
            ref.edit(rival)
        assert refusal(refused) == (422, "Update is not a fast forward")
        assert drawn.head("evidence") == second
        assert drawn.files("evidence") == {"2.json": "100644", "runs/2.txt": "100644"}
        assert drawn.commits("evidence")[1].parents == []
        ref.edit(rival, force=True)
        assert drawn.head("evidence") == rival

    @staticmethod
    def evidence(repo: Repository, name: str, parents: list[str]) -> str:
        blob = repo.create_git_blob(base64.b64encode(b"\xff\x00").decode(), "base64")
        rows = [github.InputGitTreeElement(f"{name}.json", "100644", "blob", sha=blob.sha)]
        rows += [github.InputGitTreeElement(f"runs/{name}.txt", "100644", "blob", content="text")]
        tree = repo.create_git_tree(rows)
        return repo.create_git_commit("Evidence", tree, [repo.get_git_commit(sha) for sha in parents]).sha

    def test_a_ref_that_is_there_is_not_made_again(self, drawn: DrawnRepository, repo: Repository) -> None:
        with pytest.raises(github.GithubException) as refused:
            repo.create_git_ref("refs/heads/main", drawn.head("topic") or "")
        assert refusal(refused) == (422, "Reference already exists")

    def test_a_protected_branch_is_not_written_past_its_pull_requests(self, drawn: DrawnRepository, repo: Repository) -> None:
        mine, old = drawn.write(drawn.head("main"), {"mine": b""}), drawn.write(None, {"other": b""})
        drawn.protect("main", ["EvalGate"])
        drawn.rules("topic", {"type": "non_fast_forward"}, {"type": "deletion"})
        tries = [
            lambda: repo.get_git_ref("heads/main").edit(mine),
            lambda: repo.create_file("new.txt", "Add", "text", branch="main"),
            lambda: repo.get_git_ref("heads/topic").edit(old, force=True),
            lambda: repo.get_git_ref("heads/topic").delete(),
        ]
        for attempt, status in zip(tries, (422, 409, 422, 422), strict=True):
            with pytest.raises(github.GithubException) as refused:
                attempt()
            assert refused.value.status == status
        assert old not in {drawn.head("main"), drawn.head("topic")}

    def test_a_tree_over_a_base_keeps_changes_and_removes(self, drawn: DrawnRepository, repo: Repository) -> None:
        base = repo.get_git_tree("main", recursive=True)
        assert [row.path for row in base.tree] == ["README.md", "data", "data/old.jsonl"]
        rows = [github.InputGitTreeElement("data", "040000", "tree", sha=None)]
        rows += [github.InputGitTreeElement("a/deep/link", "120000", "blob", content="../../README.md")]
        made = repo.create_git_tree(rows, base)
        assert drawn.files(made.sha) == {"README.md": "100644", "a/deep/link": "120000"}

    def test_contents__a_file_is_replaced_by_who_knows_it(self, drawn: DrawnRepository, repo: Repository) -> None:
        old = repo.get_contents("README.md", ref="main")
        assert isinstance(old, github.ContentFile.ContentFile)
        assert old.decoded_content == b"hello\n"
        repo.update_file("README.md", "Change", "bye\n", old.sha, branch="main")
        assert drawn.file("main", "README.md") == b"bye\n"
        with pytest.raises(github.GithubException) as refused:
            repo.update_file("README.md", "Change", "hi\n", old.sha, branch="main")
        assert refused.value.status == 409

    def test_comparison__counts_both_ways(self, drawn: DrawnRepository, repo: Repository) -> None:
        drawn.commit("main", {"elsewhere": b""})
        found = repo.compare("main", "topic")
        assert (found.status, found.ahead_by, found.behind_by) == ("diverged", 1, 1)
        assert {file.filename for file in found.files} == {"README.md", "data/new.jsonl"}

    def test_an_imported_folder_has_its_files_and_links(self, tmp_path: Path, drawn: DrawnRepository) -> None:
        folder = tmp_path / "source"
        (folder / "under").mkdir(parents=True)
        (folder / "under" / "file.txt").write_bytes(b"text")
        (folder / "link").symlink_to("under/file.txt")
        (folder / ".gitignore").write_text("*.log\n")
        (folder / "noise.log").write_text("noise")
        drawn.import_tree(folder, branch="imported")
        assert drawn.files("imported") == {".gitignore": "100644", "link": "120000", "under/file.txt": "100644"}


class TestActions:
    def test_an_artifact_is_downloaded_from_a_storage_that_wants_no_token(
        self, server: GithubServer, drawn: DrawnRepository
    ) -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("report.json", "{}")
        drawn.add_run(77, drawn.head("topic") or "", head_branch="topic")
        artifact = drawn.add_artifact(77, "evidence", content.getvalue())
        found = sent(server, "GET", "/actions/runs/77/artifacts?name=evidence").json()
        assert [one["id"] for one in found["artifacts"]] == [artifact]
        way = sent(server, "GET", f"/actions/artifacts/{artifact}/zip", allow_redirects=False)
        assert (way.status_code, way.content) == (302, b"")
        assert requests.get(way.headers["Location"], timeout=10).content == content.getvalue()
        assert requests.get(way.headers["Location"], headers={"Authorization": "Bearer bot"}, timeout=10).status_code == 401

    def test_a_run_is_found_by_its_commit_and_cancelled(self, drawn: DrawnRepository, repo: Repository) -> None:
        number, sha = drawn.open_pull("topic"), drawn.head("topic") or ""
        drawn.add_run(77, sha, status="in_progress", conclusion=None, head_branch="topic")
        drawn.add_run(78, drawn.head("main") or "", event="push")
        (run,) = repo.get_workflow_runs(head_sha=sha, event="pull_request")
        assert (run.id, [pull.number for pull in run.pull_requests]) == (77, [number])
        assert run.cancel()
        assert repo.get_workflow_run(77).conclusion == "cancelled"
        assert not repo.get_workflow_run(77).cancel()

    def test_a_dispatch_is_kept_with_its_inputs(self, server: GithubServer, drawn: DrawnRepository) -> None:
        drawn.commit("main", {".github/workflows/gate.yml": b"on: workflow_dispatch\n"})
        body = {"ref": "main", "inputs": {"feature": "support"}}
        assert sent(server, "POST", "/actions/workflows/gate.yml/dispatches", json=body).status_code == 204
        assert sent(server, "POST", "/actions/workflows/none.yml/dispatches", json=body).status_code == 404
        assert [one["inputs"] for one in drawn.repo.dispatches] == [{"feature": "support"}]


class TestWhoMayWhat:
    def test_a_permission_that_the_token_has_not_is_named_as_github_names_it(
        self, server: GithubServer, drawn: DrawnRepository
    ) -> None:
        number = drawn.open_pull("topic")
        server.token("reader", "github-actions[bot]", {"issues": "read"}, app="github-actions")
        assert sent(server, "GET", f"/issues/{number}/comments", "reader").status_code == 200
        answer = sent(server, "POST", f"/issues/{number}/comments", "reader", json={"body": "hello"})
        assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration")
        assert sent(server, "GET", "", "stranger").status_code == 401
        assert server.effects() == 0

    def test_the_token_of_a_person_knows_its_user_and_an_installations_does_not(self, server: GithubServer) -> None:
        with client(server, "ann") as ann, client(server, "bot") as bot:
            assert ann.get_user().login == "ann"
            with pytest.raises(github.GithubException) as refused:
                assert bot.get_user().login
        assert refusal(refused) == (403, "Resource not accessible by integration")

    def test_permissions__of_collaborators_of_others_and_of_nobody(self, drawn: DrawnRepository, repo: Repository) -> None:
        drawn.person("ben", "write")
        drawn.person("mallory")
        assert [repo.get_collaborator_permission(login) for login in ("ben", "mallory", "octo")] == ["write", "read", "admin"]
        with pytest.raises(github.UnknownObjectException):
            repo.get_collaborator_permission("nobody")

    def test_a_team_tells_its_members(self, server: GithubServer) -> None:
        server.team("octo", "owners", {"ben": "active"})
        server.token("org", "app[bot]", {"members": "read"}, app="app")
        url, headers = f"{server.url}/orgs/octo/teams/owners/memberships", {"Authorization": "token org"}
        assert requests.get(f"{url}/ben", headers=headers, timeout=10).json()["state"] == "active"
        assert requests.get(f"{url}/ann", headers=headers, timeout=10).status_code == 404

    @pytest.mark.parametrize(("version", "status"), [("2022-11-28", 200), ("2026-03-10", 200), ("2020-01-01", 400)])
    def test_versions__that_are_and_are_not(
        self, server: GithubServer, drawn: DrawnRepository, version: str, status: int
    ) -> None:
        answer = sent(server, "GET", f"/pulls/{drawn.open_pull('topic')}", headers={"X-GitHub-Api-Version": version})
        assert (answer.status_code, "merge_commit_sha" in answer.json()) == (status, version == "2022-11-28")


class TestSettings:
    def test_protection_rules_and_environments_are_told(self, server: GithubServer, drawn: DrawnRepository) -> None:
        server.token("admin", "gate[bot]", {"administration": "read", "contents": "read", "actions": "read"}, app="gate")
        assert sent(server, "GET", "/branches/main/protection", "admin").json()["message"] == "Branch not protected"
        drawn.protect("main", ["EvalGate"], enforce_admins={"url": f"{server.url}/admins", "enabled": True})
        drawn.rules("main", {"type": "non_fast_forward"})
        drawn.ruleset(name="Main", target="branch")
        drawn.environment("evalgate", deployment_branch_policy={"protected_branches": True, "custom_branch_policies": False})
        found = {path: sent(server, "GET", path, "admin").json() for path in SETTINGS}
        assert found["/branches/main/protection"]["required_status_checks"]["contexts"] == ["EvalGate"]
        assert found["/branches/main"]["protected"]
        assert [rule["type"] for rule in found["/rules/branches/main"]] == ["non_fast_forward"]
        assert [one["name"] for one in found["/rulesets"]] == ["Main"]
        assert found["/environments"]["environments"] == [found["/environments/evalgate"]]
        assert found["/actions/permissions/workflow"]["default_workflow_permissions"] == "read"


SETTINGS = ["/branches/main", "/branches/main/protection", "/rules/branches/main", "/rulesets"]
SETTINGS += ["/environments", "/environments/evalgate", "/actions/permissions/workflow"]


class TestAPublicAddress:
    def test_every_url_and_link_is_under_the_address_that_stands_before_it(
        self, server: GithubServer, drawn: DrawnRepository
    ) -> None:
        server.public_url = "http://proxy.example/"
        number = drawn.open_pull("topic")
        for count in range(3):
            drawn.comment(number, "ben", f"comment {count}")
        answer = sent(server, "GET", f"/issues/{number}/comments?per_page=2")
        assert answer.links["next"]["url"].startswith("http://proxy.example/repos/octo/evalgate/issues/")
        assert server.url not in answer.text

    def test_the_prefix_of_an_enterprise_server_is_taken_too(self, server: GithubServer, drawn: DrawnRepository) -> None:
        url = f"{server.url}/api/v3/repos/octo/evalgate"
        assert requests.get(url, headers={"Authorization": "Bearer bot"}, timeout=10).json()["full_name"] == "octo/evalgate"

    def test_a_body_in_chunks_is_read_as_proxies_send_it(self, server: GithubServer, drawn: DrawnRepository) -> None:
        number = drawn.open_pull("topic")
        answer = sent(server, "POST", f"/issues/{number}/comments", data=iter([b'{"body": ', b'"hello"}']))
        assert (answer.status_code, drawn.comments(number)[0].body) == (201, "hello")


class TestEvents:
    def test_events__say_what_webhooks_say(self, tmp_path: Path, drawn: DrawnRepository) -> None:
        number = drawn.open_pull("topic", author="ann")
        review, comment = drawn.review(number, "ben"), drawn.comment(number, "cem", "/evalgate", edited=True)
        run = drawn.add_run(77, drawn.head("topic") or "", head_branch="topic")
        pull = drawn.event("pull_request", number, action="synchronize", before="0" * 40)
        assert (pull["action"], pull["number"], pull["pull_request"]["head"]["sha"]) == (
            "synchronize",
            number,
            drawn.head("topic"),
        )
        assert (pull["before"], pull["sender"]["login"], pull["repository"]["owner"]["login"]) == ("0" * 40, "ann", "octo")
        assert drawn.event("pull_request_review", review)["review"]["state"] == "approved"
        said = drawn.event("issue_comment", comment)
        assert said["issue"]["pull_request"] and said["comment"]["updated_at"] > said["comment"]["created_at"]
        assert drawn.event("workflow_run", run)["workflow_run"]["pull_requests"][0]["number"] == number
        group = drawn.event("merge_group", number)["merge_group"]
        assert drawn.file(group["head_sha"], "data/new.jsonl") == b"{}\n"
        assert group["base_sha"] == drawn.head("main")
        assert drawn.event("push", "topic")["after"] == drawn.head("topic")
        assert drawn.event("workflow_dispatch", "main", inputs={"deep": "yes"})["inputs"] == {"deep": "yes"}
        assert '"number": 1' in drawn.event_file(tmp_path / "event.json", "pull_request", number).read_text()


class TestFaults:
    @pytest.fixture
    def pull(self, drawn: DrawnRepository, repo: Repository) -> PullRequest:
        return repo.get_pull(drawn.open_pull("topic"))

    def test_request_lost__nothing_was_done(self, server: GithubServer, drawn: DrawnRepository, pull: PullRequest) -> None:
        server.fault("POST", "comments$", "request_lost")
        with pytest.raises(requests.ConnectionError):
            pull.create_issue_comment("hello")
        assert (drawn.comments(pull.number), server.effects("POST")) == ([], 0)
        assert server.log[-1].status is None

    def test_response_lost__the_comment_is_there_all_the_same(
        self, server: GithubServer, drawn: DrawnRepository, pull: PullRequest
    ) -> None:
        server.fault("POST", "comments$", "response_lost")
        with pytest.raises(requests.ConnectionError):
            pull.create_issue_comment("hello")
        assert [comment.body for comment in drawn.comments(pull.number)] == ["hello"]
        assert (server.effects("POST", "comments$"), server.log[-1].status) == (1, None)

    @pytest.mark.parametrize(("kind", "status"), [("429", 429), ("403_secondary", 403)])
    def test_limits__name_when_to_come_back(
        self, server: GithubServer, drawn: DrawnRepository, pull: PullRequest, kind: str, status: int
    ) -> None:
        server.fault("POST", "comments$", kind, retry_after=1)
        with pytest.raises(github.GithubException) as refused:
            pull.create_issue_comment("hello")
        assert (refused.value.status, (refused.value.headers or {})["retry-after"]) == (status, "1")
        assert drawn.comments(pull.number) == []

    @pytest.mark.parametrize(("kind", "done"), [("500", 0), ("500_after", 1)])
    def test_errors__before_and_after_it_was_done(
        self, server: GithubServer, drawn: DrawnRepository, pull: PullRequest, kind: str, done: int
    ) -> None:
        server.fault("POST", "comments$", kind)
        with pytest.raises(github.GithubException) as refused:
            pull.create_issue_comment("hello")
        assert (refused.value.status, len(drawn.comments(pull.number)), server.effects("POST")) == (500, done, done)

    def test_malformed__the_answer_is_no_json(self, server: GithubServer, drawn: DrawnRepository, pull: PullRequest) -> None:
        server.fault("POST", "comments$", "malformed")
        answer = sent(server, "POST", f"/issues/{pull.number}/comments", json={"body": "hello"})
        with pytest.raises(requests.JSONDecodeError):
            answer.json()
        assert (answer.status_code, len(drawn.comments(pull.number))) == (200, 1)

    def test_disconnect__half_of_the_answer_comes(self, server: GithubServer, drawn: DrawnRepository, pull: PullRequest) -> None:
        server.fault("POST", "comments$", "disconnect")
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            sent(server, "POST", f"/issues/{pull.number}/comments", json={"body": "hello"})
        assert len(drawn.comments(pull.number)) == 1

    def test_stale_head__another_writer_was_faster_on_the_ref(
        self, server: GithubServer, drawn: DrawnRepository, repo: Repository
    ) -> None:
        mine = drawn.write(drawn.head("topic"), {"mine": b""})
        server.fault("PATCH", "git/refs/heads/topic$", "stale_head")
        with pytest.raises(github.GithubException) as refused:
            repo.get_git_ref("heads/topic").edit(mine)
        assert refusal(refused) == (422, "Update is not a fast forward")
        assert drawn.commits("topic")[0].message == "Another writer was faster"

    def test_stale_head__another_writer_was_faster_on_the_pull_request(
        self, server: GithubServer, drawn: DrawnRepository, pull: PullRequest
    ) -> None:
        server.fault("PUT", "merge$", "stale_head")
        with pytest.raises(github.GithubException) as refused:
            pull.merge(sha=pull.head.sha)
        assert refused.value.status == 409

    def test_a_fault_waits_for_its_turn_and_ends(self, server: GithubServer, pull: PullRequest) -> None:
        server.fault("GET", r"/pulls/\d+$", "500", times=2, skip=1)
        path = f"/pulls/{pull.number}"
        assert [sent(server, "GET", path).status_code for _ in range(4)] == [200, 500, 500, 200]
