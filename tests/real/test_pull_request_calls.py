"""Every call to GitHub, made by PyGithub against a server that keeps state and loses answers."""

import base64
import io
import json
import threading
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from drawn_evidence import ADAPTER, evidence, sha256, step
from github_server import GithubServer
from pydantic import SecretStr

from evalgate.errors import NotMeasured, PolicyError
from evalgate.judgement.check_text import Annotation
from evalgate.pull_request import artifacts, branch, check_run, comment, facts, jobs, reaction, tree
from evalgate.pull_request.check_run import Check
from evalgate.pull_request.client import connect
from evalgate.pull_request.effects import Refused
from evalgate.pull_request.evidence_branch import BranchJournal
from evalgate.records.evidence import object_place
from evalgate.records.pull_request import Person

BOT = "github-actions[bot]"
SPEAKER = "ghs_0123456789abcdefghijklmnopqrstuvwxyz"
MARKER = "<!-- evalgate -->"
BRANCH = "evalgate-evidence"
KINDS = ["request_lost", "response_lost", "429", "403_secondary", "500", "500_after", "malformed", "disconnect"]
WRITES = dict.fromkeys(("contents", "issues", "pull_requests", "checks", "actions"), "write")
HEAD = "a" * 40


@pytest.fixture
def server(tmp_path):
    with GithubServer(tmp_path) as running:
        running.token(SPEAKER, BOT, WRITES, app="github-actions")
        yield running


@pytest.fixture
def drawn(server):
    repository = server.repository("octo/evalgate")
    repository.commit("main", {"README.md": b"hello\n"})
    repository.commit("topic", {"datasets/s/v2.jsonl": b'{"a": 1}\n'}, base="main")
    assert repository.open_pull("topic", author="ann") == 1
    return repository


@pytest.fixture
def remote(server, drawn):
    return connected(server)


def connected(server, *, speaking=SPEAKER, author=BOT, pauses=(0.001, 0.001, 0.001)):
    return connect(
        token=SecretStr(speaking),
        repository="octo/evalgate",
        api_url=server.public_url,
        author=author,
        run="7.1",
        pace=0,
        pauses=pauses,
    )


DRAWN = evidence(report_md=b"# Report\n", adapter=ADAPTER)
ADAPTER_PLACE = next(place for place in DRAWN.files if place.endswith(".safetensors"))


def calls(server):
    """(method, path within the repository) of every request so far."""
    return [(one.method, one.path.removeprefix("/repos/octo/evalgate")) for one in server.log]


# --- one effect, whatever happens on the way ---


def create_comment(remote, drawn):
    comment.keep(remote, 1, f"{MARKER}\nwaiting", MARKER)


def edit_comment(remote, drawn):
    drawn.comment(1, BOT, f"{MARKER}\nbefore")
    create_comment(remote, drawn)


def delete_second_comment(remote, drawn):
    drawn.comment(1, BOT, f"{MARKER}\nwaiting")
    drawn.comment(1, BOT, f"{MARKER}\nwaiting")
    create_comment(remote, drawn)


def create_check(remote, drawn):
    note = Annotation("datasets/s/v2.jsonl", 1, "failure", "no messages")
    check_run.keep(remote, drawn.head("topic"), Check("EvalGate", "evalgate/1", "waiting", "for a review", None, "", [note]))


def update_check(remote, drawn):
    check_run.keep(remote, drawn.head("topic"), Check("EvalGate", "evalgate/1", "begun", "", None))
    create_check(remote, drawn)


def react(remote, drawn):
    reaction.react(remote, drawn.comment(1, "ann", "/evalgate status"), "eyes")


def cancel(remote, drawn):
    drawn.add_run(99, drawn.head("topic"), status="in_progress", conclusion=None)
    assert jobs.cancel(remote, "99.1")


def first_step(remote, drawn):
    entry = step("trained/1", name="trained", feature="support", evidence=DRAWN.sha256)
    assert BranchJournal(remote, BRANCH).append(entry, DRAWN.files) == entry


def second_step(remote, drawn):
    BranchJournal(remote, BRANCH).append(step("head/1"))
    first_step(remote, drawn)


def one_comment(server, drawn):
    assert [(one.login, one.body) for one in drawn.comments(1)] == [(BOT, f"{MARKER}\nwaiting")]


def one_check(server, drawn):
    (found,) = drawn.check_runs(drawn.head("topic"))
    assert (found.title, found.status, len(found.annotations)) == ("waiting", "in_progress", 1)


def one_reaction(server, drawn):
    (asking,) = drawn.comments(1)
    assert drawn.reactions(asking.id) == [(BOT, "eyes")]


def one_cancelled(server, drawn):
    assert drawn.repo.runs[99].conclusion == "cancelled"


def one_step(server, drawn):
    journal = BranchJournal(connected(server), BRANCH)
    assert [entry.key for entry in journal.of_pull(1)][-1:] == ["trained/1"]
    assert [entry.key for entry in journal.of_feature("support")] == ["trained/1"]
    assert {place: journal.read(place) for place in DRAWN.files} == DRAWN.files
    assert len(drawn.commits(BRANCH)) == len(journal.of_pull(1))


