"""Golden and safety files become suites; every problem at once, each with file and line."""

import json

import pytest

from evalgate.errors import DatasetError
from evalgate.suites import golden_suite, safety_suites, suites_of, suites_sha256


def case(name="a", **fields):
    """One line; a field that is None is left out."""
    known = {"id": name, "input": "where is my money", "expected": {"intent": "refund"}, **fields}
    return json.dumps({key: value for key, value in known.items() if value is not None})


def lines(*cases):
    return "".join(f"{line}\n" for line in cases).encode()


def refused(**files):
    """The problems of golden files by their stems."""
    with pytest.raises(DatasetError) as error:
        golden_suite({f"golden/{stem}.jsonl": content for stem, content in files.items()})
    return list(error.value.problems)


class TestGolden:
    def test_cases_of_all_files_are_one_suite_in_the_order_of_their_names(self):
        suite = golden_suite({"golden/b.jsonl": lines(case("3")), "golden/a.jsonl": lines(case("1"), case("2"))})
        assert (suite.name, [case.id for case in suite.cases]) == ("golden", ["1", "2", "3"])

    def test_input_or_messages_are_what_is_asked(self):
        said = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "yes?"},
            {"role": "user", "content": "refund"},
        ]
        suite = golden_suite({"g": lines(case("1", input="hi"), case("2", input=None, messages=said))})
        assert [[turn.content for turn in case.turns] for case in suite.cases] == [["hi"], ["hi", "yes?", "refund"]]

    def test_the_digest_is_of_the_bytes_and_not_of_the_names(self):
        there = golden_suite({"a": lines(case("1"))}).sha256
        assert golden_suite({"z": lines(case("1"))}).sha256 == there
        assert golden_suite({"a": lines(case("1", expected="other"))}).sha256 != there


class TestProblems:
    def test_a_case_id_that_stands_twice_is_named_with_both_places(self):
        assert refused(en=lines(case("1"), case("2")), es=lines(case("3"), case("2"))) == [
            "golden/es.jsonl:2: the case id '2' stands twice (first at golden/en.jsonl:2): rename one"
        ]

    def test_an_empty_file_is_refused(self):
        (told,) = refused(en=lines(case()), es=b"")
        assert told.startswith("golden/es.jsonl: no cases in it")

    def test_invalid_json_is_named_with_its_line(self):
        (told,) = refused(en=lines(*(case(str(number)) for number in range(40)), '{"id": "40", oops}'))
        assert told.startswith("golden/en.jsonl:41: not valid JSON at column 14")

    @pytest.mark.parametrize(
        ("line", "says"),
        [
            (case(expected=None), "a case needs an expectation: `expected` is missing"),
            ('{"id": "a", "input": "q", "expected": null}', "a case needs an expectation: `expected` is null"),
            (case(input=None), "a case has either `input` or `messages`"),
            (case(messages=[{"role": "user", "content": "hi"}]), "a case has either `input` or `messages`"),
            (case(input=None, messages=[]), "a case has either `input` or `messages`"),
            (case(input=""), "`input`: String should have at least 1 character"),
            (case(name=""), "`id`: String should have at least 1 character"),
            (case(name=7), "`id`: Input should be a valid string"),
            (case(expectd=1), "unknown field `expectd`"),
            (case(buckets={"intent": 1}), "`buckets.intent`: Input should be a valid string"),
            ('{"id": "a", "id": "b", "input": "q", "expected": 1}', 'the key "id" stands 2 times'),
            ('{"id": "a", "input": "q", "expected": NaN}', "NaN is not a JSON number"),
            ("[]", "Input should be an object"),
            ("", "blank line: remove it"),
        ],
    )
    def test_a_line_that_is_no_case_is_named_with_why(self, line, says):
        (told,) = refused(en=lines(case("first"), line))
        assert told.startswith("golden/en.jsonl:2: ")
        assert says in told

    def test_every_problem_of_every_file_is_told_at_once(self):
        told = refused(en=lines("[]", case(), case()), es=b"", fr=lines(case("b", expected=None, extra=1)))
        assert [problem.split(": ")[0] for problem in told] == [
            "golden/en.jsonl:1",
            "golden/en.jsonl:3",
            "golden/es.jsonl",
            "golden/fr.jsonl:1",
            "golden/fr.jsonl:1",
        ]


class TestSafety:
    def test_each_file_is_a_suite_named_after_it(self):
        suites = safety_suites({"golden/safety/jailbreak.jsonl": lines(case()), "golden/safety/benign.jsonl": lines(case())})
        assert [suite.name for suite in suites] == ["safety/benign", "safety/jailbreak"]

    def test_the_same_case_id_in_two_suites_is_fine_and_in_two_files_of_one_suite_is_not(self):
        assert len(safety_suites({"a/x.jsonl": lines(case()), "a/y.jsonl": lines(case())})) == 2
        with pytest.raises(DatasetError, match=r"^b/x.jsonl:1: the case id 'a' stands twice \(first at a/x.jsonl:1\)"):
            safety_suites({"a/x.jsonl": lines(case()), "b/x.jsonl": lines(case())})

    @pytest.mark.parametrize("name", ["my attacks", "prueba-ñ", "a,b"])
    def test_a_file_whose_name_cannot_name_a_suite_is_a_problem_and_no_traceback(self, name):
        with pytest.raises(DatasetError, match=name):
            safety_suites({f"golden/safety/{name}.jsonl": lines(case())})

    def test_problems_of_golden_and_safety_are_told_together(self):
        with pytest.raises(DatasetError) as error:
            suites_of({"golden": {"g": b""}, "safety/x": {"s": b""}})
        assert len(error.value.problems) == 2

    def test_the_digest_over_suites_does_not_depend_on_their_order(self):
        suites = safety_suites({"x.jsonl": lines(case()), "y.jsonl": lines(case("b"))})
        digests = [(suite.name, suite.sha256) for suite in suites]
        assert suites_sha256(dict(digests)) == suites_sha256(dict(reversed(digests))) != suites_sha256(dict(digests[:1]))
