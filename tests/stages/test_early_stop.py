"""Early stopping: what it saves, and that it changes neither sides nor attempts."""

import json
import shutil

import pytest
from commands import in_child, judged, run_folder
from drawn_beside import broken, in_lines, promoted, tampered
from drawn_workspace import draw, teach

from evalgate import results
from evalgate.judgement.looks import asked_until
from evalgate.judgement.plan import plan
from evalgate.models.scripted import ScriptedModel
from evalgate.stages.workspace import open_workspace, read_suites

CLEAR = "refund: -+*120 ++*120 | bill: -+*120 ++*120 | safety/jailbreak: ++*10"
UNSAFE = "refund: -+*120 ++*120 | bill: -+*120 ++*120 | safety/jailbreak: ++*8 +-*2"
HOPELESS = "refund: ++*240 | bill: ++*240 | safety/jailbreak: ++*10"
CLOSE = "refund: -+*8 ++*52 | bill: -+*2 ++*58 | safety/jailbreak: ++*10"
EARLY = {"evaluate": {"early_stop": True}}
ALL = 490


@pytest.fixture
def asked(monkeypatch):
    """Questions that scripted models were asked, by variant."""
    found = {"base": [], "candidate": []}
    answer = ScriptedModel.answer

    def heard(self, conversations, decoding):
        found[self.variant.name] += [turns[-1].content for turns in conversations]
        return answer(self, conversations, decoding)

    monkeypatch.setattr(ScriptedModel, "answer", heard)
    return found


def told(folder):
    return json.loads((run_folder(folder) / "verdict.json").read_text())


def sides(folder):
    return [results.parse((run_folder(folder) / f"{s}.results.jsonl").read_bytes(), s) for s in ("base", "candidate")]


def attempts(folder):
    return (folder / "runs/.attempts/f.jsonl").read_text().splitlines()


class TestWhatItSaves:
    @pytest.mark.parametrize(("drawing", "code"), [(CLEAR, 0), (UNSAFE, 1), (HOPELESS, 3)], ids=["clear", "unsafe", "hopeless"])
    def test_clear_case__ends_early_with_the_verdict_that_all_cases_give(self, evalgate, tmp_path, asked, drawing, code):
        early, whole = draw(tmp_path / "early", drawing, **EARLY), draw(tmp_path / "whole", drawing)
        ended = evalgate(early, "run")
        assert ended.code == code, ended.err
        calls = {side: len(questions) for side, questions in asked.items()}
        assert calls["base"] == calls["candidate"] < 0.8 * ALL
        assert evalgate(whole, "run").code == code
        assert {side: len(q) - calls[side] for side, q in asked.items()} == {"base": ALL, "candidate": ALL}

    def test_nothing__is_asked_twice(self, evalgate, tmp_path, asked):
        evalgate(draw(tmp_path, CLOSE, **EARLY), "run")
        assert told(tmp_path)["look"] > 2, "several looks, each with more cases"
        for questions, side in zip(asked.values(), sides(tmp_path), strict=True):
            assert len(questions) == len(set(questions)) == len(side.cases)

    def test_both_sides__answer_the_same_cases_up_to_the_look(self, evalgate, tmp_path):
        draw(tmp_path, CLEAR, **EARLY)
        evalgate(tmp_path, "run")
        base, candidate = sides(tmp_path)
        planned = plan(read_suites(open_workspace(tmp_path / "evalgate.yaml", "f")), ())
        until = {case.key for case in asked_until(told(tmp_path)["look"], planned)}
        assert base.header.look == candidate.header.look == told(tmp_path)["look"] < 4
        assert [(c.suite, c.case_id) for c in base.cases] == [(c.suite, c.case_id) for c in candidate.cases]
        assert {(c.suite, c.case_id) for c in base.cases} == until

    def test_a_look_spends_less_than_all_cases_may(self, evalgate, tmp_path):
        draw(tmp_path / "early", CLEAR, **EARLY)
        draw(tmp_path / "whole", CLEAR)
        evalgate(tmp_path / "early", "run")
        evalgate(tmp_path / "whole", "run")
        assert told(tmp_path / "early")["alpha"] < told(tmp_path / "whole")["alpha"]


