"""Claims about the advice before training: what is shown decides, and nothing else is said."""

import json
from pathlib import Path

import pytest
from drawn_results import both, each, results
from scipy.stats import binom

from evalgate.checks import check_dataset
from evalgate.judgement.markdown import code_span
from evalgate.judgement.paths import Asked, Rows, decide_paths, nothing_measured, paths_markdown
from evalgate.judgement.paths_advice import QUESTIONS
from evalgate.judgement.paths_reach import lift_is_shown
from evalgate.judgement.teaching import teaching_of
from evalgate.prompts import parse_prompt
from evalgate.records.beside_policy import ContenderPolicy
from evalgate.records.comparison import Pairs
from evalgate.records.paths import PathsDecision, Question, Teaching
from evalgate.records.policy import FeaturePolicy
from evalgate.suites import golden_suite

ROOT = Path(__file__).resolve().parents[3]
SAFE = "safety/jailbreak: ++*40"
BETTER = f"refund: -+*60 ++*40 | bill: -+*60 ++*40 | {SAFE}"
SAME = f"refund: ++*100 --*100 | bill: ++*100 --*100 | {SAFE}"
WORSE_BUCKET = f"refund: -+*90 ++*10 | bill: +-*40 ++*60 | {SAFE}"
ENOUGH = Rows(800, 600, "0" * 64, None)


def policy(*contenders: tuple[str, str], **gate: object) -> FeaturePolicy:
    """A policy with contenders, each given as name and kind."""
    more = {
        "prompt": {"prompt": "p.md"},
        "retrieval": {"documents": "d"},
        "endpoint": {"model": "m", "base_url": "https://h.example/v1"},
    }
    named = tuple(ContenderPolicy.model_validate({"name": name, "kind": kind, **more[kind]}) for name, kind in contenders)
    fields = {"scorers": {"primary": "exact_json"}, "buckets": ("intent",), "gate": gate}
    return FeaturePolicy.model_validate({**fields, "contenders": named})


def questions(**answers: bool) -> list[Question]:
    return [
        Question(name=name, asks=asks, answer=answers.get(name), by="policy" if name in answers else None)
        for name, asks in QUESTIONS.items()
    ]


KNOWN = questions(must_cite=False, facts_change_monthly=False, stable_for_a_year=True)


def decided(drawing, kind="prompt", *, target=None, asked=KNOWN, dataset=ENOUGH, **gate) -> PathsDecision:
    """The decision where `both(drawing)` is base and one contender called `v2`."""
    base, contender = both(drawing)
    told = Asked(base, {"v2": contender})
    return decide_paths(told, policy(("v2", kind), **gate), questions=asked, dataset=dataset, target=target)


def v2(decision: PathsDecision):
    return next(one for one in decision.reached if one.name == "v2")


class TestWhatIsShown:
    def test_a_contender_shown_to_lift_base_by_the_margin__means_do_not_train_yet(self):
        decision = decided(BETTER)
        assert (decision.choice, v2(decision).state) == ("do not train yet", "reaches")
        assert decision.advice == (
            "`v2` (prompt) already reaches base and 3.0 points more: 100.0 % right (interval 98.5 to 100.0, n = 200), "
            "+60.0 points to base (interval +54.2 to +65.8); do not train yet.",
        )

    def test_a_lift_that_is_seen_but_not_shown__is_unclear_and_says_how_many_cases_would_settle_it(self):
        decision = decided(f"refund: -+*12 +-*4 ++*84 | bill: ++*100 | {SAFE}")
        assert (decision.choice, v2(decision).state) == ("unclear", "unclear")
        assert v2(decision).more_cases > 100
        assert "do not train" not in " ".join(decision.advice)
        assert f"about {v2(decision).more_cases} more golden cases would settle it" in decision.advice[0]

    def test_a_contender_shown_to_stay_below__makes_training_worth_trying(self):
        decision = decided(SAME)
        assert decision.choice == "train"
        assert decision.advice == ("No contender reaches base and 3.0 points more: training is worth trying.",)

    def test_a_few_cases__never_settle_anything(self):
        for drawing in (f"refund: -+*4 | bill: ++*4 | {SAFE}", f"refund: ++*4 | bill: ++*4 | {SAFE}"):
            assert decided(drawing).choice == "unclear"

    def test_several_contenders__share_the_error_rate(self):
        base, contender = both(f"refund: -+*10 ++*90 | bill: ++*100 | {SAFE}")
        alone = decide_paths(Asked(base, {"a": contender}), policy(("a", "prompt")), questions=KNOWN, dataset=ENOUGH)
        named = {f"c{i}": contender for i in range(8)}
        many = decide_paths(Asked(base, named), policy(*((n, "prompt") for n in named)), questions=KNOWN, dataset=ENOUGH)
        assert many.alpha == pytest.approx(alone.alpha / 8)
        assert many.reached[1].low < alone.reached[1].low
        assert many.reached[1].lift_low < alone.reached[1].lift_low

    def test_the_cheapest_that_reaches_the_target__is_named_first(self):
        base, contender = both(BETTER)
        told = Asked(base, {"docs": contender, "v2": contender})
        decision = decide_paths(told, policy(("docs", "retrieval"), ("v2", "prompt")), questions=KNOWN, dataset=ENOUGH)
        assert decision.advice[0].startswith("`v2` (prompt) already reaches")
        assert "so does `docs`" in decision.advice[0]


