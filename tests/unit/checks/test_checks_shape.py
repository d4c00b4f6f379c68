"""EG201 to EG204."""

import pytest
from drawn_rows import findings, found, row, said


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[]", "not an object"),
        ("null", "not an object"),
        ('{"metadata": {}}', "no `messages`"),
        ('{"messages": []}', "no `messages`"),
        ('{"messages": "hi"}', "no `messages`"),
        ('{"messages": [{"role": "user", "content": "hi"}], "tools": []}', 'unknown key "tools"'),
        ('{"messages": [{"role": "user", "content": "hi"}], "metadata": []}', "`metadata` is not an object"),
        ('{"messages": ["hi"]}', "turn 1 is not an object"),
        ('{"messages": [{"role": "user"}]}', "turn 1 has no `content` that is text"),
        ('{"messages": [{"content": "hi"}]}', "turn 1 has no `role` that is text"),
        ('{"messages": [{"role": "user", "content": [{"type": "text"}]}]}', "turn 1 has no `content` that is text"),
        ('{"messages": [{"role": "user", "content": null}]}', "turn 1 has no `content` that is text"),
        ('{"messages": [{"role": "user", "content": "hi", "weight": 0}]}', 'turn 1 has the unknown key "weight"'),
    ],
)
def test_what_is_not_a_row_is_said_once(line, says):
    assert found(line) == ["1 EG201"]
    assert says in said(line)


def test_an_unknown_key_is_shown_masked_short_and_escaped():
    assert "[masked: e-mail]" in findings('{"ana@acme.es": 1}')[0].message
    assert '"\\u202ex"' in findings('{"\\u202ex": 1}')[0].message
    assert len(said(f'{{"{"k" * 5000}": 1}}')) < 160


@pytest.mark.parametrize(
    "drawing", ["u: hi | a: hello", "s: be kind | u: hi | a: hello", "u: hi | a: hello | u: bye | a: goodbye"]
)
def test_system_may_come_first_then_user_and_assistant_by_turns(drawing):
    assert found(row(drawing)) == []


@pytest.mark.parametrize(
    ("drawing", "says"),
    [
        ("a: hello", "turn 1 is the assistant's where the user's belongs"),
        ("s: be kind | a: hello", "turn 2 is the assistant's where the user's belongs"),
        ("u: hi | u: hi? | a: hello", "turn 2 is the user's where the assistant's belongs"),
        ("u: hi | s: be kind | a: hello", "turn 2 is the system's where the assistant's belongs"),
        ("s: be kind | s: be curt | u: hi | a: hello", "turn 2 is the system's where the user's belongs"),
        ("u: hi | a: hello | a: hello again", "turn 3 is the assistant's where the user's belongs"),
        ("u: hi | tool: 42 | a: hello", 'turn 2 has the unknown role "tool"'),
        ("User: hi | a: hello", 'turn 1 has the unknown role "User"'),
        ("u: hi | \u0430ssistant: x | a: hello", 'turn 2 has the unknown role "\\u0430ssistant"'),
    ],
)
def test_any_other_order_or_role_is_refused(drawing, says):
    assert found(row(drawing)) == ["1 EG202"]
    assert says in said(row(drawing))


@pytest.mark.parametrize("drawing", ["u: hi", "s: be kind", "u: hi | a: hello | u: bye"])
def test_the_last_turn_must_be_the_assistants(drawing):
    assert found(row(drawing)) == ["1 EG203"]


@pytest.mark.parametrize("drawing", ["u: hi | a: ", "u: \n\t | a: hello", "s: \u2003 | u: hi | a: hello"])
def test_a_turn_must_say_something(drawing):
    assert found(row(drawing)) == ["1 EG204"]


def test_every_fault_of_one_row_is_named():
    assert found(row("a:  | u: ")) == ["1 EG202", "1 EG203", "1 EG204"]
