"""Pruning: what is referred to stays, whoever writes or stops meanwhile; tests/real has the same for branches."""

import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from drawn_evidence import ADAPTER, evidence, registry, sha256, step
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.errors import NotMeasured
from evalgate.evidence import PathJournal
from evalgate.records.evidence import MANIFEST, object_place
from evalgate.stages import pruning
from evalgate.stages.pruning import carry_out, plan

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
OLD, KEPT = evidence("1", report_md=b"old", adapter=ADAPTER), evidence("2", report_md=b"kept", adapter={"a.json": b"kept"})


def at(days):
    return (NOW - timedelta(days=days)).isoformat().replace("+00:00", "Z")


def ended(key, drawn, *, days=900, pull=1):
    return step(key, name="finished", pull=pull, feature="support", at=at(days), evidence=drawn.sha256)


def aged(folder, days):
    """Every file of evidence was put there that many days before NOW."""
    then = (NOW - timedelta(days=days)).timestamp()
    for path in (path for kind in ("objects", "adapters") for path in (folder / kind).rglob("*") if path.is_file()):
        os.utime(path, (then, then))


def pruned(journal, *registries, open_pulls=(), how=carry_out, keep_days=90, **more):
    return how(journal, registries, open_pulls, now=NOW, keep_days=keep_days, **more)


@pytest.fixture
def journal(tmp_path):
    """A pull request whose evidence nothing needs any more, and one whose evidence the registry names."""
    journal = PathJournal(str(tmp_path))
    journal.append(ended("old", OLD), OLD.files)
    journal.append(ended("kept", KEPT, pull=2), KEPT.files)
    aged(tmp_path, 500)
    return journal


def test_pruning__what_nothing_refers_to_goes_and_the_journal_stays(journal):
    before = journal.of_pull(1), journal.of_pull(2), journal.of_feature("support")
    done = pruned(journal, registry(KEPT.sha256))
    assert done.goes == {place: len(content) for place, content in sorted(OLD.files.items())}
    assert (done.stays, done.manifests) == (len(KEPT.files), 1)
    assert set(journal.places()) == set(KEPT.files)
    assert (journal.of_pull(1), journal.of_pull(2), journal.of_feature("support")) == before
    assert pruned(journal, registry(KEPT.sha256)).goes == {}


def test_pruning__a_plan_changes_nothing_and_is_what_is_carried_out(journal):
    seen = pruned(journal, registry(KEPT.sha256), how=plan)
    assert set(journal.places()) == {*OLD.files, *KEPT.files}
    assert pruned(journal, registry(KEPT.sha256)) == seen


def test_pruning__bytes_that_a_kept_run_shares_with_another_stay(tmp_path):
    journal = PathJournal(str(tmp_path))
    other = evidence("3", report_md=b"old", adapter=ADAPTER)
    for key, drawn in (("old", OLD), ("other", other)):
        journal.append(ended(key, drawn), drawn.files)
    aged(tmp_path, 500)
    done = pruned(journal, registry(other.sha256))
    assert set(done.goes) == {object_place(MANIFEST, OLD.sha256)}
    assert {place: journal.read(place) for place in other.files} == other.files


def test_pruning__an_open_pull_request_keeps_what_any_of_its_steps_names(journal):
    assert set(pruned(journal, open_pulls={1}, how=plan).goes) == set(KEPT.files)
    assert pruned(journal, open_pulls={1, 2}, how=plan).goes == {}


def test_pruning__says_what_would_go_and_that_a_bucket_keeps_versions(journal):
    assert pruning.words(pruned(journal, registry(KEPT.sha256, OLD.sha256), how=plan), done=False) == (
        f"nothing to prune: all {len(OLD.files) + len(KEPT.files)} files are needed, or too young to tell"
    )
    seen = pruned(journal, registry(KEPT.sha256), how=plan)
    first, *lines, last = pruning.words(seen, done=False).splitlines()
    assert first == f"4 files, {sum(map(len, OLD.files.values())):,} bytes, would go; 3 stay"
    assert lines == [f"  {place}  {size:,} bytes" for place, size in seen.goes.items()]
    assert last == "nothing was removed: --yes does it; nothing of them is left, but for versions that the place itself keeps"
    assert pruning.words(seen, done=True).splitlines()[0].endswith("bytes, are gone; 3 stay")


# --- half a picture ---


