"""Pull requests that EvalGate opens itself: one branch, one commit, one pull request, one question, whatever gets lost."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from github_server import GithubServer
from node_tools import Exempt, needs_node, prism
from pull_stage import NO_MERGE_COMMIT
from pydantic import SecretStr

from evalgate.errors import EvalGateError, NotMeasured, RegistryError
from evalgate.pull_request.client import connect
from evalgate.pull_request.effects import Refused
from evalgate.pull_request.proposal import Proposal, open_at, propose
from evalgate.pull_request.review_requests import ask

BOT = "github-actions[bot]"
SPEAKER = "ghs_0123456789abcdefghijklmnopqrstuvwxyz"
WRITES = dict.fromkeys(("contents", "issues", "pull_requests"), "write")
KINDS = ["request_lost", "response_lost", "429", "403_secondary", "500", "500_after", "malformed", "disconnect"]
BRANCH = "evalgate/registry/support-intent-ft-v1.1.0"
BEFORE, AFTER = b"features: {}\n", "features:\n  support-intent: é\r\n".encode()


@pytest.fixture
def server(tmp_path):
    with GithubServer(tmp_path) as running:
        running.token(SPEAKER, BOT, WRITES, app="github-actions")
        yield running


@pytest.fixture
def drawn(server):
    return ground(server, "evalgate")


@pytest.fixture
def remote(server, drawn):
    return connected(server)


def ground(server, name):
    """A repository whose settings let workflows open pull requests, with a registry and people."""
    repository = server.repository(f"octo/{name}")
    repository.commit("main", {"models.yaml": BEFORE, "README.md": b"hello\n"})
    repository.workflow_permissions(can_approve_pull_request_reviews=True)
    for login in ("ann", "ben", "cat"):
        repository.person(login, "write")
    server.team("octo", "ml-support", {"cat": "active"})
    return repository


def connected(server, name="evalgate", pauses=(0.001, 0.001, 0.001)):
    return connect(
        token=SecretStr(SPEAKER),
        repository=f"octo/{name}",
        api_url=server.public_url,
        author=BOT,
        run="7.1",
        pace=0,
        pauses=pauses,
    )


def proposal(drawn, **changes):
    usual = Proposal(
        branch=BRANCH,
        target="main",
        over=drawn.head("main"),
        files={"models.yaml": AFTER},
        message="Promote support-intent-ft-v1.1.0",
        title="Promote support-intent-ft-v1.1.0",
        body="It passed.\n",
    )
    return usual._replace(**changes)


def pulls(drawn):
    """Every pull request, by number: (state, head branch, target, title, body)."""
    every = sorted(drawn.repo.issues.items())
    return {number: (one.state, one.pull.head_ref, one.pull.base_ref, one.title, one.body) for number, one in every}


def own_commits(drawn):
    """The commits of our branch that the target branch has not, newest first."""
    theirs = {commit.sha for commit in drawn.commits("main")}
    return [commit for commit in drawn.commits(BRANCH) if commit.sha not in theirs]


def is_one_of_all(drawn, wanted):
    """One branch with one commit on the target's, one open pull request with its words."""
    (made,) = own_commits(drawn)
    assert (made.parents, made.message) == ([wanted.over], wanted.message)
    assert {path: drawn.file(BRANCH, path) for path in wanted.files} == wanted.files
    assert pulls(drawn) == {1: ("open", BRANCH, "main", wanted.title, wanted.body)}
    return True


def writes(server):
    return [(one.method, one.path.split("/evalgate", 1)[1]) for one in server.log if one.method != "GET"]


def together(*works):
    """What each gives, or the error that it raises, all begun in the same moment."""
    gate = threading.Barrier(len(works))

    def begin(work):
        gate.wait()
        try:
            return work()
        except EvalGateError as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(begin, works))


# --- the way it is meant ---


def test_propose__makes_one_commit_on_the_target_and_one_pull_request(server, drawn, remote):
    wanted = proposal(drawn)
    assert propose(remote, wanted) == 1
    assert is_one_of_all(drawn, wanted)
    assert drawn.file(BRANCH, "README.md") == b"hello\n"
    assert writes(server) == [
        ("POST", "/git/trees"), ("POST", "/git/commits"), ("POST", "/git/refs"), ("POST", "/pulls"),
    ]  # fmt: skip


