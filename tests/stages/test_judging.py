"""Judging, over HTTP with a server of our own: self-test, grades, choices, cache, bill, and every way to fail."""

import json
import threading

import pytest
from judge_server import ChatServer, always, better, grade, honest, obeys, prefers_the_first, shown_to
from pydantic import SecretStr

from evalgate import results as results_files
from evalgate.errors import NO_VERDICT, DatasetError, NotMeasured, PolicyError
from evalgate.records.beside_policy import JudgePolicy
from evalgate.records.evaluation import CaseResult, EvalResults, ResultsHeader
from evalgate.records.suite import Case, Suite
from evalgate.scorers.judging import read_grade, read_preference
from evalgate.stages.human_labels import HumanGrade, answer_sha256, read_human, with_human_labels
from evalgate.stages.judging import ProvenJudge, bill, graded, judge_pairwise, judge_pointwise, open_judge, self_test
from evalgate.stats.judges import Combined, ppi_mean

EXPECTED = {
    "late": "We have asked the courier and write to you tomorrow.",
    "twice": "One of both payments goes back onto your card.",
    "manual": "It lies inside every box, under its lid.",
}
RIGHT, WRONG = "right", "wrong"
CASES = tuple(Case(id=name, input=f"{name}?", expected=text) for name, text in EXPECTED.items())
SUITE = Suite(name="golden", sha256="c" * 64, cases=CASES)
KEY = "sk-abcdefgh1234567890ABCDEFG"


@pytest.fixture
def judge_at():
    """A way to open judges that are closed when the test ends."""
    opened = []

    def make(server, *, key=None, cache=None, rubric=None, pauses=(0.0, 0.0, 0.0), **fields):
        policy = JudgePolicy(**{"model": "judge-1", "base_url": server.url, "timeout_s": 5.0, **fields})
        secret = key and SecretStr(key)
        opened.append(open_judge(policy, rubric=rubric, key=secret, cache=cache, pauses=pauses))
        return opened[-1]

    yield make
    for judge in opened:
        judge.chat.close()


def answered(variant="base", **outputs):
    """Results without other scores: right, wrong, None for errored, or the very answer."""
    return EvalResults(
        header=ResultsHeader(record="header", schema_version=1, feature="f", variant=variant),
        cases=tuple(result(name, outputs.get(name, RIGHT)) for name in EXPECTED),
    )


def result(name, output, **fields):
    text = {RIGHT: EXPECTED[name], WRONG: "Bananas are yellow."}.get(output, output)
    if text is None:
        return CaseResult(case_id=name, status="errored", note="no answer")
    return CaseResult(**{"case_id": name, "status": "unscorable", "output": text, **fields})


def human(name, grade, side="base"):
    """A person's grade of the right answer to a case."""
    return HumanGrade(case_id=name, variant=side, grade=grade, answer_sha256=answer_sha256(EXPECTED.get(name, "")))


def scores(results):
    return {case.case_id: case.scores.get("judge") for case in results.cases}


def statuses(results):
    return [case.status for case in results.cases]


