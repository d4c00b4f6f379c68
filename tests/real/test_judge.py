"""A judge's whole work over HTTP: the traffic is held against OpenAI's own description, and a killed run loses no reply."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from judge_server import ChatServer, completion_of, error_body, honest, obeys, prefers_the_first
from openai.types.chat import ChatCompletion

from evalgate import results as results_files
from evalgate.errors import NotMeasured
from evalgate.records.beside_policy import JudgePolicy
from evalgate.records.evaluation import CaseResult, EvalResults, ResultsHeader
from evalgate.records.suite import Case, Suite
from evalgate.scorers.judging import read_grade, read_preference
from evalgate.stages.judging import bill, judge_pairwise, judge_pointwise, open_judge, self_test

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTION = ROOT.parent / "shared" / "specs" / "openai-openapi.json"
THINGS = ("kettle", "toaster", "lamp", "drill", "tent", "scarf", "clock", "radio", "bench", "mirror")
CASES = tuple(
    Case(
        id=f"{thing}-{n}",
        input=f"Where does the {thing} {n} go?",
        expected=f"Your {thing} {n} goes to shelf number {n} of {thing}s.",
    )
    for n in range(4)
    for thing in THINGS
)
SUITE = Suite(name="golden", sha256="d" * 64, cases=CASES)
ONE_RUN = """
import json, sys
sys.path[:0] = json.loads(sys.argv[2])
import test_judge
test_judge.grade_all(sys.argv[1], sys.argv[3])
"""


def answered(variant, every):
    """Results in which every n-th answer is wrong."""
    outputs = ["Ask somebody else." if number % every == 0 else str(case.expected) for number, case in enumerate(CASES)]
    return EvalResults(
        header=ResultsHeader(record="header", schema_version=1, feature="f", variant=variant),
        cases=tuple(CaseResult(case_id=c.id, status="unscorable", output=o) for c, o in zip(CASES, outputs, strict=True)),
    )


def policy_at(url, **fields):
    return JudgePolicy(**{"model": "judge-1", "base_url": url, "mode": "both", "timeout_s": 20.0, **fields})


def grade_all(url, cache):
    """One run: the self-test, then every grade."""
    judge = open_judge(policy_at(url, mode="pointwise", concurrency=2), rubric=None, key=None, cache=Path(cache))
    try:
        return judge_pointwise(CASES, answered("base", 5), self_test(judge, SUITE))
    finally:
        judge.chat.close()


def whole_story(server, **fields):
    """Self-test, grades of both sides, and choices."""
    judge = open_judge(policy_at(server.url, **fields), rubric=None, key=None)
    base, candidate = answered("base", 4), answered("candidate", 10)
    try:
        proven = self_test(judge, SUITE)
        graded = [judge_pointwise(CASES, side, proven) for side in (base, candidate)]
        return judge, graded, judge_pairwise(CASES, *graded, proven)
    finally:
        judge.chat.close()


def test_story__grades_and_choices_come_from_the_replies_that_are_kept():
    with ChatServer(honest) as server:
        judge, (base, candidate), chosen = whole_story(server, price_input_per_million=1.0, price_output_per_million=4.0)
    for side in (base, candidate):
        again = results_files.parse(results_files.serialise(side), "r")
        assert [read_grade(case.replies["judge"]).value for case in again.cases] == [c.scores["judge"] for c in side.cases]
    assert sum(case.scores["judge"] for case in base.cases) == 30
    assert sum(case.scores["judge"] for case in candidate.cases) == 36
    both = [(read_preference(one.base_first or ""), read_preference(one.candidate_first or "")) for one in chosen.cases]
    assert both.count(("second", "first")) == 8, "the candidate wins where base alone was wrong"
    assert both.count(("first", "second")) == 2
    assert sum(one.identical for one in chosen.cases) == 30
    paid = bill(judge)
    assert (paid.requests, paid.unmetered) == (server.calls, 0)
    assert paid.money == pytest.approx(server.calls * (100 * 1.0 + 10 * 4.0) / 1e6)


@pytest.mark.parametrize("say", [obeys, prefers_the_first], ids=lambda say: say.__name__)
def test_story__ends_at_the_self_test_of_a_judge_that_is_none(say):
    with ChatServer(say) as server:
        with pytest.raises(NotMeasured, match="failed its self-test"):
            whole_story(server)
        assert server.calls == 15, "no case was sent"


def test_story__of_a_host_with_many_faults_has_the_same_end():
    with ChatServer(honest) as server:
        _, calm, chosen = whole_story(server)
    faults = ["", "500", "", "disconnect", "429:0", "", "malformed", "", "cut", "503", "html"] * 20
    with ChatServer(honest) as server:
        server.faults = faults
        judge = open_judge(policy_at(server.url, concurrency=1), rubric=None, key=None, pauses=(0.0, 0.0, 0.0))
        proven = self_test(judge, SUITE)
        graded = [judge_pointwise(CASES, answered(*side), proven) for side in (("base", 4), ("candidate", 10))]
        again = judge_pairwise(CASES, *graded, proven)
        judge.chat.close()
    assert [side.cases for side in graded] == [side.cases for side in calm]
    assert again.cases == chosen.cases


def test_killed_run__loses_no_reply_that_was_paid_for(tmp_path):
    def slowly(body):
        time.sleep(0.02)
        return honest(body)

    with ChatServer(slowly) as server:
        folders = json.dumps([str(ROOT), str(ROOT / "tests" / "real")])
        command = [sys.executable, "-P", "-c", ONE_RUN, server.url, folders, str(tmp_path)]
        with subprocess.Popen(command, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}) as run:
            until = time.monotonic() + 60
            while len(list(tmp_path.rglob("*.json"))) < 10 and time.monotonic() < until:
                time.sleep(0.01)
            run.send_signal(signal.SIGKILL)
        kept = len(list(tmp_path.rglob("[0-9a-f]*.json")))
        assert 10 <= kept < len(CASES)
        while server.now and time.monotonic() < until:  # what the killed run had asked is still being answered
            time.sleep(0.01)
        before = server.calls
        graded = grade_all(server.url, tmp_path)
        assert server.calls - before == 7 + len(CASES) - kept, "the self-test, and what was not asked yet"
    assert {case.status for case in graded.cases} == {"scored"}


@pytest.fixture(scope="module")
def breach():
    """The first breach of a schema of the description, or None."""
    if not DESCRIPTION.is_file():
        pytest.skip(f"OpenAI's description is not at {DESCRIPTION}")
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    whole = Resource.from_contents(json.loads(DESCRIPTION.read_text()), DRAFT202012)
    registry = Registry().with_resource("urn:openai", whole)

    def first(schema, value):
        found = {"$ref": f"urn:openai#/components/schemas/{schema}"}
        return next(iter(Draft202012Validator(found, registry=registry).iter_errors(value)), None)

    return first


class TestDescription:
    """OpenAI's own description of what is sent and of what comes back."""

    def test_it_sees_a_wrong_request(self, breach):
        assert breach("CreateChatCompletionRequest", {"model": "m", "messages": []}) is not None
        assert breach("CreateChatCompletionRequest", {"messages": [{"role": "user", "content": "x"}]}) is not None
        assert breach("CreateChatCompletionResponse", {"choices": []}) is not None

    def test_every_request_of_a_story_is_one_and_every_reply_too(self, breach):
        with ChatServer(honest) as server:
            server.refuses = ["temperature"]
            whole_story(server)
        assert server.calls > 80
        for seen in server.log:
            assert breach("CreateChatCompletionRequest", seen.body) is None
            assert breach("CreateChatCompletionResponse" if seen.status == 200 else "ErrorResponse", seen.answered) is None

    def test_the_server_s_own_shapes_are_openai_s(self, breach):
        call = {"id": "1", "type": "function", "function": {"name": "refund", "arguments": "{}"}}
        message = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
        for said in ("hi", message):
            assert breach("CreateChatCompletionResponse", completion_of(said, "m")) is None
            ChatCompletion.model_validate(completion_of(said, "m"))
        assert breach("ErrorResponse", error_body("no", "seed", "c")) is None