def test_propose__again_writes_nothing(server, drawn, remote):
    wanted = proposal(drawn)
    propose(remote, wanted)
    server.log.clear()
    assert propose(connected(server), wanted) == 1
    assert writes(server) == []


def test_propose__a_file_keeps_its_mode_and_folders_are_made(drawn, remote):
    run = drawn.write(drawn.head("main"), {"bin/serve": b"#!/bin/sh\n"})
    from github_server import git

    rows = [("bin/serve", git.EXECUTABLE, git.blob_at(drawn.repo.folder, run, "bin/serve"))]
    tree = git.write_tree(drawn.repo.folder, run, rows)
    drawn.push("main", git.write_commit(drawn.repo.folder, tree, [run], "x", git.Signature("a", "a@b", "2026-01-01T00:00:00Z")))
    files = {"bin/serve": b"#!/bin/sh -e\n", "cards/a/b.md": b"# Card\n"}
    propose(remote, proposal(drawn, files=files))
    assert {path: drawn.file(BRANCH, path) for path in files} == files
    assert drawn.files(BRANCH)["bin/serve"] == git.EXECUTABLE


def test_propose__new_words_are_put_on_the_open_pull_request_once(server, drawn, remote):
    propose(remote, proposal(drawn))
    server.log.clear()
    again = proposal(drawn, title="Promote it", body="It passed, twice.")
    assert [propose(remote, again) for _ in range(2)] == [1, 1]
    assert pulls(drawn)[1][3:] == ("Promote it", "It passed, twice.")
    assert writes(server) == [("PATCH", "/pulls/1")]


def test_propose__words_that_github_only_trimmed_are_the_same(server, drawn, remote):
    propose(remote, proposal(drawn))
    drawn.pull(1).title, drawn.pull(1).body = "Promote support-intent-ft-v1.1.0", "It passed."
    server.log.clear()
    propose(remote, proposal(drawn, title=" Promote support-intent-ft-v1.1.0 ", body="It passed.\r\n"))
    assert writes(server) == []


@needs_node
def test_everything__is_what_githubs_own_description_allows(tmp_path):
    changed = ("POST /repos/{owner}/{repo}/pulls", "PATCH /repos/{owner}/{repo}/pulls/{pull_number}")
    changed += ("POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers",)
    more = [Exempt(operation, NO_MERGE_COMMIT[0].message, NO_MERGE_COMMIT[0].reason) for operation in changed]
    with GithubServer(tmp_path) as server, prism(server.url, exempt=[*NO_MERGE_COMMIT, *more]) as judge:
        server.public_url = judge.url
        server.token(SPEAKER, BOT, WRITES, app="github-actions")
        drawn = ground(server, "evalgate")
        for title in ("One", "Two"):
            assert propose(connected(server), proposal(drawn, title=title)) == 1
            assert ask(connected(server), 1, ["ben", "@octo/ml-support", BOT]) == ()
        drawn.commit("main", {"README.md": b"moved\n"})
        assert propose(connected(server), proposal(drawn)) == 1
        assert open_at(connected(server), ["models.yaml"]) == (1,)
        assert len(own_commits(drawn)) == 2


# --- exactly one, whatever happens on the way ---


PLAIN = {"tree": "/git/trees$", "commit": "/git/commits$"}
EFFECTS = {"branch": "/git/refs$", "pull request": "/pulls$"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*PLAIN, *EFFECTS])
def test_propose__any_fault_in_a_write_leaves_exactly_one(server, drawn, remote, name, kind):
    path = {**PLAIN, **EFFECTS}[name]
    server.fault("POST", path, kind)
    wanted = proposal(drawn)
    assert propose(remote, wanted) == 1
    assert is_one_of_all(drawn, wanted)
    assert name in PLAIN or server.effects("POST", path) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_propose__any_fault_in_moving_the_branch_leaves_one_more_commit(server, drawn, remote, kind):
    propose(remote, proposal(drawn))
    drawn.commit("main", {"README.md": b"moved\n"})
    server.fault("PATCH", "/git/refs/", kind)
    assert propose(remote, proposal(drawn)) == 1
    assert len(own_commits(drawn)) == 2
    assert server.effects("PATCH", "/git/refs/") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_propose__any_fault_in_changing_the_words_leaves_them_changed(server, drawn, remote, kind):
    propose(remote, proposal(drawn))
    server.fault("PATCH", "/pulls/1$", kind)
    propose(remote, proposal(drawn, title="Other"))
    assert pulls(drawn)[1][3] == "Other"
    assert server.effects("PATCH", "/pulls/1$") == 1


