"""The loss of a batch whose rows share a prompt: the prompt goes through the model once, with gradients.

Keys and values of the prompt are computed for one row and expanded over the batch, so the gradient is the one of the
plain computation. Logits are taken only where the loss is.

Shapes: B rows, P shared prefix, S longest own part, K positions from the first trained token on, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from evalgate.prompts import TrainingTokens

IGNORED = -100
STEP = 16
"""Batches are padded to multiples of this: CPU kernels are built per shape, and few shapes are built once."""


def collate(rows: Sequence[TrainingTokens], prefix: int, filler: int) -> dict[str, Tensor]:
    """A batch, padded on the left so that all answers end together.

    Returns `prefix_ids` (1, P), `input_ids` (B, S), `attention_mask` (B, P + S) and `labels` (B, K), IGNORED where no
    loss is taken.
    """
    longest = -(-(max(len(row.ids) for row in rows) - prefix) // STEP) * STEP
    keep = max(len(row.ids) - row.trained.index(True) for row in rows)
    ids, mask, labels = [], [], []
    for row in rows:
        pad = longest + prefix - len(row.ids)
        ids.append([filler] * pad + row.ids[prefix:])
        mask.append([1] * prefix + [0] * pad + [1] * (len(row.ids) - prefix))
        wanted = [token if hit else IGNORED for token, hit in zip(row.ids, row.trained, strict=True)]
        labels.append(([IGNORED] * keep + wanted)[-keep:])
    return {
        "prefix_ids": torch.tensor([rows[0].ids[:prefix]]),
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.tensor(mask),
        "labels": torch.tensor(labels),
    }


def batch_loss(network: Any, batch: dict[str, Tensor]) -> Tensor:
    """Mean cross-entropy over the batch's trained tokens, in nats."""
    labels = batch["labels"]  # (B, K)
    cache = _prefix_cache(network, batch["prefix_ids"], rows=len(labels))
    mask = batch["attention_mask"]  # (B, P + S)
    own = batch["input_ids"].shape[1]
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -own:]  # (B, S)
    logits = network(
        input_ids=batch["input_ids"],
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=labels.shape[1] + 1,
    ).logits[:, :-1]  # (B, K, V): each position predicts the next one
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED)


def contiguous_head(network: Any) -> None:
    """Hand the language-model head a contiguous matrix: a sliced one is multiplied row by row, six times slower on CPU."""
    network.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(), *inputs[1:]))


def _prefix_cache(network: Any, prefix: Tensor, *, rows: int) -> DynamicCache:
    """Keys and values of the shared prefix for every row, part of the graph."""
    cache = DynamicCache()
    if prefix.shape[1]:
        network(input_ids=prefix, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache.batch_repeat_interleave(rows)
    return cache
