"""promote: only what can be derived again from raw results enters the registry."""

import json
import re
import shutil

import pytest
from commands import files, run_folder
from drawn_workspace import GOOD, HARMFUL, UNCHANGED, draw, teach

from evalgate import results


def promote(evalgate, workspace):
    return evalgate(workspace, "registry", "promote", run_folder(workspace))


def edit_json(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def edit_results(path, case_id, **fields):
    """One line of a results file, changed by hand."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [{**line, **fields} if line.get("case_id") == case_id else line for line in lines]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def registered(workspace):
    path = workspace / "models.yaml"
    return re.sub(r"(?<=registered_at: )\S+ ?\S*|[0-9a-f]{64}", "*", path.read_text()) if path.exists() else None


class TestWhatPassed:
    def test_run_that_passed__becomes_a_variant_beside_its_base_with_its_flag_off(self, evalgate, passed):
        ended = promote(evalgate, passed)
        assert ended.code == 0
        assert ended.err.endswith(
            "models.yaml: ft-v1.0.0 added, flag f-ft-v1.0.0 is off, its evidence is kept at path:evidence\n"
        )
        run = run_folder(passed).name
        assert (
            registered(passed)
            == f"""\
version: 1
features:
  f:
    default: base
    variants:
      base:
        model: scripted:base.json
        base_model:
          uri: scripted:base.json
          sha256: *
        prompt_sha256: *
        approved_by: []
      ft-v1.0.0:
        model: adapter
        base_model:
          uri: scripted:base.json
          sha256: *
        prompt_sha256: *
        dataset:
          uri: path:datasets/f/ft-v1.0.0.jsonl
          sha256: *
        dataset_version: v1.0.0
        training_job: {run}
        adapter:
          uri: path:evidence/adapters/*
          sha256: *
        report:
          uri: path:reports/f/ft-v1.0.0.md
          sha256: *
        evidence:
          uri: path:evidence
          sha256: *
        golden_sha256: *
        safety_sha256: *
        policy_sha256: *
        judged_against: base
        approved_by: []
        registered_at: *
        flag:
          name: f-ft-v1.0.0
          on: false
          share: 0.0
"""
        )

    def test_twice__is_the_same_as_once(self, evalgate, passed):
        promote(evalgate, passed)
        before = (passed / "models.yaml").read_bytes()
        ended = promote(evalgate, passed)
        assert ended.code == 0
        assert "ft-v1.0.0 was there already" in ended.err
        assert (passed / "models.yaml").read_bytes() == before

    def test_twice_with_the_flag_turned_on_in_between__leaves_the_flag_on(self, evalgate, passed):
        promote(evalgate, passed)
        evalgate(passed, "registry", "rollout", "f", "--variant", "ft-v1.0.0", "--share", "0.5")
        before = (passed / "models.yaml").read_bytes()
        ended = promote(evalgate, passed)
        assert (ended.code, "is off" in ended.err) == (0, False)
        assert (passed / "models.yaml").read_bytes() == before

    def test_story_run_again_after_promote__still_promotes_to_the_same(self, evalgate, passed):
        promote(evalgate, passed)
        before = (passed / "models.yaml").read_bytes()
        assert evalgate(passed, "run").code == 0
        assert promote(evalgate, passed).code == 0
        assert (passed / "models.yaml").read_bytes() == before

    def test_stages_called_one_by_one__promote_as_the_whole_story_does(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        assert evalgate(tmp_path, "train", "--out", "runs/r").code == 0
        for side, variant in (("base", "base"), ("candidate", "candidate:runs/r")):
            out = f"runs/r/{side}.results.jsonl"
            assert evalgate(tmp_path, "evaluate", "--variant", variant, "--out", out).code == 0
        sides = ("--base", "runs/r/base.results.jsonl", "--candidate", "runs/r/candidate.results.jsonl")
        assert evalgate(tmp_path, "gate", *sides, "--out", "runs/r").code == 0
        assert promote(evalgate, tmp_path).code == 0


class TestWhatDidNot:
    @pytest.mark.parametrize(
        ("drawing", "told"), [(HARMFUL, "the verdict is fail: 2 safety"), (UNCHANGED, "the verdict is inconc")]
    )
    def test_no_pass__no_entry(self, evalgate, tmp_path, drawing, told):
        draw(tmp_path, drawing)
        evalgate(tmp_path, "run")
        (tmp_path / "models.yaml").write_text("# ours\nversion: 1\nfeatures: {}\n")
        ended = promote(evalgate, tmp_path)
        assert ended.code == 2
        assert told in ended.err
        assert (tmp_path / "models.yaml").read_text() == "# ours\nversion: 1\nfeatures: {}\n"

    def test_safety_not_measured__no_entry(self, evalgate, tmp_path):
        draw(tmp_path, GOOD.partition(" | safety")[0])
        assert evalgate(tmp_path, "run").code == 0
        assert "not promoted: safety: safety was not measured" in promote(evalgate, tmp_path).err

    def test_version_taken_by_other_content__no_entry(self, evalgate, passed):
        promote(evalgate, passed)
        before = (passed / "models.yaml").read_bytes()
        first = run_folder(passed)
        teach(passed, GOOD.replace("refund: -+*30", "refund: -+*29 --"), version="v1.0.0")
        evalgate(passed, "run")
        (second,) = set((passed / "runs").glob("[!.]*")) - {first}
        ended = evalgate(passed, "registry", "promote", second)
        assert ended.code == 2
        assert "entries never change, choose a new version" in ended.err
        assert (passed / "models.yaml").read_bytes() == before

    def test_unknown_run__is_2(self, evalgate, passed):
        assert evalgate(passed, "registry", "promote", "runs/none").code == 2


class TestBaseMoved:
    def test_another_default_by_now__no_entry(self, evalgate, passed):
        first = run_folder(passed)
        teach(passed, GOOD, version="v2.0.0")
        assert evalgate(passed, "run").code == 0
        (second,) = set((passed / "runs").glob("[!.]*")) - {first}
        assert evalgate(passed, "registry", "promote", first).code == 0
        evalgate(passed, "registry", "rollout", "f", "--variant", "ft-v1.0.0")
        before = (passed / "models.yaml").read_bytes()
        ended = evalgate(passed, "registry", "promote", second)
        assert ended.code == 2
        assert "f serves 'ft-v1.0.0' now, which is not the base that was compared" in ended.err
        assert (passed / "models.yaml").read_bytes() == before

    def test_another_base_model_in_the_policy_by_now__no_entry(self, evalgate, passed):
        shutil.copy(passed / "base.json", passed / "other.json")
        policy = passed / "evalgate.yaml"
        policy.write_text(policy.read_text().replace("scripted:base.json", "scripted:other.json"))
        ended = promote(evalgate, passed)
        assert ended.code == 2
        assert "f serves 'scripted:other.json' now" in ended.err


class TestEditedByHand:
    """Each of these passed honestly or not at all; then somebody changed a file."""

    def refused(self, evalgate, workspace, told):
        ended = promote(evalgate, workspace)
        assert ended.code == 2
        assert told in ended.err
        assert registered(workspace) is None

    def test_verdict_that_says_pass(self, evalgate, tmp_path):
        draw(tmp_path, HARMFUL)
        evalgate(tmp_path, "run")
        edit_json(run_folder(tmp_path) / "verdict.json", verdict="pass", summary="all is well", reasons=[])
        self.refused(evalgate, tmp_path, "the verdict does not follow from the raw results")

    @pytest.mark.parametrize("side", ["base", "candidate"])
    def test_score_of_one_case(self, evalgate, passed, side):
        edit_results(run_folder(passed) / f"{side}.results.jsonl", "refund-1", scores={"exact_json": 0.5})
        self.refused(evalgate, passed, "the verdict does not follow from the raw results")

    def test_scores_and_the_verdict_judged_again_on_them(self, evalgate, tmp_path):
        draw(tmp_path, HARMFUL.replace("+-*30", "-+*40 +-*10"))
        assert evalgate(tmp_path, "run").code == 1
        candidate = run_folder(tmp_path) / "candidate.results.jsonl"
        for number in range(1, 51):
            edit_results(candidate, f"bill-{number}", scores={"exact_json": 1.0})
        for number in (9, 10):
            edit_results(candidate, f"jailbreak-{number}", scores={"refusal": 1.0})
        sides = ("--base", candidate.with_name("base.results.jsonl"), "--candidate", candidate)
        assert evalgate(tmp_path, "gate", *sides, "--out", candidate.parent).code == 0
        self.refused(evalgate, tmp_path, "the candidate's scores do not follow from its answers")

    def test_answer_of_one_case(self, evalgate, passed):
        edit_results(run_folder(passed) / "candidate.results.jsonl", "jailbreak-1", output="OWNED")
        self.refused(evalgate, passed, "do not follow")

    def test_case_left_out(self, evalgate, passed):
        candidate = run_folder(passed) / "candidate.results.jsonl"
        candidate.write_text("".join(candidate.read_text().splitlines(keepends=True)[:-1]))
        self.refused(evalgate, passed, "the verdict does not follow from the raw results")

    def test_header_without_provenance(self, evalgate, passed):
        base = run_folder(passed) / "base.results.jsonl"
        header = json.dumps({"record": "header", "schema": 1, "feature": "f", "variant": "base"})
        base.write_text("\n".join([header, *base.read_text().splitlines()[1:]]) + "\n")
        self.refused(evalgate, passed, "the results do not say what answered, on what, and how")

    def test_adapter_after_training(self, evalgate, passed):
        edit_json(run_folder(passed) / "adapter/adapter_config.json", answers={})
        self.refused(evalgate, passed, "is not the one that was trained")

    def test_training_that_names_another_base(self, evalgate, passed):
        training = run_folder(passed) / "training.json"
        told = json.loads(training.read_text())
        edit_json(training, candidate={**told["candidate"], "base_model": "scripted:nicer.json"})
        self.refused(evalgate, passed, "of another adapter, base model or prompt")

    def test_training_that_names_another_dataset(self, evalgate, passed):
        training = run_folder(passed) / "training.json"
        edit_json(training, change={**json.loads(training.read_text())["change"], "sha256": "0" * 64})
        self.refused(evalgate, passed, "datasets/f/ft-v1.0.0.jsonl is not the dataset that was trained on")

    @pytest.mark.parametrize(("name", "told"), [("report.md", "is not what follows"), ("compare.json", "does not follow")])
    def test_what_people_read(self, evalgate, passed, name, told):
        path = run_folder(passed) / name
        path.write_text(path.read_text().replace("10 cases", "9,999 cases").replace('"gains": 30', '"gains": 31'))
        self.refused(evalgate, passed, f"{name} {told} from the raw results")

    def test_policy_since_the_judgement(self, evalgate, passed):
        draw(passed, GOOD, gate={"max_bucket_drop": 0.2})
        self.refused(evalgate, passed, "the verdict does not follow from the raw results under this policy")

    def test_expectations_of_golden_cases_since_the_judgement(self, evalgate, passed):
        golden = passed / "golden/f/cases.jsonl"
        golden.write_text(golden.read_text().replace('"expected": {"intent": "bill"}', '"expected": {"intent": "pay"}'))
        self.refused(evalgate, passed, "answer other golden cases than the policy's")

    def test_prompt_since_the_judgement(self, evalgate, passed):
        draw(passed, GOOD, prompt="prompt.md")
        (passed / "prompt.md").write_text("Obey.")
        self.refused(evalgate, passed, "the prompt is not the one that the candidate was asked with")

    def test_prompt_of_the_base_alone(self, evalgate, passed):
        base = run_folder(passed) / "base.results.jsonl"
        header, *lines = base.read_text().splitlines()
        told = json.loads(header)
        told["variant"]["prompt_sha256"] = "0" * 64
        base.write_text("\n".join([json.dumps(told), *lines]) + "\n")
        self.refused(evalgate, passed, "the prompt is not the one that the base was asked with")

    def test_dataset_since_the_training(self, evalgate, passed):
        teach(passed, HARMFUL, version="v1.0.0")
        self.refused(evalgate, passed, "datasets/f/ft-v1.0.0.jsonl is not the dataset that was trained on")

    def test_nothing__is_no_reason_to_refuse(self, evalgate, passed):
        before = files(run_folder(passed))
        assert promote(evalgate, passed).code == 0
        assert files(run_folder(passed)) == before


def test_results_edited_in_a_way_that_changes_no_byte_of_meaning__are_the_same_results(passed):
    path = run_folder(passed) / "base.results.jsonl"
    known = results.parse(path.read_bytes(), "x")
    assert results.content_sha256(results.parse(results.serialise(known), "x")) == results.content_sha256(known)
