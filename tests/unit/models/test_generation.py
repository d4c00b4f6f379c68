"""Claims about greedy answers in batches: whatever is shared, drafted or put side by side, they are transformers' own."""

import math
from functools import cache

import pytest
import torch
from drawn_training import llama
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.models import shared_attention
from evalgate.models.generation import Limits, Question, answer_batch, batches
from evalgate.models.shared_attention import NAME, SPARE, Opening, OwnKeys, can_share, open_with

STOP = 7
VOCABULARY = 64
BEGINS = [3, 17, 5, 40, 41, 2, 60, 11, 9]
"""What all questions begin with."""
OWN = [[20], [30, 31, 32, 33, 34, 35], [8, 8], [50, 4, 50], [1], [63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53]]
MANY = [[*BEGINS, *own] for own in OWN]
LONGEST = 24
FEW = settings(max_examples=25, deadline=None)


@cache
def network(*, shares):
    """The same tiny network twice: one that shares keys between rows, and one that copies them."""
    found = llama(seed=3, initializer_range=0.5, tied=False)
    assert not shares or can_share(found)
    return found


@cache
def opening(*, shares):
    return open_with(network(shares=shares), BEGINS)


@cache
def greedy(ids, most=LONGEST):
    """(tokens, their probability), one row alone, by transformers."""
    alone = (
        network(shares=False)
        .generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            do_sample=False,
            max_new_tokens=most,
            eos_token_id=STOP,
            pad_token_id=STOP,
        )[0, len(ids) :]
        .tolist()
    )
    with torch.inference_mode():
        logits = network(shares=False)(torch.tensor([[*ids, *alone]])).logits[0, len(ids) - 1 : -1]
    nats = torch.nn.functional.cross_entropy(logits, torch.tensor(alone), reduction="sum")
    return tuple(alone), math.exp(-float(nats))


def limits(most=LONGEST, **more):
    return Limits(STOP, most, **{"confidence": True, **more})


def answered(questions, opened, *, shares=True, most=LONGEST, **more):
    found = sorted(answer_batch(network(shares=shares), questions, opened, limits(most, **more)), key=lambda one: one.place)
    assert [one.place for one in found] == sorted(question.place for question in questions), "each once"
    return found


def are_greedy(found, asked, most=LONGEST):
    for one, ids in zip(found, asked, strict=True):
        tokens, probability = greedy(tuple(ids), most)
        assert one.ids == list(tokens[:-1] if tokens[-1] == STOP else tokens)
        assert (one.tokens_in, one.tokens_out) == (len(ids), len(tokens))
        assert one.confidence == pytest.approx(probability, rel=1e-3)


def numbered(asked, drafts=None):
    drafts = drafts or [()] * len(asked)
    return [Question(place, list(ids), tuple(draft)) for place, (ids, draft) in enumerate(zip(asked, drafts, strict=True))]


def test_the_network_of_these_tests__ends_some_answers_early_and_others_never():
    lengths = [len(greedy(tuple(ids))[0]) for ids in MANY]
    assert min(lengths) < LONGEST == max(lengths)
    assert len(set(lengths)) > 2


