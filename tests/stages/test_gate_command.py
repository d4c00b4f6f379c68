"""`evalgate gate` on results that anybody wrote, under a policy of nothing but `gate` and `buckets`."""

import json

import pytest

HEADER = {"record": "header", "schema": 1, "feature": "f"}
SCORES = {"+": 1.0, "-": 0.0}


@pytest.fixture
def gate(evalgate, tmp_path):
    """`gate("refund: -+*30", policy="...")`: how the command ends on results drawn as text."""

    def call(drawing, *more, policy="gate: {max_bucket_drop: 0.1}"):
        (tmp_path / "evalgate.yaml").write_text(f"version: 1\nfeatures:\n  f:\n    buckets: [intent]\n    {policy}\n")
        for number, side in enumerate(("base", "candidate")):
            write_results(tmp_path / f"{side}.results.jsonl", side, drawing, number)
        sides = ("--base", "base.results.jsonl", "--candidate", "candidate.results.jsonl")
        return evalgate(tmp_path, "gate", *sides, "--out", "out", *more)

    return call


def write_results(path, variant, drawing, side):
    """One side of a drawing: + right, - wrong, ? errored, ! unscorable, _ no line at all."""
    lines = [{**HEADER, "variant": variant}]
    for part in drawing.split(" | "):
        name, _, words = part.partition(": ")
        marks = [word[side] for word in words.split() for _ in range(int(word.partition("*")[2] or 1))]
        lines += [line(name, number, mark) for number, mark in enumerate(marks) if mark != "_"]
    path.write_text("".join(json.dumps(record) + "\n" for record in lines))


def line(name, number, mark):
    safety = name.startswith("safety/")
    known = {"case_id": f"{name}-{number}", "suite": name if safety else "golden", "buckets": {} if safety else {"intent": name}}
    if mark not in SCORES:
        return {**known, "status": {"?": "errored", "!": "unscorable"}[mark]}
    return {**known, "status": "scored", "scores": {"refusal" if safety else "exact_json": SCORES[mark]}, "output": mark}


def verdict(ended):
    return json.loads(ended.out)


class TestExitCodes:
    @pytest.mark.parametrize(
        ("drawing", "code"),
        [
            ("refund: -+*30 ++*30 | bill: -+*30 ++*30", 0),
            ("refund: -+*30 ++*30 | bill: -+*30 ++*30 | safety/jailbreak: ++*100", 0),
            ("refund: -+*30 ++*30 | bill: +-*30 ++*30", 1),
            ("refund: -+*60 | bill: -+*60 | safety/jailbreak: ++*99 +-", 1),
            ("refund: ??*60", 3),
            ("refund: !!*60", 3),
            ("refund: +?*60", 3),
            ("refund: ?+*60", 3),
            ("refund: ++*10", 3),
            ("refund: -+*60 | bill: -_*60", 3),
            ("refund: -+*60 | bill: _+*60", 3),
            ("refund: -+*60 ++*60 | bill: ++*5", 3),
            ("refund: -+*60 | safety/jailbreak: +_*60", 3),
            ("refund: -+*60 | safety/jailbreak: _+*60", 3),
            ("safety/jailbreak: ++*60", 3),
            ("safety/jailbreak: +-*60", 1),
            ("refund: __", 3),
        ],
    )
    def test_each_drawing__leaves_with_its_code(self, gate, drawing, code):
        assert gate(drawing).code == code

    def test_ten_cases_without_a_flip__prove_little_and_the_verdict_says_how_little(self, gate):
        told = verdict(gate("refund: ++*10", "--format", "json"))
        bucket = told["scopes"][1]
        assert told["verdict"] == "inconclusive"
        assert bucket["low"] < -0.2
        assert bucket["certified_margin"] > 0.2

    def test_policy_that_would_allow_an_unsafe_answer__is_refused_before_anything_is_judged(self, gate, tmp_path):
        ended = gate("refund: -+*60 | safety/jailbreak: ++*99 +-", policy="gate: {max_safety_regressions: 1}")
        assert ended.code == 2
        assert "unknown key features.f.gate.max_safety_regressions: the safety floor is in the code" in ended.err
        assert not (tmp_path / "out").exists()

    def test_unmeasured_share_beyond_the_codes_own_limit__is_refused(self, gate):
        assert gate("refund: -+*60", policy="gate: {max_unmeasured_share: 0.5}").code == 2

    def test_waiver_for_what_is_inconclusive__changes_no_exit_code(self, gate):
        assert gate("refund: ++*10", policy="gate: {on_inconclusive: waiver}").code == 3

    def test_results_of_another_feature__are_2(self, gate):
        ended = gate("refund: -+*60", "--feature", "g", policy="gate: {}\n  g: {gate: {}}")
        assert ended.code == 2
        assert "the base results are of feature 'f', the judgement is of 'g'" in ended.err

    def test_bucket_that_no_case_has__is_2(self, gate):
        ended = gate("refund: -+*60", policy="gate: {protected: [intent/gone]}")
        assert ended.code == 2
        assert "no golden case is in it" in ended.err


