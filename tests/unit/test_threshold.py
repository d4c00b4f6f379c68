"""Where a pull request stands, whether the work may begin, and what people read."""

import pytest
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options
from drawn_pull import binding, change, commit, journal, looked, marks, policy, pull, sha, stands, told
from hypothesis import assume, given
from hypothesis import strategies as st

from evalgate.errors import NotMeasured
from evalgate.judgement.threshold import SETTLED, held, nothing_to_judge, standing, to_be_split
from evalgate.records.beside_policy import ContenderPolicy
from evalgate.records.change import DatasetChange
from evalgate.records.check import CheckReport, Finding
from evalgate.review.costs import Estimate

SUITE = "~golden/f/cases.jsonl"
OF_SUITES = {"changes": SUITE, "cost": None, "binding": binding(dataset=None, dataset_sha256=None)}
COST = "done: cost estimate: 1.50 USD (about 9,000 tokens, about 2.0 minutes)"
ROWS = "off: reviewed rows 0 of 0 new ones; none asked for"
SETTLED_LINES = ["done: checked: 12 rows, no error", "done: approved 1 of 1 (by `ann`)", ROWS, COST]
LATER = ["later: training", "later: evaluation", "later: verdict", "later: registry"]
TRAIN = "`/evalgate train` by somebody with write access"


def report(*severities, rows=12, **more):
    findings = tuple(
        Finding(code="EG101", severity=severity, path="x.jsonl", line=1, message="a fault") for severity in severities
    )
    return CheckReport(rows=rows, findings=findings, **more)


def estimate(amount, minutes=2.0):
    return Estimate(tokens=9_000, minutes=minutes, amount=amount, measured=False)


def fault(*severities):
    return {"check": report(*severities)}


