"""Asking: only what nobody knows, in pieces that stay the same after a kill, kept as soon as a piece is done."""

import json
import os
import re
import shutil
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import cloudpickle
import pytest
from commands import held, in_child
from drawn_workspace import draw, write_lines
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate import results
from evalgate.errors import NotMeasured, PolicyError
from evalgate.kept import kept_in
from evalgate.models.scripted import ScriptedModel
from evalgate.ports import Asked, inline
from evalgate.records.evaluation import Decoding
from evalgate.stages import answering
from evalgate.stages.check import check_change
from evalgate.stages.evaluate import evaluate_all, questions
from evalgate.stages.panels import open_panel, travelling
from evalgate.stages.train import train
from evalgate.stages.variants import find_variant
from evalgate.stages.workspace import open_workspace

DRAWING = "refund: -+*7 ++*4 | bill: -+*6 ++*3 | safety/jailbreak: ++*5"
CASES = 25
PIECE = 4
OWN = "python:scorers/own.py:score"
CODE = """\
from pathlib import Path

def score(case, answer):
    with Path(__file__).with_name("calls.txt").open("a") as stream:
        stream.write(case["id"] + "\\n")
    return {value}
"""


@pytest.fixture(autouse=True, scope="module")
def small_pieces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answering, "LEAST", PIECE)
        yield


@pytest.fixture
def heard(monkeypatch):
    """(variant, question) of every answer that scripted models gave; `heard.left = n` breaks them after n more."""
    found = Heard()
    answer = ScriptedModel.answer

    def spoken(model, conversations, decoding):
        for one in answer(model, conversations, decoding):
            if found.left <= 0:
                raise RuntimeError("out of memory")
            found.left -= 1
            found.append((model.variant.name, conversations[one.place][-1].content))
            yield one

    monkeypatch.setattr(ScriptedModel, "answer", spoken)
    return found


class Heard(list):
    left = float("inf")

    def take(self):
        """What was heard since the last time."""
        found = sorted(self)
        self.clear()
        return found


class Recording:
    """An executor in this process that notes its pieces, and ends with an error after `most` of them where one is given."""

    def __init__(self, most=None, ends=KeyboardInterrupt):
        self.pieces, self.most, self.ends = [], most, ends

    def __call__(self, make, pieces, /):
        self.pieces = [[(one.side, one.turns[-1].content) for one in piece] for piece in pieces]
        yield from inline(make, pieces[: self.most])
        if self.most is not None:
            raise self.ends


def silent(*_):
    pass


def workspace(folder, drawing=DRAWING, **policy):
    """The workspace of a drawing, with a candidate in `run`."""
    policy["evaluate"] = {"batch_rows": PIECE, **policy.get("evaluate", {})}
    opened = open_workspace(draw(folder, drawing, **policy) / "evalgate.yaml", None)
    report, rows = check_change(opened)
    train(opened, report.change, rows, folder / "run", cache=folder / "cache", progress=silent)
    return opened


def ask(opened, *sides, cache=None, **more):
    """Side -> results; base and candidate where nobody says which."""
    named = {side: f"candidate:{opened.root / 'run'}" if side == "candidate" else side for side in sides or ("base", "candidate")}
    places = {"registry_path": opened.root / "models.yaml", "cache": cache or opened.root / "cache"}
    return evaluate_all(opened, named, **{"progress": silent, **places, **more})


def told(answered):
    """Side -> bytes of its results file, timings apart."""
    timeless = {side: [case.model_copy(update={"latency_ms": None}) for case in one.cases] for side, one in answered.items()}
    return {side: results.serialise(one.model_copy(update={"cases": tuple(timeless[side])})) for side, one in answered.items()}


def statuses(answered):
    return Counter(case.status for one in answered.values() for case in one.cases)


def edited(opened, change):
    """The workspace after its golden cases, as objects, were put through `change`."""
    path = opened.root / "golden/f/cases.jsonl"
    write_lines(path, change([json.loads(line) for line in path.read_text().splitlines()]))
    return open_workspace(opened.root / "evalgate.yaml", None)


@pytest.fixture(scope="module")
def once(tmp_path_factory, small_pieces):
    """A workspace, its results, and what the cache held after them."""
    opened = workspace(tmp_path_factory.mktemp("once"))
    return opened, told(ask(opened)), held(opened.root / "cache")


