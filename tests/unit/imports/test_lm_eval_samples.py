"""lm-eval's samples: what it wrote on a real run, and that run changed in every way that could be misread."""

import json

import pytest
from written import OTHERS, ROWS, found, refused, statuses, values, wanted

from evalgate.imports.lm_eval_samples import read, summary_name

CHOICE = found("lm_eval/base/samples_intent_choice_*.jsonl")
WORDS = found("lm_eval/base/samples_intent_words_*.jsonl")
ODD = found("lm_eval/base/samples_intent_odd_*.jsonl")
SUMMARY = found("lm_eval/base/results_*.json")
BESIDE = (str(SUMMARY), SUMMARY.read_bytes())


def imported(path=CHOICE, *, change=None, summary=BESIDE, **asked):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    content = path.read_bytes() if change is None else "\n".join(json.dumps(change(row)) for row in lines).encode()
    return read(content, path.name, wanted(**asked), summary)


def changed(**values_of_first):
    """A change of the first question's line."""
    return lambda row: {**row, **values_of_first} if row["doc_id"] == 0 else row


class TestRealRun:
    def test_each_question_is_a_case_with_lm_evals_own_score(self):
        results = imported(metric="acc").results
        told = [json.loads(line) for line in CHOICE.read_text().splitlines()]
        assert list(values(results).values()) == [row["acc"] for row in told]
        assert len(results.cases) == 30
        summary = json.loads(SUMMARY.read_text())["results"]["intent_choice"]
        assert sum(values(results).values()) / 30 == pytest.approx(summary["acc,none"])

    def test_a_case_is_called_after_number_and_digest_of_its_question(self):
        first = imported(metric="acc").results.cases[0]
        assert first.case_id == "0-" + json.loads(CHOICE.read_text().splitlines()[0])["doc_hash"][:12]

    def test_base_and_candidate_have_the_same_cases_and_conditions(self):
        sides = []
        for variant in ("base", "candidate"):
            path, beside = found(f"lm_eval/{variant}/samples_intent_choice_*.jsonl"), found(f"lm_eval/{variant}/results_*.json")
            sides.append(imported(path, summary=(str(beside), beside.read_bytes()), metric="acc").results)
        assert list(statuses(sides[0])) == list(statuses(sides[1]))
        assert sides[0].header.environment == sides[1].header.environment
        assert [side.header.variant for side in sides] == ["base", "candidate"]
        assert not sides[0].header.has_provenance

    def test_the_answer_is_the_choice_that_the_model_found_likeliest(self):
        outputs = {case.output for case in imported(metric="acc").results.cases}
        assert outputs <= {"refund", "delivery", "other"}
        right = [case.output == row["intent"] for case, row in zip(imported(metric="acc").results.cases, ROWS, strict=True)]
        assert right == [value == 1.0 for value in values(imported(metric="acc").results).values()]

    def test_fields_of_the_question_become_id_buckets_and_cluster(self):
        buckets = {"intent": "intent", "lang": "locale"}
        results = imported(metric="acc", identity="id", buckets=buckets, cluster="twin").results
        told = [(case.case_id, case.buckets, case.cluster) for case in results.cases]
        assert told == [(row["id"], {"intent": row["intent"], "lang": row["locale"]}, row["twin"]) for row in ROWS]

    def test_what_a_run_was_made_with_is_in_the_header(self):
        told = imported(WORDS, filter="strict").results.header.environment
        assert told["program"] == "lm-eval 0.4.13"
        assert (told["task"], told["filter"], told["score"]) == ("intent_words", "strict", "exact_match")
        assert json.loads(told["decoding"]) == {"do_sample": False, "max_gen_toks": 6, "until": ["\n"]}

    def test_a_score_that_is_no_share_is_unscorable_and_none_is_lost(self):
        results = imported(ODD, identity="id").results
        notes = {case.case_id: case.note for case in results.cases if case.status == "unscorable"}
        assert notes == {
            "refund-4": "odd is NaN",
            "refund-5": "odd is infinite",
            "refund-6": "odd is 5, which is outside [0, 1]",
        }
        assert len(results.cases) == 30
        assert {k: v for k, v in values(results).items() if v} == {"refund-1": 1.0, "refund-3": 1.0, "refund-7": 0.25}


