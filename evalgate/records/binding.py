"""What a training and its verdict are bound to: compared wherever two stages meet."""

import hashlib

from pydantic import Field

from evalgate.records.base import Record, Sha256
from evalgate.records.pull_request import COMMIT

PROVENANCE = {"target", "tool", "candidate", "run", "attempt"}
"""Fields that say where something came from; everything else decides whether it is the same thing."""


class Binding(Record):
    """Every digest behind one judgement."""

    repository: str = Field(description="owner/name")
    pull: int = Field(ge=1, description="the pull request")
    feature: str = Field(description="the feature")
    head: str = Field(pattern=COMMIT, description="the commit that was approved")
    target_branch: str = Field(default="main", description="the branch whose policy, prompts and suites judge")
    target: str = Field(pattern=COMMIT, description="the target branch's commit that policy, prompts and suites came from")
    dataset: str | None = Field(default=None, description="path of the dataset at the head; none where nothing is trained")
    dataset_sha256: Sha256 | None = Field(default=None, description="sha256 of its bytes")
    golden_sha256: Sha256 | None = Field(default=None, description="digest of the golden suite")
    safety_sha256: Sha256 | None = Field(default=None, description="digest over the safety suites")
    policy_sha256: Sha256 = Field(description="digest of the feature's whole policy")
    prompt_sha256: Sha256 = Field(description="digest of the prompt")
    base: str = Field(description="what is served by default: name and digest of the registry entry, or the base model")
    judge: str | None = Field(
        default=None, description="digest over the judge, contenders' files and scorers' own code, where the policy names any"
    )
    tool: str = Field(description="EvalGate's version")
    candidate: Sha256 | None = Field(default=None, description="digest of the adapter, once it exists")
    run: str | None = Field(default=None, description="workflow run and its attempt, as RUN.ATTEMPT")
    attempt: int = Field(default=1, ge=1, description="candidates of the feature judged against this base, this one counted")

    @property
    def key(self) -> str:
        """Names the work: the same key is the same work, and is done once."""
        return hashlib.sha256(self.model_dump_json(exclude=PROVENANCE).encode()).hexdigest()[:16]

    def differs_from(self, other: "Binding", *, whole: bool = False) -> tuple[str, ...]:
        """The fields, in order, in which two bindings are not of the same thing; `whole` compares provenance too."""
        ours, theirs = self.model_dump(), other.model_dump()
        return tuple(name for name in ours if ours[name] != theirs[name] and (whole or name not in PROVENANCE))
