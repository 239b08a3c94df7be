"""Interval and CROWN-IBP bounds as a researcher writes them in PyTorch; rounding is not accounted for.

Weights (out, in), biases (out,), centres x (windows, inputs), boxes of half width eps; bounds of the outputs
as (low, high), (windows, outputs) each.
"""

from __future__ import annotations

import torch
from torch import Tensor

Ends = tuple[Tensor, Tensor]


def interval(weights: list[Tensor], biases: list[Tensor], x: Tensor, eps: float) -> Ends:
    """Gowal et al. 2018."""
    return _layers(weights, biases, x, eps)[-1]


def crown_ibp(weights: list[Tensor], biases: list[Tensor], x: Tensor, eps: float) -> Ends:
    """Zhang et al. 2020: lines back from the outputs on interval bounds inside."""
    hidden = _layers(weights, biases, x, eps)[:-1]
    low = _lowest(weights, biases, hidden, x, eps, 1.0)
    return low, -_lowest(weights, biases, hidden, x, eps, -1.0)


def _layers(weights: list[Tensor], biases: list[Tensor], x: Tensor, eps: float) -> list[Ends]:
    middle, radius, ends = x, torch.full_like(x, eps), []
    for weight, bias in zip(weights, biases, strict=True):
        middle, radius = middle @ weight.T + bias, radius @ weight.abs().T
        low, high = middle - radius, middle + radius
        ends.append((low, high))
        on_low, on_high = low.clamp(min=0.0), high.clamp(min=0.0)
        middle, radius = (on_low + on_high) / 2.0, (on_high - on_low) / 2.0
    return ends


def _lowest(
    weights: list[Tensor], biases: list[Tensor], hidden: list[Ends], x: Tensor, eps: float, sign: float
) -> Tensor:
    rows = (sign * weights[-1]).expand(len(x), -1, -1)
    constant = (sign * biases[-1]).expand(len(x), -1)
    for (low, high), weight, bias in zip(hidden[::-1], weights[-2::-1], biases[-2::-1], strict=True):
        on, off = (low >= 0.0).to(x.dtype), (high <= 0.0).to(x.dtype)
        opened = 1.0 - on - off
        steep = on + opened * high / (high - low).clamp(min=1e-30)
        flat = on + opened * (high > -low)
        under = rows.clamp(max=0.0)
        constant = constant - (under @ (opened * steep * low).unsqueeze(2)).squeeze(2)
        rows = rows.clamp(min=0.0) * flat.unsqueeze(1) + under * steep.unsqueeze(1)
        constant = constant + rows @ bias
        rows = rows @ weight
    return (rows @ x.unsqueeze(2)).squeeze(2) + constant - eps * rows.abs().sum(dim=2)
