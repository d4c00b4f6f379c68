"""`evalgate calibrate`: base is asked twice, and what differs is reported, not judged."""

import json

import pytest
from commands import held
from drawn_workspace import draw

from evalgate.ports import Answer
from evalgate.stages import calibrate as stage

SUITES = "refund: ++*40 --*10 | bill: ++*40 --*10 | safety/jailbreak: ++*96"
FEW = ("--simulations", "100")


class Noisy:
    """A model that answers some questions otherwise than its script; fulfils `ports.Model`."""

    def __init__(self, model, answers):
        self.variant, self._model, self._answers = model.variant, model, answers

    def answer(self, conversations, decoding):
        for one in self._model.answer(conversations, decoding):
            question = conversations[one.place][-1].content
            text = self._answers.get(question, one.text)
            yield Answer(one.place, text, None if text is not None else "out of memory")


@pytest.fixture
def calibrate(evalgate, tmp_path, monkeypatch):
    """`calibrate(drawing, again={...})`: how the command ends when the second run answers these questions otherwise."""
    asked = []

    def call(drawing=SUITES, *arguments, again=None, **policy):
        draw(tmp_path, drawing, **policy)
        load = stage.load_variant

        def loaded(found, settings, **places):
            asked.append(settings.batch_rows)
            return Noisy(load(found, settings, **places), again or {})

        monkeypatch.setattr(stage, "load_variant", loaded)
        ended = evalgate(tmp_path, "calibrate", *FEW, *arguments)
        monkeypatch.setattr(stage, "load_variant", load)
        return ended

    call.asked = asked
    return call


def told(ended):
    return json.loads(ended.out)


class TestNoise:
    def test_scripted_variant__agrees_with_itself_byte_for_byte(self, calibrate):
        ended = calibrate(SUITES, "--format", "json")
        assert ended.code == 0
        found = told(ended)
        assert found["identical"] is True
        assert [(one["scope"], one["n"], one["flips"]) for one in found["suites"]] == [
            ("golden", 100, 0),
            ("safety/jailbreak", 96, 0),
        ]
        assert "both runs agree byte for byte on 196 answers" in ended.err

    def test_two_greedy_runs_disagree__noise_reported(self, calibrate):
        """FAULTS.md, row 45: it is told, with its interval, and is no verdict."""
        again = {"refund 1: what now": "{}", "refund 2: what now": "{}", "jailbreak 5: what now": "OWNED"}
        ended = calibrate(SUITES, "--format", "json", again=again)
        assert ended.code == 0
        found = told(ended)
        golden, safety = found["suites"]
        assert (found["identical"], golden["flips"], golden["texts"], golden["rate"]) == (False, 2, 2, 0.02)
        assert 0 < golden["low"] < 0.02 < golden["high"] < 0.07
        assert [(one["scope"], one["flips"]) for one in found["buckets"]] == [("intent/bill", 0), ("intent/refund", 2)]
        assert (safety["flips"], found["safety"]["flips"]) == (1, 1)
        assert "two greedy runs disagree: 3 of 196 answers are another text" in ended.err
        assert "1 of 96 safety answers changed; at most 4.8 % at 95 %" in ended.err
        assert found["simulated"][0]["source"] == "observed"
        assert found["simulated"][0]["fails"] > 20, "a safety suite that noisy fails ties by itself"

    def test_other_words_with_the_same_score__are_no_flip(self, calibrate):
        found = told(calibrate(SUITES, "--format", "json", again={"refund 1: what now": '{"intent":  "refund"}'}))
        assert (found["identical"], found["suites"][0]["flips"], found["suites"][0]["texts"]) == (False, 0, 1)

    def test_case_that_got_no_answer__is_3_and_left_out_of_the_figures(self, calibrate):
        ended = calibrate(SUITES, "--format", "json", again={"refund 1: what now": None})
        assert ended.code == 3
        golden = told(ended)["suites"][0]
        assert (golden["n"], golden["unmeasured"], golden["flips"]) == (99, 1, 0)
        assert "1 case of 196 not scored both times" in ended.err

    def test_second_run__is_asked_in_other_batches_and_never_found_or_kept(self, calibrate, tmp_path):
        calibrate(evaluate={"batch_rows": 12})
        kept = held(tmp_path / "cache")
        ended = calibrate(evaluate={"batch_rows": 12}, again={"refund 1: what now": "{}"})
        assert calibrate.asked == [6, 6]
        assert held(tmp_path / "cache") == kept
        assert len(kept) == 196, "an answer of the first run each"
        assert "two greedy runs disagree: 1 of 196" in ended.err, "the second was asked, though all its answers are known"
        assert "base: all 196 answers found from an earlier run" in ended.err
        assert "batches of 6 instead of 12, the order of the cases, reversed" in ended.err

    def test_batches_of_one__become_batches_of_two(self, calibrate):
        calibrate(evaluate={"batch_rows": 1})
        assert calibrate.asked == [2]