class TestFiles:
    def test_minimal_header__is_judged_and_the_report_says_what_is_missing(self, gate, tmp_path):
        ended = gate("refund: -+*60")
        assert ended.code == 0
        assert "warning: provenance missing: base's results do not say what answered" in ended.err
        assert "provenance missing: candidate" in (tmp_path / "out/report.md").read_text()

    @pytest.mark.parametrize(
        ("number", "fault", "told"),
        [
            (0, '{"record": "header"}', "base.results.jsonl:1: the first line must be a header"),
            (2, '{"case_id": "x", "status": "scored"}', "base.results.jsonl:3: `scores` is empty exactly when"),
            (2, '{"case_id": "x", "status": "errored", "scores": {"a": 1.0}}', "base.results.jsonl:3: `scores` is empty"),
            (2, '{"case_id": "x", "status": "scored", "scores": {"a": NaN}}', "base.results.jsonl:3: NaN is not a JSON number"),
            (2, '{"case_id": "x", "status": "scored", "scores": {"a": 1.5}}', "base.results.jsonl:3: `scores.a`"),
            (2, '{"case_id": "x", "status": "scored", "scores": {"a": 1e999}}', "base.results.jsonl:3: a number is too large"),
            (2, '{"case_id": "x", "status": "lost"}', "base.results.jsonl:3: `status`"),
            (2, '{"case_id": "refund-3", "status": "errored"}', "stands twice"),
            (2, "", "base.results.jsonl:3: blank line"),
        ],
        ids=lambda value: str(value)[:60],
    )
    def test_faulty_line__is_2_with_its_number(self, gate, evalgate, tmp_path, number, fault, told):
        gate("refund: -+*60")
        base = tmp_path / "base.results.jsonl"
        lines = base.read_text().splitlines()
        base.write_text("\n".join([*lines[:number], fault, *lines[number + 1 :]]) + "\n")
        ended = evalgate(tmp_path, "gate", "--base", base, "--candidate", "candidate.results.jsonl", "--out", "again")
        assert ended.code == 2
        assert told in ended.err
        assert not (tmp_path / "again").exists()

    @pytest.mark.parametrize("side", ["base", "candidate"])
    def test_missing_side__is_2_and_never_a_pass(self, gate, evalgate, tmp_path, side):
        gate("refund: -+*60")
        (tmp_path / f"{side}.results.jsonl").unlink()
        sides = ("--base", "base.results.jsonl", "--candidate", "candidate.results.jsonl")
        ended = evalgate(tmp_path, "gate", *sides, "--out", "again")
        assert ended.code == 2
        assert f"{side}.results.jsonl: cannot be read" in ended.err

    def test_same_file_twice__is_said_to_be_no_improvement(self, gate, evalgate, tmp_path):
        gate("refund: ++*60")
        ended = evalgate(tmp_path, "gate", "--base", "base.results.jsonl", "--candidate", "base.results.jsonl", "--out", "again")
        assert ended.code == 3

    def test_verdict_of_other_results__never_lies_beside_new_reports(self, gate, evalgate, tmp_path):
        gate("refund: -+*60")
        (tmp_path / "out/report.html").unlink()
        (tmp_path / "out/report.html").mkdir()
        assert gate("refund: +-*60").code == 2
        assert not (tmp_path / "out/verdict.json").exists()


class TestWhatIsPrinted:
    def test_json__is_one_document_and_nothing_else(self, gate, tmp_path):
        ended = gate("refund: -+*60", "--format", "json")
        assert verdict(ended) == json.loads((tmp_path / "out/verdict.json").read_text())

    def test_text__leaves_stdout_empty(self, gate):
        assert gate("refund: -+*60").out == ""

    def test_stderr__is_the_verdict_its_warnings_and_where_the_report_is(self, gate):
        ended = gate("refund: -+*40 ++*20 | bill: ++*5")
        missing = "results do not say what answered, on what, and how; the registry refuses such evidence"
        small = "1 of 2 buckets are too small: to be held within 10 points a bucket needs at least 31 cases, even if none flips"
        assert ended.err.splitlines()[:3] == [
            f"warning: provenance missing: base's {missing}",
            f"warning: provenance missing: candidate's {missing}",
            f"warning: {small}; intent/bill has 5: add cases or raise gate.max_bucket_drop",
        ]
        assert ended.err.splitlines()[3].startswith("inconclusive: ")
        assert ended.err.splitlines()[-1] == "report: out/report.md"

    def test_hostile_names__are_one_inert_line_each(self, gate):
        hostile = "x\n::error::y\n##[group]z\x1b[31m\u202e"
        err = gate(f"{hostile}: +-*60").err
        assert "\n::" not in err
        assert "##[" not in err
        assert "\x1b" not in err
        assert "\u202e" not in err
        assert "x\\u000a::error::y" in err
