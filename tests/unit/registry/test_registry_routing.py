"""resolve: the same answers as a plain reading of the rules, from a table that lives as long as its record."""

import copy
import gc
import hashlib
import subprocess
import sys
import weakref

import pytest
from drawn_registry import draw
from hypothesis import given
from hypothesis import strategies as st

from evalgate import registry
from evalgate.registry import routing

ASK = "import sys, evalgate; evalgate.resolve; print([n for n in ('ruamel', 'torch', 'scipy', 'click') if n in sys.modules])"


def plainly(known, feature, key=None, flags=None):
    """The rules, one after the other, without a table."""
    entry = known.features[feature]
    for name, variant in entry.variants.items():
        flag = variant.flag
        if flag is None or not (flags or {}).get(flag.name, flag.on):
            continue
        share = 1.0 if flag.share == 0 and flag.name in (flags or {}) else flag.share
        place = None if key is None else int.from_bytes(hashlib.sha256(f"{flag.name}\0{key}".encode()).digest()[:8]) % 10_000
        if share >= 1 or (place is not None and place < max(round(share * 10_000, 6), share)):
            return name
    return entry.default


shares = st.one_of(st.sampled_from([0.0, 1e-12, 0.0001, 0.0051, 0.5, 0.9999, 1 - 1e-15, 1.0]), st.floats(0, 1))
states = st.tuples(st.sampled_from(["on", "off"]), shares)


@given(states, states, st.none() | st.text(), st.none() | st.dictionaries(st.sampled_from(["f-v1", "f-v2"]), st.booleans()))
def test_any_answer__is_that_of_the_plain_rules(one, two, key, flags):
    known = draw(f"*base; v1 {one[0]} {one[1]!r}; v2 {two[0]} {two[1]!r}; v3")
    served = registry.resolve("f", key=key, flags=flags, registry=known)
    assert served.variant == plainly(known, "f", key, flags)
    assert served == registry.Served("f", served.variant, known.features["f"].variants[served.variant])


@given(st.integers(0, 10_000))
def test_share__holds_exactly_as_many_places_as_it_says(places):
    held = routing._places(places / 10_000)
    assert [place < held for place in (places - 1, places)] == [True, False]


def test_tiniest_share__is_one_place_and_no_licence_for_a_caller_to_serve_all():
    known = draw("*base; v1 off 1e-12")
    served = [registry.resolve("f", key=f"user-{n}", flags={"f-v1": True}, registry=known).variant for n in range(1_000)]
    assert served.count("v1") < 5
    assert routing._places(1e-12) > 0


def test_share_just_below_one__is_not_served_without_a_key():
    known = draw(f"*base; v1 on {1 - 1e-15!r}")
    assert registry.resolve("f", registry=known).variant == "base"
    assert registry.resolve("f", key="x", registry=known).variant == "v1"


class TestTable:
    def test_copy_with_another_default__answers_otherwise(self):
        known = draw("*base; v1 off 1")
        assert registry.resolve("f", registry=known).variant == "base"
        feature = known.features["f"].model_copy(update={"default": "v1"})
        other = known.model_copy(update={"features": {"f": feature}})
        assert [registry.resolve("f", registry=one).variant for one in (known, other, known)] == ["base", "v1", "base"]

    def test_one_record_under_two_names__answers_with_the_name_that_was_asked(self):
        known = draw("*base; v1 on 1")
        twice = known.model_copy(update={"features": {**known.features, "g": known.features["f"]}})
        assert [registry.resolve(name, registry=twice).feature for name in ("f", "g", "f")] == ["f", "g", "f"]

    def test_record_that_nobody_holds__leaves_nothing_behind(self):
        before = len(routing._PREPARED)
        for _ in range(50):
            known = copy.deepcopy(draw("*base; v1 on .5"))
            registry.resolve("f", key="x", registry=known)
        seen = weakref.ref(known.features["f"])
        del known
        gc.collect()
        assert seen() is None
        assert len(routing._PREPARED) <= before

    def test_many_registries_one_after_the_other__are_never_mistaken_for_each_other(self):
        for turn in range(300):
            default = ("base", "v1")[turn % 2]
            known = draw("*base; v1" if default == "base" else "base; *v1")
            assert registry.resolve("f", registry=known).variant == default


def test_what_answers__needs_no_yaml_reader_and_nothing_heavy():
    done = subprocess.run([sys.executable, "-P", "-c", ASK], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_share__holds_over_many_keys(share):
    known = draw(f"*base; v1 on {share}")
    on = sum(registry.resolve("f", key=f"user-{n}", registry=known).variant == "v1" for n in range(100_000))
    assert on / 100_000 == pytest.approx(share, abs=0.005)
