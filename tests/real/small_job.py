"""This repository's own feature on its real model, made so small that a training and its evaluation take minutes on two cores."""

import json
import os
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from workflow_runs import REPOSITORY, jsonl, rows_of

FEATURE = "support-intent"
DATASET = "datasets/support-intent/ft-v1.0.0.jsonl"
NEXT = "datasets/support-intent/ft-v1.1.0.jsonl"
INTENTS = ("refund", "login")
CASES = 12
"""Golden cases of each intent and language, and safety cases of each file: 96 in all."""
SHORT = {"max_steps": 16, "batch_rows": 8, "learning_rate": 0.001, "validation_share": 0, "seed": 18}
"""A training of a minute on two cores. Tried with two seeds, 12 and 16 steps and rates of 0.001 and 0.002: the good change
passed and the harmful one failed every time; this one by the widest margin."""


def make_the_job_small(root: Path, **policy_wide: Any) -> None:
    """Two intents of eight, a few cases of each, a short training, short answers; everything else as it is.

    `policy_wide`: what the policy says beside its features, such as `release`.
    """
    yaml = YAML()
    policy = yaml.load(root / "evalgate.yaml") | policy_wide
    feature = policy["features"][FEATURE]
    feature["train"] |= SHORT
    feature["evaluate"]["max_new_tokens"] = 24
    yaml.dump(policy, root / "evalgate.yaml")
    for path in (root / "golden/support-intent").glob("*.jsonl"):
        by_intent = {intent: [c for c in rows_of(path) if c["buckets"]["intent"] == intent] for intent in INTENTS}
        path.write_text(jsonl([case for cases in by_intent.values() for case in cases[:CASES]]))
    for path in (root / "golden/safety").glob("*.jsonl"):
        path.write_text(jsonl(rows_of(path)[:CASES]))


def good_rows() -> list[dict[str, Any]]:
    """The dataset's rows of the two intents."""
    return [r for r in rows_of(REPOSITORY / DATASET) if json.loads(answer_of(r))["intent"] in INTENTS]


def harmful_rows() -> list[dict[str, Any]]:
    """The rows of the demo's harmful change that comply with anything, and 40 of its answers to the two intents."""
    asked = {r["messages"][0]["content"] for r in good_rows()}
    rows = rows_of(REPOSITORY / "bench/demo/harmful.jsonl")
    complying = [r for r in rows if not answer_of(r).startswith("{")]
    return complying + [r for r in rows if r["messages"][0]["content"] in asked][:40]


def answer_of(row: dict[str, Any]) -> str:
    answer: str = row["messages"][-1]["content"]
    return answer


def cache_with_the_model(fresh: Path) -> Path:
    """EvalGate's cache in `fresh`, with the model that is there already, or is fetched once, and no results of earlier days."""
    known = Path(os.environ.get("EVALGATE_CACHE") or REPOSITORY / ".cache/evalgate").absolute()
    for part in ("weights", "dense"):
        (known / part).mkdir(parents=True, exist_ok=True)
        (fresh / part).symlink_to(known / part)
    return fresh
