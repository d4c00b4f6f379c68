"""LoRA layers that compute in fewer steps than PEFT's, with the same result and the same gradient.

PEFT casts a layer's input to float32 and, under autocast, back again, and adds the adapter's part as a matrix of its own.
Here the two small matrices are cast once, the product is added in place, and the backward pass is written out:

    h = x A'                y = x W' + s h B'
    dh = s g B              dx = g W + dh A        dA = dh' x        dB = s g' h
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor

ADAPTER = "default"


def quicken(model: Any) -> bool:
    """Let a PEFT model's plain LoRA layers compute in fewer steps; True where these are all its adapter's layers."""
    from peft.tuners.lora import Linear, LoraLayer

    layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
    quick = [layer for layer in layers if type(layer) is Linear and _is_plain(layer)]
    for layer in quick:
        layer.forward = partial(_forward, layer)
    return len(quick) == len(layers) and not any("modules_to_save" in name for name, _ in model.named_modules())


def _is_plain(layer: Any) -> bool:
    """True for y = W x + s B A x over an ordinary matrix, without dropout, and nothing else."""
    a, b = layer.lora_A[ADAPTER], layer.lora_B[ADAPTER]
    return (
        type(layer.base_layer) is torch.nn.Linear
        and not layer.lora_variant
        and not layer.fan_in_fan_out
        and isinstance(layer.lora_dropout[ADAPTER], torch.nn.Identity)
        and a.bias is None
        and b.bias is None
        and not layer.base_layer.weight.requires_grad
    )


def _forward(layer: Any, x: Tensor) -> Tensor:
    base = layer.base_layer
    a, b = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
    y: Tensor = _LowRank.apply(x, base.weight, base.bias, a, b, layer.scaling[ADAPTER])
    return y


class _LowRank(torch.autograd.Function):
    """y = x W' + bias + s (x A') B'; x (..., I), W (O, I), A (r, I), B (O, r), y (..., O)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])  # (M, I)
        small_a, small_b = a.to(x.dtype), (b * scale).to(x.dtype)
        h = flat @ small_a.t()  # (M, r)
        y = torch.nn.functional.linear(flat, weight, bias).addmm_(h, small_b.t())  # (M, O)
        ctx.save_for_backward(flat, weight, small_a, small_b, h)
        ctx.scale, ctx.shape, ctx.dtype = scale, x.shape, a.dtype
        return y.view(*x.shape[:-1], y.shape[-1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        flat, weight, small_a, small_b, h = ctx.saved_tensors
        g = gradients[0].reshape(-1, weight.shape[0])  # (M, O)
        dh = g @ small_b  # (M, r)
        dx = (g @ weight).addmm_(dh, small_a).view(ctx.shape) if ctx.needs_input_grad[0] else None
        da = (dh.t() @ flat).to(ctx.dtype)  # (r, I)
        db = (h.t() @ g).t().to(ctx.dtype) * ctx.scale  # (O, r)
        return dx, None, None, da, db, None
