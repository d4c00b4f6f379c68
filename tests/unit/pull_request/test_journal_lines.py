"""The journal's lines."""

import hashlib

import pytest

from evalgate.errors import NotMeasured
from evalgate.pull_request import journal_lines
from evalgate.records.journal import LEDGER, Entry

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
        content = journal_lines.added(content, entry)
    assert journal_lines.entries(content, "p") == entries
    assert content.count(b"\n") == 3


def test_lines__one_is_never_written_behind_another():
    assert journal_lines.added(b"{}", step()).startswith(b"{}\n{")


def test_lines__of_no_file_are_none():
    assert journal_lines.entries(None, "p") == ()


@pytest.mark.parametrize(
    "line", [b"", b"{", b"null", b"[]", b'{"schema": 1}', b'{"key": 1, "key": 2}', b"\xff", b'{"schema": 2, "key": "x"}']
)
def test_lines__that_are_no_step_are_all_named(line):
    good = journal_lines.added(None, step())
    with pytest.raises(
        NotMeasured, match=r"^b:pulls/1\.jsonl:2: .*(\n.*)*\nb:pulls/1\.jsonl:4: .*(\n.*)*\nthe journal is written"
    ):
        journal_lines.entries(good + line + b"\n" + good + line + b"\n", "b:pulls/1.jsonl")


def test_places__of_the_ledger_are_the_features_too():
    assert journal_lines.places(step(feature="support")) == ("pulls/12.jsonl",)
    assert journal_lines.places(step(name="merged")) == ("pulls/12.jsonl",)
    for name in LEDGER:
        assert journal_lines.places(step(name=name, feature="support")) == ("pulls/12.jsonl", "features/support.jsonl")


@pytest.mark.parametrize("name", ["", "/x", "x/", "../x", "a/../b", "a//b", ".git/config", "-x", "a b", "a\nb", "é", "a/.b"])
def test_name__that_is_no_plain_path_is_refused(name):
    with pytest.raises(NotMeasured, match="no plain path"):
        journal_lines.plain(name)


def test_files__must_be_what_the_step_names():
    content = b"# Report\n"
    named = step(evidence={"runs/1/report.md": hashlib.sha256(content).hexdigest()})
    journal_lines.check_files(named, {"runs/1/report.md": content})
    with pytest.raises(ValueError, match="another content"):
        journal_lines.check_files(named, {"runs/1/report.md": b"# Another\n"})
    with pytest.raises(ValueError, match="names no such file"):
        journal_lines.check_files(named, {"runs/1/other.md": content})
    with pytest.raises(ValueError, match="own place"):
        journal_lines.check_files(named, {"pulls/12.jsonl": content})


def test_files__larger_than_github_takes_are_refused_with_another_place():
    content = bytes(journal_lines.LARGEST + 1)
    with pytest.raises(NotMeasured, match="keep evidence in another place"):
        journal_lines.check_files(step(evidence={"x.bin": hashlib.sha256(content).hexdigest()}), {"x.bin": content})
