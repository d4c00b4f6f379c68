"""Give memory back that a long computation no longer uses."""

import ctypes
import gc
import sys
from contextlib import suppress


def release() -> None:
    """Collect garbage and hand free heap pages back to the system (glibc keeps them otherwise; elsewhere a no-op).

    For the end of a stage, not for a loop: pages that are handed back must be fetched again, which cost a third of a
    training step when it was done after each.
    """
    gc.collect()
    if sys.platform == "linux":
        with suppress(AttributeError):  # a C library without it, such as musl
            ctypes.CDLL(None).malloc_trim(0)
