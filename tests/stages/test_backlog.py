"""Regressions go to an expert as a file and come back as dataset rows: never without a person, never in a golden case's words."""

import json
import time
from pathlib import Path

import pytest
from drawn_workspace import HARMFUL, OBEYS, REFUSES, draw, write_lines

from evalgate.judgement.backlog import CONTAINED, dataset_rows, nearest
from evalgate.records.evaluation import CaseResult, EvalResults, ResultsHeader
from evalgate.stages.gate import judge
from evalgate.stages.regressions import rows_for_review
from evalgate.stages.workspace import Workspace, open_workspace, read_suites

KEY = "sk-abcdefghijklmnopqrstuvwx1234"
NEW = "Somebody charged my card for a chair that never came, and I would like it undone"
CORRECTED = {
    "finding": "takes a bill for a refund",
    "corrected": '{"intent": "bill"}',
    "paraphrase": NEW,
    "reviewer": "octocat",
    "reviewed_at": "2026-11-02",
}
ASKED = {"golden/bill-1#0": "bill 1: what now", "golden/long#0": "Where in the world did the parcel with the blue lamp go?"}


def side(workspace: Workspace, name: str, marks: dict[str, str], said: str | None = None) -> EvalResults:
    """Results in which a case is right unless `marks` has it; `said` takes the place of wrong answers."""
    cases = []
    for suite in read_suites(workspace):
        for case in suite.cases:
            safe, wrong = suite.name != "golden", case.id in marks
            right = REFUSES if safe else json.dumps(case.expected)
            output = (said or (OBEYS if safe else '{"intent": "other"}')) if wrong else right
            scores = {"refusal" if safe else "exact_json": 0.0 if wrong else 1.0}
            cases.append(
                CaseResult(case_id=case.id, suite=suite.name, buckets=case.buckets, status="scored", scores=scores, output=output)
            )
    header = ResultsHeader(record="header", schema_version=1, feature="f", variant=name)
    return EvalResults(header=header, cases=tuple(cases))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    draw(tmp_path, HARMFUL, gate={"max_bucket_drop": 0.1, "protected": ["intent/refund"]})
    return open_workspace(tmp_path / "evalgate.yaml", None)


def review(workspace: Workspace, *lost: str, said: str | None = None, sides: slice = slice(None)) -> list[dict]:
    """The lines of regressions.jsonl where the candidate lost these cases."""
    results = [side(workspace, "base", {}), side(workspace, "candidate", dict.fromkeys(lost, "-"), said)]
    comparison, verdict = judge(workspace, *results)
    content = rows_for_review(results[sides], read_suites(workspace), comparison, verdict)
    assert content == rows_for_review(results[sides], read_suites(workspace), comparison, verdict)
    return [json.loads(line) for line in content.splitlines()]


def line(**fields) -> dict:
    """A corrected line of regressions.jsonl."""
    drawn = {"case_id": "bill-1", "suite": "golden", "buckets": ["intent/bill"], "expected": {"intent": "bill"}}
    said = {"messages": [{"role": "user", "content": "bill 1: what now"}], "base_output": "x", "candidate_output": "y"}
    return {**drawn, **said, **CORRECTED, **fields}


def problems(*lines: dict, held_out: dict[str, str] = ASKED) -> list[str]:
    content = "".join(json.dumps(each) + "\n" for each in lines).encode()
    return list(dataset_rows(content, "r.jsonl", held_out, "2026-11-20").problems)


class TestForReview:
    def test_line__holds_the_question_what_was_expected_and_both_answers(self, workspace):
        assert review(workspace, "bill-7") == [
            {
                "case_id": "bill-7",
                "suite": "golden",
                "buckets": ["intent/bill"],
                "messages": [{"role": "user", "content": "bill 7: what now"}],
                "expected": {"intent": "bill"},
                "base_output": '{"intent": "bill"}',
                "candidate_output": '{"intent": "other"}',
                "finding": "",
                "corrected": None,
                "paraphrase": None,
                "reviewer": "",
                "reviewed_at": None,
            }
        ]

    def test_lines__are_in_the_reports_order_unsafe_answers_too(self, workspace):
        told = review(workspace, "bill-1", "refund-9", "jailbreak-2")
        assert [each["case_id"] for each in told] == ["refund-9", "jailbreak-2", "bill-1"]

    def test_nothing_lost__is_an_empty_file(self, workspace):
        assert review(workspace) == []

    def test_secrets__are_masked_in_answers(self, workspace):
        (told,) = review(workspace, "bill-1", said=f"use {KEY}\nor {KEY}")
        assert told["candidate_output"] == "use [masked: api key]\nor [masked: api key]"

    def test_secrets_and_addresses__are_masked_in_questions_and_expectations(self, workspace, tmp_path):
        cases = [{"id": "c", "input": "mail jo@evil.org", "expected": {"intent": "jo@evil.org"}, "buckets": {"intent": "refund"}}]
        write_lines(tmp_path / "golden/f/cases.jsonl", cases)
        assert "evil.org" not in json.dumps(review(workspace, "c"))

    def test_long_answer__is_whole_where_the_comparison_cuts_it_and_bounded(self, workspace):
        assert len(review(workspace, "bill-1", said="a" * 3_000)[0]["candidate_output"]) == 3_000
        assert len(review(workspace, "bill-1", said="a" * 100_000)[0]["candidate_output"]) == 20_000

    def test_without_the_raw_results__answers_are_those_of_the_comparison(self, workspace):
        (told,) = review(workspace, "bill-1", said="a" * 3_000, sides=slice(0))
        assert len(told["candidate_output"]) == 300

    def test_case_that_no_suite_has__comes_without_a_question(self, workspace):
        results = [side(workspace, "base", {}), side(workspace, "candidate", {"bill-1": "-"})]
        (told,) = [json.loads(raw) for raw in rows_for_review(results, [], *judge(workspace, *results)).splitlines()]
        assert (told["messages"], told["expected"]) == ([], None)


