"""All rules together: asked for or not, one family, the same bytes in any order, and every record comes back."""

import json
import random
from collections import Counter

import numpy as np
import pytest
from drawn_results import (
    BETTER,
    both,
    chosen,
    comparison_of,
    counted,
    decided,
    each,
    policy_of,
    prefers,
    probed,
    states,
    suite_with,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.judgement.compare import Beside
from evalgate.judgement.gate import decide
from evalgate.judgement.rules import FAMILY, shown_harm
from evalgate.judgement.rules.finding import Facts
from evalgate.judgement.scopes import sample_for_harm
from evalgate.records.comparison import Comparison, Labelled
from evalgate.records.verdict import Verdict
from evalgate.stats.families import holm

EVERY = {
    "f1": {"field": "kind"},
    "fields": {},
    "judge": {},
    "cost_per_call": {},
    "fairness": {"slice": "locale"},
    "calibration": {},
    "auc": {"positive": "spam"},
    "protected": ("intent/refund",),
}
ONE_SLICE = {**EVERY, "fairness": {"slice": "intent"}}
"""For drawings whose cases have intents alone."""
KEYS = {
    "scorers": {"primary": "exact_json", "also": ("json_valid", "judge")},
    "judge": {"model": "m", "base_url": "http://j"},
    "contenders": ({"name": "prompt-2", "kind": "prompt", "prompt": "p.md"},),
    "legacy": ({"path": "golden/old"},),
}
BASIC = {"safety", "overall", "bucket", "regression_share", "latency_p95", "measured"}
KINDS = ("refund", "invoice", "login")


def rich(policy=None, shuffle=None):
    """Comparison and verdict of results that carry everything that a rule may ask for."""
    sides = both(f"{BETTER} | old: ++*200 | safety/jailbreak: ++*30 | safety/benign: ++*30", 2)

    def filled(side):
        def change(n, case):
            golden = case.suite == "golden"
            old = case.buckets.get("intent") == "old"
            more = {"json_valid": 1.0, "judge": 0.75 if side == 1 and n % 2 else 0.5} if golden else {}
            return {
                "suite": "golden/old" if old else case.suite,
                "buckets": {} if old or not golden else {**case.buckets, "locale": "es" if n % 3 else "en"},
                "scores": {**case.scores, **more},
                "output": json.dumps({"kind": KINDS[n % 3], "due": None if n % 5 else "today", "n": n % 4}),
                "cost": 1.0 + n % 3,
                "confidence": (0.8, 0.97)[side],
                "latency_ms": 1.0 + n,
            }

        return change

    sides = tuple(each(side, filled(number)) for number, side in enumerate(sides))
    suites = tuple(
        suite_with(sides[0], lambda n: {"kind": KINDS[n % 3], "due": None if n % 5 else "today", "n": n % 4}, name)
        for name in ("golden", "golden/old", "safety/jailbreak", "safety/benign")
    )
    told = chosen(sides[0], lambda n: (prefers("second"), prefers("first")) if n % 2 else (prefers("tie"), prefers("tie")))
    contender = sides[0].model_copy(update={"header": sides[0].header.model_copy(update={"variant": "prompt-2"})})
    probe = probed(*[(100.0 + n, 101.0 + n) for n in range(60)])
    if shuffle is not None:
        draw = random.Random(shuffle)  # noqa: S311  (a seeded drawing, no secret)

        def mixed(record, field):
            items = list(getattr(record, field))
            draw.shuffle(items)
            return record.model_copy(update={field: tuple(items)})

        sides = tuple(mixed(side, "cases") for side in sides)
        suites = tuple(mixed(suite, "cases") for suite in suites)[::-1]
        told, contender, probe = mixed(told, "cases"), mixed(contender, "cases"), mixed(probe, "timings")
    beside = Beside(probe=probe, preferences=told, contenders={"prompt-2": contender})
    return decided(sides, policy or policy_of(EVERY, **KEYS), suites=suites, beside=beside)


def full():
    """Facts in which every rule of the family has something to say."""
    ranking = tuple((n % 2 == 0, n / 40, n / 50) for n in range(40))
    tied = counted("overall", 4, 4, 492)  # an improvement would pay for latency
    comparison = rich()[0].model_copy(update={"ranking": ranking, "overall": tied})
    return Facts(comparison, policy_of({**EVERY, "require": "no_harm"}, **KEYS).gate, 0.05, 0.04)


class TestAskedFor:
    def test_rules_that_are_not_asked_for_never_appear(self):
        verdict = decided(both(BETTER), policy_of())[1]
        assert {reason.rule for reason in verdict.rules} == BASIC
        comparison, verdict = rich(policy_of(scorers=KEYS["scorers"], judge=KEYS["judge"]))
        assert {reason.rule for reason in verdict.rules} == {*BASIC, "json_valid", "over_refusal", "legacy"}
        assert comparison.classes is None
        assert (comparison.costs, comparison.confidences, comparison.ranking) == (None, None, None)
        assert (comparison.judge, comparison.fields, comparison.contenders) == ((), (), ())

    def test_rules_that_are_not_asked_for_are_not_in_the_family_either(self):
        rich_one, bare = full(), policy_of().gate
        facts = rich_one._replace(gate=bare, comparison=rich_one.comparison.model_copy(update={"timings": None}))
        names = {harm[0] for rule in FAMILY for harm in rule(facts, sample_for_harm)}
        assert names == {"scope", "legacy", "rule"}

    def test_rules_that_are_asked_for_all_appear(self):
        comparison, verdict = rich()
        assert {reason.rule for reason in verdict.rules} == {
            *BASIC,
            *("json_valid", "over_refusal", "legacy", "protected_bucket", "f1", "fields", "judge", "preference"),
            *("fairness", "calibration", "auc", "cost_per_call", "contenders"),
        }
        assert not comparison.incomparable
        others = {reason.rule for reason in verdict.reasons}
        assert (verdict.verdict, others) == ("inconclusive", {"auc"})

    @pytest.mark.parametrize("rule", ["f1", "fields", "judge", "auc"])
    def test_a_rule_that_is_asked_for_and_has_nothing_to_look_at_never_passes(self, rule):
        verdict = decided(both(BETTER), policy_of({rule: ONE_SLICE[rule]}))[1]
        assert verdict.verdict == "inconclusive"
        assert set(states(verdict, rule).values()) <= {"nothing measured", "not measured"}
        assert states(verdict, rule)


class TestOneFamily:
    def test_every_fail_rule_is_in_it(self):
        facts = full()
        told = [rule(facts, sample_for_harm) for rule in FAMILY]
        assert all(told), "each rule has something to say here"
        names = {harm for one in told for harm in one}
        assert len(names) == sum(map(len, told))
        assert {harm[1] for harm in names if harm[0] == "rule"} == {
            *("json_valid", "regression_share", "safety/benign", "calibration", "auc", "latency_p95", "cost_per_call"),
        }
        assert {harm[0] for harm in names} == {"rule", "scope", "legacy", "f1", "f1 of a class", "fields", "judge", "fairness"}

    @pytest.mark.parametrize("alpha", [0.05, 0.3, 0.9999])
    def test_what_is_shown_is_holms_over_all_of_it(self, alpha):
        facts = full()._replace(alpha=alpha)
        together = {harm: p for rule in FAMILY for harm, p in rule(facts, sample_for_harm).items()}
        assert shown_harm(facts) == holm(together, alpha)

    @pytest.mark.parametrize(
        ("more", "gate"),
        [
            ({"json_valid": counted("json_valid", 5, 5, 90)}, {}),
            ({"benign": counted("safety/benign", 1, 1, 90)}, {}),
            ({"legacy": (counted("golden/old", 1, 1, 90),)}, {}),
            ({"timings": tuple((100.0 + n, 100.0 + n) for n in range(60))}, {}),
            ({"costs": tuple((1.0 + n, 1.0 + n) for n in range(60))}, {"cost_per_call": {}}),
            ({"classes": Labelled(name="k", cells=((None, "a", "a", "a", 50),))}, {"f1": {}}),
            ({"fields": (Labelled(name="k", cells=((None, "value", "value", "value", 50),)),)}, {"fields": {}}),
            ({"preference": counted("preference", 5, 5, 90)}, {"judge": {}}),
            ({"judge": (counted("intent/a", 5, 5, 90),)}, {"judge": {}}),
            ({"ranking": tuple((n % 2 == 0, n / 9, n / 9) for n in range(40))}, {"auc": {"positive": "x"}}),
            ({"confidences": tuple((0.5, n % 2 == 0, 0.5, n % 2 == 0) for n in range(40))}, {"calibration": {}}),
        ],
    )
    def test_each_one_raises_the_bar_for_the_others(self, more, gate):
        """Two hypotheses, overall and the share of losses; the drop is proven at 0.05/2 and not at 0.05/3."""
        dropped = counted("overall", 5, 14, 81)
        alone = shown_harm(Facts(comparison_of(dropped), policy_of(gate).gate, 0.05, 0.04))
        beside = shown_harm(Facts(comparison_of(dropped, **more), policy_of(gate).gate, 0.05, 0.04))
        assert ("scope", "overall") in alone
        assert ("scope", "overall") not in beside

    def test_fairness_raises_it_for_every_two_groups(self):
        dropped, groups = counted("overall", 5, 14, 81), [counted(f"locale/{name}", 0, 0, 30) for name in "abc"]
        told = [
            {harm for rule in FAMILY for harm in rule(Facts(comparison_of(dropped, *groups), gate, 0.05, 0.04), sample_for_harm)}
            for gate in (policy_of().gate, policy_of({"fairness": {"slice": "locale"}}).gate)
        ]
        assert len(told[1] - told[0]) == 3


class TestSameBytes:
    def test_the_order_of_everything_changes_no_byte(self):
        straight = [one.model_dump_json(indent=2) for one in rich()]
        for seed in (1, 2):
            assert [one.model_dump_json(indent=2) for one in rich(shuffle=seed)] == straight

    def test_comparison_and_verdict_come_back_from_their_files_and_decide_the_same(self):
        comparison, verdict = rich()
        again = Comparison.model_validate_json(comparison.model_dump_json(indent=2))
        assert again == comparison
        assert Verdict.model_validate_json(verdict.model_dump_json(indent=2)) == verdict
        assert decide(again, policy_of(EVERY, **KEYS)) == verdict

    def test_no_figure_is_no_number(self):
        comparison, verdict = rich()
        text = comparison.model_dump_json() + verdict.model_dump_json()
        assert "NaN" not in text
        assert "Infinity" not in text

    def test_every_finding_has_words(self):
        for gate in (ONE_SLICE, {}):
            for drawing in (BETTER, "refund: +-*90 ++*9", "refund: +?*9", "refund: ++*9 | safety/benign: +-*60"):
                verdict = decided(both(drawing), policy_of(gate if drawing == BETTER else {}))[1]
                assert verdict.summary.strip(".; ")


marks = st.sampled_from([f"{base}{candidate}" for base in "++--?!_" for candidate in "++--?!_"])
outputs = st.sampled_from(
    [
        None,
        "",
        "spam",
        '{"spam": 0.7, "ham": 0.3}',
        '{"spam": -1e300}',
        '{"kind": "refund"}',
        '{"kind": null, "x": [{"y": 1}]}',
        "[1]",
    ]
)
expectations = st.sampled_from(["spam", {"kind": "refund"}, {"kind": None}, {"label": "spam", "k": 2}, {}, [1], 3])
replies = st.sampled_from([None, "prose", prefers("first"), prefers("second"), prefers("tie")])


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(marks, st.integers(1, 30)), min_size=1, max_size=5),
    st.lists(st.tuples(outputs, outputs, expectations, replies), min_size=1, max_size=4),
    st.sampled_from([None, 0.0, 1.0, 1e-300]),
    st.sampled_from([0, 49, 50]),
    st.sampled_from(["improvement", "no_harm"]),
)
def test_whatever_is_given__there_is_a_verdict_that_can_be_read_back(words, said, number, probes, require):
    sides = both("refund: " + " ".join(f"{mark}*{n}" for mark, n in words) + " | safety/benign: ++*3")

    def filled(side):
        def change(n, case):
            row = said[n % len(said)]
            more = {"judge": 0.25 * (n % 5), "json_valid": float(n % 3 > 0)} if case.scores and case.suite == "golden" else {}
            words = {"scores": {**case.scores, **more}, "output": row[side] if case.status != "errored" else None}
            return {**words, "cost": number, "confidence": None if number is None else min(1.0, number)}

        return change

    sides = tuple(each(side, filled(place)) for place, side in enumerate(sides))
    suites = (suite_with(both("refund: " + " ".join(f"++*{n}" for _, n in words))[0], lambda n: said[n % len(said)][2]),)
    told = chosen(sides[0], lambda n: (said[n % len(said)][3],) * 2)
    beside = Beside(probe=probed(*[(1.0, 2.0)] * probes), preferences=told)
    gate = {key: value for key, value in ONE_SLICE.items() if key != "protected"}
    comparison, verdict = decided(sides, policy_of({**gate, "require": require}, **KEYS), suites=suites, beside=beside)
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    assert verdict.reasons
    assert verdict.verdict != "pass" or not comparison.unmeasured