EFFECTS = {
    "comment": (create_comment, "POST", "/issues/1/comments$", one_comment),
    "comment edited": (edit_comment, "PATCH", r"/issues/comments/\d+$", one_comment),
    "second comment deleted": (delete_second_comment, "DELETE", r"/issues/comments/\d+$", one_comment),
    "check run": (create_check, "POST", "/check-runs$", one_check),
    "check run updated": (update_check, "PATCH", r"/check-runs/\d+$", one_check),
    "reaction": (react, "POST", "/reactions$", one_reaction),
    "cancelled": (cancel, "POST", "/actions/runs/99/cancel$", one_cancelled),
    "branch begun": (first_step, "POST", "/git/refs$", one_step),
    "branch moved": (second_step, "PATCH", "/git/refs/heads/", one_step),
}
WITHOUT_EFFECT = {
    "blob": (second_step, "POST", "/git/blobs$", one_step),
    "tree": (second_step, "POST", "/git/trees$", one_step),
    "commit": (second_step, "POST", "/git/commits$", one_step),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", EFFECTS)
def test_write__any_fault_leaves_exactly_one_effect(server, drawn, remote, name, kind):
    do, method, path, check = EFFECTS[name]
    server.fault(method, path, kind)
    do(remote, drawn)
    assert server.effects(method, path) == 1
    check(server, drawn)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_write__a_fault_before_the_branch_moves_leaves_one_step(server, drawn, remote, name, kind):
    do, method, path, check = WITHOUT_EFFECT[name]
    server.fault(method, path, kind)
    do(remote, drawn)
    check(server, drawn)


@pytest.mark.parametrize("kind", ["response_lost", "403_secondary", "malformed"])
@pytest.mark.parametrize("name", EFFECTS)
def test_write__a_fault_in_every_look_and_every_write_once_leaves_one_effect(server, drawn, remote, name, kind):
    do, method, path, check = EFFECTS[name]
    server.fault("GET", "", kind)
    server.fault(method, path, kind)
    do(remote, drawn)
    assert server.effects(method, path) == 1
    check(server, drawn)


@pytest.mark.parametrize("name", EFFECTS)
def test_write__a_server_that_stays_down_is_not_measured_and_not_asked_for_ever(server, drawn, remote, name):
    do, method, path, _ = EFFECTS[name]
    server.fault(method, path, "500", times=1000)
    with pytest.raises(NotMeasured, match="GitHub answered 500"):
        do(remote, drawn)
    assert sum(one.status == 500 for one in server.log) <= 4


def test_write__an_answer_lost_at_the_last_attempt_is_looked_for_once_more(server, drawn, remote):
    server.fault("POST", "/comments$", "500", times=2)
    server.fault("POST", "/comments$", "response_lost")
    create_comment(remote, drawn)
    one_comment(server, drawn)


def test_write__an_answer_that_is_not_json_at_all_counts_as_lost(server, drawn, remote, monkeypatch):
    from github_server import server as inside

    plain = inside._wire
    pages = iter([b"<html>Unicorn!</html>"])

    def unicorn(found):
        wire = plain(found)
        return wire._replace(body=next(pages, wire.body)) if found and found.status == 201 else wire

    monkeypatch.setattr(inside, "_wire", unicorn)
    create_comment(remote, drawn)
    assert server.effects("POST") == 1
    one_comment(server, drawn)


def test_refusal__says_what_is_missing_without_the_token_and_is_not_repeated(server, drawn):
    server.token("ghs_reads0123456789abcdefghijklmnopqrst", BOT, {"issues": "read"}, app="github-actions")
    reader = connected(server, speaking="ghs_reads0123456789abcdefghijklmnopqrst")
    with pytest.raises(Refused) as refusal:
        create_comment(reader, drawn)
    assert refusal.value.status == 403
    assert str(refusal.value) == (
        "could not comment on #1: GitHub answered 403: Resource not accessible by integration; "
        "the token may not do this: add what is missing to `permissions:` of the job, or to the app"
    )
    assert len([one for one in server.log if one.method == "POST"]) == 1


def test_refusal__of_an_unknown_token_says_to_look_at_it(server, drawn):
    stranger = connected(server, speaking="ghs_stranger0123456789abcdefghijklmnopq")
    with pytest.raises(Refused, match=r"GITHUB_TOKEN") as refusal:
        facts.observe(stranger, 1)
    assert refusal.value.status == 401
    assert "ghs_" not in f"{refusal.value} {stranger!r} {stranger.api!r} {stranger.repository!r}"


def test_wait__asked_for_by_github_is_kept_and_one_that_is_too_long_ends_the_job(server, drawn, remote):
    server.fault("POST", "/comments$", "429", retry_after=3600)
    with pytest.raises(NotMeasured, match="GitHub asks to wait 3600 seconds"):
        create_comment(remote, drawn)
    assert drawn.comments(1) == []


# --- the comment ---


def test_comment__is_found_behind_many_pages_and_a_marker_forged_by_somebody_else(server, drawn, remote):
    for number in range(120):
        drawn.comment(1, "ann", f"comment {number}")
    forged = drawn.comment(1, "mallory", f"{MARKER}\nall is well")
    for number in range(120):
        drawn.comment(1, "ann", f"comment {number}")
    drawn.comment(1, BOT, f"quoted: {MARKER}")
    ours = drawn.comment(1, BOT, f"{MARKER}\nbefore")
    url = comment.keep(remote, 1, f"{MARKER}\nafter", MARKER)
    assert url.endswith(str(ours))
    assert drawn.repo.comments[ours].body == f"{MARKER}\nafter"
    assert drawn.repo.comments[forged].body == f"{MARKER}\nall is well"
    assert server.effects() == 1


def test_comment__that_says_so_already_is_only_read(server, drawn, remote):
    first = comment.keep(remote, 1, f"{MARKER}\nsame", MARKER)
    server.log.clear()
    assert comment.keep(remote, 1, f"{MARKER}\nsame", MARKER) == first
    assert calls(server) == [("GET", "/issues/1/comments")]


def test_comment__by_many_writers_at_once_is_one_in_the_end(server, drawn):
    bodies = [f"{MARKER}\nwriter {number}" for number in range(6)]
    together(lambda body: comment.keep(connected(server), 1, body, MARKER), bodies)
    (left,) = drawn.comments(1)
    assert left.body in bodies


def test_comment__under_another_login_than_we_know_is_taken_back(server, drawn):
    with pytest.raises(NotMeasured, match="set EVALGATE_AUTHOR to github-actions"):
        create_comment(connected(server, author="evalgate[bot]"), drawn)
    assert drawn.comments(1) == []


@pytest.mark.parametrize("body", ["no marker", MARKER + "x" * 65_536])
def test_comment__without_its_marker_or_too_long_is_our_own_fault(server, drawn, remote, body):
    with pytest.raises(ValueError, match="65,536"):
        comment.keep(remote, 1, body, MARKER)
    assert server.log == []


def test_comment_of__reads_who_wrote_it_when_and_whether_it_was_edited(server, drawn, remote):
    person = reaction.comment_of(remote, drawn.comment(1, "ann", "/evalgate retry", edited=True))
    bot = reaction.comment_of(remote, drawn.comment(1, BOT, "beep"))
    gone = reaction.comment_of(remote, drawn.comment(1, "ghost", "boo"))
    assert (person.body, person.login, person.kind) == ("/evalgate retry", "ann", "User")
    assert person.updated_at > person.created_at
    assert (bot.kind, bot.created_at) == ("Bot", bot.updated_at)
    assert (gone.login, gone.kind) == (None, None)


# --- the check run ---


def verdict(conclusion, *, title="a title", notes=0, text=""):
    annotations = [Annotation("README.md", line, "warning", "odd") for line in range(1, notes + 1)]
    return Check("EvalGate", "evalgate/1", title, "a summary", conclusion, text, annotations)


def test_check_run__sends_nothing_when_nothing_differs(server, drawn, remote):
    head = drawn.head("topic")
    check_run.keep(remote, head, verdict(None, notes=3))
    server.log.clear()
    check_run.keep(remote, head, verdict(None, notes=3))
    assert calls(server) == [("GET", f"/commits/{head}/check-runs")]


def test_check_run__annotations_are_fifty_at_most_and_never_sent_twice(server, drawn, remote):
    head = drawn.head("topic")
    for title in ("one", "two", "three"):
        check_run.keep(remote, head, verdict(None, title=title, notes=70))
    (found,) = drawn.check_runs(head)
    assert (found.title, len(found.annotations)) == ("three", 50)


def test_check_run__that_ended_otherwise_is_followed_by_a_new_one(server, drawn, remote):
    head = drawn.head("topic")
    for conclusion in ("action_required", None, "success"):
        check_run.keep(remote, head, verdict(conclusion))
    assert [(one.status, one.conclusion) for one in drawn.check_runs(head)] == [
        ("completed", "action_required"),
        ("completed", "success"),
    ]


def test_check_run__of_another_app_or_another_id_is_left_alone(server, drawn, remote):
    head = drawn.head("topic")
    drawn.add_check(head, "EvalGate", "success", app="forger", external_id="evalgate/1")
    drawn.add_check(head, "EvalGate", "success", external_id="a job of GitHub Actions")
    check_run.keep(remote, head, verdict("failure"))
    assert [one.conclusion for one in drawn.check_runs(head)] == ["success", "success", "failure"]


def test_check_run__of_an_app_that_is_gone_is_nobodys(server, drawn, remote, monkeypatch):
    from github_server import routes_checks

    head, shape = drawn.head("topic"), routes_checks.check_shape
    drawn.add_check(head, "EvalGate", "success", app="gone", external_id="evalgate/1")

    def without_app(world, repo, check):
        return {**shape(world, repo, check), **({"app": None} if check.app == "gone" else {})}

    monkeypatch.setattr(routes_checks, "check_shape", without_app)
    check_run.keep(remote, head, verdict("failure"))
    assert [one.conclusion for one in drawn.check_runs(head)] == ["success", "failure"]


def test_check_run__texts_longer_than_github_takes_are_cut_with_a_note(server, drawn, remote):
    head = drawn.head("topic")
    long = verdict("success", text="é" * 70_000)
    check_run.keep(remote, head, long)
    check_run.keep(remote, head, long)
    (found,) = drawn.check_runs(head)
    assert len(found.text.encode()) <= 65_535
    assert found.text.endswith("longer than GitHub takes.")
    assert server.effects() == 1


def test_check_run__under_another_app_than_we_know_is_said(server, drawn):
    with pytest.raises(NotMeasured, match=r"github-actions\[bot\]"):
        check_run.keep(connected(server, author="evalgate[bot]"), drawn.head("topic"), verdict(None))


# --- what GitHub says ---


def test_observe__tells_files_reviews_people_and_both_tips(server, drawn, remote):
    for login, permission in {"bea": "maintain", "cem": "triage", "dot": "admin"}.items():
        drawn.person(login, permission)
    for login in ("bea", "cem", "renovate[bot]", "ghost", "bea"):
        drawn.review(1, login)
    drawn.commit("topic", {"README.md": None, "README.txt": b"hello\n"})
    drawn.label(1, "data", "$(rm -rf)")
    target = drawn.commit("main", {"other.md": b"moved on\n"})
    seen = facts.observe(remote, 1)
    assert (seen.repository, seen.number, seen.author, seen.open, seen.merged) == ("octo/evalgate", 1, "ann", True, False)
    assert (seen.head, seen.target, seen.target_branch) == (drawn.head("topic"), target, "main")
    assert seen.labels == ("data", "$(rm -rf)")
    assert {(file.path, file.status, file.previous) for file in seen.files} == {
        ("datasets/s/v2.jsonl", "added", None),
        ("README.txt", "renamed", "README.md"),
    }
    assert not seen.files_cut
    assert [review.by for review in seen.reviews] == ["bea", "cem", "renovate[bot]", None, "bea"]
    assert seen.people == {
        "bea": Person(login="bea", bot=False, permission="write"),
        "cem": Person(login="cem", bot=False, permission="read"),
        "renovate[bot]": Person(login="renovate[bot]", bot=True, permission="none"),
    }


def test_observe__asks_for_each_thing_once(server, drawn, remote):
    for login in ("bea", "bea", "cem", BOT):
        drawn.review(1, login)
    facts.observe(remote, 1)
    asked = calls(server)
    assert asked[0] == asked[-1] == ("GET", "/pulls/1")
    assert sorted(asked[1:-1]) == sorted(
        ("GET", path)
        for path in (
            "", "/git/ref/heads/main", f"/git/commits/{drawn.head('topic')}", "/pulls/1/files", "/pulls/1/reviews",
            "/pulls/1/commits", "/issues/1/events", "/collaborators/bea/permission", "/collaborators/cem/permission",
        )
    )  # fmt: skip


def test_observe__reads_all_pages_of_reviews(server, drawn, remote):
    for number in range(230):
        drawn.review(1, f"r{number % 7}", "COMMENTED")
    seen = facts.observe(remote, 1)
    assert len(seen.reviews) == 230
    assert [review.id for review in seen.reviews] == sorted(review.id for review in seen.reviews)


def test_observe__a_push_in_the_middle_is_read_again(server, drawn, remote, monkeypatch):
    pushes = iter([{"late.md": b"late\n"}])
    around = facts._around

    def pushed(remote, pull):
        found = around(remote, pull)
        for files in pushes:
            drawn.commit("topic", files)
            break
        return found

    monkeypatch.setattr(facts, "_around", pushed)
    seen = facts.observe(remote, 1)
    assert seen.head == drawn.head("topic")
    assert "late.md" in {file.path for file in seen.files}


def test_observe__a_head_that_never_rests_is_not_measured(server, drawn, remote, monkeypatch):
    around = facts._around

    def pushed(remote, pull):
        drawn.commit("topic", {"late.md": pull.head.sha.encode()})
        return around(remote, pull)

    monkeypatch.setattr(facts, "_around", pushed)
    with pytest.raises(NotMeasured, match="changed each of the 3 times"):
        facts.observe(remote, 1)


def test_reads__that_are_refused_are_never_taken_for_an_answer(server, drawn):
    stranger = connected(server, speaking="nobody")
    for read in (
        lambda: facts.person(stranger, "ann"),
        lambda: facts.job(stranger, "5.1"),
        lambda: facts.pulls_at(stranger, head=HEAD, head_repository=None, head_branch=None),
        lambda: jobs.cancel(stranger, "5.1"),
        lambda: tree.tree(stranger, drawn.head("topic")),
        lambda: BranchJournal(stranger, BRANCH).of_pull(1),
        lambda: reaction.comment_of(stranger, 1),
        lambda: fetch(stranger, drawn),
    ):
        with pytest.raises(Refused, match="GITHUB_TOKEN"):
            read()


def test_observe__says_that_the_list_of_files_is_cut(server, drawn, remote, monkeypatch):
    from github_server import routes_pulls

    drawn.commit("topic", {f"{number}.txt": b"x\n" for number in range(3)})
    changes = routes_pulls.changes
    monkeypatch.setattr(routes_pulls, "changes", lambda *given: changes(*given)[:2])  # as GitHub does at 3,000
    seen = facts.observe(remote, 1)
    assert (len(seen.files), seen.files_cut) == (2, True)


def test_observe__reads_all_pages_of_files(server, drawn, remote, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(250):
        (folder / f"{number}.txt").write_text(f"{number}\n")
    drawn.import_tree(folder, "topic")
    seen = facts.observe(remote, 1)
    assert {f"{number}.txt" for number in range(250)} <= {file.path for file in seen.files}
    assert not seen.files_cut


def test_observe__of_a_fork_that_is_gone_and_an_author_that_is_gone(server, drawn, remote):
    fork = drawn.fork("eve")
    fork.commit("topic", {"x.md": b"x\n"})
    number = drawn.open_pull("topic", author="ghost", fork="eve")
    whole = facts.observe(remote, number)
    assert (whole.head_repository, whole.is_fork, whole.author) == ("eve/evalgate", True, None)
    del server.world.repositories["eve/evalgate"]
    assert facts.observe(remote, number).head_repository is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["/pulls/1$", "/git/ref/", "/files$", "/reviews$", "/permission$"])
def test_observe__any_fault_in_a_read_is_repeated(server, drawn, remote, path, kind):
    drawn.review(1, "bea")
    expected = facts.observe(remote, 1)
    server.fault("GET", path, kind)
    assert facts.observe(remote, 1) == expected


def test_person__that_nobody_knows_has_no_permission(server, drawn, remote):
    assert facts.person(remote, "nobody/../../x") == Person(login="nobody/../../x", bot=False, permission="none")
    assert facts.person(remote, "strange[bot]") == Person(login="strange[bot]", bot=True, permission="none")


def test_pulls_at__finds_a_fork_by_its_branch_and_closed_ones_only_where_none_is_open(server, drawn, remote):
    fork = drawn.fork("eve")
    head = fork.commit("topic", {"x.md": b"x\n"})
    number = drawn.open_pull("topic", author="eve", fork="eve")
    where = {"head_repository": "eve/evalgate", "head_branch": "topic"}
    assert facts.pulls_at(remote, head=head, **where) == (number,)
    assert facts.pulls_at(remote, head=head, head_repository=None, head_branch=None) == (number,)
    assert facts.pulls_at(remote, head=drawn.head("topic"), **where) == (1,)
    later = fork.commit("topic", {"x.md": b"y\n"})
    assert facts.pulls_at(remote, head=head, **where) == ()
    drawn.close(number)
    assert facts.pulls_at(remote, head=later, **where) == (number,)
    again = drawn.open_pull("topic", author="eve", fork="eve")
    assert facts.pulls_at(remote, head=later, **where) == (again,)


def test_job__has_ended_when_completed_begun_again_or_forgotten(server, drawn, remote):
    drawn.add_run(5, drawn.head("topic"), status="in_progress", conclusion=None, attempt=2)
    assert not facts.job(remote, "5.2").ended
    assert facts.job(remote, "5.1").ended
    drawn.add_run(6, drawn.head("topic"))
    assert facts.job(remote, "6.1").ended
    assert facts.job(remote, "404.1").ended
    with pytest.raises(NotMeasured, match="does not name a workflow run"):
        facts.job(remote, "5")


def test_cancel__leaves_ended_runs_and_later_attempts_alone(server, drawn, remote):
    drawn.add_run(5, drawn.head("topic"), status="in_progress", conclusion=None, attempt=2)
    drawn.add_run(6, drawn.head("topic"))
    assert not jobs.cancel(remote, "5.1")
    assert not jobs.cancel(remote, "6.1")
    assert server.effects() == 0
    assert jobs.cancel(remote, "5.2")


def test_cancel__without_the_permission_is_false(server, drawn):
    server.token("reads", BOT, {"actions": "read"}, app="github-actions")
    drawn.add_run(5, drawn.head("topic"), status="in_progress", conclusion=None)
    assert not jobs.cancel(connected(server, speaking="reads"), "5.1")


# --- git ---


def test_tree__lists_every_file_and_read_refuses_what_is_none(server, drawn, remote):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    head = drawn.commit("topic", {"a/b/c.txt": b"\xff\x00deep", "big.jsonl": pointer}, links={"a/link": "../../etc/passwd"})
    seen = tree.tree(remote, head)
    assert set(seen) == {"README.md", "datasets/s/v2.jsonl", "a/b/c.txt", "big.jsonl", "a/link"}
    assert tree.read(remote, seen["a/b/c.txt"], most=100) == b"\xff\x00deep"
    assert tree.read(remote, seen["big.jsonl"], most=100) == pointer
    with pytest.raises(PolicyError, match=r"a/link: is a link"):
        tree.read(remote, seen["a/link"], most=100)
    with pytest.raises(PolicyError, match="submodule"):
        tree.read(remote, tree.Blob(HEAD, "160000", None, "vendored"), most=100)
    for size in (6, None):
        with pytest.raises(PolicyError, match=r"6 bytes, more than the 5"):
            tree.read(remote, seen["README.md"]._replace(size=size), most=5)


def test_tree__that_github_cuts_is_walked_folder_by_folder(server, drawn, remote, monkeypatch):
    from github_server import routes_git

    head = drawn.commit("topic", {f"{a}/{b}/{c}.txt": b"x\n" for a in "ab" for b in "cd" for c in "ef"})
    expected, shape = tree.tree(remote, head), routes_git.tree_shape

    def cut(world, repo, sha, rows):
        shown = shape(world, repo, sha, rows)
        deep = any(row["path"].count("/") > 1 for row in shown["tree"])
        return {**shown, "truncated": True, "tree": shown["tree"][:3]} if deep else shown

    monkeypatch.setattr(routes_git, "tree_shape", cut)
    assert tree.tree(remote, head) is expected  # a commit is listed once
    remote.kept.clear()
    assert tree.tree(remote, head) == expected
    remote.kept.clear()
    monkeypatch.setattr(routes_git, "tree_shape", lambda *given: {**shape(*given), "truncated": True})
    with pytest.raises(NotMeasured, match="more entries than GitHub lists"):
        tree.tree(remote, head)


def test_read__content_that_is_not_the_object_asked_for_is_not_measured(server, drawn, remote):
    blob = tree.tree(remote, drawn.head("topic"))["README.md"]
    other = tree.tree(remote, drawn.head("topic"))["datasets/s/v2.jsonl"]
    from github_server import git

    path = drawn.repo.folder / "objects" / blob.sha[:2] / blob.sha[2:]
    assert git.read_blob(drawn.repo.folder, blob.sha) == b"hello\n"
    path.unlink()
    path.write_bytes((drawn.repo.folder / "objects" / other.sha[:2] / other.sha[2:]).read_bytes())
    with pytest.raises(NotMeasured, match=r"README\.md"):
        tree.read(remote, blob, most=100)


# --- the journal ---


def test_journal__without_a_branch_is_empty(server, drawn, remote):
    journal = BranchJournal(remote, BRANCH)
    assert (journal.of_pull(1), journal.of_feature("support"), journal.read("objects/00/x.md")) == ((), (), None)


def test_journal__begins_a_branch_of_its_own_and_adds_one_commit_a_step(server, drawn, remote):
    journal = BranchJournal(remote, BRANCH)
    entries = [step("head/1"), step("finished/1", name="finished", feature="support"), step("head/2", pull=2)]
    for entry in entries:
        journal.append(entry)
    assert journal.of_pull(1) == tuple(entries[:2])
    assert journal.of_pull(2) == (entries[2],)
    assert journal.of_feature("support") == (entries[1],)
    assert set(drawn.files(BRANCH)) == {"pulls/1.jsonl", "pulls/2.jsonl", "features/support.jsonl"}
    assert [commit.message for commit in drawn.commits(BRANCH)] == ["head on #2", "finished on #1", "head on #1"]
    assert drawn.commits(BRANCH)[-1].parents == []


def test_journal__a_key_that_stands_there_is_not_written_again(server, drawn, remote):
    journal = BranchJournal(remote, BRANCH)
    first = journal.append(step("command/1"))
    again = journal.append(first.model_copy(update={"by": "somebody later"}))
    assert again == first
    assert len(drawn.commits(BRANCH)) == 1


def test_journal__asks_for_what_it_needs_and_no_more(server, drawn, remote):
    journal = BranchJournal(remote, BRANCH)
    journal.append(step("head/1"))
    server.log.clear()
    journal.append(step("head/2"))
    head = drawn.commits(BRANCH)[0].parents[0]
    assert calls(server) == [
        ("GET", f"/git/ref/heads/{BRANCH}"),
        ("GET", "/contents/pulls/1.jsonl"),
        ("GET", f"/git/commits/{head}"),
        ("POST", "/git/trees"),
        ("POST", "/git/commits"),
        ("PATCH", f"/git/refs/heads/{BRANCH}"),
    ]


def test_journal__large_files_are_read_back_as_they_were(server, drawn, remote):
    journal = BranchJournal(remote, BRANCH)
    big = evidence(base_jsonl="é\r\n".encode() * 500_000, report_md="é\r\n".encode())
    journal.append(step("finished/1", name="finished", evidence=big.sha256), big.files)
    assert {name: journal.read(name) for name in big.files} == big.files


def uploads(server):
    return [one for one in calls(server) if one == ("POST", "/git/blobs")]


def test_journal__bytes_that_the_branch_has_are_not_uploaded_again(server, drawn, remote):
    BranchJournal(remote, BRANCH).append(step("finished/1", name="finished", evidence=DRAWN.sha256), DRAWN.files)
    assert len(uploads(server)) == 1
    again = evidence("2", report_md=b"# Another\n", adapter=ADAPTER)
    other = connected(server)  # another process, that remembers nothing
    server.log.clear()
    BranchJournal(other, BRANCH).append(step("finished/2", name="finished", pull=2, evidence=again.sha256), again.files)
    assert uploads(server) == []
    assert {place: drawn.file(BRANCH, place) for place in (DRAWN.files | again.files)} == DRAWN.files | again.files


@pytest.mark.parametrize("place", [ADAPTER_PLACE, next(iter(DRAWN.files))])
def test_journal__bytes_that_are_not_what_their_place_says_are_put_right(server, drawn, remote, place):
    first_step(remote, drawn)
    drawn.commit(BRANCH, {place: b"\xfftampered"})
    BranchJournal(connected(server), BRANCH).append(step("finished/2", name="finished", evidence=DRAWN.sha256), DRAWN.files)
    assert drawn.file(BRANCH, place) == DRAWN.files[place]


@pytest.mark.parametrize("begun", [False, True])
def test_journal__bytes_are_uploaded_once_however_many_writers_were_faster(server, drawn, remote, begun):
    journal = BranchJournal(remote, BRANCH)
    if begun:
        journal.append(step("head/1"))
    server.fault("PATCH" if begun else "POST", "/git/refs", "stale_head", times=5 if begun else 1)
    first_step(remote, drawn)
    assert len(uploads(server)) == 1
    assert {place: journal.read(place) for place in DRAWN.files} == DRAWN.files


def test_journal__bytes_are_uploaded_once_where_a_later_call_fails(server, drawn, remote):
    for path in ("/git/trees$", "/git/commits$"):
        server.fault("POST", path, "500")
    first_step(remote, drawn)
    assert len(uploads(server)) == 1
    one_step(server, drawn)


def test_journal__a_step_that_stands_uploads_nothing(server, drawn, remote):
    first_step(remote, drawn)
    server.log.clear()
    BranchJournal(connected(server), BRANCH).append(step("trained/1"), DRAWN.files)
    assert [method for method, _ in calls(server)] == ["GET", "GET"]


def test_journal__evidence_that_does_not_lie_under_its_digest_is_refused_before_github_is_asked(server, drawn, remote):
    with pytest.raises(ValueError, match="another digest"):
        BranchJournal(remote, BRANCH).append(step("finished/1"), {object_place("x.md", sha256(b"x")): b"y"})
    with pytest.raises(ValueError, match="no place of evidence"):
        BranchJournal(remote, BRANCH).append(step("finished/1"), {"pulls/1.jsonl": b"y"})
    assert server.log == []


@pytest.mark.parametrize("status", [413, 422])
def test_journal__bytes_that_the_api_finds_too_large_are_named_with_another_place(server, drawn, remote, monkeypatch, status):
    from github_server import answers, routes_git

    def refused(*_):
        raise answers.Refused(status, "Sorry, your input was too large to process.")

    monkeypatch.setattr(routes_git.git, "write_blob", refused)
    large = evidence(adapter={"adapter_model.safetensors": b"\xff" * 2_000_000})
    with pytest.raises(NotMeasured) as told:
        BranchJournal(remote, BRANCH).append(step("finished/1", evidence=large.sha256), large.files)
    assert not isinstance(told.value, Refused)
    assert "adapter_model.safetensors: 2.0 MB, more than GitHub's API takes (GitHub answered " in str(told.value)
    assert str(told.value).endswith("too large to process.): set `evidence:` to s3://, gs:// or a folder")
    assert len([one for one in server.log if one.method == "POST"]) == 1
    assert drawn.head(BRANCH) is None


def test_upload__holds_a_file_in_memory_once_more(server):
    content = bytes(8_000_000)
    tracemalloc.start()
    try:
        made = branch.body(content)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 2 * len(content)
    assert json.loads(made.read()) == {"encoding": "base64", "content": base64.b64encode(content).decode()}


def test_journal__twenty_writers_at_once_leave_twenty_whole_lines(server, drawn):
    entries = [step(f"trained/{number}", pull=number % 3 + 1, name="trained", feature="support") for number in range(20)]
    pauses = (0.05, 0.05, 0.05)
    together(lambda entry: BranchJournal(connected(server, pauses=pauses), BRANCH).append(entry), entries)
    journal = BranchJournal(connected(server), BRANCH)
    written = [entry for pull in (1, 2, 3) for entry in journal.of_pull(pull)]
    assert sorted(entry.key for entry in written) == sorted(entry.key for entry in entries)
    assert sorted(entry.key for entry in journal.of_feature("support")) == sorted(entry.key for entry in entries)
    assert len(drawn.commits(BRANCH)) == 20


def test_journal__one_key_by_many_writers_is_written_once_and_all_agree(server, drawn):
    entries = [step("started/1").model_copy(update={"run": f"{number}.1"}) for number in range(6)]
    told = together(lambda entry: BranchJournal(connected(server), BRANCH).append(entry), entries)
    assert all(entry == told[0] for entry in told)
    assert BranchJournal(connected(server), BRANCH).of_pull(1) == (told[0],)


@pytest.mark.parametrize("begun", [False, True])
def test_journal__another_writer_between_reading_and_writing_is_built_upon(server, drawn, remote, begun):
    journal = BranchJournal(remote, BRANCH)
    if begun:
        journal.append(step("head/1"))
    server.fault("PATCH" if begun else "POST", "/git/refs", "stale_head", times=3)
    journal.append(step("head/2"))
    assert [entry.key for entry in journal.of_pull(1)][-1] == "head/2"
    assert any(name.startswith("another-writer") for name in drawn.files(BRANCH))


def test_journal__a_line_that_is_no_step_is_named_and_not_skipped(server, drawn, remote):
    journal = BranchJournal(remote, BRANCH)
    journal.append(step("head/1"))
    whole = drawn.file(BRANCH, "pulls/1.jsonl")
    drawn.commit(BRANCH, {"pulls/1.jsonl": whole + b'{"schema": 2}\nnonsense\n'})
    with pytest.raises(NotMeasured) as trouble:
        journal.of_pull(1)
    assert f"{BRANCH}:pulls/1.jsonl:2: " in str(trouble.value)
    assert f"{BRANCH}:pulls/1.jsonl:3: not valid JSON" in str(trouble.value)
    with pytest.raises(NotMeasured):
        journal.append(step("head/2"))
    assert drawn.file(BRANCH, "pulls/1.jsonl").endswith(b"nonsense\n")


def test_journal__a_branch_that_may_not_be_written_is_said_at_once(server, drawn):
    server.token("reads", BOT, {"contents": "read"}, app="github-actions")
    with pytest.raises(Refused, match="could not write the step head/1 on the branch evalgate-evidence"):
        BranchJournal(connected(server, speaking="reads"), BRANCH).append(step("head/1"))
    assert len(server.log) < 6


# --- artifacts ---


def packed(**members):
    """A zip archive: file name -> content."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def fetch(remote, drawn, most=1000):
    return artifacts.member(remote, head=drawn.head("topic"), artifact="evalgate", member="signal.json", most=most)


def test_artifact__is_the_newest_of_its_name_from_a_run_without_secrets_at_that_commit(server, drawn, remote):
    head = drawn.head("topic")
    for run, sha, event in (
        (1, head, "pull_request"),
        (2, head, "pull_request"),
        (3, drawn.head("main"), "pull_request"),
        (4, head, "push"),
    ):
        drawn.add_run(run, sha, event)
        drawn.add_artifact(run, "evalgate", packed(**{"signal.json": f"run {run}"}))
    drawn.add_artifact(2, "other", packed(**{"signal.json": "other"}))
    assert fetch(remote, drawn) == b"run 2"


def test_artifact__that_is_missing_expired_or_without_the_member_is_none(server, drawn, remote):
    assert fetch(remote, drawn) is None
    drawn.add_run(1, drawn.head("topic"))
    assert fetch(remote, drawn) is None
    drawn.add_artifact(1, "evalgate", packed(**{"signal.json": "old"}), expired=True)
    assert fetch(remote, drawn) is None
    drawn.add_artifact(1, "evalgate", packed(**{"../signal.json": "up", "/signal.json": "root", "a/signal.json": "deep"}))
    assert fetch(remote, drawn) is None


def test_artifact__larger_than_the_cap_is_none_and_not_downloaded_whole(server, drawn, remote, monkeypatch):
    drawn.add_run(1, drawn.head("topic"))
    drawn.add_artifact(1, "evalgate", packed(**{"signal.json": b"\0" * 50_000_000}))
    assert fetch(remote, drawn) is None
    drawn.add_artifact(1, "evalgate", b"\xff" * 30_000_000)
    assert fetch(remote, drawn) is None
    monkeypatch.setattr("github_server.routes_actions.artifact_shape", claims_to_be_small)
    assert fetch(remote, drawn) is None


def test_artifact__that_expires_before_it_is_downloaded_is_none(server, drawn, remote, monkeypatch):
    drawn.add_run(1, drawn.head("topic"))
    drawn.add_artifact(1, "evalgate", packed(**{"signal.json": "old"}), expired=True)
    monkeypatch.setattr("github_server.routes_actions.artifact_shape", claims_to_be_small)
    assert fetch(remote, drawn) is None


def claims_to_be_small(world, repo, artifact):
    from github_server.shapes_work import artifact_shape

    return {**artifact_shape(world, repo, artifact), "size_in_bytes": 10, "expired": False}


@pytest.mark.parametrize(
    ("path", "kind"),
    [(path, kind) for path in ("/actions/runs$", "/artifacts$", "/zip$") for kind in KINDS]
    + [("/_storage/", kind) for kind in KINDS if kind != "malformed"],
)
def test_artifact__any_fault_on_the_way_is_repeated(server, drawn, remote, path, kind):
    drawn.add_run(1, drawn.head("topic"))
    drawn.add_artifact(1, "evalgate", packed(**{"signal.json": "signal"}))
    server.fault("GET", path, kind)
    assert fetch(remote, drawn) == b"signal"


def together(work, items):
    """What `work` gives for every item, all begun in the same moment."""
    gate = threading.Barrier(len(items))

    def begin(item):
        gate.wait()
        return work(item)

    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(begin, items))