class TestWholeStandings:
    def test_fresh(self):
        assert told(stands("")) == [
            "action_required: waits for 1 approval of `aaaaaaa` by people with write access who wrote none of its commits",
            "done: checked: 12 rows, no error",
            "waiting: approved 0 of 1",
            ROWS,
            COST,
            *LATER,
            "needs 1 approval of `aaaaaaa` by people with write access who wrote none of its commits",
        ]

    def test_the_threshold_is_crossed(self):
        assert told(stands("ann+")) == [
            "start: the threshold is crossed: the work on `aaaaaaa` begins",
            *SETTLED_LINES,
            "running: training begins",
            *LATER[1:],
        ]

    def test_training(self):
        assert told(stands("ann+", "started training")) == [
            "going on: training on `aaaaaaa` is going on since `2026-11-20T08:00:00Z`; nothing is decided yet",
            *SETTLED_LINES,
            "running: training",
            *LATER[1:],
        ]

    def test_evaluating(self):
        assert told(stands("ann+", "started training trained")) == [
            "going on: the evaluation on `aaaaaaa` is going on since `2026-11-20T08:00:00Z`; nothing is decided yet",
            *SETTLED_LINES,
            "done: trained",
            "running: evaluating",
            *LATER[2:],
        ]

    def test_pass(self):
        assert told(stands("ann+", "started training trained finished=pass")) == [
            "success: **pass**: so it is pass",
            *SETTLED_LINES,
            "done: trained",
            "done: evaluated",
            "done: verdict: pass",
            "later: registry: not proposed yet",
        ]

    @pytest.mark.parametrize(("verdict", "mark"), [("fail", "refused"), ("inconclusive", "waiting")])
    def test_no_pass(self, verdict, mark):
        assert told(stands("ann+", f"started training trained finished={verdict}")) == [
            f"failure: **{verdict}**: so it is {verdict}",
            *SETTLED_LINES,
            "done: trained",
            "done: evaluated",
            f"{mark}: verdict: {verdict}",
            "later: registry",
        ]

    def test_failed(self):
        assert told(stands("ann+", "started training failed=out_of_memory")) == [
            f"action_required: waits for {TRAIN}, once that is mended",
            *SETTLED_LINES,
            "waiting: no verdict: `out of memory`",
            *LATER[1:],
            f"needs {TRAIN}, once that is mended",
        ]

    def test_failed_for_a_secret_that_is_missing_names_it(self):
        found = stands("ann+", "started failed=HFTOKEN_is_not_set,_add_it_to_the_environment_`evalgate`")
        assert marks(found)["training"] == "waiting"
        assert "no verdict: `` HFTOKEN is not set, add it to the environment `evalgate` ``" in told(found)[5]

    def test_failed_and_the_check_now_refuses_too(self):
        assert told(stands("ann+", "started training failed=disk_full", **fault("error", "warning"))) == [
            "failure: checked: 1 error in 12 rows: the author mends what is named, and pushes",
            "refused: checked: 1 error in 12 rows",
            *SETTLED_LINES[1:],
            "waiting: no verdict: `disk full`",
            *LATER[1:],
            "needs the author mends what is named, and pushes",
            f"needs {TRAIN}, once that is mended",
        ]

    def test_cancelled(self):
        assert told(stands("ann+", "started training cancelled=cancelled_by_bob"))[0] == f"action_required: waits for {TRAIN}"

    def test_superseded_and_the_head_came_back(self):
        steps = "head started b:head superseded a:head"
        assert told(stands("ann+", steps)) == [
            f"action_required: waits for {TRAIN}",
            *SETTLED_LINES,
            "waiting: no verdict: `superseded without a word`",
            *LATER[1:],
            f"needs {TRAIN}",
            "note the head came back to `aaaaaaa` after other commits: `aaaaaaa`, `bbbbbbb`, `aaaaaaa`",
        ]

    def test_the_run_is_gone(self):
        assert told(stands("ann+", "started training#5.1 started#6.1 training#6.1", gone=frozenset({"6.1"}))) == [
            f"action_required: waits for {TRAIN}",
            *SETTLED_LINES,
            "waiting: no verdict: the workflow run ended without a word",
            *LATER[1:],
            f"needs {TRAIN}",
        ]

    def test_the_verdict_is_stale_for_another_base_alone(self):
        before = binding(base="v0@89ab")
        found = stands("ann+", journal=journal("started trained finished=pass", bound=before))
        evaluate = "`/evalgate evaluate` by somebody with write access: `base` changed since"
        assert told(found) == [
            f"action_required: waits for {evaluate}",
            *SETTLED_LINES,
            "done: trained",
            "later: evaluation",
            "waiting: verdict: stale",
            "later: registry",
            f"needs {evaluate}",
            "note the verdict pass on this commit is stale: `base` changed since",
        ]

    def test_the_verdict_is_stale_for_another_policy(self):
        before = binding(policy_sha256=sha("9"), golden_sha256=sha("8"))
        found = stands("ann+", journal=journal("started finished=pass", bound=before))
        assert found.waits_for == (f"{TRAIN}: `golden`, `policy` changed since",)
        assert not found.start

    def test_an_approval_taken_back_after_the_verdict(self):
        found = stands("ann+ ann-", "started finished=pass")
        assert told(found)[0] == (
            "action_required: the verdict is pass, but this waits for `ann` asked for changes, and must approve or be dismissed"
        )

    def test_merged_and_closed_wait_for_nobody(self):
        merged = {"open": False, "merged": True}
        assert told(stands("ann+", "started finished=pass", pull=merged))[0] == "success: merged: **pass**: so it is pass"
        closed = stands("", "", pull={"open": False})
        assert (closed.headline, closed.waits_for, closed.start) == ("closed: nothing was decided", (), False)
        going = stands("ann+", "started training", pull={"open": False})
        assert told(going)[-1] == "note the work on `aaaaaaa` still goes on: it says nothing of anything later"

    def test_a_push_during_training_begins_anew_and_says_so(self):
        found = stands("ann+", "b:started#5.1 b:training#5.1")
        assert found.start
        assert found.notes == ("the work on `bbbbbbb` still goes on: it says nothing of anything later",)

    def test_a_verdict_of_an_older_commit_says_nothing_of_this_one(self):
        found = stands("bob.", "b:started b:finished=pass")
        assert (found.conclusion, found.start, marks(found)["verdict"]) == ("action_required", False, "later")
        assert found.notes == ("commit `bbbbbbb` had the verdict pass: it says nothing of this one",)


