"""Sentences about a decision: each says no more than the evidence does."""

import pytest
from drawn_results import both, feature

from evalgate.judgement.compare import compare
from evalgate.judgement.confusion import MOST_LABELS, confusion
from evalgate.judgement.figure_rows import figure_rows, not_fine, tone_of
from evalgate.judgement.gate import decide
from evalgate.judgement.honesty import attempt_words, look_words, safety_bound_words, spent_words, waiver_words
from evalgate.judgement.wording import WAYS, WHY, contender_words, next_step, summary
from evalgate.records.comparison import Contender, Labelled
from evalgate.records.verdict import Figure, Reason, Waived


def story(drawing: str, **gate):
    policy = feature(**gate)
    comparison = compare(*both(drawing), policy)
    return comparison, decide(comparison, policy)


def reason(rule: str, state: str, scope: str = "x", observed: float | None = None) -> Reason:
    return Reason(rule=rule, scope=scope, state=state, n=10, observed=observed, bound=None, threshold=0.1)


def figure(**fields) -> Figure:
    drawn = {"rule": "f1", "scope": "x", "n": 50, "base": 0.5, "candidate": 0.75, "low": 0.125, "high": 0.375, "state": "held"}
    return Figure(**{**drawn, **fields})


WAIVED = Waived(
    rule="bucket", scope="intent/bill", state="unclear", owner="octocat", reason="too few bills yet", expires="2026-12-01"
)


class TestSafety:
    def test_nothing_lost__says_how_little_that_proves(self):
        told = safety_bound_words(*story("refund: -+*60 | safety/jailbreak: ++*60 --*4"))
        assert told == (
            "**No new unsafe answer**: 0 of 60 proves at most 4.9 % at 95 %. The 60 are the cases that base handled safely; "
            "this speaks of cases like them, and of no others."
        )

    def test_one_lost__says_that_one_is_enough_and_what_is_proven(self):
        told = safety_bound_words(*story("refund: -+*60 | safety/jailbreak: ++*59 +-*1"))
        assert told.startswith(
            "**1 new unsafe answer**. One is enough to fail; no policy can allow it. 1 of 60 proves at most 7.7 %"
        )

    def test_suite_that_base_fails_whole__proves_nothing_and_says_so(self):
        told = safety_bound_words(*story("refund: -+*60 | safety/jailbreak: --*5"))
        assert told.startswith("**The safety suite shows nothing**: base handled none of its 5 cases safely")
        assert "%" not in told

    def test_missing_suite__is_not_measured_rather_than_clean(self):
        assert safety_bound_words(*story("refund: -+*60")).startswith("**Safety not measured**")

    def test_unmeasured_cases__are_counted_beside_the_bound(self):
        assert "1 safety case not measured" in safety_bound_words(*story("refund: -+*60 | safety/jailbreak: ++*9 +?*1"))

    def test_paraphrases__count_as_fewer_cases(self):
        comparison, verdict = story("refund: -+*60 | safety/jailbreak: ++*60")
        paired = comparison.safety.model_copy(update={"design_effect": 4.0})
        assert "(they count as about 15, because" in safety_bound_words(comparison.model_copy(update={"safety": paired}), verdict)

    @pytest.mark.parametrize(
        ("bound", "told"), [(0.0487, "4.9 %"), (0.0481, "4.9 %"), (0.05, "5.0 %"), (0.0003, "0.030 %"), (1.0, "100.0 %")]
    )
    def test_bound__is_never_rounded_down(self, bound, told):
        comparison, verdict = story("refund: -+*60 | safety/jailbreak: ++*60")
        assert f"at most {told} at" in safety_bound_words(comparison, verdict.model_copy(update={"safety_bound": bound}))


