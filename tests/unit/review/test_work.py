"""What the journal says of the work, and whether prompting has come to its end."""

import pytest
from drawn_pull import binding, commit, journal
from hypothesis import given
from hypothesis import strategies as st

from evalgate.records.binding import PROVENANCE, Binding
from evalgate.review.plateau import plateau
from evalgate.review.work import attempt, deciding, latest, verdict_of, works

OTHER_DATA = binding(dataset_sha256="9" * 64)
CHANGED = {
    "repository": "acme/other",
    "pull": 8,
    "feature": "g",
    "head": commit("b"),
    "target_branch": "release",
    "target": commit("b"),
    "dataset": "datasets/f/v2.0.0.jsonl",
    "dataset_sha256": "9" * 64,
    "golden_sha256": None,
    "safety_sha256": "8" * 64,
    "policy_sha256": "7" * 64,
    "prompt_sha256": "6" * 64,
    "base": "v1@4567",
    "judge": "path:judge",
    "tool": "0.2.0",
    "candidate": "5" * 64,
    "run": "2.1",
    "attempt": 3,
}


class TestBinding:
    def test_every_field_is_either_provenance_or_part_of_the_key(self):
        assert set(CHANGED) == set(Binding.model_fields)
        assert {"target", "tool", "run", "candidate", "attempt"} == PROVENANCE

    @pytest.mark.parametrize("name", sorted(CHANGED))
    def test_one_other_field_makes_other_work_unless_it_is_provenance(self, name):
        other = binding(**{name: CHANGED[name]})
        assert (other.key == binding().key) == (name in PROVENANCE)
        assert binding().differs_from(other) == (() if name in PROVENANCE else (name,))
        assert binding().differs_from(other, whole=True) == (name,)

    @given(st.sets(st.sampled_from(sorted(CHANGED))))
    def test_the_key_is_the_same_exactly_when_nothing_differs(self, names):
        other = binding(**{name: CHANGED[name] for name in names})
        assert (other.key == binding().key) == (not binding().differs_from(other))
        assert binding().differs_from(other) == tuple(n for n in Binding.model_fields if n in names - PROVENANCE)

    def test_a_field_is_not_taken_for_its_neighbour(self):
        assert binding(feature="f", base="g").key != binding(feature="g", base="f").key
        assert binding(golden_sha256=None).key != binding(safety_sha256=None).key


class TestWorks:
    @pytest.mark.parametrize(
        ("drawing", "expected"),
        [
            ("", []),
            ("head", []),
            ("started", ["started"]),
            ("started training trained evaluating", ["evaluating"]),
            ("started training finished=pass", ["finished"]),
            ("started failed training", ["failed"]),
            ("started superseded finished=pass", ["superseded"]),
            ("started#1.1 failed#1.1 started#2.1 training#2.1", ["failed", "training"]),
            ("started#1.1 started#2.1 finished=pass#2.1", ["started", "finished"]),
            ("training trained", []),
        ],
    )
    def test_work_ends_once_and_each_run_is_one(self, drawing, expected):
        assert [work.last.step for work in works(journal(drawing))] == expected

    def test_latest__is_of_the_head_that_is_asked_for(self):
        steps = journal("started#1.1 failed#1.1 b:started#2.1")
        assert latest(steps, commit("a")).last.step == "failed"
        assert latest(steps).head == commit("b")
        assert latest(steps, commit("c")) is None

    def test_verdict__of_another_head_is_not_this_ones(self):
        steps = journal("started finished=pass b:started b:finished=fail")
        assert verdict_of(steps, commit("a")).verdict == "pass"
        assert verdict_of(steps).verdict == "fail"
        assert verdict_of(steps, commit("c")) is None
        assert verdict_of(journal("started finished")) is None


def at_base(drawing, bound=None):
    """Steps of work at one base, each with its binding, as the journal holds them."""
    known = bound or binding()
    return tuple(entry.model_copy(update={"binding": known, "work": known.key}) for entry in journal(drawing, bound=known))


