"""What the control centre orders, and names of switching orders on a station's command link:
"5-11/branch_closed", "G10/unit_on", ..."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.grid.feeders import BLOCKS
from streams.messages import Setpoint
from streams.plant_model import Branch, Bus, LinkTag, Unit

_SPANS = {"branch_closed": 1.0, "unit_on": 1.0, "feeders_closed": float(BLOCKS)}


class Orders(NamedTuple):
    """Of one exchange. power_mw (u,): set-points of the plant model's units; setpoints: everything else."""

    power_mw: NDArray[np.float64]
    setpoints: list[Setpoint]


def order_tag(setpoint: Setpoint) -> str:
    """Tag under which an order travels: set-points by the name of what they command."""
    if setpoint.quantity in _SPANS:
        return f"{setpoint.element}/{setpoint.quantity}"
    return setpoint.element


def order_span(tag: str) -> float:
    """Range of an order's value; 0 for what is no switching order."""
    return _SPANS.get(tag.rpartition("/")[2], 0.0)


def restoration_orders(
    buses: Iterable[Bus], branches: Iterable[Branch], units: Iterable[Unit]
) -> list[LinkTag]:
    """What operators may switch: a branch at the station where it starts, a unit and feeders at their own."""
    station = {bus.name: bus.station for bus in buses}
    tags = [LinkTag(f"SCADA>{station[b.from_bus]}", f"{b.name}/branch_closed") for b in branches]
    tags += [LinkTag(u.command_link, f"{u.name}/unit_on") for u in units]
    tags += [
        LinkTag(f"SCADA>{bus.station}", f"{bus.name}/feeders_closed") for bus in buses if bus.feeders_tag
    ]
    return tags
