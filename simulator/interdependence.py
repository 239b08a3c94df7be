"""Grid and water bound together for one run: pumps draw from a bus, a thermal unit draws cooling water."""

from __future__ import annotations

from simulator.coupling import (
    Cooling,
    available_mw,
    cooling_draw_m3h,
    electric_draw_mw,
    pressure_fraction,
    pump_supplied,
)
from simulator.grid.case import GridCase
from simulator.grid.grid import Grid
from simulator.settings import WaterSettings
from simulator.water.water import Water
from streams.errors import BadInput

COOLING: Cooling = "gas_tower"


class Interdependence:
    """The declared couplings. Raises BadInput for a bus, unit or node that does not exist.

    An empty ``bus`` leaves the pumps on a supply that never fails; an empty ``cooled_unit`` cools none.
    """

    def __init__(self, settings: WaterSettings, case: GridCase, grid: Grid, water: Water) -> None:
        self._settings, self._case, self._grid, self._water = settings, case, grid, water
        self._bus = case.bus_index(settings.bus) if settings.bus else -1
        self._load = -1
        if settings.bus:
            loads = [i for i, bus in enumerate(case.load_bus) if bus == self._bus]
            if not loads:
                raise BadInput("water.bus", settings.bus, "a bus with load, whose feeders can carry pumps")
            self._load = loads[0]
        self._unit = case.unit_index(settings.cooled_unit) if settings.cooled_unit else -1
        if self._unit >= 0:
            water.set_extra_demand(settings.cooling_node, 0.0)

    @property
    def pump_load(self) -> int:
        """Position of the load that carries the pumps, -1 for none."""
        return self._load

    def pump_draw_mw(self) -> float:
        """Electric draw of all districts' pumps."""
        return electric_draw_mw(self._water.pump_power_kw.tolist(), self._settings.replication)

    def supply_pumps(self, t_s: float) -> None:
        """Tell every pump whether its bus and feeder carry it from t_s on."""
        if self._bus < 0:
            return
        supplied = pump_supplied(
            float(self._grid.bus_voltage_pu[self._bus]),
            bool(self._grid.bus_energised[self._bus]),
            self._grid.feeder_alive(self._settings.bus, self._settings.feeder),
        )
        for pump in range(len(self._water.layout.pumps)):
            self._water.set_pump_supply(pump, supplied, t_s)

    def draw_cooling(self) -> None:
        """Ask the water network for what the cooled unit needs at its present output."""
        if self._unit < 0:
            return
        power = float(self._grid.unit_power_mw[self._unit])
        draw = cooling_draw_m3h(power, COOLING, self._settings.replication)
        self._water.set_extra_demand(self._settings.cooling_node, draw)

    def derate(self) -> float:
        """Bound the cooled unit by the pressure at its connection; returns the capacity lost, MW."""
        if self._unit < 0:
            return 0.0
        p_max = float(self._case.unit_p_max_mw[self._unit])
        fraction = pressure_fraction(self._water.pressure_m(self._settings.cooling_node))
        limit = available_mw(p_max, fraction, COOLING)
        self._grid.set_unit_limit(self._unit, limit)
        return p_max - limit
