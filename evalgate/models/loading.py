"""Networks and tokenizers from weights on this machine."""

import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
from transformers.utils import logging as transformers_logging

from evalgate.models.engine import device, dtype
from evalgate.weights import Weights


def load_base(weights: Weights, *, cache: Path, precision: str = "auto", **more: Any) -> tuple[Any, Any]:
    """(network, tokenizer) of a base model, ready to be trained on or asked, on the card where there is one.

    `precision` is a policy's `evaluate.dtype`; `more` goes to transformers as it is. GGUF weights are unpacked once and kept
    as safetensors beside the cache, because unpacking takes ten times as long as loading.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    wanted = getattr(torch, dtype(precision))
    folder = weights.folder if weights.gguf_file is None else dense_folder(weights, cache=cache, wanted=wanted)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    network = AutoModelForCausalLM.from_pretrained(
        folder, dtype=wanted, local_files_only=True, use_safetensors=True, trust_remote_code=False, **more
    )
    _contiguous_head(network)
    return (network if "device_map" in more else network.to(device())).eval(), tokenizer


def dense_folder(weights: Weights, *, cache: Path, wanted: torch.dtype) -> Path:
    """Folder with the GGUF model's weights as safetensors, written whole or not at all."""
    name = f"{weights.sha256}-{wanted}-transformers-{version('transformers')}".replace("torch.", "")
    folder = cache / "dense" / name
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    gguf = str(weights.gguf_file)
    tokenizer = AutoTokenizer.from_pretrained(weights.folder, gguf_file=gguf)
    packed = AutoModelForCausalLM.from_pretrained(
        weights.folder,
        gguf_file=gguf,
        dtype=wanted,
        quantization_config=GgufConfig(gguf_file=gguf, dequantize=True),
    )
    dense = _without_quantisation(packed, wanted)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        unfinished = Path(scratch) / "dense"
        dense.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        try:
            os.rename(unfinished, folder)  # noqa: PTH104
        except OSError:
            if not folder.is_dir():  # another process was first
                raise
    return folder


def _contiguous_head(network: Any) -> None:
    """Hand the language-model head a contiguous matrix: a sliced one is multiplied row by row, six times slower on CPU."""
    network.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(), *inputs[1:]))


def _without_quantisation(packed: Any, wanted: torch.dtype) -> Any:
    """A fresh network with the same state: one that was loaded from GGUF refuses to be saved."""
    config = packed.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    fresh = AutoModelForCausalLM.from_config(config, dtype=wanted)
    fresh.load_state_dict(packed.state_dict())
    fresh.generation_config = packed.generation_config
    return fresh