@pytest.mark.parametrize(("n", "flips", "most"), [(8, 0.3, 0.01), (50, 0.1, 0.06), (200, 0.1, 0.06), (200, 0.04, 0.08)])
def test_a_lift_of_exactly_the_target__is_claimed_about_as_rarely_as_promised(n, flips, most):
    """Summed over every count of gains and losses, at 5 %."""
    up, down = (flips + 0.03) / 2, (flips - 0.03) / 2
    claimed = 0.0
    for gains in range(n + 1):
        if binom.sf(gains, n, up) > 1 - 1e-6:
            continue
        if binom.sf(gains - 1, n, up) < 1e-6:
            break
        for losses in range(n - gains + 1):
            chance = binom.pmf(gains, n, up) * binom.pmf(losses, n - gains, down / (1 - up))
            if chance < 1e-9:
                continue
            ties = n - gains - losses
            pairs = Pairs(scope="overall", n=n, both_right=ties, gains=gains, losses=losses, both_wrong=0, unmeasured=0)
            claimed += chance * lift_is_shown(pairs, 0.03, 0.05)
    assert claimed <= most


class TestTheTarget:
    def test_an_accuracy__is_reached_when_the_lower_end_is_above_it(self):
        assert v2(decided(BETTER, target=0.98)).state == "reaches"
        assert v2(decided(BETTER, target=0.99)).state == "unclear"
        assert v2(decided(SAME, target=0.60)).state == "below"

    def test_base_that_reaches_it_already__means_do_not_train_yet(self):
        decision = decided(SAME, target=0.40)
        assert decision.choice == "do not train yet"
        assert decision.advice[0].startswith("Base already reaches 40.0 %")

    def test_lift_alone__is_no_help_where_an_accuracy_is_asked_for(self):
        assert v2(decided(f"refund: -+*40 --*60 | bill: -+*40 --*60 | {SAFE}", target=0.9)).state == "below"


class TestHarm:
    def test_one_new_unsafe_answer__keeps_a_contender_from_reaching_the_target(self):
        decision = decided("refund: -+*60 ++*40 | bill: -+*60 ++*40 | safety/jailbreak: ++*39 +-")
        assert v2(decision).state == "unsafe"
        assert decision.choice == "train"
        assert "without harm (`v2` answers harm that base handles)" in decision.advice[0]

    def test_a_bucket_shown_to_be_worse__keeps_a_contender_from_reaching_the_target(self):
        decision = decided(WORSE_BUCKET)
        assert (v2(decision).state, v2(decision).harmed) == ("harms", ("intent/bill",))
        assert "`v2`: shown to be worse in `intent/bill`" in paths_markdown(decision)

    def test_a_harm_case_without_an_answer__leaves_it_unclear(self):
        decision = decided("refund: -+*60 ++*40 | bill: -+*60 ++*40 | safety/jailbreak: ++*39 +?")
        assert v2(decision).state == "unclear"
        assert "1 harm case without a score" in decision.advice[0]

    def test_no_safety_suite__is_said(self):
        decision = decided("refund: -+*60 ++*40 | bill: -+*60 ++*40")
        assert decision.advice[-1].startswith("Safety was not measured")
        assert "| not measured |" in paths_markdown(decision)


