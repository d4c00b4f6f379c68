"""A value is changed where it stands, and not a byte beside it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate import yamlfile
from evalgate.errors import RegistryError
from evalgate.registry.lines import with_values

WHERE = ("f", "default")
ON, SHARE = ("f", "flag", "on"), ("f", "flag", "share")

comments = st.sampled_from(["", " # why", "     # 'quoted': {x} - y", " #", "   # ünïcode 🙂"])
gaps = st.sampled_from(["", "\n", "# between\n", "      # deep\n\n", "#\n"])
quotes = st.sampled_from(["", "'", '"'])
newlines = st.sampled_from(["\n", "\r\n"])
names = st.text("abcXYZ019._-", min_size=1).filter(
    lambda name: name[0].isalpha() and name[-1].isalnum() and name.lower() not in "yno"
)


@st.composite
def files(draw):
    """A YAML file in somebody's own style, and the number of the line where its default stands."""
    step, deeper = " " * draw(st.integers(1, 6)), " " * draw(st.integers(1, 6))
    quote = draw(quotes)
    head = draw(gaps) + f"version: 1{draw(comments)}\n" + draw(gaps) + f"f:{draw(comments)}\n"
    default = f"{step}default:{' ' * draw(st.integers(1, 3))}{quote}base{quote}{draw(comments)}\n"
    flag = [
        f"{step}flag:{draw(comments)}\n",
        f"{step}{deeper}on:  false{draw(comments)}\n",
        f"{step}{deeper}share: 0.0{draw(comments)}\n",
    ]
    parts = [default, "".join(flag), f"{step}other: [a,  b ]\n"]
    text = head + draw(gaps).join(draw(st.permutations(parts))) + draw(gaps)
    return text.replace("\n", draw(newlines))


def moved(before: str, after: str) -> list[tuple[str, str]]:
    """Pairs of lines that differ, line by line."""
    old, new = before.split("\n"), after.split("\n")
    assert len(old) == len(new)
    return [(one, other) for one, other in zip(old, new, strict=True) if one != other]


class TestValueThatIsThere:
    @settings(deadline=None)  # a YAML file is read several times
    @given(files(), names)
    def test_one_value__is_one_line_and_no_other_byte(self, text, name):
        after = with_values(text, {WHERE: name})
        ((old, new),) = moved(text, after) or [("", "")]
        assert old.partition("default")[0] == new.partition("default")[0]
        assert old.partition("#")[2] == new.partition("#")[2]
        assert yamlfile.load(after).value["f"]["default"] == name

    @settings(deadline=None)  # a YAML file is read several times
    @given(files())
    def test_two_values__are_two_lines(self, text):
        after = with_values(text, {ON: True, SHARE: 0.25})
        assert len(moved(text, after)) == 2
        assert yamlfile.load(after).value["f"]["flag"] == {"on": True, "share": 0.25}

    @settings(deadline=None)  # a YAML file is read several times
    @given(files())
    def test_there_and_back__is_the_same_file_where_no_comment_had_to_move(self, text):
        once = with_values(text, {ON: True})
        back = with_values(once, {ON: False})
        assert back == text or " #" in text

    @given(st.text(min_size=1).filter(lambda text: "\x00" not in text), quotes)
    def test_any_text__is_read_back_as_it_was_meant_or_nothing_is_changed(self, value, quote):
        try:
            after = with_values(f"f: {{default: {quote}base{quote}, x: 1}} # c\n", {WHERE: value})
        except RegistryError:
            assert not value.isprintable()
        else:
            assert yamlfile.load(after).value == {"f": {"default": value, "x": 1}}

    def test_quotes__stay_those_that_stood_there(self):
        text = "f: {default: 'base', x: \"y\"}\n"
        assert with_values(text, {WHERE: "o'clock"}) == "f: {default: 'o''clock', x: \"y\"}\n"
        assert with_values(text, {("f", "x"): "z"}) == "f: {default: 'base', x: \"z\"}\n"

    @pytest.mark.parametrize("name", ["no", "on", "null", "true", "012", "1e5", "1.0", "a: b", "#", "a #b", "y", "a,b", "~"])
    def test_text_that_would_be_read_as_something_else__is_quoted(self, name):
        assert yamlfile.load(with_values("f: {default: base}", {WHERE: name})).value == {"f": {"default": name}}

    def test_block_scalar__becomes_one_line(self):
        text = "f:\n  default: >-\n    base\n\n  # kept\n  x: 1\n"
        assert with_values(text, {WHERE: "v1"}) == "f:\n  default: v1\n\n  # kept\n  x: 1\n"

    def test_byte_order_mark_and_document_start__stay(self):
        text = "\ufeff---\nf: {default: base}\n"
        assert with_values(text, {WHERE: "v1"}) == "\ufeff---\nf: {default: v1}\n"

    def test_keys_that_are_no_text__are_found_by_what_is_written(self):
        assert with_values("1: {true: {012: base}}\n", {("1", "true", "012"): "v1"}) == "1: {true: {012: v1}}\n"

    def test_small_share__is_no_power_of_ten(self):
        assert with_values("f: {flag: {on: true, share: 0.5}}", {SHARE: 0.00001}).endswith("share: 0.00001}}")

    def test_nothing_to_change__changes_nothing(self):
        assert with_values("not: [read", {}) == "not: [read"


class TestValueThatIsNotThere:
    @pytest.mark.parametrize(
        ("text", "after"),
        [
            (
                "f:\n  flag:\n    name: x  # c\n\n  y: 1\n",
                "f:\n  flag:\n    name: x  # c\n    on: true\n    share: 0.5\n\n  y: 1\n",
            ),
            ("f:\n  flag:\n    name: x", "f:\n  flag:\n    name: x\n    on: true\n    share: 0.5"),
            ("f: {flag: { name: x }} # c\n", "f: {flag: { name: x, on: true, share: 0.5 }} # c\n"),
            ("f:\r\n flag:\r\n  name: x\r\n", "f:\r\n flag:\r\n  name: x\r\n  on: true\r\n  share: 0.5\r\n"),
        ],
        ids=["block", "no end of line", "flow", "carriage returns"],
    )
    def test_key__is_put_last_in_its_mapping(self, text, after):
        assert with_values(text, {ON: True, SHARE: 0.5}) == after

    def test_place_that_cannot_be_written__is_told_with_line_and_words_to_write(self):
        with pytest.raises(RegistryError) as refused:
            with_values("f:\n  flag: {}\n", {ON: True}, "m.yaml")
        assert str(refused.value) == "m.yaml:2: f.flag.on cannot be changed as it is written: put `on: true` there"
