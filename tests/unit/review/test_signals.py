"""Where an event points, told by its name or by its shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.review.signals import NOTHING, Signal, guessed, signal_of

HEAD = "a" * 40
PULL = {"pull_request": {"number": 12}}
COMMENT = {"action": "created", "issue": {"number": 12, "pull_request": {}}, "comment": {"id": 5}}
RUN = {"id": 7, "event": "pull_request", "head_sha": HEAD, "head_branch": "topic", "head_repository": {"full_name": "m/x"}}
GROUP = {"merge_group": {"head_sha": HEAD, "head_ref": "refs/heads/gh-readonly-queue/main/pr-1-x"}}


@pytest.mark.parametrize(
    ("name", "event", "expected"),
    [
        ("pull_request", PULL, Signal("pull", pull=12)),
        ("pull_request_review", {**PULL, "review": {}}, Signal("pull", pull=12)),
        ("issue_comment", COMMENT, Signal("comment", pull=12, comment=5)),
        ("workflow_run", {"workflow_run": RUN}, Signal("head", None, None, HEAD, "m/x", "topic", 7)),
        ("workflow_run", {"workflow_run": {**RUN, "event": "merge_group"}}, Signal("group", None, None, HEAD, "m/x", "topic", 7)),
        ("merge_group", GROUP, Signal("group", head=HEAD, head_branch=GROUP["merge_group"]["head_ref"])),
    ],
)
def test_event__points_somewhere_and_is_known_by_its_shape_too(name, event, expected):
    assert signal_of(name, event) == expected
    assert guessed(event) == name


@pytest.mark.parametrize(
    "event",
    [
        {**COMMENT, "action": "edited"},
        {**COMMENT, "action": "deleted"},
        {**COMMENT, "issue": {"number": 12}},
        {**COMMENT, "comment": {"id": True}},
        {**COMMENT, "issue": {"number": 0, "pull_request": {}}},
    ],
)
def test_comment__that_is_no_new_one_on_a_pull_request_points_to_nothing(event):
    assert signal_of("issue_comment", event) == NOTHING


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*PULL, *COMMENT, *RUN, *GROUP]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.sampled_from(["pull_request", "issue_comment", "workflow_run", "merge_group", "push", ""]), json_values)
def test_event__of_any_shape_points_somewhere_or_to_nothing(name, event):
    if isinstance(event, dict):
        found = signal_of(name or guessed(event), event)
        assert (found.source == "nothing") == (found.pull is None and found.head is None)
