"""The loss of a batch whose rows share tokens: what rows have in common goes through the model once, with gradients.

The rows of a batch are laid into one sequence, a pack: a token that follows the same tokens in several rows (the system
prompt, worked examples, the beginning of a question) stands there once, and each token attends to its own row's tokens
before it and to nothing else, at its own row's positions. The forward pass is the plain one of every row, so the gradient
is the plain one too; nothing is padded but the pack's end. Logits are taken only where the loss is.

Shapes: R packs, N tokens of a pack, K places that predict a trained token, T trained tokens, V vocabulary. In a plain batch
(`plain`), which shares nothing, R is the number of rows.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from evalgate.prompts import TrainingTokens

STEP = 16
"""Packs are padded to multiples of this: CPU kernels are built per shape, and few shapes are built once."""
DENSE_ATTENTION = 512
"""Up to so many tokens of a pack, attention with plain products is faster on a CPU than the fused kernel."""


class Pack(NamedTuple):
    """Rows in one sequence, those tokens last that predict a trained one."""

    ids: list[int]
    """(N,)"""
    positions: list[int]
    """Place of each token in its row, (N,)."""
    parents: list[int]
    """Place in the pack of the token before; -1 where a row begins, (N,)."""
    predicting: list[int]
    """For each trained token, the place in the pack of the token before it, (T,)."""
    wanted: list[int]
    """The trained tokens, (T,)."""


def pack(rows: Sequence[TrainingTokens], most: int) -> list[Pack]:
    """The rows in as few packs as tokens allow: at most `most` tokens each, but where one row alone has more."""
    packs: list[Pack] = []
    places: dict[tuple[int, int], int] = {}
    for row in sorted(rows, key=lambda row: row.ids):
        if not packs or len(packs[-1].ids) + _new_tokens(row.ids, places) > most:
            packs.append(Pack([], [], [], [], []))
            places = {}
        _put(row, packs[-1], places)
    return packs


def packed(rows: Sequence[TrainingTokens], most: int, filler: int) -> dict[str, Any]:
    """A batch of packs.

    Returns `input_ids` and `position_ids` (R, N), `attention_mask` (R, 1, N, N), `keep` K, `places` (T,) into R x K (None
    where they are just those), and `labels` (T,). Without rows: one token and no label, so that a worker without work
    computes a loss of 0.
    """
    packs = pack(rows, most) or [Pack([filler], [0], [-1], [], [])]
    width = -(-max(len(one.ids) for one in packs) // STEP) * STEP
    keep = max(1, *(len(set(one.predicting)) for one in packs))
    ids = torch.full((len(packs), width), filler)
    positions = torch.zeros_like(ids)
    mask = torch.eye(width, dtype=torch.bool).repeat(len(packs), 1, 1, 1)  # (R, 1, N, N): padding sees itself
    places: list[int] = []
    for number, one in enumerate(packs):
        order = _predicting_last(one)
        begin = width - len(order)
        ids[number, begin:] = torch.tensor(one.ids)[order]
        positions[number, begin:] = torch.tensor(one.positions)[order]
        mask[number, 0, begin:, begin:] = _ancestors(one.parents)[order][:, order]
        place = {token: number * keep + keep - len(order) + new for new, token in enumerate(order.tolist())}
        places.extend(place[token] for token in one.predicting)
    wanted = [token for one in packs for token in one.wanted]
    return _batch(ids, mask, keep, places, wanted) | {"position_ids": positions}


def plain(rows: Sequence[TrainingTokens], filler: int) -> dict[str, Any]:
    """A batch that shares nothing, padded on the left so that answers end together: shapes as in `packed`, N the longest row.

    `attention_mask` is (R, N), and there are no `position_ids`: the model counts as it always does.
    """
    width = -(-max((len(row.ids) for row in rows), default=1) // STEP) * STEP
    keep = max((len(row.ids) - row.trained.index(True) + 1 for row in rows), default=1)
    ids = [[filler] * (width - len(row.ids)) + row.ids for row in rows] or [[filler] * width]
    mask = [[0] * (width - len(row.ids)) + [1] * len(row.ids) for row in rows] or [[1] * width]
    trained = [(n, i, len(row.ids)) for n, row in enumerate(rows) for i, hit in enumerate(row.trained) if hit and i]
    places = [n * keep + keep - length + i - 1 for n, i, length in trained]
    return _batch(torch.tensor(ids), torch.tensor(mask), keep, places, [rows[n].ids[i] for n, i, _ in trained])


def summed_loss(network: Any, batch: dict[str, Any]) -> Tensor:
    """Cross-entropy over the batch's trained tokens, summed, in nats."""
    mask = batch["attention_mask"]
    if mask.dim() == 4:
        dtype = next(network.parameters()).dtype
        lowest = torch.finfo(dtype).min
        mask = torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, lowest)  # (R, 1, N, N)
    where = {"position_ids": batch["position_ids"]} if "position_ids" in batch else {}
    kept = network(
        input_ids=batch["input_ids"], attention_mask=mask, use_cache=False, logits_to_keep=batch["keep"], **where
    ).logits  # (R, K, V)
    if not len(batch["labels"]):
        return kept.sum() * 0.0
    logits = kept.flatten(0, 1)  # (R x K, V)
    if batch["places"] is not None:
        logits = logits[batch["places"]]  # (T, V)
    logits = logits.float()
    return torch.nn.functional.cross_entropy(logits, batch["labels"], reduction="sum")


