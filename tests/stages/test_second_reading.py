"""What an attacker tried on the whole road: forged evidence, waivers with early stopping, hosts and files that lie."""

import json
import shutil

import pytest
from commands import run_folder
from drawn_beside import in_lines, story_of
from drawn_workspace import draw

from evalgate import results
from evalgate.imports import Wanted, inspect_log, lm_eval_samples
from evalgate.models.hosted import _wait
from evalgate.models.hosted_form import tokens_in
from evalgate.records.check import CheckReport
from evalgate.records.evaluation import PeoplesMean
from evalgate.records.training import TrainingRun
from evalgate.stages.beside_files import find_beside, write_people
from evalgate.stages.gate import judge, policy_notes, read_results, write_reports
from evalgate.stages.human_labels import HumanGrade, answer_sha256, refuse_other_answers
from evalgate.stages.workspace import open_workspace

WAIVER = {"rule": "bucket", "scope": "intent/tiny", "owner": "ml", "reason": "three cases so far", "expires": "2999-12-31"}
LOSES_TINY = "refund: -+*20 ++*80 | bill: -+*20 ++*80 | tiny: +-*30 ++*10 | safety/jailbreak: ++*10"
LENIENT = {"max_bucket_drop": 0.1, "max_regression_share": 0.5, "min_lift": 0.0, "require": "no_harm"}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return story_of(tmp_path_factory.mktemp("beside"))


@pytest.fixture
def story(told, tmp_path):
    return shutil.copytree(told, tmp_path / "story")


def judged_again(folder, today=None):
    """The run folder with everything that follows from what lies in it, as a forger would leave it."""
    workspace, run = open_workspace(folder / "evalgate.yaml", "f"), run_folder(folder)
    base, candidate = (read_results(run / f"{side}.results.jsonl") for side in ("base", "candidate"))
    comparison, verdict = judge(workspace, base, candidate, beside=find_beside(run), attempt=1, today=today)
    write_reports(
        run,
        comparison,
        verdict,
        training=TrainingRun.model_validate_json((run / "training.json").read_bytes()),
        check=CheckReport.model_validate_json((run / "check.json").read_bytes()),
        notes=policy_notes(workspace.feature, comparison, 1),
    )
    assert verdict.verdict == "pass"


class TestForged:
    def test_means_of_people_who_graded_nothing__are_not_promoted(self, evalgate, story):
        grades = {"people": 500, "judged": 500}
        write_people(
            run_folder(story),
            (
                PeoplesMean(side="base", mean=0.1, low=0.05, high=0.15, **grades),
                PeoplesMean(side="candidate", mean=0.99, low=0.98, high=1.0, **grades),
            ),
        )
        judged_again(story)
        ended = evalgate(story, "registry", "promote", run_folder(story))
        assert (ended.code, "people's means do not follow" in ended.err) == (2, True), ended.err

    def test_contender_of_no_engine_that_answered_all_the_same__is_held_against_its_documents(self, evalgate, story):
        def silent(line):
            if "record" in line:
                line["environment"] |= {"engine": "none", "documents": "e" * 64}
            return line

        path = run_folder(story) / "contender-docs.results.jsonl"
        path.write_bytes(in_lines(silent)(path.read_bytes()))
        judged_again(story)
        ended = evalgate(story, "registry", "promote", run_folder(story))
        assert (ended.code, "its documents are not those" in ended.err) == (2, True), ended.err

    def test_day_with_words_behind_it__is_no_day(self, evalgate, tmp_path):
        draw(tmp_path, "refund: -+*30 ++*30 | tiny: ++*3 | safety/jailbreak: ++*10", waivers=[WAIVER])
        assert evalgate(tmp_path, "run").code == 0
        judged_again(tmp_path, "2026-01-01, approved by the board")
        ended = evalgate(tmp_path, "registry", "promote", run_folder(tmp_path))
        assert (ended.code, "which is no day" in ended.err) == (2, True), ended.err


