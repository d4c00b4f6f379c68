"""The keys `contenders:`, `paths:` and `judge:` of evalgate.yaml: what is asked beside base and candidate, and of the task."""

from typing import Literal

from pydantic import Field, model_validator

from evalgate.records.base import Record


class ContenderPolicy(Record):
    """Something cheaper than a fine-tune that is asked the same cases."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,40}$", description="how reports call it")
    kind: Literal["prompt", "retrieval", "structured", "endpoint"] = Field(description="what is different from base")
    prompt: str | None = Field(default=None, description="file with its system prompt; default: the feature's")
    documents: str | None = Field(default=None, description="retrieval: folder with text or Markdown files")
    top: int = Field(default=3, ge=1, le=20, description="retrieval: passages put before the question")
    model: str | None = Field(default=None, description="structured, endpoint: the model's name at the host")
    base_url: str | None = Field(default=None, pattern=r"^https?://", description="structured, endpoint: the host")
    key: str | None = Field(
        default=None, pattern=r"^[A-Z][A-Z0-9_]*$", description="name of the environment variable with the key"
    )

    @model_validator(mode="after")
    def _complete(self) -> "ContenderPolicy":
        needs = {"prompt": ("prompt",), "retrieval": ("documents",)}.get(self.kind, ("model", "base_url"))
        missing = [name for name in needs if getattr(self, name) is None]
        if missing:
            raise ValueError(f"a contender of kind {self.kind!r} needs `{'` and `'.join(missing)}`")
        return self


class Paths(Record):
    """What a team knows of its task before it trains; none: not said yet."""

    must_cite: bool | None = Field(default=None, description="answers must cite their sources")
    facts_change_monthly: bool | None = Field(default=None, description="the facts in answers change more than monthly")
    stable_for_a_year: bool | None = Field(default=None, description="the wanted behaviour will be the same in a year")


class JudgePolicy(Record):
    """The model that judges answers which no rule can."""

    model: str = Field(min_length=1, description="its pinned name at the host; never the base or the candidate")
    base_url: str = Field(pattern=r"^https?://", description="an OpenAI-compatible host")
    key: str | None = Field(
        default=None, pattern=r"^[A-Z][A-Z0-9_]*$", description="name of the environment variable with the key"
    )
    rubric: str | None = Field(default=None, description="file that says what a good answer is; default: faithful and complete")
    mode: Literal["pointwise", "pairwise", "both"] = Field(default="pointwise", description="grades, choices, or both")
    human: str | None = Field(default=None, description="file with grades by people, combined with the judge's")
    timeout_s: float = Field(default=60.0, gt=0, le=600, description="seconds for one reply")
    concurrency: int = Field(default=4, ge=1, le=64, description="requests at a time")
    max_tokens: int = Field(default=300, ge=16, le=4096, description="longest reply")
    price_input_per_million: float | None = Field(default=None, ge=0, description="price of a million prompt tokens")
    price_output_per_million: float | None = Field(default=None, ge=0, description="price of a million answered tokens")
