"""What a change of models.yaml does, told from two states of it: this decides what needs evidence, and what is refused."""

import pytest
from drawn_registry import SHA, draw, entry
from hypothesis import given
from hypothesis import strategies as st

from evalgate.judgement.registry_change import Change, changes
from evalgate.records.registry import BaseModelRef, Flag, Located, Registry, RegistryFeature

OTHER = "cd" * 32
ADAPTER = Located(uri="path:a", sha256=SHA)


def told(before: str, after: str) -> list[tuple[str, str, str]]:
    """(kind, variant, exposure) of every change between two drawings."""
    return [(change.kind, change.variant, change.exposure) for change in changes(draw(before), draw(after))]


def with_entry(known: Registry, variant: str, **fields) -> Registry:
    """The same with fields of one entry of `f` changed, or with a new entry."""
    feature = known.features["f"]
    one = feature.variants[variant].model_copy(update=fields) if variant in feature.variants else entry(**fields)
    return of(feature.model_copy(update={"variants": {**feature.variants, variant: one}}))


def of(feature: RegistryFeature, **others: RegistryFeature) -> Registry:
    return Registry(version=1, features={"f": feature, **others})


class TestFlag:
    @pytest.mark.parametrize(
        ("before", "after", "exposure"),
        [
            ("off 0", "on .25", "raise"),
            ("on .25", "on .5", "raise"),
            ("off 1", "on .0001", "raise"),
            ("on .5", "on .25", "lower"),
            ("on .25", "off .25", "lower"),
            ("on .25", "off 1", "lower"),
            ("on .25", "off 0", "lower"),
            ("on .25", "on 0", "lower"),
            ("off 0", "on 0", "none"),
            ("off 0", "off 1", "none"),
            ("off 1", "off .5", "none"),
        ],
    )
    def test_exposure__is_the_share_while_it_is_on(self, before, after, exposure):
        assert told(f"*base; v1 {before}", f"*base; v1 {after}") == [("flag", "v1", exposure)]

    def test_words__say_both_states(self):
        (change,) = changes(draw("*base; v1 off 0"), draw("*base; v1 on .0725"))
        assert change.words == "f: the flag of v1 was off with a share of 0 % and is on with a share of 7.25 %"

    def test_two_flags__are_two_changes(self):
        assert told("*base; v1 on .5; v2 off 0", "*base; v1 off .5; v2 on .5") == [
            ("flag", "v1", "lower"),
            ("flag", "v2", "raise"),
        ]


class TestDefault:
    def test_full_rollout__is_one_raise_and_a_flag_with_no_exposure_of_its_own(self):
        for flag in ("off 0", "on .25"):
            found = told(f"*base; v1 <base {flag}", "base; *v1 <base off 1")
            assert found == [("flag", "v1", "none"), ("default", "v1", "raise")]

    def test_back_to_what_it_was_judged_against__is_lower(self):
        assert told("base; *v1 <base off 1", "*base; v1 <base off 1") == [("default", "base", "lower")]

    def test_back_by_two__is_lower(self):
        assert told("base; v1 <base off 1; *v2 <v1 off 1", "*base; v1 <base off 1; v2 <v1 off 1") == [
            ("default", "base", "lower")
        ]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("base; *v1 <base off 1; v2 <base off 1", "base; v1 <base off 1; *v2 <base off 1"),
            ("base; *v1 <base off 1; v2 <v1 off 1", "base; v1 <base off 1; *v2 <v1 off 1"),
            ("*base; v1 <base off 1", "base; *v1 <base off 1"),
            ("base; *v1 off 1", "*base; v1 off 1"),
            ("base; *v1 <gone off 1", "*base; v1 <gone off 1"),
            ("base; *v1 <v2 off 1; v2 <v1 off 1", "*base; v1 <v2 off 1; v2 <v1 off 1"),
        ],
        ids=["a sister", "a child", "the first", "no word of it", "a stranger", "a circle"],
    )
    def test_anywhere_else__is_a_raise(self, before, after):
        assert told(before, after)[-1][0::2] == ("default", "raise")

    def test_ancestor_whose_bytes_changed_on_the_way__is_a_raise(self):
        after = with_entry(draw("*base; v1 <base off 1"), "base", prompt_sha256=OTHER)
        assert [change[0::3] for change in changes(draw("base; *v1 <base off 1"), after)] == [
            ("edited", "raise"),
            ("default", "raise"),
        ]

    def test_ancestor_only_by_what_the_change_says_of_itself__is_a_raise(self):
        found = told("base; v1 off 0; *v2 <base off 1", "base; *v1 off 0; v2 <v1 off 1")
        assert found == [("edited", "v2", "raise"), ("default", "v1", "raise")]

    def test_back_with_the_flag_left_on__is_a_raise(self):
        assert told("base; *v1 <base off 1", "*base; v1 <base on 1") == [("flag", "v1", "raise"), ("default", "base", "lower")]

    def test_default_that_is_gone__is_removed_and_moved(self):
        assert told("base; *v1 <base off 1", "*base") == [("removed", "v1", "lower"), ("default", "base", "lower")]