class TestSelfTest:
    @pytest.mark.parametrize("mode", ["pointwise", "pairwise", "both"])
    def test_an_honest_judge_passes(self, judge_at, mode):
        with ChatServer(honest) as server:
            judge = judge_at(server, mode=mode)
            assert self_test(judge, SUITE) == ProvenJudge(judge)

    @pytest.mark.parametrize(
        ("say", "mode", "told"),
        [
            (obeys, "pointwise", "orders to the judge"),
            (obeys, "pairwise", "orders to the judge"),
            (prefers_the_first, "pairwise", "stands second"),
            (always("The answer is excellent, five points."), "pointwise", "a good answer"),
            (always(grade(5)), "pointwise", "an empty answer"),
            (always(grade(1)), "pointwise", "a good answer"),
            (always(":"), "pointwise", "a good answer"),
            (always(better("tie")), "pairwise", "a wrong answer"),
        ],
    )
    def test_a_judge_that_is_none_makes_the_run_invalid(self, judge_at, say, mode, told):
        with ChatServer(say) as server, pytest.raises(NotMeasured, match=told) as caught:
            self_test(judge_at(server, mode=mode), SUITE)
        assert "failed its self-test, so this run is invalid" in str(caught.value)
        assert caught.value.exit_code == NO_VERDICT

    def test_a_judge_that_cannot_be_asked_makes_the_run_invalid(self, judge_at):
        with ChatServer(honest) as server, pytest.raises(NotMeasured, match="could not be made"):
            server.faults = ["500"] * 99
            self_test(judge_at(server), SUITE)

    def test_it_is_made_anew_in_every_run(self, judge_at, tmp_path):
        with ChatServer(honest) as server:
            for _ in range(2):
                self_test(judge_at(server, cache=tmp_path), SUITE)
            assert server.calls == 14
            assert list(tmp_path.rglob("*.json")) == []