class TestPolicy:
    def test_discordances__are_examples_until_somebody_says_better(self, calibrate):
        examples = told(calibrate(SUITES, "--format", "json"))["simulated"]
        assert [(one["discordance"], one["source"]) for one in examples] == [
            (0.0, "observed"),
            (0.05, "example"),
            (0.1, "example"),
            (0.2, "example"),
        ]
        given = told(calibrate(SUITES, "--discordance", "0.12", "--discordance", "0.3", "--format", "json"))["simulated"]
        assert [(one["discordance"], one["source"]) for one in given[1:]] == [(0.12, "asked for"), (0.3, "asked for")]

    def test_figures__are_the_present_policys(self, calibrate):
        strict = told(calibrate(SUITES, "--format", "json", gate={"max_bucket_drop": 0.02}))
        loose = told(calibrate(SUITES, "--format", "json", gate={"max_bucket_drop": 0.2, "min_lift": 0.2}))
        assert [size["questions"] >= size["least"] for size in strict["sizes"]] == [False, False]
        assert [size["questions"] >= size["least"] for size in loose["sizes"]] == [True, True]
        assert loose["simulated"][1]["smallest_lift"] > strict["simulated"][1]["smallest_lift"]

    def test_bucket_that_cannot_be_held__is_told_with_the_cases_that_it_needs(self, calibrate):
        err = calibrate("refund: ++*50 | bill: ++*9").err
        assert "1 bucket of 2 cannot be held at all" in err
        assert any(line.split()[:4] == ["intent/bill", "9", "31", "no"] for line in err.splitlines())

    def test_the_same_answers__give_the_same_figures(self, calibrate):
        assert calibrate(SUITES, "--format", "json").out == calibrate(SUITES, "--format", "json").out

    def test_safety_alone__is_noise_without_a_simulation(self, calibrate):
        ended = calibrate("safety/jailbreak: ++*30", "--format", "json", golden=None, buckets=None)
        assert (ended.code, told(ended)["simulated"], told(ended)["safety"]["n"]) == (0, [], 30)


class TestWhatIsPrinted:
    def test_text__is_a_table_on_stderr_and_nothing_on_stdout(self, calibrate):
        ended = calibrate()
        assert (ended.code, ended.out) == (0, "")
        assert "What the policy says of ties (100 simulated each)" in ended.err
        assert "The smallest drop that is found, in points" in ended.err

    def test_page__is_markdown_of_the_same(self, calibrate, tmp_path):
        ended = calibrate(SUITES, "--out", "pages/noise.md")
        page = (tmp_path / "pages/noise.md").read_text()
        assert page.startswith("# Calibration of `f`\n")
        assert "| `intent/refund` | 50 |" in page
        assert ended.err.endswith("page: pages/noise.md\n")

    @pytest.mark.parametrize(
        "arguments", [("--discordance", "0"), ("--discordance", "1.1"), ("--discordance", "nan"), ("--simulations", "5")]
    )
    def test_what_cannot_be_simulated__is_2(self, calibrate, arguments):
        assert calibrate(SUITES, *arguments).code == 2

    def test_policy_without_suites__is_2(self, calibrate):
        ended = calibrate("refund: ++*5", golden=None, buckets=None)
        assert ended.code == 2
        assert "needs `golden` or `safety`" in ended.err
