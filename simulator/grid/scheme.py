"""All relays whose input changes only with a power flow, read together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.feeders import Feeders
from simulator.grid.powerflow import PowerFlow
from simulator.grid.protection import ProtectionSettings
from simulator.grid.relays import LowRelays, OverloadRelays

Floats = NDArray[np.float64]


class ProtectionScheme:
    """overload: per branch; uvls: per load; unit_low: under-voltage per unit with capacity.

    The ``gain`` of each is the hook for instruments: what the relay measures over the truth.
    """

    def __init__(self, case: GridCase, settings: ProtectionSettings) -> None:
        self._case = case
        self.uvls_max_steps = settings.uvls_max_steps
        self._has_capacity = case.unit_p_max_mw > 0.0
        self._consumes = case.load_mw > 0.0
        self.overload = OverloadRelays(len(case.branch_name), settings)
        self.uvls = LowRelays(len(case.load_bus), ((settings.uvls_pu, settings.uvls_delay_s),))
        self.unit_low = LowRelays(len(case.unit_name), settings.unit_low_pu)

    def measure(self, flow: PowerFlow, voltage_pu: Floats, feeders: Feeders) -> None:
        """Take currents and voltages of the last power flow through the relays' own instruments."""
        case = self._case
        load_voltage = voltage_pu[case.load_bus]
        stepped = feeders.opened_by("uvls") < self.uvls_max_steps
        self.overload.measure(flow.flows.loading)
        self.uvls.measure(load_voltage, stepped & self._consumes & (load_voltage > 0.0))
        self.unit_low.measure(voltage_pu[case.unit_bus], flow.unit_on & self._has_capacity)

    def time_to_act(self) -> float:
        """Seconds until the first relay acts if nothing changes; inf for none."""
        return min(self.overload.time_to_trip(), self.uvls.time_to_act(), self.unit_low.time_to_act())

    def advance(self, span_s: float) -> bool:
        """Let ``span_s`` pass; True if any relay acts."""
        acted = [relay.advance(span_s) for relay in (self.overload, self.uvls, self.unit_low)]
        return any(acted)
