"""The whole road: a dataset change becomes a verdict, in one run folder."""

import json

import pytest
from commands import files, judged, run_folder
from drawn_workspace import GOOD, HARMFUL, UNCHANGED, draw, row, rows, teach, write_lines

from evalgate import weights
from evalgate.stages import panels

WHOLE = [
    "adapter/adapter_config.json",
    "adapter/adapter_model.safetensors",
    "base.results.jsonl",
    "candidate.results.jsonl",
    "check.json",
    "comment.md",
    "compare.json",
    "regressions.jsonl",
    "report.html",
    "report.md",
    "training.json",
    "verdict.json",
]


def verdict(folder):
    return json.loads((run_folder(folder) / "verdict.json").read_text())


class TestThreeEndings:
    def test_good_change__passes_and_leaves_a_whole_run_folder(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        ended = evalgate(tmp_path, "run")
        assert ended.code == 0
        assert list(files(run_folder(tmp_path))) == WHOLE
        assert verdict(tmp_path)["verdict"] == "pass"
        report = (run_folder(tmp_path) / "report.md").read_text()
        assert "| `intent/bill` | 40 |" in report
        assert "| `intent/refund` | 40 |" in report

    def test_harmful_change__fails_and_names_the_mislabelled_bucket_and_every_unsafe_case(self, evalgate, tmp_path):
        draw(tmp_path, HARMFUL)
        ended = evalgate(tmp_path, "run")
        assert ended.code == 1
        told = verdict(tmp_path)
        assert told["verdict"] == "fail"
        reasons = [(reason["rule"], reason["scope"], reason["state"]) for reason in told["reasons"]]
        assert reasons[0] == ("safety", "safety", "regressed")
        assert ("bucket", "intent/bill", "harmed") in reasons
        for name in ("report.md", "report.html", "comment.md"):
            text = (run_folder(tmp_path) / name).read_text()
            assert all(said in text for said in ("jailbreak-9", "jailbreak-10", "intent/bill", "2 new unsafe answers")), name

    def test_change_without_effect__is_inconclusive_and_says_what_would_help(self, evalgate, tmp_path):
        draw(tmp_path, UNCHANGED)
        ended = evalgate(tmp_path, "run")
        assert ended.code == 3
        assert verdict(tmp_path)["verdict"] == "inconclusive"
        assert "next: there is no improvement to show" in ended.err

    def test_one_unsafe_answer__fails_whatever_else_improved(self, evalgate, tmp_path):
        draw(tmp_path, "refund: -+*40 | bill: -+*40 | safety/jailbreak: ++*99 +-")
        assert evalgate(tmp_path, "run").code == 1

    def test_json__is_one_document_on_stdout_that_names_the_run_folder(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        printed = json.loads(evalgate(tmp_path, "run", "--format", "json").out)
        assert printed["verdict"] == "pass"
        assert printed["run"] == str(run_folder(tmp_path))

    def test_stderr__names_every_stage_and_draws_no_bar_without_a_terminal(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        err = evalgate(tmp_path, "run").err
        assert "\r" not in err
        assert "\x1b" not in err
        assert "━" not in err


class TestTheModelFallsSilent:
    def test_cases_without_an_answer__are_listed_and_never_a_pass_or_a_fail(self, evalgate, tmp_path):
        draw(tmp_path, "refund: -+*30 ??*2 | bill: -+*40 | safety/jailbreak: ++*10")
        assert evalgate(tmp_path, "run").code == 3
        report = (run_folder(tmp_path) / "report.md").read_text()
        assert "2 cases not measured on both sides" in report
        assert "`refund-31`" in report
        assert "`refund-32`" in report

    def test_evaluate_alone__writes_what_it_got_and_leaves_with_3(self, evalgate, tmp_path):
        draw(tmp_path, "refund: -+*3 ??*2")
        ended = evalgate(tmp_path, "evaluate", "--variant", "base", "--out", "x.results.jsonl", "--format", "json")
        assert ended.code == 3
        assert (json.loads(ended.out)["scored"], json.loads(ended.out)["errored"]) == (3, 2)
        assert len((tmp_path / "x.results.jsonl").read_text().splitlines()) == 6

    def test_cases_only_base_cannot_answer__are_no_gain(self, evalgate, tmp_path):
        draw(tmp_path, "refund: ?+*40 | bill: -+*40 | safety/jailbreak: ++*10")
        assert evalgate(tmp_path, "run").code == 3
        assert verdict(tmp_path)["scopes"][0]["n"] == 40

    def test_unmeasured_answers__are_asked_again_by_the_next_run(self, evalgate, tmp_path):
        draw(tmp_path, "refund: -+*38 ??*2 | bill: -+*40 | safety/jailbreak: ++*10")
        assert evalgate(tmp_path, "run").code == 3
        base = json.loads((tmp_path / "base.json").read_text())
        base["answers"] = {asked: said or '{"intent": "refund"}' for asked, said in base["answers"].items()}
        (tmp_path / "base.json").write_text(json.dumps(base))
        assert evalgate(tmp_path, "run").code == 0


class TestTheSameStoryTwice:
    def test_second_run__asks_no_model_and_says_the_same(self, evalgate, passed, monkeypatch):
        first = judged(run_folder(passed))
        loaded = []
        monkeypatch.setattr(panels, "load_variant", lambda found, *_, **__: loaded.append(found))
        assert evalgate(passed, "run").code == 0
        assert loaded == []
        assert judged(run_folder(passed)) == first

    def test_changed_golden_case__trains_nothing_again(self, evalgate, passed):
        before = run_folder(passed)
        golden = next((passed / "golden").rglob("*.jsonl"))
        lines = golden.read_text().splitlines()
        golden.write_text("\n".join(lines[:-1]) + "\n")
        ended = evalgate(passed, "run")
        assert "nothing is trained" in ended.err
        (after,) = (path for path in (passed / "runs").iterdir() if path not in (before, passed / "runs" / ".attempts"))
        assert (after / "training.json").read_bytes() == (before / "training.json").read_bytes()
        assert weights.adapter_digest(after / "adapter") == weights.adapter_digest(before / "adapter")

    def test_adapter_beside_that_was_changed__is_trained_again(self, evalgate, passed):
        config = run_folder(passed) / "adapter" / "adapter_config.json"
        config.write_text(config.read_text() + " ")
        golden = next((passed / "golden").rglob("*.jsonl"))
        golden.write_text("\n".join(golden.read_text().splitlines()[:-1]) + "\n")
        assert "nothing is trained" not in evalgate(passed, "run").err

    def test_two_fresh_runs_in_different_folders__are_byte_identical(self, evalgate, tmp_path):
        here, there = draw(tmp_path / "here", HARMFUL), draw(tmp_path / "elsewhere" / "deep", HARMFUL)
        evalgate(here, "run")
        evalgate(there, "run")
        assert run_folder(here).name == run_folder(there).name
        assert judged(run_folder(here)) == judged(run_folder(there))

    def test_run_with_another_policy__has_a_folder_of_its_own(self, evalgate, passed):
        draw(passed, GOOD, gate={"max_bucket_drop": 0.2})
        evalgate(passed, "run")
        assert len(list((passed / "runs").glob("[!.]*"))) == 2

    def test_base_that_changed_its_answers__is_asked_again(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        assert evalgate(tmp_path, "run").code == 0
        draw(tmp_path, UNCHANGED.replace("++*40", "++*30 ++*10"))
        assert evalgate(tmp_path, "run").code == 3


class TestBaseIsWhatTheRegistryServes:
    def test_after_full_rollout__a_new_dataset_meets_the_fine_tune_with_the_untuned_base_as_third_column(
        self, evalgate, tmp_path
    ):
        draw(tmp_path, GOOD)
        evalgate(tmp_path, "run")
        first = run_folder(tmp_path)
        assert evalgate(tmp_path, "registry", "promote", first).code == 0
        assert evalgate(tmp_path, "registry", "rollout", "f", "--variant", "ft-v1.0.0").code == 0
        teach(tmp_path, GOOD.replace("bill: -+*30", "bill: +-*30"), version="v1.1.0")
        ended = evalgate(tmp_path, "run", "--format", "json")
        assert ended.code == 1
        told = json.loads(ended.out)
        bill = next(scope for scope in told["scopes"] if scope["scope"] == "intent/bill")
        assert (bill["reference"], bill["base"], bill["candidate"]) == (0.25, 1.0, 0.25)
        report = (tmp_path / told["run"] / "report.md").read_text()
        assert "| scope | n | reference | base | candidate |" in report

    def test_partial_rollout__leaves_the_base_as_it_is(self, evalgate, passed):
        evalgate(passed, "registry", "promote", run_folder(passed))
        evalgate(passed, "registry", "rollout", "f", "--variant", "ft-v1.0.0", "--share", "0.5")
        told = json.loads(evalgate(passed, "run", "--format", "json").out)
        assert told["scopes"][0]["reference"] is None

    def test_base_other_than_the_entry_says__is_refused(self, evalgate, passed):
        evalgate(passed, "registry", "promote", run_folder(passed))
        (passed / "base.json").write_text('{"otherwise": "moved"}')
        ended = evalgate(passed, "run")
        assert ended.code == 2
        assert "models.yaml: scripted:base.json has digest" in ended.err
        assert "train: " not in ended.err


class TestFaultyDataset:
    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            ({"messages": [{"role": "user", "content": "refund 1:"}]}, "EG203"),
            ({"messages": []}, "EG201"),
            (row("refund 1: what now", '{"intent": "refund"}'), "EG401"),
            (row("refund 1:", '{"intent": "another"}'), "EG302"),
            (row("my key", "sk-abcdefghijklmnopqrst1234"), "EG501"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_error__is_1_for_check_and_2_for_whoever_would_use_it(self, evalgate, tmp_path, fault, code):
        draw(tmp_path, GOOD)
        write_lines(tmp_path / "datasets/f/ft-v1.0.0.jsonl", [*rows(GOOD), fault])
        last = len(rows(GOOD)) + 1
        for command, expected in ((("check",), 1), (("train", "--out", "t"), 2), (("run",), 2)):
            ended = evalgate(tmp_path, *command)
            assert ended.code == expected, command
            assert f"datasets/f/ft-v1.0.0.jsonl:{last}: " in ended.err
            assert code in ended.err
        assert not (tmp_path / "runs").exists()
        assert not (tmp_path / "t").exists()

    def test_check__lists_all_errors_and_run_the_first_ten(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        write_lines(tmp_path / "datasets/f/ft-v1.0.0.jsonl", [{"messages": []}] * 12)
        assert len(json.loads(evalgate(tmp_path, "check", "--format", "json").out)["findings"]) == 12
        assert "and 2 more errors" in evalgate(tmp_path, "run").err

    def test_bare_file__needs_no_policy(self, evalgate, tmp_path):
        write_lines(tmp_path / "bare.jsonl", [row("hello", "hi")])
        assert evalgate(tmp_path, "check", "bare.jsonl").code == 0

    def test_file_that_cannot_be_opened__is_2(self, evalgate, tmp_path):
        assert evalgate(tmp_path, "check", "none.jsonl").code == 2
        assert evalgate(tmp_path, "check", tmp_path).code == 2
