"""Where a pull request on the registry stands, told from what was proved and who approved: no GitHub, no evidence."""

import pytest
from drawn_pull import pull, told

from evalgate.judgement.registry_change import Change
from evalgate.judgement.registry_standing import Proved, holds, registry_standing, released
from evalgate.records.link import Link
from evalgate.records.policy import Release

ADDED = Change("added", "f", "v2", "none", "f: v2 is added")
LOWER = Change("flag", "f", "v2", "lower", "f: the flag of v2 is off")
RAISE = Change("flag", "f", "v2", "raise", "f: the flag of v2 is on")
EDITED = Change("edited", "f", "v2", "raise", "f: owner of v2 changed, and entries never change")
REMOVED = Change("removed", "f", "v2", "lower", "f: the entry v2 is gone")
BROKEN = (Link("golden", "other cases"), Link("verdict", "it is fail"), Link("golden", "once more"))


def standing(*proved, reviews="bob+", release=None, behind=False, **more):
    found = pull(reviews, changes="~models.yaml", **more)
    return registry_standing(found, proved, release or Release(), behind=behind)


def test_the_label_that_holds_everything_back__holds_the_registry_too():
    found = standing(Proved(ADDED, ()), labels=("EvalGate-Hold",))
    assert found.conclusion == "action_required"
    assert "held back by the label" in "".join(told(found))


class TestWhatHolds:
    def test_a_change_that_holds_and_is_released__may_be_merged(self):
        assert told(standing(Proved(ADDED, (), "derived again: pass"))) == [
            "success: verified and released: it may be merged at exactly this commit",
            "done: `f: v2 is added`; derived again: pass",
            "done: released by 1 of 1: `bob`",
        ]

    def test_less_exposure__says_that_it_needs_no_evidence(self):
        assert told(standing(Proved(LOWER, ())))[1].endswith("it only lowers exposure and needs no new evidence")

    def test_nothing_changed__is_told(self):
        assert told(standing())[1] == "done: nothing that is served or registered changes"

    def test_an_end_that_comes_near__is_a_note(self):
        assert standing(Proved(ADDED, (), near="v2: ends on 2027-01-01")).notes == ("`v2: ends on 2027-01-01`",)


class TestWhatDoesNot:
    def test_a_broken_link__is_named_first_and_every_other_once(self):
        found = standing(Proved(ADDED, BROKEN))
        assert found.conclusion == "failure"
        assert found.headline == "refused: `f: v2 is added`; broken: `golden`: `other cases`; `verdict`: `it is fail`"

    @pytest.mark.parametrize("change", [EDITED, REMOVED])
    def test_an_entry_that_changed_or_is_gone__is_refused_whatever_was_proved(self, change):
        assert not holds(Proved(change, ()))
        assert standing(Proved(change, (), "derived again: pass")).conclusion == "failure"

    def test_one_that_broke_among_many__refuses_them_all(self):
        found = standing(Proved(LOWER, ()), Proved(ADDED, ()), Proved(RAISE, BROKEN))
        assert found.conclusion == "failure"

    def test_a_release__does_not_outweigh_a_broken_link(self):
        assert standing(Proved(ADDED, BROKEN), reviews="bob+ cat+ dan+").conclusion == "failure"

    def test_several__are_counted_in_the_headline(self):
        assert standing(Proved(ADDED, BROKEN), Proved(EDITED, ())).headline.endswith("(1 more below)")

    def test_hostile_names__stand_in_code(self):
        hostile = Change("added", "f", "v2", "none", "</details> @octocat `x`")
        line = standing(Proved(hostile, (Link("evidence", "![x](https://127.0.0.1/y)"),))).conditions[0]
        assert line.words == "`` </details> @octocat `x` ``; broken: `evidence`: `![x](https://127.0.0.1/y)`"


class TestBehind:
    def test_a_head_that_is_behind__is_never_green(self):
        assert standing(Proved(ADDED, ()), behind=True).conclusion == "action_required"

    def test_what_the_target_did_meanwhile__is_not_held_against_the_head(self):
        found = standing(Proved(REMOVED, ()), Proved(LOWER, ()), behind=True)
        assert told(found)[1:] == [
            "waiting: the registry moved on",
            "done: released by 1 of 1: `bob`",
            "needs the branch is brought up to date with the target branch: its registry changed since",
        ]

    def test_what_the_head_brings__is_refused_even_so(self):
        assert standing(Proved(ADDED, BROKEN), behind=True).conclusion == "failure"


class TestRelease:
    @pytest.mark.parametrize(
        ("reviews", "words"),
        [
            ("", "released by 0 of 1"),
            ("bob+b", "released by 0 of 1"),
            ("zoe+", "released by 0 of 1"),
            ("out1+", "released by 0 of 1"),
            ("x[bot]+", "released by 0 of 1"),
            ("bob0", "released by 0 of 1"),
            ("bob+ bob-", "released by 0 of 1"),
            ("bob+", "released by 1 of 1: `bob`"),
        ],
    )
    def test_by_nobody_named__anybody_with_write_access_but_the_author_releases_this_commit(self, reviews, words):
        assert released(pull(reviews), Release()).words == words

    def test_where_managers_are_named__only_theirs_count_whatever_the_case_of_letters(self):
        release = Release(managers=("Cat", "dan"), approvals=2)
        assert released(pull("ann+ bob+ cat+"), release).needs == ("1 approval of `aaaaaaa` by release managers (`Cat`, `dan`)")
        assert released(pull("cat+ dan+"), release).mark == "done"

    def test_who_wrote_a_commit__releases_nothing(self):
        assert released(pull("bob+", committers=("bob",)), Release()).mark == "waiting"

    def test_changes_that_are_asked_for__stop_a_release_by_others(self):
        found = released(pull("bob+ cat-"), Release())
        assert (found.mark, found.needs) == ("waiting", "`cat` asked for changes, and must approve or be dismissed")

    def test_a_draft__is_held_back(self):
        assert standing(Proved(ADDED, ()), draft=True).conclusion == "action_required"

    @pytest.mark.parametrize(("merged", "headline"), [(True, "merged"), (False, "closed: nothing was merged")])
    def test_one_that_is_closed__waits_for_nobody(self, merged, headline):
        found = standing(Proved(ADDED, ()), reviews="", open=False, merged=merged)
        assert (found.headline, found.waits_for) == (headline, ())
