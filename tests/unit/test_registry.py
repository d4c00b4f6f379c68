"""models.yaml: what is served, and edits that touch nothing else."""

import difflib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate import registry
from evalgate.errors import RegistryError
from evalgate.records.registry import BaseModelRef, Flag, Located, Registry, RegistryEntry

SHA = "ab" * 32
BY_HAND = f"""\
# What we serve. Ask ml-support before you touch it.
version: 1

features:
  # the first one we tuned
  triage:
    default: "base"   # not tuned yet
    variants:
      base: {{model: 'm', base_model: {{uri: m, sha256: {SHA}}}, prompt_sha256: {SHA}}}

  f:
    default: base
    variants:
      base:
        model: m
        base_model:
          uri: "m"
          sha256: {SHA}
        prompt_sha256: {SHA}
        approved_by:
        - octocat
        - 'hubot'
        sunset: 2027-01-06  # the provider ends it
      ft-v1:
        model: adapter
        base_model: {{uri: m, sha256: {SHA}}}
        prompt_sha256: {SHA}
        flag:
          name: f-ft-v1
          on: false     # off until Monday
          share: 0.00

# end
"""


def entry(flag: str | None = None, *, on: bool = False, share: float = 0.0, **fields) -> RegistryEntry:
    known = {"model": "m", "base_model": BaseModelRef(uri="m", sha256=SHA), "prompt_sha256": SHA, **fields}
    return RegistryEntry(**known, flag=None if flag is None else Flag(name=flag, on=on, share=share))


def served(**flags: tuple[bool, float]) -> Registry:
    """A registry whose feature f has a base and a variant a flag, each (on, share)."""
    variants = {"base": entry(), **{name: entry(name, on=on, share=share) for name, (on, share) in flags.items()}}
    return Registry.model_validate({"version": 1, "features": {"f": {"default": "base", "variants": variants}}})