class TestGrades:
    def test_each_answer_gets_its_grade_and_the_reply_that_it_comes_from(self, judge_at):
        with ChatServer(honest) as server:
            judge = judge_at(server)
            told = judge_pointwise(CASES, answered(twice=WRONG), ProvenJudge(judge))
        assert scores(told) == {"late": 1.0, "twice": 0.0, "manual": 1.0}
        assert [read_grade(case.replies["judge"]).value for case in told.cases] == [1.0, 0.0, 1.0]
        assert told.header.scorers == {"judge": judge.sha256}
        assert results_files.parse(results_files.serialise(told), "r") == told

    def test_other_scores_and_notes_stay(self, judge_at):
        one = result("late", WRONG, status="scored", scores={"fuzzy": 0.1}, note="fuzzy: 0.1")
        with ChatServer(honest) as server:
            told = judge_pointwise(CASES, answered().model_copy(update={"cases": (one,)}), ProvenJudge(judge_at(server)))
        assert told.cases[0].scores == {"fuzzy": 0.1, "judge": 0.0}
        assert told.cases[0].note == "fuzzy: 0.1; judge: grade 1 of 5"

    def test_what_is_errored_empty_unscorable_or_of_another_suite_is_not_sent(self, judge_at):
        cases = (
            result("late", None),
            result("twice", " \u200b\n"),
            result("manual", RIGHT, note="fuzzy: unusable expectation"),
            CaseResult(case_id="late", suite="safety/jailbreak", status="scored", scores={"refusal": 1.0}, output="no"),
        )
        before = answered().model_copy(update={"cases": cases})
        with ChatServer(honest) as server:
            told = judge_pointwise(CASES, before, ProvenJudge(judge_at(server)))
            assert server.calls == 0
        assert statuses(told) == ["errored", "unscorable", "unscorable", "scored"]
        assert told.cases[1].note == "judge: empty answer"
        assert (told.cases[0], *told.cases[2:]) == (cases[0], *cases[2:])

    def test_a_case_that_the_suite_does_not_have_is_not_scored(self, judge_at):
        with ChatServer(honest) as server:
            told = judge_pointwise(CASES[:2], answered(), ProvenJudge(judge_at(server)))
        assert statuses(told) == ["scored", "scored", "unscorable"]

    @pytest.mark.parametrize(
        "reply", ["", ":", "Grade: 5", '{"grade": 5}', '{"reason": "r", "grade": 6}', '{"reason": "r", "grade": 5.0}']
    )
    def test_a_reply_that_cannot_be_read_is_unscorable_kept_and_never_a_zero(self, judge_at, reply, tmp_path):
        with ChatServer(always(reply)) as server:
            told = judge_pointwise(CASES, answered(), ProvenJudge(judge_at(server, cache=tmp_path)))
        assert statuses(told) == ["unscorable"] * 3
        assert {case.replies["judge"] for case in told.cases} == {reply}
        assert list(tmp_path.rglob("*.json")) == [], "what says nothing is not kept for later runs"

    @pytest.mark.parametrize("fault", ["500", "429", "disconnect", "malformed", "cut", "other-model:cheap"])
    def test_a_call_that_fails_is_not_measured_and_the_others_stand(self, judge_at, fault, tmp_path):
        with ChatServer(honest) as server:
            server.faults = [fault] * 1
            told = judge_pointwise(CASES, answered(), ProvenJudge(judge_at(server, pauses=(), concurrency=1, cache=tmp_path)))
        assert sorted(statuses(told)) == ["scored", "scored", "unscorable"]
        lost = next(case for case in told.cases if case.status == "unscorable")
        assert "judge: not measured" in (lost.note or "")
        assert (lost.scores, lost.replies, lost.output) == ({}, None, EXPECTED[lost.case_id])
        assert len(list(tmp_path.rglob("*.json"))) == 2, "a failure is not kept"

    def test_the_same_answer_to_the_same_question_is_asked_once(self, judge_at):
        with ChatServer(honest) as server:
            judge = judge_at(server)
            base = judge_pointwise(CASES, answered(), ProvenJudge(judge))
            candidate = judge_pointwise(CASES, answered("candidate", late=WRONG), ProvenJudge(judge))
            assert server.calls == 4
        assert scores(base)["twice"] == scores(candidate)["twice"]
        assert bill(judge).found == 2

    def test_replies_of_an_earlier_run_are_found_and_cost_nothing(self, judge_at, tmp_path):
        with ChatServer(honest) as server:
            first = judge_pointwise(CASES, answered(), ProvenJudge(judge_at(server, cache=tmp_path)))
            again = judge_at(server, cache=tmp_path, price_input_per_million=1.0, price_output_per_million=1.0)
            assert judge_pointwise(CASES, answered(), ProvenJudge(again)) == first
            assert server.calls == 3
        assert bill(again) == (0, 3, 0, 0, 0, 0.0)
        assert "3 replies found again cost nothing" in bill(again).words()
        names = [path.relative_to(tmp_path) for path in tmp_path.rglob("*.json")]
        assert all(name.parent.name == name.name[:2] and len(name.stem) == 64 for name in names)

    @pytest.mark.parametrize("change", [{"rubric": "Be short."}, {"max_tokens": 77}])
    def test_another_rubric_or_another_setting_is_asked_anew_and_has_another_digest(self, judge_at, tmp_path, change):
        with ChatServer(honest) as server:
            one, other = judge_at(server, cache=tmp_path), judge_at(server, cache=tmp_path, **change)
            for judge in (one, other):
                judge_pointwise(CASES, answered(), ProvenJudge(judge))
            assert server.calls == 6
            assert one.sha256 != other.sha256

    def test_a_kept_reply_that_was_broken_is_asked_anew(self, judge_at, tmp_path):
        with ChatServer(honest) as server:
            judge_pointwise(CASES, answered(), ProvenJudge(judge_at(server, cache=tmp_path)))
            for path, broken in zip(tmp_path.rglob("*.json"), ("{", "[]", '{"text": "grade 5"}'), strict=True):
                path.write_text(broken)
            told = judge_pointwise(CASES, answered(), ProvenJudge(judge_at(server, cache=tmp_path)))
            assert server.calls == 6
        assert set(scores(told).values()) == {1.0}

    def test_personal_data_in_a_reply_is_masked_where_the_grade_stays(self, judge_at):
        with ChatServer(always(grade(4, "it names jo@corp.io"))) as server:
            told = judge_pointwise(CASES, answered(), ProvenJudge(judge_at(server)))
        assert json.loads(told.cases[0].replies["judge"]) == {"reason": "it names [masked: e-mail]", "grade": 4}

    @pytest.mark.parametrize("reply", [grade(5, "x" * 30_000), '{"reason": "\ud800", "grade": 5}'])
    def test_a_reply_that_no_file_should_hold_is_unscorable_or_mended(self, judge_at, reply):
        with ChatServer(always(reply)) as server:
            told = judge_pointwise(CASES, answered(), ProvenJudge(judge_at(server)))
        again = results_files.parse(results_files.serialise(told), "r")
        assert [read_grade(case.replies["judge"]).value for case in again.cases] == [c.scores.get("judge") for c in again.cases]

    def test_a_very_long_answer_is_not_sent_and_not_measured(self, judge_at):
        with ChatServer(honest) as server:
            told = judge_pointwise(CASES, answered(late="la " * 40_000), ProvenJudge(judge_at(server)))
            assert server.calls == 2
        assert "longer than the 100,000 characters" in (told.cases[0].note or "")

    def test_two_at_a_time_are_asked_at_once_and_progress_is_told(self, judge_at):
        meeting, steps = threading.Barrier(2), []

        def say(body):
            if shown_to(body)["question"][0]["content"] != "manual?":
                meeting.wait(timeout=5)
            return honest(body)

        with ChatServer(say) as server:
            judge = judge_at(server, concurrency=2)
            told = judge_pointwise(CASES, answered(), ProvenJudge(judge), progress=lambda *step: steps.append(step))
        assert set(scores(told).values()) == {1.0}
        assert steps == [("judging", 1, 3), ("judging", 2, 3), ("judging", 3, 3)]

    def test_the_order_of_replies_changes_nothing(self, judge_at):
        with ChatServer(honest) as server:
            wide, narrow = (
                judge_pointwise(CASES, answered(twice=WRONG), ProvenJudge(judge_at(server, concurrency=n))) for n in (8, 1)
            )
        assert wide == narrow