class TestAnswers:
    @pytest.mark.parametrize("how", ["shared", "copied", "not opened", "not opened, as copied"])
    def test_opening_that_is_shared_copied_or_missing__gives_transformers_own(self, how):
        shares = how in ("shared", "not opened")
        opened = opening(shares=shares) if how in ("shared", "copied") else Opening([], [])
        assert (network(shares=shares).config._attn_implementation == NAME) is shares
        are_greedy(answered(numbered(MANY), opened, shares=shares), MANY)

    @pytest.mark.parametrize("most", [1, 2, 5])
    @pytest.mark.parametrize("shares", [True, False])
    def test_limit__ends_an_answer_with_as_many_tokens(self, shares, most):
        are_greedy(answered(numbered(MANY), opening(shares=shares), shares=shares, most=most), MANY, most)

    @FEW
    @given(asked=st.lists(st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=12), min_size=1, max_size=7))
    def test_rows_of_any_lengths_side_by_side__are_what_each_is_alone(self, asked):
        whole = [[*BEGINS, *own] for own in asked]
        are_greedy(answered(numbered(whole), opening(shares=True)), whole)

    @pytest.mark.parametrize("spare", [1, 5])
    def test_answer_longer_than_the_room_that_was_made__goes_on(self, monkeypatch, spare):
        monkeypatch.setattr(shared_attention, "SPARE", spare)
        found = answered(numbered(MANY), opening(shares=True))
        are_greedy(found, MANY)
        assert max(one.tokens_out for one in found) == LONGEST > 2 * spare

    def test_opening_of_one_token__is_one_too(self):
        are_greedy(answered(numbered(MANY), open_with(network(shares=True), BEGINS[:1])), MANY)

    def test_no_opening__is_opened_with_nothing(self):
        assert open_with(network(shares=True), []) == Opening([], [])

    def test_row_that_is_done__comes_before_those_that_go_on(self):
        found = list(answer_batch(network(shares=True), numbered(MANY), opening(shares=True), limits()))
        assert [one.tokens_out for one in found] == sorted(one.tokens_out for one in found)
        assert [one.latency_ms for one in found] == sorted(one.latency_ms for one in found)

    def test_confidence__is_kept_where_somebody_asked(self):
        found = answered(numbered(MANY), opening(shares=True), confidence=False)
        assert {one.confidence for one in found} == {None}
        assert [one.ids for one in found] == [one.ids for one in answered(numbered(MANY), opening(shares=True))]


def right(ids):
    return greedy(tuple(ids))[0]


def wrong(token):
    return (token + 1) % VOCABULARY


DRAFTS = {
    "right": right,
    "without its end": lambda ids: right(ids)[:-1],
    "its first token": lambda ids: right(ids)[:1],
    "wrong at the first": lambda ids: (wrong(right(ids)[0]), *right(ids)[1:]),
    "right to the middle": lambda ids: (*right(ids)[:3], wrong(right(ids)[3]) if len(right(ids)) > 3 else 1, 5, 6),
    "longer than the limit": lambda ids: (*right(ids), *range(40)),
    "goes on behind its end": lambda ids: (*right(ids), *greedy((*ids, *right(ids)))[0]),
    "the end alone": lambda _: (STOP,),
    "nothing": lambda _: (),
}


class TestDrafts:
    @pytest.mark.parametrize("shares", [True, False])
    @pytest.mark.parametrize("draft", DRAFTS.values(), ids=DRAFTS)
    def test_draft__changes_neither_answer_nor_confidence(self, draft, shares):
        found = answered(numbered(MANY, map(draft, MANY)), opening(shares=shares), shares=shares)
        are_greedy(found, MANY)

    @pytest.mark.parametrize("most", [1, 2, 5])
    @pytest.mark.parametrize("draft", DRAFTS.values(), ids=DRAFTS)
    def test_draft_under_a_limit__changes_nothing(self, draft, most):
        are_greedy(answered(numbered(MANY, map(draft, MANY)), opening(shares=True), most=most), MANY, most)

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_any_drafts_side_by_side__change_nothing(self, data):
        shares, most = data.draw(st.booleans()), data.draw(st.integers(1, LONGEST))
        token = st.integers(0, VOCABULARY - 1)

        def drawn(ids):
            kind = data.draw(st.sampled_from(["known", "any", "known, then any"]))
            begins = DRAFTS[data.draw(st.sampled_from(sorted(DRAFTS)))](ids) if kind != "any" else ()
            ends = data.draw(st.lists(token, max_size=LONGEST + 4)) if kind != "known" else ()
            return (*begins, *ends)

        asked = data.draw(st.lists(st.sampled_from(MANY), min_size=1, max_size=5))
        found = answered(numbered(asked, [drawn(ids) for ids in asked]), opening(shares=shares), shares=shares, most=most)
        are_greedy(found, asked, most)

    def test_what_stood__is_counted(self):
        drafts = [right(MANY[0]), DRAFTS["wrong at the first"](MANY[1]), DRAFTS["right to the middle"](MANY[2]), ()]
        found = answered(numbered(MANY[:4], drafts), opening(shares=True))
        assert [one.stood for one in found] == [len(right(MANY[0])), 0, 3, 0]

    def test_latency__is_that_of_answers_that_were_not_drafted(self):
        found = answered(numbered(MANY[:3], [right(MANY[0]), (1,), ()]), opening(shares=True))
        assert [one.latency_ms is None for one in found] == [True, True, False]

    def test_right_ones__take_one_step(self):
        steps = []
        model = network(shares=True)
        counted = model.register_forward_hook(lambda *_: steps.append(1))
        try:
            answered(numbered(MANY, map(right, MANY)), opening(shares=True))
        finally:
            counted.remove()
        assert len(steps) == 1


