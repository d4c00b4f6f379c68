"""The checks of a whole file."""

import json
import time

import pytest
from drawn_rows import lines, row
from hypothesis import given
from hypothesis import strategies as st

from evalgate.checks import CODES, Row, check_dataset
from evalgate.records.suite import Message


def test_only_well_formed_rows_come_back():
    data = lines(row("u: hi | a: hello", locale="en"), "{", row("u: hi"), row("u: bye | a: goodbye"))
    rows = check_dataset(data, "x.jsonl")[1]
    assert [row.line for row in rows] == [1, 4]
    assert rows[0] == Row(
        1,
        (Message(role="user", content="hi"), Message(role="assistant", content="hello")),
        {"source": "human", "locale": "en"},
    )


def test_a_row_without_metadata_comes_back_with_an_empty_one():
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    assert check_dataset(json.dumps({"messages": turns}).encode(), "x.jsonl")[1][0].metadata == {}


def test_findings_are_in_order_of_line_and_code_and_name_the_file():
    data = lines(row("u: a@acme.es\u200b | a: x"), "{", row("a: "), row("u: b | a: c", source="?"))
    findings = check_dataset(data, "datasets/x.jsonl")[0]
    assert [f"{finding.line} {finding.code}" for finding in findings] == [
        "0 EG603", "1 EG502", "1 EG503", "2 EG102", "3 EG202", "3 EG204",
    ]  # fmt: skip
    assert {finding.path for finding in findings} == {"datasets/x.jsonl"}


def test_every_code_has_a_title_a_severity_and_its_own_check():
    assert list(CODES) == sorted(CODES)
    assert all(code.title and code.severity in ("error", "warning") for code in CODES.values())
    assert len({code.check for code in CODES.values()}) == len(CODES)


HOSTILE = st.text(st.sampled_from('\u202e\u200b\x00\x1b\x7f\u2028\n:#[]{}"\\aа@1 ')) | st.just("::set-output name=x::1")


@given(st.recursive(HOSTILE | st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(HOSTILE, inner)))
def test_no_json_value_makes_the_checks_raise_or_print_what_is_not_safe(value):
    for finding in check_dataset(json.dumps(value).encode(), "x.jsonl")[0]:
        assert finding.message.isprintable() and len(finding.message) <= 300


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), HOSTILE), max_size=5), HOSTILE)
def test_no_row_makes_the_checks_raise_or_print_its_text(turns, note):
    messages = [{"role": role, "content": f"SHIBBOLETH {content}"} for role, content in turns]
    line = json.dumps({"messages": messages, "metadata": {"note": note}}).encode()
    findings, rows = check_dataset(line + b"\n" + line, "x.jsonl", golden={"golden/1": "shibboleth"}, prompt="be kind")
    assert not any("SHIBBOLETH" in finding.message for finding in findings)
    assert all(row.messages[-1].role == "assistant" for row in rows)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_checks_raise(data):
    findings, rows = check_dataset(data, "x.jsonl")
    assert findings or rows


@pytest.mark.parametrize("count", [5_000])
def test_thousands_of_rows_are_checked_in_seconds(count):
    data = lines(*(row(f'u: I was charged twice for A-{i} | a: {{"intent": "refund", "n": {i}}}') for i in range(count)))
    began = time.perf_counter()
    findings, rows = check_dataset(data, "x.jsonl", golden={"golden/1": "give one back"}, prompt="be kind")
    assert (findings, len(rows)) == ([], count)
    assert time.perf_counter() - began < 10
