"""Give memory back that a long computation no longer uses."""

import ctypes
import gc
import sys
from contextlib import suppress
from typing import Any


def release() -> None:
    """Collect garbage and hand free heap pages back to the system (glibc keeps them otherwise; elsewhere a no-op).

    For the end of a stage, not for a loop: pages that are handed back must be fetched again, which cost a third of a
    training step when it was done after each.
    """
    gc.collect()
    if sys.platform == "linux":
        with suppress(AttributeError):  # a C library without it, such as musl
            ctypes.CDLL(None).malloc_trim(0)


def gpu_bytes() -> int:
    """The most memory that this process has had in use on CUDA cards; 0 without torch or without a card."""
    torch: Any = sys.modules.get("torch")  # whoever uses a card has it loaded; nobody loads it to be told 0
    return int(torch.cuda.max_memory_allocated()) if torch is not None and torch.cuda.is_available() else 0
