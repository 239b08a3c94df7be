"""How a shift of received loads is told so that received flows fit it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scenarios.attackers.base import Budget, TapOrder
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]


def flow_and_load_orders(
    model: PlantModel, budget: Budget, ptdf: Floats, shift_mw: Floats, t_s: float
) -> list[TapOrder]:
    """Offsets on every load and on every flow that moves with the lie, one tap per link in reach.

    ptdf: (n_branch, n_bus); shift_mw: (n_bus,), total zero. A load received higher is an injection lower.
    """
    flows = -ptdf @ shift_mw
    offsets = {b.load_tag: s for b, s in zip(model.buses, shift_mw, strict=True) if b.load_tag}
    offsets |= {b.flow_tag: f for b, f in zip(model.branches, flows, strict=True) if b.flow_tag}
    by_link: dict[str, list[str]] = {}
    for tag in model.tags:
        if tag.name in offsets and tag.link in budget.links:
            by_link.setdefault(tag.link, []).append(tag.name)
    return [
        TapOrder(link, "offset", tuple(tags), tuple(float(offsets[tag]) for tag in tags), t_s, budget.end_s)
        for link, tags in by_link.items()
    ]