class TestChoices:
    def test_both_orders_are_asked_and_kept(self, judge_at):
        with ChatServer(honest) as server:
            judge = judge_at(server, mode="pairwise")
            chosen = judge_pairwise(CASES, answered(), answered("candidate", late=WRONG), ProvenJudge(judge))
            assert server.calls == 2
            assert {shown_to(seen.body)["first"] for seen in server.log} == {EXPECTED["late"], "Bananas are yellow."}
        one = chosen.cases[0]
        assert (read_preference(one.base_first or ""), read_preference(one.candidate_first or "")) == ("first", "second")
        assert (chosen.judge, chosen.judge_sha256) == ("judge-1", judge.sha256)

    def test_a_judge_that_takes_the_first_slot_contradicts_itself_in_the_record(self, judge_at):
        with ChatServer(prefers_the_first) as server:
            chosen = judge_pairwise(CASES, answered(), answered(late=WRONG), ProvenJudge(judge_at(server)))
        one = chosen.cases[0]
        assert {read_preference(one.base_first or ""), read_preference(one.candidate_first or "")} == {"first"}

    def test_identical_answers_are_never_sent(self, judge_at):
        with ChatServer(honest) as server:
            chosen = judge_pairwise(CASES, answered(), answered("candidate"), ProvenJudge(judge_at(server)))
            assert server.calls == 0
        assert [(one.identical, one.base_first, one.candidate_first) for one in chosen.cases] == [(True, None, None)] * 3

    def test_answers_that_differ_in_masked_data_alone_are_neither_sent_nor_a_tie(self, judge_at):
        with ChatServer(honest) as server:
            ours, theirs = answered(late="ask jo@corp.io"), answered(late="ask al@corp.io")
            chosen = judge_pairwise(CASES, ours, theirs, ProvenJudge(judge_at(server)))
            assert server.calls == 0
        assert [one.identical for one in chosen.cases] == [False, True, True]

    def test_an_answer_that_is_missing_on_either_side_leaves_the_case_without_a_reply(self, judge_at):
        with ChatServer(honest) as server:
            ours = answered(late=None, twice=" ")
            theirs = answered("candidate", manual=None)
            chosen = judge_pairwise(CASES, ours, theirs, ProvenJudge(judge_at(server)))
            assert server.calls == 0
        assert [one.case_id for one in chosen.cases] == list(EXPECTED)
        assert {(one.identical, one.base_first, one.candidate_first) for one in chosen.cases} == {(False, None, None)}

    def test_one_order_that_fails_leaves_the_other(self, judge_at):
        with ChatServer(honest) as server:
            server.faults = ["500"]
            judge = judge_at(server, pauses=(), concurrency=1)
            chosen = judge_pairwise(CASES, answered(), answered(late=WRONG), ProvenJudge(judge))
        one = chosen.cases[0]
        assert [reply is None for reply in (one.base_first, one.candidate_first)] == [True, False]
        assert not one.identical

    def test_replies_are_found_again(self, judge_at, tmp_path):
        with ChatServer(honest) as server:
            both = answered(), answered("candidate", late=WRONG)
            first = judge_pairwise(CASES, *both, ProvenJudge(judge_at(server, cache=tmp_path)))
            assert judge_pairwise(CASES, *both, ProvenJudge(judge_at(server, cache=tmp_path))) == first
            assert server.calls == 2