@pytest.mark.parametrize("kind", ["response_lost", "403_secondary", "malformed"])
@pytest.mark.parametrize("path", [r"/pulls$", "/git/ref/", "/git/trees/", "/git/commits/", "/compare/"])
def test_propose__any_fault_in_a_look_is_repeated(server, drawn, remote, path, kind):
    propose(remote, proposal(drawn))
    drawn.commit("main", {"README.md": b"moved\n"})
    server.fault("GET", path, kind)
    assert propose(connected(server), proposal(drawn)) == 1
    assert len(own_commits(drawn)) == 2


@pytest.mark.parametrize("last", ["500", "response_lost"])
def test_propose__killed_after_any_call_and_begun_again_leaves_exactly_one(server, last):
    """The call may be the one that acted; after it nothing answers."""
    for number in range(100):
        name = f"evalgate-{number}"
        drawn = ground(server, name)
        server.fault("*", f"/{name}/", last, skip=number)
        server.fault("*", f"/{name}/", "500", times=1000, skip=number)
        wanted = proposal(drawn)
        killed = False
        try:
            propose(connected(server, name), wanted)
        except NotMeasured:
            killed = True
        server.faults.clear()
        assert propose(connected(server, name), wanted) == 1
        assert is_one_of_all(drawn, wanted)
        if not killed:
            break
    assert number > 8


def test_propose__a_server_that_stays_down_is_not_measured(server, drawn, remote):
    server.fault("POST", "/git/commits$", "500", times=1000)
    with pytest.raises(NotMeasured, match=f"could not put the files on the branch {BRANCH}: GitHub answered 500"):
        propose(remote, proposal(drawn))
    assert pulls(drawn) == {}


def test_propose__by_many_at_once_ends_with_one_of_all(server, drawn):
    wanted = proposal(drawn)
    works = [lambda: propose(connected(server, pauses=(0.02, 0.02, 0.02)), wanted)] * 6
    assert together(*works) == [1] * 6
    assert is_one_of_all(drawn, wanted)


def test_propose__two_that_differ_at_once_end_with_one_pull_request_that_says_one_of_both(server, drawn):
    first, second = proposal(drawn), proposal(drawn, files={"models.yaml": b"other: {}\n"})
    pauses = (0.02, 0.02, 0.02)
    assert together(*[lambda one=one: propose(connected(server, pauses=pauses), one) for one in (first, second)]) == [1, 1]
    assert len(pulls(drawn)) == 1
    assert drawn.file(BRANCH, "models.yaml") in {AFTER, b"other: {}\n"}


def test_propose__a_pull_request_that_somebody_opens_between_looking_and_opening_is_taken(drawn, remote, monkeypatch):
    monkeypatch.setattr("github_server.routes_pulls.refuse_actions", lambda call: drawn.open_pull(BRANCH, author=BOT))
    wanted = proposal(drawn)
    assert propose(remote, wanted) == 1
    assert is_one_of_all(drawn, wanted)


@pytest.mark.parametrize("begun", [False, True])
def test_propose__another_writer_between_reading_and_writing_is_built_upon(server, drawn, remote, begun):
    if begun:
        propose(remote, proposal(drawn))
        drawn.commit("main", {"README.md": b"moved\n"})
    server.fault("PATCH" if begun else "POST", "/git/refs", "stale_head", times=2)
    assert propose(remote, proposal(drawn)) == 1
    assert drawn.file(BRANCH, "models.yaml") == AFTER
    assert "Another writer was faster" in {commit.message for commit in own_commits(drawn)}


def test_propose__writers_who_are_always_faster_are_given_up_on(server, drawn, remote):
    propose(remote, proposal(drawn))
    drawn.commit("main", {"README.md": b"moved\n"})
    server.fault("PATCH", "/git/refs/", "stale_head", times=100)
    with pytest.raises(NotMeasured, match="somebody else wrote first, 5 times"):
        propose(remote, proposal(drawn))


# --- the target and the branch move ---


