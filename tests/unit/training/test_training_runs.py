"""Claims about whole trainings, on a tiny random model in float32."""

import json

import pytest
import torch
from drawn_training import Characters, job, llama, silent, turns
from peft import PeftModel
from safetensors.torch import load_file

from evalgate.errors import NotMeasured, PolicyError
from evalgate.records.train_policy import Lora, Train
from evalgate.records.training import TrainingRun
from evalgate.training.peft_lora import train
from evalgate.weights import adapter_digest


def trained(folder, *, network=None, progress=silent, rows=24, replay=(), **settings):
    return train(
        job(rows=rows, replay=replay, **settings), folder, network=network or llama(), tokenizer=Characters(), progress=progress
    )


def weights(folder):
    tensors = load_file(folder / "adapter" / "adapter_model.safetensors")
    return torch.cat([tensors[name].float().flatten() for name in sorted(tensors)])


def far(one, other):
    """Relative distance of two adapters."""
    return float((weights(one) - weights(other)).norm() / weights(other).norm())


@pytest.mark.parametrize("method", ["lora", "rslora", "dora", "full"])
def test_training__lowers_the_loss_and_says_how_it_went(method, tmp_path):
    run = trained(tmp_path, method=method, max_steps=12)
    assert run.loss[-1].loss < run.loss[0].loss
    assert [point.step for point in run.validation_loss] == [0, 12]
    assert run.validation_loss[1].loss < run.validation_loss[0].loss
    assert (run.steps, run.kept_step, run.ended, run.rows_trained, run.rows_validated) == (12, 12, "steps", 18, 6)
    assert run.candidate.adapter_sha256 == adapter_digest(tmp_path / "adapter")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["adapter", "adapter_config.json", "adapter_model.safetensors"]
    assert str(tmp_path) not in (tmp_path / "adapter" / "adapter_config.json").read_text()
    assert TrainingRun.model_validate_json(run.model_dump_json()) == run


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft asks for it
@pytest.mark.parametrize("method", ["lora", "rslora", "dora"])
def test_adapter__is_read_by_peft_and_answers_as_the_trained_model_did(method, tmp_path):
    network = llama()
    trained(tmp_path, network=network, method=method)
    ids = torch.tensor([[1, 5, 6, 7, 0, 2, 8, 0, 3]])
    read = PeftModel.from_pretrained(llama(), tmp_path / "adapter").eval()
    assert torch.allclose(read(input_ids=ids).logits, network.eval()(input_ids=ids).logits, atol=1e-5)
    assert not torch.allclose(llama()(input_ids=ids).logits, network(input_ids=ids).logits, atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("tied", [True, False])
def test_full__writes_the_weights_that_changed_under_their_own_names_and_tied_ones_once(tied, dtype, tmp_path):
    network = llama(tied=tied, dtype=dtype)
    trained(tmp_path, network=network, method="full", learning_rate=1e-2)
    written, start = load_file(tmp_path / "adapter" / "adapter_model.safetensors"), llama(tied=tied, dtype=dtype)
    assert ("lm_head.weight" in written) != tied
    assert {"model.embed_tokens.weight", "model.layers.1.mlp.up_proj.weight", "model.norm.weight"} <= set(written)
    assert all(tensor.dtype == dtype and not torch.equal(tensor, start.state_dict()[name]) for name, tensor in written.items())
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text()) == {
        "base_model_name_or_path": "path:tiny",
        "peft_type": "FULL",
    }
    left = start.load_state_dict(written, strict=False)
    assert not left.unexpected_keys
    assert all(torch.equal(tensor.to(dtype), start.state_dict()[name]) for name, tensor in network.state_dict().items())


def test_training__twice_gives_the_same_bytes_and_another_seed_gives_others(tmp_path):
    digests = [trained(tmp_path / str(i), seed=seed).candidate.adapter_sha256 for i, seed in enumerate((17, 17, 18))]
    assert digests[0] == digests[1] != digests[2]


def test_steps__do_not_depend_on_how_their_rows_are_cut_into_batches(tmp_path):
    whole = trained(tmp_path / "whole", batch_rows=8, max_steps=4, rows=40)
    for name, cut in {
        "accumulated": {"batch_rows": 4, "accumulate": 2},
        "in turn for two workers": {"batch_rows": 4, "workers": 2},
        "one by one": {"batch_rows": 1, "accumulate": 8},
        "computed twice": {"batch_rows": 8, "checkpointing": True},
    }.items():
        run = trained(tmp_path / name, max_steps=4, rows=40, **cut)
        assert far(tmp_path / name, tmp_path / "whole") < 1e-4, name
        assert run.tokens_trained == whole.tokens_trained
        assert [p.loss for p in run.loss] == pytest.approx([p.loss for p in whole.loss], rel=1e-4), name


def test_prompt__is_computed_once_a_batch_and_not_at_all_shared_where_dropout_must_differ(tmp_path):
    shared = trained(tmp_path / "shared")
    apart = trained(tmp_path / "apart", lora=Lora(r=4, alpha=8, dropout=0.2))
    assert shared.hyperparameters["shared_prompt"] == "computed once a batch"
    assert apart.hyperparameters["shared_prompt"] == "dropout must differ from row to row"
    assert shared.tokens_seen < apart.tokens_seen / 2
    assert apart.loss[-1].loss < apart.loss[0].loss


