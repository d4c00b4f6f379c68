"""Results files: a minimal header, every faulty line at once, and bytes that come back as they were."""

import json

import pytest

from evalgate.errors import DatasetError
from evalgate.results import MOST_PROBLEMS, content_sha256, parse, serialise

HEADER = '{"record": "header", "schema": 1, "feature": "f", "variant": "base"}'
CASE = '{"case_id": "a", "status": "scored", "scores": {"exact_json": 1}}'
FULL = {
    "case_id": "refund-017",
    "suite": "golden",
    "cluster": "refund-twice",
    "buckets": {"intent": "refund", "locale": "en"},
    "status": "scored",
    "scores": {"exact_json": 1.0, "json_valid": 1.0},
    "output": "...",
    "latency_ms": 41.2,
    "tokens_in": 96,
    "tokens_out": 9,
}


def read(*lines):
    return parse("\n".join(lines).encode(), "r.jsonl")


def refused(*lines):
    with pytest.raises(DatasetError) as error:
        read(*lines)
    return [problem.removeprefix("r.jsonl:") for problem in error.value.problems]


class TestHeader:
    def test_the_least_of_it_is_enough_and_has_no_provenance(self):
        results = read(HEADER, CASE)
        assert (results.header.feature, results.header.variant_name) == ("f", "base")
        assert not results.header.has_provenance

    @pytest.mark.parametrize("field", ["record", "schema", "feature", "variant"])
    def test_less_than_that_is_refused(self, field):
        header = {key: value for key, value in json.loads(HEADER).items() if key != field}
        assert refused(json.dumps(header)) == [f"1: the first line must be a header: `{field}` is missing"]

    def test_of_another_schema_is_refused(self):
        assert refused(HEADER.replace("1", "2"))[0].startswith("1: the first line must be a header: `schema`")

    @pytest.mark.parametrize("first", [CASE, "[]", "5"])
    def test_must_be_the_first_line(self, first):
        assert all(problem.startswith("1: the first line must be a header") for problem in refused(first))

    def test_must_be_there(self):
        assert refused("") == [" empty: the first line must be a header"]

    def test_stands_only_once(self):
        assert "2: unknown field `record`" in refused(HEADER, HEADER)


class TestCases:
    def test_the_line_of_the_design_is_a_case(self):
        (case,) = read(HEADER, json.dumps(FULL)).cases
        assert case.model_dump(mode="json", exclude_none=True) == FULL

    def test_without_a_suite_is_golden(self):
        assert read(HEADER, CASE).cases[0].suite == "golden"

    def test_the_same_id_in_another_suite_is_another_case(self):
        assert len(read(HEADER, CASE, CASE.replace('"a"', '"a", "suite": "safety/x"')).cases) == 2

    @pytest.mark.parametrize(
        ("line", "says"),
        [
            (CASE, "stands twice (first on line 2)"),
            (CASE.replace("1}", "NaN}"), "NaN is not a JSON number"),
            (CASE.replace("1}", "1.01}"), "`scores.exact_json`: Input should be less than or equal to 1"),
            (CASE.replace("1}", "-0.1}"), "`scores.exact_json`: Input should be greater than or equal to 0"),
            (CASE.replace("1}", "null}"), "`scores.exact_json`: Input should be a valid number"),
            (CASE.replace("1}", "true}"), "`scores.exact_json`: Input should be a valid number"),
            ('{"case_id": "b", "status": "scored"}', "`scores` is empty exactly when `status` is not"),
            (CASE.replace("scored", "errored", 1), "`scores` is empty exactly when `status` is not"),
            (CASE.replace("scored", "ok", 1), "`status`: Input should be 'scored', 'unscorable' or 'errored'"),
            ('{"case_id": "b", "status": "errored", "suite": "safty"}', "`suite`: String should match pattern"),
            ('{"case_id": "", "status": "errored"}', "`case_id`: String should have at least 1 character"),
            (
                '{"case_id": "b", "status": "errored", "latency_ms": -1}',
                "`latency_ms`: Input should be greater than or equal to 0",
            ),
            ('{"case_id": "b", "status": "errored", "score": 1}', "unknown field `score`"),
            ('{"case_id": "b", "status": "errored", "status": "scored"}', 'the key "status" stands 2 times'),
            ("", "blank line: remove it"),
            ("{", "not valid JSON"),
        ],
    )
    def test_a_line_that_is_no_case_is_named_with_why(self, line, says):
        (told,) = refused(HEADER, CASE, line, CASE.replace('"a"', '"z"'))
        assert told.startswith("3: ")
        assert says in told

    def test_every_faulty_line_is_told_at_once_but_never_endlessly(self):
        assert [problem.split(":")[0] for problem in refused(HEADER, "[]", CASE, "{", CASE)] == ["2", "4", "5"]
        assert len(refused(HEADER, *["[]"] * 1000)) == MOST_PROBLEMS


class TestBytes:
    def test_come_back_as_they_were(self):
        results = read(HEADER, json.dumps(FULL), CASE)
        assert parse(serialise(results), "r") == results
        assert serialise(parse(serialise(results), "r")) == serialise(results)

    def test_a_digest_is_of_what_was_answered_and_not_of_how_long_it_took(self):
        there = content_sha256(read(HEADER, json.dumps(FULL)))
        assert content_sha256(read(HEADER, json.dumps({**FULL, "latency_ms": 9.0}))) == there
        assert content_sha256(read(HEADER, json.dumps({**FULL, "output": "other"}))) != there
        assert content_sha256(read(HEADER, json.dumps({**FULL, "scores": {"exact_json": 0.0}}))) != there

    def test_a_digest_does_not_depend_on_the_order_of_the_lines(self):
        assert content_sha256(read(HEADER, CASE, json.dumps(FULL))) == content_sha256(read(HEADER, json.dumps(FULL), CASE))