def batch_loss(network: Any, batch: dict[str, Any]) -> Tensor:
    """Mean cross-entropy over the batch's trained tokens, in nats."""
    return summed_loss(network, batch) / max(1, len(batch["labels"]))


def tokens_of(batch: dict[str, Any]) -> int:
    """Tokens of a batch that went through the model for a row's sake, padding apart."""
    mask = batch["attention_mask"]
    if mask.dim() == 2:
        return int(mask.sum())
    filled = mask[:, 0].sum(dim=-1) > 1  # (R, N): a row's first token sees itself alone, as padding does
    return int(filled.sum()) + len(mask)


def contiguous_head(network: Any) -> None:
    """Hand the language-model head a contiguous matrix: a sliced one is multiplied row by row, six times slower on CPU."""
    network.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(), *inputs[1:]))


def most_packed(network: Any) -> int:
    """Tokens of a pack at most: beyond, attention over other rows' tokens costs more than a prompt computed again saves."""
    width: int = network.config.get_text_config().hidden_size
    return min(max(2 * width, 1024), 4096)


def why_not_shared(network: Any, rows: Sequence[TrainingTokens], filler: int) -> str | None:
    """Why rows cannot be packed for this network; None where they can.

    Dropout must differ from row to row. A window, a recurrent state or a kernel without masks would let rows see each
    other, or see less than they should; so two rows are asked both ways before anything is trained.
    """
    config = network.config.get_text_config()
    layers = DynamicCache(config=config).layers
    if config.to_dict().get("attention_dropout") or any(m.p > 0 for m in network.modules() if isinstance(m, torch.nn.Dropout)):
        return "dropout must differ from row to row"
    if network._is_stateful or not all(type(layer) is DynamicLayer for layer in layers):
        return "the model does not attend to all earlier tokens alike"
    if config._attn_implementation not in ("sdpa", "eager"):
        return f"{config._attn_implementation} attention takes no mask of its own"
    asked = sorted(rows, key=lambda row: len(row.ids))[:2]
    was_training = network.training
    network.eval()
    with torch.no_grad():
        ways = (packed(asked, most_packed(network), filler), plain(asked, filler))
        shared, alone = (float(batch_loss(network, _to(way, network))) for way in ways)
    network.train(was_training)
    close = 0.02 if next(network.parameters()).dtype == torch.bfloat16 else 1e-3
    return None if abs(shared - alone) <= close * max(1.0, alone) else "the model answers otherwise when rows are packed"


def _to(batch: dict[str, Any], network: Any) -> dict[str, Any]:
    device = next(network.parameters()).device
    return {name: value.to(device) if isinstance(value, Tensor) else value for name, value in batch.items()}


def _batch(ids: Tensor, mask: Tensor, keep: int, places: list[int], wanted: list[int]) -> dict[str, Any]:
    batch: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "keep": keep, "places": None}
    if sorted(places) == list(range(len(ids) * keep)):  # every kept place predicts one token: nothing has to be picked
        wanted = [token for _, token in sorted(zip(places, wanted, strict=True))]
    else:
        batch["places"] = torch.tensor(places, dtype=torch.long)
    return batch | {"labels": torch.tensor(wanted, dtype=torch.long)}


def _new_tokens(ids: list[int], places: dict[tuple[int, int], int]) -> int:
    """How many of a row's tokens are not in the pack yet."""
    node = -1
    for known, token in enumerate(ids):
        following = places.get((node, token))
        if following is None:
            return len(ids) - known
        node = following
    return 0


def _put(row: TrainingTokens, pack: Pack, places: dict[tuple[int, int], int]) -> None:
    """Lay a row into the pack; `places` is (place of the token before, token) -> place."""
    node = -1
    for position, (token, hit) in enumerate(zip(row.ids, row.trained, strict=True)):
        if hit and position:
            pack.predicting.append(node)
            pack.wanted.append(token)
        following = places.get((node, token))
        if following is None:
            following = places[node, token] = len(pack.ids)
            pack.ids.append(token)
            pack.positions.append(position)
            pack.parents.append(node)
        node = following


def _predicting_last(pack: Pack) -> Tensor:
    """Places of the pack's tokens, those that predict a trained token last, (N,)."""
    predicting = set(pack.predicting)
    return torch.tensor(sorted(range(len(pack.ids)), key=lambda token: (token in predicting, token)))


def _ancestors(parents: list[int]) -> Tensor:
    """True where a token (row) sees another (column): itself and those before it in a row of its own, (N, N)."""
    sees = torch.eye(len(parents), dtype=torch.bool)
    for token, parent in enumerate(parents):
        if parent >= 0:
            sees[token] |= sees[parent]
    return sees
