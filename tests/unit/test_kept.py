"""The result cache: what is found is what was kept, by whom it may be believed, and whole."""

import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from evalgate.errors import NotMeasured, PolicyError
from evalgate.kept import DAY, FILE, Kept, kept_in
from evalgate.kept.pruning import beside, remove_beside

A, B, C = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def opened(tmp_path):
    """`opened("pull/12")`: a cache in this test's folder, closed at its end."""
    begun: list[Kept] = []

    def call(origin: str = "here", **how) -> Kept:
        begun.append(kept_in(tmp_path, origin=origin, **how))
        return begun[-1]

    yield call
    for one in begun:
        one.close()


def changed(folder: Path, statement: str, *values: object) -> None:
    """What somebody else does to the file."""
    connection = sqlite3.connect(folder / FILE, isolation_level=None)
    connection.execute(statement, values)
    connection.close()


def overwritten(path: Path, start: int, content: bytes) -> None:
    with path.open("r+b") as stream:
        stream.seek(start)
        stream.write(content)


class TestFind:
    def test_what_was_kept__is_found_by_another_opening(self, opened):
        with opened() as first:
            first.keep({A: b"one", B: b"\0\xff" * 9, C: b""})
        assert opened().find([A, B, C, "d" * 64]) == {A: b"one", B: b"\0\xff" * 9, C: b""}

    def test_nothing_asked_or_nothing_there__is_nothing_found(self, opened):
        assert opened().find([]) == opened().find([A]) == {}

    def test_key_asked_twice__is_found_once(self, opened):
        opened().keep({A: b"one"})
        assert opened().find([A, A]) == {A: b"one"}

    def test_more_keys_than_a_statement_takes__are_all_found(self, opened):
        values = {f"{number:064x}": str(number).encode() for number in range(2_345)}
        opened().keep(values)
        assert opened().find(list(values)) == values

    def test_two_thousand_keys__take_a_fraction_of_a_second(self, opened):
        values = {f"{number:064x}": os.urandom(600) for number in range(4_000)}
        opened().keep(values)
        asked, cache = list(values)[:2_000], opened()
        assert min(_seconds(lambda: cache.find(asked)) for _ in range(5)) < 0.05


class TestKeep:
    def test_first_writer_of_a_key__stays(self, opened):
        opened().keep({A: b"one"})
        opened().keep({A: b"two", B: b"three"})
        assert opened().find([A, B]) == {A: b"one", B: b"three"}

    def test_interrupted_in_the_middle__keeps_nothing(self, opened):
        def values():
            yield A, b"one"
            raise KeyboardInterrupt

        class Interrupted(dict):
            def items(self):
                return values()

        with pytest.raises(KeyboardInterrupt):
            opened().keep(Interrupted({A: b"one"}))
        assert opened().find([A]) == {}

    def test_threads__share_one_opening(self, opened):
        cache = opened()
        threads = [threading.Thread(target=_write_and_read, args=(cache, number)) for number in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert len(cache.find([f"{number:064x}" for number in range(8 * 50)])) == 400


def _write_and_read(cache, number):
    for place in range(number * 50, number * 50 + 50):
        cache.keep({f"{place:064x}": b"x"})
        assert cache.find([f"{place:064x}"])


def _seconds(act):
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


class TestTrust:
    @pytest.mark.parametrize(
        ("reader", "sees"),
        [
            ("here", {"here", "target"}),
            ("target", {"target"}),
            ("pull/12", {"pull/12", "target"}),
            ("pull/13", {"target"}),
            ("check/12", {"target"}),
        ],
    )
    def test_reader__sees_its_own_and_the_target_branchs_and_no_others(self, opened, reader, sees):
        keys = {"here": A, "target": B, "pull/12": C}
        for origin, key in keys.items():
            opened(origin).keep({key: origin.encode()})
        assert set(opened(reader).find(list(keys.values()))) == {keys[origin] for origin in sees}

    def test_row_of_another_origin__keeps_nobody_from_writing_the_same_key(self, opened):
        opened("pull/12").keep({A: b"forged"})
        opened("pull/13").keep({A: b"true"})
        opened("target").keep({A: b"true"})
        assert [opened(who).find([A])[A] for who in ("pull/13", "target", "here")] == [b"true"] * 3

    def test_row_relabelled_as_the_target_branchs__is_no_hit(self, opened, tmp_path):
        opened("pull/12").keep({A: b"one"})
        changed(tmp_path, "UPDATE answers SET origin = 'target'")
        assert opened("pull/13").find([A]) == {}


class TestDamagedRow:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE answers SET value = CAST('two' AS BLOB)",
            "UPDATE answers SET value = 'one'",
            "UPDATE answers SET value = 7",
            "UPDATE answers SET digest = zeroblob(32)",
            "UPDATE answers SET digest = 'text'",
        ],
    )
    def test_changed_behind_our_back__is_a_miss_and_can_be_kept_again(self, opened, tmp_path, statement):
        opened().keep({A: b"one"})
        changed(tmp_path, statement)
        cache = opened()
        assert cache.find([A]) == {}
        cache.keep({A: b"one"})
        assert cache.find([A]) == {A: b"one"}

    def test_value_under_another_key__is_a_miss(self, opened, tmp_path):
        opened().keep({A: b"one"})
        changed(tmp_path, "UPDATE answers SET key = ?", B)
        assert opened().find([A, B]) == {}

    def test_flipped_byte_in_the_file__is_a_miss(self, opened, tmp_path):
        with opened() as first:
            first.keep({A: b"refund the customer", B: b"other"})
        content = (tmp_path / FILE).read_bytes()
        overwritten(tmp_path / FILE, content.index(b"refund the customer"), b"R")
        assert opened().find([A, B]) == {B: b"other"}


