"""Claims about the loss of rows that share tokens: it is the plain loss of every row, and so is its gradient."""

import pytest
import torch
from drawn_training import PROMPT, THINGS, Characters, llama, turns
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cross_entropy

from evalgate.prompts import TrainingTokens, training_tokens
from evalgate.training.quick_lora import quicken
from evalgate.training.shared_prefix import batch_loss, most_packed, pack, packed, plain, tokens_of, why_not_shared

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft asks for it
ROWS = [training_tokens(Characters(), PROMPT, turns(f"{thing} 7", colour), "here") for thing, colour in THINGS.items()]
OWN_SYSTEM = [training_tokens(Characters(), PROMPT, turns(thing, colour, "be terse"), "x") for thing, colour in THINGS.items()]
TWO_ANSWERS = [training_tokens(Characters(), PROMPT, turns("one question", answer), "here") for answer in ("yes", "yes!", "no")]


def row_by_row(network, rows):
    """Each row alone, as textbooks do it."""
    total = 0.0
    for row in rows:
        logits = network(input_ids=torch.tensor([row.ids])).logits[0, :-1]
        wanted = torch.tensor([token if hit else -100 for token, hit in zip(row.ids, row.trained, strict=True)][1:])
        total += cross_entropy(logits, wanted, ignore_index=-100, reduction="sum")
    return total / sum(sum(row.trained) for row in rows)


def gradient(network, loss):
    network.zero_grad()
    loss.backward()
    return torch.cat([weight.grad.flatten() for weight in network.parameters() if weight.grad is not None])


def adapted(**kind):
    """A LoRA model whose matrices are both far from zero, so that both have a gradient."""
    torch.manual_seed(1)
    model = get_peft_model(llama(), LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", **kind))
    with torch.no_grad():
        for weight in (w for w in model.parameters() if w.requires_grad):
            weight.add_(torch.randn_like(weight) * 0.1)
    return model


MODELS = {
    "lora": adapted,
    "rslora": lambda: adapted(use_rslora=True),
    "dora": lambda: adapted(use_dora=True),
    "full": lambda: llama().requires_grad_(),
}
BATCHES = {
    "one prompt": ROWS,
    "two system turns": [*ROWS, *OWN_SYSTEM],
    "one question answered differently": [*TWO_ANSWERS, ROWS[0]],
    "one row twice": [ROWS[0], ROWS[0], ROWS[1]],
    "nothing in common": [TrainingTokens([5, 6, 7], [False, True, True]), TrainingTokens([8, 9], [False, True])],
}


@pytest.mark.parametrize("rows", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("most", [1024, 90])
def test_gradient__of_packed_rows_is_that_of_each_row_alone(kind, rows, most):
    model = MODELS[kind]()
    ours, theirs = (batch_loss(model, packed(rows, most, 0)), row_by_row(model, rows))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    expected = gradient(model, theirs)
    found = gradient(model, batch_loss(model, packed(rows, most, 0)))
    assert (found - expected).norm() / expected.norm() < 1e-5


@pytest.mark.parametrize("rows", BATCHES.values(), ids=BATCHES)
def test_gradient__of_a_plain_batch_is_that_of_each_row_alone(rows):
    model = adapted()
    expected = gradient(model, row_by_row(model, rows))
    found = gradient(model, batch_loss(model, plain(rows, 0)))
    assert (found - expected).norm() / expected.norm() < 1e-5


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", [{}, {"use_rslora": True}, {"target_modules": ["q_proj", "down_proj"]}])
def test_gradient__of_quick_layers_is_that_of_pefts_own(kind, attention):
    slow, quick = _some(kind), _some(kind)
    slow.get_base_model().set_attn_implementation(attention)
    quick.get_base_model().set_attn_implementation(attention)
    assert quicken(quick)
    batch = packed([*ROWS, *OWN_SYSTEM], 1024, 0)
    expected, found = (gradient(model, batch_loss(model, batch)) for model in (slow, quick))
    assert (found - expected).norm() / expected.norm() < 1e-5


def _some(kind):
    torch.manual_seed(1)
    model = get_peft_model(llama(), LoraConfig(r=4, lora_alpha=8, **{"target_modules": "all-linear", **kind}))
    with torch.no_grad():
        for weight in (w for w in model.parameters() if w.requires_grad):
            weight.add_(torch.randn_like(weight) * 0.1)
    return model


def test_layers__that_are_more_than_plain_lora_stay_as_they_are():
    assert not quicken(adapted(use_dora=True))
    assert not quicken(adapted(lora_dropout=0.1))


def test_gradient__with_checkpointing_is_the_same():
    model = adapted()
    quicken(model)
    expected = gradient(model, batch_loss(model, packed(ROWS, 1024, 0)))
    model.get_base_model().activation_checkpointing_enable({"use_reentrant": False})
    found = gradient(model.train(), batch_loss(model, packed(ROWS, 1024, 0)))
    assert (found - expected).norm() / expected.norm() < 1e-5


def test_pack__holds_what_rows_have_in_common_once():
    shared = next(i for i in range(100) if len({row.ids[i] for row in ROWS}) > 1)
    distinct = {tuple(row.ids[: i + 1]) for row in ROWS for i in range(len(row.ids))}
    (one,) = pack(ROWS, 1024)
    assert len(one.ids) == len(distinct) <= shared + sum(len(row.ids) - shared for row in ROWS)
    assert tokens_of(packed(ROWS, 1024, 0)) == len(distinct)
    assert len(one.wanted) == sum(sum(row.trained) for row in ROWS)
    assert [len(p.ids) <= 90 for p in pack(ROWS, 90)] == [True] * len(pack(ROWS, 90))


def test_pack__of_no_rows_has_a_loss_of_nothing_and_a_gradient_of_zero():
    model = adapted()
    assert not gradient(model, batch_loss(model, packed([], 1024, 0))).any()


def test_rows__are_packed_for_a_model_that_attends_to_all_before_and_for_no_other():
    from transformers import MistralConfig, MistralForCausalLM

    assert why_not_shared(llama(), ROWS, 0) is None
    assert why_not_shared(llama(dtype=torch.bfloat16), ROWS, 0) is None
    assert "dropout" in why_not_shared(llama(attention_dropout=0.1), ROWS, 0)
    assert "dropout" in why_not_shared(adapted(lora_dropout=0.1).get_base_model(), ROWS, 0)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    window = MistralForCausalLM(MistralConfig(vocab_size=64, num_key_value_heads=2, sliding_window=8, **small))
    assert "does not attend to all" in why_not_shared(window, ROWS, 0)
    deaf = llama()
    deaf.model.forward = lambda *a, attention_mask=None, forward=deaf.model.forward, **k: forward(*a, attention_mask=None, **k)
    assert "answers otherwise" in why_not_shared(deaf, ROWS, 0)
    assert most_packed(llama()) == 1024
