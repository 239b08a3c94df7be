"""What the estimator measures with: from received tags to flows, injections and magnitudes with their sigmas.

There is no reactive telemetry. Injection at a bus is the sum of its unit tags less its load tag; a bus
without load or unit is known to inject nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.control.dc_model import bus_index
from simulator.instruments import POWER, VOLTAGE
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

NOTHING_SIGMA_MW = 0.1
"""Of a zero injection: what losses of wrong resistances may amount to."""


class Measurements:
    """Flows of branches (l,), then injections (n,), then magnitudes (n,) of buses.

    names: tags behind each, joined by " + ", or "BUS injects nothing". parameter_share: uncertainty of the
    operator's branch parameters; it widens the sigma of flows, for which alone they matter: whatever the
    parameters, flows and injections meet at every bus.
    """

    def __init__(self, model: PlantModel, parameter_share: float) -> None:
        index = bus_index(model)
        self._base = model.base_mva
        self._parameter_share, n = parameter_share, len(model.buses)
        position = {tag.name: i for i, tag in enumerate(model.tags)}
        missing = len(model.tags)
        self._flow = np.array([position.get(b.flow_tag, missing) for b in model.branches], dtype=np.int64)
        self._voltage = np.array([position.get(b.voltage_tag, missing) for b in model.buses], dtype=np.int64)
        behind: list[list[str]] = [[] for _ in model.buses]
        terms: list[tuple[int, int, float]] = []
        blind = np.zeros(n, dtype=np.bool_)
        for i, bus in enumerate(model.buses):
            if bus.load_tag:
                terms.append((i, position[bus.load_tag], -1.0))
                behind[i].append(bus.load_tag)
            elif bus.load_mw != 0.0:
                blind[i] = True
        for unit in model.units:
            if unit.power_tag:
                terms.append((index[unit.bus], position[unit.power_tag], 1.0))
                behind[index[unit.bus]].append(unit.power_tag)
            else:
                blind[index[unit.bus]] = True
        self._term_bus = np.array([bus for bus, _, _ in terms], dtype=np.int64)
        self._term_slot = np.array([slot for _, slot, _ in terms], dtype=np.int64)
        self._term_sign = np.array([sign for _, _, sign in terms])
        self._blind = blind
        self._nothing = np.array([not tags for tags in behind])
        self.names = (
            *(b.flow_tag or f"{b.name} without meter" for b in model.branches),
            *(
                " + ".join(tags) if tags else f"{bus.name} injects nothing"
                for bus, tags in zip(model.buses, behind, strict=True)
            ),
            *(b.voltage_tag or f"{b.name} without voltmeter" for b in model.buses),
        )

    def read(self, values: Floats) -> tuple[Floats, Floats]:
        """Measured values and sigmas, pu, from tag values with one NaN appended; sigma inf where there is
        none."""
        n, base = len(self._blind), self._base
        flow, voltage = values[self._flow], values[self._voltage]
        term = values[self._term_slot]
        injection = np.bincount(self._term_bus, weights=self._term_sign * term, minlength=n)
        variance = np.bincount(self._term_bus, weights=_power_sigma(term) ** 2, minlength=n)
        injection_sigma = np.where(self._nothing, NOTHING_SIGMA_MW, np.sqrt(variance))
        injection_sigma[self._blind] = np.inf
        parameter = self._parameter_share * np.abs(flow)
        sigma = np.concatenate(
            (
                np.hypot(_power_sigma(flow), parameter) / base,
                injection_sigma / base,
                VOLTAGE.reading_share * np.abs(voltage) + VOLTAGE.absolute,
            )
        )
        measured = np.concatenate((flow / base, injection / base, voltage))
        absent = np.isnan(measured) | np.isnan(sigma)
        sigma[absent], measured[absent] = np.inf, 0.0
        return measured, np.maximum(sigma, 1e-5)


def _power_sigma(reading_mw: Floats) -> Floats:
    return np.asarray(POWER.reading_share * np.abs(reading_mw) + POWER.absolute)
