"""Where the water went since t = 0: sums over time of one solution after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from simulator.water.layout import Floats
from simulator.water.state import State


class Balance(NamedTuple):
    """Cubic metres since t = 0: supplied = delivered + leaked + stored + overflow + mismatch.

    stored: change of all tanks' volume. mismatch: what the equation lacks, the solver's tolerance.
    """

    supplied: float
    delivered: float
    leaked: float
    stored: float
    overflow: float
    mismatch: float


class Accounts:
    """Sums since t = 0, documented where ``Readings`` shows them. pump_energy_kwh: (pumps,)."""

    def __init__(self, pumps: int) -> None:
        self.water_not_delivered_m3 = self.low_pressure_node_hours = 0.0
        self.supplied_m3 = self.delivered_m3 = self.leaked_m3 = 0.0
        self.pump_energy_kwh: Floats = np.zeros(pumps)

    def add(self, state: State, extra_m3h: Mapping[int, float], hours: float) -> None:
        """Let a state hold for ``hours``. extra_m3h: by node, demand that is no customer's."""
        missing = np.maximum(state.node_demand_m3h - state.node_delivered_m3h, 0.0)
        for node, extra in extra_m3h.items():
            asked = state.node_demand_m3h[node]
            missing[node] *= 1.0 - min(extra / asked, 1.0) if asked > 0.0 else 0.0
        self.water_not_delivered_m3 += float(missing.sum()) * hours
        self.low_pressure_node_hours += state.customers_without_pressure * hours
        self.supplied_m3 += state.supplied_m3h * hours
        self.delivered_m3 += state.delivered_m3h * hours
        self.leaked_m3 += state.leaked_m3h * hours
        self.pump_energy_kwh += state.pump_power_kw * hours

    def balance(self, stored_m3: float, overflow_m3: float) -> Balance:
        """Terms and mismatch, given the change of storage and what full tanks spilled."""
        used = self.delivered_m3 + self.leaked_m3 + stored_m3 + overflow_m3
        mismatch = self.supplied_m3 - used
        return Balance(self.supplied_m3, self.delivered_m3, self.leaked_m3, stored_m3, overflow_m3, mismatch)