class TestSuites:
    def test_a_change_of_suites_is_approved_and_measured_and_gets_no_verdict(self):
        assert told(stands("ann+", **OF_SUITES))[1:] == [*SETTLED_LINES[:2], "running: evaluation begins"]
        assert told(stands("ann+", "started", **OF_SUITES))[1:] == [*SETTLED_LINES[:2], "running: evaluation begins"]
        assert told(stands("ann+", "started evaluating", **OF_SUITES))[3] == "running: evaluating"
        found = stands("ann+", "started evaluating finished", **OF_SUITES)
        assert told(found) == ["success: **measured**", *SETTLED_LINES[:2], "done: evaluated"]

    def test_what_was_measured_is_told(self):
        steps = journal("started finished", bound=OF_SUITES["binding"], why="base handles 40 of 50 cases\nnow")
        assert stands("ann+", journal=steps, **OF_SUITES).headline == "**measured**: base handles 40 of 50 cases now"

    def test_a_failed_measurement_waits_for_somebody(self):
        evaluate = "`/evalgate evaluate` by somebody with write access"
        found = stands("ann+", "started failed=no_model", **OF_SUITES)
        assert told(found)[3:] == ["waiting: no verdict: `no model`", f"needs {evaluate}, once that is mended"]
        assert stands("ann+", "started failed=no_model", asked="evaluate", **OF_SUITES).start

    def test_a_stale_measurement_waits_for_somebody(self):
        before = OF_SUITES["binding"].model_copy(update={"golden_sha256": sha("9")})
        found = stands("ann+", journal=journal("started finished", bound=before), **OF_SUITES)
        assert told(found)[3:] == [
            "waiting: evaluating: to be done again",
            "needs `/evalgate evaluate` by somebody with write access: `golden` changed since",
        ]


class TestPlain:
    def test_nothing_to_judge_never_blocks(self):
        found = nothing_to_judge(pull(changes="+src/x.py"))
        assert (found.conclusion, found.start, found.kind) == ("success", False, "none")

    def test_mixed_is_asked_to_be_split_and_named(self):
        found = to_be_split(pull(), change("+datasets/f/x.jsonl ~golden/f/y.jsonl ~evalgate.yaml +.github/z.yml"))
        assert told(found) == [
            "failure: split this pull request: it changes datasets (`datasets/f/x.jsonl`) together with workflows or "
            "CODEOWNERS (`.github/z.yml`) together with golden sets, safety suites, prompts or the policy (`evalgate.yaml`). "
            "Each is judged by what the target branch holds of the others"
        ]

    def test_two_features_are_asked_to_be_split_and_named(self):
        features = {"f": {"datasets": "datasets/f"}, "g": {"datasets": "datasets/g"}}
        found = to_be_split(pull(), change("+datasets/f/x.jsonl +datasets/g/y.jsonl", **features))
        assert "it changes datasets of 2 features: `f`, `g`." in found.headline

    @pytest.mark.parametrize(("refused", "conclusion"), [(False, "action_required"), (True, "failure")])
    def test_held_names_what_is_missing_and_spends_nothing(self, refused, conclusion):
        found = held(pull("ann+"), "the secret `HF_TOKEN` is missing", refused=refused)
        assert told(found) == [f"{conclusion}: the secret `HF_TOKEN` is missing"]


class TestApproved:
    @pytest.mark.parametrize(
        ("drawing", "words"),
        [
            ("ann+b", "approved 0 of 2 (`ann` approved another commit)"),
            ("zoe+ ci[bot]+ outis+", "approved 0 of 2 (`ci[bot]` is a bot; `outis` has no write access; `zoe` is the author)"),
            ("ann+ bob+", "approved 2 of 2 (by `ann`, `bob`)"),
            ("ann+ bob-", "approved 1 of 2 (by `ann`)"),
        ],
    )
    def test_the_line_says_who_counts_and_who_does_not(self, drawing, words):
        found = stands(drawing, review={"approvals": 2})
        assert found.conditions[1].words == words
        assert found.start == (drawing == "ann+ bob+")

    def test_no_approval_is_asked_for_but_changes_are_heard(self):
        assert stands("", review={"approvals": 0}).start
        assert not stands("bob-", review={"approvals": 0}).start

    def test_a_push_after_the_approval_waits_again(self):
        assert stands("ann+").start
        found = stands("ann+b")
        assert (found.start, found.conclusion, marks(found)["approved"]) == (False, "action_required", "waiting")


class TestHeldBack:
    def test_a_draft_begins_nothing(self):
        found = stands("ann+", pull={"draft": True})
        assert (found.start, found.waits_for) == (False, ("the author marks it ready for review",))

    @pytest.mark.parametrize("label", ["evalgate-hold", "EvalGate-Hold"])
    def test_the_label_holds_in_whatever_case(self, label):
        found = stands("ann+", pull={"labels": ("x", label)})
        assert (found.start, found.waits_for) == (False, ("somebody removes the label `evalgate-hold`",))

    def test_another_label_holds_nothing_and_the_policy_names_its_own(self):
        assert stands("ann+", pull={"labels": ("evalgate-holding",)}).start
        assert stands("ann+", pull={"labels": ("evalgate-hold",)}, review={"hold_label": "wait"}).start
        assert not stands("ann+", pull={"labels": ("wait",)}, review={"hold_label": "wait"}).start


