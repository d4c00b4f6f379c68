"""Claims about variants that share one loaded base: each is what it is alone, to the last bit, whatever was asked before."""

import json
import shutil

import pytest
import torch
from drawn_training import llama
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from evalgate.errors import RegistryError
from evalgate.models.networks import Networks, put_adapter
from evalgate.weights import FULL

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # peft's, about its own calls
IDS = torch.tensor([[5, 9, 2, 33, 60]])
KINDS = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "attention alone": {"target_modules": ["q_proj", "v_proj"]},
    "embedding": {"target_modules": ["embed_tokens", "q_proj"]},
    "head trained whole": {"modules_to_save": ["lm_head"]},
    "biases, too": {"bias": "all"},
    "biases beside it": {"bias": "lora_only"},
}


def base():
    return llama(seed=1, tied=False, attention_bias=True)


def lora(folder, *, seed=0, **kind):
    """An adapter of the base, far from doing nothing, as training leaves it."""
    torch.manual_seed(seed)
    model = get_peft_model(base(), LoraConfig(**{"r": 4, "lora_alpha": 8, "target_modules": "all-linear", **kind}))
    with torch.no_grad():
        for weight in (w for w in model.parameters() if w.requires_grad):
            weight.add_(torch.randn_like(weight) * 0.1)
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    return folder


def whole(folder, change):
    """An adapter that holds tensors of the network itself, put through `change`."""
    folder.mkdir()
    tensors = {name: tensor.clone() for name, tensor in change(dict(base().named_parameters())).items()}
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": FULL}))
    return folder


def logits(network):
    with torch.inference_mode():
        return network(IDS).logits.clone()


def state(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(tensor.equal(other[name]) for name, tensor in one.items())


def alone(folder):
    """What peft itself makes of the base and the adapter, not merged."""
    return logits(PeftModel.from_pretrained(base(), str(folder)).eval())


class TestExchanged:
    @pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
    def test_base_after_an_adapter__is_the_base_bit_for_bit_and_back_again(self, tmp_path, kind):
        folder, untouched = lora(tmp_path / "a", **kind), state(base())
        networks = Networks(base(), {"base": None, "candidate": folder})
        assert same(state(networks.of("base")), untouched)
        taught, said = state(networks.of("candidate")), logits(networks.of("candidate"))
        assert not same(taught, untouched)
        for _ in range(2):
            assert same(state(networks.of("base")), untouched)
            assert same(state(networks.of("candidate")), taught)
        assert logits(networks.of("base")).equal(logits(base()))
        assert logits(networks.of("candidate")).equal(said)

    @pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
    def test_adapter__is_what_peft_makes_of_it(self, tmp_path, kind):
        folder = lora(tmp_path / "a", **kind)
        found = logits(Networks(base(), {"base": None, "candidate": folder}).of("candidate"))
        assert not torch.allclose(found, logits(base()), atol=1e-3)
        assert torch.allclose(found, alone(folder), atol=1e-4)

    def test_tensors_that_do_not_differ__are_held_once(self, tmp_path):
        networks = Networks(base(), {"base": None, "candidate": lora(tmp_path / "a", target_modules=["q_proj"])})
        of_base = {name: tensor.data_ptr() for name, tensor in networks.of("base").named_parameters()}
        of_candidate = {name: tensor.data_ptr() for name, tensor in networks.of("candidate").named_parameters()}
        differ = {name for name, pointer in of_base.items() if of_candidate[name] != pointer}
        assert {name for name in differ if "bias" not in name} == {
            f"model.layers.{layer}.self_attn.q_proj.weight" for layer in range(2)
        }

    @pytest.mark.parametrize("first", sorted(KINDS))
    def test_two_adapters_and_a_whole_network__do_not_know_each_other(self, tmp_path, first):
        folders = {
            "first": lora(tmp_path / "a", seed=1, **KINDS[first]),
            "second": lora(tmp_path / "b", seed=2),
            "whole": whole(tmp_path / "c", lambda known: {name: tensor * 1.5 for name, tensor in known.items() if "mlp" in name}),
        }
        together = Networks(base(), {"base": None, **folders})
        by_itself = {name: state(put_adapter(base(), folder)) for name, folder in folders.items()} | {"base": state(base())}
        for name in ("whole", "second", "first", "base", "second", "whole", "base", "first"):
            assert same(state(together.of(name)), by_itself[name]), name

    def test_half_of_precision__is_kept(self, tmp_path):
        networks = Networks(base().bfloat16(), {"base": None, "candidate": lora(tmp_path / "a")})
        assert {tensor.dtype for tensor in networks.of("candidate").parameters()} == {torch.bfloat16}
        assert same(state(networks.of("base")), state(base().bfloat16()))

    def test_whole_network_of_another_precision__is_put_into_the_bases(self, tmp_path):
        folder = whole(tmp_path / "a", lambda known: {name: tensor.bfloat16() for name, tensor in known.items()})
        assert {tensor.dtype for tensor in Networks(base(), {"a": folder}).of("a").parameters()} == {torch.float32}


class TestRefused:
    @pytest.fixture
    def adapter(self, tmp_path):
        return lora(tmp_path / "a")

    def edited(self, adapter, edit):
        file = adapter / "adapter_model.safetensors"
        save_file(edit(load_file(file)), file)
        return adapter

    @pytest.mark.parametrize(
        ("edit", "told"),
        [
            (lambda known: dict(list(known.items())[1:]), "1 tensors are missing and 0 are of another model"),
            (
                lambda known: {**known, "base_model.model.other.lora_A.weight": torch.ones(2)},
                "0 tensors are missing and 1 are of",
            ),
            (lambda known: {n: t * float("nan") if "0.mlp.up" in n else t for n, t in known.items()}, "2 tensors hold NaN"),
            (lambda known: {n: t / 0 if "1.mlp.up_proj.lora_B" in n else t for n, t in known.items()}, "1 tensors hold NaN or"),
            (lambda known: {n: t[:1].contiguous() for n, t in known.items()}, "of another base model, or of other settings"),
        ],
        ids=["missing", "foreign", "NaN", "infinity", "other shapes"],
    )
    def test_adapter__whose_tensors_are_not_the_bases(self, adapter, edit, told):
        with pytest.raises(RegistryError, match=told):
            Networks(base(), {"base": None, "candidate": self.edited(adapter, edit)})

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (lambda known: {"lm_head.other": known["lm_head.weight"]}, "1 tensors are of another model, such as lm_head.other"),
            (lambda known: {"lm_head.weight": known["lm_head.weight"][:3]}, "1 tensors are of another model"),
            (lambda known: {"lm_head.weight": torch.ones(64, 32, dtype=torch.long)}, "1 tensors are of another model"),
            (lambda known: {"lm_head.weight": known["lm_head.weight"] * float("inf")}, "1 tensors hold NaN or infinity"),
        ],
        ids=["foreign", "other shape", "no numbers with a point", "infinity"],
    )
    def test_whole_network__whose_tensors_are_not_the_bases(self, tmp_path, change, told):
        with pytest.raises(RegistryError, match=told):
            Networks(base(), {"base": None, "candidate": whole(tmp_path / "a", change)})

    def test_pickle_beside_it_or_a_file_that_is_not_there(self, adapter, tmp_path):
        (adapter / "adapter_model.bin").write_bytes(b"\x80")
        with pytest.raises(RegistryError, match="is a pickle"):
            put_adapter(base(), adapter)
        shutil.rmtree(adapter)
        with pytest.raises(RegistryError, match="not an adapter"):
            put_adapter(base(), adapter)
