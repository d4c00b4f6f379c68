"""A variant on transformers: a base model, with or without an adapter, answering greedily in batches.

This is the door to torch, transformers and peft for asking; `training/` is the door for training.
"""

import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
from transformers.utils import logging as transformers_logging

from evalgate.errors import RegistryError
from evalgate.models.generation import Question, generate
from evalgate.ports import Answer
from evalgate.prompts import Prompt, question_tokens
from evalgate.records.evaluation import Decoding, Variant
from evalgate.records.suite import Message
from evalgate.weights import Weights, adapter_digest

ENGINE = "evalgate-greedy-1"
"""Raise the number when the engine may answer differently."""


class TransformersModel:
    """A loaded variant; see `evalgate.ports.Model`."""

    def __init__(self, network: Any, tokenizer: Any, variant: Variant, *, prompt: Prompt, batch_rows: int) -> None:
        self.variant = variant
        self._network = network
        self._tokenizer = tokenizer
        self._prompt = prompt
        self._batch_rows = batch_rows

    def answer(self, conversations: Sequence[Sequence[Message]], decoding: Decoding) -> Iterator[Answer]:
        """Yield one Answer a conversation, shortest questions first."""
        questions = [
            Question(place, question_tokens(self._tokenizer, self._prompt, turns)) for place, turns in enumerate(conversations)
        ]
        for done in generate(
            self._network,
            questions,
            stop=self._tokenizer.eos_token_id,
            max_new_tokens=decoding.max_new_tokens,
            batch_rows=self._batch_rows,
            confidence=decoding.confidence,
        ):
            text = self._tokenizer.decode(done.ids, skip_special_tokens=True)
            yield Answer(done.place, text, None, done.latency_ms, done.tokens_in, done.tokens_out, done.confidence)


def environment() -> dict[str, str]:
    """What may change an answer besides weights, prompt and decoding."""
    libraries = {name: version(name) for name in ("torch", "transformers", "peft")}
    return {"engine": ENGINE, "dtype": str(best_dtype()).removeprefix("torch."), **libraries}


def best_dtype() -> torch.dtype:
    """bfloat16 where the processor computes in it, float32 elsewhere."""
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


def load_base(weights: Weights, *, cache: Path) -> tuple[Any, Any]:
    """(network, tokenizer) of a base model, ready to be trained on or asked.

    GGUF weights are unpacked by transformers once and kept as safetensors beside the cache, because unpacking takes
    ten times as long as loading.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    folder = weights.folder if weights.gguf_file is None else _dense(weights, cache)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    network = AutoModelForCausalLM.from_pretrained(
        folder, dtype=best_dtype(), local_files_only=True, use_safetensors=True, trust_remote_code=False
    )
    return network.eval(), tokenizer


def put_adapter(network: Any, adapter: Path) -> Any:
    """The network with an adapter merged into it, read from safetensors.

    Merged, an answer costs what the base's does; left apart it costs about twice as much on a CPU.

    Raises:
        RegistryError: the folder is not a safetensors adapter of this model, or holds what is no number.
    """
    from peft import PeftModel

    adapter_digest(adapter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matters of them, missing tensors, is an error below
        try:
            adapted = PeftModel.from_pretrained(network, str(adapter), use_safetensors=True, local_files_only=True)
        except RuntimeError as error:  # its tensors have other shapes than the model's
            raise RegistryError(f"{adapter}: is of another base model, or of other settings: {str(error)[:200]}") from error
    _whole_adapter(adapted, adapter)
    return adapted.merge_and_unload().eval()


def _whole_adapter(adapted: Any, folder: Path) -> None:
    """Nothing, or an error when the adapter's tensors are not exactly the model's, or hold what is no number."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import load_file

    stored = load_file(folder / "adapter_model.safetensors")
    wanted = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    if set(stored) != wanted:
        missing, foreign = len(wanted - set(stored)), len(set(stored) - wanted)
        raise RegistryError(f"{folder}: {missing} tensors are missing and {foreign} are of another model: train it again")
    broken = [name for name, tensor in stored.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise RegistryError(f"{folder}: {len(broken)} tensors hold NaN or infinity, such as {broken[0]}: train it again")


def _dense(weights: Weights, cache: Path) -> Path:
    """Folder with the GGUF model's weights as safetensors, written whole or not at all."""
    name = f"{weights.sha256}-{best_dtype()}-transformers-{version('transformers')}".replace("torch.", "")
    folder = cache / "dense" / name
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    gguf = str(weights.gguf_file)
    tokenizer = AutoTokenizer.from_pretrained(weights.folder, gguf_file=gguf)
    packed = AutoModelForCausalLM.from_pretrained(
        weights.folder,
        gguf_file=gguf,
        dtype=best_dtype(),
        quantization_config=GgufConfig(gguf_file=gguf, dequantize=True),
    )
    dense = _without_quantisation(packed)
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


def _without_quantisation(packed: Any) -> Any:
    """A fresh network with the same state: one that was loaded from GGUF refuses to be saved."""
    config = packed.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    fresh = AutoModelForCausalLM.from_config(config, dtype=best_dtype())
    fresh.load_state_dict(packed.state_dict())
    fresh.generation_config = packed.generation_config
    return fresh
