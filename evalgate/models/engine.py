"""What may change an answer besides weights, prompt and decoding, said without loading any of it: found answers need no torch."""

import platform
from importlib.metadata import version
from pathlib import Path

from evalgate.records.evaluate_policy import Evaluation

ENGINE = "evalgate-greedy-3"
"""Raise the number when the engine may answer differently."""
LIBRARIES = ("torch", "transformers", "peft")


def environment(settings: Evaluation) -> dict[str, str]:
    """Engine, device, dtype, library versions and how cases are put into batches, on this machine."""
    return {
        "engine": ENGINE if settings.engine == "auto" else f"{ENGINE}-{settings.engine}",
        "device": device(),
        "dtype": dtype(settings.dtype),
        **{name: version(name) for name in LIBRARIES},
        "batch_rows": str(settings.batch_rows),
        "batch_tokens": str(settings.batch_tokens),
        "drafts": "verified" if settings.drafts else "none",
    }


def device() -> str:
    """cuda where there is a card that torch can use, cpu elsewhere."""
    if _is_plain_linux():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def dtype(wanted: str) -> str:
    """The dtype to compute in; auto: bfloat16 where the card or the processor computes in it, float32 elsewhere."""
    if wanted != "auto":
        return wanted
    if _is_plain_linux():
        flags = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "")
        return "bfloat16" if "avx512_bf16" in flags.split() else "float32"
    import torch

    knows = torch.cuda.is_bf16_supported() if torch.cuda.is_available() else torch.cpu._is_avx512_bf16_supported()
    return "bfloat16" if knows else "float32"


def _is_plain_linux() -> bool:
    """True on a Linux machine without a card: there the kernel says all that torch would, and asking torch takes seconds."""
    plain = platform.system() == "Linux" and platform.machine() == "x86_64"
    return plain and not Path("/dev/nvidiactl").exists() and Path("/proc/cpuinfo").is_file()