class TestChecked:
    @pytest.mark.parametrize(
        ("severities", "line", "conclusion"),
        [
            (["error", "hold"], "refused: checked: 1 error in 12 rows", "failure"),
            (["hold", "hold"], "waiting: checked: 2 findings that a person must look at, in 12 rows", "action_required"),
            (["warning", "note"], "done: checked: 12 rows, no error, 1 warning", None),
        ],
    )
    def test_errors_refuse_and_holds_wait(self, severities, line, conclusion):
        found = stands("ann+", **fault(*severities))
        assert (told(found)[1], found.conclusion, found.start) == (line, conclusion, conclusion is None)

    @pytest.mark.parametrize(("ours", "theirs", "said"), [((), ("error",), "errors"), (("error",), (), "no error")])
    def test_what_the_pull_requests_own_workflow_says_is_told_and_counts_for_nothing(self, ours, theirs, said):
        found, alone = stands("ann+", theirs=report(*theirs), **fault(*ours)), stands("ann+", **fault(*ours))
        note = f"the pull request's own workflow found {said} in the dataset: it can be edited there, and counts for nothing"
        assert found == alone.model_copy(update={"notes": (note,)})
        assert stands("ann+", theirs=report(*ours), **fault(*ours)) == alone

    def test_a_check_of_other_bytes_is_no_check(self):
        other = DatasetChange(feature="f", path="datasets/f/v1.0.0.jsonl", version="v1.0.0", sha256=sha("9"), rows=12)
        with pytest.raises(NotMeasured, match="#7: check, binding and head are not of the same commit: look again"):
            stands("ann+", check=report(change=other))
        assert stands("ann+", check=report(change=other.model_copy(update={"sha256": sha("1")}))).start

    @pytest.mark.parametrize("field", [{"head": commit("b")}, {"pull": 8}, {"repository": "acme/other"}])
    def test_a_binding_of_another_commit_begins_nothing(self, field):
        with pytest.raises(NotMeasured):
            stands("ann+", binding=binding(**field))


class TestOwners:
    def owners(self, text, drawing="ann+", **more):
        return stands(drawing, review={"codeowners": True}, codeowners=text, **more)

    def line(self, *given, **more):
        found = self.owners(*given, **more)
        return next((f"{line.mark}: {line.words}", line.needs) for line in found.conditions if line.name == "owners")

    def test_an_owner_who_approved_is_enough(self):
        assert self.line("datasets/ @bob @Ann") == ("done: approved by an owner of the dataset", None)
        assert self.owners("datasets/ @bob @Ann").start

    def test_any_other_approval_is_not(self):
        needs = "the approval of `datasets/f/v1.0.0.jsonl` by `bob`"
        assert self.line("datasets/ @bob") == ("waiting: 1 file without an owner's approval", needs)
        assert self.line("datasets/ @bob", "ann+ bob+b")[1] == needs
        assert self.line("datasets/ @ann\n*.jsonl @bob")[1] == needs

    def test_every_file_that_is_touched_needs_its_owner(self):
        changes = "+datasets/f/v1.0.0.jsonl -datasets/f/v0.9.0.jsonl"
        assert not self.owners("* @ann\ndatasets/f/v0.9.0.jsonl @bob", changes=changes).start
        assert self.owners("* @ann\ndatasets/f/v0.9.0.jsonl @bob", "ann+ bob+", changes=changes).start

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "no login stands there"),
            ("* @ann\ndatasets/", "no login stands there"),
            ("* ann@example.com", "no login stands there"),
            ("* @ZOE", "its only owner is the author"),
            ("* @acme/data", "members of `acme/data` are not known to this token"),
        ],
    )
    def test_where_nobody_could_approve_it_says_what_to_write(self, text, why):
        file = "`datasets/f/v1.0.0.jsonl`"
        needs = f"a line of CODEOWNERS on the target branch that names another person for {file}: {why}"
        assert self.line(text) == ("waiting: 1 file without an owner's approval", needs)

    def test_a_team_beside_people_is_told(self):
        assert self.line("* @acme/data @bob")[1].endswith(
            "by `bob` (members of `acme/data` are not known to this token: name people)"
        )

    def test_no_codeowners_is_refused_and_not_asked_for_is_silent(self):
        found = self.owners(None)
        assert (found.conclusion, marks(found)["owners"]) == ("failure", "refused")
        assert "owners" not in marks(stands("ann+", codeowners="* @bob"))


