"""verify on a machine: what a change of models.yaml does is derived again, and every link that breaks is named."""

import json
import shutil

import pytest
from commands import run_folder

from evalgate import registry, store
from evalgate.evidence import PathJournal
from evalgate.records.evidence import MANIFEST, object_place
from evalgate.records.registry import BaseModelRef, Flag, Located, Registry, RegistryEntry
from evalgate.stages.opened import manifest_of, read_file

NAME = "ft-v1.0.0"


@pytest.fixture
def promoted(evalgate, passed):
    """A registry with an entry, its evidence beside it, and `before.yaml`, which begins the feature alone."""
    assert evalgate(passed, "registry", "promote", run_folder(passed)).code == 0
    known = read(passed)
    keep(passed, with_variants(known, base=known.features["f"].variants["base"]), "before.yaml")
    return passed


def read(folder, name="models.yaml"):
    return registry.parse((folder / name).read_bytes(), name)


def keep(folder, known, name="models.yaml"):
    """JSON is YAML."""
    (folder / name).write_text(known.model_dump_json(exclude_none=True))


def with_variants(known, **variants):
    named = {name.replace("_", "-", 1).replace("_", "."): entry for name, entry in variants.items()}
    return Registry(version=1, features={"f": known.features["f"].model_copy(update={"variants": named})})


def with_entry(known, name=NAME, **fields):
    feature = known.features["f"]
    variants = {**feature.variants, name: feature.variants[name].model_copy(update=fields)}
    return Registry(version=1, features={"f": feature.model_copy(update={"variants": variants})})


def verified(evalgate, folder, *, before="before.yaml"):
    """Exit code, and link -> words of all that broke."""
    ended = evalgate(folder, "registry", "verify", "--before", before, "--format", "json")
    told = json.loads(ended.out)
    return ended.code, {link["name"]: link["words"] for one in told for link in one["broken"]}


def broken_by(evalgate, folder, **fields):
    keep(folder, with_entry(read(folder), **fields))
    code, links = verified(evalgate, folder)
    assert code == 1
    return links


class TestAnEntry:
    def test_as_it_was_promoted__holds(self, evalgate, promoted):
        assert verified(evalgate, promoted) == (0, {})
        assert evalgate(promoted, "registry", "verify").code == 0

    @pytest.mark.parametrize("field", sorted(RegistryEntry.model_fields))
    def test_with_any_other_field__does_not(self, evalgate, promoted, field):
        other = Located(uri="path:elsewhere", sha256="e" * 64)
        values = {
            "base_model": BaseModelRef(uri="scripted:base.json", sha256="e" * 64),
            "approved_by": ("the-ceo",),
            "registered_at": "2999-01-01T00:00:00Z",
            "sunset": "2020-01-01",
            "flag": Flag(name="another"),
            **dict.fromkeys(("dataset", "adapter", "report", "evidence"), other),
            **dict.fromkeys(("prompt_sha256", "golden_sha256", "safety_sha256", "policy_sha256"), "e" * 64),
        }
        links = broken_by(evalgate, promoted, **{field: values.get(field, "another")})
        assert any(link in (field, f"entry.{field}") for link in links), links

    @pytest.mark.parametrize("moment", [None, "yesterday", "2026-11-20", "2026-11-20T08:00:00+02:00", "2999-01-01T00:00:00Z"])
    def test_of_a_time_that_is_none_or_not_yet__does_not_hold(self, evalgate, promoted, moment):
        assert list(broken_by(evalgate, promoted, registered_at=moment)) == ["entry.registered_at"]

    @pytest.mark.parametrize("flag", [{"on": True}, {"share": 0.1}, {"on": True, "share": 1.0}])
    def test_that_begins_in_front_of_users__does_not_hold(self, evalgate, promoted, flag):
        assert list(broken_by(evalgate, promoted, flag=Flag(name=f"f-{NAME}", **flag))) == ["entry.flag"]

    def test_whose_adapter_was_swapped__does_not_hold(self, evalgate, promoted):
        (weights,) = (promoted / "evidence/adapters").glob("*/adapter_model.safetensors")
        weights.write_bytes(b"another")
        assert "is not the file that was trained" in verified(evalgate, promoted)[1]["adapter"]

    def test_whose_evidence_is_gone__does_not_hold(self, evalgate, promoted):
        shutil.rmtree(promoted / "evidence/objects")
        assert "is missing" in verified(evalgate, promoted)[1]["evidence"]

    @pytest.mark.parametrize("days", [0, 13])
    def test_that_its_provider_ends_in_days__does_not_hold(self, evalgate, promoted, days):
        today = read(promoted).features["f"].variants[NAME].registered_at[:10]
        assert "sunset" in broken_by(evalgate, promoted, sunset=f"{today[:8]}{min(int(today[8:]) + days, 28):02}")


