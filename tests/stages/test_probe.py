"""The latency probe: what is asked, in which order, and when latency stays unmeasured."""

import time
from collections import Counter

import pytest
from drawn_workspace import draw

from evalgate.errors import NotMeasured
from evalgate.ports import Answer
from evalgate.records.evaluation import Decoding, Probe, Variant
from evalgate.records.suite import Case
from evalgate.stages import probe as stage
from evalgate.stages.probe import chosen, probe, timed
from evalgate.stages.variants import find_variant
from evalgate.stages.workspace import open_workspace

SIXTY = "refund: ++*40 | bill: ++*20 | safety/jailbreak: ++*10"
DECODING = Decoding(max_new_tokens=8)


class Sleeper:
    """A model that takes as long as it is told; fulfils `ports.Model`."""

    def __init__(self, name, seconds=0.0, *, heard=None, fails=lambda question: False, breaks=None):
        self.variant = Variant(name=name, model="m", model_sha256=64 * "a", prompt_sha256=64 * "b")
        self.heard = [] if heard is None else heard
        self._seconds, self._fails, self._breaks = seconds, fails, breaks

    def answer(self, conversations, decoding):
        assert len(conversations) == 1, "one question at a time"
        assert decoding == DECODING
        question = conversations[0][-1].content
        self.heard.append((self.variant.name, question))
        time.sleep(self._seconds)
        if self._breaks is not None and self._fails(question):
            raise self._breaks
        yield Answer(0, None if self._fails(question) else "yes", "no")


def cases(n, **buckets):
    return [
        Case(id=f"{'-'.join(buckets.values())}{number}", input=f"q{number}", expected="x", buckets=buckets) for number in range(n)
    ]


def silent(*_):
    pass


class TestTimed:
    def test_slower_model__takes_the_longer_times(self):
        found = timed([Sleeper("base"), Sleeper("candidate", 0.004)], cases(10), DECODING, silent)
        assert len(found) == 10
        assert all(one.candidate_ms >= 4 for one in found)
        assert sum(one.base_ms < one.candidate_ms for one in found) >= 9

    def test_each_is_warmed_up_once_and_then_asked_first_in_turn(self):
        heard = []
        timed([Sleeper("base", heard=heard), Sleeper("candidate", heard=heard)], cases(4), DECODING, silent)
        assert heard[:2] == [("base", "q0"), ("candidate", "q0")]
        assert [who for who, _ in heard[2:]] == ["base", "candidate", "candidate", "base"] * 2
        assert [asked for _, asked in heard[2:]] == ["q0", "q0", "q1", "q1", "q2", "q2", "q3", "q3"]

    @pytest.mark.parametrize("breaks", [None, RuntimeError("out of memory"), OSError("gone"), NotMeasured("503")])
    @pytest.mark.parametrize("side", [0, 1])
    def test_case_that_one_fails_on__is_left_out_on_both_sides(self, side, breaks):
        models = [Sleeper("base"), Sleeper("candidate")]
        models[side] = Sleeper("broken", fails=lambda question: question in ("q0", "q3"), breaks=breaks)
        assert [one.case_id for one in timed(models, cases(5), DECODING, silent)] == ["1", "2", "4"]

    def test_no_answer_in_no_time__is_still_a_time(self, monkeypatch):
        monkeypatch.setattr(stage.time, "perf_counter", lambda: 1.0)
        assert timed([Sleeper("a"), Sleeper("b")], cases(1), DECODING, silent)[0].base_ms > 0

    def test_progress__is_told_after_every_case(self):
        told = []
        timed([Sleeper("a"), Sleeper("b")], cases(3), DECODING, lambda *words: told.append(words))
        assert told == [("probing latency", done, 3) for done in (1, 2, 3)]


