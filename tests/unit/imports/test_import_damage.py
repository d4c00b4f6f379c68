"""Whatever stands in a place of a real file, a reader gives results or refuses: it never breaks, and never loses a case."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written import found, wanted

from evalgate import results
from evalgate.errors import DatasetError
from evalgate.imports import inspect_log, lm_eval_samples, promptfoo_output

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["C", "nan", "\ud800", 10**30]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["value", "id", "a"]), inner, max_size=2),
    max_leaves=3,
)
SUMMARY = found("lm_eval/base/results_*.json")


def few(rows):
    """The first rows only, so that a changed place is one that counts."""
    return rows[:4]


def lm_eval(told):
    content = "\n".join(json.dumps(row) for row in told["rows"]).encode()
    summary = (str(SUMMARY), json.dumps(told["summary"]).encode())
    name = found("lm_eval/base/samples_intent_choice_*.jsonl").name
    return lm_eval_samples.read(content, name, wanted(metric="acc", buckets={"intent": "intent"}, cluster="twin"), summary)


def inspect(told):
    return inspect_log.read(
        json.dumps(told).encode(), "log", wanted(metric="match", buckets={"intent": "intent"}, cluster="twin")
    )


def promptfoo(told):
    asked = wanted(metric="has_intent", provider="base", prompt="short", buckets={"locale": "locale"}, cluster="twin")
    return promptfoo_output.read(json.dumps(told).encode(), "out", asked)


def real():
    """Program -> (reader, what it wrote, shortened, and how many cases that is)."""
    choice = found("lm_eval/base/samples_intent_choice_*.jsonl").read_text().splitlines()
    samples = {"rows": few([json.loads(line) for line in choice]), "summary": json.loads(SUMMARY.read_text())}
    log = json.loads(found("inspect/base.json").read_text())
    log["samples"] = few(log["samples"])
    log["eval"]["dataset"]["sample_ids"] = [sample["id"] for sample in log["samples"]]
    output = json.loads(found("promptfoo/intent.json").read_text())
    rows = output["results"]["results"]
    output["results"]["results"] = few([row for row in rows if row["promptIdx"] == 0])
    output.pop("config")
    return {"lm-eval": (lm_eval, samples), "inspect": (inspect, log), "promptfoo": (promptfoo, output)}


REAL = real()


def places(value, path=()):
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in places(child, (*path, key)))]


@pytest.mark.parametrize("program", list(REAL))
@settings(max_examples=100, deadline=None)
@given(drawn=st.data())
def test_any_damage__is_refused_or_leaves_every_case_in_place(program, drawn):
    read, told = REAL[program]
    place = drawn.draw(st.sampled_from([place for place in places(told) if len(place) > 1]))
    damaged = copy.deepcopy(told)
    inside = damaged
    for key in place[:-1]:
        inside = inside[key]
    if drawn.draw(st.booleans()) and isinstance(inside, dict):
        del inside[place[-1]]
    else:
        inside[place[-1]] = drawn.draw(JSON)
    try:
        imported = read(damaged)
    except DatasetError as error:
        assert error.problems
        return
    again = results.parse(results.serialise(imported.results), "r.jsonl")
    assert again == imported.results
    assert len(again.cases) >= 3