class TestEveryEntry:
    """`registry verify` alone: no word of the evidence is believed that can be derived."""

    def test_that_stands__is_derived_again(self, evalgate, promoted):
        ended = evalgate(promoted, "registry", "verify")
        assert (ended.code, "holds" in ended.err, "changed since" in ended.err) == (0, True, False), ended.err

    def test_whose_results_were_made_up__is_broken_though_every_digest_fits(self, evalgate, promoted):
        keep(promoted, with_entry(read(promoted), evidence=made_up(promoted)))
        ended = evalgate(promoted, "registry", "verify", "--format", "json")
        (told,) = json.loads(ended.out)
        assert ended.code == 1
        assert "scores" in {link["name"] for link in told["broken"]}

    def test_of_other_cases_than_todays__says_that_nobody_derives_it_again(self, evalgate, promoted):
        cases = promoted / "golden" / "f" / "cases.jsonl"
        cases.write_bytes(b"".join(cases.read_bytes().splitlines(keepends=True)[:-1]))
        ended = evalgate(promoted, "registry", "verify")
        assert (ended.code, "cases or gate settings changed since" in ended.err) == (0, True), ended.err


def made_up(folder):
    """Where evidence lies whose candidate is said to be right everywhere, whatever it answered."""
    shelf = PathJournal("path:evidence", root=folder)
    (entry,) = (one for one in read(folder).features["f"].variants.values() if one.evidence)
    manifest = manifest_of(shelf, entry.evidence.sha256)
    name = "candidate.results.jsonl"
    lines = [json.loads(line) for line in read_file(shelf, manifest, name).splitlines()]
    lines = [
        line | ({"scores": dict.fromkeys(line["scores"], 1 - max(line["scores"].values()))} if "scores" in line else {})
        for line in lines
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    false = manifest.model_copy(update={"files": {**manifest.files, name: store.key_of_bytes(content)}})
    told = store.as_json(false)
    shelf.keep({object_place(name, store.key_of_bytes(content)): content, object_place(MANIFEST, store.key_of_bytes(told)): told})
    return Located(uri="path:evidence", sha256=store.key_of_bytes(told))


class TestAFeatureThatBegins:
    def begun(self, evalgate, folder, **fields):
        keep(folder, Registry(version=1), "none.yaml")
        keep(folder, with_entry(read(folder, "before.yaml"), "base", **fields))
        return verified(evalgate, folder, before="none.yaml")

    def test_with_the_policys_base__holds(self, evalgate, promoted):
        assert self.begun(evalgate, promoted) == (0, {})

    @pytest.mark.parametrize(
        ("fields", "link"),
        [
            ({"prompt_sha256": "e" * 64}, "prompt"),
            ({"base_model": BaseModelRef(uri="scripted:base.json", sha256="e" * 64)}, "base"),
            ({"owner": "mallory"}, "entry.owner"),
            ({"approved_by": ("the-ceo",)}, "entry"),
            ({"golden_sha256": "e" * 64}, "entry"),
            ({"registered_at": "2026-11-20T08:00:00Z"}, "entry"),
        ],
    )
    def test_with_anything_else__does_not(self, evalgate, promoted, fields, link):
        code, links = self.begun(evalgate, promoted, **fields)
        assert (code, list(links)) == (1, [link])


class TestExposure:
    def changed(self, evalgate, folder, before, after):
        keep(folder, before, "before.yaml")
        keep(folder, after)
        return verified(evalgate, folder)

    def test_raised__is_proven_by_todays_cases(self, evalgate, promoted):
        known = read(promoted)
        on = with_entry(known, flag=Flag(name=f"f-{NAME}", on=True, share=0.5))
        assert self.changed(evalgate, promoted, known, on) == (0, {})
        cases = promoted / "golden/f/cases.jsonl"
        cases.write_text(cases.read_text().split("\n", 1)[1])
        assert "golden" in self.changed(evalgate, promoted, known, on)[1]

    def test_lowered__needs_neither_evidence_nor_a_policy_that_knows_the_feature(self, evalgate, promoted):
        known = read(promoted)
        on, off = (with_entry(known, flag=Flag(name=f"f-{NAME}", on=one, share=0.5)) for one in (True, False))
        shutil.rmtree(promoted / "evidence")
        policy = promoted / "evalgate.yaml"
        policy.write_text(policy.read_text().replace('"f": {', '"g": {', 1))
        assert self.changed(evalgate, promoted, on, off) == (0, {})

    def test_taken_back_to_what_was_ended__is_refused(self, evalgate, promoted):
        known = with_entry(read(promoted), "base", sunset="2020-01-01")
        feature = known.features["f"].model_copy(update={"default": NAME})
        served = Registry(version=1, features={"f": feature})
        assert list(self.changed(evalgate, promoted, served, known)[1]) == ["sunset"]