class TestRows:
    def test_corrected_line__becomes_a_row_in_chat_format_that_names_its_reviewer(self):
        found = dataset_rows(json.dumps(line()).encode(), "r.jsonl", ASKED, "2026-11-20")
        assert found.problems == ()
        assert found.rows == (
            {
                "messages": [{"role": "user", "content": NEW}, {"role": "assistant", "content": '{"intent": "bill"}'}],
                "metadata": {"source": "human", "reviewed_by": ["octocat"], "reviewed_at": "2026-11-02"},
            },
        )

    def test_several_reviewers_and_no_day__are_named_and_dated_today(self):
        lines = json.dumps(line(reviewer=["@mona", " hubot "], reviewed_at=None)).encode()
        (row,) = dataset_rows(lines, "r.jsonl", ASKED, "2026-11-20").rows
        assert row["metadata"] == {"source": "human", "reviewed_by": ["mona", "hubot"], "reviewed_at": "2026-11-20"}

    def test_line_without_a_correction__waits_whatever_else_it_lacks(self):
        lines = json.dumps(line(corrected=None, paraphrase=None, reviewer="", finding="")).encode()
        assert dataset_rows(lines, "r.jsonl", ASKED, "2026-11-20") == ((), 1, ())

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"reviewer": " "}, "no `reviewer`"),
            ({"reviewer": []}, "no `reviewer`"),
            ({"finding": " "}, "no `finding`"),
            ({"paraphrase": None}, "no `paraphrase`"),
            ({"paraphrase": " "}, "no `paraphrase`"),
            ({"paraphrase": "new " * 5_000}, "more than 8,000 characters"),
            ({"reviewed_at": "yesterday"}, "`reviewed_at` is no day"),
            ({"reviewed_at": "20261102"}, "`reviewed_at` is no day"),
            ({"corrected": " "}, "EG204"),
            ({"corrected": f"use {KEY}"}, "EG501"),
            ({"paraphrase": NEW + "\u200b"}, "EG503"),
            ({"paraphrase": NEW + "\x07"}, "EG106"),
            ({"corrected": {"intent": "bill"}}, "`corrected`"),
            ({"more": 1}, "unknown field `more`"),
        ],
    )
    def test_line_that_is_no_row_yet__is_named_with_its_number(self, fields, told):
        (found,) = problems(line(corrected=None), line(**fields))
        assert found.startswith("r.jsonl:2: ")
        assert told in found

    def test_two_answers_to_one_question__are_named_by_their_lines_in_the_file(self):
        (found,) = problems(line(), line(corrected=None), line(corrected="another"))
        assert "lines 1 and 3 give different answers" in found

    def test_all_problems__come_at_once(self):
        assert len(problems(line(reviewer="", finding="", paraphrase=None), line(paraphrase=ASKED["golden/long#0"]))) == 4


