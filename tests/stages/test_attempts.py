"""The ledger of loose results: retrying is counted, whoever evaluated, and only what nobody has seen before starts anew."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import in_child, start
from drawn_workspace import GOOD, draw, write_lines

from evalgate.stages.attempts import judged_until, ledger_path, noted
from evalgate.stages.gate import read_results
from evalgate.suites import golden_suite

A, B = 64 * "a", 64 * "b"


def side(path, variant="base", *, adapter=None, cases=60, right=1.0, name="case", status="scored", safety=0):
    """Results drawn in one line; `adapter` makes a header that says what answered."""
    known = {"name": variant, "model": "m", "model_sha256": B, "adapter_sha256": adapter, "prompt_sha256": B}
    header = {"record": "header", "schema": 1, "feature": "f", "variant": known if adapter else variant}
    lines = [line(f"{name}-{number}", "golden", right, status) for number in range(cases)]
    lines += [line(f"harm-{number}", "safety/jailbreak", 1.0, "scored") for number in range(safety)]
    return write_lines(path, [header, *lines])


def line(case_id, suite, right, status):
    scores = {"exact_json": right} if status == "scored" else {}
    return {"case_id": case_id, "suite": suite, "status": status, "scores": scores, "output": "x"}


@pytest.fixture
def attempt(evalgate, tmp_path):
    """`attempt(adapter=A)`: which attempt the ledger says that a candidate is."""
    (tmp_path / "evalgate.yaml").write_text("version: 1\nfeatures:\n  f: {gate: {max_bucket_drop: 0.1}}\n")

    def call(*, base=None, ledger="ledger.jsonl", **candidate):
        side(
            tmp_path / "base.results.jsonl", right=0.0, **(base or {key: candidate[key] for key in ("name",) if key in candidate})
        )
        side(tmp_path / "candidate.results.jsonl", "candidate", **candidate)
        ended = evalgate(tmp_path, *GATE, "--ledger", ledger, "--format", "json")
        assert ended.code in (0, 1, 3), ended.err
        return json.loads(ended.out)["attempt"]

    return call


GATE = ("gate", "--base", "base.results.jsonl", "--candidate", "candidate.results.jsonl", "--out", "out")
BASE = {"adapter": B}
"""A base that says what it is, so that it is the same base on other cases too."""


def lines_of(path):
    return [json.loads(text) for text in Path(path).read_text().splitlines()]


class TestCounting:
    def test_each_new_candidate__is_one_more_attempt_and_may_spend_less(self, attempt, tmp_path):
        assert [attempt(adapter=digit * 64) for digit in "123"] == [1, 2, 3]
        assert json.loads((tmp_path / "out/verdict.json").read_text())["alpha"] == pytest.approx(0.0025)

    def test_the_same_adapter_again__is_the_same_attempt(self, attempt, tmp_path):
        assert [attempt(adapter=digit * 64) for digit in "12121"] == [1, 2, 1, 2, 1]
        assert len(lines_of(tmp_path / "ledger.jsonl")) == 2

    def test_results_that_do_not_say_what_answered__are_known_by_their_content(self, attempt):
        outcomes = [{"right": 1.0}, {"right": 0.0}, {"right": 1.0}]
        assert [attempt(**one) for one in outcomes] == [1, 2, 1]

    def test_a_verdict_that_is_inconclusive__counts(self, attempt, tmp_path):
        assert attempt(right=0.0) == 1
        assert json.loads((tmp_path / "out/verdict.json").read_text())["verdict"] == "inconclusive"
        assert attempt(right=1.0) == 2

    def test_candidate_that_never_scored_a_golden_case__is_not_noted(self, attempt, tmp_path):
        assert attempt(status="errored", safety=3) == 1
        assert not (tmp_path / "ledger.jsonl").exists()
        assert attempt(right=1.0) == 1

    def test_another_base__is_counted_apart(self, attempt):
        assert [attempt(adapter=A, base={"adapter": digit * 64}) for digit in "12"] == [1, 1]

    def test_another_feature__is_counted_apart_in_the_same_file(self, attempt, tmp_path):
        assert attempt(adapter=A) == 1
        text = (tmp_path / "ledger.jsonl").read_text()
        (tmp_path / "ledger.jsonl").write_text(text.replace('"feature":"f"', '"feature":"g"'))
        assert attempt(adapter=B) == 1

    def test_what_cannot_be_judged__is_no_attempt(self, attempt, evalgate, tmp_path):
        attempt(adapter=A)
        before = (tmp_path / "ledger.jsonl").read_bytes()
        side(tmp_path / "candidate.results.jsonl", "candidate", adapter=B)
        (tmp_path / "evalgate.yaml").write_text("version: 1\nfeatures: {g: {}}\n")
        assert evalgate(tmp_path, *GATE, "--ledger", "ledger.jsonl").code == 2
        assert (tmp_path / "ledger.jsonl").read_bytes() == before


class TestStartingAgain:
    def test_every_golden_case_is_new__it_starts_again(self, attempt):
        assert [attempt(adapter="1" * 64, base=BASE), attempt(adapter="2" * 64, base=BASE)] == [1, 2]
        new = {**BASE, "name": "new"}
        assert [attempt(adapter=d * 64, base=new, name="new") for d in "34"] == [1, 2]

    def test_one_golden_case_stays__it_counts_on(self, attempt):
        attempt(adapter="1" * 64, base=BASE, cases=3)
        assert attempt(adapter="2" * 64, base={**BASE, "cases": 60}, cases=60) == 2

    def test_the_same_candidate_on_more_cases__has_been_tried_once_more(self, attempt):
        """Adding cases until it passes is retrying."""
        assert attempt(adapter=A, base={**BASE, "cases": 40}, cases=40) == 1
        assert attempt(adapter=A, base={**BASE, "cases": 60}, cases=60) == 2

    def test_judging_on_other_cases_in_between__starts_nothing_again(self, attempt):
        assert attempt(adapter="1" * 64, base=BASE) == 1
        assert attempt(adapter="2" * 64, base={**BASE, "name": "new"}, name="new") == 1
        assert attempt(adapter="3" * 64, base=BASE) == 3

    def test_cases_replaced_little_by_little__start_nothing_again(self, attempt, evalgate, tmp_path):
        counted = []
        for step in range(4):  # cases 0-1, 1-2, 2-3, 3-4: the first and the last share none
            for path, who, right in (("base", B, 0.0), ("candidate", str(step) * 64, 1.0)):
                side(tmp_path / f"{path}.results.jsonl", path, adapter=who, right=right, cases=step + 2)
                header, *cases = lines_of(tmp_path / f"{path}.results.jsonl")
                write_lines(tmp_path / f"{path}.results.jsonl", [header, *cases[step:]])
            ended = evalgate(tmp_path, *GATE, "--ledger", "ledger.jsonl", "--format", "json")
            counted.append(json.loads(ended.out)["attempt"])
        assert counted == [1, 2, 3, 4]

    def test_lines_that_do_not_name_their_cases__count(self, attempt, tmp_path):
        attempt(adapter="1" * 64, base=BASE)
        (old,) = lines_of(tmp_path / "ledger.jsonl")
        write_lines(tmp_path / "ledger.jsonl", [{"base": old["base"], "candidate": old["candidate"]}])
        assert attempt(adapter="2" * 64, base={**BASE, "name": "new"}, name="new") == 2
        assert attempt(adapter="1" * 64, base={**BASE, "name": "new"}, name="new") == 1

    def test_cases_known_by_name_and_by_question__cannot_be_told_apart_and_count(self, attempt, tmp_path):
        attempt(adapter="1" * 64, base=BASE)
        write_lines(tmp_path / "golden/new.jsonl", [{"id": f"new-{n}", "input": f"q {n}", "expected": "x"} for n in range(60)])
        text = "version: 1\nfeatures:\n  f: {golden: golden, scorers: {primary: exact_json}}\n"
        (tmp_path / "evalgate.yaml").write_text(text)
        assert attempt(adapter="2" * 64, base={**BASE, "name": "new"}, name="new") == 2

    def test_renamed_cases_and_other_spacing__are_not_new_where_the_policy_says_what_is_asked(self, attempt, tmp_path):
        (tmp_path / "evalgate.yaml").write_text("version: 1\nfeatures:\n  f: {golden: golden, scorers: {primary: exact_json}}\n")
        for number, (name, asked) in enumerate([("case", "what now {}"), ("new", "What  now {}\n"), ("other", "and then {}")]):
            cases = [{"id": f"{name}-{n}", "input": asked.format(n), "expected": "x"} for n in range(60)]
            write_lines(tmp_path / "golden/cases.jsonl", cases)
            found = attempt(adapter=str(number) * 64, base={**BASE, "name": name}, name=name)
            assert found == (1, 2, 1)[number]

    def test_run_whose_suite_is_all_new__starts_again_and_one_that_does_not_say_counts_on(self, tmp_path):
        base = read_results(side(tmp_path / "base.results.jsonl", adapter=B))
        old, new = (
            golden_suite({"g.jsonl": json.dumps({"id": "1", "input": asked, "expected": "x"}).encode()}) for asked in ("a", "b")
        )
        tries = [("1", [old]), ("2", [old]), ("3", [new]), ("4", [new]), ("5", [])]
        ledger = ledger_path(tmp_path, "f")
        found = []
        for who, suites in tries:
            candidate = read_results(side(tmp_path / f"{who}.results.jsonl", "candidate", adapter=who * 64))
            found.append(len(noted(ledger, "f", base, candidate, suites=suites)))
        assert found == [1, 2, 1, 2, 5]


class TestNotCounted:
    def test_without_a_ledger__it_is_judged_as_a_first_attempt_and_says_so(self, attempt, evalgate, tmp_path):
        attempt(adapter=A)
        ended = evalgate(tmp_path, *GATE, "--format", "json")
        told = json.loads(ended.out)
        assert (told["attempt"], told["alpha"]) == (None, pytest.approx(0.04))
        assert "warning: nobody counted the attempts" in ended.err
        assert "--ledger FILE" in ended.err

    def test_counted_or_said__nothing_is_warned_of(self, attempt, evalgate, tmp_path):
        attempt(adapter=A)
        assert "nobody counted" not in evalgate(tmp_path, *GATE, "--ledger", "ledger.jsonl").err
        assert "nobody counted" not in evalgate(tmp_path, *GATE, "--attempt", "2").err

    def test_ledger_and_number__are_not_given_together(self, attempt, evalgate, tmp_path):
        attempt(adapter=A)
        ended = evalgate(tmp_path, *GATE, "--attempt", "1", "--ledger", "ledger.jsonl")
        assert (ended.code, "leave --attempt out" in ended.err) == (2, True)

    def test_verdict_that_nobody_counted__is_not_promoted(self, evalgate, passed):
        (run,) = passed.glob("runs/[!.]*")
        sides = ("--base", run / "base.results.jsonl", "--candidate", run / "candidate.results.jsonl")
        assert evalgate(passed, "gate", *sides, "--out", "loose").code == 0
        for name in ("verdict.json", "compare.json", "report.md"):
            (run / name).write_bytes((passed / "loose" / name).read_bytes())
        ended = evalgate(passed, "registry", "promote", run)
        assert ended.code == 2
        assert "not promoted: attempts: the verdict was reached without counting attempts" in ended.err
        assert not (passed / "models.yaml").exists()

    def test_run_folder__is_counted_beside_it_without_being_asked(self, evalgate, tmp_path):
        draw(tmp_path, GOOD)
        evalgate(tmp_path, "train", "--out", "runs/r")
        for who, variant in (("base", "base"), ("candidate", "candidate:runs/r")):
            evalgate(tmp_path, "evaluate", "--variant", variant, "--out", f"runs/r/{who}.results.jsonl")
        sides = ("--base", "runs/r/base.results.jsonl", "--candidate", "runs/r/candidate.results.jsonl")
        ended = evalgate(tmp_path, "gate", *sides, "--out", "runs/r", "--format", "json")
        assert json.loads(ended.out)["attempt"] == 1
        (noted,) = lines_of(tmp_path / "runs/.attempts/f.jsonl")
        base = read_results(tmp_path / "runs/r/base.results.jsonl")
        assert judged_until(tmp_path / "runs", "f", base, noted["candidate"]) == (noted["candidate"],)
        assert {name[0] for name in noted["cases"]} == {"c"}


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "number"),
        [
            ("not json", 2),
            ("[]", 2),
            ('{"base": "x"}', 2),
            ('{"base": "x", "candidate": "short"}', 2),
            ('{"base": "x", "candidate": "' + A + '", "cases": ["no digest"]}', 2),
            ('{"base": "x", "candidate": "' + A + '", "base": "y"}', 2),
            ("", 2),
        ],
    )
    def test_line_that_is_none__is_2_with_its_number_and_nothing_is_judged(self, attempt, evalgate, tmp_path, fault, number):
        attempt(adapter=A)
        ledger = tmp_path / "ledger.jsonl"
        ledger.write_text(ledger.read_text() + fault + "\n")
        before = ledger.read_bytes()
        ended = evalgate(tmp_path, *GATE[:-1], "fresh", "--ledger", "ledger.jsonl")
        assert ended.code == 2
        assert f"ledger.jsonl:{number}: is no line of the ledger of attempts: put back what was there" in ended.err
        assert ledger.read_bytes() == before
        assert not (tmp_path / "fresh").exists()

    def test_half_a_line_at_the_end__is_2(self, attempt, evalgate, tmp_path):
        attempt(adapter=A)
        ledger = tmp_path / "ledger.jsonl"
        ledger.write_bytes(ledger.read_bytes()[:-40])
        assert evalgate(tmp_path, *GATE, "--ledger", "ledger.jsonl").code == 2

    def test_read_only_file__is_no_verdict(self, attempt, evalgate, tmp_path):
        attempt(adapter=A)
        (tmp_path / "ledger.jsonl").chmod(0o444)
        side(tmp_path / "candidate.results.jsonl", "candidate", adapter=B)
        ended = evalgate(tmp_path, *GATE[:-1], "fresh", "--ledger", "ledger.jsonl", "--format", "json")
        assert (ended.code, ended.out) == (3, "")
        assert "ledger.jsonl: is read-only, so this attempt cannot be noted" in ended.err
        assert not (tmp_path / "fresh").exists()

    def test_read_only_file_that_knows_the_candidate__is_only_read(self, attempt, tmp_path):
        attempt(adapter=A)
        (tmp_path / "ledger.jsonl").chmod(0o444)
        assert attempt(adapter=A) == 1

    @pytest.mark.parametrize(("place", "code"), [("/dev/null", 2), ("folder", 2), ("link.jsonl", 2), ("file.txt/l.jsonl", 2)])
    def test_place_that_can_hold_no_ledger__is_refused(self, attempt, evalgate, tmp_path, place, code):
        attempt(adapter=A)
        (tmp_path / "folder").mkdir()
        (tmp_path / "file.txt").write_text("")
        (tmp_path / "link.jsonl").symlink_to("ledger.jsonl")
        ended = evalgate(tmp_path, *GATE[:-1], "fresh", "--ledger", place)
        assert ended.code == code, ended.err
        assert not (tmp_path / "fresh").exists()

    def test_full_disk__is_no_verdict_and_leaves_the_ledger_as_it_was(self, attempt, tmp_path):
        attempt(adapter=A)
        before = (tmp_path / "ledger.jsonl").read_bytes()
        side(tmp_path / "candidate.results.jsonl", "candidate", adapter=B)
        ended = in_child(tmp_path, *GATE[:-1], "fresh", "--ledger", "ledger.jsonl", first=lambda: leave_room(len(before)))
        assert ended.code == 3
        assert "cannot be written" in ended.err
        assert (tmp_path / "ledger.jsonl").read_bytes() == before
        assert not (tmp_path / "fresh").exists()


def leave_room(most):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def die_at(left):
    """Let this process kill itself before the rename that follows `left` others."""
    rename, seen = Path.replace, []

    def replace(self, target):
        if len(seen) == left:
            os.kill(os.getpid(), signal.SIGKILL)
        seen.append(target)
        rename(self, target)

    Path.replace = replace


class TestKilledAndInCompany:
    def test_killed_at_any_file__no_verdict_is_there_that_was_not_counted(self, attempt, evalgate, tmp_path):
        """The process dies before the first file is put in place, the second, ...: the ledger is the first of them."""
        attempt(adapter=A)
        before = (tmp_path / "ledger.jsonl").read_bytes()
        side(tmp_path / "candidate.results.jsonl", "candidate", adapter=B)
        died = 0
        while True:
            (tmp_path / "ledger.jsonl").write_bytes(before)
            asked = (*GATE[:-1], f"out-{died}", "--ledger", "ledger.jsonl")
            ended = in_child(tmp_path, *asked, first=lambda left=died: die_at(left))
            written = {path.name for path in tmp_path.glob(f"out-{died}/*")}
            assert len(lines_of(tmp_path / "ledger.jsonl")) == (2 if died else 1)
            assert ("verdict.json" in written) == (ended.code >= 0)
            if ended.code >= 0:
                break
            assert not (died == 0 and written)
            assert evalgate(tmp_path, *asked, "--format", "json").code == 0
            assert json.loads((tmp_path / f"out-{died}/verdict.json").read_text())["attempt"] == 2
            died += 1
        assert died == 7, "the ledger, then five reports and the regressions"

    def test_two_processes_at_once__are_two_attempts_and_both_are_there(self, attempt, tmp_path):
        attempt(adapter=A)
        running = []
        for name in "12":
            side(tmp_path / f"{name}.results.jsonl", "candidate", adapter=name * 64)
            asked = ("gate", "--base", "base.results.jsonl", "--candidate", f"{name}.results.jsonl", "--out", name)
            running.append(start(tmp_path, *asked, "--ledger", "ledger.jsonl", "--format", "json"))
        told = [json.loads(one.communicate(timeout=60)[0])["attempt"] for one in running]
        assert sorted(told) == [2, 3]
        assert len(lines_of(tmp_path / "ledger.jsonl")) == 3

    def test_twelve_at_once__lose_no_line(self, attempt, tmp_path):
        attempt(adapter=A)
        base = tmp_path / "base.results.jsonl"
        program = (
            "import sys; from pathlib import Path\n"
            "from evalgate.stages.attempts import noted; from evalgate.stages.gate import read_results\n"
            "base = read_results(Path(sys.argv[1])); variant = base.header.model_dump()\n"
            "known = {'name': 'candidate', 'model': 'm', 'model_sha256': 64 * 'b', 'prompt_sha256': 64 * 'b'}\n"
            "for number in range(4):\n"
            "    side = base.model_copy(update={'header': base.header.model_validate({**variant, 'variant': "
            "{**known, 'adapter_sha256': f'{sys.argv[2]}{number}'.rjust(64, '0')}})})\n"
            "    noted(Path(sys.argv[3]), 'f', base, side)\n"
        )
        ledger = tmp_path / "ledger.jsonl"
        running = [subprocess.Popen([sys.executable, "-P", "-c", program, base, str(who), ledger]) for who in "123"]
        assert [one.wait(timeout=60) for one in running] == [0, 0, 0]
        assert len({one["candidate"] for one in lines_of(ledger)}) == 13
