"""The plant on SimPy: grid and water, their coupling, instruments, stations, links and local controllers.

The seam of the whole product: ``advance(inputs, until_s)`` takes commands and taps, nothing else, and returns
what happened and what every receiver got. Replaying the same inputs gives the same truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import simpy
from numpy.typing import NDArray

from simulator.budgets import link_budgets
from simulator.clock import Order, periodic, run_through
from simulator.control.orders import Orders, order_tag
from simulator.faults import Faults, Targets
from simulator.grid.case import load_case
from simulator.grid.grid import Grid
from simulator.grid.protection import DynamicsSettings, ProtectionSettings
from simulator.instruments import Instruments
from simulator.interdependence import Interdependence
from simulator.nature.nature import Nature
from simulator.outcomes import Outcomes
from simulator.pump_stations import PumpStations
from simulator.relay_accuracy import RELAY_NOTE, fit_relays
from simulator.sampling import Sampling
from simulator.settings import PlantSettings
from simulator.station_clocks import sample_age_s
from simulator.station_names import substation
from simulator.stations import CONCENTRATOR, accuracies, build_plant_model
from simulator.switching import SWITCHING, Switching
from simulator.true_values import TrueValues
from simulator.unit_orders import UnitOrders
from simulator.water.constituents import quality_plan
from simulator.water.plc_graph import WATER_REPORT_S
from simulator.water.storage import TANK_NOTE
from simulator.water.true_signals import TrueSignals
from simulator.water.water import Water
from simulator.water_stations import water_control
from streams.links import LinkTable
from streams.messages import Command, Tap

Floats = NDArray[np.float64]


class PlantEvent(NamedTuple):
    """Something that happened at ``t_s``; see ``streams.messages.Event``."""

    t_s: float
    kind: str
    element: str
    cause: str
    value: float
    unit: str


class Report(NamedTuple):
    """One exchange as seen at its end: vectors in plant-model order and the events since the last one.

    link_sent, link_values: over links other than STATION>SCADA, before and after any tap. sent: what stations
    send to SCADA, before any tap on that way. Vectors are to be read, not written to.
    """

    true: Floats
    measured: Floats
    received: Floats
    link_values: Floats
    loading: Floats
    link_sent: Floats
    water_reported: bool
    events: list[PlantEvent]
    sent: Floats


class Plant:
    """The twin of one run. Raises BadInput where the settings do not fit the networks."""

    def __init__(self, settings: PlantSettings) -> None:
        self.settings = settings
        start = datetime.fromisoformat(settings.start)
        clock_s = start.hour * 3600.0 + start.minute * 60.0 + start.second
        case = load_case(settings.grid.network, settings.grid.ratings)
        self.water = Water(
            settings.water.network,
            settings.water.hydraulic_step_s,
            clock_s,
            quality_plan(settings.water),
            settings.water.patterns,
        )
        taken = frozenset((CONCENTRATOR, *map(substation, case.bus_name)))
        control = water_control(settings.water, self.water.layout, taken)
        self._nature = Nature(settings, case, self.water.layout)
        available_mw = dict(
            zip(self._nature.renewable_units, self._nature.available_mw.tolist(), strict=True)
        )
        share = self._nature.demand_share(0.0)
        self.model = build_plant_model(settings, case, self.water.layout, control, share, available_mw)
        water_signals = TrueSignals(tuple(control.graph.tags.values()), self.water)
        self._case = case
        self._unit_position = {name: i for i, name in enumerate(case.unit_name)}
        protection = ProtectionSettings(overload_multiplier=settings.grid.relay_time_multiplier)
        self.grid = self._start_grid(protection)
        self.links = LinkTable(self.model, link_budgets(self.model, settings.budgets))
        self.coupling = Interdependence(settings, case, self.model, self.grid, self.water, self.links)
        notes = (
            *protection.notes(),
            *DynamicsSettings().notes(),
            *self._nature.assumptions,
            RELAY_NOTE,
            TANK_NOTE,
            *self.coupling.assumptions,
            *self._start_notes(),
        )
        self.assumptions = (*case.assumptions, *control.assumptions, *notes)
        self._pumps = PumpStations(
            self.model, self.water, control.graph, control.controls, self.links, clock_s
        )
        self.outcomes = Outcomes(case.nominal_hz, settings.water.replication)
        tags = self.model.tags
        self._instruments = Instruments(
            settings.seed,
            tuple(tag.name for tag in tags),
            accuracies(tags),
            np.array([tag.low for tag in tags]),
            np.array([tag.high for tag in tags]),
            settings.scan_s,
            round(settings.duration_s / settings.scan_s) + 1,
            sample_age_s(tags),
        )
        tag_names = tuple(tag.name for tag in tags)
        self.faults = Faults(self._nature.faults(tag_names), case, self.water, tag_names)
        self._switching = Switching(case, self.grid, self.faults, self.coupling.coolings)
        self._unit_orders = UnitOrders(self.model, self.links, self._unit_position)
        self._command_row = {(entry.link, entry.tag): i for i, entry in enumerate(self.model.link_tags)}
        self._link_sent = np.full(len(self.model.link_tags), np.nan)
        self._link_values = np.full(len(self.model.link_tags), np.nan)
        truth = TrueValues(self.model, case, self.grid, self._nature, water_signals)
        self.sampling = Sampling(self.model, truth, self._instruments, self.links, control.graph.tags)
        self._events: list[PlantEvent] = []
        self._note(self._first_events)
        self._water_due = False
        self._env = simpy.Environment()
        self._env.process(periodic(self._env, settings.scan_s, Order.GRID, self._scan_grid))
        self._env.process(periodic(self._env, settings.water.hydraulic_step_s, Order.WATER, self._step_water))
        targets = Targets(self.grid, self.water, self._instruments)
        self._env.process(self.faults.process(self._env, targets, self._note))
        self._env.process(periodic(self._env, self._pumps.period_s, Order.CONTROLLERS, self._report_water))
        self._env.process(periodic(self._env, settings.scan_s, Order.REPORT, self._report))
        self._report_water(0)
        self._report(0)

    # The seam

    def advance(self, inputs: Sequence[Command | Orders | Tap], until_s: float) -> Report:
        """Take commands and taps, run every process up to and including ``until_s``, and report.

        until_s: a multiple of the exchange time, not before the last one; 0 gives the first report.
        """
        for message in inputs:
            if isinstance(message, Tap):
                self._take_tap(message)
            else:
                self._take_command(message)
        run_through(self._env, until_s)
        events, self._events = self._events, []
        if len(events) > 1:
            events.sort(key=lambda event: event.t_s)
        water_due, self._water_due = self._water_due, False
        sampled = self.sampling
        return Report(
            sampled.true,
            sampled.measured,
            sampled.received,
            self._link_values.copy(),
            self.grid.branch_loading_pu.copy(),
            self._link_sent.copy(),
            water_due,
            events,
            sampled.sent,
        )

    def close(self) -> None:
        """Free EPANET's memory."""
        self.water.close()

    def _take_tap(self, tap: Tap) -> None:
        refusal = self.links.accept(tap)
        if refusal is not None:
            self._events.append(
                PlantEvent(self._env.now, "tap_refused", tap.link, refusal.reason, 0.0, "tags")
            )

    def _take_command(self, command: Command | Orders) -> None:
        now = self._env.now
        if len(command.power_mw):
            power_mw = np.asarray(command.power_mw, dtype=np.float64)
            self.grid.set_setpoints(
                self._unit_orders.deliver(power_mw, now, self._link_sent, self._link_values)
            )
        for setpoint in command.setpoints:
            tag = order_tag(setpoint)
            value = self.links.apply_command(setpoint.link, tag, setpoint.value, now)
            row = self._command_row.get((setpoint.link, tag))
            if row is not None:
                self._link_sent[row], self._link_values[row] = setpoint.value, value
            if setpoint.quantity in SWITCHING:
                refusal = self._switching.carry_out(setpoint, value)
                if refusal:
                    unit = setpoint.quantity
                    self._events.append(
                        PlantEvent(now, "switch_refused", setpoint.element, refusal, value, unit)
                    )
            else:
                self._pumps.command(setpoint.element, setpoint.quantity, value)

    # Processes

    def _scan_grid(self, scan: int) -> None:
        self.grid.set_demand(*self._nature.electric.at(scan))
        self._nature.blow(self.grid, scan)
        self.coupling.before_grid()
        self._note(self.grid.advance(scan * self.settings.scan_s))
        derated_mw = self.coupling.after_grid(self._env.now)
        # A unit that tripped for want of cooling did so at this instant.
        self._note([*self.coupling.take_events(), *self.grid.advance(self._env.now)])
        self.outcomes.add_scan(self.grid.shed_mw, derated_mw, self.settings.scan_s)
        self.outcomes.min_frequency_hz = self.grid.lowest_frequency_hz

    def _step_water(self, step: int) -> None:
        self.water.set_demand_factor(self._nature.water.at(step))
        self.coupling.before_water()
        self._note(self.water.advance(step * self.settings.water.hydraulic_step_s))
        self.outcomes.water_not_delivered_m3 = self.water.water_not_delivered_m3
        self.outcomes.low_pressure_node_hours = self.water.low_pressure_node_hours
        self.outcomes.tank_overflow_m3 = self.water.tank_overflow_m3
        self.outcomes.contaminant_consumed_g = self.water.contaminant_consumed_g

    def _report_water(self, count: int) -> None:
        """Sample the water instruments and let the pump controllers act on what they receive."""
        now, sampling = self._env.now, self.sampling
        self._water_due |= now % WATER_REPORT_S == 0.0
        sampling.sample_water(round(now / self.settings.scan_s), self.coupling.blind_tags)
        self._pumps.control(now, sampling.measured, self._link_sent, self._link_values, self.coupling.works)

    def _report(self, scan: int) -> None:
        """Sample the grid's instruments and send everything to SCADA."""
        sampling = self.sampling
        sampling.sample(scan, self.coupling.blind_tags)
        sent = self._pumps.reported(sampling.measured, self._link_values)
        sampling.send(self._env.now, sent, self._water_due)
        for change in self.links.take_transitions():
            self._events.append(
                PlantEvent(change.t_s, change.kind, change.link, change.operation, float(change.tags), "tags")
            )

    # Inner parts

    def _start_grid(self, protection: ProtectionSettings) -> Grid:
        """Grid at t = 0: the operator's schedule, demand of nature's first step.

        Should that have no solution, what was shed or lost at once is told with the first report.
        """
        power = np.zeros(len(self._case.unit_name))
        for unit in self.model.units:
            power[self._unit_position[unit.name]] = unit.scheduled_mw
        grid = Grid(self._case, power, protection)
        fit_relays(grid, self._case)
        for branch in self.settings.grid.out_of_service:
            grid.open_branch(self._case.branch_index(branch), "out of service")
        grid.set_demand(*self._nature.electric.at(0))
        self._nature.blow(grid, 0)
        self._first_events = [event for event in grid.advance(0.0) if event.kind != "switch"]
        return grid

    def _start_notes(self) -> tuple[str, ...]:
        """What has to be said of a start that no power flow carries."""
        if not any(event.kind == "solver" for event in self._first_events):
            return ()
        shed_mw = sum(event.value for event in self._first_events if event.kind == "load_shed")
        return (
            f"The first schedule has no power flow solution: {shed_mw:.0f} MW are shed at t = 0 (dispatch is "
            "linear and knows no voltages).",
        )

    def _note(self, events: Sequence[tuple[float, str, str, str, float, str]]) -> None:
        for event in events:
            noted = PlantEvent(*event)
            self._events.append(noted)
            self.outcomes.add_event(noted.kind, noted.cause, noted.value)