def changed(before: str, after: str) -> list[str]:
    """The lines that went and came, such as `["- on: false", "+ on: true"]`."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [f"{line[0]} {line[2:].strip()}" for line in lines if line[0] in "+-"]


class TestResolve:
    def test_flag_off__serves_the_default(self):
        assert registry.resolve("f", key="anyone", registry=served(new=(False, 1.0))).variant == "base"

    def test_flag_on_for_everyone__serves_the_candidate(self):
        assert registry.resolve("f", registry=served(new=(True, 1.0))).variant == "new"

    def test_flag_turned_on_by_the_caller__serves_the_candidate(self):
        assert registry.resolve("f", flags={"new": True}, registry=served(new=(False, 0.0))).variant == "new"

    def test_flag_turned_off_by_the_caller__serves_the_default(self):
        assert registry.resolve("f", flags={"new": False}, registry=served(new=(True, 1.0))).variant == "base"

    def test_no_key__is_served_the_default_while_the_share_is_partial(self):
        assert registry.resolve("f", registry=served(new=(True, 0.99))).variant == "base"

    def test_two_flags_on__the_first_in_the_file_is_served(self):
        assert registry.resolve("f", registry=served(one=(True, 1.0), two=(True, 1.0))).variant == "one"

    @given(st.text(), st.floats(0, 1), st.floats(0, 1))
    def test_share__is_sticky_and_a_larger_one_keeps_everybody_of_the_smaller(self, key, one, other):
        small, large = sorted((one, other))
        before = registry.resolve("f", key=key, registry=served(new=(True, small)))
        again = registry.resolve("f", key=key, registry=served(new=(True, small)))
        after = registry.resolve("f", key=key, registry=served(new=(True, large)))
        assert before == again
        assert after.variant == "new" or before.variant == "base"

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.25, 0.5, 0.9, 1.0])
    def test_share__is_proportional(self, share):
        known = served(new=(True, share))
        on = sum(registry.resolve("f", key=f"user-{n}", registry=known).variant == "new" for n in range(4_000))
        assert on / 4_000 == pytest.approx(share, abs=0.025)

    def test_two_flags__split_their_keys_independently(self):
        one, two = served(one=(True, 0.5)), served(two=(True, 0.5))
        keys = [f"user-{n}" for n in range(2_000)]
        both = sum(all(registry.resolve("f", key=key, registry=known).variant != "base" for known in (one, two)) for key in keys)
        assert both / 2_000 == pytest.approx(0.25, abs=0.04)

    def test_unknown_feature__lists_what_exists(self):
        with pytest.raises(RegistryError, match=r"no feature 'g' in the registry; it has f$"):
            registry.resolve("g", registry=served())

    def test_unknown_flag__lists_what_exists(self):
        with pytest.raises(RegistryError, match=r"f has no flag 'old'; it has one, two$"):
            registry.resolve("f", flags={"old": False}, registry=served(one=(True, 1.0), two=(True, 1.0)))

    def test_key_that_is_no_valid_text__is_still_on_one_side(self):
        known = served(new=(True, 0.5))
        assert registry.resolve("f", key="\udcff", registry=known) == registry.resolve("f", key="\udcff", registry=known)

    def test_a_registry_that_is_not_there_is_said_and_not_made(self, tmp_path):
        with pytest.raises(RegistryError, match="there is no registry"):
            registry.resolve("f", registry=tmp_path / "models.yaml")
        assert list(tmp_path.iterdir()) == []


class TestEdits:
    def test_flag_turned_on_for_some__changes_two_lines(self):
        after = registry.set_flag(BY_HAND, "f", "ft-v1", on=True, share=0.25)
        assert changed(BY_HAND, after) == [
            "- on: false     # off until Monday",
            "+ on: true      # off until Monday",
            "- share: 0.00",
            "+ share: 0.25",
        ]

    @pytest.mark.parametrize(
        "own_style",
        [
            BY_HAND.replace("        - ", "          - "),
            re.sub("^ +", lambda found: found[0] * 2, BY_HAND, flags=re.MULTILINE),
            f"---\n{BY_HAND}",
            f"# first of all\n\n{BY_HAND}",
            BY_HAND.replace("# end\n", ""),
        ],
        ids=["lists indented", "four spaces", "document start", "comment first", "no comment last"],
    )
    def test_file_in_its_own_style__keeps_it(self, own_style):
        after = registry.set_flag(own_style, "f", "ft-v1", on=True, share=0.25)
        assert [line.partition("#")[0].strip() for line in changed(own_style, after)] == [
            "- on: false",
            "+ on: true",
            "- share: 0.00",
            "+ share: 0.25",
        ]

    def test_full_rollout__makes_it_the_default_and_leaves_the_flag_off(self):
        after = registry.set_flag(BY_HAND, "f", "ft-v1", on=True, share=1.0)
        assert changed(BY_HAND, after) == ["- default: base", "+ default: ft-v1", "- share: 0.00", "+ share: 1.0"]
        assert registry.resolve("f", registry=registry.parse(after.encode(), "x")).variant == "ft-v1"

    def test_full_rollout_after_a_partial_one__turns_the_flag_off(self):
        partial = registry.set_flag(BY_HAND, "f", "ft-v1", on=True, share=0.25)
        after = registry.set_flag(partial, "f", "ft-v1", on=True, share=1.0)
        assert registry.parse(after.encode(), "x").features["f"].variants["ft-v1"].flag == Flag(name="f-ft-v1", share=1.0)
        assert registry.set_flag(after, "f", "ft-v1", on=True, share=1.0) == after

    def test_flag_turned_off__keeps_its_share_and_changes_one_line(self):
        partial = registry.set_flag(BY_HAND, "f", "ft-v1", on=True, share=0.25)
        after = registry.set_flag(partial, "f", "ft-v1", on=False)
        assert changed(partial, after) == ["- on: true      # off until Monday", "+ on: false     # off until Monday"]

    @pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
    def test_share_that_is_none__is_refused(self, share):
        with pytest.raises(RegistryError, match="say one between 0 and 1"):
            registry.set_flag(BY_HAND, "f", "ft-v1", on=True, share=share)

    def test_same_flag_twice__is_the_same_as_once(self):
        once = registry.set_flag(BY_HAND, "f", "ft-v1", on=True, share=0.25)
        assert registry.set_flag(once, "f", "ft-v1", on=True, share=0.25) == once

    def test_variant_added__adds_its_lines_and_touches_no_other(self):
        known = registry.parse(BY_HAND.encode(), "models.yaml").features["f"].variants["base"]
        after = registry.add_variant(BY_HAND, "f", "ft-v2", entry("f-ft-v2", owner="ml"), base=("base", known))
        assert changed(BY_HAND, after) == [
            "+ ft-v2:",
            "+ model: m",
            "+ base_model:",
            "+ uri: m",
            f"+ sha256: {SHA}",
            f"+ prompt_sha256: {SHA}",
            "+ owner: ml",
            "+ approved_by: []",
            "+ flag:",
            "+ name: f-ft-v2",
            "+ on: false",
            "+ share: 0.0",
        ]

    def test_feature_added__comes_last_with_the_base_that_was_compared_as_its_default(self):
        after = registry.add_variant(BY_HAND, "g", "ft-v1", entry("g-ft-v1"), base=("base", entry()))
        lines = changed(BY_HAND, after)
        assert all(line.startswith("+") for line in lines)
        assert lines[:4] == ["+ g:", "+ default: base", "+ variants:", "+ base:"]
        assert list(registry.parse(after.encode(), "x").features) == ["triage", "f", "g"]

    def test_same_variant_twice__is_the_same_as_once(self):
        base = ("base", registry.parse(BY_HAND.encode(), "models.yaml").features["f"].variants["base"])
        once = registry.add_variant(BY_HAND, "f", "ft-v2", entry("flag", registered_at="2026-11-02"), base=base)
        assert registry.add_variant(once, "f", "ft-v2", entry("flag", registered_at="2027-11-02"), base=base) == once

    @pytest.mark.parametrize("field", ["owner", "dataset_version", "policy_sha256", "dataset"])
    def test_entry__never_changes(self, field):
        base = ("base", registry.parse(BY_HAND.encode(), "models.yaml").features["f"].variants["base"])
        other = {"policy_sha256": "c" * 64, "dataset": Located(uri="path:x", sha256=SHA)}.get(field, "other")
        once = registry.add_variant(BY_HAND, "f", "ft-v2", entry("flag"), base=base)
        with pytest.raises(RegistryError, match="entries never change"):
            registry.add_variant(once, "f", "ft-v2", entry("flag", **{field: other}), base=base)

    def test_default_that_moved_since_the_comparison__is_refused(self):
        moved = registry.set_flag(BY_HAND, "f", "ft-v1", on=True, share=1.0)
        with pytest.raises(RegistryError, match="f serves 'ft-v1' now, but 'base' was compared"):
            registry.add_variant(moved, "f", "ft-v2", entry("flag"), base=("base", entry()))

    def test_variant_that_does_not_exist__is_named_with_those_that_do(self):
        with pytest.raises(RegistryError, match="f has no variant 'gone'; it has base, ft-v1"):
            registry.set_flag(BY_HAND, "f", "gone", on=True, share=1.0)

    @pytest.mark.parametrize(("on", "share"), [(False, 0.0), (True, 0.5)])
    def test_default__cannot_be_turned_down_because_all_would_still_be_served(self, on, share):
        everyone = registry.set_flag(BY_HAND, "f", "ft-v1", on=True, share=1.0)
        with pytest.raises(RegistryError, match="to everyone by default, whatever its flag says"):
            registry.set_flag(everyone, "f", "ft-v1", on=on, share=share)

    def test_base__can_be_made_the_default_again(self):
        everyone = registry.set_flag(BY_HAND, "f", "ft-v1", on=True, share=1.0)
        back = registry.parse(registry.set_flag(everyone, "f", "base", on=True, share=1.0).encode(), "models.yaml")
        assert back.features["f"].default == "base"
        with pytest.raises(RegistryError, match="has no flag"):
            registry.set_flag(everyone, "f", "base", on=True, share=0.5)

    def test_what_was_written__is_read_back_as_it_was_meant(self):
        hostile = "*not* # a comment: 'x'\n  - \"y\" @team 1e5"
        added = registry.add_variant("", "f", "1.0", entry("flag", owner=hostile), base=("012", entry(owner="no")))
        known = registry.parse(added.encode(), "models.yaml").features["f"]
        assert known.default == "012"
        assert (known.variants["012"].owner, known.variants["1.0"].owner) == ("no", hostile)


class TestStrictReading:
    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ("default: base\n", "default: base\n    default: ft-v1\n", "models.yaml:13: the key 'default' stands twice"),
            ("model: adapter", "model: &x adapter", "models.yaml:25: anchors and aliases are not allowed"),
            ("model: adapter", "model: !!python/name:os.system adapter", "models.yaml:25: the tag"),
            ("model: adapter", "modell: adapter", "models.yaml:25: features.f.variants.ft-v1.modell"),
            ("default: base\n", "default: gone\n", "default 'gone' is not among the variants: base, ft-v1"),
            ("share: 0.00", "share: 1.5", "models.yaml:31: features.f.variants.ft-v1.flag.share"),
            ("share: 0.00", "share: .nan", "models.yaml:31: features.f.variants.ft-v1.flag.share"),
            ("name: f-ft-v1", "name: $(id)", "models.yaml:29: features.f.variants.ft-v1.flag.name"),
            ("on: false ", "on: no ", "models.yaml:30: "),
            ("version: 1", "version: 2", "models.yaml:2: version"),
            ("model: adapter", "model: 99999999999999999999", "models.yaml"),
        ],
    )
    def test_each_fault__is_told_with_its_line(self, old, new, told):
        assert BY_HAND.count(old) == 1
        with pytest.raises(RegistryError) as refused:
            registry.parse(BY_HAND.replace(old, new).encode(), "models.yaml")
        assert told in str(refused.value)

    def test_not_utf_8__is_refused(self):
        with pytest.raises(RegistryError, match="must be UTF-8"):
            registry.parse(b"version: 1 # \xe9", "models.yaml")

    def test_by_hand__is_a_registry(self):
        known = registry.parse(BY_HAND.encode(), "models.yaml")
        assert list(known.features) == ["triage", "f"]
        assert known.features["f"].variants["base"].approved_by == ("octocat", "hubot")
