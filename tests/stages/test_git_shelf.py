"""The evidence branch as a clone has it: read by git alone, whatever the clone and the surroundings are set to."""

import os
import subprocess

import pytest
from drawn_evidence import ADAPTER, evidence, step

from evalgate.errors import NotMeasured, PolicyError
from evalgate.git_shelf import GitShelf
from evalgate.review import journal_file

BRANCH = "evalgate-evidence"
DRAWN = evidence(report_md=b"# Report\n\xc3\xa9\r\n", adapter=ADAPTER)
STEPS = (step("1/head"), step("1/end", name="finished", feature="support", evidence=DRAWN.sha256))


def git(folder, *words):
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.defpath}
    named = {f"GIT_{who}_{what}": "x@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    ran = subprocess.run(["git", *words], cwd=folder, env={**quiet, **named}, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def lines(*entries):
    content = None
    for entry in entries:
        content = journal_file.added(content, entry)
    return content


def commit(folder, files):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "x")


@pytest.fixture
def origin(tmp_path):
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "uploadpack.allowFilter", "true")
    commit(folder, {"README.md": b"hello\n"})
    git(folder, "checkout", "--quiet", "--orphan", BRANCH)
    git(folder, "rm", "--quiet", "-rf", ".")
    kept = {**DRAWN.files, "pulls/1.jsonl": lines(*STEPS), "features/support.jsonl": lines(STEPS[1])}
    commit(folder, kept)
    git(folder, "checkout", "--quiet", "main")
    return folder


@pytest.fixture
def clone(origin, tmp_path):
    git(tmp_path, "clone", "--quiet", str(origin), "clone")
    return tmp_path / "clone"


def test_shelf__reads_every_file_as_it_was_written(clone):
    shelf = GitShelf(clone, BRANCH)
    assert {place: shelf.read(place) for place in DRAWN.files} == DRAWN.files


def test_shelf__what_is_no_file_is_none(clone, origin):
    assert GitShelf(clone, BRANCH).read("objects/00/none.md") is None
    assert GitShelf(clone, BRANCH).read("objects") is None
    git(origin, "checkout", "--quiet", BRANCH)
    (origin / "objects/link.md").symlink_to("/etc/hostname")
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "--message", "x")
    assert GitShelf(origin, BRANCH).read("objects/link.md") is None


def test_shelf__reads_the_steps_of_a_pull_request_and_of_a_feature(clone):
    shelf = GitShelf(clone, BRANCH)
    assert (shelf.of_pull(1), shelf.of_pull(2)) == (STEPS, ())
    assert (shelf.of_feature("support"), shelf.of_feature("other")) == (STEPS[1:], ())


def test_shelf__a_line_that_is_no_step_is_named_and_not_skipped(origin):
    git(origin, "checkout", "--quiet", BRANCH)
    commit(origin, {"pulls/1.jsonl": lines(STEPS[0]) + b"nonsense\n"})
    with pytest.raises(NotMeasured, match=rf"^{BRANCH}:pulls/1\.jsonl:2: not valid JSON"):
        GitShelf(origin, BRANCH).of_pull(1)


def test_shelf__what_was_fetched_goes_before_what_stands_here_and_either_will_do(clone, origin):
    assert GitShelf(origin, BRANCH).of_pull(1) == STEPS, "a local branch"
    git(clone, "branch", BRANCH, "origin/main")
    assert GitShelf(clone, BRANCH).of_pull(1) == STEPS, "the fetched one, whatever a local one says"


def test_shelf__without_the_branch_says_how_to_fetch_it_and_that_helps(origin, tmp_path):
    git(tmp_path, "clone", "--quiet", "--single-branch", str(origin), "narrow")
    shelf = GitShelf(tmp_path / "narrow", BRANCH)
    with pytest.raises(NotMeasured, match=f"fetch it: git fetch origin {BRANCH}") as told:
        shelf.read("objects/x")
    git(tmp_path / "narrow", *str(told.value).partition("fetch it: git ")[2].split())
    assert shelf.of_pull(1) == STEPS


def test_shelf__in_a_folder_that_is_no_clone_is_not_measured(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(NotMeasured, match=f"{folder}: the branch {BRANCH} cannot be read: fatal: "):
            GitShelf(folder, BRANCH).read("objects/x")


def test_shelf__where_git_is_not_installed_says_so(clone, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotMeasured, match="git is not installed here"):
        GitShelf(clone, BRANCH).read("objects/x")


def test_shelf__a_clone_that_lacks_the_bytes_fetches_nothing_behind_our_back(origin, tmp_path):
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", "--no-checkout", f"file://{origin}", "thin")
    place = next(iter(DRAWN.files))
    with pytest.raises(NotMeasured, match=f"git fetch --refetch origin {BRANCH}"):
        GitShelf(tmp_path / "thin", BRANCH).read(place)


def test_shelf__is_led_nowhere_else_by_the_surroundings_and_runs_nothing_of_the_clone(clone, tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(0o755)
    for name in ("core.fsmonitor", "core.sshCommand", "core.pager", "alias.cat-file", "diff.external"):
        git(clone, "config", name, str(script))
    place, content = next(iter(DRAWN.files.items()))
    blob, other = (git(clone, "rev-parse", name) for name in (f"origin/{BRANCH}:{place}", "origin/main:README.md"))
    git(clone, "replace", blob, other)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_TRACE", str(ran))
    assert GitShelf(clone, BRANCH).read(place) == content
    assert not ran.exists()


def test_shelf__without_a_home_reads_all_the_same(clone, monkeypatch):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", nobody)
    assert GitShelf(clone, BRANCH).of_pull(1) == STEPS


@pytest.mark.parametrize(
    "branch", ["", "-x", "a b", "a..b", "a/", "/a", "a//b", "a.lock", "a.lock/b", "a.", "a@{1}", "a~1", "a^", "a:b", "a\n"]
)
def test_branch__that_git_would_take_for_something_else_is_refused(tmp_path, branch):
    with pytest.raises(PolicyError, match="no branch can be named so"):
        GitShelf(tmp_path, branch)


@pytest.mark.parametrize("name", ["", "-x", "../x", "/x", "objects/../x", ":(glob)*", "objects/*", "a\0b"])
def test_name__that_is_no_plain_path_is_not_read(clone, name):
    with pytest.raises(NotMeasured, match="no plain path"):
        GitShelf(clone, BRANCH).read(name)