@pytest.mark.full
def test_nothing_changed_and_everything_asked__fails_in_at_most_five_of_a_hundred():
    draw, runs, failed = np.random.default_rng(21), 150, 0
    policy = policy_of({**EVERY, "require": "no_harm", "max_bucket_drop": 0.10, "json_valid": {"max_drop": 0.02}}, **KEYS)

    def null(scope, n=150, d=0.15):
        return counted(scope, *map(int, draw.multinomial(n, (d / 2, d / 2, 0.8 - d / 2, 0.2 - d / 2))))

    def measured(n=150, spread=0.2):
        values = draw.lognormal(0, 0.5, size=(n, 1)) * draw.lognormal(0, spread, size=(n, 2))
        return tuple(sorted((float(a), float(b)) for a, b in values))

    def answers(names, n=150):
        wrong = draw.uniform(size=(n, 2)) < 0.15
        expected = draw.choice(names, size=n)
        other = draw.choice(names, size=(n, 2))
        cells = (
            (str(e), *(str(o if w else e) for o, w in zip(*row, strict=True)))
            for e, *row in zip(expected, other, wrong, strict=True)
        )
        return tuple((None, *cell, times) for cell, times in sorted(Counter(cells).items()))

    for _ in range(runs):
        said = draw.uniform(0.4, 1.0, size=(150, 2))
        right = draw.uniform(size=(150, 2)) < said
        truth = draw.uniform(size=150) < 0.3
        scores = np.clip(draw.normal(0.4, 0.2, size=(150, 2)) + 0.3 * truth[:, None], 0, 1)
        more = {
            "json_valid": null("json_valid"),
            "benign": null("safety/benign", 80),
            "legacy": (null("golden/old"),),
            "judge": (null("overall"), null("intent/refund")),
            "preference": null("preference"),
            "timings": measured(),
            "costs": measured(),
            "classes": Labelled(name="kind", cells=answers(KINDS)),
            "fields": (Labelled(name="due", cells=answers(("null", "value"))),),
            "confidences": tuple((float(s[0]), bool(r[0]), float(s[1]), bool(r[1])) for s, r in zip(said, right, strict=True)),
            "ranking": tuple((bool(t), float(s[0]), float(s[1])) for t, s in zip(truth, scores, strict=True)),
        }
        buckets = [null(name) for name in ("intent/refund", "intent/invoice", "locale/en", "locale/es")]
        failed += decide(comparison_of(null("overall", 300), *buckets, **more), policy).verdict == "fail"
    assert failed / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5