class TestBatches:
    @given(
        lengths=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), max_size=30),
        rows=st.integers(1, 8),
        tokens=st.integers(1, 80),
    )
    def test_each_question__is_in_one_batch_within_the_limits(self, lengths, rows, tokens):
        questions = [Question(place, [*BEGINS, *[1] * own], (2,) * draft) for place, (own, draft) in enumerate(lengths)]
        found = batches(questions, len(BEGINS), rows=rows, tokens=tokens)
        assert sorted(question.place for batch in found for question in batch) == list(range(len(questions)))
        widths = [[len(question.ids) - len(BEGINS) + len(question.draft) for question in batch] for batch in found]
        assert all(len(batch) <= rows for batch in widths)
        assert all(len(batch) == 1 or len(batch) * max(batch) <= tokens for batch in widths)
        assert [width for batch in widths for width in batch] == sorted(width for batch in widths for width in batch)

    def test_the_same_questions_in_any_order__are_the_same_batches(self):
        questions = numbered(MANY)
        assert batches(questions, 9, rows=2, tokens=99) == batches(questions[::-1], 9, rows=2, tokens=99)

    def test_none__are_none(self):
        assert batches([], 0, rows=4, tokens=4) == []

    @pytest.mark.parametrize("rows", range(1, len(MANY) + 1))
    def test_batches_of_any_size__give_the_same(self, rows):
        found = [
            one
            for batch in batches(numbered(MANY), len(BEGINS), rows=rows, tokens=10_000)
            for one in answered(batch, opening(shares=True))
        ]
        are_greedy(sorted(found, key=lambda one: one.place), MANY)


class TestOwnKeys:
    def states(self, length, begin=0):
        keys = torch.arange(begin, begin + length, dtype=torch.float32).reshape(1, 1, length, 1).expand(3, 2, -1, 4).clone()
        return keys, -keys

    @pytest.mark.parametrize("chunks", [[5], [5, *[1] * (3 * SPARE)], [1, SPARE, SPARE], [2, 3 * SPARE + 1, 1], [1, 2 * SPARE]])
    def test_what_was_added__is_there_in_its_order_however_much_it_is(self, chunks):
        layer, begin = OwnKeys(), 0
        for chunk in chunks:
            keys, values = layer.update(*self.states(chunk, begin))
            begin += chunk
            assert layer.get_seq_length() == begin
            assert keys.equal(self.states(begin)[0])
            assert values.equal(self.states(begin)[1])

    def test_rows_that_are_kept__go_on_with_their_own(self):
        layer = OwnKeys()
        keys = torch.rand(4, 2, 3, 5)
        layer.update(keys, -keys)
        layer.batch_select_indices(torch.tensor([3, 1]))
        more = torch.rand(2, 2, 1, 5)
        found, values = layer.update(more, -more)
        assert found.equal(torch.cat([keys[[3, 1]], more], dim=2))
        assert values.equal(-found)


class TestWhoCanShare:
    def test_sliding_window_or_another_attention__cannot(self):
        assert can_share(llama())
        assert not can_share(llama(attn_implementation="eager"))
        windowed = llama()
        windowed.config.layer_types = ["full_attention", "sliding_attention"]
        assert not can_share(windowed)
        assert windowed.config._attn_implementation == "sdpa", "and is left as it is"

    def test_twice__is_the_same_as_once(self):
        found = llama()
        assert [can_share(found), can_share(found)] == [True, True]