class TestDamagedFile:
    def test_no_database__is_moved_aside_and_begun_anew(self, opened, tmp_path):
        (tmp_path / FILE).write_bytes(b"this is no database" * 1_000)
        told: list[str] = []
        cache = opened(tell=told.append)
        cache.keep({A: b"one"})
        assert cache.find([A]) == {A: b"one"}
        (aside,) = tmp_path.glob("answers.damaged-*.sqlite")
        assert aside.read_bytes() == b"this is no database" * 1_000
        assert str(aside) in told[0]

    @pytest.mark.parametrize("first", ["find", "keep"])
    def test_pages_overwritten_while_it_is_open__are_noticed_and_begun_anew(self, opened, tmp_path, first):
        with opened() as before:
            before.keep({f"{number:064x}": os.urandom(600) for number in range(500)})
        told: list[str] = []
        cache = opened(tell=told.append)
        overwritten(tmp_path / FILE, 4_096, b"\xee" * ((tmp_path / FILE).stat().st_size - 4_096))
        if first == "find":
            assert cache.find([f"{1:064x}"]) == {}
        cache.keep({A: b"one"})
        assert cache.find([A, f"{1:064x}"]) == {A: b"one"}
        assert any("was damaged" in line for line in told)

    def test_truncated__is_begun_anew(self, opened, tmp_path):
        with opened() as before:
            before.keep({f"{number:064x}": os.urandom(600) for number in range(500)})
        os.truncate(tmp_path / FILE, 9_000)
        cache = opened()
        assert cache.find([f"{1:064x}"]) == {}
        cache.keep({A: b"one"})
        assert cache.find([A]) == {A: b"one"}

    def test_empty_file__is_a_cache_with_nothing_in_it(self, opened, tmp_path):
        (tmp_path / FILE).touch()
        opened().keep({A: b"one"})
        assert opened().find([A]) == {A: b"one"}

    def test_damaged_while_another_uses_it__is_not_moved_from_under_it(self, opened, tmp_path):
        with opened() as before:
            before.keep({A: b"one"})
        other = opened()
        overwritten(tmp_path / FILE, 0, b"\xee" * 4_096)
        with pytest.raises(NotMeasured, match="is damaged and in use"):
            kept_in(tmp_path, origin="here")
        assert not list(tmp_path.glob("*damaged*"))
        other.close()
        opened().keep({B: b"two"})
        assert len(list(tmp_path.glob("answers.damaged-*.sqlite"))) == 1

    def test_somebody_elses_database__is_left_alone(self, tmp_path):
        connection = sqlite3.connect(tmp_path / FILE)
        connection.execute("CREATE TABLE theirs (x)")
        connection.close()
        content = (tmp_path / FILE).read_bytes()
        with pytest.raises(NotMeasured, match="no cache of EvalGate: move it away"):
            kept_in(tmp_path, origin="here")
        assert (tmp_path / FILE).read_bytes() == content

    def test_later_layout__is_not_touched(self, opened, tmp_path):
        with opened() as cache:
            cache.keep({A: b"one"})
        changed(tmp_path, "PRAGMA user_version = 2")
        with pytest.raises(NotMeasured, match=r"another version of EvalGate \(layout 2, not 1\)"):
            kept_in(tmp_path, origin="here")


