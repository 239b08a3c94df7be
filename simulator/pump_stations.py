"""The PLCs in their places: values arrive over links, orders from the control centre over others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.water.controls import Controls
from simulator.water.plc import FailSafe, PumpController
from simulator.water.plc_graph import WATER_REPORT_S, Plc, PlcGraph, schedule_actions
from simulator.water.water import Water
from streams.links import LinkTable
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Slots = NDArray[np.intp]


class _Path(NamedTuple):
    """One link into a PLC.

    rows: of ``link_tags`` in the plant model; slots: of the tags; signals: their numbers in the controls.
    own: whether the tags are the PLC's own, so that what arrives is also what it reports.
    """

    link: str
    rows: Slots
    slots: Slots
    signals: Slots
    own: bool


class PumpStation:
    """One PLC: what it measures and receives, the program on it, and what it reports."""

    def __init__(
        self, plc: Plc, graph: PlcGraph, model: PlantModel, controls: Controls, start_clock_s: float
    ) -> None:
        self.name, self.cycle_s = plc.name, plc.cycle_s
        number = {signal: i for i, signal in enumerate(controls.signals)}
        slot = {tag.name: i for i, tag in enumerate(model.tags)}
        self._count = len(number)
        tags = graph.tags
        self.paths = [
            _path(link, model, slot, {tag: number.get(tags[tag], -1) for tag in tags}, plc)
            for link in dict.fromkeys(read.link for read in plc.reads)
        ]
        over_links = {tag for tag in plc.tags if any(read.tag == tag for read in plc.reads)}
        wired = [tag for tag, signal in plc.tags.items() if signal in number and tag not in over_links]
        self._wired_slots = np.array([slot[tag] for tag in wired], dtype=np.intp)
        self._wired_signals = np.array([number[plc.tags[tag]] for tag in wired], dtype=np.intp)
        self.controller = PumpController(
            controls, start_clock_s, _numbers(plc, controls), _fail_safe(plc, controls)
        )

    def control(
        self, t_s: float, links: LinkTable, measured: Floats, link_sent: Floats, link_values: Floats
    ) -> None:
        """One cycle on what arrives of ``measured``; see ``PumpStations.control``."""
        # A slot more than there are signals: values that no control asks for end there.
        received = np.full(self._count + 1, np.nan)
        received[self._wired_signals] = measured[self._wired_slots]
        for path in self.paths:
            sent = measured[path.slots]
            values = links.apply_link(path.link, t_s, sent)
            link_sent[path.rows], link_values[path.rows] = sent, values
            received[path.signals] = values
        self.controller.step(t_s, received[:-1])


class PumpStations:
    """All PLCs that drive something or have sensors on links of their own.

    period_s: greatest time that divides every cycle.
    """

    def __init__(
        self,
        model: PlantModel,
        water: Water,
        graph: PlcGraph,
        controls: Controls,
        links: LinkTable,
        start_clock_s: float,
    ) -> None:
        self._water, self._links = water, links
        active = [plc for plc in graph.plcs if plc.drives or plc.reads]
        self._stations = [PumpStation(plc, graph, model, controls, start_clock_s) for plc in active]
        self._of = {name: s.controller for s in self._stations for name in s.controller.names}
        cycles_s = (WATER_REPORT_S, *(s.cycle_s for s in self._stations))
        self.period_s = math.gcd(*(round(1000.0 * cycle_s) for cycle_s in cycles_s)) / 1000.0
        own = [path for station in self._stations for path in station.paths if path.own]
        self._own_rows = np.array([row for path in own for row in path.rows], dtype=np.intp)
        self._own_slots = np.array([slot for path in own for slot in path.slots], dtype=np.intp)

    def control(
        self,
        t_s: float,
        measured: Floats,
        link_sent: Floats,
        link_values: Floats,
        works: Callable[[str], bool],
    ) -> None:
        """One cycle of every PLC whose time has come, on what arrives of ``measured`` (tag order).

        works: whether a station has control power; without it a PLC decides nothing.

        Writes what goes out over each link into ``link_sent`` and what arrives into ``link_values``.
        """
        for station in self._stations:
            cycles = t_s / station.cycle_s
            if abs(cycles - round(cycles)) < 1e-9:
                station.control(t_s, self._links, measured, link_sent, link_values)
                if works(station.name):
                    station.controller.apply(self._water)

    def reported(self, measured: Floats, link_values: Floats) -> Floats:
        """What stations send to the control centre.

        ``measured`` itself where no sensor has a link of its own; where one has, the PLC knows and sends what
        came over that link.
        """
        if not self._own_slots.size:
            return measured
        sent = measured.copy()
        sent[self._own_slots] = link_values[self._own_rows]
        return sent

    def command(self, link: str, quantity: str, value: float) -> None:
        """Order of the control centre; a value lost on the way (NaN) changes nothing."""
        controller = self._of.get(link)
        if controller is None or np.isnan(value):
            return
        if quantity == "level_m":
            controller.order_level(link, value)
        elif quantity == "pump_on":
            controller.order_on(link, value > 0.5)
        elif quantity == "pump_auto":
            controller.order_auto(link)


def _path(
    link: str, model: PlantModel, slot: Mapping[str, int], number: Mapping[str, int], plc: Plc
) -> _Path:
    rows = [(row, entry.tag) for row, entry in enumerate(model.link_tags) if entry.link == link]
    return _Path(
        link,
        np.array([row for row, _ in rows], dtype=np.intp),
        np.array([slot[tag] for _, tag in rows], dtype=np.intp),
        np.array([number[tag] for _, tag in rows], dtype=np.intp),
        own=rows[0][1] in plc.tags,
    )


def _numbers(plc: Plc, controls: Controls) -> list[int]:
    names = controls.layout.link_names
    return [names.index(link) for link in plc.drives]


def _fail_safe(plc: Plc, controls: Controls) -> FailSafe:
    names = controls.layout.link_names
    fallback = {
        names.index(entry.link): schedule_actions(entry, names.index(entry.link)) for entry in plc.fallback
    }
    return FailSafe(plc.stale_s, plc.on_stale, fallback)
