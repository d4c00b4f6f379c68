"""The whole story with a judge and a host over HTTP: graded, chosen, promoted, verified, tampered with, killed, and failed."""

import json
import os
import shutil
import signal
import sys
import types

import pytest
from commands import Ended, in_child, judged, run_folder
from drawn_beside import PROMPT, broken, draw_beside, in_json, in_lines, promoted, tampered
from drawn_workspace import write_lines
from judge_server import ChatServer, always, better, grade, obeys, shown_to

from evalgate.cli.main import _run
from evalgate.stages.human_labels import answer_sha256

KEY = "sk-abcdefgh1234567890ABCDEFG"
DRAWING = "refund: -+*30 ++*30 | bill: -+*30 ++*30 | tiny: ++*3 | safety/jailbreak: ++*10"
SELF_TEST = 15
"""Requests of the self-test in mode `both`."""
PAIRS = 60
"""Cases that the two sides answer differently."""


def strict(body):
    """Right is what says the reference, and nothing else is any good."""
    shown = shown_to(body)
    if "answer" in shown:
        return grade(5 if _is(shown["answer"], shown["reference"]) else 1)
    first, second = (_is(shown[slot], shown["reference"]) for slot in ("first", "second"))
    return better("tie" if first == second else "first" if first else "second")


def _is(answer, reference):
    try:
        return json.loads(answer) == reference if not isinstance(reference, str) else answer == reference
    except ValueError:
        return False