def test_propose__a_target_that_moved_on_is_merged_into_the_branch_and_nothing_is_lost(drawn, remote):
    propose(remote, proposal(drawn))
    first = drawn.head(BRANCH)
    moved = drawn.commit("main", {"README.md": b"moved\n", "models.yaml": b"features: {other: {}}\n"})
    later = b"features: {other: {}, support-intent: {}}\n"
    assert propose(remote, proposal(drawn, files={"models.yaml": later})) == 1
    made = drawn.commits(BRANCH)[0]
    assert made.parents == [first, moved]
    assert (drawn.file(BRANCH, "models.yaml"), drawn.file(BRANCH, "README.md")) == (later, b"moved\n")
    assert open_at(remote, ["models.yaml"]) == (1,)


def test_propose__what_somebody_pushed_onto_the_branch_is_put_right_and_approvals_are_void(server, drawn, remote):
    wanted = proposal(drawn)
    propose(remote, wanted)
    pushed = drawn.commit(BRANCH, {"models.yaml": b"features: {mine: {}}\n", "notes.md": b"x\n"}, author="mallory")
    drawn.review(1, "ben")
    approved = drawn.repo.reviews[-1].commit
    assert approved == pushed
    assert propose(remote, wanted) == 1
    made = drawn.commits(BRANCH)[0]
    assert made.parents == [pushed, wanted.over]
    assert (drawn.file(BRANCH, "models.yaml"), drawn.file(BRANCH, "notes.md")) == (AFTER, None)
    assert drawn.pull(1).pull.head_sha == made.sha != approved
    server.log.clear()
    assert propose(remote, wanted) == 1
    assert writes(server) == []


def test_propose__a_link_to_a_file_that_says_the_same_is_not_the_file(drawn, remote):
    wanted = proposal(drawn)
    propose(remote, wanted)
    for to in ("elsewhere.yaml", AFTER.decode()):  # the bytes of a link are where it leads
        drawn.commit(BRANCH, {"elsewhere.yaml": AFTER}, links={"models.yaml": to}, author="mallory")
        propose(remote, wanted)
        assert drawn.files(BRANCH)["models.yaml"] == "100644"
        assert drawn.file(BRANCH, "models.yaml") == AFTER


def test_propose__a_branch_that_somebody_updated_from_the_target_is_left_as_it_is(server, drawn, remote):
    old = proposal(drawn)
    propose(remote, old)
    drawn.commit("main", {"README.md": b"moved\n"})
    merged = drawn.write(drawn.head(BRANCH), {"README.md": b"moved\n"})
    from github_server import git

    tree, when = git.resolve(drawn.repo.folder, merged, "tree"), git.Signature("ann", "ann@b", "2026-01-01T00:00:00Z")
    parents = [drawn.head(BRANCH), drawn.head("main")]
    drawn.push(BRANCH, git.write_commit(drawn.repo.folder, tree, parents, "Update branch", when))
    server.log.clear()
    for wanted in (old, proposal(drawn)):
        assert propose(remote, wanted) == 1
    assert writes(server) == []
    with pytest.raises(NotMeasured, match=f"stands on .* of main, this was made from {old.over[:12]}: run the job again"):
        propose(remote, old._replace(files={"models.yaml": b"of the old target\n"}))
    assert drawn.file(BRANCH, "models.yaml") == AFTER


def test_propose__a_branch_that_somebody_made_out_of_nothing_is_merged(drawn, remote):
    drawn.push(BRANCH, drawn.write(None, {"x.md": b"x\n"}))
    assert propose(remote, proposal(drawn)) == 1
    assert (drawn.file(BRANCH, "models.yaml"), drawn.file(BRANCH, "x.md")) == (AFTER, None)


def test_propose__a_branch_that_stands_where_the_target_stands_gets_one_commit(drawn, remote):
    drawn.push(BRANCH, drawn.head("main"))
    wanted = proposal(drawn)
    propose(remote, wanted)
    assert is_one_of_all(drawn, wanted)


def test_propose__a_branch_that_may_not_be_written_is_refused_at_once(server, drawn, remote):
    propose(remote, proposal(drawn))
    drawn.commit("main", {"README.md": b"moved\n"})
    drawn.rules(BRANCH, {"type": "update"})
    with pytest.raises(Refused, match="Repository rule violations"):
        propose(remote, proposal(drawn))
    assert sum(one.method == "PATCH" for one in server.log) == 1


def test_propose__over_a_commit_that_nobody_has_is_refused(drawn, remote):
    with pytest.raises(Refused) as refusal:
        propose(remote, proposal(drawn, over="0" * 40))
    assert refusal.value.status in (404, 422)
    assert pulls(drawn) == {}


# --- what people decided ---


