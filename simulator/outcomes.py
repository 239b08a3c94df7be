"""What physically happened, as running integrals over truth. Formulas: docs/outcomes.md."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SECONDS_PER_HOUR = 3600.0
SHED_CAUSES = ("ufls", "uvls", "voltage_collapse", "island", "planned")


@dataclass
class Outcomes:
    """Integrals of one arm. Water figures are of one district until ``figures`` multiplies by replication."""

    nominal_hz: float
    replication: int
    energy_not_served_mwh: float = 0.0
    peak_load_shed_mw: float = 0.0
    lines_tripped: int = 0
    generators_tripped: int = 0
    min_frequency_hz: float = field(init=False)
    plant_derated_mwh: float = 0.0
    shed_mw_by_cause: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SHED_CAUSES, 0.0))
    water_not_delivered_m3: float = 0.0
    low_pressure_node_hours: float = 0.0
    tank_overflow_m3: float = 0.0

    def __post_init__(self) -> None:
        self.min_frequency_hz = self.nominal_hz

    def add_scan(self, unserved_mw: float, derated_mw: float, frequencies_hz: Floats, step_s: float) -> None:
        """One scan of the grid: demand not served and derating held for step_s; live frequencies only."""
        self.energy_not_served_mwh += unserved_mw * step_s / SECONDS_PER_HOUR
        self.peak_load_shed_mw = max(self.peak_load_shed_mw, unserved_mw)
        self.plant_derated_mwh += derated_mw * step_s / SECONDS_PER_HOUR
        live = frequencies_hz[np.isfinite(frequencies_hz)]
        if live.size:
            self.min_frequency_hz = min(self.min_frequency_hz, float(live.min()))

    def figures(self) -> dict[str, float | None]:
        """Contract names; None where nothing of the kind is modelled."""
        return {
            "energy_not_served_mwh": self.energy_not_served_mwh,
            "peak_load_shed_mw": self.peak_load_shed_mw,
            "lines_tripped": float(self.lines_tripped),
            "generators_tripped": float(self.generators_tripped),
            "min_frequency_hz": self.min_frequency_hz,
            "water_not_delivered_m3": self.water_not_delivered_m3 * self.replication,
            "low_pressure_node_hours": self.low_pressure_node_hours * self.replication,
            "tank_overflow_m3": self.tank_overflow_m3 * self.replication,
            "contaminant_consumed_g": None,
            "plant_derated_mwh": self.plant_derated_mwh,
        }