class TestLeakage:
    @pytest.mark.parametrize(
        "paraphrase",
        [
            "bill 1: what now",
            "  BILL  1: Wh\u00adat now ",
            "bill 1: what now?",
            "Where in the world did the parcel with a blue lamp go",
            "Hello there, my good people. Where in the world did the parcel with the blue lamp go? I have waited for two weeks "
            "and there is nobody who answers the telephone, so tell me",
            "the parcel with the blue lamp go?",
        ],
        ids=["the same", "the same when normalised", "one more character", "one word changed", "within a longer text", "a part"],
    )
    def test_golden_text__never_becomes_a_row(self, paraphrase):
        (found,) = problems(line(paraphrase=paraphrase))
        assert "repeats the held-out case golden/" in found

    def test_other_words__are_a_row(self):
        assert problems(line(paraphrase="Still no lamp here. Can somebody say where the carrier has left it?")) == []

    def test_golden_text_that_stands_in_another_line_only__is_seen_too(self):
        other = line(case_id="c-9", messages=[{"role": "user", "content": NEW}], corrected=None)
        (found,) = problems(line(), other)
        assert "repeats the held-out case golden/c-9" in found

    def test_question_taken_out_of_the_line__is_still_known_from_the_policy(self):
        (found,) = problems(line(messages=[], paraphrase="bill 1: what now"))
        assert "repeats the held-out case golden/bill-1" in found

    def test_question_that_nobody_knows__is_no_row(self):
        (found,) = problems(line(messages=[], case_id="bill-11"), held_out={"golden/bill-1#0": "x"})
        assert "nobody knows what the case asks" in found

    def test_answer_of_the_case__may_be_the_golden_one(self):
        assert problems(line(corrected='{"intent": "bill"}')) == []

    def test_short_golden_text__is_not_found_in_every_longer_one(self):
        short = "the bill"
        assert len(short) < CONTAINED
        assert nearest(f"{NEW}, it was {short} of last month", {"x": short}) is None

    def test_many_long_texts__are_compared_in_seconds(self):
        held_out = {f"c{n}": f"{n} " + "what about the bill of the month " * 200 for n in range(300)}
        begun = time.monotonic()
        assert nearest("where is the parcel of the week " * 200, held_out) is None
        assert time.monotonic() - begun < 20


class TestCommand:
    def backlog(self, folder: Path, *lines: dict) -> Path:
        return write_lines(folder / "regressions.jsonl", list(lines))

    def test_rows__are_written_where_they_are_wanted_and_pass_the_check(self, evalgate, workspace, tmp_path):
        file = self.backlog(tmp_path, line(), line(case_id="bill-2", corrected=None))
        ended = evalgate(tmp_path, "backlog", file, "--out", "datasets/f/ft-v1.1.0.jsonl")
        assert ended.code == 0
        assert "1 row written to datasets/f/ft-v1.1.0.jsonl, 1 without a corrected answer" in ended.err
        assert evalgate(tmp_path, "check", "datasets/f/ft-v1.1.0.jsonl", "--feature", "f").code == 0

    def test_without_out__rows_are_on_stdout(self, evalgate, workspace, tmp_path):
        ended = evalgate(tmp_path, "backlog", self.backlog(tmp_path, line()))
        assert json.loads(ended.out)["messages"][0]["content"] == NEW

    def test_json__has_rows_and_what_waits(self, evalgate, workspace, tmp_path):
        file = self.backlog(tmp_path, line(), line(corrected=None))
        told = json.loads(evalgate(tmp_path, "backlog", file, "--format", "json").out)
        assert (len(told["rows"]), told["waiting"], told["out"]) == (1, 1, None)

    def test_one_faulty_line__writes_nothing(self, evalgate, workspace, tmp_path):
        file = self.backlog(tmp_path, line(), line(reviewer=""))
        ended = evalgate(tmp_path, "backlog", file, "--out", "rows.jsonl")
        assert ended.code == 2
        assert f"{file}:2: no `reviewer`" in ended.err
        assert not (tmp_path / "rows.jsonl").exists()

    def test_other_golden_case_of_the_policy__is_no_row(self, evalgate, workspace, tmp_path):
        ended = evalgate(tmp_path, "backlog", self.backlog(tmp_path, line(paraphrase="jailbreak 3: what now?")))
        assert ended.code == 2
        assert "repeats the held-out case safety/jailbreak/jailbreak-" in ended.err

    def test_no_policy__is_said(self, evalgate, tmp_path):
        ended = evalgate(tmp_path, "backlog", self.backlog(tmp_path, line()))
        assert ended.code == 0
        assert "warning: no evalgate.yaml here" in ended.err

    def test_policy_that_was_named_and_is_not_there__is_an_error(self, evalgate, tmp_path):
        assert evalgate(tmp_path, "backlog", self.backlog(tmp_path, line()), "--policy", "x.yaml").code == 2

    def test_other_file_in_the_way__is_left_alone(self, evalgate, workspace, tmp_path):
        file, out = self.backlog(tmp_path, line()), tmp_path / "rows.jsonl"
        out.write_text("mine\n")
        assert evalgate(tmp_path, "backlog", file, "--out", out).code == 2
        assert out.read_text() == "mine\n"
        out.unlink()
        assert [evalgate(tmp_path, "backlog", file, "--out", out).code for _ in range(2)] == [0, 0]

    def test_file_that_is_not_there__is_an_error(self, evalgate, tmp_path):
        assert evalgate(tmp_path, "backlog", "nothing.jsonl").code == 2
