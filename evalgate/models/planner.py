"""Which way of generating is taken: the policy's word, else on a card whichever answered its first piece faster. Pure."""

from collections.abc import Mapping
from typing import Literal

Way = Literal["batches", "continuous"]
WAYS: tuple[Way, ...] = ("batches", "continuous")


def choose(wanted: str, *, device: str, confidence: bool, pace: Mapping[Way, float]) -> Way:
    """The way that the next piece is answered.

    Args:
        wanted: `evaluate.engine` of the policy.
        device: What the network is on: cpu or cuda.
        confidence: Whether probabilities are kept, which only batches do.
        pace: Way -> seconds an answer took in its first piece; a way that is not in it has not been tried.
    """
    if confidence or (wanted == "auto" and device != "cuda"):
        return "batches"
    if wanted in WAYS:
        return "continuous" if wanted == "continuous" else "batches"
    untried = [way for way in WAYS if way not in pace]
    return untried[0] if untried else min(WAYS, key=lambda way: pace[way])