class TestChosen:
    def test_the_same_cases__whatever_their_order_in_the_files(self):
        every = cases(100, intent="a") + cases(30, intent="b")
        assert chosen(every, 50) == chosen(every[::-1], 50)

    def test_every_combination_of_buckets__has_its_turn(self):
        every = [
            case for intent in "abc" for n, locale in ((80, "en"), (20, "es")) for case in cases(n, intent=intent, locale=locale)
        ]
        counts = Counter(tuple(case.buckets.values()) for case in chosen(every, 60))
        assert set(counts.values()) == {10}

    def test_small_bucket__is_taken_whole_and_others_fill_up(self):
        counts = Counter(case.buckets["intent"] for case in chosen(cases(90, intent="a") + cases(3, intent="b"), 50))
        assert counts == {"a": 47, "b": 3}

    def test_fewer_than_wanted__are_all_there_are(self):
        assert len(chosen(cases(7), 50)) == 7
        assert chosen([], 50) == []


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """`asked(drawing, probe_cases=50)`: the probe of a drawn workspace's base against itself, and what was told."""

    heard = []

    def call(drawing, *, models=None, base="base", **evaluate):
        draw(tmp_path, drawing, evaluate={"max_new_tokens": 8, **evaluate})
        if models is not None:
            left = list(models)
            monkeypatch.setattr(stage, "load_variant", lambda found, settings, *, cache: heard.append(settings) or left.pop(0))
        workspace, told = open_workspace(tmp_path / "evalgate.yaml", None), []
        places = {"registry_path": tmp_path / "models.yaml", "cache": tmp_path / "cache"}
        if base == "found":
            base = find_variant(workspace, "base", **places)
        found = probe(workspace, base, "reference", **places, progress=silent, tell=told.append)
        return found, told

    call.heard = heard
    return call


class TestProbe:
    def test_both_variants__are_named_with_their_digests_and_timed_on_as_many_cases_as_the_policy_says(self, asked, tmp_path):
        found, told = asked(SIXTY, probe_cases=55)
        assert (len(found.timings), told) == (55, [])
        assert (found.base.name, found.candidate.name) == ("base", "reference")
        assert found.base.model_sha256 == found.candidate.model_sha256
        assert found.environment == {"engine": "scripted", "batch_rows": "1", "drafts": "none"}
        assert Probe.model_validate_json(found.model_dump_json()) == found
        assert not (tmp_path / "cache").exists(), "nothing is written, nothing is shared"

    def test_variant_that_was_found_already__is_taken(self, asked):
        assert asked(SIXTY, base="found", probe_cases=50)[0].base.name == "base"

    def test_policy_that_asks_for_none__gets_none(self, asked):
        assert asked(SIXTY) == (None, [])

    def test_safety_cases__are_never_asked(self, asked):
        found, _ = asked(SIXTY, probe_cases=1000)
        assert len(found.timings) == 60
        assert not any(one.case_id.startswith("jailbreak") for one in found.timings)

    def test_fewer_golden_cases_than_a_95th_percentile_needs__is_not_measured(self, asked):
        found, told = asked("refund: ++*49 | safety/jailbreak: ++*10", probe_cases=50)
        assert found is None
        assert told == ["latency is not measured: a probe needs 50 golden cases, there are 49"]

    def test_fewer_answers_than_that__is_not_measured(self, asked):
        models = [Sleeper("base"), Sleeper("candidate", fails=lambda question: question.startswith("bill"))]
        found, told = asked(SIXTY, models=models, probe_cases=60)
        assert found is None
        assert told == ["latency is not measured: a probe needs 50 golden cases, both variants answered 40 of 60"]

    def test_slower_candidate__is_seen_to_be_slower(self, asked):
        found, _ = asked(SIXTY, models=[Sleeper("base", 0.001), Sleeper("candidate", 0.003)], probe_cases=50)
        assert [(one.batch_rows, one.drafts) for one in asked.heard] == [(1, False)] * 2, "as users see it: alone and undrafted"
        middle = sorted(one.candidate_ms - one.base_ms for one in found.timings)[25]
        assert 1 < middle < 6