def test_propose__one_that_a_person_closed_stays_closed(server, drawn, remote):
    propose(remote, proposal(drawn))
    drawn.close(1)
    server.log.clear()
    with pytest.raises(NotMeasured) as no:
        propose(remote, proposal(drawn, files={"models.yaml": b"another try\n"}))
    assert str(no.value) == (
        f"#1 was closed by a person, and not merged ({BRANCH} into main): reopen it, or choose a new dataset version"
    )
    assert writes(server) == []
    drawn.reopen(1)
    assert propose(remote, proposal(drawn)) == 1


def test_propose__one_whose_branch_a_person_deleted_stays_closed(drawn, remote):
    propose(remote, proposal(drawn))
    drawn.delete_branch(BRANCH)
    with pytest.raises(NotMeasured, match="#1 was closed by a person"):
        propose(remote, proposal(drawn))
    assert drawn.head(BRANCH) is None


@pytest.mark.parametrize("method", ["merge", "squash"])
@pytest.mark.parametrize("deleted", [False, True])
def test_propose__one_that_was_merged_is_its_number_while_the_target_has_its_files(server, drawn, remote, method, deleted):
    propose(remote, proposal(drawn))
    drawn.merge(1, method=method)
    if deleted:
        drawn.delete_branch(BRANCH)
    server.log.clear()
    assert propose(remote, proposal(drawn)) == 1
    assert writes(server) == []
    drawn.commit("main", {"models.yaml": BEFORE}, "Roll back")
    assert propose(remote, proposal(drawn)) == 2
    assert pulls(drawn)[2][0] == "open"
    drawn.merge(2)
    assert drawn.file("main", "models.yaml") == AFTER


def test_propose__one_that_is_merged_between_two_calls_is_not_opened_again(server, drawn, remote, monkeypatch):
    from evalgate.pull_request import proposal as inside

    wanted, put = proposal(drawn), inside._put
    propose(remote, wanted)

    def put_and_merged(*given):
        put(*given)
        drawn.merge(1, method="squash")

    monkeypatch.setattr(inside, "_put", put_and_merged)
    assert propose(connected(server), wanted) == 1
    assert len(pulls(drawn)) == 1


def test_propose__what_the_target_has_from_elsewhere_is_nothing_to_propose(server, drawn, remote):
    drawn.commit("main", {"models.yaml": AFTER})
    with pytest.raises(RegistryError, match=r"main has models\.yaml as proposed, and not from here"):
        propose(remote, proposal(drawn))
    assert writes(server) == []


def test_propose__pull_requests_of_others_with_the_same_branch_are_not_ours(drawn, remote):
    fork = drawn.fork("eve")
    fork.commit(BRANCH, {"models.yaml": b"evil\n"})
    assert drawn.open_pull(BRANCH, author="eve", fork="eve") == 1
    drawn.commit("release", {"x.md": b"x\n"})
    drawn.commit(BRANCH, {"y.md": b"y\n"})
    assert drawn.open_pull(BRANCH, base="release") == 2
    assert propose(remote, proposal(drawn)) == 3
    assert drawn.file(BRANCH, "models.yaml") == AFTER
    drawn.pull(3).pull.head_repository = "octo/evalgate-of-our-own"  # GitHub lists the forks of the same owner as well
    assert propose(remote, proposal(drawn)) == 4


def test_propose__is_found_on_the_last_page_of_what_was_closed(drawn, remote):
    for _ in range(101):
        drawn.commit(BRANCH, {"models.yaml": b"again\n"})
        drawn.close(drawn.open_pull(BRANCH))
    number = drawn.open_pull(BRANCH)
    assert propose(remote, proposal(drawn)) == number


# --- settings and names ---


def test_propose__where_the_settings_forbid_it_says_what_to_set_and_goes_on_once_they_are_set(server, drawn, remote):
    drawn.workflow_permissions(can_approve_pull_request_reviews=False)
    with pytest.raises(Refused) as refusal:
        propose(remote, proposal(drawn))
    assert refusal.value.status == 403
    assert str(refusal.value) == (
        f"could not open a pull request from {BRANCH} into main: this repository lets no workflow open pull requests: "
        "allow it in the repository's settings (Settings > Actions > General > Allow GitHub Actions to create and approve "
        "pull requests), or give the token of a GitHub App"
    )
    drawn.workflow_permissions(can_approve_pull_request_reviews=True)
    wanted = proposal(drawn)
    assert propose(remote, wanted) == 1
    assert is_one_of_all(drawn, wanted)