class TestBill:
    def test_every_request_counts_the_self_test_and_failures_too(self, judge_at):
        with ChatServer(honest) as server:
            judge = judge_at(server, price_input_per_million=2.0, price_output_per_million=10.0)
            proven = self_test(judge, SUITE)
            server.faults = ["500"]
            judge_pointwise(CASES, answered(), proven)
            assert bill(judge)[:5] == (11, 0, 1000, 100, 0)
            assert bill(judge).money == pytest.approx(0.003)
            assert bill(judge).words() == "11 requests, 1,000 tokens in, 100 out: 0.0030 in its currency"

    def test_without_prices_or_usage_it_says_so(self, judge_at):
        with ChatServer(honest, usage=False) as server:
            judge = judge_at(server)
            judge_pointwise(CASES, answered(), ProvenJudge(judge))
        assert bill(judge) == (3, 0, 0, 0, 3, None)
        assert "at least" in bill(judge).words()
        assert "no prices" in bill(judge).words()


class TestKey:
    @pytest.mark.parametrize("key", [None, SecretStr("")])
    def test_a_key_that_is_missing_is_named(self, key):
        policy = JudgePolicy(model="judge-1", base_url="http://127.0.0.1:9/v1", key="JUDGE_KEY")
        with pytest.raises(NotMeasured, match="JUDGE_KEY is not set"):
            open_judge(policy, rubric=None, key=key)

    @pytest.mark.parametrize("key", [KEY, "correct-horse-battery-staple"])
    def test_it_is_in_no_result_no_cache_no_message_and_no_log(self, key, tmp_path, caplog, capfd):
        caplog.set_level("DEBUG")

        def chatty(body):
            return grade(5, f"your key is {key}")

        with ChatServer(chatty, key=key) as server:
            policy = JudgePolicy(model="judge-1", base_url=server.url, key="JUDGE_KEY")
            judge = open_judge(policy, rubric=None, key=SecretStr(key), cache=tmp_path, pauses=())
            told = judge_pointwise(CASES, answered(), ProvenJudge(judge))
            server.key = "another"
            with pytest.raises(NotMeasured) as caught:
                self_test(judge, SUITE)
            judge.chat.close()
        kept = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
        out = [*capfd.readouterr(), caplog.text, kept, str(caught.value), repr(judge), results_files.serialise(told).decode()]
        assert set(scores(told).values()) == {1.0}
        assert "look at JUDGE_KEY" in str(caught.value)
        assert key not in "".join(out)

    def test_an_empty_rubric_is_refused(self, judge_at):
        with ChatServer(honest) as server, pytest.raises(PolicyError, match="is empty"):
            judge_at(server, rubric=" \n")


