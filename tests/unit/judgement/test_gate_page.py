"""docs/gate.md: a section for every rule, and each worked example says what the gate says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from drawn_results import comparison_of, counted, policy_of

from evalgate.judgement.gate import decide
from evalgate.judgement.rules import RULES
from evalgate.records.comparison import Comparison, Contender, Graded, Labelled, Pairs
from evalgate.records.gate_policy import GatePolicy

PAGE = (Path(__file__).resolve().parents[3] / "docs/gate.md").read_text()
EXAMPLES = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
IMPROVED = [40, 0, 440, 20]


def pairs(scope: str, told: Any) -> Pairs:
    """Counts from [gains, losses, right on both, wrong on both], or grades from {"n", "base", "lifts": [[lift, cases], ...]}."""
    if isinstance(told, list):
        return counted(scope, *told)
    lifts = [(float(lift), 1) for lift, cases in told["lifts"] for _ in range(cases)]
    lifts += [(0.0, 1)] * (told["n"] - len(lifts))
    mean = told["base"] + sum(lift for lift, _ in lifts) / told["n"]
    graded = Graded(units=tuple(sorted(lifts)), base=told["base"], candidate=mean)
    return counted(scope, 0, 0, 0, told["n"], graded=graded)


def repeated(rows: list[list[Any]]) -> tuple[tuple[Any, ...], ...]:
    """Rows whose last item says how often they stand there."""
    return tuple(sorted(tuple(row[:-1]) for row in rows for _ in range(row[-1])))


def labelled(name: str, rows: list[list[Any]]) -> Labelled:
    return Labelled(name=name, cells=tuple((None, *row) for row in rows))


def seen(told: dict[str, Any]) -> Comparison:
    """The comparison that an example's line `seen` describes; overall is improved where it says nothing."""
    named = {"classes": labelled, "json_valid": pairs, "safety": pairs, "benign": pairs, "preference": pairs}
    scopes = {"safety": "safety", "benign": "safety/benign"}
    more: dict[str, Any] = {key: make(scopes.get(key, key), told[key]) for key, make in named.items() if key in told}
    many = {"legacy": pairs, "judge": pairs, "fields": labelled}
    more |= {key: tuple(make(name, one) for name, one in told[key].items()) for key, make in many.items() if key in told}
    more |= {key: repeated(told[key]) for key in ("timings", "costs", "confidences", "ranking") if key in told}
    beside = [
        Contender(name=name, kind="prompt", results_sha256="2" * 64, pairs=pairs("overall", row))
        for name, row in told.get("contenders", {}).items()
    ]
    buckets = [pairs(name, row) for name, row in told.get("buckets", {}).items()]
    overall = pairs("overall", told.get("overall", IMPROVED)).model_copy(update={"unmeasured": told.get("unmeasured", 0)})
    incomparable = tuple(told.get("incomparable", ()))
    return comparison_of(overall, *buckets, contenders=tuple(beside), incomparable=incomparable, **more)


def answered(example: str) -> str:
    """The example with what the gate says of it."""
    given = dict(re.findall(r"^(gate|seen|says|verdict) +(.*)$", example, re.MULTILINE))
    verdict = decide(seen(json.loads(given["seen"])), policy_of(json.loads(given["gate"])))
    rule, _, rest = given["says"].partition(" ")
    scope = rest.rpartition(":")[0]
    reason = next(one for one in verdict.rules if (one.rule, one.scope) == (rule, scope))
    figures = [
        f"{name} {value:.4g}"
        for name, value in (
            ("n", reason.n),
            ("observed", reason.observed),
            ("bound", reason.bound),
            ("threshold", reason.threshold),
        )
        if value is not None
    ]
    lines = (
        f"gate     {given['gate']}",
        f"seen     {given['seen']}",
        f"says     {rule} {scope}: {reason.state}; {', '.join(figures)}",
        f"verdict  {verdict.verdict}",
    )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_worked_example__says_what_the_gate_says(example):
    assert example == answered(example)


def test_every_rule__has_a_section_with_an_example():
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    with_examples = {section.split("\n")[0] for section in sections if "```text" in section}
    names = {"f1_per_class": "f1", "f1_per_field": "fields", "buckets": "bucket", "latency": "latency_p95"}
    names |= {"cost": "cost_per_call", "ranking": "auc"}
    assert with_examples == {names.get(rule.__name__, rule.__name__) for rule in RULES}


def test_every_key_of_the_gate__is_on_the_page():
    missing = [name for name in GatePolicy.model_fields if f"`{name}" not in PAGE and f"gate.{name}" not in PAGE]
    assert missing == []