def test_propose__without_the_permission_is_githubs_refusal(server, drawn):
    server.token(SPEAKER, BOT, {**WRITES, "pull_requests": "read"}, app="github-actions")
    with pytest.raises(Refused, match="add what is missing to `permissions:`"):
        propose(connected(server), proposal(drawn))


def test_propose__what_github_finds_invalid_is_its_refusal(drawn, remote, monkeypatch):
    from github_server.answers import invalid

    def never(*given, **more):
        raise invalid("PullRequest", "base", "invalid")

    monkeypatch.setattr("github_server.routes_pulls.open_pull", never)
    with pytest.raises(Refused, match=r"could not open a pull request .* Validation Failed"):
        propose(remote, proposal(drawn))


HOSTILE = [
    "", "/", "-x", "a//b", "a/", "/a", "a..b", ".a", "a/.b", "a.lock", "a.lock/b", "a.", "a b", "a~b", "a^b", "a:b", "a?b",
    "a*b", "a[b", "a\\b", "a@{b", "@", "a\nb", "a\0b", "ä", "$(id)", "`id`", "a'b", 'a"b', "a;b", "refs/heads/x", "HEAD",
    "0" * 40, "a" * 201, "main",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_propose__a_hostile_branch_is_refused_before_anything_is_asked(server, drawn, remote, name):
    with pytest.raises(RegistryError):
        propose(remote, proposal(drawn, branch=name))
    assert server.log == []


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/./b", ".git/config", "A/.GIT/x", "a\\b", "a\nb"]
)
def test_propose__a_hostile_path_is_refused_before_anything_is_asked(server, drawn, remote, path):
    with pytest.raises(RegistryError, match="cannot be a path"):
        propose(remote, proposal(drawn, files={path: b"x\n"}))
    assert server.log == []


def test_propose__all_that_is_wrong_is_said_at_once(drawn, remote):
    files = {"a.bin": b"\xff", "b.bin": b"a\0b", "c.txt": b"x" * (1 << 20)}
    wrong = proposal(drawn, branch="a b", over="main", files=files, title=" ", body="x" * 65_537)
    with pytest.raises(RegistryError) as refused:
        propose(remote, wrong)
    assert refused.value.problems == (
        "'a b' cannot be the name of a branch: use letters, digits, '.', '_' and '-', in parts with '/' between them",
        "'main' does not name a commit: give all of its id",
        "a.bin: is not text in UTF-8: only text is proposed",
        "b.bin: is not text in UTF-8: only text is proposed",
        "c.txt: 1,048,576 bytes: only files below 1,048,576 are proposed",
        "the pull request has no title: give it one",
        "the body has 65,537 characters: GitHub takes 65,536",
    )
    with pytest.raises(RegistryError, match="no file is proposed"):
        propose(remote, proposal(drawn, files={}))
    with pytest.raises(RegistryError, match="the title has 257 characters: GitHub takes 256"):
        propose(remote, proposal(drawn, title="x" * 257))


# --- the people ---


@pytest.fixture
def opened(drawn, remote):
    """The pull request's state in the server; its number is 1."""
    propose(remote, proposal(drawn))
    return drawn.pull(1).pull


def asked_for(server):
    return [one.body for one in server.log if one.path.endswith("/requested_reviewers")]


def test_ask__people_and_teams_are_asked_one_a_call_and_only_once(server, opened, remote):
    people = ["ben", "@cat", "@octo/ml-support", "Ben", "OCTO/ML-Support"]
    for _ in range(2):
        assert ask(remote, 1, people) == ()
    assert (opened.requested, opened.requested_teams) == (["ben", "cat"], ["ml-support"])
    assert asked_for(server) == [{"reviewers": ["Ben"]}, {"reviewers": ["cat"]}, {"team_reviewers": ["ML-Support"]}]


def test_ask__those_whom_github_does_not_know_are_told_and_keep_nobody_else_from_being_asked(server, opened, remote):
    people = ["nobody", "ben", "@octo/nothing", "elsewhere/ml-support", "a/b/c", "@", "octo/", "cat"]
    assert ask(remote, 1, people) == ("nobody", "octo/nothing", "elsewhere/ml-support", "a/b/c", "", "octo/")
    assert (opened.requested, opened.requested_teams) == (["ben", "cat"], [])
    assert len(asked_for(server)) == 4