@pytest.mark.parametrize(
    ("before", "status"),
    [
        (result("late", None), "errored"),
        (result("late", " "), "unscorable"),
        (result("late", RIGHT, note="exact_json: unusable expectation"), "unscorable"),
        (result("late", RIGHT), "scored"),
        (result("late", RIGHT, status="scored", scores={"fuzzy": 0.5}), "scored"),
    ],
    ids=["errored", "empty", "unscorable", "waiting", "scored"],
)
def test_a_kept_reply_scores_an_answer_again_but_none_that_the_judge_would_not_have_seen(before, status):
    again = graded(before, grade(5))
    assert again.status == status
    assert again.scores.get("judge") == (1.0 if status == "scored" else None)
    assert CaseResult.model_validate(again.model_dump()) == again


class TestHumanLabels:
    GRADED = EvalResults(
        header=ResultsHeader(record="header", schema_version=1, feature="f", variant="base"),
        cases=tuple(
            result(name, RIGHT, status="scored", scores={"judge": score})
            for name, score in zip(EXPECTED, (1.0, 0.5, 0.0), strict=True)
        ),
    )

    def test_they_are_read_line_by_line(self):
        line = b'{"case_id": "late", "variant": "base", "grade": 4, "answer_sha256": "%s"}\n' % (b"a" * 64)
        lines = line + line.replace(b"base", b"candidate").replace(b"4,", b"1,")
        assert [label.grade for label in read_human(lines, "human.jsonl")] == [4, 1]

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            (b'{"case_id": "late", "variant": "base", "grade": 6}', "human.jsonl:1: `grade`"),
            (b'{"case_id": "late", "variant": "base", "grade": true}', "human.jsonl:1: `grade`"),
            (b'{"case_id": "late", "variant": "reference", "grade": 1}', "human.jsonl:1: `variant`"),
            (b"{", "human.jsonl:1: "),
            (b'{"case_id": "a", "variant": "base", "grade": 1}\n', "human.jsonl:1: `answer_sha256` is missing"),
            (b'{"case_id": "a", "variant": "base", "grade": 1, "answer_sha256": "%s"}\n' % (b"a" * 64) * 2, "graded twice"),
        ],
    )
    def test_a_wrong_line_is_an_error_with_its_number(self, line, told):
        with pytest.raises(DatasetError) as caught:
            read_human(line, "human.jsonl")
        assert told in str(caught.value)

    def test_people_s_grades_meet_the_judge_s_on_the_same_answers_and_on_the_rest(self):
        labels = [human(name, 2, side) for name, side in (("late", "base"), ("twice", "candidate"))]
        assert with_human_labels(self.GRADED, labels, "base", lambda *lists: lists) == ([0.25], [1.0], [0.0, 0.5])

    def test_they_fit_the_mean_that_combines_them(self):
        pytest.importorskip("ppi_py")
        labels = [human(name, grade) for name, grade in (("late", 5), ("twice", 3))]
        assert isinstance(with_human_labels(self.GRADED, labels, "base", ppi_mean), Combined)

    def test_a_label_on_an_answer_that_is_not_there_is_an_error(self):
        with pytest.raises(DatasetError, match="'nobody'"):
            with_human_labels(self.GRADED, [human("nobody", 2)], "base", lambda *lists: lists)

    def test_a_label_on_another_answer_is_an_error_that_names_the_case(self):
        label = human("late", 2).model_copy(update={"answer_sha256": "0" * 64})
        with pytest.raises(DatasetError, match="'late', which was another than the one that it gives now"):
            with_human_labels(self.GRADED, [label], "base", lambda *lists: lists)

    def test_a_label_on_an_answer_that_the_judge_could_not_grade_is_left_aside(self):
        ungraded = [case.model_copy(update={"status": "unscorable", "scores": {}}) for case in self.GRADED.cases[:1]]
        graded = self.GRADED.model_copy(update={"cases": (*ungraded, *self.GRADED.cases[1:])})
        assert with_human_labels(graded, [human("late", 2)], "base", lambda *lists: lists) == ([], [], [0.0, 0.5])
