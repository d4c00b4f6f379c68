"""Claims about variants asked in one schedule: each gives what it gives alone, whatever the others say."""

import pytest
from drawn_training import Characters, llama
from hypothesis import given, settings
from hypothesis import strategies as st
from test_networks import lora

from evalgate.models import transformers_model
from evalgate.models.transformers_model import Side, TransformersModel, TransformersPanel
from evalgate.ports import Asked
from evalgate.prompts import opening_tokens
from evalgate.records.evaluate_policy import Evaluation
from evalgate.records.evaluation import Decoding, Variant
from evalgate.records.suite import Message

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # peft's, about its own calls
PROMPT = (Message(role="system", content="sort"), Message(role="user", content="hi"), Message(role="assistant", content="login"))
OTHER = (Message(role="system", content="Sort these!"),)
DECODING = Decoding(max_new_tokens=10, confidence=True)
QUESTIONS = (
    "card",
    "a card that is lost in a far country",
    "?",
    "my login fails",
    "bill",
    "aaa",
    "zz top",
    "refund",
    "0123456789",
)


class Written(Characters):
    """Characters that can be written, too."""

    def __call__(self, text, *, add_special_tokens):
        assert not add_special_tokens
        return {"input_ids": [4 + ord(c) % 60 for c in text]}

    def decode(self, ids, *, skip_special_tokens):
        assert skip_special_tokens
        return "".join(chr(60 + (token - 4)) for token in ids if token > 3)


def base():
    return llama(seed=1, tied=False, attention_bias=True, initializer_range=0.4)


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    """Two prompts, two adapters; what a base, a candidate, a reference and a contender may be."""
    folder = tmp_path_factory.mktemp("sides")
    one, other = lora(folder / "one", seed=1), lora(folder / "other", seed=2)
    return {
        "base": Side(None, PROMPT),
        "candidate": Side(one, PROMPT),
        "contender": Side(None, OTHER),
        "bare": Side(other, ()),
    }


def panel(sides, **evaluation):
    return TransformersPanel(base(), Written(), sides, Evaluation(**{"batch_rows": 3, "dtype": "float32", **evaluation}))


def user(text):
    return (Message(role="user", content=text),)


def asked_of(*names, draft=None):
    return [Asked(name, user(text), draft and draft(text)) for text in QUESTIONS for name in names]


def answers(found, asked, decoding=DECODING):
    """Place -> (text, confidence, tokens in, tokens out)."""
    given = list(found.answer(asked, decoding))
    assert sorted(one.place for one in given) == list(range(len(asked)))
    return {one.place: (one.text, pytest.approx(one.confidence, rel=1e-3), one.tokens_in, one.tokens_out) for one in given}


@pytest.fixture(scope="module")
def alone(sides):
    """(side, question) -> its answer, from a panel of that side alone, one question at a time, nothing drafted."""
    found = {}
    for name, side in sides.items():
        single = panel({name: side}, batch_rows=1, drafts=False)
        for text in QUESTIONS:
            (answer,) = single.answer([Asked(name, user(text))], DECODING)
            found[name, text] = (answer.text, answer.confidence, answer.tokens_in, answer.tokens_out)
    return found


@pytest.fixture(scope="module")
def together(sides):
    """A panel of all sides, asked again and again."""
    return panel(sides)


def are_alone(given, asked, alone):
    for place, one in given.items():
        assert one == alone[asked[place].side, asked[place].turns[-1].content]