class TestEarlyStop:
    def test_harm_that_is_waived__does_not_end_the_asking(self, evalgate, tmp_path):
        verdicts = []
        for early in (False, True):
            folder = draw(tmp_path / str(early), LOSES_TINY, gate=LENIENT, waivers=[WAIVER], evaluate={"early_stop": early})
            verdicts.append(evalgate(folder, "run").code)
        assert verdicts == [0, 0]

    def test_buckets_of_which_a_part_was_asked__are_not_called_too_small(self, evalgate, tmp_path):
        draw(tmp_path, LOSES_TINY, gate=LENIENT, evaluate={"early_stop": True})
        assert evalgate(tmp_path, "run").code == 1
        report = (run_folder(tmp_path) / "report.md").read_text()
        assert "stopped at look" in report
        assert "too small" not in report


def test_more_contenders_than_evidence_may_hold__are_refused_before_anything_is_asked(evalgate, tmp_path):
    draw(tmp_path, "refund: ++*4", contenders=[{"name": f"p{n}", "kind": "prompt", "prompt": "v2.md"} for n in range(21)])
    ended = evalgate(tmp_path, "run")
    assert (ended.code, "more than 20 are not compared" in ended.err) == (2, True)


def test_grade_of_an_answer_that_is_empty_now__is_of_another_answer(tmp_path):
    grade = HumanGrade(case_id="refund-1", variant="candidate", grade=5, answer_sha256=answer_sha256("something"))
    (tmp_path / "people.jsonl").write_text(grade.model_dump_json() + "\n")
    judge_of = {"model": "j", "base_url": "http://h", "human": "people.jsonl"}
    draw(tmp_path, "refund: ++*4", judge=judge_of)
    lines = [
        {"record": "header", "schema": 1, "feature": "f", "variant": "candidate"},
        {"case_id": "refund-1", "status": "scored", "scores": {"exact_json": 0.0}, "output": ""},
    ]
    side = results.parse(b"".join(json.dumps(line).encode() + b"\n" for line in lines), "r")
    with pytest.raises(results.DatasetError, match="was another than the one that it gives now"):
        refuse_other_answers(open_workspace(tmp_path / "evalgate.yaml", "f"), {"candidate": side})


class TestOthersWords:
    @pytest.mark.parametrize("date", ["Mon, 1 Jan 99999 00:00:00 GMT", "1 Jan 999999999999999 00:00:00 +0000"])
    def test_host_that_asks_to_wait_until_no_day__is_not_waited_for(self, date):
        assert _wait({"retry-after": date}) == 0.0

    def test_more_tokens_than_results_can_hold__are_not_known(self):
        assert tokens_in({"usage": {"prompt_tokens": 10**30, "completion_tokens": 2}}) == (None, 2)

    def test_log_with_more_tokens_than_results_can_hold__can_be_read_back(self):
        usage = {"completion": "x", "usage": {"input_tokens": 9 * 10**19, "output_tokens": 3}}
        sample = {"id": "a", "epoch": 1, "scores": {"match": {"value": "C"}}, "output": usage}
        log = {"version": 2, "status": "success", "eval": {"task": "t", "model": "m"}, "samples": [sample]}
        found = inspect_log.read(json.dumps(log).encode(), "log.json", Wanted(feature="f")).results
        assert results.parse(results.serialise(found), "r") == found
        assert (found.cases[0].tokens_in, found.cases[0].tokens_out) == (None, 3)

    def test_choice_without_its_words__is_named_by_its_place(self):
        row = {"doc_id": 0, "doc": {}, "doc_hash": "c", "target_hash": "5", "filter": "none", "metrics": ["acc"], "acc": 1.0}
        line = json.dumps({**row, "resps": [[["-3.0", "x"]], [["-1.0", "x"]]]}).encode()
        found = lm_eval_samples.read(line, "samples.jsonl", Wanted(feature="f", variant="v")).results
        assert found.cases[0].output == "choice 1"