def test_ask__the_author_is_never_asked(server, drawn, remote):
    drawn.commit("topic", {"x.md": b"x\n"})
    number = drawn.open_pull("topic", author="ann")
    assert ask(remote, number, ["Ann", "@ann"]) == ()
    assert asked_for(server) == []


def test_ask__who_has_reviewed_or_was_taken_off_the_list_is_not_asked_again(server, drawn, opened, remote):
    people = ["ann", "ben", "octo/ml-support"]
    drawn.retarget(1, "main")  # other things happen too
    drawn.review(1, "ann", state="COMMENTED")
    ask(remote, 1, people)
    drawn.review(1, "cat")
    opened.requested.remove("ben")
    assert (opened.requested, opened.requested_teams) == ([], [])
    assert ask(remote, 1, people) == ()
    assert asked_for(server) == [{"reviewers": ["ben"]}, {"team_reviewers": ["ml-support"]}]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("who", ["ben", "octo/ml-support"])
def test_ask__any_fault_leaves_exactly_one_question(server, opened, remote, who, kind):
    server.fault("POST", "/requested_reviewers$", kind)
    server.fault("GET", "/pulls/1$", kind)
    server.fault("GET", "/events$", kind)
    server.fault("GET", "/reviews$", kind)
    assert ask(remote, 1, [who]) == ()
    assert server.effects("POST", "/requested_reviewers$") == 1
    assert len(opened.asked) == 1


def test_ask__by_many_at_once_asks_everybody_once(server, opened):
    works = [lambda: ask(connected(server, pauses=(0.02, 0.02)), 1, ["ben", "cat"])] * 4
    assert together(*works) == [()] * 4
    assert sorted(one.login for one in opened.asked) == ["ben", "cat"]


def test_ask__somebody_whom_github_takes_and_does_not_list_could_not_be_asked(opened, remote, monkeypatch):
    monkeypatch.setattr("github_server.routes_pulls.request_reviews", lambda *given: None)
    assert ask(remote, 1, ["ben"]) == ("ben",)


def test_ask__without_the_permission_or_the_pull_request_is_refused(server, opened, remote):
    with pytest.raises(Refused, match="see who was asked to review #9"):
        ask(remote, 9, ["ben"])
    server.token(SPEAKER, BOT, {**WRITES, "pull_requests": "read"}, app="github-actions")
    with pytest.raises(Refused, match="ask ben to review #1"):
        ask(connected(server), 1, ["ben"])


def test_ask__reads_all_pages_of_what_happened(drawn, opened, remote):
    ask(remote, 1, ["octo/ml-support"])
    for _ in range(150):
        opened.asked.append(opened.asked[0]._replace(login="ann", team=None))
    first = opened.asked.pop(0)
    opened.asked.append(first._replace(at="2027-01-01T00:00:00Z"))
    opened.requested_teams.clear()
    assert ask(remote, 1, ["octo/ml-support"]) == ()
    assert opened.requested_teams == []


# --- who else is at it ---


def test_open_at__lists_open_pull_requests_that_touch_a_path_over_all_pages(drawn, remote, monkeypatch):
    assert open_at(remote, ["models.yaml"]) == ()
    for number in range(1, 6):
        drawn.commit(f"t{number}", {f"{number}.md": b"x\n"})
        drawn.open_pull(f"t{number}")
    drawn.commit("t2", {"models.yaml": b"two\n"})
    drawn.commit("t3", {"models.yaml": b"three\n"})
    drawn.close(3)
    drawn.commit("t4", {"models.yaml": None, "served.yaml": BEFORE})  # renamed
    drawn.commit("t5", {f"many/{number:03}.txt": b"x\n" for number in range(120)} | {"zz.yaml": b"x\n"})
    assert open_at(remote, ["models.yaml"]) == (2, 4)
    assert open_at(remote, {"zz.yaml", "1.md"}) == (1, 5)
    assert open_at(remote, []) == ()
    monkeypatch.setattr("evalgate.pull_request.proposal.MOST_FILES", 121)
    assert open_at(remote, ["models.yaml"]) == (2, 4, 5)  # not all of its files are listed


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["/pulls$", "/files$"])
def test_open_at__any_fault_in_a_read_is_repeated(server, opened, remote, path, kind):
    server.fault("GET", path, kind)
    assert open_at(remote, ["models.yaml"]) == (1,)
