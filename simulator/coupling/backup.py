"""A diesel generator behind a supply: it starts, carries what it can, and burns its fuel."""

from __future__ import annotations

SECONDS_PER_HOUR = 3600.0
# Fuel at no load as a share of that at full load: 0.246 l/kWh delivered and 0.081 l/h per kW rated
# (Skarstein and Uhlen 1989, Wind Engineering 13/2).
NO_LOAD_FUEL_SHARE = 0.25


class Backup:
    """A generator of ``capacity_kw`` that takes load ``start_s`` after it was called.

    fuel_h: hours at full load still in the tank. energy_kwh: delivered since t = 0. capacity_kw 0: there is
    none, and it never takes load.
    """

    def __init__(self, capacity_kw: float, start_s: float, fuel_h: float) -> None:
        self.capacity_kw = capacity_kw
        self.fuel_h = fuel_h if capacity_kw > 0.0 else 0.0
        self.energy_kwh = 0.0
        self._start_s = start_s
        self._called_s: float | None = None

    def call(self, t_s: float) -> None:
        """Start the engine, unless it runs or starts already."""
        if self._called_s is None:
            self._called_s = t_s

    def stop(self) -> None:
        """Stop the engine."""
        self._called_s = None

    def ready_s(self) -> float | None:
        """Time from which it takes load; None where it is not called or has no fuel."""
        if self._called_s is None or self.fuel_h <= 0.0:
            return None
        return self._called_s + self._start_s

    def carries(self, t_s: float) -> bool:
        """Whether it can take load at t_s."""
        ready_s = self.ready_s()
        return ready_s is not None and t_s >= ready_s

    def burn(self, load_kw: float, seconds: float) -> None:
        """Run for ``seconds`` at ``load_kw``; fuel falls linearly with load down to that of no load."""
        load_share = load_kw / self.capacity_kw
        rate = NO_LOAD_FUEL_SHARE + (1.0 - NO_LOAD_FUEL_SHARE) * load_share
        self.fuel_h = max(0.0, self.fuel_h - rate * seconds / SECONDS_PER_HOUR)
        self.energy_kwh += load_kw * seconds / SECONDS_PER_HOUR