@pytest.fixture
def evalgate(capsys, monkeypatch):
    def call(folder, *arguments):
        monkeypatch.chdir(folder)
        monkeypatch.setenv("EVALGATE_CACHE", str(folder / "cache"))
        monkeypatch.setenv("JUDGE_KEY", KEY)
        capsys.readouterr()
        code = _run([str(argument) for argument in arguments])
        return Ended(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def judge():
    with ChatServer(strict, key=KEY) as server:
        yield server


@pytest.fixture(scope="module")
def host():
    with ChatServer(always('{"intent": "refund"}'), model="host-1", key=KEY) as server:
        yield server


def judge_at(server, **fields):
    return {"model": "judge-1", "base_url": server.url, "key": "JUDGE_KEY", "mode": "both", **fields}


def draw_judged(folder, server, host=None, **policy):
    """All that a policy may ask for; fields given in `policy` replace those."""
    endpoint = {"name": "host", "kind": "endpoint", "model": "host-1", "base_url": host.url, "key": "JUDGE_KEY"} if host else None
    waived = {"rule": "bucket", "scope": "intent/tiny", "owner": "ann", "reason": "three cases so far", "expires": "2999-12-31"}
    fields = {
        "scorers": {"primary": "exact_json", "also": ["python:scorers/own.py:score", "judge"]},
        "judge": judge_at(server, rubric="rubric.md"),
        "contenders": [PROMPT, *([endpoint] if endpoint else [])],
        "gate": {"max_bucket_drop": 0.1, "judge": {"min_lift": 0.05}},
        "waivers": [waived],
        **policy,
    }
    draw_beside(folder, DRAWING, **fields)
    (folder / "rubric.md").write_text("A good answer is the reference, word for word. A wrong one is bad.")
    return folder


@pytest.fixture(scope="module")
def told(tmp_path_factory, judge, host):
    """A workspace whose one run passed; nobody writes into it."""
    folder = draw_judged(tmp_path_factory.mktemp("judged"), judge, host)
    ended = in_child(folder, "run", first=_with_key)
    assert ended.code == 0, ended.err
    return folder


@pytest.fixture
def story(told, tmp_path):
    return shutil.copytree(told, tmp_path / "story")


def _with_key():
    os.environ["JUDGE_KEY"] = KEY


def verdict(folder):
    return json.loads((run_folder(folder) / "verdict.json").read_text())


def states(folder):
    return {(rule["rule"], rule["scope"]): rule["state"] for rule in verdict(folder)["rules"]}


def results_of(folder, side):
    return [json.loads(line) for line in (run_folder(folder) / f"{side}.results.jsonl").read_text().splitlines()[1:]]


class TestTheWholeStory:
    def test_judge_choices_contenders_latency_older_task_and_waiver__stand_in_one_verdict(self, told):
        found = states(told)
        assert found["judge", "overall"] == "improved"
        assert found["preference", "preference"] == "preferred"
        assert {found["contenders", name] for name in ("v2", "host")} == {"beaten"}
        assert found["legacy", "golden/old"] == "held"
        assert found["latency_p95", "overall"] != "not measured"
        assert [waived["scope"] for waived in verdict(told)["waived"]] == ["intent/tiny"]

    def test_every_golden_case__has_all_scores_and_the_judges_reply(self, told):
        golden = [case for case in results_of(told, "candidate") if case["suite"] == "golden"]
        assert {frozenset(case["scores"]) for case in golden} == {
            frozenset({"exact_json", "python:scorers/own.py:score", "judge"})
        }
        assert all(json.loads(case["replies"]["judge"])["grade"] == 5 for case in golden)

    def test_told_again__asks_for_nothing_but_the_self_test_and_is_byte_identical(self, evalgate, story, judge, host):
        before, calls = judged(run_folder(story)), (judge.calls, host.calls)
        ended = evalgate(story, "run")
        assert ended.code == 0, ended.err
        assert (judge.calls - calls[0], host.calls - calls[1]) == (SELF_TEST, 0)
        assert judged(run_folder(story)) == before

    def test_key__lies_nowhere(self, told):
        assert not [path for path in told.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]

    def test_story__is_promoted_and_holds_without_asking_anybody(self, evalgate, story, judge, host):
        calls = (judge.calls, host.calls)
        assert broken(evalgate, promoted(evalgate, story, run_folder(story))) == {}
        assert evalgate(story, "registry", "verify").code == 0
        assert (judge.calls, host.calls) == calls

    def test_gate_on_the_run_folder__comes_to_the_same(self, evalgate, story):
        folder = run_folder(story)
        sides = ("--base", folder / "base.results.jsonl", "--candidate", folder / "candidate.results.jsonl")
        ended = evalgate(story, "gate", *sides, "--beside", folder, "--out", "out", "--attempt", "1")
        assert ended.code == 0, ended.err
        assert (story / "out/compare.json").read_bytes() == (folder / "compare.json").read_bytes()


def _reply(line, case_id, reply):
    if line.get("case_id") != case_id:
        return line
    return {**line, "replies": {"judge": reply}} if reply is not None else {k: v for k, v in line.items() if k != "replies"}


def _choice(case_id, **fields):
    return lambda told: next(case for case in told["cases"] if case["case_id"] == case_id).update(fields)


class TestTampered:
    @pytest.mark.parametrize(
        ("name", "edit", "link"),
        [
            ("candidate.results.jsonl", in_lines(lambda line: _reply(line, "refund-2", grade(1))), "scores"),
            ("candidate.results.jsonl", in_lines(lambda line: _reply(line, "refund-2", None)), "scores"),
            ("base.results.jsonl", in_lines(lambda line: _reply(line, "refund-2", grade(5))), "scores"),
            ("contender-host.results.jsonl", in_lines(lambda line: _reply(line, "bill-2", grade(5))), "contenders"),
            (
                "preferences.json",
                in_json(_choice("refund-2", base_first=better("first"), candidate_first=better("second"))),
                "comparison",
            ),
            (
                "preferences.json",
                in_json(_choice("refund-2", base_first=None, candidate_first=None, identical=True)),
                "preferences",
            ),
            ("preferences.json", in_json(_choice("refund-31", identical=False, base_first="x")), "preferences"),
            ("preferences.json", in_json(lambda told: told.update(judge_sha256="e" * 64)), "judge"),
            ("preferences.json", lambda _: None, "comparison"),
        ],
    )
    def test_evidence__is_named(self, evalgate, story, name, edit, link):
        promoted(evalgate, story, run_folder(story))
        tampered(story, name, edit)
        assert link in broken(evalgate, story)

    def test_another_rubric_since__is_named(self, evalgate, story):
        promoted(evalgate, story, run_folder(story))
        (story / "rubric.md").write_text("Anything goes.")
        assert {"scorers", "judge"} <= broken(evalgate, story).keys()

    def test_another_host_since__is_named(self, evalgate, story):
        promoted(evalgate, story, run_folder(story))
        policy = story / "evalgate.yaml"
        policy.write_text(policy.read_text().replace('"model": "host-1"', '"model": "host-2"'))
        assert "another model answered" in broken(evalgate, story)["contenders"]


NOBODY = {
    "judge": None,
    "gate": {"max_bucket_drop": 0.1},
    "scorers": {"primary": "exact_json"},
    "legacy": [{"path": "golden/old", "scorer": "judge"}],
}


class TestAJudgeThatIsNone:
    def test_that_fails_its_self_test__is_3_and_nothing_is_decided(self, evalgate, tmp_path):
        with ChatServer(obeys, key=KEY) as server:
            ended = evalgate(draw_judged(tmp_path, server), "run")
            assert server.calls == SELF_TEST
        assert (ended.code, "failed its self-test" in ended.err) == (3, True), ended.err
        left = {path.name for path in run_folder(tmp_path).iterdir()}
        assert not {"verdict.json", "compare.json", "report.md", "base.results.jsonl"} & left

    def test_that_has_no_key__is_3_before_anything_is_trained(self, tmp_path, judge, monkeypatch):
        monkeypatch.delenv("JUDGE_KEY", raising=False)
        ended = in_child(draw_judged(tmp_path, judge), "run")
        assert (ended.code, "JUDGE_KEY is not set" in ended.err) == (3, True)
        assert not (tmp_path / "runs").exists()

    @pytest.mark.parametrize(
        ("policy", "words"),
        [
            ({"judge": {"mode": "pairwise"}}, "say pointwise or both"),
            ({"judge": {"model": "host-1"}}, "would judge itself (host is host-1)"),
            (NOBODY, "judge is missing"),
        ],
        ids=["gives no grades", "is a contender", "is nobody"],
    )
    def test_that_cannot_judge_this__is_2_before_anything_is_trained(self, evalgate, tmp_path, judge, host, policy, words):
        named = {"judge": judge_at(judge, **policy["judge"])} if policy["judge"] else {}
        ended = evalgate(draw_judged(tmp_path, judge, host, **{**policy, **named}), "run")
        assert (ended.code, words in ended.err) == (2, True), ended.err
        assert not (tmp_path / "runs").exists()

    def test_that_is_lost_after_its_self_test__leaves_cases_unmeasured_and_is_no_verdict(self, evalgate, tmp_path):
        with ChatServer(strict, key=KEY) as server:
            server.faults = [*[""] * SELF_TEST, *["401"] * 1000]
            ended = evalgate(draw_judged(tmp_path, server, evaluate={}), "run")
        assert ended.code == 3, ended.err
        assert verdict(tmp_path)["verdict"] == "inconclusive"
        assert all("judge" not in case.get("scores", {}) for case in results_of(tmp_path, "candidate"))


class TestKilled:
    def test_after_it_was_judged__goes_on_and_pays_for_no_reply_twice(self, evalgate, tmp_path, judge):
        folder = draw_judged(tmp_path, judge)
        ended = in_child(folder, "run", first=_die_when_judged)
        assert ended.code == -signal.SIGKILL, ended.err
        calls = judge.calls
        assert evalgate(folder, "run").code == 0
        assert judge.calls - calls == SELF_TEST


def _die_when_judged():
    from evalgate.stages import story as stage

    _with_key()
    stage.write_beside = lambda *_: os.kill(os.getpid(), signal.SIGKILL)


class TestAJudgeThatDecides:
    @pytest.fixture
    def primary(self, tmp_path, judge):
        fields = {"scorers": {"primary": "judge"}, "judge": judge_at(judge, mode="pointwise"), "evaluate": {"early_stop": True}}
        return draw_judged(tmp_path, judge, **fields)

    def test_grades__are_the_score_of_every_golden_case_and_of_the_older_task(self, evalgate, primary):
        ended = evalgate(primary, "run")
        assert ended.code == 0, ended.err
        assert "early_stop: a judge's grade decides" in ended.err
        assert {frozenset(case["scores"]) for case in results_of(primary, "base") if case["suite"].startswith("golden")} == {
            frozenset({"judge"})
        }
        assert broken(evalgate, promoted(evalgate, primary, run_folder(primary))) == {}

    def test_reply_on_the_older_task_that_was_changed__is_named(self, evalgate, primary):
        evalgate(primary, "run")
        promoted(evalgate, primary, run_folder(primary))
        tampered(primary, "candidate.results.jsonl", in_lines(lambda line: _reply(line, "old-3", grade(1))))
        assert "scores" in broken(evalgate, primary)


class TestEarlyStop:
    def test_judge__is_asked_only_of_the_cases_that_were_asked(self, evalgate, tmp_path, judge):
        drawn = draw_judged(tmp_path, judge, evaluate={"early_stop": True}, contenders=[], waivers=[])
        policy = json.loads((drawn / "evalgate.yaml").read_text())
        policy["features"]["f"]["train"] = {"provider": "scripted"}
        rows = [json.loads(line) for line in (drawn / "datasets/f/ft-v1.0.0.jsonl").read_text().splitlines()]
        for row in rows:
            row["messages"][-1]["content"] = '{"intent": "something-else"}'
        write_lines(drawn / "datasets/f/ft-v1.0.0.jsonl", rows)
        assert evalgate(drawn, "run").code == 1
        asked = [case["case_id"] for case in results_of(drawn, "candidate") if case["suite"] == "golden"]
        chosen = json.loads((run_folder(drawn) / "preferences.json").read_text())["cases"]
        assert verdict(drawn)["look"] < 4
        assert sorted(case["case_id"] for case in chosen) == sorted(asked)


class TestPeople:
    """With a stand-in for the library, whose own figures are tested in tests/unit/stats."""

    def grades(self, folder, *, side="base", n=4, number=5):
        cases = [case for case in results_of(folder, side) if case["suite"] == "golden"][:n]
        return [
            {"case_id": c["case_id"], "variant": side, "grade": number, "answer_sha256": answer_sha256(c["output"])}
            for c in cases
        ]

    def named(self, folder, lines):
        policy = json.loads((folder / "evalgate.yaml").read_text())
        policy["features"]["f"]["judge"]["human"] = "human.jsonl"
        (folder / "evalgate.yaml").write_text(json.dumps(policy))
        return write_lines(folder / "human.jsonl", lines)

    @pytest.fixture
    def ppi(self, monkeypatch):
        stand_in = types.ModuleType("ppi_py")
        stand_in.ppi_mean_ci = lambda human, beside, rest, *, alpha, lam: ([0.25], [1.25])
        monkeypatch.setitem(sys.modules, "ppi_py", stand_in)

    def test_grades__make_a_mean_a_side_that_is_told_and_decides_nothing(self, evalgate, story, ppi):
        before = verdict(story)["rules"]
        self.named(story, [*self.grades(story), *self.grades(story, side="candidate", n=3)])
        ended = evalgate(story, "run", "--format", "json")
        assert ended.code == 0, ended.err
        folder = story / json.loads(ended.out)["run"]
        people = json.loads((folder / "people.json").read_text())
        assert [(one["side"], one["people"], one["judged"]) for one in people] == [("base", 4, 119), ("candidate", 3, 120)]
        assert {(one["mean"], one["low"], one["high"]) for one in people} == {(0.75, 0.25, 1.0)}
        after = json.loads(ended.out)
        assert "base, with people's grades" in (folder / "report.md").read_text()
        beside = ("people's", "latency")  # times differ from run to run
        ours, theirs = (
            [r for r in rules if not any(w in r["scope"] + r["rule"] for w in beside)] for rules in (after["rules"], before)
        )
        assert ours == theirs
        assert broken(evalgate, promoted(evalgate, story, folder)) == {}
        tampered(story, "people.json", in_json(lambda told: told[0].update(mean=0.99)))
        assert "comparison" in broken(evalgate, story)

    def test_without_the_library__it_is_said_once_and_the_run_goes_on(self, evalgate, story, monkeypatch):
        monkeypatch.setitem(sys.modules, "ppi_py", None)
        self.named(story, [*self.grades(story), *self.grades(story, side="candidate")])
        ended = evalgate(story, "run")
        assert (ended.code, ended.err.count("people's grades are left aside")) == (0, 1)
        assert not list((story / "runs").glob("*/people.json"))

    def test_grade_of_another_answer__is_an_error_that_names_the_case_before_the_judge_is_asked(self, evalgate, story, judge):
        lines = self.grades(story)
        lines[0]["answer_sha256"] = "0" * 64
        self.named(story, lines)
        calls = judge.calls
        ended = evalgate(story, "run")
        assert (ended.code, repr(lines[0]["case_id"]) in ended.err) == (2, True)
        assert judge.calls == calls

    def test_gate__combines_them_too(self, evalgate, story, ppi):
        self.named(story, self.grades(story))
        folder = run_folder(story)
        sides = ("--base", folder / "base.results.jsonl", "--candidate", folder / "candidate.results.jsonl")
        evalgate(story, "gate", *sides, "--beside", folder, "--out", "out", "--attempt", "1")
        assert [one["side"] for one in json.loads((story / "out/people.json").read_text())] == ["base", "candidate"]
        assert "base, with people's grades" in (story / "out/report.md").read_text()