class TestTogether:
    def test_the_sides_of_these_tests__say_different_things(self, alone, sides):
        texts = {name: tuple(alone[name, text][0] for text in QUESTIONS) for name in sides}
        assert len(set(texts.values())) == len(sides)
        lengths = {out for _, _, _, out in alone.values()}
        assert 10 in lengths
        assert min(lengths) < 10

    @pytest.mark.parametrize("drafts", [True, False])
    @pytest.mark.parametrize("rows", [1, 2, 3, 100])
    def test_interleaved__each_side_says_what_it_says_alone(self, sides, alone, drafts, rows):
        asked = asked_of(*sides)
        are_alone(answers(panel(sides, drafts=drafts, batch_rows=rows), asked), asked, alone)

    @pytest.mark.parametrize(
        "draft",
        [lambda text: text, lambda _: "", lambda text: text * 9, lambda _: "DDDDDDDDDDDDDDD"],
        ids=["the question", "empty", "long", "odd"],
    )
    def test_what_is_expected__is_never_believed(self, sides, alone, draft):
        asked = asked_of("base", "candidate", draft=draft)
        are_alone(answers(panel(sides), asked), asked, alone)

    def test_expectation_that_is_right__is_what_it_says(self, sides, alone):
        asked = [one._replace(draft=alone[one.side, one.turns[-1].content][0]) for one in asked_of("base", "candidate")]
        are_alone(answers(panel(sides), asked), asked, alone)

    @settings(max_examples=25, deadline=None)
    @given(data=st.data())
    def test_any_questions_in_any_order_again_and_again__are_answered_the_same(self, data, sides, alone, together):
        names = sorted(sides)
        one = st.builds(Asked, st.sampled_from(names), st.sampled_from([user(text) for text in QUESTIONS]))
        asked = data.draw(st.lists(one, min_size=1, max_size=12))
        are_alone(answers(together, asked), asked, alone)

    def test_tokens_of_a_batch__are_bounded_without_changing_answers(self, sides, alone):
        asked = asked_of("base", "candidate")
        are_alone(answers(panel(sides, batch_rows=100, batch_tokens=30), asked), asked, alone)

    def test_one_token__is_one(self, sides, alone):
        asked = asked_of("base", "candidate", draft=lambda text: text)
        given = list(panel(sides).answer(asked, Decoding(max_new_tokens=1)))
        assert {(one.tokens_out, one.confidence) for one in given} == {(1, None)}
        assert all(alone[asked[one.place].side, asked[one.place].turns[-1].content][0].startswith(one.text) for one in given)

    def test_question_that_brings_its_own_system_turn__stands_beside_the_others(self, sides, alone):
        own = (Message(role="system", content="be odd"), Message(role="user", content="card"))
        (apart,) = panel({"base": sides["base"]}, drafts=False).answer([Asked("base", own)], DECODING)
        asked = [*asked_of("base", "candidate"), Asked("base", own), Asked("candidate", own)]
        given = answers(panel(sides), asked)
        assert given.pop(len(asked) - 2)[0] == apart.text != alone["base", "card"][0]
        given.pop(len(asked) - 1)
        are_alone(given, asked, alone)

    def test_model_of_one_variant__is_the_panel_asked_for_it(self, sides, alone):
        variant = Variant(name="candidate", model="m", model_sha256="a" * 64, prompt_sha256="b" * 64)
        model = TransformersModel(panel({"candidate": sides["candidate"]}), variant)
        for answer in model.answer([user(text) for text in QUESTIONS], DECODING):
            assert answer.text == alone["candidate", QUESTIONS[answer.place]][0]


class TestSchedule:
    def order(self, found, asked):
        """Sides in the order of their batches."""
        sides = [asked[one.place].side for one in found.answer(asked, DECODING)]
        return [side for place, side in enumerate(sides) if place == 0 or side != sides[place - 1]]

    def test_batches_of_like_length__come_in_turn_and_each_side_is_the_first_in_turn(self, sides):
        """Three batches a side: base candidate, candidate base, base candidate."""
        found = panel({name: sides[name] for name in ("base", "candidate")})
        asked = asked_of("base", "candidate")
        assert self.order(found, asked) == ["base", "candidate", "base", "candidate"]
        lengths = [len(asked[one.place].turns[-1].content) for one in found.answer(asked, DECODING)]
        assert max(lengths[:6]) <= min(lengths[6:12])
        assert max(lengths[6:12]) <= min(lengths[12:])

    def test_opening__is_gone_through_once_a_side(self, sides, monkeypatch):
        opened, real = [], transformers_model.open_with
        monkeypatch.setattr(transformers_model, "open_with", lambda network, ids: opened.append(len(ids)) or real(network, ids))
        found = panel(sides)
        for _ in range(2):
            answers(found, asked_of(*sides))
        assert sorted(opened) == sorted(len(opening_tokens(Written(), side.prompt)) for side in sides.values())


class TestDraftsThatDoNotPay:
    def steps(self, found, asked):
        """Tokens that are gone through while the questions are asked."""
        seen = []
        network = found._networks.of("base")
        counted = network.register_forward_pre_hook(lambda _, __, told: seen.append(told["input_ids"].shape[1]), with_kwargs=True)
        try:
            answers(found, asked)
        finally:
            counted.remove()
        return seen

    def test_after_enough_of_them__are_given_up(self, sides, monkeypatch, alone):
        monkeypatch.setattr(transformers_model, "TRIED", 20)
        found = panel({"base": sides["base"]}, batch_rows=100)
        asked = asked_of("base", draft=lambda _: "DDDDDDDDD")
        widest = [max(self.steps(found, asked)) for _ in range(2)]
        assert widest[0] > widest[1], "the second time nothing is drafted"
        are_alone(answers(found, asked), asked, alone)

    def test_that_stand__go_on(self, sides, alone, monkeypatch):
        monkeypatch.setattr(transformers_model, "TRIED", 1)
        found = panel({"base": sides["base"]}, batch_rows=100)
        asked = [one._replace(draft=alone["base", one.turns[-1].content][0]) for one in asked_of("base")]
        first, second = self.steps(found, asked), self.steps(found, asked)
        assert max(second) == max(first), "drafted as before"
        assert first[1:] == second, "nothing but the opening is spared"
