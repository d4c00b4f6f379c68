"""What a training will cost."""

import json

import pytest
from drawn_pull import journal
from hypothesis import given
from hypothesis import strategies as st

from evalgate.records.policy import Budget
from evalgate.records.train_policy import Train
from evalgate.review.costs import Estimate, estimate, spent_in

ONE_EPOCH = Train(epochs=1)


def rows(*said, **more):
    return "\n".join(json.dumps({"messages": [{"role": "user", "content": text}], **more}) for text in said).encode()


def cost(content, settings=ONE_EPOCH, *, prompt=0, ledger=(), **budget):
    return estimate(content, settings, Budget(**budget), prompt=prompt, ledger=ledger)


def test_estimate__is_tokens_times_epochs_plus_a_fifth():
    # 300 bytes are 100 tokens, the turn takes 8 more, the prompt 10: 118 a row, two rows, three epochs, and 20 %
    assert cost(rows("x" * 300, "y" * 300), Train(epochs=3), prompt=30) == Estimate(850, None, None, False)


def test_estimate__max_steps_ends_it_sooner_and_never_later():
    content = rows(*["x" * 300] * 100)
    whole = cost(content, Train(epochs=2)).tokens
    assert cost(content, Train(epochs=2, max_steps=10, batch_rows=10)).tokens == whole // 2
    assert cost(content, Train(epochs=2, max_steps=10_000, batch_rows=10)).tokens == whole


def test_estimate__prices_tokens_and_minutes():
    content = rows(*["x" * 2_976] * 1_000)  # a million tokens, 1.2 with the reserve
    assert cost(content, price_per_million_tokens=5.0).amount == pytest.approx(6.0)
    assert cost(content, price_per_minute=0.5, tokens_per_second=20_000).amount == pytest.approx(0.5)
    both = cost(content, price_per_million_tokens=5.0, price_per_minute=0.5, tokens_per_second=20_000)
    assert both == Estimate(1_200_000, 1.0, pytest.approx(6.5), False)


def test_estimate__what_has_no_price_or_no_time_costs_an_unknown_amount_and_never_nothing():
    content = rows("x" * 300)
    assert cost(content).amount is None
    assert cost(content, tokens_per_second=100).amount is None
    assert cost(content, price_per_minute=0.5).amount is None
    assert cost(content, price_per_minute=0.5, price_per_million_tokens=5.0).amount is None
    assert cost(content, price_per_million_tokens=0.0).amount == 0.0


def test_estimate__the_last_training_tells_the_speed():
    content = rows(*["x" * 276] * 100)
    ledger = [
        *journal("trained", tokens=1_000, seconds=100.0),
        *journal("trained", tokens=60_000, seconds=10.0),
        *journal("trained finished=pass"),
    ]
    assert cost(content, ledger=ledger, tokens_per_second=1.0) == Estimate(12_000, pytest.approx(1 / 30), None, True)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"[]", b"{", b'{"messages": 3}', b'{"messages": [3, {"content": null}]}'])
def test_estimate__of_what_is_no_dataset_is_none_or_little(content):
    assert cost(content).tokens <= 20


@pytest.mark.parametrize(
    "long",
    [
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x" * 3_000}]}]},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"arguments": "x" * 3_000}]}]},
        {"messages": [{"role": "user", "content": "hi"}], "tools": [{"description": "x" * 3_000}]},
        {"messages": [{"role": "user", "content": "退" * 1_000}]},
        {"messages": [{"role": "user", "content": "🙂" * 750}]},
    ],
)
def test_estimate__no_text_is_free_however_it_is_written(long):
    assert cost(json.dumps(long).encode()).tokens >= 1_200


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30), min_size=1, max_size=5), st.data()
)
def test_estimate__more_rows_and_more_epochs_never_cost_less(said, draw):
    fewer = draw.draw(st.integers(0, len(said)))
    assert cost(rows(*said[:fewer])).tokens <= cost(rows(*said)).tokens <= cost(rows(*said), Train(epochs=2)).tokens


class TestSpentIn:
    def test_trainings_of_the_month_count_the_failed_ones_too(self):
        ledger = [
            *journal("trained#1.1", amount=3.0),
            *journal("failed#2.1", amount=4.0),
            *journal("finished=pass#3.1 merged", amount=50.0),
            *journal("trained#4.1", amount=60.0, at="2026-10-31T23:59:59Z"),
        ]
        assert spent_in("2026-11", ledger) == 7.0

    def test_a_run_that_trained_and_then_failed_counts_once(self):
        assert spent_in("2026-11", journal("trained#1.1 failed#1.1 trained#1.2", amount=3.0)) == 6.0

    def test_nothing_is_spent_where_nothing_is_priced(self):
        assert spent_in("2026-11", journal("trained failed")) == 0.0
        assert spent_in("2026-11", ()) == 0.0
