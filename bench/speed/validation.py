"""The loss of an adapter on rows that nobody trained on, by one code for whoever trained it.

Plain forward passes in float32, the mean over all answer tokens, in nats; nothing of either trainer is used.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

from evalgate.prompts import TrainingTokens

ROWS = 16


def validation_loss(model: Path, adapter: Path, rows: Sequence[TrainingTokens]) -> float:
    """Mean cross-entropy over the trained tokens of the rows, in nats a token."""
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, local_files_only=True)
    network = PeftModel.from_pretrained(base, str(adapter), local_files_only=True).merge_and_unload().eval()
    lost, counted = 0.0, 0
    with torch.inference_mode():
        for begin in range(0, len(rows), ROWS):
            batch = rows[begin : begin + ROWS]
            longest = max(len(row.ids) for row in batch)
            ids = torch.tensor([row.ids + [0] * (longest - len(row.ids)) for row in batch])  # (B, T)
            mask = torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in batch])  # (B, T)
            wanted = torch.tensor([row.trained + [False] * (longest - len(row.ids)) for row in batch])[:, 1:]  # (B, T - 1)
            logits = network(input_ids=ids, attention_mask=mask).logits[:, :-1]  # (B, T - 1, V)
            lost += float(cross_entropy(logits[wanted], ids[:, 1:][wanted], reduction="sum"))
            counted += int(wanted.sum())
    return lost / counted
