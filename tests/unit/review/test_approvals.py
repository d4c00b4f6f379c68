"""Whose reviews count."""

import itertools

import pytest
from drawn_pull import pull, reviews
from hypothesis import given
from hypothesis import strategies as st

from evalgate.review.approvals import Approvals, approvals, same_login

LOGINS = ("ann", "bob", "zoe", "outis", "ci[bot]", "ghost")
DRAWN = st.lists(
    st.builds("{}{}{}@{}".format, st.sampled_from(LOGINS), st.sampled_from("+-.0?"), st.sampled_from("ab"), st.integers(1, 6)),
    max_size=7,
).map(" ".join)


def by(drawing, **more):
    return approvals(pull(drawing, **more)).by


def test_approvals__no_review_is_nobodys():
    assert approvals(pull("")) == Approvals(by=(), against=(), older=(), not_counted={})


@pytest.mark.parametrize(
    ("drawing", "counted"),
    [
        ("ann+", ["ann"]),
        ("ann+ bob+", ["ann", "bob"]),
        ("ann+ ann.", ["ann"]),
        ("ann+ ann?", ["ann"]),
        ("ann+ ann+", ["ann"]),
        ("ann+ ann-", []),
        ("ann- ann+", ["ann"]),
        ("ann+ ann0", []),
        ("ann0 ann+", ["ann"]),
        ("ann. bob?", []),
        ("Ann+ ann-", []),
        ("ann+@9 ann-@3", ["ann"]),
        ("ghost+", []),
    ],
)
def test_approvals__the_latest_decisive_review_of_each_person_counts(drawing, counted):
    assert list(by(drawing)) == counted


def test_approval__of_an_older_commit_does_not_count():
    assert approvals(pull("ann+b bob+")) == Approvals(by=("bob",), against=(), older=("ann",), not_counted={})


def test_approval__of_a_commit_that_github_lost_does_not_count():
    (review,) = reviews("ann+")
    lost = pull("ann+", reviews=(review.model_copy(update={"commit": None}),))
    assert (approvals(lost).by, approvals(lost).older) == ((), ("ann",))


def test_approval__a_push_takes_it_back_and_a_force_push_back_brings_it_again():
    assert by("ann+a", head="a") == ("ann",)
    assert by("ann+a", head="b") == ()
    assert by("ann+a ann+b", head="a") == ("ann",)
    assert by("ann+a ann-b", head="a") == ()
    assert by("ann+a ann0b", head="a") == ()


def test_changes_requested__stand_on_whatever_commit_until_taken_back():
    assert approvals(pull("ann-b")).against == ("ann",)
    assert approvals(pull("ann-b ann.")).against == ("ann",)
    assert approvals(pull("ann-b ann0b")).against == ()
    assert approvals(pull("outis- ci[bot]- zoe- ghost-")).against == ()


def test_approvals__author_bots_and_outsiders_are_named_with_the_reason():
    assert approvals(pull("zoe+ ZOE+ ci[bot]+ outis+ ann+")) == Approvals(
        by=("ann",),
        against=(),
        older=(),
        not_counted={"ZOE": "is the author", "ci[bot]": "is a bot", "outis": "has no write access"},
    )


def test_approval__of_somebody_the_api_says_nothing_of_does_not_count():
    assert approvals(pull("ann+", people={})).not_counted == {"ann": "the API says nothing of this person"}


def test_approval__of_a_pull_request_whose_author_is_gone_never_counts():
    assert approvals(pull("ann+", author=None)).not_counted == {"ann": "may be the author, whose account is gone"}


@given(DRAWN, st.randoms(use_true_random=False))
def test_approvals__no_order_of_the_same_reviews_changes_anything(drawing, chance):
    found = pull(drawing)
    shuffled = chance.sample(found.reviews, len(found.reviews))
    assert approvals(found.model_copy(update={"reviews": tuple(shuffled)})) == approvals(found)


@given(DRAWN, st.sampled_from(["zoe", "outis", "ci[bot]", "ghost"]), st.sampled_from("+-.0?"))
def test_approvals__nothing_that_author_bot_or_outsider_says_changes_who_counts(drawing, who, said):
    before, after = approvals(pull(drawing)), approvals(pull(f"{drawing} {who}{said}@9"))
    assert (before.by, before.against, before.older) == (after.by, after.against, after.older)


@given(DRAWN)
def test_approvals__taking_an_approval_away_never_adds_one(drawing):
    found = pull(drawing)
    for kept in itertools.combinations(found.reviews, max(len(found.reviews) - 1, 0)):
        gone = set(found.reviews) - set(kept)
        if all(review.state == "APPROVED" for review in gone):
            assert set(approvals(found.model_copy(update={"reviews": kept})).by) <= set(approvals(found).by)


@given(DRAWN)
def test_approvals__nobody_is_for_and_against(drawing):
    told = approvals(pull(drawing))
    assert not set(told.by) & {*told.against, *told.older, *told.not_counted}


def test_same_login__upper_and_lower_case_are_one_person():
    assert same_login("Octo-Cat", "octo-cat")
    assert not same_login("octo-cat", "octocat")