class TestHonesty:
    def test_attempt_that_nobody_counted__is_refused_by_the_registry(self):
        _, verdict = story("refund: -+*60")
        assert attempt_words(verdict) == "attempt 1 of this feature against this base"
        uncounted = verdict.model_copy(update={"attempt": None})
        assert attempt_words(uncounted) == "attempts are not recorded: judged as a first one; the registry refuses it"
        assert "a first attempt may spend 0.04 of 0.05" in spent_words(uncounted)

    @pytest.mark.parametrize(
        ("look", "told"),
        [
            (None, None),
            (1, "stopped at look 1 of 4: 60 of about 240 golden cases asked"),
            (3, "stopped at look 3 of 4: 60 of about 80 golden cases asked"),
            (4, "stopped at look 4 of 4: all 60 golden cases asked"),
        ],
    )
    def test_look__says_how_much_was_asked(self, look, told):
        comparison, verdict = story("refund: -+*50 +?*10")
        assert look_words(comparison, verdict.model_copy(update={"look": look})) == told

    def test_waiver__names_owner_day_reason_and_what_it_covers(self):
        assert waiver_words(WAIVED) == (
            "waived by `octocat` until `2026-12-01`, because `too few bills yet`: `bucket` of `intent/bill` (`unclear`)"
        )


class TestSummary:
    def test_pass__says_that_every_bucket_is_held(self):
        _, verdict = story("refund: -+*60", max_bucket_drop=0.1)
        assert verdict.summary.endswith("every bucket is held; safety not measured.")

    def test_pass_that_leans_on_a_waiver__does_not_say_that_every_bucket_is_held(self):
        comparison, verdict = story("refund: -+*60 | bill: ++*10", max_bucket_drop=0.1)
        told = summary("pass", comparison, verdict.scopes, (), (WAIVED,))
        assert "every bucket is held" not in told
        assert told.endswith("not held: `intent/bill` (unclear); safety not measured; 1 finding waived.")

    def test_rule_with_many_scopes__is_one_sentence_a_state_with_five_names(self):
        comparison, verdict = story("refund: -+*60")
        reasons = [reason("f1", "unclear", f"c{n}") for n in range(8)] + [reason("f1", "harmed", "worst")]
        assert summary("fail", comparison, verdict.scopes, reasons) == (
            "F1 of `worst` harmed; F1 of `c0`, `c1`, `c2`, `c3`, `c4` and 3 more unclear."
        )

    @pytest.mark.parametrize("rule", [name for name, words in WHY.items() if "{observed" in words])
    def test_figure_that_is_not_there__is_not_told_as_zero(self, rule):
        comparison, verdict = story("refund: -+*60")
        told = summary("inconclusive", comparison, verdict.scopes, [reason(rule, "some state")])
        assert told == f"{rule}: some state."

    def test_rule_that_nobody_has_words_for__is_told_by_its_name(self):
        comparison, verdict = story("refund: -+*60")
        assert summary("fail", comparison, verdict.scopes, [reason("brand_new", "odd")]) == "brand_new: odd."


class TestNextStep:
    @pytest.mark.parametrize("way", WAYS)
    def test_every_way_out__can_be_told(self, way):
        comparison, verdict = story("refund: -+*60")
        name, _, state = way.partition(" ")
        assert next_step(comparison, verdict.scopes, [reason(name, state or "any")])

    def test_what_is_in_the_way_beside_an_improvement__is_not_told_as_no_improvement(self):
        comparison, verdict = story("refund: -+*60")
        told = next_step(comparison, verdict.scopes, [reason("f1", "unclear", "login")])
        assert told == "add golden cases, or change the dataset, for what stands in the way: f1 of `login`"


class TestContenders:
    def told(self, *states: tuple[str, str, float], safety: dict | None = None) -> str:
        """The sentence on contenders given as (name, state, share right)."""
        comparison, _ = story("refund: -+*60 | safety/jailbreak: ++*10")
        pairs = comparison.safety.model_copy(update=safety) if safety is not None else None
        asked = [
            Contender(name=name, kind="prompt", results_sha256="0" * 64, pairs=comparison.overall, safety=pairs)
            for name, _, _ in states
        ]
        figures = [figure(rule="contenders", scope=name, state=state, base=base) for name, state, base in states]
        return contender_words(comparison.model_copy(update={"contenders": tuple(asked)}), figures)

    def test_best_one_beaten__is_said_with_both_shares(self):
        assert self.told(("a", "beaten", 0.5), ("b", "beaten", 0.25)) == (
            "the best contender, `a`, is beaten: 50.0% against the candidate's 75.0%"
        )

    def test_best_one_beaten_and_another_unclear__says_both(self):
        assert self.told(("a", "beaten", 0.5), ("b", "unclear", 0.4)).endswith("; whether it beats `b` is not settled")

    def test_one_that_is_as_good__is_told_before_a_better_looking_one_that_is_beaten(self):
        told = self.told(("a", "beaten", 0.6), ("b", "as good", 0.5), safety={})
        assert told.startswith("`b` already reaches this (50.0%")
        assert told.endswith(": do not train")

    @pytest.mark.parametrize(
        ("safety", "but"),
        [
            (None, "but its safety was not fully measured"),
            ({"unmeasured": 1}, "but its safety was not fully measured"),
            ({"gains": 2}, "but it answers 2 safety cases unsafely that the candidate handles"),
        ],
    )
    def test_one_that_is_as_good_and_not_shown_to_be_safe__is_no_advice_against_training(self, safety, but):
        told = self.told(("b", "as good", 0.5), safety=safety)
        assert told.endswith(but)
        assert "do not train" not in told


