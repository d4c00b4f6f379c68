"""The strict reader of JSON lines."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate import jsonl
from evalgate.jsonl import MAX_DEPTH, MAX_LINE

JSON_TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters=[chr(c) for c in range(32)]))
JSON_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | JSON_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(JSON_TEXT, inner, max_size=4),
    max_leaves=20,
)


def kinds(data):
    return [line.problem.kind if line.problem else "ok" for line in jsonl.read(data)]


def message(data):
    (line,) = jsonl.read(data)
    return line.problem.message


def lines_of(data):
    pieces = data.split(b"\n")
    return len(pieces) - (pieces[-1] == b"")


class TestLines:
    def test_no_bytes_are_no_lines(self):
        assert kinds(b"") == []

    def test_a_missing_final_newline_is_fine(self):
        assert list(jsonl.read(b'{"a": 1}\n{"a": 2}')) == list(jsonl.read(b'{"a": 1}\n{"a": 2}\n'))

    def test_crlf_is_fine_and_blank_lines_are_not(self):
        assert kinds(b'{"a": 1}\r\n\r\n \t\n\n{"a": 2}\r\n') == ["ok", "blank", "blank", "blank", "ok"]

    @pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085"])
    def test_unicode_separators_inside_text_do_not_end_a_line(self, separator):
        data = f'{{"a": "x{separator}y"}}\n{{"a": 2}}\n'.encode()
        assert [(line.number, line.value) for line in jsonl.read(data)] == [(1, {"a": f"x{separator}y"}), (2, {"a": 2})]

    def test_vertical_tab_does_not_end_a_line_but_is_a_control_character(self):
        assert kinds(b'"x\x0by"\n1\n') == ["control", "ok"]

    def test_carriage_returns_alone_do_not_end_a_line(self):
        assert kinds(b'{"a": 1}\r{"a": 2}\r') == ["syntax"]

    def test_numbers_start_at_one_and_survive_problems(self):
        assert [line.number for line in jsonl.read(b"1\n\n{\n4")] == [1, 2, 3, 4]

    def test_null_is_a_value_and_no_problem(self):
        assert list(jsonl.read(b"null")) == [jsonl.Line(1, None, None)]

    @given(st.binary(max_size=400))
    def test_any_bytes_give_one_line_per_newline_and_never_raise(self, data):
        lines = list(jsonl.read(data))
        assert [line.number for line in lines] == list(range(1, lines_of(data) + 1))
        assert all(line.problem is None or line.value is None for line in lines)
        assert all(line.problem is None or line.problem.message.isprintable() for line in lines)

    @given(st.lists(st.sampled_from([b"\n", b'"', b"{", b"}", b"[", b",", b":", b"\\u0000", b"\\", b"1e999", b"NaN", b"\xff"])))
    def test_any_pieces_of_json_never_raise(self, pieces):
        data = b"".join(pieces)
        assert len(list(jsonl.read(data))) == lines_of(data)

    @given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
    def test_chunks_cut_anywhere_read_like_the_whole(self, data, cuts):
        bounds = [0, *sorted(cuts), len(data)]
        chunks = [data[a:b] for a, b in pairwise(bounds)]
        assert list(jsonl.read(chunks)) == list(jsonl.read(data))

    @given(st.lists(JSON_VALUE, max_size=4), st.booleans())
    def test_every_sane_value_is_read_back(self, values, ascii_only):
        data = "".join(json.dumps(value, ensure_ascii=ascii_only) + "\n" for value in values).encode()
        if "\\u00" not in data.decode() and "\\b" not in data.decode() and "\\f" not in data.decode():
            assert [line.value for line in jsonl.read(data)] == values


class TestEncoding:
    @pytest.mark.parametrize(
        ("data", "says"),
        [
            ('{"a": 1}'.encode("utf-8-sig"), "begins with UTF-8's mark"),
            ('{"a": 1}'.encode("utf-16"), "begins with UTF-16's or UTF-32's mark"),
            (b"\xfe\xff" + '{"a": 1}'.encode("utf-16-be"), "begins with UTF-16's mark"),
            ('{"a": 1}'.encode("utf-16-le"), "looks like UTF-16"),
            ('{"a": 1}'.encode("utf-16-be"), "looks like UTF-16"),
            ('{"a": 1}'.encode("utf-32"), "begins with UTF-16's or UTF-32's mark"),
            ('{"a": "año"}'.encode("latin-1"), "byte 0xf1 at position 9 is not UTF-8"),
            (b'{"a": "\xed\xa0\x80"}', "byte 0xed at position 8 is not UTF-8"),
        ],
    )
    def test_other_encodings_are_named(self, data, says):
        assert kinds(data) == ["encoding"]
        assert message(data).startswith("must be UTF-8 without a byte-order mark: ")
        assert says in message(data)

    def test_a_mark_in_the_middle_of_joined_files_is_found(self):
        assert kinds(b'1\n\xef\xbb\xbf{"a": 1}\n') == ["ok", "encoding"]


class TestSyntax:
    @pytest.mark.parametrize(
        "data",
        [
            b'{"a": 1},',
            b'{"a": 1,}',
            b"{'a': 1}",
            b'{"a": 1} {"b": 2}',
            b"{",
            b'{"a"',
            b"// note",
            b'"\\x"',
            b"01",
            b"+1",
        ],
    )
    def test_anything_but_one_json_value_is_a_problem(self, data):
        assert kinds(data) == ["syntax"]

    def test_says_where_and_what_to_do(self):
        assert message(b'{"a": 1},') == "not one JSON value: more follows at column 9; write one object a line"
        assert message(b'{"a" 1}') == "not valid JSON at column 6 (Expecting ':' delimiter): correct the line"


class TestDuplicateKeys:
    def test_a_key_that_stands_twice_is_named(self):
        assert kinds(b'{"role": 1, "role": 1}') == ["duplicate_key"]
        assert message(b'{"a": [{"role": 1, "role": 2}]}') == ('the key "role" stands 2 times in one object: keep one')

    def test_an_escaped_spelling_is_the_same_key(self):
        assert kinds(b'{"a": 1, "\\u0061": 2}') == ["duplicate_key"]

    def test_the_same_key_in_two_objects_is_fine(self):
        assert kinds(b'{"a": {"a": 1}, "b": {"a": 2}}') == ["ok"]

    def test_a_long_or_odd_key_is_shown_short_and_escaped(self):
        key = "\u202e\x7f" + "k" * 500
        shown = message(f'{{"{key}": 1, "{key}": 2}}'.encode())
        assert "\\u202e\\u007fkkk" in shown
        assert len(shown) < 120
        assert shown.isprintable()


class TestDepth:
    @pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
    def test_the_cap_is_exact(self, opening, closing):
        def nested(depth):
            return (opening * depth + "1" + closing * depth).encode()

        assert kinds(nested(MAX_DEPTH)) == ["ok"]
        assert kinds(nested(MAX_DEPTH + 1)) == ["depth"]

    def test_a_hundred_thousand_brackets_are_a_problem_and_no_traceback(self):
        assert kinds(b"[" * 100_000) == ["depth"]
        assert kinds(b"[" * 100_000 + b"]" * 100_000 + b"\n1") == ["depth", "ok"]

    def test_many_brackets_side_by_side_or_in_text_are_fine(self):
        assert kinds(b"[" + b",".join([b"[]"] * 1000) + b"]") == ["ok"]
        assert kinds(json.dumps(["[" * 1000, 'quote " and backslash \\', "{" * 1000]).encode()) == ["ok"]


class TestNumbers:
    @pytest.mark.parametrize(
        "text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5000, str(2**64), str(-(2**63) - 1)]
    )
    def test_a_number_that_others_cannot_hold_is_a_problem(self, text):
        assert kinds(f'{{"a": [{text}]}}'.encode()) == ["number"]
        assert len(message(text.encode())) < 120

    @pytest.mark.parametrize("value", [2**64 - 1, -(2**63), 0, 1.5e300, -0.25])
    def test_a_number_that_fits_is_exact(self, value):
        assert next(jsonl.read(str(value).encode())).value == value

    def test_their_names_inside_text_are_fine(self):
        assert kinds(b'["NaN", "1e999", "Infinity"]') == ["ok"]


class TestCharacters:
    @pytest.mark.parametrize("code", [c for c in range(32) if c not in (9, 10, 13)])
    def test_control_characters_are_problems_raw_and_escaped(self, code):
        assert kinds(b'{"a": "x%cy"}' % code) == ["control"]
        assert kinds(b'{"a": "x\\u%04xy"}' % code) == ["control"]
        assert kinds(b'{"a": 1%c}' % code) == ["control"]

    @pytest.mark.parametrize("data", [b'"a\tb"', b'"a\rb"', b'"a\\bb"', b'"a\\fb"', b'{"\\u0000": 1}'])
    def test_raw_tabs_in_text_short_escapes_and_keys_count_too(self, data):
        assert kinds(data) == ["control"]

    def test_tab_newline_and_return_may_stand_escaped(self):
        assert next(jsonl.read(b'"\\t\\n\\r \\u0009\\u000a\\u000A\\u000D"')).value == "\t\n\r \t\n\n\r"

    def test_an_escaped_backslash_before_u_is_plain_text(self):
        assert next(jsonl.read(rb'"\\u0000 \\ud800 \\b"')).value == r"\u0000 \ud800 \b"

    def test_messages_never_carry_the_character(self):
        assert message(b'"\x1b[31m"') == (
            "control character U+001B at column 2: remove it; only \\t, \\n and \\r may stand in text, escaped"
        )
        assert message(b'"a\tb"').startswith("control character U+0009 at column 3")

    @pytest.mark.parametrize("text", [r"\ud800", r"\uDFFF", r"\ud83d x", r"\ude00\ud83d", r"\ud83d\ud83d\ude00", r"\ud83dA"])
    def test_half_a_surrogate_pair_is_a_problem(self, text):
        assert kinds(f'"{text}"'.encode()) == ["surrogate"]
        assert kinds(f'{{"{text}": 1}}'.encode()) == ["surrogate"]

    def test_a_whole_pair_is_fine(self):
        assert next(jsonl.read(rb'"\ud83d\ude00 \uD83D\uDE00"')).value == "😀 😀"


class TestLength:
    def test_the_cap_is_exact_and_the_next_line_is_read(self):
        fits = b'"' + b"x" * (MAX_LINE - 2) + b'"'
        assert kinds(fits + b"\n1") == ["ok", "ok"]
        assert kinds(fits + b" \n1") == ["too_long", "ok"]

    def test_an_endless_line_is_not_held(self):
        chunks = (b"x" * MAX_LINE for _ in range(200))
        assert kinds(chunks) == ["too_long"]

    def test_a_line_of_nuls_is_a_problem_of_length_before_all_else(self):
        assert kinds(b"\0" * (MAX_LINE + 1)) == ["too_long"]


class TestParse:
    def test_a_text_of_many_lines_is_one_value(self):
        assert jsonl.parse('{\n  "a": 1\r\n}') == ({"a": 1}, None)

    def test_the_rules_are_those_of_a_line(self):
        assert jsonl.parse('{"a": 1, "a": 2}')[1].kind == "duplicate_key"
        assert jsonl.parse("")[1].kind == "syntax"
