"""promptfoo's output: what it wrote on real runs, and those runs changed in ways that could be misread."""

import json

import pytest
from written import ANSWERS, INTENT, case, found, refused, statuses, values, wanted

from evalgate.imports.promptfoo_output import read

INTENTS, ODD = found("promptfoo/intent.json"), found("promptfoo/odd.json")


def imported(path=INTENTS, *, change=None, each=None, **asked):
    told = json.loads(path.read_bytes())
    if change is not None:
        change(told)
    if each is not None:
        for row in told["results"]["results"]:
            each(row)
    return read(json.dumps(told).encode(), path.name, wanted(**asked))


def short(**asked):
    return imported(**{"provider": "base", "prompt": "short", **asked})


def odd(**asked):
    """What is said of the tests of odd.yaml, by description."""
    cases = imported(ODD, **asked).results.cases
    return {one.case_id[:-9]: (one.status, next(iter(one.scores.values()), None)) for one in cases}


class TestRealRun:
    @pytest.mark.parametrize("variant", ["base", "candidate"])
    def test_a_test_that_passed_is_right(self, variant):
        results = short(provider=variant).results
        told = {one.case_id[:-9]: value for one in results.cases for value in one.scores.values()}
        assert told == {name: float(ANSWERS[variant][name] == INTENT[name]) for name in told}
        assert len(told) == 11
        assert results.header.variant == f"{variant}, prompt short"
        assert not results.header.has_provenance

    def test_an_answer_that_was_never_obtained_is_errored(self):
        (one,) = (one for one in short().results.cases if one.case_id.startswith("other-9"))
        assert (one.status, one.output, one.note) == ("errored", None, "the provider answered 529")

    def test_base_and_candidate_pair_and_were_asked_the_same(self):
        sides = [short(provider=variant).results for variant in ("base", "candidate")]
        assert list(statuses(sides[0])) == list(statuses(sides[1]))
        assert sides[0].header.environment == sides[1].header.environment
        assert sides[0].header.environment["program"] == "promptfoo 0.123.1"

    def test_two_prompts_are_asked_the_same_too(self):
        sides = [short(prompt=label).results for label in ("short", "long")]
        assert list(statuses(sides[0])) == list(statuses(sides[1]))

    def test_vars_and_metadata_become_buckets_clusters_and_ids(self):
        results = short(buckets={"intent": "vars.intent", "locale": "locale"}, cluster="metadata.twin").results
        one = results.cases[1]
        assert (one.buckets, one.cluster) == ({"intent": "refund", "locale": "de"}, "refund-1")
        assert case(short(identity="question").results, "track order 12").status == "scored"

    def test_a_named_score_and_the_weighted_mean_can_be_taken(self):
        assert set(values(short(metric="json_valid").results).values()) == {1.0}
        assert set(values(short(metric="score").results).values()) == {0.5, 1.0}


class TestChoosing:
    def test_of_several_providers_and_prompts_none_is_guessed(self):
        assert refused(imported).endswith("there are: 'base', 'candidate'")
        assert refused(lambda: imported(provider="base")).endswith("there are: 'long', 'short'")

    def test_a_provider_goes_by_its_id_too(self):
        assert short(provider="scripted:base").results.cases == short().results.cases

    def test_what_is_not_there_is_refused_with_what_there_is(self):
        assert "there is no provider 'x'; there are: 'base', 'candidate'" in refused(lambda: short(provider="x"))
        assert "there is no prompt 'x'" in refused(lambda: short(prompt="x"))
        assert "there is no metric 'x'; there are: 'has_intent', 'json_valid', 'pass', 'score'" in refused(
            lambda: short(metric="x")
        )

    def test_two_providers_of_one_name_are_not_mixed(self):
        def alike(row):
            row["provider"] = {"id": "echo", "label": ""}

        assert "2 providers are all called 'echo'" in refused(lambda: imported(each=alike, provider="echo", prompt="short"))

    def test_a_repeated_question_is_refused_unless_one_answer_is_named(self):
        def twice(told):
            rows = told["results"]["results"]
            again = [{**row, "testIdx": row["testIdx"] + 100, "success": False} for row in rows if not row.get("error")]
            told["results"]["results"] = [row for row in rows if not row.get("error")] + again

        assert "was asked 2 times" in refused(lambda: short(change=twice))
        assert set(values(short(change=twice, epoch=2).results).values()) == {0.0}
        assert 1.0 in values(short(change=twice, epoch=1).results).values()
        assert "not every question was asked 3 times" in refused(lambda: short(change=twice, epoch=3))

    def test_answers_that_are_held_against_each_other_are_no_scores(self):
        def best(row):
            row["gradingResult"] = {"componentResults": [{"pass": True, "score": 1, "assertion": {"type": "select-best"}}]}

        assert "holds answers against each other" in refused(lambda: short(each=best))


