"""Rollouts and rollbacks: one line each, and twice is the same as once."""

import difflib

import pytest
from drawn_registry import draw, written
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate import registry
from evalgate.errors import RegistryError
from evalgate.judgement.registry_change import changes

TODAY = "2026-11-02"


def lines(before: str, after: str) -> list[str]:
    """The lines that went and came, as `- default: base` and `+ default: v1`, comments left out."""
    told = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    return [f"{line[0]} {' '.join(line[2:].partition('#')[0].split())}" for line in told]


def back(drawn: str, variant: str | None = None):
    """The lines that a rollback of what is drawn changes, and what it says of itself."""
    text = written(draw(drawn))
    done = registry.rollback(text, "f", variant, today=TODAY)
    assert done.changed == (done.text != text)
    assert done.serves == registry.parse(done.text.encode(), "x").features["f"].default
    return lines(text, done.text), done


class TestRollback:
    def test_partial_rollout__is_one_line(self):
        changed, done = back("*base; v1 <base on .25")
        assert changed == ["- on: true", "+ on: false"]
        assert done[1:] == (("v1",), "base", True, "f: the flag of v1 is off, base is the default")

    def test_full_rollout__is_one_line(self):
        changed, done = back("base; *v1 <base off 1")
        assert changed == ["- default: v1", "+ default: base"]
        assert done[1:] == (("v1",), "base", True, "f: base is the default again in place of v1")

    def test_what_rollout_wrote__is_taken_back_to_the_byte_but_for_the_share(self):
        before = written(draw("*base; v1 <base off 0"))
        for share, left in ((0.25, ["- share: 0.0", "+ share: 0.25"]), (1.0, ["- share: 0.0", "+ share: 1.0"])):
            out = registry.set_flag(before, "f", "v1", on=True, share=share)
            assert lines(before, registry.rollback(out, "f", today=TODAY).text) == left

    def test_several_flags_on__are_all_turned_off_and_the_default_stays(self):
        changed, done = back("base; *v1 <base off 1; v2 <v1 on .25; v3 <v1 on .5; v4 <v1 off 0")
        assert changed == ["- on: true", "+ on: false"] * 2
        assert (done.taken_back, done.serves) == (("v2", "v3"), "v1")

    def test_default_of_a_chain__goes_one_step_back_and_no_further(self):
        changed, done = back("base; v1 <base off 1; *v2 <v1 off 1")
        assert changed == ["- default: v2", "+ default: v1"]
        again = registry.rollback(done.text, "f", today=TODAY)
        assert (again.changed, again.text) == (False, done.text)
        assert again.words == "f: v2 was rolled back already, v1 is served; to take back v1 too say --variant v1"
        further = registry.rollback(done.text, "f", "v1", today=TODAY)
        assert (further.serves, further.taken_back) == ("base", ("v1",))

    def test_flag_of_a_variant_judged_against_an_older_default__says_what_once_more_would_do(self):
        changed, done = back("base; *v1 <base off 1; v2 <base on .25")
        assert changed == ["- on: true", "+ on: false"]
        assert done.words.endswith("v1 is the default; once more would take back v1 too")
        assert registry.rollback(done.text, "f", today=TODAY).serves == "base"

    def test_variant_taken_back_before_the_default_moved__is_no_reason_to_do_nothing(self):
        assert back("base; v1 <base off .25; *v2 <base off 1")[0] == ["- default: v2", "+ default: base"]

    def test_variant_that_the_default_replaced__was_not_taken_back(self):
        assert back("base; v1 <base off 1; *v2 <v1 off 1; v3 <v1 off .5")[0] == ["- default: v2", "+ default: v1"]

    def test_plain_base_with_nothing_rolled_out__is_an_error(self):
        for drawn in ("*base", "*base; v1 <base off 0"):
            with pytest.raises(RegistryError, match="f serves base, nothing was rolled out: nothing to roll back"):
                back(drawn)

    def test_plain_base_after_a_rollback__is_no_error(self):
        changed, done = back("*base; v1 <base off .25")
        assert (changed, done.words) == ([], "f: v1 was rolled back already, base is served")

    def test_flag_on_for_nobody__is_not_what_is_taken_back(self):
        assert back("base; *v1 <base off 1; v2 <v1 on 0")[0] == ["- default: v1", "+ default: base"]


class TestWhatTheMarkNeeds:
    def test_default_whose_flag_is_on_too__is_off_afterwards_as_it_would_be_served_still(self):
        changed, done = back("base; *v1 <base on 1")
        assert changed == ["- default: v1", "+ default: base", "- on: true", "+ on: false"]
        assert registry.resolve("f", key="x", registry=registry.parse(done.text.encode(), "x")).variant == "base"

    def test_default_that_never_had_a_share__gets_one_so_that_a_second_rollback_sees_the_first(self):
        changed, done = back("base; v1 <base off 1; *v2 <v1 off 0")
        assert changed == ["- default: v2", "+ default: v1", "- share: 0.0", "+ share: 1.0"]
        assert not registry.rollback(done.text, "f", today=TODAY).changed

    def test_default_without_a_flag__must_be_named_as_nothing_could_note_the_rollback(self):
        with pytest.raises(RegistryError, match="v1 has no flag that could note a rollback: say --variant v1"):
            back("base; *v1 <base")
        assert back("base; *v1 <base", "v1")[0] == ["- default: v1", "+ default: base"]


