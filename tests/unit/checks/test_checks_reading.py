"""EG101 to EG107."""

import pytest
from drawn_rows import found, lines, row, said

from evalgate.checks import check_dataset

GOOD = row("u: hi | a: hello")


def codes(data):
    return [f"{finding.line} {finding.code}" for finding in check_dataset(data, "x.jsonl")[0]]


def test_a_good_file_has_no_finding():
    assert found(GOOD) == []


def test_an_empty_file_is_one_error_for_the_whole_file():
    (finding,), rows = check_dataset(b"", "x.jsonl")
    assert (finding.code, finding.severity, finding.line) == ("EG102", "error", 0)
    assert finding.message == "no rows: a dataset needs at least one line"
    assert rows == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"\xef\xbb\xbf{}", "EG101"),
        ('{"a": "ñ"}'.encode("latin-1"), "EG101"),
        ('{"a": "x"}'.encode("utf-16"), "EG101"),
        (b"", "EG102"),
        (b"{},", "EG102"),
        (b'{"messages": [], "messages": []}', "EG103"),
        (b"[" * 100_000, "EG104"),
        (b'{"a": NaN}', "EG105"),
        (b'{"a": 1e999}', "EG105"),
        (b'{"a": ' + b"9" * 5000 + b"}", "EG105"),
        (b'{"a": "\x00"}', "EG106"),
        (b'{"a": "\\u0007"}', "EG106"),
        (b'{"a": "\\ud800"}', "EG106"),
        (b'"' + b"x" * (1 << 20) + b'"', "EG107"),
    ],
)
def test_each_fault_of_reading_has_its_code_on_its_line(line, code):
    assert codes(lines(GOOD) + line + b"\n" + lines(row("u: bye | a: goodbye"))) == [f"2 {code}"]


def test_crlf_and_no_final_newline_are_fine():
    assert codes(GOOD.encode() + b"\r\n" + row("u: bye | a: goodbye").encode()) == []


def test_separators_inside_text_leave_line_numbers_exact():
    data = lines(row("u: x | a: y")).replace(b"x", "x\u2028\u0085".encode()) + b"\n"
    assert codes(data) == ["2 EG102"]


def test_a_secret_in_a_duplicate_key_is_masked():
    key = "sk-" + "a1" * 12
    assert said(f'{{"{key}": 1, "{key}": 2}}') == 'the key "[masked: api key]" stands 2 times in one object: keep one'
