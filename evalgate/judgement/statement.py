"""The verdict as a statement that others can verify: in-toto's test result over the adapter and the evidence.

The same entry, manifest and verdict give the same bytes. Who signs them, and with what, is not decided here.
"""

from collections.abc import Iterator

import orjson

from evalgate.errors import RegistryError
from evalgate.records.evidence import MANIFEST, Evidence
from evalgate.records.registry import Located, RegistryEntry
from evalgate.records.statement import Descriptor, DigestSet, Predicate, Statement, Subject, TestOutcome
from evalgate.records.verdict import Outcome, Reason, Verdict

RESULT: dict[Outcome, TestOutcome] = {"pass": "PASSED", "fail": "FAILED", "inconclusive": "WARNED"}
HOLDS = ("improved", "held", "within", "clean", "complete", "stands")
"""States in which a rule was measured and stands in nobody's way; a tie is one of them only where the verdict is pass."""


def statement(
    entry_name: str, entry: RegistryEntry, evidence: Evidence, verdict: Verdict, *, tool: str, url: str | None
) -> Statement:
    """What is to be signed of a registry entry: about its adapter and its manifest, with the verdict as the test result.

    Args:
        entry_name: The entry's name in the registry.
        evidence: The manifest that the entry names.
        tool: EvalGate's version.
        url: Where people read the report; None where nobody can.

    Raises:
        RegistryError: entry, manifest and verdict are not of one candidate, the entry names no evidence, or its name is odd.
    """
    problems = [f"{entry_name!r}: no statement: {problem}" for problem in _problems(entry_name, entry, evidence, verdict)]
    if problems:
        raise RegistryError(*problems)
    named = ((entry_name, entry.adapter), (MANIFEST, entry.evidence))
    passed, warned, failed = _tests(verdict)
    return Statement(
        subject=tuple(Subject(name=name, digest=DigestSet(sha256=found.sha256)) for name, found in named if found),
        predicate=Predicate(
            result=RESULT[verdict.verdict],
            configuration=(*_configuration(entry), Descriptor(name="tool", uri=f"pkg:pypi/evalgate-ft@{tool}")),
            url=url,
            passed_tests=passed,
            warned_tests=warned,
            failed_tests=failed,
        ),
    )


def as_document(found: Statement | Predicate) -> dict[str, object]:
    """The JSON object that other programs read; a field that says nothing is left out."""
    return found.model_dump(mode="json", by_alias=True, exclude_none=True)


def as_bytes(found: Statement | Predicate) -> bytes:
    """The same as bytes, always the same ones: keys in order, one line."""
    return orjson.dumps(as_document(found), option=orjson.OPT_SORT_KEYS) + b"\n"


def checksums(found: Statement) -> bytes:
    """The subjects as sha256sum would list them; `actions/attest` takes several subjects in no other way."""
    return "".join(f"{sha256}  {name}\n" for name, sha256 in found.subjects.items()).encode()


def _problems(entry_name: str, entry: RegistryEntry, evidence: Evidence, verdict: Verdict) -> Iterator[str]:
    if not entry_name.isprintable() or entry_name in ("", MANIFEST):  # it becomes one line of a list
        yield "give the variant a plain name of its own"
    if entry.evidence is None:
        yield "the entry names no evidence: promote it again"
    if evidence.adapter and (entry.adapter is None or entry.adapter.sha256 != evidence.adapter_sha256):
        yield "the manifest is of another adapter than the entry's: look at who changed models.yaml"
    if entry.policy_sha256 != verdict.policy_sha256:
        yield "the verdict was reached under other gate settings than the entry's: take the verdict that the entry rests on"


def _configuration(entry: RegistryEntry) -> Iterator[Descriptor]:
    """What the verdict rests on; what the entry does not know is left out."""
    digests = {
        "policy": entry.policy_sha256,
        "prompt": entry.prompt_sha256,
        "golden": entry.golden_sha256,
        "safety": entry.safety_sha256,
    }
    yield from (Descriptor(name=name, digest=DigestSet(sha256=sha256)) for name, sha256 in digests.items() if sha256)
    if entry.dataset is not None:
        version = {"version": entry.dataset_version} if entry.dataset_version else None
        yield _located("dataset", entry.dataset, version)
    yield _located("base_model", Located(uri=entry.base_model.uri, sha256=entry.base_model.sha256))


def _located(name: str, found: Located, annotations: dict[str, str] | None = None) -> Descriptor:
    return Descriptor(name=name, uri=found.uri, digest=DigestSet(sha256=found.sha256), annotations=annotations)


def _tests(verdict: Verdict) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The rules that hold, those that say neither, and those that made the verdict fail, each in the verdict's order."""
    failed = [rule for rule in verdict.rules if verdict.verdict == "fail" and rule in verdict.reasons]
    others = [rule for rule in verdict.rules if rule not in failed]
    holds = [rule for rule in others if rule.state in HOLDS or (rule.state == "tied" and verdict.verdict == "pass")]
    return _names(holds), _names([rule for rule in others if rule not in holds]), _names(failed)


def _names(rules: list[Reason]) -> tuple[str, ...]:
    return tuple(f"{rule.rule} {rule.scope}" for rule in rules)
