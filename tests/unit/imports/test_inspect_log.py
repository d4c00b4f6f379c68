"""inspect's logs: what it wrote on real runs, the same packed as a zip, and both changed in ways that could be misread."""

import io
import json
import struct
import zipfile

import pytest
from written import ANSWERS, INTENT, ROWS, case, found, refused, statuses, values, wanted

from evalgate.imports import inspect_log
from evalgate.imports.inspect_log import read

BASE, CANDIDATE, ODD, PACKED = (found(f"inspect/{name}") for name in ("base.json", "candidate.json", "odd.json", "base.eval"))


def imported(path=BASE, *, change=None, **asked):
    content = path.read_bytes()
    if change is not None:
        told = json.loads(content)
        change(told)
        content = json.dumps(told).encode()
    return read(content, path.name, wanted(**asked))


def packed(log=None, *, method=zipfile.ZIP_DEFLATED, **more):
    """A log as inspect's own zip: header.json, and one file a sample."""
    told = dict(log or json.loads(BASE.read_text()))
    samples = told.pop("samples")
    files = {f"samples/{sample['id']}_epoch_{sample['epoch']}.json": sample for sample in samples}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as stream:
        for name, value in {"_journal/start.json": {}, **files, "summaries.json": [], "header.json": told, **more}.items():
            stream.writestr(name, value if isinstance(value, bytes) else json.dumps(value))
    return archive.getvalue()


def first(**fields):
    """A change of the first sample."""
    return lambda log: log["samples"][0].update(fields)


class TestRealRun:
    @pytest.mark.parametrize("variant", ["base", "candidate"])
    def test_grades_become_right_and_wrong(self, variant):
        results = imported(found(f"inspect/{variant}.json"), metric="match").results
        assert values(results) == {name: float(answer == INTENT[name]) for name, answer in ANSWERS[variant].items()}
        assert results.header.variant == f"mockllm/{variant}"
        assert not results.header.has_provenance

    def test_the_samples_ids_answers_tokens_and_metadata_come_along(self):
        results = imported(metric="match", buckets={"intent": "intent"}, cluster="twin").results
        one = case(results, "refund-2")
        assert (one.output, one.tokens_in, one.tokens_out) == (ANSWERS["base"]["refund-2"], 8, 2)
        assert (one.buckets, one.cluster) == ({"intent": "refund"}, "refund-0")
        assert sorted(statuses(results)) == sorted(row["id"] for row in ROWS)

    def test_base_and_candidate_were_asked_under_the_same_conditions(self):
        sides = [imported(path, metric="match").results.header.environment for path in (BASE, CANDIDATE)]
        assert sides[0] == sides[1]
        assert sides[0]["program"] == "inspect-ai 0.3.285"

    def test_the_same_log_as_a_zip_gives_the_same_results(self):
        plain = imported(metric="match").results
        for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
            assert read(packed(method=method), "log.eval", wanted(metric="match")).results == plain

    def test_a_real_eval_file_is_packed_in_a_way_that_is_refused_with_the_way_out(self):
        told = refused(read, PACKED.read_bytes(), "log.eval", wanted())
        assert "zstd" in told
        assert "`inspect log convert log.eval --to json" in told


