"""Files: whole or not at all, and only plain ones."""

import os
import threading
import time

import pytest

from evalgate import store
from evalgate.errors import DatasetError, PolicyError
from evalgate.records.change import DatasetChange

CHANGE = DatasetChange(feature="f", path="x.jsonl", version="v1.0.0", sha256="ab" * 32, rows=3)


class TestWrite:
    def test_what_was_written__is_there_and_nothing_else(self, tmp_path):
        store.write(tmp_path / "a/b/x.json", b"one")
        store.write(tmp_path / "a/b/x.json", b"two")
        assert (tmp_path / "a/b/x.json").read_bytes() == b"two"
        assert os.listdir(tmp_path / "a/b") == ["x.json"]  # noqa: PTH208  (hidden files too)

    def test_folder_in_its_place__is_wrong_input_and_leaves_nothing_behind(self, tmp_path):
        (tmp_path / "x.json").mkdir()
        with pytest.raises(PolicyError, match=r"x\.json: a file or a folder of that name is in the way"):
            store.write(tmp_path / "x.json", b"one")
        assert os.listdir(tmp_path) == ["x.json"]  # noqa: PTH208

    def test_file_in_the_folders_place__is_wrong_input(self, tmp_path):
        (tmp_path / "runs").write_bytes(b"")
        with pytest.raises(PolicyError, match="is in the way"):
            store.write(tmp_path / "runs/x.json", b"one")

    def test_interrupted_while_writing__leaves_the_old_file(self, tmp_path, monkeypatch):
        store.write(tmp_path / "x.json", b"old")
        monkeypatch.setattr(os, "fsync", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.write(tmp_path / "x.json", b"new")
        assert (tmp_path / "x.json").read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["x.json"]  # noqa: PTH208

    def test_reader__sees_the_old_file_or_the_new_one_and_never_a_part(self, tmp_path):
        contents = [bytes([letter]) * 200_000 for letter in b"ab"]
        store.write(tmp_path / "x", contents[0])
        writing = threading.Thread(target=lambda: [store.write(tmp_path / "x", contents[i % 2]) for i in range(40)])
        writing.start()
        while writing.is_alive():
            assert (tmp_path / "x").read_bytes() in contents
        writing.join()

    def test_file__is_as_readable_as_the_umask_lets_any_file_be(self, tmp_path):
        store.write(tmp_path / "models.yaml", b"")
        (tmp_path / "plain").write_bytes(b"")
        assert (tmp_path / "models.yaml").stat().st_mode == (tmp_path / "plain").stat().st_mode


def _interrupted(_descriptor):
    raise KeyboardInterrupt


class TestRecords:
    def test_record__is_read_back_as_it_was_written(self, tmp_path):
        store.write_record(tmp_path / "x.json", CHANGE)
        assert store.read_record(tmp_path / "x.json", DatasetChange) == CHANGE
        assert store.find_record(tmp_path / "x.json", DatasetChange) == CHANGE

    @pytest.mark.parametrize("keep", [0, 1, 40, -3])
    def test_part_of_a_record__is_no_record(self, tmp_path, keep):
        (tmp_path / "x.json").write_bytes(store.as_json(CHANGE)[:keep])
        assert store.find_record(tmp_path / "x.json", DatasetChange) is None
        with pytest.raises(DatasetError, match=r"x\.json: "):
            store.read_record(tmp_path / "x.json", DatasetChange)

    def test_missing_record__is_found_nowhere_and_cannot_be_read(self, tmp_path):
        assert store.find_record(tmp_path / "x.json", DatasetChange) is None
        with pytest.raises(PolicyError, match="No such file"):
            store.read_record(tmp_path / "x.json", DatasetChange)

    def test_record_with_a_field_too_many__is_no_record(self, tmp_path):
        (tmp_path / "x.json").write_bytes(store.as_json(CHANGE).replace(b'"rows": 3', b'"rows": 3, "verdict": "pass"'))
        assert store.find_record(tmp_path / "x.json", DatasetChange) is None


class TestJsonlFiles:
    def test_folder__gives_its_jsonl_files_by_name(self, tmp_path):
        for name in ("b.jsonl", "a.jsonl", "README.md"):
            (tmp_path / name).write_bytes(name.encode())
        assert store.jsonl_files(tmp_path, "golden set", "golden/f") == {
            "golden/f/a.jsonl": b"a.jsonl",
            "golden/f/b.jsonl": b"b.jsonl",
        }

    def test_file__gives_itself_under_the_name_it_was_given(self, tmp_path):
        (tmp_path / "a.jsonl").write_bytes(b"x")
        assert store.jsonl_files(tmp_path / "a.jsonl", "golden set", "golden/a.jsonl") == {"golden/a.jsonl": b"x"}

    @pytest.mark.parametrize("target", ["/etc/hostname", "gone"])
    def test_link__is_refused_wherever_it_leads(self, tmp_path, target):
        (tmp_path / "a.jsonl").symlink_to(target)
        for place in (tmp_path, tmp_path / "a.jsonl"):
            with pytest.raises(PolicyError, match=r"a\.jsonl: is a link"):
                store.jsonl_files(place, "golden set", "golden")

    @pytest.mark.parametrize("name", ["-x.jsonl", ".x.jsonl", "a b.jsonl", "a\nb.jsonl", "$x.jsonl", "é.jsonl", "a:b.jsonl"])
    def test_odd_name__is_refused(self, tmp_path, name):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(PolicyError, match="rename the file"):
            store.jsonl_files(tmp_path, "golden set", "golden")

    def test_nothing__is_refused(self, tmp_path):
        with pytest.raises(PolicyError, match=r"golden: the folder of the golden set holds no \.jsonl file"):
            store.jsonl_files(tmp_path, "golden set", "golden")
        with pytest.raises(PolicyError, match="create it or correct the policy"):
            store.jsonl_files(tmp_path / "gone", "golden set", "golden")


class TestOnlyOne:
    def test_second_process__waits_until_the_first_is_done(self, tmp_path):
        told = []

        def hold(name, seconds):
            with store.only_one(tmp_path / "run"):
                told.append(f"{name} in")
                time.sleep(seconds)
                told.append(f"{name} out")

        first = threading.Thread(target=hold, args=("first", 0.2))
        first.start()
        while not told:
            time.sleep(0.001)
        hold("second", 0)
        first.join()
        assert told == ["first in", "first out", "second in", "second out"]

    def test_folder_that_cannot_be_made__is_wrong_input(self, tmp_path):
        (tmp_path / "runs").write_bytes(b"")
        with pytest.raises(PolicyError, match="is in the way"), store.only_one(tmp_path / "runs/r"):
            pass


def test_keys__tell_apart_what_was_made_from_other_parts():
    assert store.key_of("a", None) == store.key_of("a", None)
    assert len({store.key_of("a", None), store.key_of("a"), store.key_of("a", "b"), store.key_of("b", "a")}) == 4
