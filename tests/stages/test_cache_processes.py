"""The result cache under real processes: two that share it, a writer that is killed, a full disk, a disk that is read-only."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import pytest
from test_survives import leave_room

from evalgate.kept import FILE, kept_in

KILLS = 30
WRITER = """
import sys
from pathlib import Path
from evalgate.kept import kept_in

with kept_in(Path(sys.argv[1]), origin="here") as cache:
    for piece in range(int(sys.argv[2]), int(sys.argv[3])):
        keys = [f"{piece * 64 + place:064x}" for place in range(64)]
        found = cache.find(keys)
        assert all(value == key.encode() * 9 for key, value in found.items())
        assert len(found) in (0, 64), f"half a piece: {len(found)}"
        cache.keep({key: key.encode() * 9 for key in keys})
        assert len(cache.find(keys)) == 64
        print(piece, flush=True)
"""
"""Works off pieces of 64 answers as a run does; says of each that it is kept."""

LARGE = """
import sys
from pathlib import Path
from evalgate.kept import kept_in

with kept_in(Path(sys.argv[1]), origin="here") as cache:
    values = {f"{place:064x}": bytes(1_000) for place in range(20_000)}
    print("begins", flush=True)
    cache.keep(values)
    print("kept", flush=True)
"""


def writer(folder: Path, first: int, last: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-P", "-c", WRITER, str(folder), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def pieces(folder: Path, most: int) -> dict[int, int]:
    """Piece -> how many of its answers are there and whole."""
    with kept_in(folder, origin="here") as cache:
        found = cache.find([f"{number:064x}" for number in range(most * 64)])
    assert all(value == key.encode() * 9 for key, value in found.items())
    counts = dict.fromkeys(range(most), 0)
    for key in found:
        counts[int(key, 16) // 64] += 1
    return counts


class TestTwoProcesses:
    def test_begun_at_once_on_the_same_pieces__both_end_and_every_answer_is_there_once(self, tmp_path):
        both = [writer(tmp_path, 0, 60) for _ in range(4)]
        for one in both:
            _, err = one.communicate(timeout=60)
            assert (one.returncode, err) == (0, "")
        assert set(pieces(tmp_path, 60).values()) == {64}
        with kept_in(tmp_path, origin="here") as cache:
            assert [held.entries for held in cache.look()] == [60 * 64]

    def test_on_different_pieces__each_finds_what_the_other_kept(self, tmp_path):
        both = [writer(tmp_path, 0, 40), writer(tmp_path, 40, 80)]
        for one in both:
            one.communicate(timeout=60)
        assert set(pieces(tmp_path, 80).values()) == {64}


class TestKilled:
    def test_writer_killed_thirty_times_at_random__nothing_is_half_there_and_nothing_reported_is_lost(self, tmp_path):
        chance, reported = random.Random(6), {0}  # noqa: S311
        for _ in range(KILLS):
            running = writer(tmp_path, max(reported), 100_000)
            said = running.stdout.readline()  # it is at work
            time.sleep(chance.uniform(0, 0.05))
            running.kill()
            rest, err = running.communicate()
            assert (running.returncode, err) == (-signal.SIGKILL, "")
            reported |= {int(line) for line in (said + rest).splitlines(keepends=True) if line.endswith("\n")}
            counts = pieces(tmp_path, max(reported) + 3)
            assert set(counts.values()) <= {0, 64}
            assert {piece for piece, count in counts.items() if count == 64} >= reported
        assert len(reported) > KILLS

    def test_killed_in_the_middle_of_one_large_piece__all_of_it_is_there_or_nothing(self, tmp_path):
        chance, found = random.Random(7), set()  # noqa: S311
        for round_ in range(10):
            command = [sys.executable, "-P", "-c", LARGE, str(tmp_path / str(round_))]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
                running.stdout.readline()
                time.sleep(chance.uniform(0, 0.3))
                running.kill()
                ended = "kept" in running.stdout.read()
            with kept_in(tmp_path / str(round_), origin="here") as cache:
                entries = sum(held.entries for held in cache.look())
            assert entries == 20_000 if ended else entries in (0, 20_000)
            found.add(entries)
        assert 0 in found


class TestFullDisk:
    def test_no_room__is_said_and_what_was_there_is_found(self, tmp_path):
        """A disk that is full for every file over 60,000 bytes; the log may be longer than the file."""
        with kept_in(tmp_path, origin="here") as cache:
            cache.keep({"a" * 64: b"one"})
        ended = in_child(lambda: leave_room(60_000), lambda: _fill(tmp_path))
        assert "NotMeasured" in ended
        assert f"{tmp_path / FILE}: the cache cannot be used" in ended
        assert "found 1" in ended
        with kept_in(tmp_path, origin="here") as cache:
            cache.keep({"b" * 64: b"two"})
            assert cache.find(["a" * 64, "b" * 64]) == {"a" * 64: b"one", "b" * 64: b"two"}


class TestReadOnly:
    @pytest.fixture
    def place(self):
        """A folder that whoever is not its owner may read, and whose way is open to them."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            yield folder

    def test_finds_and_says_that_it_cannot_keep(self, place):
        with kept_in(place, origin="here") as cache:
            cache.keep({"a" * 64: b"one"})
        place.chmod(0o555)
        (place / FILE).chmod(0o444)
        ended = in_child(_as_nobody, lambda: _fill(place))
        place.chmod(0o755)
        assert "NotMeasured" in ended
        assert "the cache cannot be used" in ended
        assert "found 1" in ended

    def test_without_a_cache_in_it__is_not_measured(self, place):
        place.chmod(0o555)
        ended = in_child(_as_nobody, lambda: _fill(place))
        place.chmod(0o755)
        assert "NotMeasured" in ended
        assert "unable to open database file" in ended


def _as_nobody():
    """Root may write everywhere."""
    if os.getuid() == 0:
        os.setuid(65534)


def _fill(folder):
    """Keep until it fails; say why, and how much of what was there before is still found."""
    with kept_in(folder, origin="here") as cache:
        try:
            for number in range(1_000):
                cache.keep({f"{number:064x}": os.urandom(1_000)})
        finally:
            sys.stdout.write(f"found {len(cache.find(['a' * 64]))}\n")


def in_child(first, then):
    """What a forked copy of this process says that calls both; "" and no error where all went well."""
    heard, spoken = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other tests may have left threads, which this child never needs
        child = os.fork()
    if child == 0:
        sys.stdout = os.fdopen(spoken, "w")
        try:
            first()
            then()
        except BaseException as error:
            sys.stdout.write(f"{type(error).__name__} {error}\n")
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.close(spoken)
    with os.fdopen(heard) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return text