class TestChoosing:
    def test_of_several_metrics_none_is_guessed(self):
        told = refused(imported)
        assert "there are: 'acc', 'acc_norm'; not 'brier_score': smaller is better" in told

    def test_of_several_filters_none_is_guessed(self):
        assert refused(imported, WORDS).endswith("there are: 'loose', 'strict'")

    def test_what_is_not_there_is_refused_with_what_there_is(self):
        def asked(**more):
            return lambda: imported(WORDS, **{"filter": "strict", **more})

        assert "there is no metric 'acc'; there are: 'exact_match'" in refused(asked(metric="acc"))
        assert "there is no filter 'none'; there are" in refused(asked(filter="none"))
        assert "there is no task 'x' in it; there are: 'intent_words'" in refused(asked(task="x"))

    def test_a_metric_of_which_less_is_better_is_refused_by_name(self):
        assert "brier_score cannot be judged: smaller is better" in refused(lambda: imported(metric="brier_score"))
        assert "surprise cannot be judged: smaller is better" in refused(lambda: imported(ODD, metric="surprise"))

    def test_a_metric_over_all_questions_together_has_no_case_to_pair(self):
        def corpus(row):
            return {**row, "metrics": ["bleu"], "bleu": ["refund", "other"]}

        assert "no number for each question" in refused(lambda: imported(change=corpus, metric="bleu"))

    def test_without_the_run_s_summary_a_direction_is_known_by_name_or_not_at_all(self):
        alone = imported(summary=None, metric="acc", variant="base")
        assert alone.results.header.environment.get("program") == "lm-eval"
        assert "version and settings are not known" in alone.notes[0]
        assert "whether more is better is not known" in refused(lambda: imported(ODD, summary=None, metric="odd", variant="b"))

    def test_without_the_summary_who_answered_must_be_said(self):
        assert "name it with --variant" in refused(lambda: imported(summary=None, metric="acc"))

    def test_a_summary_of_another_run_is_refused(self):
        other = (str(SUMMARY), SUMMARY.read_bytes().replace(b"intent_choice", b"another"))
        assert "says nothing of the task 'intent_choice'" in refused(lambda: imported(summary=other, metric="acc"))

    def test_the_summary_is_found_by_the_date_in_the_name(self):
        assert summary_name("samples_a_b_2026-11-20T15-28-20.131195.jsonl") == "_2026-11-20T15-28-20.131195.json"
        assert SUMMARY.name.endswith(summary_name(CHOICE.name))
        assert summary_name("mine.jsonl") is None


class TestAnswersThatAreNone:
    def test_a_model_without_likelihoods_is_not_scored_by_which_choice_comes_first(self):
        lost = changed(acc=1.0, resps=[[["nan", "False"]]] * 3)
        first = imported(change=lost, metric="acc").results.cases[0]
        assert (first.status, first.note) == ("unscorable", "a likelihood that the model gave is no number")

    @pytest.mark.parametrize("resps", [[], None, [[None]], [None]])
    def test_no_answer_is_errored_whatever_the_score(self, resps):
        first = imported(change=changed(acc=1.0, resps=resps), metric="acc").results.cases[0]
        assert (first.status, first.scores, first.output) == ("errored", {}, None)

    def test_an_empty_answer_of_a_provider_is_no_wrong_answer(self):
        """lm-eval writes an empty text where a provider's reply has none or cannot be read."""
        empty = changed(resps=[[""]], exact_match=0.0)
        provider = (str(SUMMARY), SUMMARY.read_bytes().replace(b'"model_source": "hf"', b'"model_source": "local-completions"'))
        first = imported(WORDS, change=empty, summary=provider, filter="strict").results.cases[0]
        assert first.status == "unscorable"
        assert imported(WORDS, change=empty, filter="strict").results.cases[0].status == "scored"

    @pytest.mark.parametrize("value", ["1.0", None, [1.0], {"acc": 1}, "x" * 1000])
    def test_a_score_that_cannot_be_read_is_not_zero(self, value):
        first = imported(change=changed(acc=value), metric="acc").results.cases[0]
        assert (first.status, first.scores) == ("unscorable", {})
        assert len(first.note) < 200


class TestWrongFiles:
    def test_an_id_that_stands_twice_is_named(self):
        lines = CHOICE.read_bytes() + CHOICE.read_bytes().splitlines()[0]
        assert "the case '0-872eb0697611' stands 2 times" in refused(read, lines, CHOICE.name, wanted(metric="acc"), BESIDE)

    def test_the_summary_itself_and_other_files_are_no_samples(self):
        assert "give samples_<task>_<date>.jsonl" in refused(read, SUMMARY.read_bytes(), "r.json", wanted())
        assert "doc_id, doc, filter, doc_hash, target_hash missing" in refused(read, b'{"a": 1}', "x", wanted())
        assert "no cases in it" in refused(read, b"\n\n", "x", wanted())
        assert "x:1: not a line of lm-eval's samples" in refused(read, b"[1]", "x", wanted())

    @pytest.mark.parametrize("key", ["doc_id", "doc", "filter", "doc_hash", "target_hash"])
    def test_a_line_without_what_names_it_is_refused_with_its_number(self, key):
        told = refused(lambda: imported(change=lambda row: {k: v for k, v in row.items() if k != key or row["doc_id"] < 2}))
        assert f":3: not a line of lm-eval's samples: {key} missing" in told

    def test_another_question_under_the_same_number_is_another_case(self):
        edited = imported(change=changed(doc_hash="f" * 64), metric="acc").results
        assert edited.cases[0].case_id != imported(metric="acc").results.cases[0].case_id
        assert edited.header.environment != imported(metric="acc").results.header.environment

    def test_another_expectation_of_the_same_question_is_another_condition(self):
        edited = imported(change=changed(target_hash="f" * 64), metric="acc", identity="id").results
        plain = imported(metric="acc", identity="id").results
        assert list(statuses(edited)) == list(statuses(plain))
        assert edited.header.environment != plain.header.environment


def test_the_committed_files__are_small_and_name_no_machine():
    for path in OTHERS.rglob("*"):
        if path.is_file() and path.suffix != ".md":
            content = path.read_bytes()
            assert len(content) < 100_000, path
            assert not [word for word in (b"/home/", b"/root/", b"/tmp/", b"/Users/") if word in content], path
