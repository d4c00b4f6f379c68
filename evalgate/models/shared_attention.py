"""Attention over tokens that all rows share and tokens of their own, without a copy of the shared ones for every row.

All rows' queries go over the shared keys as if they were one long row, then over their own, and both results are joined by
their log-sum-exp: the softmax over both together, exactly (the way of Hydragen, arXiv:2402.05099).

Shapes: B rows, H heads, U key heads, G = H / U queries a key head, Q queries, P shared tokens, T own tokens, D width.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, Cache, DynamicCache
from transformers.cache_utils import DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "evalgate_shared"
FEW = 16
"""Queries of a row and key head up to which attention is done as plain products."""
SPARE = 64
"""Positions by which a row's keys and values grow when they are full."""


class Opening(NamedTuple):
    """Tokens that questions begin with, gone through the model once."""

    ids: list[int]
    """(P,)"""
    layers: list[tuple[Tensor, Tensor]]
    """Keys and values of every layer, each (1, U, P, D)."""


def open_with(network: Any, ids: list[int]) -> Opening:
    """Keys and values of the tokens that all questions of a variant begin with; none for no tokens."""
    if not ids:
        return Opening([], [])
    cache = DynamicCache()
    with torch.inference_mode():
        tokens = torch.tensor([ids], device=network.device)  # (1, P)
        network(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return Opening(ids, [(layer.keys.contiguous(), layer.values.contiguous()) for layer in cache.layers])


def can_share(network: Any) -> bool:
    """True when every layer attends to all that was before, and to nothing else; then the network is told to do it this way.

    Elsewhere than on a CPU the shared keys are copied for every row: there the kernels are faster than this.
    """
    if network.device.type != "cpu" or network.config._attn_implementation not in ("sdpa", NAME):
        return False
    if getattr(network.config, "layer_types", None) not in (None, ["full_attention"] * network.config.num_hidden_layers):
        return False
    if any(type(layer) is not DynamicLayer for layer in DynamicCache(config=network.config).layers):
        return False
    AttentionInterface.register(NAME, shared_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    network.set_attn_implementation(NAME)
    return True


class OwnKeys(DynamicLayer):
    """A layer's keys and values in room that was made beforehand, so that a step writes one position and copies none."""

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Make room; see `DynamicLayer`."""
        super().lazy_initialization(key_states, value_states)
        rows, heads, length, _ = key_states.shape
        self._room = [one.new_empty(rows, heads, length + SPARE, one.shape[3]) for one in (key_states, value_states)]
        self.keys, self.values = (room[:, :, :0] for room in self._room)

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **more: Any) -> tuple[Tensor, Tensor]:
        """Add positions; all of them are returned, (B, U, T, D)."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        begin = self.keys.shape[2]
        end = begin + key_states.shape[2]
        if end > self._room[0].shape[2]:
            more_room = (-1, -1, max(SPARE, end - self._room[0].shape[2]), -1)
            self._room = [  # (B, U, T + SPARE, D)
                torch.cat([room, torch.empty_like(room[:, :, :1]).expand(more_room)], dim=2) for room in self._room
            ]
        self._room[0][:, :, begin:end] = key_states
        self._room[1][:, :, begin:end] = value_states
        self.keys, self.values = (room[:, :, :end] for room in self._room)
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep some rows."""
        length = self.keys.shape[2]
        self._room = [room[indices] for room in self._room]
        self.keys, self.values = (room[:, :, :length] for room in self._room)


def own_cache(network: Any) -> Cache:
    """An empty cache for what rows have of their own."""
    return Cache(layers=[OwnKeys() for _ in range(network.config.num_hidden_layers)])


def shared_attention(  # noqa: PLR0917  (what stands in which place is transformers' own)
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    opening: Opening | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """What each query (B, H, Q, D) finds in the opening and in its row's own keys, (B, Q, H, D)."""
    if opening is None or not opening.ids:
        found: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )
        return found
    rows, heads, asked, width = query.shape
    shared_key, shared_value = opening.layers[module.layer_idx]  # (1, U, P, D)
    groups = key.shape[1]
    grouped = query.reshape(rows, groups, -1, width)  # (B, U, G * Q, D)
    joined = grouped.transpose(0, 1).reshape(1, groups, -1, width)  # (1, U, B * G * Q, D)
    shared, shared_weight = _attend(joined, shared_key, shared_value, None, scaling)
    shared = shared.reshape(groups, rows, -1, width).transpose(0, 1)  # (B, U, G * Q, D)
    shared_weight = shared_weight.reshape(groups, rows, -1).transpose(0, 1)  # (B, U, G * Q)
    seen = _causal(query, key) if attention_mask is None else attention_mask
    mask = None if seen is None else _additive(seen, query.dtype).repeat(1, 1, heads // groups, 1)  # (B or 1, 1, G * Q, T)
    own, own_weight = _attend(grouped, key, value, mask, scaling)
    share = torch.sigmoid(shared_weight - own_weight).unsqueeze(-1)  # (B, U, G * Q, 1)
    both = share * shared + (1 - share) * own.float()  # (B, U, G * Q, D)
    return both.to(query.dtype).reshape(rows, heads, asked, width).transpose(1, 2), None


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float | None) -> tuple[Tensor, Tensor]:
    """Attention, and the logarithm of its weights' sum; plain products where a row asks few queries, which is quicker there."""
    if query.shape[2] > FEW or scale is None:
        found, weight = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, False, attn_mask=mask, scale=scale
        )
        return found, weight
    scores = (query @ key.transpose(-1, -2)).float() * scale  # (B, U, G * Q, T)
    scores = scores if mask is None else scores + mask
    weight = torch.logsumexp(scores, dim=-1)  # (B, U, G * Q)
    return torch.exp(scores - weight.unsqueeze(-1)).to(query.dtype) @ value, weight


def _causal(query: Tensor, key: Tensor) -> Tensor | None:
    """Who may be seen where no row is padded: transformers leaves that to the kernel; None where a row's one query sees all."""
    asked, own = query.shape[2], key.shape[2]
    return None if asked == 1 else torch.ones(1, 1, asked, own, dtype=torch.bool, device=query.device).tril(own - asked)


def _additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Zero where a key may be seen, and next to minus infinity elsewhere, so that a row of padding finds something finite."""
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, torch.finfo(dtype).min / 2)