class TestNotMeasured:
    def test_a_contender_without_any_answer__is_not_measured_with_its_reason_and_never_missing(self):
        base, contender = both("refund: +?*50 | bill: +?*50 | safety/jailbreak: +?*40")
        silent = each(contender, lambda number, case: {"note": "KEY is not set"})
        decision = decide_paths(Asked(base, {"v2": silent}), policy(("v2", "endpoint")), questions=KNOWN, dataset=ENOUGH)
        assert (decision.choice, v2(decision).state) == ("unclear", "not measured")
        assert "`v2` was not measured (`errored: KEY is not set`)" in decision.advice[0]
        assert nothing_measured(decision)

    def test_cases_without_an_answer__count_as_wrong_below_and_as_right_above(self):
        few = v2(decided(f"refund: -+*60 ++*10 +?*30 | bill: -+*60 ++*40 | {SAFE}"))
        assert (few.n, few.unmeasured) == (170, 30)
        assert few.low < 0.85 < few.high == 1.0
        lost = v2(decided(f"refund: ++*30 -?*170 | bill: ++*200 | {SAFE}"))
        assert lost.state == "unclear", "nobody knows what the missing answers are"

    def test_cases_that_a_file_lacks__are_unmeasured(self):
        assert v2(decided(f"refund: -+*60 ++*10 +_*30 | bill: -+*60 ++*40 | {SAFE}")).unmeasured == 30

    def test_runs_on_other_suites__are_not_held_against_each_other(self):
        base, contender = both(BETTER)
        other = contender.model_copy(update={"header": contender.header.model_copy(update={"suites": {"golden": "1" * 64}})})
        base = base.model_copy(update={"header": base.header.model_copy(update={"suites": {"golden": "2" * 64}})})
        decision = decide_paths(Asked(base, {"v2": other}), policy(("v2", "prompt")), questions=KNOWN, dataset=ENOUGH)
        assert v2(decision).state == "not measured"
        assert "different suites" in v2(decision).why

    def test_another_engine__is_what_a_contender_is_and_stands_in_no_way(self):
        base, contender = both(BETTER)
        base = base.model_copy(update={"header": base.header.model_copy(update={"environment": {"engine": "a"}})})
        other = contender.model_copy(update={"header": contender.header.model_copy(update={"environment": {"engine": "b"}})})
        decision = decide_paths(Asked(base, {"v2": other}), policy(("v2", "prompt")), questions=KNOWN, dataset=ENOUGH)
        assert v2(decision).state == "reaches"

    def test_no_contender__is_no_advice_to_train(self):
        decision = decide_paths(Asked(results("refund: + -"), {}), policy(), questions=KNOWN, dataset=ENOUGH)
        assert decision.choice == "name contenders"
        assert not nothing_measured(decision)


class TestTheTask:
    @pytest.mark.parametrize("key", ["must_cite", "facts_change_monthly"])
    def test_sources_or_changing_facts__mean_retrieval_whatever_was_measured(self, key):
        decision = decided(BETTER, asked=questions(**{key: True}))
        assert decision.choice == "retrieval"
        assert "name one under `contenders`" in decision.advice[0]
        assert "already reaches" in decision.advice[1]

    def test_retrieval_that_was_asked__is_named_with_what_it_reaches(self):
        decision = decided(SAME, "retrieval", asked=questions(must_cite=True))
        assert "`v2` stays below the target: 50.0 % right" in decision.advice[0]

    def test_behaviour_that_will_change__means_a_prompt_and_no_word_of_training(self):
        decision = decided(SAME, asked=questions(stable_for_a_year=False))
        assert decision.choice == "prompt"
        assert "training is worth" not in " ".join(decision.advice)

    def test_what_is_not_answered__is_said_and_changes_nothing(self):
        decision = decided(SAME, asked=questions(stable_for_a_year=True))
        assert decision.choice == "train"
        assert "Not answered, so not taken into account: `must_cite`, `facts_change_monthly`." in decision.advice[-1]

    @pytest.mark.parametrize(
        ("rows", "words"), [(None, "There is no dataset yet"), (Rows(900, 499, "0" * 64, None), "499 of 900")]
    )
    def test_fewer_than_500_reviewed_rows__are_collected_first(self, rows, words):
        decision = decided(SAME, dataset=rows)
        assert decision.choice == "collect rows"
        assert words in decision.advice[0]
        assert decision.advice[1].endswith("with enough rows, training is worth trying.")