class TestRows:
    NEEDS = "whose `metadata.reviewed_by` names somebody who approves this commit"

    @pytest.mark.parametrize(
        ("rows", "line", "needs"),
        [
            ((3, 9), "waiting: reviewed rows 3 of 5", (f"2 more rows {NEEDS}",)),
            ((4, 9), "waiting: reviewed rows 4 of 5", (f"1 more row {NEEDS}",)),
            ((5, 9), "done: reviewed rows 5 of 5", ()),
        ],
    )
    def test_enough_rows_must_be_reviewed(self, rows, line, needs):
        found = stands("ann+", rows=rows, review={"reviewed_rows": 5})
        assert (told(found)[3], found.waits_for, found.start) == (line, needs, not needs)

    @pytest.mark.parametrize(("shares", "start"), [((3, 10), True), ((4, 10), False), ((0, 0), True)])
    def test_too_many_synthetic_rows_wait(self, shares, start):
        found = stands("ann+", synthetic=shares)
        assert (found.start, "synthetic rows" in marks(found)) == (start, not start)

    def test_the_synthetic_line_says_how_many(self):
        line = stands("ann+", synthetic=(4, 10)).conditions[3].words
        assert line == "4 of 10 rows synthetic and not reviewed, at most 30% may be"


class TestPlateau:
    def test_prompting_comes_first_where_the_policy_says_so(self):
        asked, tied = {"prompt_plateau": True}, journal("finished", kind="prompt", overall="tied")
        found = stands("ann+", review=asked, ledger=tied)
        assert (found.start, marks(found)["prompt plateau"]) == (False, "waiting")
        assert "1 prompt change of 2 in a row without a proven lift" in told(found)[4]
        assert stands("ann+", review=asked, ledger=tied * 2).start
        assert stands("ann+", ledger=tied).start


class TestMoney:
    BUDGET = {"approve_above": 10, "refuse_above": 100, "per_month": 150, "price_per_minute": 1.0}  # noqa: RUF012

    def line(self, amount, steps="", *, spent=0.0, **more):
        ledger = journal("trained#9.9", amount=spent)
        found = stands("ann+", steps, budget=self.BUDGET, cost=estimate(amount), ledger=ledger, **more)
        (line,) = (line for line in found.conditions if line.name == "cost estimate")
        return line.mark, line.needs, found.start

    ASK = "`/evalgate approve-cost aaaaaaaaaaaa` by somebody with write access who is not the author"

    @pytest.mark.parametrize(
        ("amount", "spent", "mark", "needs"),
        [
            (0.0, 0.0, "done", None),
            (10.0, 0.0, "done", None),
            (10.01, 0.0, "waiting", f"{ASK}: it is above 10"),
            (100.0, 50.0, "waiting", f"{ASK}: it is above 10"),
            (100.01, 0.0, "refused", "a smaller job, or a higher budget.refuse_above than 100 in the policy"),
            (10.0, 140.0, "done", None),
            (10.0, 140.01, "refused", "next month, or a higher budget.per_month than 150 in the policy: 140.01 is spent"),
        ],
    )
    def test_the_limits(self, amount, spent, mark, needs):
        assert self.line(amount, spent=spent) == (mark, needs, mark == "done")

    def test_an_approved_cost_counts_for_that_commit_and_under_the_hard_limits_alone(self):
        assert self.line(50.0, "cost_approved=bob") == ("done", None, True)
        assert self.line(50.0, "b:cost_approved=bob")[0] == "waiting"
        assert self.line(100.01, "cost_approved=bob")[0] == "refused"
        assert self.line(50.0, "cost_approved=bob", spent=100.01)[0] == "refused"

    def test_the_author_cannot_approve_the_cost(self):
        assert self.line(50.0, "cost_approved=ZOE")[0] == "waiting"
        assert self.line(50.0, "cost_approved=bob cost_approved=zoe")[0] == "done"

    def test_who_approved_is_named(self):
        found = stands("ann+", "cost_approved=bob", cost=estimate(50.0))
        assert told(found)[4] == "done: cost estimate: 50.00 USD (about 9,000 tokens, about 2.0 minutes), approved by `bob`"

    def test_without_a_price_nothing_is_called_free(self):
        found = stands("ann+", cost=estimate(None, None))
        size = "about 9,000 tokens, time not known before a first training"
        assert told(found)[4] == f"done: cost estimate: {size}; not priced, the policy names no price"

    def test_a_priced_minute_that_nobody_can_count_is_asked_about(self):
        needs = f"{self.ASK}, or budget.tokens_per_second in the policy: a minute has a price, and nobody knows how many"
        assert self.line(None) == ("waiting", needs, False)
        assert self.line(None, "cost_approved=bob") == ("done", None, True)

    def test_no_estimate_begins_nothing(self):
        assert (stands("ann+", cost=None).start, marks(stands("ann+", cost=None))["cost estimate"]) == (False, "waiting")

    @pytest.mark.parametrize("steps", ["started training", "started training trained", "started trained finished=pass"])
    def test_a_training_is_not_held_against_the_budget_that_it_used_up_itself(self, steps):
        assert self.line(90.0, steps, spent=90.0)[0] == "done"

    @pytest.mark.parametrize("steps", ["started", "started training failed"])
    def test_what_did_not_begin_to_train_or_ended_is_held_against_the_budget(self, steps):
        assert self.line(90.0, steps, spent=90.0)[0] == "refused"