@pytest.mark.parametrize("content", [None, b"another", b""])
def test_pruning__a_kept_manifest_that_is_missing_or_another_stops_everything(journal, tmp_path, content):
    place = object_place(MANIFEST, KEPT.sha256)
    (tmp_path / place).unlink() if content is None else (tmp_path / place).write_bytes(content)
    before = journal.places()
    with pytest.raises(NotMeasured, match=rf"^{place}: .*\nnothing is pruned on half a picture"):
        pruned(journal, registry(KEPT.sha256))
    assert journal.places() == before


def test_pruning__a_kept_manifest_of_a_later_version_stops_everything(tmp_path):
    later = b'{"schema": 2}'
    journal = PathJournal(str(tmp_path))
    place = object_place(MANIFEST, sha256(later))
    journal.append(step("later", name="finished", evidence=sha256(later)), {place: later})
    with pytest.raises(NotMeasured, match="is no manifest of this version: update evalgate"):
        pruned(journal, registry(sha256(later)))


def test_pruning__a_journal_that_cannot_be_read_stops_everything(journal, tmp_path):
    (path, *_) = (tmp_path / "pulls/1").iterdir()
    path.write_bytes(b"{")
    with pytest.raises(NotMeasured, match="is no step of a journal"):
        pruned(journal, registry(KEPT.sha256))
    assert set(journal.places()) == {*OLD.files, *KEPT.files}


def test_pruning__an_entry_whose_evidence_lies_at_another_place_is_no_half_picture(journal):
    there = evidence("9", report_md=b"there")
    entries = registry(KEPT.sha256, place="path:here"), registry(there.sha256, place="s3://bucket/there")
    with pytest.raises(NotMeasured, match="the manifest is not there"):
        pruned(journal, *entries)
    assert set(pruned(journal, *entries, place="path:here").goes) == set(OLD.files)


def test_pruning__evidence_is_kept_for_an_entry_that_writes_the_place_in_another_way(journal):
    done = pruned(journal, registry(KEPT.sha256, place="./here/"), place="path:here")
    assert set(done.goes) == set(OLD.files)


# --- others who write, and writers who stop ---


def test_pruning__a_file_without_a_step_stays_for_a_day(journal, tmp_path):
    begun = evidence("3", report_md=b"its step is not written yet")
    for place, content in begun.files.items():
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(content)
    aged(tmp_path, 500)
    for place in begun.files:
        os.utime(tmp_path / place, ((NOW - timedelta(hours=23)).timestamp(),) * 2)
    assert set(pruned(journal, registry(KEPT.sha256)).goes) == set(OLD.files)
    assert set(pruned(journal, registry(KEPT.sha256)).goes) == set()
    aged(tmp_path, 2)
    assert set(pruned(journal, registry(KEPT.sha256)).goes) == set(begun.files)


def test_pruning__half_a_file_that_a_writer_left_goes_after_a_day(journal, tmp_path):
    half = tmp_path / "objects/00/.0000.json.1234"
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"{")
    aged(tmp_path, 2)
    assert "objects/00/.0000.json.1234" in pruned(journal, registry(KEPT.sha256)).goes
    assert not half.exists()


class Meanwhile:
    """A journal beside which somebody writes, right before files are removed."""

    def __init__(self, journal, write):
        self.journal, self.write = journal, write

    def __getattr__(self, name):
        return getattr(self.journal, name)

    def remove(self, *given):
        self.write()
        return self.journal.remove(*given)


@pytest.mark.parametrize("age", [0, 2, 500])
def test_pruning__a_step_that_is_written_meanwhile_keeps_its_evidence(journal, tmp_path, age):
    aged(tmp_path, age)
    clock = NOW.timestamp()

    def write():
        writer = PathJournal(str(tmp_path), clock=lambda: clock)
        writer.append(ended("again", OLD, days=0, pull=3), OLD.files)

    pruned(Meanwhile(journal, write), registry(KEPT.sha256))
    assert {place: journal.read(place) for place in (OLD.files | KEPT.files)} == OLD.files | KEPT.files
    assert [entry.key for entry in journal.of_pull(3)] == ["again"]