class TestVariantNamed:
    def test_the_default__moves_though_other_flags_are_on(self):
        changed, done = back("base; *v1 <base off 1; v2 <v1 on .25", "v1")
        assert (changed, done.serves) == (["- default: v1", "+ default: base"], "base")

    def test_one_of_two_flags__is_turned_off_alone(self):
        changed, done = back("*base; v1 <base on .25; v2 <base on .5", "v2")
        assert (changed, done.taken_back) == (["- on: true", "+ on: false"], ("v2",))

    @pytest.mark.parametrize("flag", ["off 0", "off 1", "on 0"])
    def test_one_that_is_not_served__stays(self, flag):
        changed, done = back(f"base; *v1 <base off 1; v2 <v1 {flag}", "v2")
        assert (changed, done.changed, done.words) == ([], False, "f: v2 is not served, there is nothing to take back")

    def test_one_that_does_not_exist__is_named_with_those_that_do(self):
        with pytest.raises(RegistryError, match="f has no variant 'gone'; it has base, v1"):
            back("*base; v1 <base on .25", "gone")

    def test_feature_that_does_not_exist__is_named_with_those_that_do(self):
        with pytest.raises(RegistryError, match="no feature 'g' in the registry; it has f"):
            registry.rollback(written(draw("*base")), "g", today=TODAY)


class TestWhatCannotBeServed:
    @pytest.mark.parametrize(
        ("drawn", "told"),
        [
            ("base until 2026-11-01; *v1 <base off 1; v2 <v1 off 0", "its provider ended on 2026-11-01; could be .*: v2 "),
            ("base; *v1 <gone off 1", "f: v1 was judged against 'gone', which is no other variant of it; could .*: base "),
            ("base; *v1 <v1 off 1", "f: v1 was judged against 'v1', which is no other variant"),
            ("base until 2020-01-01; *v1 off 1", "does not say what it was judged against; could be served instead: none "),
        ],
    )
    def test_target__is_refused_with_the_reason_and_what_is_left(self, drawn, told):
        with pytest.raises(RegistryError, match=told):
            back(drawn)

    def test_last_day__is_still_served(self):
        assert back(f"base until {TODAY}; *v1 <base off 1")[0] == ["- default: v1", "+ default: base"]

    def test_flag__is_turned_off_whatever_the_default_has_left(self):
        assert back("*base until 2020-01-01; v1 <base on .5")[0] == ["- on: true", "+ on: false"]


flags = st.sampled_from(["", " off 0", " off .25", " off 1", " on 0", " on .25", " on 1"])
against = st.sampled_from(["", " <base", " <v1", " <v2", " <v3", " <gone"])
ends = st.sampled_from(["", "", " until 2020-01-01", " until 2030-01-01"])


@st.composite
def drawings(draw_one, judged=against):
    """Any state that somebody may have left a feature in."""
    names = ["base", "v1", "v2", "v3"]
    default = draw_one(st.sampled_from(names))
    parts = [f"{name}{draw_one(judged) if name != 'base' else ''}{draw_one(flags)}{draw_one(ends)}" for name in names]
    return "; ".join("*" + part if part.split()[0] == default else part for part in parts)


@settings(deadline=None)  # a YAML file is read several times
@given(drawings(), st.sampled_from([None, "base", "v1", "v2", "v3"]))
def test_any_rollback__only_lowers_and_touches_no_entry(drawn, variant):
    text = written(draw(drawn))
    try:
        done = registry.rollback(text, "f", variant, today=TODAY)
    except RegistryError:
        return
    found = changes(registry.parse(text.encode(), "x"), registry.parse(done.text.encode(), "x"))
    assert all(change.kind in ("flag", "default") and change.exposure != "raise" for change in found)
    assert bool(found) == done.changed == bool(done.taken_back)


@settings(deadline=None)  # a YAML file is read several times
@given(drawings(), st.sampled_from(["base", "v1", "v2", "v3"]))
def test_rollback_of_a_named_variant__twice_is_the_same_as_once(drawn, variant):
    try:
        once = registry.rollback(written(draw(drawn)), "f", variant, today=TODAY)
    except RegistryError:
        return
    again = registry.rollback(once.text, "f", variant, today=TODAY)
    assert (again.text, again.changed) == (once.text, False)


def judged_against_the_default(drawn: str) -> bool:
    known = draw(drawn).features["f"]
    on = [one for name, one in known.variants.items() if name != known.default and one.flag and one.flag.on and one.flag.share]
    return all(one.judged_against == known.default for one in on)


@settings(deadline=None)  # a YAML file is read several times
@given(drawings().filter(judged_against_the_default))
def test_rollback__twice_is_the_same_as_once(drawn):
    try:
        once = registry.rollback(written(draw(drawn)), "f", today=TODAY)
    except RegistryError:
        return
    again = registry.rollback(once.text, "f", today=TODAY)
    assert (again.text, again.changed) == (once.text, False)
