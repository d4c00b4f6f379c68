"""One loaded base model that stands for any of several variants: the tensors in which they differ are exchanged.

An adapter is merged: an answer costs then what the base's does; left apart it costs about twice as much on a CPU. What is
exchanged are references, so that going from one variant to the other takes no time and loses no bit.
"""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evalgate.errors import RegistryError
from evalgate.weights import FULL, adapter_digest

TENSORS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


class Networks:
    """A base model and the tensors of its variants; one of them at a time is in place."""

    def __init__(self, network: Any, adapters: Mapping[str, Path | None]) -> None:
        """Take a loaded base; `adapters` gives each variant's folder, None for the base itself.

        Raises:
            RegistryError: a folder is not a safetensors adapter of this model, or holds what is no number.
        """
        self._network = network
        self._base = {name: parameter.data for name, parameter in network.named_parameters()}
        self._own = {side: {} if folder is None else self._merged(folder) for side, folder in adapters.items()}
        self._network.eval()

    @property
    def device(self) -> str:
        """What it computes on: cpu or cuda."""
        return str(self._network.device.type)

    def of(self, side: str) -> Any:
        """The network as this variant, until another one is asked for."""
        tensors = self._base | self._own[side]
        for name, parameter in self._network.named_parameters():
            parameter.data = tensors[name]
        return self._network

    def _merged(self, folder: Path) -> dict[str, Tensor]:
        """The tensors in which the base with the adapter differs from the base."""
        adapter_digest(folder)
        if json.loads((folder / CONFIG).read_text()).get("peft_type") == FULL:
            return self._replaced(folder)
        self._network = _with_adapter(self._network, folder)
        changed = {}
        for name, parameter in self._network.named_parameters():
            if parameter.data is not self._base[name] and parameter.data_ptr() != self._base[name].data_ptr():
                changed[name] = parameter.data
            parameter.data = self._base[name]
        return changed

    def _replaced(self, folder: Path) -> dict[str, Tensor]:
        """The tensors of a network that was trained as a whole."""
        stored = _stored(folder)
        wrong = [
            name
            for name, tensor in stored.items()
            if name not in self._base or self._base[name].shape != tensor.shape or not tensor.is_floating_point()
        ]
        if wrong:
            raise RegistryError(f"{folder}: {len(wrong)} tensors are of another model, such as {wrong[0]}: train it again")
        return {name: tensor.to(self._base[name]) for name, tensor in stored.items()}


def put_adapter(network: Any, adapter: Path) -> Any:
    """The network with an adapter merged into it, read from safetensors.

    Raises:
        RegistryError: the folder is not a safetensors adapter of this model, or holds what is no number.
    """
    return Networks(network, {"adapted": adapter}).of("adapted")


def _with_adapter(network: Any, folder: Path) -> Any:
    """The network with the adapter merged into copies of what it changes."""
    from peft import PeftModel
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            parameter.data = parameter.data.clone()  # those that an adapter brings are loaded in place
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matters of them, missing tensors, is an error below
        try:
            adapted = PeftModel.from_pretrained(network, str(folder), use_safetensors=True, local_files_only=True)
        except RuntimeError as error:  # its tensors have other shapes than the model's
            raise RegistryError(f"{folder}: is of another base model, or of other settings: {str(error)[:200]}") from error
    _whole_adapter(adapted, folder)
    for layer in adapted.modules():
        if isinstance(layer, BaseTunerLayer):
            for parameter in layer.get_base_layer().parameters():
                parameter.data = parameter.data.clone()  # merging writes in place
    return adapted.merge_and_unload()


def _whole_adapter(adapted: Any, folder: Path) -> None:
    """Nothing, or an error when the adapter's tensors are not exactly the model's."""
    from peft import get_peft_model_state_dict

    stored = _stored(folder)
    wanted = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    if set(stored) != wanted:
        missing, foreign = len(wanted - set(stored)), len(set(stored) - wanted)
        raise RegistryError(f"{folder}: {missing} tensors are missing and {foreign} are of another model: train it again")


def _stored(folder: Path) -> dict[str, Tensor]:
    """The adapter's tensors, all of them numbers."""
    from safetensors.torch import load_file

    stored: dict[str, Tensor] = load_file(folder / TENSORS)
    broken = [name for name, tensor in stored.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise RegistryError(f"{folder}: {len(broken)} tensors hold NaN or infinity, such as {broken[0]}: train it again")
    return stored