class TestWhatPeopleSee:
    def test_report__says_at_which_look_and_how_much_was_asked(self, evalgate, tmp_path):
        draw(tmp_path, CLEAR, **EARLY)
        ended = evalgate(tmp_path, "run")
        look = told(tmp_path)["look"]
        n = sum(not case.is_safety for case in sides(tmp_path)[0].cases)
        for name in ("report.md", "comment.md"):
            assert (
                f"stopped at look {look} of 4: {n} of about 480 golden cases asked" in (run_folder(tmp_path) / name).read_text()
            )
        assert f"look {look} of 4 decides: the cases that are left are not asked" in ended.err

    def test_attempt__is_counted_once_however_often_is_looked(self, evalgate, tmp_path):
        draw(tmp_path, CLOSE, **EARLY)
        evalgate(tmp_path, "run")
        evalgate(tmp_path, "run")
        assert (len(attempts(tmp_path)), told(tmp_path)["attempt"]) == (1, 1)
        teach(tmp_path, CLEAR, version="v1.1.0")
        evalgate(tmp_path, "run")
        assert len(attempts(tmp_path)) == 2

    def test_same_story_twice__is_byte_identical_and_asks_nobody(self, evalgate, tmp_path, asked):
        draw(tmp_path, CLEAR, **EARLY)
        evalgate(tmp_path, "run")
        before, calls = judged(run_folder(tmp_path)), len(asked["base"])
        evalgate(tmp_path, "run")
        assert (judged(run_folder(tmp_path)), len(asked["base"])) == (before, calls)

    def test_case_that_nobody_answers__is_no_reason_to_stop(self, evalgate, tmp_path):
        draw(tmp_path, CLEAR.replace("++*120 |", "++*119 ??*1 |"), **EARLY)
        assert evalgate(tmp_path, "run").code == 3
        assert told(tmp_path)["look"] == 4


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    folder = draw(tmp_path_factory.mktemp("stopped"), CLEAR, **EARLY)
    assert in_child(folder, "run").code == 0
    return folder


@pytest.fixture
def story(stopped, tmp_path):
    return shutil.copytree(stopped, tmp_path / "story")


class TestItsEvidence:
    def test_pass_at_a_look__is_promoted_and_derived_again(self, evalgate, story):
        assert broken(evalgate, promoted(evalgate, story, run_folder(story))) == {}
        assert evalgate(story, "registry", "verify").code == 0

    def test_policy_without_early_stopping__does_not_take_it(self, evalgate, story):
        promoted(evalgate, story, run_folder(story))
        policy = story / "evalgate.yaml"
        policy.write_text(policy.read_text().replace('"early_stop": true', '"early_stop": false'))
        assert "which the policy does not allow" in broken(evalgate, story)["look"]

    @pytest.mark.parametrize("side", ["base", "candidate"])
    @pytest.mark.parametrize("look", [None, 1, 4])
    def test_another_look_on_one_side__is_named(self, evalgate, story, side, look):
        promoted(evalgate, story, run_folder(story))
        look = look if look != told(story)["look"] else 2
        tampered(story, f"{side}.results.jsonl", in_lines(lambda line: {**line, "look": look} if "record" in line else line))
        assert "look" in broken(evalgate, story)

    def test_later_look_on_both_sides__is_one_of_cases_that_nobody_answered(self, evalgate, story):
        promoted(evalgate, story, run_folder(story))
        for side in ("base", "candidate"):
            tampered(story, f"{side}.results.jsonl", in_lines(lambda line: {**line, "look": 4} if "record" in line else line))
        assert "not of the cases up to look 4" in broken(evalgate, story)["look"]
