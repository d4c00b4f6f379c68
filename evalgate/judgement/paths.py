"""The cheaper paths, held against base before anything is trained: what each one reaches, and what follows for the task."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evalgate.judgement.compare import compare
from evalgate.judgement.paths_advice import ENOUGH_ROWS, LEADS, advise
from evalgate.judgement.paths_reach import Yardstick, base_reached, reached_by
from evalgate.judgement.rendering import render
from evalgate.judgement.wording import points
from evalgate.records.base import digest_over
from evalgate.records.evaluation import EvalResults, Variant
from evalgate.records.paths import PathsDecision, Question, Reached, Teaching
from evalgate.records.policy import FeaturePolicy
from evalgate.records.suite import Suite


class Rows(NamedTuple):
    """What is known of the dataset."""

    rows: int
    reviewed: int
    """Rows that name a reviewer, each once; a claim, until that reviewer approves the commit."""
    sha256: str
    teaching: Teaching | None


class Asked(NamedTuple):
    """Everybody's answers."""

    base: EvalResults
    """What is served today, or the untuned base model."""
    contenders: Mapping[str, EvalResults]
    """Name in the policy -> its results."""
    reference: EvalResults | None = None
    """The untuned base model, where base is itself a fine-tune."""

    @property
    def others(self) -> dict[str, EvalResults]:
        """Everybody but base: the reference first, then contenders."""
        return {**({} if self.reference is None else {"reference": self.reference}), **self.contenders}


def decide_paths(
    asked: Asked,
    feature: FeaturePolicy,
    *,
    suites: Sequence[Suite] = (),
    questions: Sequence[Question] = (),
    dataset: Rows | None = None,
    target: float | None = None,
    policy_path: str = "evalgate.yaml",
) -> PathsDecision:
    """What the paths reach and what follows. Claims hold together at the policy's confidence (Bonferroni over the paths).

    Without a `target` accuracy, a path must be shown to lift base by the policy's `min_lift`.

    Raises:
        PolicyError: the policy names buckets that no case has, or no primary score where there are several.
    """
    base, others = asked.base, asked.others
    claims = len(asked.contenders) + (target is not None)
    against = {
        name: compare(base, _alike(told, base), feature, suites=suites, policy_path=policy_path) for name, told in others.items()
    }
    itself = compare(base, base, feature, suites=suites, policy_path=policy_path)
    yard = Yardstick(feature, itself.primary, target, (1 - feature.gate.confidence) / max(1, claims))
    kinds = {"reference": "reference", **{one.name: one.kind for one in feature.contenders}}
    reached = (
        base_reached(base, itself, yard),
        *(reached_by(name, kinds[name], told, against[name], yard) for name, told in others.items()),
    )
    return _advised(base, yard, reached, questions, dataset)


def _advised(
    base: EvalResults, yard: Yardstick, reached: tuple[Reached, ...], questions: Sequence[Question], dataset: Rows | None
) -> PathsDecision:
    variant = base.header.variant if isinstance(base.header.variant, Variant) else None
    decision = PathsDecision(
        feature=base.header.feature,
        choice="unclear",
        advice=(),
        target=yard.target,
        min_lift=yard.feature.gate.min_lift,
        confidence=yard.feature.gate.confidence,
        alpha=yard.alpha,
        primary=yard.primary,
        reached=reached,
        questions=tuple(questions),
        rows=None if dataset is None else dataset.rows,
        reviewed_rows=None if dataset is None else dataset.reviewed,
        dataset_sha256=None if dataset is None else dataset.sha256,
        teaching=None if dataset is None else dataset.teaching,
        base_model=None if variant is None else variant.model,
        base_sha256=None if variant is None else _variant_sha256(variant),
        suites=base.header.suites,
        results_sha256=digest_over({one.name: one.results_sha256 for one in reached}),
    )
    choice, advice = advise(decision)
    return decision.model_copy(update={"choice": choice, "advice": advice})


def nothing_measured(decision: PathsDecision) -> bool:
    """True when there is nothing to advise on: no contender has a score, or, where none is named, base has none."""
    asked = [one for one in decision.reached if one.kind not in ("base", "reference")]
    return all(one.state == "not measured" for one in asked or decision.reached)


def paths_markdown(decision: PathsDecision) -> str:
    """The decision document; the same decision gives the same bytes."""
    contenders = [one for one in decision.reached if one.kind not in ("base", "reference")]
    return render("paths.md", d=decision, contenders=contenders, at=points, leads=LEADS, enough=ENOUGH_ROWS)


def _alike(told: EvalResults, base: EvalResults) -> EvalResults:
    """The results with base's surroundings: engine and retrieval are what a contender is, not how it was measured."""
    return told.model_copy(update={"header": told.header.model_copy(update={"environment": base.header.environment})})


def _variant_sha256(variant: Variant) -> str:
    parts = {"weights": variant.model_sha256, "adapter": variant.adapter_sha256, "prompt": variant.prompt_sha256}
    return digest_over({name: digest for name, digest in parts.items() if digest is not None})