class TestEveryValueOfAScore:
    """inspect's own mean makes 0 of what it cannot read; here it is unscorable."""

    def test_what_is_a_grade_or_a_share_is_scored_and_nothing_else(self):
        results = imported(ODD, metric="odd_values").results
        scored = {"refund-1": 1, "refund-3": 0.5, "refund-4": 0, "refund-5": 1, "refund-6": 0, "refund-7": 0.25}
        assert values(results) == scored
        notes = {case.case_id: case.note for case in results.cases if case.status == "unscorable"}
        assert notes == {
            "refund-8": "odd_values is 5, which is outside [0, 1] (drawn for refund-8)",
            "refund-9": "odd_values is -1, which is outside [0, 1] (drawn for refund-9)",
            "refund-10": "odd_values is NaN (drawn for refund-10)",
            "delivery-1": "odd_values is no number: 'maybe' (drawn for delivery-1)",
            "delivery-2": "odd_values is no number: '1' (drawn for delivery-2)",
            "delivery-3": "odd_values is no number: [1, 0] (drawn for delivery-3)",
            "delivery-4": "odd_values is no number: {'tone': 1, 'fact': 'I'} (drawn for delivery-4)",
            "delivery-5": "no score odd_values",
            "delivery-6": "no score odd_values",
        }

    def test_a_sample_that_failed_is_errored_with_its_reason(self):
        one = case(imported(ODD, metric="odd_values").results, "refund-2")
        assert (one.status, one.output, one.note) == ("errored", None, "RuntimeError('the provider answered 529')")

    def test_a_score_beside_an_error_does_not_count(self):
        failed = first(error={"message": "529", "traceback": "..."})
        assert imported(change=failed, metric="match").results.cases[0].status == "errored"

    def test_a_sample_that_was_declared_invalid_is_unscorable(self):
        invalid = imported(change=first(invalidation={"author": "a", "reason": "leaked"}), metric="match").results.cases[0]
        assert (invalid.status, invalid.note) == ("unscorable", "the sample was declared invalid")

    def test_a_grader_that_gave_no_grade_makes_no_wrong_answer(self):
        results = imported(ODD, metric="model_graded_qa").results
        assert list(statuses(results).values()).count("unscorable") == 3
        notes = {case.note for case in results.cases if case.status == "unscorable"}
        assert notes == {"model_graded_qa is NaN (grader_failed)"}
        assert results.header.environment["grader"] == "mockllm/grader"

    def test_one_value_of_several_is_chosen_with_a_dot(self):
        results = imported(ODD, metric="odd_values.fact").results
        assert values(results) == {"delivery-4": 0.0}
        assert case(results, "refund-1").note == "no score odd_values.fact"


class TestChoosing:
    def test_of_several_scores_none_is_guessed(self):
        assert refused(imported).endswith("there are: 'exact', 'includes', 'match'")

    def test_a_score_of_which_less_is_better_is_refused_by_name(self):
        def rename(log):
            for sample in log["samples"]:
                sample["scores"] = {"perplexity": {"value": 0.4}}

        assert "perplexity cannot be judged: smaller is better" in refused(lambda: imported(change=rename))

    def test_several_epochs_are_refused_unless_one_is_named(self):
        def twice(log):
            log["samples"] += [{**sample, "epoch": 2, "scores": {"match": {"value": "I"}}} for sample in log["samples"]]

        assert "the epochs in it are 1, 2" in refused(lambda: imported(change=twice, metric="match"))
        assert sum(values(imported(change=twice, metric="match", epoch=2).results).values()) == 0
        assert imported(change=twice, metric="match", epoch=1).results == imported(metric="match").results
        assert "the epochs in it are 1:" in refused(lambda: imported(metric="match", epoch=3))

    def test_another_task_is_not_in_it(self):
        assert "there is no task 'x'; there are: 'intent'" in refused(lambda: imported(metric="match", task="x"))


class TestGrader:
    @pytest.mark.parametrize(
        ("options", "roles", "who"),
        [
            ({}, None, "itself"),
            ({}, {"grader": {"model": "mockllm/base"}}, "itself"),
            ({"model": "mockllm/base"}, None, "itself"),
            ({"model": ["mockllm/other", "mockllm/base"]}, None, "itself"),
            ({"model": {"model": "mockllm/base", "config": {}}}, None, "itself"),
            ({"model_role": "critic"}, {"grader": {"model": "mockllm/other"}}, "itself"),
            ({}, {"grader": {"model": "mockllm/other"}}, "mockllm/other"),
            ({}, {"grader": [{"model": "mockllm/a"}, {"model": "mockllm/b"}]}, "mockllm/a, mockllm/b"),
            ({"model": "mockllm/other"}, {"grader": {"model": "mockllm/base"}}, "mockllm/other"),
        ],
    )
    def test_a_model_never_grades_itself(self, options, roles, who):
        def change(log):
            log["eval"]["scorers"] = [{"name": "model_graded_qa", "options": options}]
            log["eval"]["model_roles"] = roles

        def graded():
            return imported(ODD, change=change, metric="model_graded_qa")

        if who == "itself":
            assert "is the grade that mockllm/base gave itself" in refused(graded)
        else:
            assert graded().results.header.environment["grader"] == who


class TestRunThatBrokeOff:
    def test_what_it_never_asked_is_errored_and_not_forgotten(self):
        def broke_off(log):
            log["status"] = "error"
            del log["samples"][4:]

        told = imported(change=broke_off, metric="match")
        assert len(told.results.cases) == 30
        assert list(statuses(told.results).values()).count("errored") == 26
        assert "the run's own status is 'error'" in told.notes[0]

    def test_a_list_of_samples_that_is_missing_makes_it_unreadable(self):
        def broke_off(log):
            log["status"] = "cancelled"
            log["eval"]["dataset"]["sample_ids"] = None

        assert "does not say which samples were left" in refused(lambda: imported(change=broke_off, metric="match"))

    def test_a_limit_is_no_break(self):
        def limited(log):
            log["eval"]["dataset"]["sample_ids"] = ["refund-1", "refund-2"]
            log["samples"] = [sample for sample in log["samples"] if sample["id"] in ("refund-1", "refund-2")]

        assert statuses(imported(change=limited, metric="match").results) == {"refund-1": "scored", "refund-2": "scored"}


