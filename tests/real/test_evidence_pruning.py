"""Pruning on a branch: one commit, on top of what was looked at, whatever gets lost and whoever writes meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from drawn_evidence import ADAPTER, evidence, registry, step
from github_server import GithubServer
from node_tools import free_port, needs_node, prism
from pydantic import SecretStr

from evalgate.errors import NotMeasured
from evalgate.pull_request import branch
from evalgate.pull_request.client import connect
from evalgate.pull_request.effects import Refused
from evalgate.pull_request.evidence_branch import BranchJournal
from evalgate.records.evidence import MANIFEST, object_place
from evalgate.stages import pruning
from evalgate.stages.pruning import carry_out, plan

BOT, BRANCH = "github-actions[bot]", "evalgate-evidence"
SPEAKER = "ghs_0123456789abcdefghijklmnopqrstuvwxyz"
KINDS = ["request_lost", "response_lost", "429", "403_secondary", "500", "500_after", "malformed", "disconnect"]
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
LONG_AGO = "2024-01-01T00:00:00Z"
OLD, KEPT = evidence("1", report_md=b"old", adapter=ADAPTER), evidence("2", report_md=b"kept", adapter={"a.json": b"kept"})


@pytest.fixture
def server(tmp_path):
    with GithubServer(tmp_path) as running:
        running.token(SPEAKER, BOT, {"contents": "write"}, app="github-actions")
        yield running


@pytest.fixture
def drawn(server):
    """A pull request whose evidence nothing needs any more, and one whose evidence the registry names."""
    repository = server.repository("octo/evalgate")
    repository.commit("main", {"README.md": b"hello\n"})
    journal = BranchJournal(connected(server), BRANCH)
    journal.append(ended("old", OLD), OLD.files)
    journal.append(ended("kept", KEPT, pull=2), KEPT.files)
    server.log.clear()
    return repository


@pytest.fixture
def journal(server, drawn):
    return BranchJournal(connected(server), BRANCH)


def connected(server, speaking=SPEAKER):
    return connect(
        token=SecretStr(speaking),
        repository="octo/evalgate",
        api_url=server.public_url,
        author=BOT,
        run="7.1",
        pace=0,
        pauses=(0.001, 0.001, 0.001),
    )


def ended(key, drawn, *, pull=1, at=LONG_AGO):
    return step(key, name="finished", pull=pull, feature="support", at=at, evidence=drawn.sha256)


def pruned(journal, *registries, open_pulls=(), how=carry_out):
    return how(journal, registries or (registry(KEPT.sha256),), open_pulls, now=NOW, keep_days=90)


def evidence_on(drawn):
    return {path for path in drawn.files(BRANCH) if path.startswith(("objects/", "adapters/"))}


def test_pruning__is_one_commit_that_takes_evidence_and_leaves_the_journal(server, drawn, journal):
    lines = {path: drawn.file(BRANCH, path) for path in ("pulls/1.jsonl", "pulls/2.jsonl", "features/support.jsonl")}
    before = drawn.head(BRANCH)
    done = pruned(journal)
    assert done.goes == {place: len(content) for place, content in sorted(OLD.files.items())}
    assert evidence_on(drawn) == set(KEPT.files)
    assert {path: drawn.file(BRANCH, path) for path in lines} == lines
    first, *_ = drawn.commits(BRANCH)
    assert (first.message, first.parents) == ("4 files that nothing refers to", [before])
    assert [entry.key for entry in journal.of_pull(1)] == ["old"]


def test_pruning__a_plan_writes_nothing_and_says_that_history_keeps_them(server, drawn, journal):
    seen = pruned(journal, how=plan)
    assert server.effects() == 0
    last = pruning.words(seen, done=False).splitlines()[-1]
    assert last.startswith("nothing was removed: --yes does it; the branch's history still holds them")
    assert pruning.words(pruned(journal), done=True).splitlines()[-1].startswith("the branch's history still holds them")


def test_pruning__that_has_nothing_to_do_writes_nothing(server, drawn, journal):
    assert pruned(journal, registry(OLD.sha256, KEPT.sha256)).goes == {}
    assert pruned(journal, open_pulls={1, 2}).goes == {}
    assert server.effects() == 0


def test_pruning__without_a_branch_has_nothing_to_do(server):
    server.repository("octo/evalgate").commit("main", {"README.md": b"hello\n"})
    journal = BranchJournal(connected(server), BRANCH)
    assert (journal.stands(), journal.steps(), journal.places()) == ("", (), {})
    assert pruned(journal, registry()).goes == {}


def test_pruning__a_kept_manifest_that_is_not_there_stops_everything(server, drawn, journal):
    place = object_place(MANIFEST, KEPT.sha256)
    drawn.commit(BRANCH, {place: b"another"})
    with pytest.raises(NotMeasured, match=f"{place}: the manifest has another digest"):
        pruned(journal)
    assert server.effects() == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/git/trees$"), ("POST", "/git/commits$"), ("PATCH", "/git/refs/heads/"), ("GET", "")]
)
def test_pruning__any_fault_leaves_exactly_one_commit(server, drawn, journal, method, path, kind):
    commits = len(drawn.commits(BRANCH))
    server.fault(method, path, kind)
    assert set(pruned(journal).goes) == set(OLD.files)
    assert evidence_on(drawn) == set(KEPT.files)
    assert len(drawn.commits(BRANCH)) == commits + 1
    assert server.effects("PATCH", "/git/refs/heads/") == 1


def test_pruning__a_branch_that_may_not_be_written_is_said_at_once(server, drawn):
    server.token("reads", BOT, {"contents": "read"}, app="github-actions")
    with pytest.raises(Refused, match="could not remove 4 files on the branch evalgate-evidence"):
        pruned(BranchJournal(connected(server, "reads"), BRANCH))
    assert evidence_on(drawn) == {*OLD.files, *KEPT.files}


def meanwhile(monkeypatch, journal, *writes):
    """Somebody writes, each time right before a commit that removes files is made."""
    left, real = list(writes), branch.advance

    def advance(remote, name, over, files, message):
        if None in files.values() and left:
            left.pop(0)()
        real(remote, name, over, files, message)

    monkeypatch.setattr(branch, "advance", advance)


def test_pruning__a_step_that_is_written_meanwhile_keeps_its_evidence(server, drawn, journal, monkeypatch):
    other = BranchJournal(connected(server), BRANCH)
    again = ended("again", OLD, pull=3, at="2026-11-20T08:00:00Z")
    meanwhile(monkeypatch, journal, lambda: other.append(again, OLD.files))
    assert pruned(journal).goes == {}
    assert evidence_on(drawn) == {*OLD.files, *KEPT.files}
    assert journal.of_pull(3) == (again,)


def test_pruning__a_step_of_something_else_meanwhile_is_looked_at_and_pruning_goes_on(server, drawn, journal, monkeypatch):
    other = BranchJournal(connected(server), BRANCH)
    meanwhile(monkeypatch, journal, *(lambda n=n: other.append(step(f"head/{n}")) for n in range(3)))
    assert set(pruned(journal).goes) == set(OLD.files)
    assert [entry.key for entry in journal.of_pull(1)] == ["old", "head/0", "head/1", "head/2"]


def test_pruning__gives_up_where_others_write_all_the_time_and_nothing_went(server, drawn, journal, monkeypatch):
    other = BranchJournal(connected(server), BRANCH)
    meanwhile(monkeypatch, journal, *(lambda n=n: other.append(step(f"head/{n}")) for n in range(20)))
    with pytest.raises(NotMeasured, match="nothing was pruned: others wrote to the journal all the time, 10 times"):
        pruned(journal)
    assert evidence_on(drawn) == {*OLD.files, *KEPT.files}


def test_pruning__an_answer_is_lost_and_somebody_writes_then_it_is_still_done_once(server, drawn, journal, monkeypatch):
    commits, other, real = len(drawn.commits(BRANCH)), BranchJournal(connected(server), BRANCH), branch.advance

    def advance(remote, name, over, files, message):
        real(remote, name, over, files, message)
        if None in files.values():
            other.append(step("head/1"))
            raise ValueError("the answer got lost")

    monkeypatch.setattr(branch, "advance", advance)
    assert set(pruned(journal).goes) == set(OLD.files)
    assert len(drawn.commits(BRANCH)) == commits + 2
    assert [entry.key for entry in journal.of_pull(1)] == ["old", "head/1"]


def test_pruning__beside_writers_and_another_pruning_loses_no_step_and_nothing_that_a_young_step_names(server, drawn):
    runs = [evidence(f"{n}", report_md=b"%d" % n, adapter=ADAPTER) for n in range(6)]

    def write(number):
        journal = BranchJournal(connected(server), BRANCH)
        entry = ended(f"w/{number}", runs[number], pull=10 + number, at="2026-11-20T08:00:00Z")
        return journal.append(entry, runs[number].files)

    with ThreadPoolExecutor(8) as pool:
        prunings = [pool.submit(lambda: pruned(BranchJournal(connected(server), BRANCH))) for _ in range(2)]
        written = list(pool.map(write, range(6)))
        for one in prunings:
            if one.exception() is not None:
                assert isinstance(one.exception(), NotMeasured)
    journal = BranchJournal(connected(server), BRANCH)
    pruned(journal)
    assert [journal.of_pull(10 + n) for n in range(6)] == [(entry,) for entry in written]
    needed = {place: content for run in (*runs, KEPT) for place, content in run.files.items()}
    assert {place: drawn.file(BRANCH, place) for place in evidence_on(drawn)} == needed


def test_pruning__takes_more_files_than_one_call_carries(server, drawn, journal, monkeypatch):
    monkeypatch.setattr(branch, "AT_ONCE", 3)
    commits = len(drawn.commits(BRANCH))
    pruned(journal)
    assert evidence_on(drawn) == set(KEPT.files)
    assert len(drawn.commits(BRANCH)) == commits + 1
    assert server.effects("POST", "/git/trees$") == 2


def test_journal__what_is_no_evidence_is_never_removed(server, drawn, journal):
    with pytest.raises(ValueError, match="the journal never"):
        journal.remove(["pulls/1.jsonl"], journal.stands(), NOW)
    assert server.effects() == 0


def test_steps__are_those_of_all_pull_requests_each_once(server, drawn, journal):
    assert sorted(entry.key for entry in journal.steps()) == ["kept", "old"]
    drawn.commit(BRANCH, {"pulls/3.jsonl": b"nonsense\n"})
    with pytest.raises(NotMeasured, match=rf"{BRANCH}:pulls/3\.jsonl:1: not valid JSON"):
        journal.steps()


@needs_node
def test_journal__asks_nothing_of_github_that_its_own_description_forbids(tmp_path):
    port = free_port()
    large = evidence("3", base_jsonl=b"x" * (branch.INLINE + 1), adapter={"a.safetensors": b"\xff\x00"})
    with GithubServer(tmp_path, public_url=f"http://127.0.0.1:{port}") as server:
        server.token(SPEAKER, BOT, {"contents": "write"}, app="github-actions")
        server.repository("octo/evalgate").commit("main", {"README.md": b"hello\n"})
        with prism(server.url, port):
            journal = BranchJournal(connected(server), BRANCH)
            for key, drawn in (("old", OLD), ("large", large)):
                journal.append(ended(key, drawn), drawn.files)
            assert {place: journal.read(place) for place in large.files} == large.files
            assert pruned(journal, registry(large.sha256)).goes.keys() == OLD.files.keys()