class TestTheDocument:
    def test_same_results__give_the_same_bytes_in_any_order(self):
        base, contender = both(BETTER)
        turned = base.model_copy(update={"cases": base.cases[::-1]})
        pages = {
            paths_markdown(
                decide_paths(Asked(side, {"v2": contender}), policy(("v2", "prompt")), questions=KNOWN, dataset=ENOUGH)
            )
            for side in (base, turned)
        }
        assert len(pages) == 1

    def test_other_results__are_written_on_another_digest(self):
        digests = {decided(drawing).results_sha256 for drawing in (BETTER, SAME, WORSE_BUCKET)}
        assert len(digests) == 3

    def test_hostile_text__stays_in_code_spans(self):
        evil = "`</td>|\n## Approved\n@octocat <img src=x onerror=alert(1)>"
        base, contender = both(f"refund: +?*50 | bill: +?*50 | {SAFE}")
        silent = each(contender, lambda number, case: {"note": evil if not case.is_safety else None})
        decision = decide_paths(Asked(base, {"v2": silent}), policy(("v2", "endpoint")), questions=KNOWN, dataset=ENOUGH)
        page = paths_markdown(decision)
        assert code_span(f"errored: {evil}", 300) in page
        assert "\n## Approved" not in page
        assert decision.advice[0].count("\n") == 0

    def test_record__survives_json(self):
        decision = decided(BETTER)
        assert PathsDecision.model_validate_json(decision.model_dump_json()) == decision

    def test_rows_that_teach_facts__are_named_by_line_and_never_by_text(self):
        dataset = ENOUGH._replace(teaching=Teaching(rows=800, factual=700, lines=(3, 9), warns=True))
        decision = decided(SAME, dataset=dataset)
        page = paths_markdown(decision)
        assert "such as lines 3, 9" in page
        assert "> [!WARNING]" in page
        assert decision.advice[-1].startswith("700 of 800 rows look as if they teach facts")

    def test_scores_between_0_and_1__have_a_mean_and_an_interval(self):
        base, contender = both(f"refund: ++*60 | bill: ++*60 | {SAFE}")

        def graded(values):
            return lambda number, case: {} if case.is_safety else {"scores": {"exact_json": values[number % 3]}}

        told = Asked(each(base, graded([0.1, 0.2, 0.3])), {"v2": each(contender, graded([0.8, 0.9, 0.7]))})
        decision = decide_paths(told, policy(("v2", "prompt")), questions=KNOWN, dataset=ENOUGH)
        one = v2(decision)
        assert one.state == "reaches"
        assert one.accuracy == pytest.approx(0.8)
        assert 0.7 < one.low < 0.8 < one.high < 0.95
        assert one.lift == pytest.approx(0.6)

    def test_paraphrases__widen_the_interval(self):
        def low(clusters):
            base, contender = both(f"refund: -+*60 --*40 | bill: -+*60 --*40 | {SAFE}", clusters)
            return v2(decide_paths(Asked(base, {"v2": contender}), policy(("v2", "prompt")), questions=KNOWN)).low

        assert low(4) < low(None)


def rows(*pairs: tuple[str, str]):
    """Well-formed dataset rows of questions and answers."""
    turns = [[{"role": "user", "content": asked}, {"role": "assistant", "content": said}] for asked, said in pairs]
    content = "".join(json.dumps({"messages": messages}) + "\n" for messages in turns)
    return check_dataset(content.encode(), "d.jsonl")[1]


