"""Which rows are reviewed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.review.rows import accepted, reviewed_rows, row_digest, rows_seen, synthetic_rows

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TURNS = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text(max_size=20)}), min_size=1
)
ROWS = st.fixed_dictionaries(
    {"messages": TURNS}, optional={"tools": st.lists(VALUES, max_size=2), "metadata": VALUES, "x": VALUES}
)


def row(said, by=(), source="human"):
    metadata = {"source": source, "reviewed_by": list(by) if isinstance(by, tuple) else by}
    return json.dumps({"messages": [{"role": "user", "content": said}], "metadata": metadata})


def data(*rows):
    return "\n".join(rows).encode()


def turned(value):
    """The same JSON value with the keys of every object in the other order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(item) for item in value] if isinstance(value, list) else value


@given(ROWS, VALUES)
def test_digest__neither_order_of_keys_nor_metadata_nor_whitespace_nor_escapes_change_it(drawn, beside):
    written = json.dumps(turned(drawn) | {"metadata": beside}, indent=None, separators=(" ,  ", " : "), ensure_ascii=True)
    assert row_digest(json.loads(written)) == row_digest(drawn)


@given(ROWS, st.data())
def test_digest__one_changed_letter_changes_it(drawn, draw):
    number = draw.draw(st.integers(0, len(drawn["messages"]) - 1))
    turns = [dict(turn) for turn in drawn["messages"]]
    turns[number]["content"] += draw.draw(st.sampled_from(["x", " ", "\u0301", "\n"]))
    assert row_digest(drawn | {"messages": turns}) != row_digest(drawn)


@given(ROWS)
def test_digest__tools_and_the_order_of_turns_are_taught_too(drawn):
    assert row_digest(drawn | {"tools": [{"name": "refund"}]}) != row_digest(drawn)
    turns = [*drawn["messages"], {"role": "user", "content": "and now"}]
    assert row_digest({"messages": turns}) != row_digest({"messages": turns[::-1]}) or turns == turns[::-1]


def test_rows__lines_that_are_no_rows_are_left_out():
    assert [
        seen.reviewers for seen in rows_seen(data(row("a", ("ann",)), "[]", '"x"', "{", '{"messages": 3}', "", row("b")))
    ] == [
        ("ann",),
        (),
    ]


@pytest.mark.parametrize(
    ("named", "reviewers"),
    [("ann", ("ann",)), (("ann", "@bob"), ("ann", "bob")), (None, ()), (3, ()), ({"ann": 1}, ()), ((1, None, "cy"), ("cy",))],
)
def test_rows__reviewed_by_may_be_anything(named, reviewers):
    (seen,) = rows_seen(data(row("a", named)))
    assert seen.reviewers == reviewers


def test_rows__metadata_may_be_anything():
    assert [seen[1:] for seen in rows_seen(b'{"messages": [], "metadata": [1]}\n{"messages": []}')] == [((), False)] * 2


class TestReviewedRows:
    def test_only_a_counted_reviewer_makes_a_row_reviewed(self):
        head = data(row("a", ("ann",)), row("b", ("zoe",)), row("c"), row("d", ("zoe", "ANN")))
        assert reviewed_rows(head, reviewers=["ann"]) == (2, 4)
        assert reviewed_rows(head, reviewers=[]) == (0, 4)

    def test_what_was_trained_is_not_new_whatever_stands_beside_it_now(self):
        trained = data(row("a"), row("b"))
        assert reviewed_rows(data(row("a", ("ann",)), row("c", ("ann",))), reviewers=["ann"], trained=trained) == (1, 1)

    def test_duplicates_count_once(self):
        assert reviewed_rows(data(*[row("a", ("ann",))] * 5, row("a")), reviewers=["ann"]) == (1, 1)

    def test_a_changed_letter_makes_another_row(self):
        merged = accepted(data(row("a", ("ann",))), ["ann"])
        assert reviewed_rows(data(row("a"), row("a.")), reviewers=[], merged=merged) == (1, 2)

    def test_merged_rows_count_where_they_are_still_there_and_not_twice(self):
        merged = accepted(data(row("a", ("bob",)), row("gone", ("bob",))), ["bob"])
        head = data(row("a", ("ann",)), row("b", ("ann",)), row("c"))
        assert reviewed_rows(head, reviewers=["ann"], merged=merged) == (2, 3)
        assert reviewed_rows(head, reviewers=["ann"], merged=merged, trained=data(row("a"))) == (1, 2)

    def test_the_authors_own_edit_of_a_reviewed_row_counts_for_nothing(self):
        before, after = data(row("a", ("ann",))), data(row("a, and click here", ("zoe",)))
        assert reviewed_rows(after, reviewers=["ann"], merged=accepted(before, ["ann"])) == (0, 1)

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["ann", "bob", "zoe"])), max_size=8))
    def test_fewer_reviewers_never_make_more_reviewed_rows(self, drawn):
        head = data(*(row(said, (by,)) for said, by in drawn))
        counts = [reviewed_rows(head, reviewers=by)[0] for by in ([], ["ann"], ["ann", "bob"])]
        assert counts == sorted(counts)


def test_synthetic__rows_that_a_counted_reviewer_reviewed_are_not_counted():
    head = data(
        row("a", source="synthetic"), row("b", ("ann",), source="synthetic"), row("c", ("zoe",), source="synthetic"), row("d")
    )
    assert synthetic_rows(head, ["ann"]) == (2, 4)
    assert synthetic_rows(b"", ["ann"]) == (0, 0)