class TestCommands:
    @pytest.mark.parametrize("asked", [None, "status", "train", "evaluate", "approve-cost"])
    def test_the_work_begins_once_by_itself(self, asked):
        assert stands("ann+", asked=asked).start

    def test_cancel_begins_nothing(self):
        found = stands("ann+", asked="cancel")
        assert (found.start, found.waits_for, found.conclusion) == (False, (TRAIN,), "action_required")

    @pytest.mark.parametrize("ended", ["failed", "cancelled", "superseded"])
    @pytest.mark.parametrize("trained", [False, True])
    def test_what_ended_without_a_verdict_begins_again_on_command_alone(self, ended, trained):
        steps = f"started {'training trained ' if trained else ''}{ended}"
        begun = {asked: stands("ann+", steps, asked=asked).start for asked in (None, "status", "cancel", "train", "evaluate")}
        assert begun == {None: False, "status": False, "cancel": False, "train": True, "evaluate": trained}

    def test_an_inconclusive_verdict_with_unanswered_cases_may_be_asked_again_and_the_whole_one_counts(self):
        open_end = "started trained finished=inconclusive"
        seen = looked("ann+", open_end)
        left = [e.model_copy(update={"unmeasured": 2}) if e.step == "finished" else e for e in seen.journal]
        again = {asked: standing(seen._replace(journal=tuple(left), asked=asked)).start for asked in (None, "train", "evaluate")}
        assert again == {None: False, "train": False, "evaluate": True}
        assert not standing(seen._replace(asked="evaluate")).start

    def test_what_is_gone_begins_again_on_command_alone(self):
        gone = {"gone": frozenset({"1.1"})}
        assert not stands("ann+", "started training", **gone).start
        assert stands("ann+", "started training", asked="train", **gone).start

    def test_what_was_judged_is_not_judged_again_and_the_comment_says_so(self):
        found = stands("ann+", "started finished=fail", asked="train")
        assert (found.start, found.conclusion) == (False, "failure")
        assert found.notes == ("`/evalgate train` began nothing: this commit is judged, and the same again is no new attempt",)

    def test_a_later_failure_of_other_work_does_not_unlearn_the_verdict(self):
        other = binding(policy_sha256=sha("9"))
        steps = (*journal("started finished=fail"), *journal("started#2.1 failed#2.1", bound=other))
        found = stands("ann+", journal=steps, asked="train")
        assert (found.start, marks(found)["verdict"], found.conclusion) == (False, "refused", "failure")

    def test_of_two_ends_of_the_same_work_the_first_counts(self):
        found = stands("ann+", "started#1.1 finished=fail#1.1 started#2.1 finished=pass#2.1")
        assert (found.conclusion, found.headline) == ("failure", "**fail**: so it is fail")

    def test_an_end_without_a_verdict_is_not_green_and_may_be_tried_again(self):
        found = stands("ann+", "started trained finished")
        assert (found.conclusion, found.waits_for) == ("action_required", (f"{TRAIN}: it ended without a verdict",))
        assert stands("ann+", "started trained finished", asked="train").start

    def test_an_open_condition_is_never_bypassed(self):
        found = stands("", asked="train")
        assert (found.start, found.headline.split(" of ")[0]) == (False, "waits for 1 approval")


@pytest.mark.parametrize(("waiver", "conclusion"), [("waiver", "action_required"), ("fail", "failure")])
def test_on_inconclusive__chooses_the_check_run_and_never_the_verdict(waiver, conclusion):
    found = stands("ann+", "started finished=inconclusive", gate={"on_inconclusive": waiver})
    assert (found.conclusion, marks(found)["verdict"]) == (conclusion, "waiting")