class TestAdded:
    @pytest.mark.parametrize(
        ("flag", "exposure"), [("off 0", "none"), ("on 0", "raise"), ("off .1", "raise"), ("on 1", "raise"), ("", "raise")]
    )
    def test_new_entry__is_hidden_only_with_a_flag_off_and_a_share_of_nothing(self, flag, exposure):
        assert told("*base", f"*base; v1 <base {flag}") == [("added", "v1", exposure)]

    def test_new_entry_that_is_the_default_at_once__is_a_raise(self):
        assert told("*base", "base; *v1 <base off 0") == [("added", "v1", "raise"), ("default", "v1", "raise")]

    def test_new_entry_in_place_of_one_that_goes__is_both(self):
        assert told("*base; v1 <base off 0", "*base; v2 <base off 0") == [("removed", "v1", "lower"), ("added", "v2", "none")]

    def test_new_content_under_an_old_name__is_edited(self):
        after = with_entry(draw("*base; v1 off 0"), "v1", adapter=ADAPTER)
        assert [(c.kind, c.words) for c in changes(draw("*base; v1 off 0"), after)] == [
            ("edited", "f: adapter of v1 changed, and entries never change")
        ]


class TestNewFeature:
    def test_plain_base_and_a_hidden_candidate__begin(self):
        found = changes(Registry(version=1), draw("*base; v1 <base off 0"))
        assert found == (
            Change("began", "f", "base", "none", "f begins, and serves base, m as it is"),
            Change("added", "f", "v1", "none", "f: v1 is added, its flag off with a share of 0 %"),
        )

    @pytest.mark.parametrize(
        "trained",
        [
            {"adapter": ADAPTER},
            {"dataset": ADAPTER},
            {"dataset_version": "v1"},
            {"training_job": "ft-1"},
            {"evidence": ADAPTER},
            {"judged_against": "base"},
            {"flag": Flag(name="x")},
            {"model": "a-tune-of-m"},
            {"base_model": BaseModelRef(uri="other", sha256=SHA)},
        ],
        ids=str,
    )
    def test_default_that_is_more_than_a_base_model__is_a_raise(self, trained):
        found = changes(Registry(version=1), with_entry(draw("*base"), "base", **trained))
        assert [change[0::3] for change in found] == [("added", "raise")]

    def test_candidate_that_is_the_default__is_a_raise_beside_its_base(self):
        after = draw("base; *v1 <base off 0")
        assert [change[0:4] for change in changes(Registry(version=1), after)] == [
            ("added", "f", "base", "raise"),
            ("added", "f", "v1", "raise"),
        ]

    def test_feature_that_goes__is_removed(self):
        assert changes(draw("*base; v1 on 1"), Registry(version=1)) == (
            Change("removed", "f", "", "lower", "the feature f is gone"),
        )

    def test_feature_renamed__is_removed_and_begun(self):
        assert [change[:2] for change in changes(draw("*base"), draw("*base", "g"))] == [("removed", "f"), ("began", "g")]


