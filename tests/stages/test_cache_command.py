"""evalgate cache: what is there is told by whose it is; nothing goes without --yes."""

import json
import time

import pytest

from evalgate.kept import FILE, kept_in

NOW = time.time()


@pytest.fixture
def filled(tmp_path):
    """A cache with two answers of ours, used today and 40 days ago, one of a pull request, weights and a stranger's folder."""
    folder = tmp_path / "cache"
    for key, origin, days in (("a", "here", 0), ("b", "here", 40), ("c", "pull/12", 0)):
        with kept_in(folder, origin=origin, now=lambda days=days: NOW - days * 86_400) as cache:
            cache.keep({key * 64: bytes(1_000)})
    for name in ("weights/w", "theirs/x"):
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(bytes(2_500_000))
    return tmp_path


def left(folder):
    with kept_in(folder / "cache", origin="here") as cache:
        return {(one.origin, one.entries) for one in cache.look()}


def test_look__says_whose_how_much_and_since_when_and_changes_nothing(evalgate, filled):
    ended = evalgate(filled, "cache", "--format", "json")
    told = json.loads(ended.out)
    assert ended.code == 0
    assert told["folder"] == str(filled / "cache")
    assert [(one["origin"], one["entries"], one["bytes"]) for one in told["answers"]] == [
        ("here", 2, 2_000),
        ("pull/12", 1, 1_000),
    ]
    assert told["answers"][0]["oldest"] < told["answers"][0]["newest"] <= told["answers"][0]["used"]
    assert told["beside"] == [{"name": "weights", "files": 1, "bytes": 2_500_000}]
    assert "answers.sqlite  here: 2 entries, 2.0 kB, made 20" in ended.err
    assert "weights: 1 files, 2.5 MB" in ended.err
    assert left(filled) == {("here", 2), ("pull/12", 1)}


def test_look_where_nothing_is__makes_nothing(evalgate, tmp_path):
    ended = evalgate(tmp_path, "cache")
    assert (ended.code, ended.out) == (0, "")
    assert "nothing is kept here" in ended.err
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("options", "gone", "stays"),
    [
        (("--older-than", "30d"), 1, {("here", 1), ("pull/12", 1)}),
        (("--older-than", "6w"), 0, {("here", 2), ("pull/12", 1)}),
        (("--largest", "2kB"), 1, {("here", 1), ("pull/12", 1)}),
        (("--largest", "1GiB"), 0, {("here", 2), ("pull/12", 1)}),
        (("--origin", "pull/12"), 1, {("here", 2)}),
        (("--origin", "pull/12", "--older-than", "30d"), 0, {("here", 2), ("pull/12", 1)}),
        (("--everything",), 3, set()),
    ],
)
def test_prune__tells_what_would_go_and_takes_just_that_with_yes(evalgate, filled, options, gone, stays):
    dry = evalgate(filled, "cache", "prune", *options, "--format", "json")
    assert left(filled) == {("here", 2), ("pull/12", 1)}
    assert (filled / "cache/weights/w").exists()
    really = evalgate(filled, "cache", "prune", *options, "--yes", "--format", "json")
    assert (dry.code, really.code) == (0, 0)
    first, second = json.loads(dry.out), json.loads(really.out)
    assert first.pop("removed") is False
    assert second.pop("removed") is True
    assert first == second
    assert first["answers"] == {"entries": gone, "bytes": gone * 1_000}
    assert left(filled) == stays
    assert (filled / "cache/weights").exists() == ("--everything" not in options)
    assert (filled / "cache/theirs/x").exists()


def test_prune_without_yes__says_so(evalgate, filled):
    ended = evalgate(filled, "cache", "prune", "--everything")
    assert "3 answers and scores, 3.0 kB: would be removed" in ended.err
    assert "weights: 1 files, 2.5 MB: would be removed" in ended.err
    assert "nothing was removed: give --yes as well" in ended.err


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--yes",),
        ("--older-than", "30"),
        ("--older-than", "-1d"),
        ("--largest", "1.5GB"),
        ("--largest", "i"),
        ("--largest", "1ib"),
        ("--everything", "--older-than", "30d"),
    ],
)
def test_prune_that_says_nothing_clear__is_wrong_usage_and_takes_nothing(evalgate, filled, options):
    assert evalgate(filled, "cache", "prune", *options).code == 2
    assert left(filled) == {("here", 2), ("pull/12", 1)}


def test_file_that_is_no_cache_of_ours__is_no_verdict(evalgate, tmp_path):
    import sqlite3

    (tmp_path / "cache").mkdir()
    connection = sqlite3.connect(tmp_path / "cache" / FILE)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    ended = evalgate(tmp_path, "cache")
    assert ended.code == 3
    assert "move it away" in ended.err


def test_damaged_file__is_moved_aside_and_its_name_told(evalgate, filled):
    (filled / "cache" / FILE).write_bytes(b"no database" * 999)
    ended = evalgate(filled, "cache", "prune", "--older-than", "30d")
    assert ended.code == 0
    (aside,) = (filled / "cache").glob("answers.damaged-*.sqlite")
    assert str(aside) in ended.err
