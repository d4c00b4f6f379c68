"""The journal's files on a branch."""

import pytest

from evalgate.errors import NotMeasured
from evalgate.records.journal import LEDGER, Entry
from evalgate.review import journal_file

HEAD = "a" * 40


def step(key="head/1", name="head", **more):
    return Entry(key=key, step=name, at="2026-11-20T08:00:00Z", pull=12, head=HEAD, **more)


def test_lines__are_read_as_they_were_written():
    entries = (
        step(),
        step("failed/1", "failed", why='bell \x07, "quotes"\nand é\u2028'),
        step("x", "trained", amount=1.5, feature="s"),
    )
    content = None
    for entry in entries:
        content = journal_file.added(content, entry)
    assert journal_file.entries(content, "p") == entries
    assert content.count(b"\n") == 3


def test_lines__one_is_never_written_behind_another():
    assert journal_file.added(b"{}", step()).startswith(b"{}\n{")


def test_lines__of_no_file_are_none():
    assert journal_file.entries(None, "p") == ()


@pytest.mark.parametrize(
    "line", [b"", b"{", b"null", b"[]", b'{"schema": 1}', b'{"key": 1, "key": 2}', b"\xff", b'{"schema": 2, "key": "x"}']
)
def test_lines__that_are_no_step_are_all_named(line):
    good = journal_file.added(None, step())
    with pytest.raises(
        NotMeasured, match=r"^b:pulls/1\.jsonl:2: .*(\n.*)*\nb:pulls/1\.jsonl:4: .*(\n.*)*\nthe journal is written"
    ):
        journal_file.entries(good + line + b"\n" + good + line + b"\n", "b:pulls/1.jsonl")


def test_places__of_the_ledger_are_the_features_too():
    assert journal_file.places(step(feature="support")) == ("pulls/12.jsonl",)
    assert journal_file.places(step(name="merged")) == ("pulls/12.jsonl",)
    for name in LEDGER:
        assert journal_file.places(step(name=name, feature="support")) == ("pulls/12.jsonl", "features/support.jsonl")


def test_places__of_the_journal_are_known_from_all_others():
    assert all(journal_file.holds_steps(path) for path in journal_file.places(step(name="finished", feature="support")))
    assert not any(journal_file.holds_steps(path) for path in ("objects/ab/x.jsonl", "pulls/1.txt", "adapters/pulls/1.jsonl"))


@pytest.mark.parametrize("name", ["", "/x", "x/", "../x", "a/../b", "a//b", ".git/config", "-x", "a b", "a\nb", "é", "a/.b"])
def test_name__that_is_no_plain_path_is_refused(name):
    with pytest.raises(NotMeasured, match="no plain path"):
        journal_file.plain(name)