STEPS = ["started", "training", "trained", "evaluating", "failed", "cancelled", "superseded", "finished", "finished=pass"]
SAID = st.sampled_from(["ann", "bob", "zoe", "outis"]), st.sampled_from("+++-.0"), st.sampled_from("aab"), st.integers(1, 5)
REVIEWS = st.lists(st.builds("{}{}{}@{}".format, *SAID), max_size=4)
WORLDS = st.fixed_dictionaries(
    {
        "steps": st.lists(
            st.builds("{}:{}#{}.1".format, st.sampled_from("aab"), st.sampled_from([*STEPS, "finished=fail"]), st.integers(1, 2)),
            max_size=5,
        ).map(" ".join),
        "review": st.fixed_dictionaries(
            {"approvals": st.integers(0, 2), "reviewed_rows": st.integers(0, 2), "codeowners": st.booleans()}
        ),
        "pull": st.fixed_dictionaries(
            {
                "draft": st.just(False) | st.booleans(),
                "open": st.just(True) | st.booleans(),
                "labels": st.sampled_from([(), ("evalgate-hold",)]),
            }
        ),
        "check": st.sampled_from([report(), report("warning"), report("hold"), report("error")]),
        "rows": st.sampled_from([(2, 2), (1, 2)]),
        "cost": st.sampled_from([estimate(1.0), estimate(11.0), estimate(None), None]),
        "codeowners": st.sampled_from([None, "* @ann", "* @bob @ann"]),
        "gone": st.sampled_from([frozenset(), frozenset({"1.1"}), frozenset({"1.1", "2.1"})]),
        "asked": st.sampled_from([None, "status", "train", "evaluate", "approve-cost", "cancel"]),
        "changes": st.sampled_from(["+datasets/f/v1.0.0.jsonl", SUITE]),
    }
)


@given(REVIEWS, WORLDS)
def test_start__means_that_every_precondition_is_settled_and_nothing_runs(drawing, world):
    found = stands(" ".join(drawing), **world)
    after = {"training", "evaluating", "verdict", "registry"}
    settled = all(line.mark in SETTLED for line in found.conditions if line.name not in after)
    assert found.ready == (settled and world["pull"]["open"])
    if found.start:
        assert found.ready
        assert found.conclusion is None
        assert "refused" not in marks(found).values()


@given(REVIEWS, WORLDS)
def test_start__never_by_itself_after_a_first_time(drawing, world):
    world["steps"] = f"a:started#1.1 {world['steps']}"
    if stands(" ".join(drawing), **world).start:
        assert world["asked"] in ("train", "evaluate")
        assert "a:finished=" not in world["steps"]


@given(REVIEWS, WORLDS, st.sampled_from(["zoe", "outis", "ci[bot]", "ghost"]), st.sampled_from("+-.0"))
def test_start__never_by_a_review_of_author_bot_or_outsider(drawing, world, who, said):
    more = stands(" ".join([*drawing, f"{who}{said}@9"]), **world)
    assert more.start == stands(" ".join(drawing), **world).start


@given(REVIEWS, WORLDS, st.data())
def test_start__never_by_taking_an_approval_away(drawing, world, draw):
    gone = draw.draw(st.sampled_from(["", *(word for word in drawing if "+" in word)]))
    fewer = stands(" ".join(word for word in drawing if word != gone), **world)
    assert stands(" ".join(drawing), **world).start or not fewer.start


@given(REVIEWS, WORLDS, st.randoms(use_true_random=False))
def test_standing__no_order_of_the_same_reviews_changes_it(drawing, world, chance):
    found = looked(" ".join(drawing), **world)
    said = tuple(chance.sample(found.pull.reviews, len(found.pull.reviews)))
    assert standing(found) == standing(found._replace(pull=found.pull.model_copy(update={"reviews": said})))


@given(REVIEWS, WORLDS)
def test_standing__an_open_pull_request_is_decided_or_goes_on_or_says_who_can_move_it(drawing, world):
    world["pull"]["open"] = True
    found = stands(" ".join(drawing), **world)
    decided = found.headline.startswith(("**pass**", "**fail**", "**measured**"))
    assert found.waits_for or decided or found.conclusion is None
    assert found.headline != "nothing is decided yet"
    if found.conclusion == "success":
        assert decided
        assert not found.waits_for
        assert not found.headline.startswith("**fail**")


@given(REVIEWS, WORLDS)
def test_standing__whoever_is_no_longer_open_begins_and_waits_for_nothing(drawing, world):
    world["pull"]["open"] = False
    found = stands(" ".join(drawing), **world)
    assert (found.start, found.waits_for) == (False, ())


