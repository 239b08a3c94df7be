"""What physically happened, as running integrals over truth. Formulas: docs/outcomes.md."""

from __future__ import annotations

from dataclasses import dataclass, field

SECONDS_PER_HOUR = 3600.0
SHED_CAUSES = ("ufls", "uvls", "voltage_collapse", "island", "planned")


@dataclass
class Outcomes:
    """Integrals of one arm. Water figures are of one district until ``figures`` multiplies by replication."""

    min_frequency_hz: float
    replication: int
    energy_not_served_mwh: float = 0.0
    peak_load_shed_mw: float = 0.0
    lines_tripped: int = 0
    generators_tripped: int = 0
    plant_derated_mwh: float = 0.0
    shed_mw_by_cause: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SHED_CAUSES, 0.0))
    water_not_delivered_m3: float = 0.0
    low_pressure_node_hours: float = 0.0
    tank_overflow_m3: float = 0.0
    contaminant_consumed_g: float | None = None

    def add_event(self, kind: str, cause: str, value: float) -> None:
        """Count what tripped, and the MW that each cause cut where it cut them."""
        if kind == "line_trip":
            self.lines_tripped += 1
        elif kind == "generator_trip":
            self.generators_tripped += 1
        elif kind == "load_shed":
            self.shed_mw_by_cause[cause] += value

    def add_scan(self, unserved_mw: float, derated_mw: float, step_s: float) -> None:
        """One scan of the grid: demand not served and derating, each held for step_s."""
        self.energy_not_served_mwh += unserved_mw * step_s / SECONDS_PER_HOUR
        self.peak_load_shed_mw = max(self.peak_load_shed_mw, unserved_mw)
        self.plant_derated_mwh += derated_mw * step_s / SECONDS_PER_HOUR

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
            "contaminant_consumed_g": None
            if self.contaminant_consumed_g is None
            else self.contaminant_consumed_g * self.replication,
            "plant_derated_mwh": self.plant_derated_mwh,
        }