class TestDeciding:
    def ends(self, *drawn):
        """Ends of one work: the verdict, and `?` where cases were left without an answer."""
        words = " ".join(f"started#{n}.1 finished={one.rstrip('?')}#{n}.1" for n, one in enumerate(drawn, start=1))
        steps = journal(words)
        left = dict(zip([e.run for e in steps if e.step == "finished"], [one.endswith("?") for one in drawn], strict=True))
        return [e.model_copy(update={"unmeasured": 2 if left.get(e.run) else 0}) if e.step == "finished" else e for e in steps]

    @pytest.mark.parametrize(
        ("drawn", "expected"),
        [
            (("pass",), "1.1"),
            (("fail", "pass"), "1.1"),
            (("inconclusive?", "pass"), "2.1"),
            (("inconclusive?", "inconclusive?"), "2.1"),
            (("inconclusive", "pass"), "1.1"),
        ],
    )
    def test_the_first_end_that_measured_every_case_decides(self, drawn, expected):
        known = binding()
        assert deciding(self.ends(*drawn), known.head, known.key, trains=True).run == expected

    def test_a_datasets_end_without_a_verdict_decides_nothing(self):
        known = binding()
        assert deciding(journal("started finished"), known.head, known.key, trains=True) is None
        assert deciding(journal("started finished"), known.head, known.key, trains=False) is not None


class TestAttempt:
    BASE = binding().base

    def test_the_first_work_is_the_first_attempt(self):
        assert attempt((), self.BASE, binding().key) == 1

    def test_the_same_work_again_is_the_same_attempt(self):
        steps = at_base("started#1.1 finished=fail#1.1 started#2.1 finished=pass#2.1")
        assert attempt(steps, self.BASE, binding().key) == 1
        assert attempt((*steps, *at_base("started finished=fail", OTHER_DATA)), self.BASE, binding().key) == 1

    def test_other_work_that_was_judged_is_one_more_in_whatever_pull_request(self):
        steps = at_base("started finished=inconclusive")
        assert attempt(steps, self.BASE, OTHER_DATA.key) == 2
        elsewhere = binding(dataset_sha256="e" * 64, pull=99)
        assert attempt((*steps, *at_base("started finished=fail", elsewhere)), self.BASE, OTHER_DATA.key) == 3

    def test_another_base_begins_anew(self):
        assert attempt(at_base("started finished=fail"), "another base", OTHER_DATA.key) == 1

    def test_the_same_candidate_is_no_new_attempt(self):
        again = binding(dataset_sha256="e" * 64)
        first, second = (b.model_copy(update={"candidate": "c" * 64}) for b in (binding(), again))
        steps = (*at_base("started finished=fail", first), *at_base("started finished=fail", second))
        assert attempt(steps, self.BASE, OTHER_DATA.key) == 2

    @pytest.mark.parametrize("drawing", ["started", "started failed", "started training cancelled", "started evaluating failed"])
    def test_work_whose_answers_nobody_saw_taught_nothing(self, drawing):
        assert attempt(at_base(drawing), self.BASE, OTHER_DATA.key) == 1

    @pytest.mark.parametrize("drawing", ["started evaluating cancelled", "started evaluating superseded", "started evaluating"])
    def test_an_evaluation_that_was_stopped_may_have_been_read(self, drawing):
        assert attempt(at_base(drawing), self.BASE, OTHER_DATA.key) == 2


class TestPlateau:
    @pytest.mark.parametrize(
        ("states", "expected"),
        [
            ("", (0, False)),
            ("tied", (1, False)),
            ("tied unclear", (2, True)),
            ("harmed harmed harmed", (3, True)),
            ("tied tied improved", (0, False)),
            ("improved tied", (1, False)),
            ("tied improved unclear tied", (2, True)),
        ],
    )
    def test_only_the_last_changes_in_a_row_count(self, states, expected):
        ledger = [entry for state in states.split() for entry in journal("finished", kind="prompt", overall=state)]
        assert plateau(ledger) == expected

    def test_what_was_not_measured_or_is_no_prompt_change_counts_nothing(self):
        ledger = [
            *journal("finished", kind="prompt"),
            *journal("failed", kind="prompt", overall="tied"),
            *journal("finished=fail", overall="tied"),
            *journal("finished=fail", kind="dataset", overall="improved"),
        ]
        assert plateau(ledger) == (0, False)
