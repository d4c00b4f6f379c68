"""What a comment asks for."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.review.commands import NAMES, Command, parse

UNKNOWN = (
    "unknown command: write one of `/evalgate status`, `/evalgate train`, `/evalgate evaluate`, "
    "`/evalgate approve-cost`, `/evalgate cancel`"
)
NEEDS_COMMIT = "`/evalgate approve-cost` needs the commit whose cost you approve, at least twelve digits of it, and nothing else"


@pytest.mark.parametrize("name", sorted({*NAMES} - {"approve-cost"}))
@pytest.mark.parametrize("tail", ["", " ", "   \t", "\r\n", "\n", "\nmore words", "\r\n\r\n> quoted", " " * 1_000])
def test_command__alone_on_the_first_line_is_heard(name, tail):
    assert parse(f"/evalgate {name}{tail}") == Command(name, None)


def test_command__may_have_more_spaces_between():
    assert parse("/evalgate   train") == Command("train", None)


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "\n/evalgate train",
        " /evalgate train",
        "    /evalgate train",
        "\t/evalgate train",
        "> /evalgate train",
        "`/evalgate train`",
        "```\n/evalgate train\n```",
        "~~~\n/evalgate train",
        "<!-- -->\n/evalgate train",
        "- /evalgate train",
        "please /evalgate train",
        "thanks\n/evalgate train",
        "/evalgatetrain",
        "/evalgate-train",
        "/Evalgate train",
        "/evаlgate train",
        "／evalgate train",
        "\ufeff/evalgate train",
        "\u200b/evalgate train",
        "/evalgate\u00a0train",
        "/evalgate\u2028train",
        "/evalgate\x0btrain",
        "\r/evalgate train",
    ],
)
def test_comment__that_only_talks_about_commands_is_none(body):
    assert parse(body) is None


@pytest.mark.parametrize(
    "body",
    [
        "/evalgate",
        "/evalgate ",
        "/evalgate trian",
        "/evalgate TRAIN",
        "/evalgate trаin",
        "/evalgate train\u200b",
        "/evalgate ; rm",
    ],
)
def test_command__that_nobody_knows_is_answered_with_those_that_are(body):
    assert parse(body) == UNKNOWN


@pytest.mark.parametrize("body", ["/evalgate train please", "/evalgate train abcdef1", "/evalgate train --force"])
def test_command__takes_nothing_after_it(body):
    assert parse(body) == "`/evalgate train` takes nothing after it: it is about the pull request's present head"


@pytest.mark.parametrize("commit", ["abcdef123456", "0" * 40, "f" * 64, "ABCDEF123456"])
def test_approve_cost__names_its_commit(commit):
    assert parse(f"/evalgate approve-cost {commit}") == Command("approve-cost", commit.lower())


@pytest.mark.parametrize(
    "more",
    [
        "",
        " abcdef",
        " <commit>",
        " abcdef12345",
        " `abcdef123456`",
        " abcdef123456 abcdef123456",
        " " + "f" * 65,
        " HEAD",
        " ghijklm",
    ],
)
def test_approve_cost__without_a_whole_commit_approves_nothing(more):
    assert parse(f"/evalgate approve-cost{more}") == NEEDS_COMMIT


@pytest.mark.parametrize("more", [" " * 300 + "only joking", " x" * 40_000])
def test_command__a_line_that_is_longer_than_it_is_looked_at_is_none(more):
    assert parse(f"/evalgate train{more}").startswith("`/evalgate train` ")


@pytest.mark.parametrize("body", ["/evalgate " * 20_000, "/evalgate " + "a" * 1_000_000, "/evalgate" + " " * 1_000_000 + "x"])
def test_command__a_very_long_line_costs_no_time(body):
    began = time.perf_counter()
    assert parse(body) == UNKNOWN
    assert time.perf_counter() - began < 0.5


@given(st.text(max_size=80), st.sampled_from(["", "/evalgate", "/evalgate ", "/evalgate train", "/evalgate approve-cost "]))
def test_command__nothing_but_what_can_be_typed_is_heard_and_nothing_foreign_comes_back(text, begin):
    said = parse(begin + text)
    if isinstance(said, Command):
        line = (begin + text).split("\n")[0].split()
        assert line == ["/evalgate", said.name, *([line[2]] if said.commit else [])]
        assert (said.commit is not None) == (said.name == "approve-cost")
    elif said is not None:
        assert said in {UNKNOWN, NEEDS_COMMIT} or said.startswith(tuple(f"`/evalgate {name}` " for name in NAMES))
