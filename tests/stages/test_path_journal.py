"""The journal in a folder: many writers, each step once and whole; writers who stop in the middle; a folder in disorder."""

import errno
import os
from pathlib import Path

import fsspec
import pytest
from drawn_evidence import ADAPTER, evidence, sha256
from fsspec.implementations.memory import MemoryFileSystem

from evalgate.errors import NotMeasured, PolicyError
from evalgate.evidence import PathJournal, open_shelf
from evalgate.git_shelf import GitShelf
from evalgate.records.journal import Entry

HEAD = "a" * 40
WRITERS, STEPS = 8, 50


def step(key, *, name="head", pull=1, feature=None, second=0, why=None, evidence=None):
    at = f"2026-11-20T08:00:{second:02}Z"
    return Entry(key=key, step=name, at=at, pull=pull, head=HEAD, feature=feature, why=why, evidence=evidence)


def side_by_side(count, work):
    """`work(0)`, `work(1)`, ... each in a process of its own, all let off at once; 0 for each that ended well."""
    waiting, off = os.pipe()
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(off)
                os.read(waiting, 1)  # ends when the parent lets go
                work(number)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    os.close(waiting)
    os.close(off)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def below(folder):
    """Every file below a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class Stopped(BaseException):
    """A writer that is no more."""


def stopped_at(patch, count):
    """Writers stop before their file number `count` stands at its place."""
    left = [count]

    def stop(self, *given, real):
        left[0] -= 1
        if left[0] == 0:
            raise Stopped
        return real(self, *given)

    for name in ("hardlink_to", "replace"):
        real = getattr(Path, name)
        patch.setattr(Path, name, lambda self, *given, real=real: stop(self, *given, real=real))


# --- many writers ---


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_eight_writers_of_fifty_steps_each_leave_every_step_once_and_every_reader_only_whole_ones(tmp_path):
    def write(number):
        journal, seen = PathJournal(str(tmp_path)), 0
        for one in range(STEPS):
            journal.append(step(f"{number}/{one}", name="trained", feature="f", second=one))
            found = len(journal.of_pull(1))
            assert found > one
            assert found >= seen
            seen = found

    assert side_by_side(WRITERS, write) == [0] * WRITERS
    journal = PathJournal(str(tmp_path))
    expected = sorted((one, f"{number}/{one}") for number in range(WRITERS) for one in range(STEPS))
    assert [(int(entry.at[17:19]), entry.key) for entry in journal.of_pull(1)] == expected
    assert journal.of_feature("f") == journal.of_pull(1)
    assert len(below(tmp_path)) == 2 * WRITERS * STEPS, "nothing half-written is left"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_of_eight_writers_of_the_same_steps_one_is_first_and_all_are_told_which(tmp_path):
    def write(number):
        journal = PathJournal(str(tmp_path / "journal"))
        told = [journal.append(step(f"{one}", name="failed", feature="f", why=f"writer {number}")) for one in range(STEPS)]
        (tmp_path / f"{number}.txt").write_text("\n".join(entry.why for entry in told))

    assert side_by_side(WRITERS, write) == [0] * WRITERS
    journal = PathJournal(str(tmp_path / "journal"))
    stands = {entry.key: entry.why for entry in journal.of_pull(1)}
    assert len(stands) == STEPS
    assert {entry.key: entry.why for entry in journal.of_feature("f")} == stands
    for number in range(WRITERS):
        assert (tmp_path / f"{number}.txt").read_text().split("\n") == [stands[f"{one}"] for one in range(STEPS)]


def test_a_step_that_another_writer_put_there_is_seen_by_a_journal_that_was_read_before(tmp_path):
    here, there = PathJournal(str(tmp_path)), PathJournal(str(tmp_path))
    assert here.of_pull(1) == ()
    there.append(step("a"))
    assert [entry.key for entry in here.of_pull(1)] == ["a"]


class Remembering(MemoryFileSystem):
    """A place that remembers its lists, as object stores do: what other machines write does not change what it remembers."""

    protocol = "remembering"
    store = {}  # noqa: RUF012  # its own world
    pseudo_dirs = [""]  # noqa: RUF012

    def __init__(self, **more):
        super().__init__(**more)
        self.known = {}

    def ls(self, path, detail=True, **more):
        if (path, detail) not in self.known:
            self.known[path, detail] = super().ls(path, detail=detail, **more)
        return self.known[path, detail]

    def invalidate_cache(self, path=None):
        self.known.clear()


def test_lists_that_a_place_remembers_are_asked_for_again():
    fsspec.register_implementation("remembering", Remembering, clobber=True)
    one = PathJournal("remembering://evidence")
    other = PathJournal("remembering://evidence")
    other.files = Remembering(skip_instance_cache=True)
    one.append(step("a", second=1))
    assert [entry.key for entry in one.of_pull(1)] == ["a"]
    other.append(step("b", second=2))
    assert [entry.key for entry in one.of_pull(1)] == ["a", "b"]


# --- writers who stop in the middle ---

DRAWN = evidence(verdict_json=b"one", report_md=b"two", adapter=ADAPTER)
FILES = DRAWN.files


@pytest.mark.parametrize("count", range(1, len(FILES) + 3))
def test_a_writer_who_stops_anywhere_leaves_no_step_without_its_files_and_the_next_one_goes_on(tmp_path, monkeypatch, count):
    journal = PathJournal(str(tmp_path))
    first = step("end", name="finished", feature="f", evidence=DRAWN.sha256)
    with monkeypatch.context() as patch:
        stopped_at(patch, count)
        with pytest.raises(Stopped):
            journal.append(first, FILES)
    assert journal.of_pull(1) == (), "the pull request's step is the last that is written"
    other = evidence("2", verdict_json=b"one", report_md=b"two, again", adapter=ADAPTER)
    stands = journal.append(step("end", name="finished", feature="f", evidence=other.sha256, second=1), other.files)
    assert journal.of_pull(1) == journal.of_feature("f") == (stands,)
    kept = next(drawn for drawn in (DRAWN, other) if drawn.sha256 == stands.evidence)
    assert {place: journal.read(place) for place in kept.files} == kept.files, "all that the step names lies there"
    assert not [name for name in below(tmp_path) if "/." in name], "nothing half-written is left"


def test_money_that_was_spent_is_in_the_ledger_even_where_the_writer_stopped(tmp_path, monkeypatch):
    journal = PathJournal(str(tmp_path))
    with monkeypatch.context() as patch:
        stopped_at(patch, 2)
        with pytest.raises(Stopped):
            journal.append(step("spent", name="trained", feature="f"))
    assert [entry.key for entry in journal.of_feature("f")] == ["spent"]


def test_evidence_of_a_step_that_stands_is_not_followed_by_anothers(tmp_path):
    journal = PathJournal(str(tmp_path))
    first = journal.append(step("end", name="finished", evidence=DRAWN.sha256), FILES)
    other = evidence("2", report_md=b"another")
    assert journal.append(step("end", name="finished", evidence=other.sha256, second=1), other.files) == first
    assert set(journal.places()) == set(FILES)


# --- evidence under its digests ---


def test_a_file_that_is_there_is_not_written_again_and_one_with_other_bytes_is_put_right(tmp_path):
    journal = PathJournal(str(tmp_path))
    journal.append(step("one", name="finished", evidence=DRAWN.sha256), FILES)
    same, half, tampered, *_ = sorted(FILES)
    (tmp_path / half).write_bytes(FILES[half][:1])
    (tmp_path / tampered).write_bytes(b"another")
    before = (tmp_path / same).stat().st_ino
    journal.append(step("two", name="finished", evidence=DRAWN.sha256), FILES)
    assert {place: journal.read(place) for place in FILES} == FILES
    assert (tmp_path / same).stat().st_ino == before


def test_a_file_that_a_pruning_may_take_for_forgotten_is_made_young_before_the_step_that_needs_it(tmp_path):
    place, content = next(iter(FILES.items()))
    at = 1_790_000_000
    journal = PathJournal(str(tmp_path), clock=lambda: at)
    journal.append(step("one"), FILES)
    for age, made_young in ((0, False), (11 * 3600, False), (13 * 3600, True)):
        os.utime(tmp_path / place, (at - age, at - age))
        before = (tmp_path / place).stat()
        journal.append(step(f"two/{age}", name="finished", evidence=DRAWN.sha256), FILES)
        assert ((tmp_path / place).stat().st_mtime != before.st_mtime) == made_young
        assert (tmp_path / place).read_bytes() == content


@pytest.mark.parametrize("place", ["report.md", "pulls/1/x.json", "objects/../pulls/x.json", f"adapters/{'0' * 64}/a.json"])
def test_a_file_that_does_not_lie_under_its_digest_is_refused_before_anything_is_written(tmp_path, place):
    with pytest.raises(ValueError, match=r"digest|place of evidence"):
        PathJournal(str(tmp_path)).append(step("end", name="finished"), {place: b"x"})
    assert below(tmp_path) == []


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "objects/../../secret", "objects//x", ""])
def test_a_name_that_leads_elsewhere_is_not_read(tmp_path, name):
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(NotMeasured, match="no plain path"):
        PathJournal(str(tmp_path / "journal")).read(name)


# --- where it lies ---


@pytest.mark.parametrize(
    "place", ["kept", "path:kept", "./kept", "path:./kept", "{root}/kept", "path:{root}/kept", "file://{root}/kept"]
)
def test_a_folder_begins_at_the_root_that_is_given(tmp_path, place):
    PathJournal(str(tmp_path / "kept")).append(step("end", name="finished", evidence=DRAWN.sha256), FILES)
    shelf = open_shelf(place.format(root=tmp_path), root=tmp_path)
    assert {name: shelf.read(name) for name in FILES} == FILES
    assert shelf.read(f"objects/00/{sha256(b'none')}.md") is None


def test_a_folder_begins_where_we_are_when_no_root_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    PathJournal("path:kept").append(step("a"))
    assert [entry.key for entry in PathJournal("kept").of_pull(1)] == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


def test_a_branch_is_read_from_the_clone(tmp_path):
    shelf = open_shelf("branch:evalgate-evidence", root=tmp_path)
    assert isinstance(shelf, GitShelf)
    assert (shelf.folder, shelf.branch) == (tmp_path, "evalgate-evidence")


@pytest.mark.parametrize("place", ["s3:bucket/x", "paht:kept", "path:", "", "c:x"])
def test_a_place_that_is_misspelt_is_an_error_and_no_folder_of_that_name(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError, match="is no place: use branch:NAME, path:DIR, a folder, or a uri such as s3://BUCKET/DIR"):
        open_shelf(place, root=tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- a folder in disorder ---


def test_a_half_written_step_is_named_and_nothing_is_decided_on_it(tmp_path):
    journal = PathJournal(str(tmp_path))
    journal.append(step("a"))
    (path,) = (tmp_path / "pulls/1").iterdir()
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(NotMeasured, match=rf"pulls/1/{path.name}: is no step of a journal: look at it"):
        journal.of_pull(1)
    with pytest.raises(NotMeasured, match="is no step of a journal"):
        journal.append(step("a"))


def test_a_folder_that_cannot_be_listed_is_not_an_empty_journal(tmp_path, monkeypatch):
    journal = PathJournal(str(tmp_path))
    journal.append(step("a"))

    def refused(*_given):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(NotMeasured, match=r"pulls/1: cannot be listed: .*Permission denied.*; give access, and run again"):
        journal.of_pull(1)


@pytest.mark.parametrize("in_the_way", ["pulls", "pulls/1"])
def test_a_file_where_a_folder_should_be_is_named_and_no_step_is_said_to_be_written(tmp_path, in_the_way):
    (tmp_path / in_the_way).parent.mkdir(exist_ok=True)
    (tmp_path / in_the_way).write_text("mine\n")
    with pytest.raises(NotMeasured, match=r"written: .*; (look at what is in its way|make room or access, and run again)"):
        PathJournal(str(tmp_path)).append(step("a"))


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path, monkeypatch):
    journal = PathJournal(str(tmp_path))
    with monkeypatch.context() as patch:

        def full(*_given):
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(NotMeasured, match=r"cannot be written: .*No space left on device; make room or access"):
            journal.append(step("a"))
    assert below(tmp_path) == []
    assert journal.append(step("a")).key == "a"


def test_a_place_that_nothing_here_reaches_is_an_error_of_the_policy():
    with pytest.raises(PolicyError, match=r"evidence 'nowhere://x': .*: use branch:NAME, a folder, or install what reaches it"):
        PathJournal("nowhere://x")
