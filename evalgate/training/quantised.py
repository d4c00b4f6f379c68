"""How a base model is loaded for QLoRA: in 4 bits, on a CUDA card, by bitsandbytes."""

from importlib.util import find_spec
from typing import Any

from evalgate.errors import NotMeasured


def quantisation() -> dict[str, Any]:
    """Settings of `transformers.BitsAndBytesConfig`: NF4 with double quantisation, computed in bfloat16 (arXiv:2305.14314).

    Raises:
        NotMeasured: there is no CUDA card, or bitsandbytes is not installed.
    """
    import torch

    if not torch.cuda.is_available():
        raise NotMeasured("train.method qlora needs a CUDA card, and there is none: run it where one is, or use lora")
    if find_spec("bitsandbytes") is None:
        raise NotMeasured("train.method qlora needs bitsandbytes, and it is not installed: install it, or use lora")
    return {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_compute_dtype": torch.bfloat16,
    }


def loading(method: str) -> dict[str, Any]:
    """What `from_pretrained` needs beside the weights for a `train.method`; nothing but for qlora.

    Raises:
        NotMeasured: see `quantisation`.
    """
    if method != "qlora":
        return {}
    settings = quantisation()
    import torch
    from transformers import BitsAndBytesConfig

    return {"quantization_config": BitsAndBytesConfig(**settings), "device_map": {"": torch.cuda.current_device()}}