class TestPieces:
    def test_planned_over_all_cases__hold_the_same_cases_of_every_side_the_shortest_first(self, tmp_path):
        executor = Recording()
        ask(workspace(tmp_path), executor=executor)
        assert [len(piece) for piece in executor.pieces] == [2 * PIECE] * (CASES // PIECE) + [2 * (CASES % PIECE)]
        assert len({question for piece in executor.pieces for question in piece}) == 2 * CASES
        lengths = [[len(question) for _, question in piece] for piece in executor.pieces]
        assert all(max(shorter) <= min(longer) for shorter, longer in pairwise(lengths))
        for piece in executor.pieces:
            sides = {side: [question for one, question in piece if one == side] for side in ("base", "candidate")}
            assert sides["base"] == sides["candidate"]

    @pytest.mark.parametrize("done", range(CASES // PIECE + 2))
    def test_killed_between_them__goes_on_with_the_same_ones_and_ends_with_the_same_file(self, tmp_path, heard, done):
        opened, undisturbed, first, second = workspace(tmp_path), Recording(), Recording(done), Recording()
        whole = ask(opened, cache=tmp_path / "other", executor=undisturbed)
        heard.clear()
        with pytest.raises(KeyboardInterrupt):
            ask(opened, executor=first)
        again = ask(opened, executor=second)
        assert first.pieces == undisturbed.pieces
        assert second.pieces == undisturbed.pieces[done:]
        assert told(again) == told(whole)
        assert len(heard) == len(set(heard)) == 2 * CASES, "nobody is asked twice"
        assert held(tmp_path / "cache").keys() == held(tmp_path / "other").keys()

    def test_process_killed_between_them__goes_on_behind_what_it_kept(self, tmp_path, heard, evalgate):
        opened = workspace(tmp_path, train={"provider": "scripted"})
        whole = told(ask(opened, "base", cache=tmp_path / "other"))["base"]
        heard.clear()
        ended = in_child(tmp_path, "evaluate", "--variant", "base", "--out", "x.results.jsonl", first=die_at_the_third_piece)
        assert ended.code == -9, ended.err
        assert len(held(tmp_path / "cache")) == 2 * PIECE
        ended = evalgate(tmp_path, "evaluate", "--variant", "base", "--out", "x.results.jsonl")
        assert ended.code == 0
        assert len(heard) == CASES - 2 * PIECE
        written = results.parse((tmp_path / "x.results.jsonl").read_bytes(), "x")
        assert told({"base": written})["base"] == whole

    @settings(max_examples=60, deadline=None)
    @given(known=st.sets(st.integers(0, 2 * CASES - 1)))
    def test_whatever_is_known__the_rest_is_asked_once_and_the_results_are_the_same(self, once, known):
        opened, whole, entries = once
        keys, executor = sorted(entries), Recording()
        with tempfile.TemporaryDirectory() as name:
            with kept_in(Path(name), origin="here") as cache:
                cache.keep({keys[place]: entries[keys[place]] for place in known})
            again = ask(opened, cache=Path(name), executor=executor)
            assert held(Path(name)) == entries
        asked = [one for piece in executor.pieces for one in piece]
        assert len(asked) == len(set(asked)) == 2 * CASES - len(known)
        assert told(again) == whole
        assert all(0 < len(piece) <= 2 * PIECE for piece in executor.pieces)

    def test_order_in_which_they_come__changes_nothing(self, tmp_path):
        def backwards(make, pieces):
            work = make()
            done = {place: list(work(piece)) for place, piece in enumerate(pieces)}
            yield from ((place, one) for place in reversed(done) for one in reversed(done[place]))

        def in_turn(make, pieces):
            work = make()
            done = {place: list(work(piece)) for place, piece in enumerate(pieces)}
            yield from sorted(((place, one) for place in done for one in done[place]), key=lambda pair: pair[1].place)

        opened = workspace(tmp_path)
        whole = told(ask(opened))
        for name, executor in (("backwards", backwards), ("in turn", in_turn)):
            assert told(ask(opened, cache=tmp_path / name, executor=executor)) == whole

    def test_progress__counts_every_answer_to_be_generated(self, tmp_path):
        opened, seen = workspace(tmp_path), []
        with pytest.raises(KeyboardInterrupt):
            ask(opened, executor=Recording(1))
        ask(opened, progress=lambda *words: seen.append(words))
        total = 2 * (CASES - PIECE)
        assert seen == [("answering", done, total) for done in range(1, total + 1)]


def die_at_the_third_piece():
    from evalgate.kept import Kept

    keep, seen = Kept.keep, []

    def kept(self, values):
        if len(seen) == 2:
            os.kill(os.getpid(), 9)
        seen.append(keep(self, values))

    answering.LEAST, Kept.keep = PIECE, kept


class TestBreakdown:
    @pytest.mark.parametrize("answers", [0, 1, PIECE, 2 * PIECE, 3 * PIECE + 1, 2 * CASES - 1])
    def test_in_the_middle_of_a_piece__keeps_what_was_answered_and_the_rest_is_errored_never_wrong(
        self, tmp_path, heard, answers
    ):
        opened = workspace(tmp_path)
        whole = ask(opened, cache=tmp_path / "other")
        heard.clear()
        heard.left = answers
        broken = ask(opened)
        assert statuses(broken) == +Counter(scored=answers, errored=2 * CASES - answers)
        for side, one in broken.items():
            for case, right in zip(one.cases, whole[side].cases, strict=True):
                if case.status == "errored":
                    assert (case.output, case.scores) == (None, {})
                    assert case.note == "RuntimeError: out of memory"
                else:
                    assert (case.output, case.scores) == (right.output, right.scores)
        heard.left = float("inf")
        assert told(ask(opened)) == told(whole)
        assert len(heard) == len(set(heard)) == 2 * CASES, "what was answered before the breakdown is not asked again"

    def test_executor_that_ends_halfway__keeps_what_it_yielded_and_says_why_of_the_rest(self, tmp_path, heard):
        opened = workspace(tmp_path)
        whole = ask(opened, cache=tmp_path / "other")
        heard.clear()
        broken = ask(opened, executor=Recording(3, NotMeasured("no worker is left")))
        assert statuses(broken) == Counter(scored=6 * PIECE, errored=2 * CASES - 6 * PIECE)
        assert {case.note for one in broken.values() for case in one.cases if case.status == "errored"} == {
            "NotMeasured: no worker is left"
        }
        assert told(ask(opened)) == told(whole)
        assert len(heard) == len(set(heard)) == 2 * CASES

    def test_executor_that_cannot_begin__is_not_measured(self, tmp_path):
        opened = workspace(tmp_path)
        with pytest.raises(NotMeasured, match="no room for a worker"):
            ask(opened, executor=Recording(0, NotMeasured("no room for a worker")))
        assert held(tmp_path / "cache") == {}

    def test_executor_that_cannot_begin__is_not_needed_where_all_is_known(self, tmp_path):
        opened = workspace(tmp_path)
        whole = ask(opened)
        assert told(ask(opened, executor=Recording(0, NotMeasured("no room for a worker")))) == told(whole)

    def test_executor_that_loses_answers_without_a_word__is_errored(self, tmp_path):
        def forgetful(make, pieces):
            yield from list(inline(make, pieces))[::2]

        broken = ask(workspace(tmp_path), executor=forgetful)
        assert statuses(broken) == Counter(scored=CASES, errored=CASES)
        assert "the model gave no answer" in {case.note for case in broken["base"].cases}

    def test_wrong_input_on_a_worker__is_wrong_input(self, tmp_path):
        with pytest.raises(PolicyError, match="other files lie there"):
            ask(workspace(tmp_path), executor=Recording(0, PolicyError("other files lie there")))

    def test_case_without_an_answer__is_not_kept_and_asked_again(self, tmp_path, heard):
        opened = workspace(tmp_path, "refund: -+*5 ??*2")
        assert statuses(ask(opened)) == Counter(scored=10, errored=4)
        heard.take()
        assert statuses(ask(opened)) == Counter(scored=10, errored=4)
        assert heard.take() == sorted((side, f"refund {n}: what now") for side in ("base", "candidate") for n in (6, 7))


class TestNothingTwice:
    def test_base_and_reference_that_are_the_same__are_asked_once_and_both_have_results(self, tmp_path, heard):
        answered = ask(workspace(tmp_path), "base", "reference", "candidate")
        assert Counter(side for side, _ in heard) == {"base": CASES, "candidate": CASES}
        base, reference = answered["base"], answered["reference"]
        assert (base.header.variant.name, reference.header.variant.name) == ("base", "reference")
        assert base.cases == reference.cases

    def test_nothing_changed__nobody_is_asked_and_latencies_are_left_out(self, tmp_path, heard):
        opened = workspace(tmp_path)
        first, lines = ask(opened), []
        heard.clear()
        again = ask(opened, tell=lines.append)
        assert heard == []
        assert told(again) == told(first)
        assert {case.latency_ms for one in again.values() for case in one.cases} == {None}
        assert lines == [
            f"  {side}: all {CASES} answers found from an earlier run, nothing is generated" for side in ("base", "candidate")
        ]

    def test_new_candidate__costs_no_answer_of_base(self, tmp_path, heard):
        opened = workspace(tmp_path)
        ask(opened)
        config = tmp_path / "run/adapter/adapter_config.json"
        config.write_text(config.read_text().replace("bill", "bell"))
        told_before = json.loads((tmp_path / "run/training.json").read_text())
        from evalgate.weights import adapter_digest

        told_before["candidate"]["adapter_sha256"] = adapter_digest(tmp_path / "run/adapter")
        (tmp_path / "run/training.json").write_text(json.dumps(told_before))
        heard.clear()
        ask(opened)
        assert Counter(side for side, _ in heard) == {"candidate": CASES}

    def test_one_case_changed__costs_two_answers_added_too_and_removed_or_put_elsewhere_none(self, tmp_path, heard):
        opened = workspace(tmp_path)
        ask(opened)
        heard.clear()
        new = {"id": "new", "input": "refund 99: what now", "expected": {"intent": "refund"}, "buckets": {"intent": "refund"}}
        both = [("base", "refund 99: what now"), ("candidate", "refund 99: what now")]

        def asked_after(change):
            answered = ask(edited(opened, change))
            assert statuses(answered).keys() == {"scored"}
            assert [case.case_id for case in answered["base"].cases] == [
                c.id for s in questions(edited(opened, list)) for c in s.cases
            ]
            return heard.take()

        assert asked_after(lambda cases: [{**cases[0], "input": new["input"]}, *cases[1:]]) == both
        assert asked_after(lambda cases: [*cases[:9], new, *cases[9:]]) == [], "the same question has another name"
        assert asked_after(lambda cases: [*cases, {**new, "id": "newer", "input": "bill 98: what now"}]) == [
            ("base", "bill 98: what now"),
            ("candidate", "bill 98: what now"),
        ]
        assert asked_after(lambda cases: cases[3:]) == []
        assert asked_after(lambda cases: cases[::-1]) == []
        assert asked_after(lambda cases: [{**case, "expected": {"intent": "bill"}} for case in cases]) == []
        assert asked_after(lambda cases: [{**case, "id": f"x{n}"} for n, case in enumerate(cases)]) == []

    def test_cases_that_ask_the_same__are_asked_once_a_side(self, tmp_path, heard):
        opened = edited(workspace(tmp_path), lambda cases: [*cases, *({**case, "id": f"{case['id']}-again"} for case in cases)])
        answered = ask(opened)
        assert len(heard) == len(set(heard)) == 2 * CASES
        by_id = {case.case_id: case for case in answered["base"].cases}
        assert all(by_id[f"{name}-again"].output == case.output for name, case in by_id.items() if f"{name}-again" in by_id)
        assert statuses(answered) == Counter(scored=2 * (CASES + 20))

    def test_folder_that_was_renamed_copied_or_touched__is_found(self, tmp_path, heard):
        opened = workspace(tmp_path / "work")
        first = told(ask(opened, cache=tmp_path / "cache"))
        heard.clear()
        (tmp_path / "work").rename(tmp_path / "renamed")
        shutil.copytree(tmp_path / "renamed", tmp_path / "copied" / "deep")
        for path in (tmp_path / "copied").rglob("*"):
            os.utime(path, (1, 1))
        for folder in (tmp_path / "renamed", tmp_path / "copied" / "deep"):
            assert told(ask(open_workspace(folder / "evalgate.yaml", None), cache=tmp_path / "cache")) == first
        assert heard == []

    @pytest.mark.parametrize(
        "change",
        [
            {"prompt": "prompt.md"},
            {"evaluate": {"max_new_tokens": 7}},
            {"gate": {"max_bucket_drop": 0.1, "calibration": {"max_rise": 0.5}}},
        ],
        ids=["prompt", "length", "confidence"],
    )
    def test_what_shapes_answers__asks_all_of_them_again(self, tmp_path, heard, change):
        ask(workspace(tmp_path))
        (tmp_path / "prompt.md").write_text("Answer with one JSON object.")
        heard.clear()
        ask(workspace(tmp_path, **change))
        assert len(heard) == 2 * CASES

    def test_byte_of_the_weights_or_the_adapter__asks_again(self, tmp_path, heard):
        ask(workspace(tmp_path), "base")
        (tmp_path / "base.json").write_text((tmp_path / "base.json").read_text() + " ")
        heard.clear()
        ask(open_workspace(tmp_path / "evalgate.yaml", None), "base")
        assert len(heard) == CASES

    def test_answers_of_an_earlier_look__are_found_by_the_next(self, tmp_path, heard):
        opened = workspace(tmp_path, "refund: -+*40 ++*40 | safety/jailbreak: ++*8")
        first = ask(opened, look=1)
        heard.clear()
        second = ask(opened, look=2)
        assert len(heard) == 2 * (len(second["base"].cases) - len(first["base"].cases)) > 0
        assert len(first["base"].cases) > 0


class TestOrigins:
    def test_what_a_pull_request_made__is_found_by_itself_alone_and_what_the_target_branch_made_by_all(self, tmp_path, heard):
        opened = workspace(tmp_path)

        def generated(origin):
            ask(opened._replace(origin=origin), "base")
            return len(heard.take())

        assert [generated("pull/1"), generated("pull/1")] == [CASES, 0]
        assert [generated("pull/2"), generated("here"), generated("target")] == [CASES, CASES, CASES]
        assert [generated("pull/3"), generated("branch/x")] == [0, 0]

    def test_scores_that_a_pull_request_made__are_not_found_by_another(self, tmp_path):
        opened = own_workspace(tmp_path)
        for origin, asked in (("pull/1", 20), ("pull/1", 0), ("pull/2", 20), ("target", 20), ("pull/3", 0)):
            ask(opened._replace(origin=origin), "base")
            assert len(calls(opened)) == asked, origin


def own_workspace(folder, value="1.0"):
    """A workspace with a scorer of its own that writes down what it is asked."""
    (folder / "scorers").mkdir(parents=True, exist_ok=True)
    (folder / "scorers/own.py").write_text(CODE.replace("{value}", value))
    return workspace(folder, scorers={"primary": "exact_json", "also": [OWN]})


def calls(opened):
    """Ids of the cases that the scorer was asked since the last time."""
    path = opened.root / "scorers/calls.txt"
    found = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


class TestOwnScores:
    def scores(self, opened, **more):
        return {(side, c.case_id): c.scores.get(OWN) for side, one in ask(opened, **more).items() for c in one.cases}

    def test_same_answer_case_and_code__are_scored_once(self, tmp_path):
        opened = own_workspace(tmp_path)
        first = self.scores(opened)
        assert len(calls(opened)) == 33, "20 of base, and 13 where the candidate says something else"
        assert self.scores(opened) == first
        assert calls(opened) == []

    def test_answer_that_another_variant_gave_to_the_case_too__is_scored_once(self, tmp_path):
        opened = own_workspace(tmp_path)
        self.scores(opened, cache=tmp_path / "a")
        calls(opened)
        ask(opened, "base")
        assert len(calls(opened)) == 20
        ask(opened, "candidate")
        assert len(calls(opened)) == 13, "where the candidate answers as base did, nothing is scored"

    def test_changed_function_or_a_file_beside_it__is_asked_again(self, tmp_path):
        opened = own_workspace(tmp_path)
        self.scores(opened)
        calls(opened)
        assert set(self.scores(own_workspace(tmp_path, "0.25")).values()) == {0.25, None}
        assert len(calls(opened)) == 33
        (tmp_path / "scorers/beside.py").write_text("LIMIT = 3\n")
        self.scores(opened)
        assert len(calls(opened)) == 33

    def test_changed_expectation__is_scored_again_and_the_others_are_not(self, tmp_path):
        opened = own_workspace(tmp_path)
        self.scores(opened)
        calls(opened)
        self.scores(edited(opened, lambda cases: [{**cases[0], "expected": {"intent": "bill"}}, *cases[1:]]))
        assert calls(opened) == ["refund-1"] * 2

    def test_answer_that_it_cannot_judge__is_asked_again(self, tmp_path):
        opened = own_workspace(tmp_path, "None")
        for _ in range(2):
            assert statuses(ask(opened, "base"))["unscorable"] == 20
            assert len(calls(opened)) == 20

    def test_zero__is_a_score_and_remembered(self, tmp_path):
        opened = own_workspace(tmp_path, "0")
        first = self.scores(opened)
        calls(opened)
        assert self.scores(opened) == first
        assert calls(opened) == []
        assert 0.0 in first.values()


class TestTravelling:
    DECODING = Decoding(max_new_tokens=48)

    def found(self, opened, *names):
        places = {"registry_path": opened.root / "models.yaml", "cache": opened.root / "cache"}
        named = {"candidate": f"candidate:{opened.root / 'run'}"}
        return {name: find_variant(opened, named.get(name, name), **places) for name in names}

    def answers(self, opened, found):
        asked = [Asked(side, case.turns) for suite in questions(opened) for case in suite.cases for side in found]
        ask_them = open_panel(found, opened.feature.evaluate, self.DECODING, opened.root / "cache")
        return sorted(one._replace(latency_ms=None) for one in ask_them(asked))

    def sent(self, found):
        return cloudpickle.loads(cloudpickle.dumps({side: travelling(one) for side, one in found.items()}))

    def test_round_trip__answers_as_here_and_leaves_nothing_behind(self, tmp_path, monkeypatch):
        opened, scratch = workspace(tmp_path / "work"), tmp_path / "scratch"
        scratch.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(scratch))
        found = self.found(opened, "base", "candidate")
        here = self.answers(opened, found)
        assert len({one.text for one in here}) > 2
        arrives = self.sent(found)
        shutil.rmtree(opened.root / "run")
        assert self.answers(opened, arrives) == here
        assert list(scratch.iterdir()) == []

    def test_results__are_those_of_this_machine(self, tmp_path):
        opened = workspace(tmp_path)

        def elsewhere(make, pieces):
            yield from inline(cloudpickle.loads(cloudpickle.dumps(make)), cloudpickle.loads(cloudpickle.dumps(pieces)))

        assert told(ask(opened, cache=tmp_path / "other", executor=elsewhere)) == told(ask(opened))

    @pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
    def test_adapter_that_arrives_changed__is_refused(self, tmp_path, name):
        opened = workspace(tmp_path)
        (sent,) = self.sent(self.found(opened, "candidate")).values()
        tampered = sent._replace(adapter={**sent.adapter, name: sent.adapter[name] + b" "})
        with pytest.raises(PolicyError, match="candidate: its adapter arrived changed on a worker"):
            self.answers(opened, {"candidate": tampered})

    def test_other_base_under_the_same_name__is_refused(self, tmp_path):
        opened = workspace(tmp_path)
        sent = self.sent(self.found(opened, "base"))
        (tmp_path / "base.json").write_text('{"otherwise": "OWNED"}')
        with pytest.raises(PolicyError, match=r"scripted:base\.json: has digest \w+ on a worker, not \w+: other files lie there"):
            self.answers(opened, sent)

    def test_cache_that_is_not_on_the_worker__is_the_workers_own(self, tmp_path, monkeypatch):
        opened = workspace(tmp_path)
        monkeypatch.setenv("EVALGATE_CACHE", str(tmp_path / "theirs"))
        ask_them = open_panel(
            self.sent(self.found(opened, "base")), opened.feature.evaluate, self.DECODING, tmp_path / "not" / "here"
        )
        asked = [Asked("base", case.turns) for case in questions(opened)[0].cases]
        assert len(list(ask_them(asked))) == len(asked)
        assert not (tmp_path / "not").exists()


def test_what_is_told__says_of_every_side_how_much_is_generated(tmp_path):
    opened, lines = workspace(tmp_path), []
    ask(opened, tell=lines.append)
    assert lines == [f"  {side}: {CASES} cases" for side in ("base", "candidate")]
    lines.clear()
    more = {"id": "new", "input": "refund 99: what now", "expected": {"intent": "refund"}, "buckets": {"intent": "refund"}}
    ask(edited(opened, lambda cases: [*cases, more]), tell=lines.append)
    assert all(
        re.fullmatch(rf"  \w+: {CASES} of {CASES + 1} answers found from an earlier run, 1 are generated", one) for one in lines
    )