HOSTILE = [
    "`", "a`b``c", "a|b", "a\nb", "\n\n# x", "@team", "<!-- evalgate: one comment -->", "-->", "<img src=x>", "[x](https://evil.example)",
    "fixes #1", "**x**", "$x$", "x\\", "`\\", "\u202ex", " ", "&lt;b&gt;",
]  # fmt: skip
OURS = {"p", "code", "strong", "ul", "li"}


def outside(markdown):
    """What GitHub shows of a line outside code spans; nothing but our own elements may be there."""
    html = github_flavored_markdown_to_html(f"- {markdown}", Options.CMARK_OPT_UNSAFE)
    spans = html.split("<code>")
    plain = spans[0] + "".join(part.split("</code>", 1)[1] for part in spans[1:])
    for element in OURS:
        plain = plain.replace(f"<{element}>", "").replace(f"</{element}>", "")
    return plain


def all_words(found):
    yield found.headline
    yield from found.notes
    for line in found.conditions:
        yield line.words
        yield line.needs or ""


def hostile_standings(name):
    """Standings with a hostile login, path, label, feature, reason and owner wherever one is shown."""
    people = {login: {"login": login, "bot": bot, "permission": "write"} for login, bot in ((name, False), (f"{name}x", True))}
    said = [
        {"id": number, "by": login, "state": state, "commit": on}
        for number, (login, state, on) in enumerate(
            [(f"{name}x", "APPROVED", commit("a")), (name, "APPROVED", commit("b"))], start=1
        )
    ]
    of = {"reviews": tuple(said), "people": people, "labels": (name,)}
    held_back = {"hold_label": name, "codeowners": True}
    text = "* @bob @acme/data"
    file = {"path": f"datasets/f/{name}.jsonl", "status": "added"}
    parts = change("").parts | {"dataset": (file["path"],), "suite": (f"golden/f/{name}",)}
    yield stands("", pull=of, review=held_back, codeowners=text, change=change("+datasets/f/x.jsonl")._replace(parts=parts))
    yield stands("", pull=of | {"reviews": (said[1] | {"state": "CHANGES_REQUESTED"},)}, review={"hold_label": name})
    yield stands("", pull=of | {"reviews": (said[1] | {"commit": commit("a")},), "labels": ()})
    yield stands("ann+", journal=(*journal("started"), *journal("failed", why=name)))
    yield stands("ann+", journal=journal("started training", at=name))
    yield stands("ann+", journal=journal("cost_approved", by=name), cost=estimate(50.0))
    yield to_be_split(pull(), change("")._replace(parts=parts))
    yield to_be_split(pull(), change("")._replace(parts={"dataset": ("x",)}, features=(name, "f")))


@pytest.mark.parametrize("name", HOSTILE)
def test_words__hostile_names_stay_inside_code_spans(name):
    for hostile, plain in zip(hostile_standings(name), hostile_standings("plain"), strict=True):
        for ours, expected in zip(all_words(hostile), all_words(plain), strict=True):
            assert "\n" not in ours
            assert outside(ours).replace("(empty)", "").replace("<em></em>", "") == outside(expected)


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("`|\\<>@#\n "), max_size=40))
def test_words__no_name_ever_leaves_its_code_span(name):
    assume(name.strip() and "plain" not in name)
    test_words__hostile_names_stay_inside_code_spans(name)


def test_drawings__the_policy_is_what_a_team_writes():
    assert policy(f={}).features["f"].review.approvals == 1


class TestTheDecisionDocument:
    PLACE = ("paths/f.md", "https://github.example/o/r/blob/abc/paths/f.md")

    def test_is_linked_from_the_checklist_where_the_head_has_one(self):
        lines = [line.words for line in standing(looked("ann+", document=self.PLACE)).conditions]
        told = [words for words in lines if "cheaper" in words]
        assert told == [f"what is cheaper than a fine-tune was asked: [{self.PLACE[0]}]({self.PLACE[1]})"]

    def test_with_a_hostile_path_is_shown_and_not_linked(self):
        told = standing(looked("ann+", document=("paths/f.md", "javascript:alert(1)"))).conditions
        assert not any("](javascript" in line.words for line in told)

    def test_that_is_missing_is_noted_only_where_the_policy_names_contenders(self):
        rival = ContenderPolicy(name="prompt-v2", kind="prompt", prompt="prompts/v2.md")
        seen = looked("ann+")
        named = seen._replace(feature=seen.feature.model_copy(update={"contenders": (rival,)}))
        assert any("evalgate paths --feature" in note for note in standing(named).notes)
        assert not any("evalgate paths --feature" in note for note in standing(seen).notes)