class TestEdited:
    @pytest.mark.parametrize(
        ("fields", "named"),
        [
            ({"model": "x"}, "model"),
            ({"base_model": BaseModelRef(uri="m", sha256=OTHER)}, "base_model.sha256"),
            ({"base_model": BaseModelRef(uri="x", sha256=OTHER)}, "base_model.uri, base_model.sha256"),
            ({"prompt_sha256": OTHER}, "prompt_sha256"),
            ({"dataset": None}, "dataset"),
            ({"dataset_version": "v2"}, "dataset_version"),
            ({"training_job": "other"}, "training_job"),
            ({"adapter": Located(uri="path:a", sha256=OTHER)}, "adapter.sha256"),
            ({"adapter": Located(uri="path:b", sha256=SHA)}, "adapter.uri"),
            ({"report": ADAPTER}, "report"),
            ({"evidence": ADAPTER}, "evidence"),
            ({"golden_sha256": SHA}, "golden_sha256"),
            ({"safety_sha256": SHA}, "safety_sha256"),
            ({"policy_sha256": SHA}, "policy_sha256"),
            ({"judged_against": "v2"}, "judged_against"),
            ({"owner": "me"}, "owner"),
            ({"approved_by": ("me",)}, "approved_by"),
            ({"registered_at": "2026-11-02"}, "registered_at"),
            ({"sunset": "2026-11-02"}, "sunset"),
            ({"flag": Flag(name="renamed")}, "flag.name"),
            ({"flag": None}, "flag"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_any_field__is_never_changed_and_is_named(self, fields, named):
        before = with_entry(draw("*base; v1 <base off 0"), "v1", adapter=ADAPTER, dataset=ADAPTER)
        (change,) = changes(before, with_entry(before, "v1", **fields))
        assert change == Change("edited", "f", "v1", "raise", f"f: {named} of v1 changed, and entries never change")

    def test_flag_given_to_what_had_none__is_edited(self):
        assert told("*base; v1", "*base; v1 off 0") == [("edited", "v1", "raise")]

    def test_flag_renamed_and_turned_on__is_both(self):
        after = with_entry(draw("*base; v1 off 0"), "v1", flag=Flag(name="x", on=True, share=1.0))
        assert [change[0::3] for change in changes(draw("*base; v1 off 0"), after)] == [("edited", "raise"), ("flag", "raise")]

    def test_two_entries_that_swap_digests__are_both_edited(self):
        before = with_entry(with_entry(draw("*base; v1 off 0; v2 off 0"), "v1", adapter=ADAPTER), "v2", adapter=None)
        swapped = with_entry(with_entry(before, "v1", adapter=None), "v2", adapter=ADAPTER)
        assert [change[0:3] for change in changes(before, swapped)] == [("edited", "f", "v1"), ("edited", "f", "v2")]

    def test_order_of_flags_that_are_on__is_as_good_as_a_share(self):
        (change,) = changes(draw("*base; v1 on 1; v2 on 1"), draw("*base; v2 on 1; v1 on 1"))
        assert change == Change(
            "edited", "f", "v2", "raise", "f: v2 stands before v1 now, and the first flag that is on is served"
        )

    def test_order_of_everything_else__is_free(self):
        assert told("*base; v1 on .5; v2 off 1; v3", "v3; v2 off 1; v1 on .5; *base") == []

    def test_other_features__are_looked_at_too(self):
        one = draw("*base; v1 off 0").features["f"]
        two = draw("*base; v1 on 1").features["f"]
        assert [change[:3] for change in changes(of(one, g=one), of(one, g=two))] == [("flag", "g", "v1")]


names = ["base", "v1", "v2", "v3"]
flags = st.sampled_from(["off 0", "off .25", "off 1", "on 0", "on .25", "on 1"])


@st.composite
def drawings(draw_one):
    """A feature whose variants were judged one against the other in order, in any state of rollout."""
    default = draw_one(st.sampled_from(names))
    parts = [f"v{n} <{names[n - 1]} {draw_one(flags)}" for n in (1, 2, 3)]
    return "; ".join("*" + part if part.split()[0] == default else part for part in ["base", *parts])


steps = st.lists(st.tuples(st.sampled_from(["off", "down", "back"]), st.sampled_from(names), st.floats(0, 1)), max_size=6)


def step_down(known: Registry, what: str, variant: str, factor: float) -> Registry:
    """A flag off, a share down, or the default back by one: whatever of it there is."""
    feature = known.features["f"]
    flag, against = feature.variants[variant].flag, feature.variants[feature.default].judged_against
    if what == "back":
        return known if against is None else of(feature.model_copy(update={"default": against}))
    if flag is None:
        return known
    now = {"on": False} if what == "off" else {"share": flag.share * factor}
    return with_entry(known, variant, flag=flag.model_copy(update=now))


@given(drawings(), steps)
def test_any_way_down__is_lower_only_as_a_whole(drawn, way):
    before = after = draw(drawn)
    for step in way:
        after = step_down(after, *step)
    found = changes(before, after)
    assert all(change.kind in ("flag", "default") and change.exposure != "raise" for change in found)


@given(drawings(), drawings())
def test_two_states__are_one_when_nothing_is_told_and_both_ways_are_never_free(drawn, other):
    one, two = draw(drawn), draw(other)
    assert changes(one, one) == ()
    assert (changes(one, two) == ()) == (one == two)
    there, back = changes(one, two), changes(two, one)
    if any(change.exposure != "none" for change in there):
        assert any(change.exposure == "raise" for change in (*there, *back))


@given(drawings(), st.sampled_from(names), st.sampled_from(names))
def test_digests_swapped__are_edited_on_both(drawn, one, other):
    before = draw(drawn)
    for name in names:
        before = with_entry(before, name, prompt_sha256=SHA[:62] + f"{names.index(name):02}")
    kept = before.features["f"].variants
    after = with_entry(before, one, prompt_sha256=kept[other].prompt_sha256)
    after = with_entry(after, other, prompt_sha256=kept[one].prompt_sha256)
    assert {change.variant for change in changes(before, after) if change.kind == "edited"} == (
        {one, other} if one != other else set()
    )