def test_batches__by_tokens_are_trained_on_every_row(tmp_path):
    run = trained(tmp_path, batch_tokens=100, max_steps=None, epochs=2)
    again = trained(tmp_path / "rows", batch_rows=100, max_steps=None, epochs=2)
    assert run.tokens_trained == again.tokens_trained
    assert run.steps > again.steps == 2


class Killed(BaseException):
    """The end of the process, as far as a test inside it can tell."""


@pytest.mark.parametrize(
    "more",
    [{}, {"method": "full", "learning_rate": 1e-3}, {"validate_every": 3, "accumulate": 2}],
    ids=["lora", "full", "with validations and accumulation"],
)
@pytest.mark.parametrize("at", [3, 7])
def test_training__that_was_killed_goes_on_to_the_same_adapter(at, more, tmp_path):
    def killer(_what, done, _total):
        if done == at:
            raise Killed

    settings = {"max_steps": 9, "epochs": 9, **more}
    with pytest.raises(Killed):
        trained(tmp_path / "killed", progress=killer, **settings)
    killed, whole = (trained(tmp_path / name, **settings) for name in ("killed", "whole"))
    assert killed.resumed_from_step == {3: 2, 7: 6}[at]
    assert killed.candidate.adapter_sha256 == whole.candidate.adapter_sha256
    timings = {"seconds": 0.0, "resumed_from_step": None}
    assert killed.model_copy(update=timings) == whole.model_copy(update=timings)


def overfitted(folder, **settings):
    """A few rows learnt by heart, until the others are answered worse."""
    few = {"batch_rows": 8, "max_steps": 60, "epochs": 60, "learning_rate": 2e-2, "validation_share": 0.5}
    return trained(folder, rows=12, **{**few, "method": "full", **settings})


def test_validation__on_the_way_keeps_the_best_weights(tmp_path):
    last, best = overfitted(tmp_path / "last", validate_every=5, keep="last"), overfitted(tmp_path / "best", validate_every=5)
    assert last.validation_loss == best.validation_loss
    assert [point.step for point in best.validation_loss] == list(range(0, 61, 5))
    lowest = min(best.validation_loss[1:], key=lambda point: point.loss)
    assert (best.kept_step, last.kept_step) == (lowest.step, 60)
    assert lowest.step < 60, "or this test shows nothing"
    short = overfitted(tmp_path / "none")
    assert (short.kept_step, short.candidate.adapter_sha256) == (60, last.candidate.adapter_sha256)
    assert far(tmp_path / "best", tmp_path / "last") > 0.01


def test_patience__ends_training_when_no_better_loss_comes(tmp_path):
    run = overfitted(tmp_path, validate_every=5, patience=2)
    assert run.ended == "patience"
    assert run.steps == run.kept_step + 10 < 60
    assert run.validation_loss[-1].step == run.steps


def test_warnings__name_what_was_learnt_by_heart(tmp_path):
    run = overfitted(tmp_path, validate_every=5, keep="last")
    assert run.warnings[0].startswith("overfitting: each of the 6 rows was trained on 60.0 times")
    assert run.warnings[1].startswith("overfitting: the validation loss rose from ")
    assert not trained(tmp_path / "calm").warnings


def test_replay__trains_general_rows_under_no_prompt_of_ours(tmp_path):
    general = [turns(f"what is {i} and {i}?", str(2 * i)) for i in range(40)]
    run = trained(tmp_path / "with", rows=24, replay=general)
    assert (run.rows_replayed, run.rows_trained, run.rows_validated) == (6, 24, 6)
    assert run.replay_sha256 == "1" * 64
    without = trained(tmp_path / "without")
    assert without.replay_sha256 is None
    assert run.validation_loss[0] == without.validation_loss[0], "validation is of the dataset's own rows"


def test_training__that_breaks_down_names_the_rows_of_the_step(tmp_path):
    network = llama()
    with torch.no_grad():
        network.model.norm.weight.fill_(float("nan"))
    with pytest.raises(NotMeasured, match=r"the loss became nan at step 1 \(gradient norm nan\).*d\.jsonl:\d+, .*no candidate"):
        trained(tmp_path, network=network, validation_share=0.0)
    broken = llama()
    broken.load_state_dict({**broken.state_dict(), "model.norm.weight": torch.full((32,), float("nan"))})
    with pytest.raises(NotMeasured, match="the validation loss became nan at step 0"):
        trained(tmp_path, network=broken)
    assert not (tmp_path / "adapter").exists()


def test_qlora__without_a_card_is_no_measurement(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    with pytest.raises(NotMeasured, match="needs a CUDA card"):
        trained(tmp_path, method="qlora")


def test_policy__refuses_what_cannot_be_done():
    for wrong, why in [
        ({"patience": 2}, "set validate_every"),
        ({"validate_every": 2.5}, "whole number of steps"),
        ({"validate_every": 2, "validation_share": 0.0}, "needs validation rows"),
    ]:
        with pytest.raises(ValueError, match=why):
            Train(**wrong)


def test_settings__that_peft_does_not_have_are_named(tmp_path):
    with pytest.raises(PolicyError, match="no field 'use_rslor': did you mean 'use_rslora'"):
        trained(tmp_path, lora=Lora(more={"use_rslor": True}))