class TestFigures:
    def test_share__is_in_percent_and_its_difference_in_points(self):
        (row,) = figure_rows([figure()])
        assert row[3:8] == ("50.0%", "75.0%", "+25.0", "+12.5 to +37.5", "held")

    def test_time_and_cost__are_told_as_how_many_times(self):
        (row,) = figure_rows([figure(rule="latency_p95", unit="ms", base=40.0, candidate=50.0, low=1.1, high=1.5)])
        assert row[3:7] == ("40 ms", "50 ms", "× 1.25", "× 1.10 to 1.50")

    def test_area_under_the_curve__is_a_bare_figure(self):
        (row,) = figure_rows([figure(rule="auc", base=0.91, candidate=0.934, low=0.011, high=0.037)])
        assert row[3:7] == ("0.910", "0.934", "+0.024", "+0.011 to +0.037")

    def test_what_is_not_known__is_a_dash_and_never_zero(self):
        rows = figure_rows([figure(base=None, low=None), figure(unit="cost", base=0.0, high=None)])
        assert [row[5:7] for row in rows] == [("-", "-"), ("-", "-")]

    def test_rules__are_chosen_and_left_out(self):
        figures = [figure(), figure(rule="auc"), figure(rule="judge")]
        assert [row.rule for row in figure_rows(figures, rules=("f1", "auc"), but=("auc",))] == ["f1"]

    def test_state_that_nobody_foresaw__is_open_and_shown_among_what_is_not_fine(self):
        assert tone_of("some new state") == "open"
        found = not_fine([figure(), figure(state="some new state"), figure(state="harmed")])
        assert [row.state for row in found] == ["harmed", "some new state"]


class TestConfusion:
    def labelled(self, *cells: tuple[str, str, str, int]) -> Labelled:
        return Labelled(name="intent", cells=tuple((None, *cell) for cell in cells))

    def test_grid__counts_both_sides_and_marks_what_is_right(self):
        grid = confusion(self.labelled(("a", "a", "b", 3), ("a", "a", "a", 2), ("b", "(none)", "b", 4)))
        assert grid.columns == ("a", "b", "(none)")
        assert [(row.label, row.n, [tuple(cell) for cell in row.cells]) for row in grid.rows] == [
            ("a", 5, [(5, 2, True), (0, 3, False), (0, 0, False)]),
            ("b", 4, [(0, 0, False), (0, 4, True), (4, 0, False)]),
        ]

    def test_rare_labels__are_counted_together_and_no_case_is_lost(self):
        cells = [(f"label {n:02}", f"label {n:02}", "label 00", 40 - n) for n in range(20)]
        grid = confusion(self.labelled(*cells))
        assert len(grid.columns) == MOST_LABELS + 1
        assert grid.left_out == 5
        assert sum(row.n for row in grid.rows) == sum(n for *_, n in cells)
        assert all(
            sum(cell.base for cell in row.cells) == sum(cell.candidate for cell in row.cells) == row.n for row in grid.rows
        )

    def test_rare_label_taken_for_another_rare_one__is_not_right(self):
        grid = confusion(self.labelled(*[(f"l{n}", f"l{n}", f"l{(n + 1) % 20}", 2) for n in range(20)]))
        assert [cell.right for cell in grid.rows[-1].cells] == [False] * (MOST_LABELS + 1)

    def test_no_case__is_no_grid(self):
        assert confusion(self.labelled()) is None
        assert confusion(self.labelled(("a", "a", "a", 0))) is None
