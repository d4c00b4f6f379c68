"""How variants are asked: the `evaluate` part of the policy."""

from typing import Literal

from pydantic import Field, model_validator

from evalgate.records.base import Record

LEAST_PROBED = 50
"""Cases of a latency probe; see DESIGN.md, section 5."""


class Evaluation(Record):
    """How variants are asked."""

    max_new_tokens: int = Field(default=48, ge=1, le=4096, description="longest answer in tokens")
    batch_rows: int = Field(default=128, ge=1, description="cases that are answered side by side, at most")
    batch_tokens: int = Field(
        default=4096, ge=1, description="tokens of their own that the cases of a batch have at most, padding counted"
    )
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="what is computed in; auto: bfloat16 where the processor or the card has it"
    )
    drafts: bool = Field(
        default=True,
        description="where a scorer asks for one exact answer, let one step verify the expected one; answers stay the same",
    )
    engine: Literal["auto", "batches", "continuous"] = Field(
        default="auto", description="what generates; auto: batches, and on a CUDA card whichever answers the first cases faster"
    )
    workers: int = Field(default=1, ge=1, le=4096, description="workers that answer side by side on a Ray cluster")
    cpus_per_worker: float = Field(default=1, gt=0, description="processors of each worker")
    gpus_per_worker: float = Field(default=0, ge=0, description="cards of each worker; a fraction shares one")
    probe_cases: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="golden cases of the latency probe, asked one at a time; 0: no probe, else 50 or more",
    )
    early_stop: bool = Field(default=False, description="look four times while asking, and stop when the verdict is clear")
    price_input_per_million: float | None = Field(default=None, ge=0, description="price of a million prompt tokens")
    price_output_per_million: float | None = Field(default=None, ge=0, description="price of a million answered tokens")

    @model_validator(mode="after")
    def _probe_is_long_enough(self) -> "Evaluation":
        if 0 < self.probe_cases < LEAST_PROBED:
            raise ValueError(f"probe_cases is {self.probe_cases}: a 95th percentile needs at least {LEAST_PROBED} cases")
        return self