def test_pruning__whoever_stops_anywhere_leaves_a_whole_journal_and_all_that_is_kept(journal, tmp_path):
    class Stopped(BaseException):
        """Killed."""

    for count in range(len(OLD.files)):
        folder = tmp_path.parent / f"stopped-{count}"
        shutil.copytree(tmp_path, folder)
        here = PathJournal(str(folder))
        real, left = here.files.rm_file, [count]

        def stop(path, real=real, left=left):
            if left[0] == 0:
                raise Stopped
            left[0] -= 1
            real(path)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(here.files, "rm_file", stop)
            with pytest.raises(Stopped):
                pruned(here, registry(KEPT.sha256))
        assert (len(here.of_pull(1)), len(here.of_pull(2)), len(here.of_feature("support"))) == (1, 1, 2)
        assert {place: here.read(place) for place in KEPT.files} == KEPT.files
        assert len(pruned(here, registry(KEPT.sha256)).goes) == len(OLD.files) - count
        assert set(here.places()) == set(KEPT.files)


def test_pruning__a_file_that_cannot_be_removed_is_named(journal, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(journal.files, "rm_file", refused)
    with pytest.raises(NotMeasured, match=r"cannot be removed: .*Permission denied.*; give access, and run again"):
        pruned(journal, registry(KEPT.sha256))


def test_pruning__of_two_at_once_the_second_finds_it_done(journal, tmp_path):
    other = PathJournal(str(tmp_path))
    done = pruned(Meanwhile(journal, lambda: pruned(other, registry(KEPT.sha256))), registry(KEPT.sha256))
    assert set(journal.places()) == set(KEPT.files)
    assert set(done.goes) == set(OLD.files)


@pytest.mark.parametrize("place", ["pulls/1/x.json", "features/support/x.json", "objects/../pulls/1/x.json", "README.md", ""])
def test_journal__what_is_no_evidence_is_never_removed(journal, place):
    with pytest.raises(ValueError, match="the journal never"):
        journal.remove([place], "", NOW)


def test_pruning__a_place_that_says_no_age_loses_nothing(journal, monkeypatch):
    def unknown(path):
        raise NotImplementedError

    monkeypatch.setattr(journal.files, "modified", unknown)
    with pytest.raises(NotMeasured, match="nobody says since when it is there: NotImplementedError"):
        pruned(journal, registry(KEPT.sha256))
    journal.append(ended("more", KEPT), KEPT.files)  # writers need no ages
    assert set(journal.places()) == {*OLD.files, *KEPT.files}


def test_pruning__works_where_files_are_objects_in_a_bucket():
    journal = PathJournal("memory://pruned")
    journal.append(ended("old", OLD), OLD.files)
    journal.append(ended("kept", KEPT), KEPT.files)
    later = datetime.now(UTC) + timedelta(days=1000)
    done = carry_out(journal, [registry(KEPT.sha256)], (), now=later, keep_days=1)
    assert set(done.goes) == set(OLD.files)
    assert set(journal.places()) == set(KEPT.files)
    assert len(journal.of_feature("support")) == 2
    fsspec.filesystem("memory").rm("/pruned", recursive=True)


# --- any journal, any registries ---

RUNS = [evidence(f"{n}", report_md=b"%d" % (n // 2), adapter={"a.json": b"%d" % (n // 3)}) for n in range(6)]


@settings(max_examples=60, deadline=None)
@given(
    ends=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 300), st.integers(0, 5)), max_size=8),
    registered=st.lists(st.sets(st.integers(0, 5)), max_size=2),
    open_pulls=st.sets(st.integers(1, 3)),
    keep_days=st.integers(1, 200),
)
def test_pruning__of_any_journal_takes_nothing_that_is_referred_to_and_all_that_is_not(ends, registered, open_pulls, keep_days):
    with tempfile.TemporaryDirectory() as folder:
        journal = PathJournal(folder)
        for number, (pull, days, run) in enumerate(ends):
            journal.append(ended(f"{number}", RUNS[run], days=days, pull=pull), RUNS[run].files)
        aged(Path(folder), 400)
        there = {run for _, _, run in ends}
        registries = [registry(*(RUNS[run].sha256 for run in runs & there)) for runs in registered]
        needed = {run for runs in registered for run in runs & there}
        needed |= {run for pull, days, run in ends if pull in open_pulls or days <= keep_days}
        steps = journal.steps()
        pruned(journal, *registries, open_pulls=open_pulls, keep_days=keep_days)
        assert set(journal.places()) == {place for run in needed for place in RUNS[run].files}
        assert journal.steps() == steps
        assert len(steps) == len(ends)