class TestPlace:
    @pytest.mark.parametrize("folder", ["cache", "cache/deeper"])
    def test_file_where_the_folder_should_be__is_wrong_input_and_says_where(self, tmp_path, folder):
        (tmp_path / "cache").touch()
        with pytest.raises(PolicyError, match=r"/cache.*: a file is in the way of the cache's folder: set EVALGATE_CACHE"):
            kept_in(tmp_path / folder, origin="here")

    def test_odd_folder_name__is_no_address(self, tmp_path):
        with kept_in(tmp_path / "50% of? it#all", origin="here") as cache:
            cache.keep({A: b"one"})
        assert (tmp_path / "50% of? it#all" / FILE).is_file()


class TestBound:
    def test_more_than_the_largest_size__takes_the_least_recently_used(self, opened, tmp_path):
        clock = [0.0]
        cache = opened(largest=400_000, now=lambda: clock[0])
        for number in range(1_000):
            clock[0] = number * DAY
            cache.keep({f"{number:064x}": os.urandom(1_000)})
            cache.find([f"{0:064x}"])
        found = cache.find([f"{number:064x}" for number in range(1_000)])
        assert f"{0:064x}" in found, "used every day"
        assert f"{999:064x}" in found
        assert f"{1:064x}" not in found
        assert 150 < len(found) < 400
        cache.close()
        assert (tmp_path / FILE).stat().st_size < 600_000

    def test_reading_again_on_the_same_day__writes_nothing(self, opened, tmp_path):
        opened().keep({A: b"one"})
        with opened() as reader:
            before = _log(tmp_path)
            reader.find([A])
        assert _log(tmp_path) == before

    def test_use__is_noted_when_it_is_closed(self, opened):
        opened(now=lambda: 0.0).keep({A: b"one"})
        with opened(now=lambda: 3 * DAY) as reader:
            reader.find([A])
        (held,) = opened().look()
        assert (held.oldest, held.used) == (0.0, 3 * DAY)


def _log(folder):
    return (folder / f"{FILE}-wal").stat().st_mtime_ns


class TestPrune:
    @pytest.fixture
    def filled(self, opened):
        """Three entries of 100 bytes, last used on days 1, 2 and 3; the last one is a pull request's."""
        for day, (key, origin) in enumerate([(A, "here"), (B, "here"), (C, "pull/12")], start=1):
            opened(origin, now=lambda day=day: day * DAY).keep({key: bytes(100)})
        return opened(now=lambda: 4 * DAY)

    def held(self, opened):
        return [(one.origin, one.entries, one.bytes) for one in opened().look()]

    def test_without_really__only_says_what_would_go(self, filled, opened):
        assert filled.prune(everything=True) == (3, 300)
        assert self.held(opened) == [("here", 2, 200), ("pull/12", 1, 100)]

    @pytest.mark.parametrize(
        ("what", "left"),
        [
            ({"everything": True}, []),
            ({"unused_for": 1.5 * DAY}, [("pull/12", 1, 100)]),
            ({"largest": 250}, [("here", 1, 100), ("pull/12", 1, 100)]),
            ({"largest": 0}, []),
            ({"origin": "pull/12", "everything": True}, [("here", 2, 200)]),
            ({"origin": "here", "unused_for": 2.5 * DAY}, [("here", 1, 100), ("pull/12", 1, 100)]),
            ({"origin": "here", "largest": 100}, [("here", 1, 100), ("pull/12", 1, 100)]),
            ({}, [("here", 2, 200), ("pull/12", 1, 100)]),
        ],
    )
    def test_really__takes_what_was_named_and_nothing_else(self, filled, opened, what, left):
        would = filled.prune(**what)
        assert filled.prune(**what, really=True) == would
        assert self.held(opened) == left
        assert would.entries == 3 - sum(entries for _, entries, _ in left)

    def test_what_went__is_given_back_to_the_disk(self, opened, tmp_path):
        cache = opened()
        cache.keep({f"{number:064x}": os.urandom(600) for number in range(2_000)})
        cache.prune(everything=True, really=True)
        assert (tmp_path / FILE).stat().st_size < 50_000


class TestBeside:
    def test_folders_of_ours__are_measured_and_removed_and_others_left(self, tmp_path):
        for name in ("weights/a/x", "judge/ab/y", "theirs/z"):
            (tmp_path / name).parent.mkdir(parents=True)
            (tmp_path / name).write_bytes(bytes(10))
        (tmp_path / "dense").mkdir()
        assert [(one.name, one.files, one.bytes) for one in beside(tmp_path)] == [("judge", 1, 10), ("weights", 1, 10)]
        remove_beside(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["theirs"]
