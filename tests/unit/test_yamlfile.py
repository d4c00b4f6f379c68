"""The strict reader of YAML."""

import pytest

from evalgate.yamlfile import load


def problems(text):
    """Such as `["2: the key 'a' stands twice"]`, each cut at its first bracket or colon."""
    return [f"{line}: {message.split(' (')[0].split(': ')[0]}" for line, message in load(text).problems]


class TestValues:
    @pytest.mark.parametrize(
        ("written", "value"),
        [
            ("5", 5),
            ("-5", -5),
            ("+12", 12),
            ("0x1F", 31),
            ("0o14", 12),
            ("0.05", 0.05),
            (".5", 0.5),
            ("1e3", 1000.0),
            ("true", True),
            ("False", False),
            ("null", None),
            ("~", None),
            ("", None),
            ("'no'", "no"),
            ('"1.10"', "1.10"),
            ("'012'", "012"),
            ("text", "text"),
            ("[1, two]", [1, "two"]),
            ("{b: {c: 1}}", {"b": {"c": 1}}),
            ("|\n  two\n  lines\n", "two\nlines\n"),
        ],
    )
    def test_are_those_of_yaml_1_2(self, written, value):
        document = load(f"a: {written}")
        assert document.value == {"a": value}
        assert type(document.value["a"]) is type(value)
        assert document.problems == []

    @pytest.mark.parametrize("written", ["yes", "no", "on", "off", "y", "NO", "1:30", "190:20:30", "2026-11-02"])
    def test_of_older_yaml_are_text(self, written):
        assert load(f"a: {written}").value == {"a": written}

    @pytest.mark.parametrize("written", ["012", "-012", "00", "09"])
    def test_with_a_leading_zero_are_no_number_to_anybody(self, written):
        assert load(f"a: {written}").value == {"a": written}

    @pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "---\n"])
    def test_of_an_empty_document_are_none(self, text):
        document = load(text)
        assert (document.value, document.problems) == (None, [])

    @pytest.mark.parametrize("written", ["yes", "on"])
    def test_do_not_depend_on_a_directive_that_asks_for_another_version(self, written):
        document = load(f"%YAML 1.1\n---\na: {written}\n")
        assert document.problems or document.value == {"a": written}


class TestLines:
    TEXT = "version: 1\nfeatures:\n  f:\n    gate:\n      min_lift: 0.1\n    safety:\n    - a\n    - b\n"

    def test_every_key_and_item_knows_its_own(self):
        document = load(self.TEXT)
        lines = {
            path: document.line(path) for path in ((), ("features", "f", "gate", "min_lift"), ("features", "f", "safety", 1))
        }
        assert list(lines.values()) == [1, 5, 8]

    def test_what_is_not_there_is_on_the_line_of_the_nearest_thing_around_it(self):
        document = load(self.TEXT)
        assert document.line(("features", "f", "gate", "absent", 3)) == 4
        assert document.line(("absent",)) == 1


class TestProblems:
    def test_a_key_that_stands_twice_is_named_with_both_lines(self):
        assert load("a: 1\nb: 2\n'a': 3\n").problems == [(3, "the key 'a' stands twice (first on line 1): keep one")]

    def test_the_first_of_two_equal_keys_is_kept(self):
        assert load("a: 1\na: 2\n").value == {"a": 1}

    def test_the_same_key_in_two_mappings_is_fine(self):
        assert problems("a: {x: 1}\nb: {x: 1}\n") == []

    def test_every_problem_is_told_at_once(self):
        assert problems("a: 1\na: 2\nb:\n  c: 1\n  c: 2\n") == ["2: the key 'a' stands twice", "5: the key 'c' stands twice"]

    @pytest.mark.parametrize(
        "text", ["a: !!str 5", "a: !x 5", "!!map {a: 1}", "a: !!python/object:os.system {}", "- !!binary aGk="]
    )
    def test_a_tag_is_refused(self, text):
        (problem,) = load(text).problems
        assert "is not allowed: remove it" in problem[1]

    @pytest.mark.parametrize("text", ["a: &x 1\nb: *x\n", "&x a: 1\nb: *x\n", "a: &x [1]\nb: [*x, *x]\n", "a: &x {<<: *x}\n"])
    def test_anchors_and_aliases_are_refused(self, text):
        assert set(problems(text)) >= {"1: anchors and aliases are not allowed"}
        assert load(text).value is None

    def test_an_alias_bomb_is_refused_and_never_expanded(self):
        bomb = "a: &a [x, x]\n" + "".join(
            f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
        )
        assert load(bomb).value is None

    @pytest.mark.parametrize("text", ["a: 1\n---\nb: 2\n", "a: [1", "\ta: 1", "a: 'x", "a: b: c", "@a: 1", "a: \x00"])
    def test_anything_but_one_document_of_yaml_is_refused_with_its_line(self, text):
        assert any(": not valid YAML" in problem for problem in problems(text))

    def test_a_key_must_be_plain_text(self):
        assert problems("? [a]\n: 1\n") == ["1: a key must be plain text"]

    def test_nesting_without_end_is_a_problem_and_no_traceback(self):
        assert load("[" * 1000 + "]" * 1000).problems

    @pytest.mark.parametrize("base", ["0x", "0o", "0b"])
    def test_a_whole_number_of_thousands_of_digits_is_one_too(self, base):
        assert problems(f"a: {base}{'1' * 9000}") == ["1: a"]

    def test_an_escape_of_no_character_is_one_too(self):
        assert problems('a: 1\nb: "\\U00110000"\n') == ["2: an escape here, or below, names no character"]