class TestWhatIsNoJudgement:
    def test_a_judge_that_fails_and_a_test_of_nothing_are_unscorable(self):
        assert odd() == {
            "judged good": ("scored", 1.0),
            "judged half": ("scored", 1.0),
            "judge unreachable": ("unscorable", None),
            "judge unreadable": ("unscorable", None),
            "judge threw": ("errored", None),
            "judge unreachable in a set": ("unscorable", None),
            "factuality unreachable": ("unscorable", None),
            "closed unreachable": ("unscorable", None),
            "not closed unreachable": ("unscorable", None),
            "code threw": ("unscorable", None),
            "no number": ("unscorable", None),
            "too large": ("scored", 1.0),
            "nothing asserted": ("unscorable", None),
            "weight of nothing": ("unscorable", None),
            "one of two": ("scored", 0.0),
            "enough of two": ("scored", 1.0),
            "matrix": ("scored", 0.0),
            "another metric": ("scored", 1.0),
        }

    def test_the_same_holds_for_a_named_score(self):
        told = odd(metric="m")
        assert {name for name, (status, _) in told.items() if status == "scored"} == {
            *("judged good", "judged half", "one of two", "enough of two", "matrix")
        }
        assert (told["judged half"], told["one of two"]) == (("scored", 0.5), ("scored", 0.5))
        notes = {one.case_id[:-9]: one.note for one in imported(ODD, metric="m").results.cases}
        assert notes["too large"] == "m is 5, which is outside [0, 1]"
        assert notes["another metric"] == notes["nothing asserted"] == "no assertion gives m"
        assert notes["judge unreachable"] == "could not be judged: judge: 500"

    def test_a_score_beside_the_one_that_was_asked_for_may_fail(self):
        def broken(row):
            parts = row["gradingResult"]["componentResults"] if row["gradingResult"] else [{}]
            parts[0].update(metadata={"graderError": True})

        assert "unscorable" not in statuses(short(each=broken, metric="has_intent").results).values()
        assert "scored" not in statuses(short(each=broken, metric="json_valid").results).values()

    def test_a_version_that_marks_no_failed_judge_is_not_believed_when_one_says_no(self):
        def older(told):
            told["metadata"]["promptfooVersion"] = "0.119.0"
            for row in told["results"]["results"]:
                for part in (row["gradingResult"] or {}).get("componentResults", []):
                    part["assertion"] = {"type": "llm-rubric"}

        results = short(change=older).results
        assert set(values(results).values()) == {1.0}
        assert "promptfoo 0.119.0 does not say whether" in next(one.note for one in results.cases if one.status == "unscorable")

    @pytest.mark.parametrize("kind", ["similar", "similar:cosine", "model-graded-closedqa", "not-model-graded-closedqa"])
    def test_a_judge_s_own_words_tell_a_failure_from_a_no(self, kind):
        def says(reason, passed=False):
            def change(row):
                part = {"pass": passed, "score": float(passed), "reason": reason, "assertion": {"type": kind}}
                row.update(success=passed, gradingResult={"componentResults": [part]})

            return set(statuses(short(each=change).results).values())

        good = (
            "Similarity 0.00 is less than threshold 0.75"
            if "similar" in kind
            else "The submission does not meet the criterion:\nN"
        )
        assert says(good) == {"scored", "errored"}
        assert says("connect ECONNREFUSED") == {"unscorable", "errored"}

    def test_an_answer_whose_test_broke_off_is_kept_but_not_judged(self):
        results = short(each=lambda row: row.update(failureReason=2, error="Error: x\n    at y")).results
        assert {(one.status, one.note) for one in results.cases if one.output} == {("unscorable", "Error: x")}


class TestIdentity:
    def test_other_vars_or_assertions_make_another_case(self):
        plain = set(statuses(short().results))

        def asserts(row):
            row["testCase"]["assert"] = [{"type": "equals", "value": "x"}]

        assert plain & set(statuses(short(each=asserts).results)) == set()
        assert (
            plain & set(statuses(short(each=lambda row: row["vars"].update(question=row["vars"]["question"] + "?")).results))
            == set()
        )

    def test_what_a_run_adds_to_the_vars_is_no_part_of_the_question(self):
        def runtime(row):
            row["vars"].update(sessionId=row["id"], _conversation=[row["id"]])

        assert list(statuses(short(each=runtime).results)) == list(statuses(short().results))

    def test_a_test_without_a_description_is_called_after_its_vars(self):
        told = short(each=lambda row: row["testCase"].pop("description")).results
        assert {len(one.case_id) for one in told.cases} == {8}


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b'{"results": {"version": 2, "results": [{}]}}', b'{"results": {"version": 3, "results": []}}']
)
def test_other_files__are_refused(content):
    assert "not an output of promptfoo in version 3" in refused(read, content, "out.json", wanted())
