"""The verdict as others read it: an in-toto Statement v1 whose predicate is a test result, v0.1.

One raw statement: `{"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "ft-v1.1.0", "digest": {"sha256": "…"}}],
"predicateType": "https://in-toto.io/attestation/test-result/v0.1", "predicate": {"result": "PASSED", "configuration": […]}}`

The fields are those of in-toto's specification; what stands in them is ours, and so are the names.
"""

from typing import Final, Literal

from pydantic import Field, field_validator

from evalgate.records.base import Record, Sha256

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://in-toto.io/attestation/test-result/v0.1"

TestOutcome = Literal["PASSED", "WARNED", "FAILED"]


class DigestSet(Record):
    """The digests of one thing; we write one."""

    sha256: Sha256 = Field(description="sha256 in hex")


class Subject(Record):
    """What the statement is about."""

    name: str = Field(min_length=1, description="the registry's name of the variant, or evidence.json")
    digest: DigestSet = Field(description="over the adapter's files, as sha256sum lists them, or of the manifest's bytes")


class Descriptor(Record):
    """One thing that the verdict rests on; has a digest, or a uri where a version says it all."""

    name: str = Field(min_length=1, description="what it is to us, e.g. policy, golden, base_model")
    uri: str | None = Field(default=None, description="what it is to the world, where we know")
    digest: DigestSet | None = Field(default=None, description="its digest, as the registry has it")
    annotations: dict[str, str] | None = Field(default=None, description="what people want to know of it, e.g. version")


class Predicate(Record):
    """The test result."""

    result: TestOutcome = Field(description="PASSED for pass, FAILED for fail, WARNED for inconclusive")
    configuration: tuple[Descriptor, ...] = Field(description="what the verdict rests on, each with its digest")
    url: str | None = Field(default=None, description="where people read the report")
    passed_tests: tuple[str, ...] = Field(default=(), alias="passedTests", description="rules that hold, as `rule scope`")
    warned_tests: tuple[str, ...] = Field(
        default=(), alias="warnedTests", description="rules that were not measured, or show neither harm nor its absence"
    )
    failed_tests: tuple[str, ...] = Field(default=(), alias="failedTests", description="rules that made the verdict fail")


class Statement(Record):
    """What is signed."""

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(
        default=STATEMENT_TYPE, alias="_type", description="version of the envelope"
    )
    subject: tuple[Subject, ...] = Field(min_length=1, description="what it is about; names are unique")
    predicate_type: Literal["https://in-toto.io/attestation/test-result/v0.1"] = Field(
        default=PREDICATE_TYPE, alias="predicateType", description="kind of the predicate"
    )
    predicate: Predicate = Field(description="the test result")

    @field_validator("subject")
    @classmethod
    def _names_are_unique(cls, found: tuple[Subject, ...]) -> tuple[Subject, ...]:
        if len({one.name for one in found}) < len(found):
            raise ValueError("two subjects have one name")
        return found

    @property
    def subjects(self) -> dict[str, Sha256]:
        """What it is about: name -> sha256."""
        return {one.name: one.digest.sha256 for one in self.subject}