class TestConditions:
    def test_the_ids_of_messages_are_new_in_each_run_and_mean_nothing(self):
        def turns(number):
            return first(input=[{"id": f"msg{number}", "role": "user", "content": "hi"}])

        runs = [imported(change=turns(number), metric="match").results.header.environment for number in (1, 2)]
        assert runs[0] == runs[1] != imported(metric="match").results.header.environment

    @pytest.mark.parametrize(
        "change",
        [
            first(target="another"),
            first(input="another"),
            lambda log: log["plan"]["config"].update(temperature=0.7),
            lambda log: log["eval"]["model_generate_config"].update(max_tokens=5),
            lambda log: log["eval"]["packages"].update(inspect_ai="0.4.0"),
        ],
    )
    def test_another_question_target_decoding_or_version_is_another_condition(self, change):
        assert (
            imported(change=change, metric="match").results.header.environment
            != imported(metric="match").results.header.environment
        )


class TestWrongFiles:
    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "not valid JSON"),
            (b"[]", "no samples in it"),
            (b'{"samples": []}', "no samples in it"),
            (b'{"samples": [1]}', "not a log of inspect in format 2"),
            (b"PK\x03\x04rubbish", "a zip that cannot be read"),
            (packed()[:-200], "a zip that cannot be read"),
            (packed({"version": 2, "samples": []}), "no samples in it"),
            (packed(**{"samples/x_epoch_1.json": b"{"}), "samples/x_epoch_1.json: not valid JSON"),
        ],
    )
    def test_are_refused_with_the_reason(self, content, says):
        assert says in refused(read, content, "log", wanted(metric="match"))

    def test_another_format_version_is_refused(self):
        assert "format 2" in refused(lambda: imported(change=lambda log: log.update(version=3), metric="match"))

    def test_an_id_that_stands_twice_is_named(self):
        def twice(log):
            log["samples"].append(log["samples"][0])

        assert "stands 2 times" in refused(lambda: imported(change=twice, metric="match"))

    def test_a_number_and_its_text_are_one_id(self):
        def alike(log):
            log["samples"] = [{**log["samples"][0], "id": 1}, {**log["samples"][1], "id": "1"}]
            log["eval"]["dataset"]["sample_ids"] = [1, "1"]

        assert "'1' stands 2 times" in refused(lambda: imported(change=alike, metric="match"))

    def test_a_file_that_stands_twice_in_the_zip_is_refused(self):
        archive = io.BytesIO(packed())
        with zipfile.ZipFile(archive, "a") as stream, pytest.warns(UserWarning, match="Duplicate name"):
            stream.writestr("header.json", b"{}")
        assert "a file stands twice in it" in refused(read, archive.getvalue(), "log.eval", wanted())

    def test_a_bomb_is_refused_before_it_is_unpacked(self, monkeypatch):
        monkeypatch.setattr(inspect_log, "MOST_UNPACKED", 10_000_000)
        bomb = packed(**{f"samples/{number}_epoch_1.json": b" " * 1_000_000 for number in range(11)})
        assert len(bomb) < 100_000
        assert "more than" in refused(read, bomb, "log.eval", wanted())

    def test_a_member_longer_than_it_says_is_read_no_further(self):
        content = bytearray(packed(**{"samples/x_epoch_1.json": b" " * 5_000_000}))
        at = content.rindex(b"PK\x01\x02", 0, content.rindex(b"samples/x_epoch_1.json"))
        content[at + 24 : at + 28] = struct.pack("<I", 10)
        assert "a zip that cannot be read" in refused(read, bytes(content), "log.eval", wanted())

    @pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "samples/../../x.json", "samples/a/b.json"])
    def test_names_in_the_zip_lead_nowhere(self, name):
        outside = packed(**{name: b"not even json"})
        assert read(outside, "log.eval", wanted(metric="match")).results == imported(metric="match").results

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_other_ways_of_packing_are_refused(self, method):
        assert "packed in a way that inspect does not use" in refused(read, packed(method=method), "log.eval", wanted())
