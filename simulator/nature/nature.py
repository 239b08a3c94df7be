"""Nature of one run as the plant uses it: what is asked for, what wind and sun allow, what breaks."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from simulator.grid.case import GridCase
from simulator.grid.grid import Grid
from simulator.nature.demand import ElectricDemand, WaterDemand
from simulator.nature.fault import Fault, declared_faults
from simulator.nature.instrument_failures import frozen_instruments
from simulator.nature.outages import random_faults
from simulator.nature.renewables import Renewables, renewable_units
from simulator.nature.weather import Weather
from simulator.settings import PlantSettings
from simulator.water.layout import Layout
from streams.errors import BadInput

Floats = NDArray[np.float64]

SEASONAL_NOTE = "Nominal load is the peak of the year: season, weekday and temperature act on demand."
WEEKLY_NOTE = (
    "Nominal load is the peak of the scenario's own week, in normal weather (nature.seasonal = false)."
)
CUSTOMERS_NOTE = (
    "Loads follow the RTS-79 curves in sum; customer classes behind each bus are drawn around US shares."
)


class Nature:
    """Draws are functions of the seed, the element and the step: no arm and no new element changes them.

    electric, water: demand; available_mw: (renewable units,) at the last scan. Weather is drawn only where
    something depends on it. Raises BadInput for a bus, unit or area that the grid does not have.
    """

    def __init__(self, settings: PlantSettings, case: GridCase, layout: Layout) -> None:
        nature, seed, start = settings.nature, settings.seed, datetime.fromisoformat(settings.start)
        self._settings, self._case, self._layout = settings, case, layout
        renewable = renewable_units(case, nature.renewable_units)
        cooled = settings.water.cooled_unit
        if cooled and case.unit_index(cooled) in renewable:
            raise BadInput("water.cooled_unit", cooled, "a thermal unit; wind and sun need no cooling water")
        for own in settings.coolings:
            if own.unit in case.unit_name and case.unit_index(own.unit) in renewable:
                raise BadInput("cooling.unit", own.unit, "a thermal unit; wind and sun need no cooling water")
        areas = sorted({int(area) for area in case.bus_area})
        self.weather: Weather | None = None
        if nature.seasonal or nature.outages or renewable:
            self.weather = Weather(seed, start, settings.duration_s, areas, nature.storm)
        elif nature.storm:
            allowed = "none where neither nature.outages nor any wind or solar unit feels it"
            raise BadInput("nature.storm", len(nature.storm), allowed)
        self.electric = ElectricDemand(
            seed,
            start,
            case,
            settings.grid.load_scale,
            settings.scan_s,
            nature.load_classes,
            self.weather if nature.seasonal else None,
        )
        self.water = WaterDemand(seed, start, settings.water.hydraulic_step_s, nature.seasonal)
        self._renewables: Renewables | None = None
        self.available_mw = np.empty(0)
        if renewable and self.weather is not None:
            self._renewables = Renewables(
                seed, case, renewable, self.weather, start, nature.latitude_deg, settings.scan_s
            )
            self.available_mw = self._renewables.available_mw(0)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Sentences that declare what this nature takes for granted."""
        return (SEASONAL_NOTE if self._settings.nature.seasonal else WEEKLY_NOTE, CUSTOMERS_NOTE)

    def demand_share(self, t_s: float) -> Floats:
        """(buses,) expected demand at t_s over scaled nominal load; 1 where there is no load."""
        share = np.ones(len(self._case.bus_name))
        share[self._case.load_bus] = self.electric.expected(t_s)
        return share

    @property
    def renewable_units(self) -> list[int]:
        """Positions of wind and solar units, in the order of ``available_mw``."""
        return self._renewables.units if self._renewables is not None else []

    def blow(self, grid: Grid, scan: int) -> None:
        """Bound wind and solar units by what the weather allows at this scan."""
        if self._renewables is None:
            return
        self.available_mw = self._renewables.available_mw(scan)
        for unit, power_mw in zip(self._renewables.units, self.available_mw.tolist(), strict=True):
            grid.set_unit_limit(unit, power_mw)

    def faults(self, tag_names: tuple[str, ...]) -> list[Fault]:
        """Declared faults first, then those drawn: outages where asked for, and frozen instruments."""
        settings, duration_s = self._settings, self._settings.duration_s
        faults = declared_faults(settings.faults)
        if settings.nature.outages and self.weather is not None:
            storms = self.weather.storms
            faults += random_faults(
                settings.seed, settings.nature, self._case, self._layout, storms, duration_s
            )
        return [*faults, *frozen_instruments(settings.seed, tag_names, duration_s)]
