"""Claims about transformers' continuous batching, which a card is offered: it answers as batches do. Half a minute on a CPU."""

import pytest
from drawn_training import END, PROMPT, Characters, llama

from evalgate.models.shared_attention import NAME
from evalgate.models.transformers_model import Side, TransformersPanel
from evalgate.ports import Asked
from evalgate.records.evaluate_policy import Evaluation
from evalgate.records.evaluation import Decoding
from evalgate.records.suite import Message

pytestmark = pytest.mark.full


class Written(Characters):
    def decode(self, ids, **_):
        return " ".join(map(str, ids))


def test_continuous_batching__gives_the_answers_of_batches_and_leaves_the_network_as_it_was():
    network = llama(seed=1, tied=False, initializer_range=0.4)
    policy = Evaluation(engine="continuous", dtype="float32", batch_rows=2)
    panel = TransformersPanel(network, Written(), {"base": Side(None, PROMPT)}, policy)
    asked = [Asked("base", (Message(role="user", content=text),)) for text in ("card", "a card is lost", "?", "bill", "card")]
    found = sorted(panel.answer(asked, Decoding(max_new_tokens=8)))
    assert network.config._attn_implementation == NAME
    batches = sorted(panel.answer(asked, Decoding(max_new_tokens=8, confidence=True)))  # which only batches keep
    assert [one._replace(latency_ms=None) for one in found] == [one._replace(latency_ms=None, confidence=None) for one in batches]
    assert len({one.text for one in found}) == 4
    assert all(str(END) not in one.text.split() for one in found)
