"""What is trained: a LoRA adapter of some kind, or every weight; and how the outcome is written."""

import difflib
import json
import os
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, prepare_model_for_kbit_training
from safetensors.torch import save_file
from torch import Tensor

from evalgate.errors import PolicyError
from evalgate.records.train_policy import Train
from evalgate.training.quantised import quantisation
from evalgate.training.quick_lora import quicken

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
KINDS: dict[str, dict[str, Any]] = {"lora": {}, "rslora": {"use_rslora": True}, "dora": {"use_dora": True}, "qlora": {}}
"""What a method adds to peft.LoraConfig."""


class Prepared(NamedTuple):
    """A network that is ready to be trained."""

    model: Any
    """A PEFT model, or the network itself where every weight is trained."""
    mixed: bool
    """True where it computes in bfloat16 and something of it is float32, so that autocast has to stand between."""
    start: dict[str, Tensor] | None
    """The weights as they were, where every one is trained; None for an adapter."""


def prepare(network: Any, settings: Train) -> Prepared:
    """The network, ready for `settings.method`.

    Raises:
        PolicyError: a LoRA setting does not exist.
        NotMeasured: this machine cannot do it.
    """
    half = network.dtype == torch.bfloat16
    if settings.method == "full":
        start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        return Prepared(network.float().requires_grad_(), half, start)  # bfloat16 would round small steps away
    config = lora_config(settings)
    if settings.method == "qlora":
        quantisation()
        network = prepare_model_for_kbit_training(network, use_gradient_checkpointing=settings.checkpointing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between peft and transformers, nothing that a user could mend
        model = get_peft_model(network, config)
    return Prepared(model, half and not quicken(model), None)


def lora_config(settings: Train) -> LoraConfig:
    """PEFT's own configuration.

    Raises:
        PolicyError: `train.lora.more` names a field that peft.LoraConfig does not have, or a value that it refuses.
    """
    lora, known = settings.lora, set(LoraConfig.__dataclass_fields__)
    unknown = [key for key in lora.more if key not in known]
    if unknown:
        raise PolicyError(*(f"train.lora.more: peft.LoraConfig has no field {key!r}{_meant(key, known)}" for key in unknown))
    targets = lora.target_modules if isinstance(lora.target_modules, str) else list(lora.target_modules)
    chosen = {"r": lora.r, "lora_alpha": lora.alpha, "lora_dropout": lora.dropout, "target_modules": targets}
    try:
        return LoraConfig(task_type="CAUSAL_LM", **{**chosen, **KINDS[settings.method], **lora.more})
    except (TypeError, ValueError) as error:
        raise PolicyError(f"train.lora: peft.LoraConfig refuses it: {error}") from error


def write_adapter(prepared: Prepared, state: Mapping[str, Tensor] | None, base_model: str, folder: Path) -> Path:
    """Write what was trained as safetensors, without this machine's paths, whole or not at all.

    `state`: all parameters by name, where they do not lie whole in the model (a model cut over several cards); else None.
    """
    unfinished = folder.with_name(folder.name + ".unfinished")
    for old in (unfinished, folder):
        shutil.rmtree(old, ignore_errors=True)
    unfinished.mkdir(parents=True)
    if prepared.start is None:
        weights = get_peft_model_state_dict(prepared.model, state_dict=state, save_embedding_layers=False)
        config = prepared.model.peft_config["default"].to_dict() | {"inference_mode": True}
    else:
        weights = _changed(prepared.start, state or prepared.model.state_dict())
        config = {"peft_type": "FULL"}
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    save_file(contiguous, unfinished / WEIGHTS, metadata={"format": "pt"})
    ordered = {key: _ordered(value) for key, value in sorted({**config, "base_model_name_or_path": base_model}.items())}
    (unfinished / CONFIG).write_text(json.dumps(ordered, indent=2))
    os.replace(unfinished, folder)  # noqa: PTH105
    return folder


def _ordered(value: Any) -> Any:
    """peft keeps some settings as sets, which have no order of their own, and some as enumerations."""
    return sorted(value) if isinstance(value, set) else value


def _changed(start: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights that training changed, in the base's own precision; tied ones once, under their first name."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in state.items():
        now = tensor.detach().to("cpu", start[name].dtype)
        if tensor.data_ptr() not in seen and not torch.equal(now, start[name].cpu()):
            found[name] = now
        seen.add(tensor.data_ptr())
    return found


def _meant(key: str, known: set[str]) -> str:
    close = difflib.get_close_matches(key, sorted(known), n=1)
    return f": did you mean {close[0]!r}?" if close else ""
