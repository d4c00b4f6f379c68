"""What all readers share: hostile JSON, names, fields, and what a results file can hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written import refused, wanted

from evalgate import results
from evalgate.imports import document
from evalgate.imports.cases import LONGEST_OUTPUT, Found, chosen, notes_on, results_of, share
from evalgate.imports.document import parse

KEY = "sk-" + "a1b2c3d4e5f6g7h8"


def made(*found, **asked):
    return results_of(found, wanted(**asked), variant="base", score="s", environment={"program": "p"}, path="f")


def one(number=0, **told):
    return Found(**{"place": f"f:{number + 1}", "case_id": f"c{number}", "fields": {}, "asked": ("q",), "score": 1.0, **told})


class TestDocument:
    def test_numbers_that_json_has_not_are_read_as_python_wrote_them(self):
        assert str(parse(b"[NaN, Infinity, -Infinity, 1e999]", "x")) == "[nan, inf, -inf, inf]"

    @pytest.mark.parametrize(
        ("raw", "says"),
        [
            (b"{", "not valid JSON at line 1, column 2"),
            (b'{"a": 1, "a": 2}', "the key 'a' stands twice"),
            (b'{"a": {"b": 1, "b": 1}}', "the key 'b' stands twice"),
            (b"\xff", "byte 0xff at position 1 is not UTF-8"),
            (b"\xef\xbb\xbf{}", "not valid JSON"),
            (b"[" * 100_000, "nested deeper than 200 levels"),
            (b'{"a":' * 300 + b"1" + b"}" * 300, "nested deeper than 200 levels"),
            (b"[" * 201 + b"]" * 201, "nested deeper than 200 levels"),
        ],
    )
    def test_hostile_text_is_refused(self, raw, says):
        assert f"x: {says}" in refused(parse, raw, "x")

    def test_two_hundred_levels_are_read(self):
        assert parse(b"[" * 200 + b"]" * 200, "x")

    def test_a_number_of_a_million_digits_is_infinite_not_slow(self):
        assert parse(b"9" * 1_000_000, "x") == float("inf")

    def test_too_long_and_too_many_parts_are_refused(self, monkeypatch):
        monkeypatch.setattr(document, "MOST_BYTES", 10)
        assert "longer than 10 bytes" in refused(parse, b"[" + b"1," * 10, "x")
        monkeypatch.setattr(document, "MOST_PARTS", 3)
        assert "more than 3 arrays and objects" in refused(parse, b"[[],[],[]]", "x")

    @given(st.binary(max_size=60))
    def test_any_bytes_are_read_or_refused(self, raw):
        try:
            parse(raw, "x")
        except results.DatasetError as error:
            assert error.problems


class TestShare:
    @pytest.mark.parametrize(("value", "score"), [(True, 1.0), (False, 0.0), (0, 0.0), (1, 1.0), (0.25, 0.25), (-0.0, 0.0)])
    def test_what_is_a_share_is_taken(self, value, score):
        assert share(value, "s") == (score, "")
        assert str(share(value, "s")[0]) == str(score)

    @pytest.mark.parametrize("value", [None, "1", "C", [], {}, float("nan"), float("inf"), -0.1, 1.0000001, 2, 10**30])
    def test_what_is_none_is_neither_zero_nor_one(self, value):
        score, why_not = share(value, "s")
        assert score is None
        assert why_not.startswith("s is ")

    def test_a_secret_in_a_value_is_not_shown(self):
        assert KEY not in share([KEY], "s")[1]


class TestCases:
    def test_a_note_is_one_short_masked_line(self):
        note = made(one(score=None, why_not=f"key {KEY} refused\n  at line 3" + "x" * 9_999)).cases[0].note
        assert note == "key [masked: api key] refused"

    def test_the_file_can_be_read_back_whatever_was_answered(self):
        hostile = "\ud800" + "\x00\x1b[31m" + "\U0001f600" * LONGEST_OUTPUT
        long = one(1, output="\x01" * LONGEST_OUTPUT * 2)
        found = made(one(output=hostile, fields={"b": "\udfff"}), long, buckets={"b": "b"})
        again = results.parse(results.serialise(found), "r.jsonl")
        assert again == found
        assert "cut after 100,000 characters" in again.cases[0].note
        assert again.cases[0].scores == {"s": 1.0}

    def test_an_id_that_stands_twice_is_named_with_how_often(self):
        assert "f: the case 'c0' stands 2 times" in refused(made, one(), one())

    def test_no_case_is_no_result(self):
        assert refused(made) == "f: no cases in it"

    @pytest.mark.parametrize("value", [None, [], {}, "", "x" * 201])
    def test_a_field_that_gives_no_id_is_refused(self, value):
        assert "f:1: " in refused(lambda: made(one(fields={"id": value}), identity="id"))

    def test_a_bucket_that_nobody_has_is_refused_with_the_fields_there_are(self):
        told = refused(lambda: made(one(fields={"intent": "a", "locale": "b"}), buckets={"intent": "Intent"}))
        assert told == "f: no case has the field 'Intent' for the bucket 'intent'; the fields are: intent, locale"

    def test_a_bucket_that_some_have_is_left_out_for_the_others_and_said(self):
        found = made(one(fields={"i": "a"}), one(1), buckets={"i": "i"}, cluster="i")
        assert [case.buckets for case in found.cases] == [{"i": "a"}, {}]
        told = notes_on(found, wanted(buckets={"i": "i"}, cluster="i"))
        assert [note.partition(":")[0] for note in told] == ["1 cases have no 'i'", "1 cases have no cluster"]

    @pytest.mark.parametrize("value", [["a"], {"a": 1}, "x" * 201])
    def test_a_bucket_is_a_short_text(self, value):
        found = (one(fields={"i": "a"}), one(1, fields={"i": value}))
        assert "f:2: the field 'i' holds no short text for the bucket 'i'" in refused(lambda: made(*found, buckets={"i": "i"}))

    @pytest.mark.parametrize(("value", "text"), [(3, "3"), (True, "true"), (0.5, "0.5"), ("é", "é")])
    def test_numbers_and_truth_values_are_text_in_a_bucket(self, value, text):
        assert made(one(fields={"a": {"b": value}}), buckets={"i": "a.b"}).cases[0].buckets == {"i": text}

    def test_a_field_with_a_dot_in_its_name_comes_first(self):
        assert made(one(fields={"a.b": "x", "a": {"b": "y"}}), buckets={"i": "a.b"}).cases[0].buckets == {"i": "x"}

    def test_the_suite_is_the_one_that_was_asked_for(self):
        assert made(one(), suite="safety/jailbreak").cases[0].is_safety

    def test_what_was_asked_is_a_condition_and_the_order_is_not(self):
        plain = made(one(), one(1)).header.environment
        assert plain == made(one(1), one()).header.environment
        assert plain != made(one(), one(1, asked=("another",))).header.environment
        assert plain != made(one()).header.environment

    def test_the_header_is_one_that_the_registry_refuses(self):
        header = json.loads(results.serialise(made(one())).splitlines()[0])
        assert header["variant"] == "base"
        assert not made(one()).header.has_provenance


def test_chosen__is_the_only_one_or_the_one_that_is_named():
    assert chosen("metric", None, ["a"], "f") == "a"
    assert chosen("metric", "b", ["a", "b"], "f") == "b"
    assert refused(chosen, "metric", None, [], "f") == "f: there is not one metric: name it with --metric; there are: none"
