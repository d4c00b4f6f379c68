"""What a calibration found: how far a variant is from itself, and what a policy can see on its suites."""

from typing import Literal

from pydantic import Field

from evalgate.records.base import Record, Share

Source = Literal["observed", "asked for", "example"]


class Noise(Record):
    """How often one scope's answers changed when the same variant was asked again."""

    scope: str = Field(description="a suite, a bucket, or safety for all harm suites together")
    n: int = Field(ge=0, description="cases scored both times")
    unmeasured: int = Field(ge=0, description="cases without a score both times")
    flips: int = Field(ge=0, description="cases whose deciding score changed")
    texts: int = Field(ge=0, description="cases whose answer is another text, byte for byte, scored or not")
    rate: float | None = Field(description="flips/n; none at n = 0")
    low: Share = Field(description="lower end of the rate's interval (Clopper-Pearson), at the policy's confidence")
    high: Share = Field(description="its upper end, at the policy's confidence; 1 at n = 0")


class BucketPower(Record):
    """What the policy can see in one bucket, or in one suite of an older task, when flips are this frequent."""

    scope: str = Field(description="the bucket or the suite")
    n: int = Field(ge=0, description="its cases")
    held: Share = Field(description="share of the simulated ties in which it was held")
    smallest_drop: float | None = Field(description="the drop that is found with 80 % power; none: not even a total one")
    cases_to_hold: int = Field(ge=1, description="cases at which a tie is held with 80 % power")


class Simulated(Record):
    """What the policy says of a candidate that is as good as base, when flips are this frequent."""

    discordance: Share = Field(description="share of the golden cases that flip, half of them gains")
    source: Source = Field(description="where the discordance comes from")
    runs: int = Field(ge=1, description="simulated verdicts")
    fails: int = Field(ge=0, description="false alarms: the verdict was fail")
    fails_high: Share = Field(description="upper end of their share, at the policy's confidence (Clopper-Pearson)")
    passes: int = Field(ge=0, description="the verdict was pass; under `require: improvement` a false one")
    improved: int = Field(ge=0, description="overall was called improved, wrongly")
    point_rule_fails: int = Field(ge=0, description="thresholds on point estimates, without tests, would have failed")
    smallest_lift: float | None = Field(
        description="the lift that is called improved with 80 % power; none: not even a total one"
    )
    buckets: tuple[BucketPower, ...] = Field(description="by name, then suites of older tasks")


class BucketSize(Record):
    """Whether a bucket, or a suite of an older task, is large enough to be held at all."""

    scope: str = Field(description="the bucket or the suite")
    n: int = Field(ge=0, description="its cases")
    questions: int = Field(ge=0, description="what they count for: paraphrases of one question taken for one")
    least: int = Field(ge=1, description="cases that it needs to be held even when nothing flips")

    @property
    def can_be_held(self) -> bool:
        """True when it is held if nothing flips."""
        return self.questions >= self.least


class Calibration(Record):
    """What `evalgate calibrate` found."""

    schema_version: Literal[1] = Field(default=1, alias="schema", description="version of this record's shape")
    feature: str = Field(description="the feature")
    variant: str = Field(description="model of the variant that was asked twice")
    varied: tuple[str, ...] = Field(description="what was different when it was asked again")
    identical: bool = Field(description="every answer of the second run is the first one's, byte for byte")
    suites: tuple[Noise, ...] = Field(description="each suite")
    safety: Noise | None = Field(description="all harm suites together; none without one")
    buckets: tuple[Noise, ...] = Field(description="each judged bucket of the golden cases")
    confidence: float = Field(description="the policy's confidence")
    require: str = Field(description="what the policy asks overall: improvement or no_harm")
    margin: float = Field(description="the policy's non-inferiority margin of every bucket, as a share")
    sizes: tuple[BucketSize, ...] = Field(description="each bucket, then each suite of an older task")
    simulated: tuple[Simulated, ...] = Field(description="one a discordance; empty without golden cases")
    left_out: tuple[str, ...] = Field(description="what the policy asks for and the simulation does not draw")
    seed: int = Field(description="seed of the simulation")

    @property
    def unmeasured(self) -> int:
        """Cases that were not scored both times."""
        return sum(noise.unmeasured for noise in self.suites)