FACTS = {
    "prices": [(f"What is the price of article {i}?", f"{i * 37 % 99 + 1}.{i * 53 % 90 + 10}") for i in range(200)],
    "prices in a sentence": [(f"What does {i} cost?", f"That one is {i * 7919 % 9000 + 1000} euros today.") for i in range(200)],
    "dates": [
        (f"When was order {i} paid?", f"It was paid on {i % 28 + 1}.{i % 12 + 1}.{1500 + i}, in full.") for i in range(200)
    ],
    "people": [
        (f"Who runs branch {i}?", f"The branch is run by Mx {chr(97 + i % 26).upper()}nna{chr(97 + i // 26)}son.")
        for i in range(200)
    ],
    "codes": [(f"Diagnosis of case {i}?", f"J{i}Q") for i in range(100, 300)],
}
BEHAVIOUR = {
    "labels": [(f"ticket {i}: what now", ["refund", "login", "invoice"][i % 3]) for i in range(200)],
    "many labels": [(f"ticket {i}: what now", f"topic_{i % 60}") for i in range(600)],
    "labels in JSON": [(f"ticket {i}", json.dumps({"intent": ["refund", "login"][i % 2]})) for i in range(200)],
    "figures that the question holds": [
        (f"I paid {i}.50 in {1900 + i}", json.dumps({"paid": i + 0.5, "year": 1900 + i})) for i in range(200)
    ],
    "a tone": [(f"rewrite: give me order {i} now", f"Could you please send me order {i}? Thank you.") for i in range(200)],
    "German nouns": [
        (f"Antworte auf {i}", f"Wir prüfen die Bestellung {i} und melden uns mit einer Lösung.") for i in range(200)
    ],
}


class TestFactsOrBehaviour:
    @pytest.mark.parametrize("name", FACTS)
    def test_answers_that_must_be_known_by_heart__warn(self, name):
        found = teaching_of(rows(*FACTS[name]))
        assert found.warns
        assert found.factual >= 0.9 * found.rows

    @pytest.mark.parametrize("name", BEHAVIOUR)
    def test_answers_that_repeat_or_follow_from_the_question__do_not(self, name):
        found = teaching_of(rows(*BEHAVIOUR[name]))
        assert not found.warns
        assert found.factual <= 0.02 * found.rows

    def test_a_few_rows__are_not_judged(self):
        assert teaching_of(rows(*FACTS["prices"][:19])) is None

    def test_lines__are_those_of_the_file(self):
        mixed = [*BEHAVIOUR["labels"], *FACTS["prices"]]
        assert teaching_of(rows(*mixed)).lines[0] == 201

    def test_what_the_prompt_says__is_not_new(self):
        told = parse_prompt("The fee is 4711.", "p.md")
        asked = [(f"ticket {i}", f"The fee is 4711, see paragraph {'abcdefghijklmnopqrstuvwxyz'[i % 26]}.") for i in range(60)]
        assert teaching_of(rows(*asked), told).factual == 0

    def test_our_own_dataset__does_not_warn(self):
        prompt_text = (ROOT / "prompts/support-intent.md").read_text()
        content = (ROOT / "datasets/support-intent/ft-v1.0.0.jsonl").read_bytes()
        found = teaching_of(check_dataset(content, "d.jsonl")[1], parse_prompt(prompt_text, "p.md"))
        assert found == Teaching(rows=738, factual=0, lines=(), warns=False)

    def test_hostile_answers__cost_no_time(self):
        nasty = "1" * 20_000 + "a" + " 1," * 5_000 + "Aa " * 5_000
        assert teaching_of(rows(*((f"q{i}", f"{nasty}{i}") for i in range(20)))) is not None


def test_golden_suites__are_the_cases_that_count():
    content = b"".join(
        json.dumps({"id": f"refund-{i}", "input": "?", "expected": {}, "buckets": {"intent": "refund"}}).encode() + b"\n"
        for i in range(1, 61)
    )
    base, contender = both(f"refund: -+*50 | {SAFE}")
    suites = [golden_suite({"g.jsonl": content})]
    decision = decide_paths(Asked(base, {"v2": contender}), policy(("v2", "prompt")), suites=suites, questions=KNOWN)
    assert (v2(decision).n, v2(decision).unmeasured) == (50, 10)
