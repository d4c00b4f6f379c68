"""What is given is wrong: exit code 2 (3 where the world is in the way), and a message that says what, where and what to do."""

import json

import pytest
from commands import run_folder
from drawn_workspace import GOOD, draw, teach, write_lines, write_policy


def golden_lines(workspace):
    return (workspace / "golden/f/cases.jsonl").read_text().splitlines()


def write_golden(workspace, lines):
    (workspace / "golden/f/cases.jsonl").write_text("".join(line + "\n" for line in lines))


class TestNames:
    def test_unknown_feature__lists_the_features_there_are(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        ended = evalgate(tmp_path, "run", "--feature", "g")
        assert (ended.code, ended.err) == (2, "error: evalgate.yaml: no feature 'g'; it has f\n")

    def test_several_features__one_must_be_named(self, evalgate, tmp_path):
        (tmp_path / "evalgate.yaml").write_text("version: 1\nfeatures: {f: {}, g: {}}\n")
        ended = evalgate(tmp_path, "run")
        assert (ended.code, ended.err) == (2, "error: evalgate.yaml has several features: say --feature with one of f, g\n")

    @pytest.mark.parametrize("name", ["a b", "../up", "f\nverdict=pass", "-f", "ü"])
    def test_feature_whose_name_could_mean_something_elsewhere__is_refused(self, evalgate, tmp_path, name):
        draw(tmp_path, GOOD)
        policy = json.loads((tmp_path / "evalgate.yaml").read_text())
        (tmp_path / "evalgate.yaml").write_text(json.dumps({"version": 1, "features": {name: policy["features"]["f"]}}))
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "rename it" in ended.err
        assert not (tmp_path / "runs").exists()

    def test_unknown_command_or_option__is_usage(self, evalgate, tmp_path):
        assert evalgate(tmp_path, "judge").code == 2
        assert evalgate(tmp_path, "run", "--fast").code == 2
        assert evalgate(tmp_path, "run", "--attempt", "0").code == 2
        assert evalgate(tmp_path, "run", "--attempt", "1001").code == 2

    def test_unknown_variant__lists_what_can_be_asked(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        ended = evalgate(tmp_path, "evaluate", "--variant", "ft-v9", "--out", "x.results.jsonl")
        assert ended.code == 2
        assert "no variant 'ft-v9'; use one of base, reference, candidate:RUN, a model uri" in ended.err

    def test_unknown_suite__is_2_and_nothing_is_written(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        ended = evalgate(tmp_path, "evaluate", "--variant", "base", "--suite", "safety/gone", "--out", "x.results.jsonl")
        assert ended.code == 2
        assert not (tmp_path / "x.results.jsonl").exists()


class TestMissingFiles:
    def test_missing_policy__is_named_with_what_to_do(self, evalgate, tmp_path):
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "evalgate.yaml: " in ended.err
        assert "--policy" in ended.err

    @pytest.mark.parametrize("command", [("run",), ("check",), ("train", "--out", "t")], ids=lambda command: command[0])
    def test_missing_dataset_folder__is_named_with_what_to_do(self, evalgate, tmp_path, command):
        draw(tmp_path, GOOD)
        write_policy(tmp_path, datasets="datasets/g")
        ended = evalgate(tmp_path, *command)
        assert ended.code == 2
        told = "the policy names this place for datasets, but nothing is there: create it or correct the policy"
        assert ended.err.endswith(f"error: datasets/g: {told}\n")

    def test_dataset_folder_without_a_dataset__is_2(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        (tmp_path / "datasets/f/ft-v1.0.0.jsonl").unlink()
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert ended.err.endswith("error: datasets/f: the folder of the datasets holds no .jsonl file\n")

    def test_missing_golden_folder__is_named_with_what_to_do(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        write_policy(tmp_path, golden="golden/g")
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "golden/g: the policy names this place for golden set" in ended.err

    def test_missing_base_script__is_named(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        (tmp_path / "base.json").unlink()
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "base_model 'scripted:base.json': there is no file" in ended.err

    def test_missing_prompt__is_named(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        write_policy(tmp_path, prompt="prompts/f.md")
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "prompts/f.md: cannot be read: No such file or directory" in ended.err

    def test_missing_run__cannot_be_a_candidate(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        ended = evalgate(tmp_path, "evaluate", "--variant", "candidate:runs/gone", "--out", "x.results.jsonl")
        assert ended.code == 2
        assert "runs/gone/training.json: cannot be read" in ended.err


class TestPolicy:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("golden: golden/f\n    bukets: [intent]", "evalgate.yaml:5: unknown key features.f.bukets: did you mean 'buckets'?"),
            ("golden: golden/f\n    golden: golden/g", "evalgate.yaml:5: the key 'golden' stands twice (first on line 4)"),
            ("scorers: {primary: exact_jsn}", "did you mean 'exact_json'?"),
            ("golden: golden/f\n    buckets: [intnet]", "`buckets` names 'intnet', but no golden case has it"),
            ("golden: golden/f\n    gate: {protected: [intent/gone]}", "`gate.protected` names 'intent/gone'"),
            ("gate: {max_bucket_drop: 0}", "evalgate.yaml:4: features.f.gate.max_bucket_drop"),
            ("gate: {min_lift: .nan}", "evalgate.yaml:4: features.f.gate.min_lift"),
            ("gate: {safety: {allow: 1}}", "the safety floor is in the code, no policy loosens it"),
            ("golden: *here", "evalgate.yaml:4: "),
            ("golden: !!python/name:os.system x", "evalgate.yaml:4: the tag"),
        ],
        ids=lambda value: value.split("\n")[-1].strip(),
    )
    def test_each_fault__is_2_with_file_and_line(self, evalgate, tmp_path, text, told):
        draw(tmp_path, GOOD)
        (tmp_path / "evalgate.yaml").write_text(f"version: 1\nfeatures:\n  f:\n    {text}\n    datasets: datasets/f\n")
        ended = evalgate(tmp_path, "check")
        assert ended.code == 2
        assert told in ended.err

    def test_all_faults__are_told_at_once(self, evalgate, tmp_path):
        (tmp_path / "evalgate.yaml").write_text("version: 2\nfeatures:\n  f:\n    goldn: x\n    gate: {confidence: 2}\n")
        assert len(evalgate(tmp_path, "check").err.splitlines()) == 3

    def test_no_primary_scorer__is_told_before_anything_is_trained(self, evalgate, tmp_path):
        draw(tmp_path, GOOD, scorers={})
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "scorers.primary is missing" in ended.err
        assert not list(tmp_path.glob("runs/*/training.json"))

    def test_broken_answer_schema__is_told_before_anything_is_trained(self, evalgate, tmp_path):
        draw(tmp_path, GOOD, scorers={"primary": "json_valid", "schema": "answer.json"})
        (tmp_path / "answer.json").write_text('{"type": "nonsense"}')
        assert evalgate(tmp_path, "run").code == 2
        assert not list(tmp_path.glob("runs/*/training.json"))

    def test_prompt_that_is_not_utf_8__is_2(self, evalgate, tmp_path):
        draw(tmp_path, GOOD, prompt="prompt.md")
        (tmp_path / "prompt.md").write_bytes("Gib Geld zurück".encode("latin-1"))
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "prompt.md: must be UTF-8" in ended.err


class TestGolden:
    def test_duplicate_id__names_both_lines(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        write_golden(tmp_path, [*golden_lines(tmp_path), golden_lines(tmp_path)[0]])
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "golden/f/cases.jsonl:81: the case id 'refund-1' stands twice (first at golden/f/cases.jsonl:1)" in ended.err

    def test_empty_file__proves_nothing(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        (tmp_path / "golden/f/more.jsonl").write_text("")
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "golden/f/more.jsonl: no cases in it" in ended.err

    def test_invalid_json__is_found_on_its_line(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        lines = golden_lines(tmp_path)
        write_golden(tmp_path, [*lines[:40], "{", *lines[41:]])
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "golden/f/cases.jsonl:41: not valid JSON" in ended.err

    @pytest.mark.parametrize("expected", [{}, {"expected": None}], ids=["missing", "null"])
    def test_case_without_expectation__is_2(self, evalgate, tmp_path, expected):
        draw(tmp_path, GOOD)
        case = json.dumps({"id": "x", "input": "what", "buckets": {"intent": "refund"}, **expected})
        write_golden(tmp_path, [*golden_lines(tmp_path), case])
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "golden/f/cases.jsonl:81: a case needs an expectation" in ended.err

    def test_expectation_that_no_scorer_can_use__is_2(self, evalgate, tmp_path):
        draw(tmp_path, GOOD, scorers={"primary": "regex"})
        assert evalgate(tmp_path, "run").code == 2

    def test_safety_file_whose_name_is_no_suite_name__is_2(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        (tmp_path / "golden/safety/jailbreak.jsonl").rename(tmp_path / "golden/safety/jail break.jsonl")
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "golden/safety/jail break.jsonl" in ended.err


class TestDatasetFiles:
    def test_highest_version__is_the_one_that_is_used(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        for version in ("v1.2.0", "v1.10.0"):
            teach(tmp_path, GOOD, version=version)
        evalgate(tmp_path, "run")
        assert run_folder(tmp_path).name.startswith("f-v1.10.0-")

    def test_link_to_a_dataset__is_refused(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        dataset = tmp_path / "datasets/f/ft-v1.0.0.jsonl"
        dataset.rename(tmp_path / "elsewhere.jsonl")
        dataset.symlink_to(tmp_path / "elsewhere.jsonl")
        for command in (("run",), ("run", "--dataset", dataset), ("check", dataset)):
            ended = evalgate(tmp_path, *command)
            assert ended.code == 2, command
            assert "is a link: put the file itself there" in ended.err

    def test_link_to_a_folder_of_datasets__is_refused(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        (tmp_path / "datasets/f").rename(tmp_path / "elsewhere")
        (tmp_path / "datasets/f").symlink_to(tmp_path / "elsewhere")
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "is a link" in ended.err

    @pytest.mark.parametrize("name", ["x\nverdict=pass\n.jsonl", "-rf.jsonl", "a b.jsonl", "$(id).jsonl", "ünïcode.jsonl"])
    def test_file_name_that_could_mean_something_elsewhere__is_refused(self, evalgate, tmp_path, name):
        draw(tmp_path, GOOD)
        (tmp_path / "datasets/f/ft-v1.0.0.jsonl").rename(tmp_path / "datasets/f" / name)
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "rename" in ended.err
        assert "\nverdict=pass" not in ended.err
        assert not (tmp_path / "runs").exists()

    def test_dataset_given_by_hand__is_used(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        given = write_lines(tmp_path / "mine.jsonl", [])
        given.write_bytes((tmp_path / "datasets/f/ft-v1.0.0.jsonl").read_bytes())
        assert evalgate(tmp_path, "run", "--dataset", "mine.jsonl").code == 0
        assert run_folder(tmp_path).name.startswith("f-mine-")


class TestTheRegistryFile:
    @pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"version: 1\nfeatures: [", b"version: 1\nfeature: {}\n"])
    def test_file_that_is_no_registry__is_2_and_stays_as_it_is(self, evalgate, tmp_path, content):
        draw(tmp_path, GOOD)
        (tmp_path / "models.yaml").write_bytes(content)
        for command in (("run",), ("registry", "list"), ("registry", "rollout", "f", "--variant", "x")):
            ended = evalgate(tmp_path, *command)
            assert ended.code == 2, command
            assert "models.yaml" in ended.err
        assert (tmp_path / "models.yaml").read_bytes() == content

    def test_folder_in_its_place__is_2(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        (tmp_path / "models.yaml").mkdir()
        assert evalgate(tmp_path, "run").code == 2
        assert evalgate(tmp_path, "registry", "list").code == 2


class TestTheWorldIsInTheWay:
    def test_runs_is_a_file__is_wrong_input(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        (tmp_path / "runs").write_text("")
        ended = evalgate(tmp_path, "run")
        assert ended.code == 2
        assert "is in the way" in ended.err

    def test_cache_is_a_file__is_wrong_input(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        (tmp_path / "cache").write_text("")
        assert evalgate(tmp_path, "run").code == 2

    def test_adapter_folder_is_a_file__is_no_verdict(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        (tmp_path / "t").mkdir()
        (tmp_path / "t/adapter").write_text("")
        ended = evalgate(tmp_path, "train", "--out", "t")
        assert ended.code == 3
        assert "there is no candidate" in ended.err
