"""Operators bring back what tripped, by switching orders decided on received values alone.

One switching at a time, ``switching_s`` apart and not before ``reclose_s`` after the element was seen out:
first lines between live buses, then dead buses from live neighbours, then ties between islands. A dead part
comes back bus by bus, for its lines without load would raise the voltage beyond bounds together. Units start
again by themselves after their hot-start time. Load comes back feeder by feeder, ``pick_up_s`` apart. An
order that shows no effect is repeated; a line or a feeder that opens again waits twice as long each time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.control.believed_units import BelievedUnits
from simulator.control.pick_up import next_feeders
from simulator.control.received import ReceivedState
from simulator.control.reclosing import Sight, may_close
from simulator.control.redispatch import Redispatch
from simulator.control.restart_times import hot_start_s
from simulator.control.scan_kernels import any_below, finite_median
from simulator.settings import ControlSettings
from streams.messages import Setpoint
from streams.plant_model import PlantModel

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DEAD_PU = 0.3
RETRY_S = 300.0
MAX_DOUBLINGS = 6
SEEN_EXCHANGES = 3
KINDS = ("loop", "energise", "tie")
REACH_MIN = 10.0


class Restoration:
    """What was in service at the first report is brought back; what was out from the start stays out."""

    def __init__(
        self,
        model: PlantModel,
        received: ReceivedState,
        redispatch: Redispatch,
        believed: BelievedUnits,
        settings: ControlSettings,
    ) -> None:
        self._model, self._received, self._settings = model, received, settings
        self._redispatch, self._believed = redispatch, believed
        index = {bus.name: i for i, bus in enumerate(model.buses)}
        self._voltage_slots = received.slots(b.voltage_tag for b in model.buses)
        self._feeder_slots = received.slots(b.feeders_tag for b in model.buses)
        self._power_slots = received.slots(u.power_tag for u in model.units)
        self._frequency_slots = received.slots(u.frequency_tag for u in model.units)
        lows = {tag.name: tag.low for tag in model.tags}
        self._frequency_low = np.array([lows.get(u.frequency_tag, 0.0) for u in model.units])
        station = {bus.name: bus.station for bus in model.buses}
        self._branch_link = [f"SCADA>{station[b.from_bus]}" for b in model.branches]
        self._unit_bus = np.array([index[u.bus] for u in model.units], dtype=np.intp)
        self._load_mw = np.array([b.load_mw for b in model.buses])
        self._reach = np.array([u.ramp_mw_per_min for u in model.units]) * REACH_MIN
        self._hot_start_s = np.array([hot_start_s(u) for u in model.units])
        self._wanted: Flags | None = None
        self._feeders: Floats = np.zeros(len(model.buses))
        self._branch_due = np.full(len(model.branches), np.nan)
        self._openings = np.zeros(len(model.branches), dtype=np.int64)
        self._split = np.zeros(len(model.branches), dtype=np.bool_)
        self._unit_due = np.full(len(model.units), np.nan)
        self._shed_due = np.full(len(model.buses), np.nan)
        self._expected_feeders: Floats = np.zeros(len(model.buses))
        self._picked_up_s = np.full(len(model.buses), np.nan)
        self._setbacks = np.zeros(len(model.buses), dtype=np.int64)
        self._switching_due = self._pick_up_due = 0.0
        self._waiting = self._branches_out = False
        self._closed: Flags | None = None  # of which ``_branches_out`` tells

    def decide(self, t_s: float) -> list[Setpoint]:
        """Orders of one exchange, none as long as all is in service; ``Redispatch.observe`` comes first."""
        if self._wanted is None:
            self._wanted = self._redispatch.closed.copy()
            self._feeders = self._received.values[self._feeder_slots]
        if self._all_in_service(self._wanted):
            if self._waiting:
                self._branch_due[:] = self._unit_due[:] = self._shed_due[:] = self._picked_up_s[:] = np.nan
                self._waiting = False
            return []
        self._waiting = True
        feeders = self._received.values[self._feeder_slots]
        # NaN compares as "not below": no instrument or nothing heard.
        shed = feeders < self._feeders
        self._note(t_s, self._wanted & ~self._redispatch.closed, ~self._believed.on, shed)
        self._note_setbacks(t_s, feeders)
        return self._act(t_s, feeders)

    def _all_in_service(self, wanted: Flags) -> bool:
        if not self._believed.all_proven:
            return False
        if self._closed is not self._redispatch.closed:
            self._closed = self._redispatch.closed
            self._branches_out = bool((wanted & ~self._closed).any())
        return not self._branches_out and not any_below(
            self._received.values, self._feeder_slots, self._feeders
        )

    def _note(self, t_s: float, out: Flags, off: Flags, shed: Flags) -> None:
        """Start and stop the waiting times of all that is seen out of service."""
        settings = self._settings
        fresh = out & np.isnan(self._branch_due)
        wait = settings.reclose_s * 2.0 ** np.minimum(self._openings, MAX_DOUBLINGS)
        wait[self._split] = 0.0
        self._branch_due[fresh] = t_s + wait[fresh]
        self._openings[fresh & ~self._split] += 1
        self._branch_due[~out] = np.nan
        fresh = off & np.isnan(self._unit_due)
        self._unit_due[fresh] = t_s + self._hot_start_s[fresh]
        self._unit_due[~off & ~self._believed.unproven] = np.nan
        self._shed_due[shed & np.isnan(self._shed_due)] = t_s + settings.reclose_s
        self._shed_due[~shed] = np.nan

    def _note_setbacks(self, t_s: float, feeders: Floats) -> None:
        """Where feeders open again after a pick-up the next one waits, twice as long each time."""
        # An order takes an exchange to arrive and one more to be seen; a relay may undo it in between.
        seen = t_s - self._picked_up_s >= SEEN_EXCHANGES * self._model.exchange_s
        again = seen & (feeders < self._expected_feeders)
        wait = self._settings.reclose_s * 2.0 ** np.minimum(self._setbacks, MAX_DOUBLINGS)
        self._shed_due[again] = t_s + wait[again]
        self._setbacks[again] += 1
        self._picked_up_s[again] = np.nan

    def _act(self, t_s: float, feeders: Floats) -> list[Setpoint]:
        units = np.flatnonzero(~self._believed.on & (self._unit_due <= t_s))
        branches = np.flatnonzero(self._branch_due <= t_s) if t_s >= self._switching_due else units[:0]
        loads = np.flatnonzero(self._shed_due <= t_s) if t_s >= self._pick_up_due else units[:0]
        if not units.size and not branches.size and not loads.size:
            return []
        sight = self._look()
        dead = self._dead(sight)
        orders = [order for unit in units if (order := self._start(t_s, int(unit), sight, dead))]
        orders += self._switch(t_s, branches, sight, dead)
        live = loads[~dead[loads]]
        chosen = next_feeders(
            live, feeders, self._feeders, sight, self._believed_capacity(), self._redispatch
        )
        if chosen:
            self._pick_up_due = t_s + self._settings.pick_up_s
            self._picked_up_s[chosen] = t_s
            self._expected_feeders[chosen] = feeders[chosen] + 1.0
        buses = self._model.buses
        orders += [
            Setpoint(f"SCADA>{buses[i].station}", buses[i].name, "feeders_closed", float(feeders[i]) + 1.0)
            for i in chosen
        ]
        return orders

    def _switch(self, t_s: float, branches: NDArray[np.intp], sight: Sight, dead: Flags) -> list[Setpoint]:
        """At most one branch, the one that has waited longest among the first kind there is."""
        found: dict[str, int] = {}
        for branch in branches[np.argsort(self._branch_due[branches], kind="stable")].tolist():
            kind = may_close(branch, sight, self._redispatch, dead)
            if kind:
                found.setdefault(kind, branch)
            if kind == KINDS[0]:
                break
        if not found:
            return []
        branch = found[next(kind for kind in KINDS if kind in found)]
        self._switching_due = t_s + self._settings.switching_s
        self._branch_due[branch] = t_s + RETRY_S
        self._split[branch] = False
        return [
            *self._split_off(branch, dead),
            *self._cut_loads(branch, sight, dead),
            self._order(branch, closed=True),
        ]

    def _order(self, branch: int, closed: bool) -> Setpoint:
        name = self._model.branches[branch].name
        return Setpoint(self._branch_link[branch], name, "branch_closed", float(closed))

    def _split_off(self, branch: int, dead: Flags) -> list[Setpoint]:
        """Open what leads on from the dead bus that a branch will energise; it is closed in its turn."""
        network = self._redispatch.dc.network
        start, end = network.start, network.end
        first = start[branch] if dead[start[branch]] else end[branch]
        onward = ((start == first) | (end == first)) & dead[start] & dead[end] & self._redispatch.closed
        self._split |= onward
        return [self._order(int(i), closed=False) for i in np.flatnonzero(onward)]

    def _cut_loads(self, branch: int, sight: Sight, dead: Flags) -> list[Setpoint]:
        """Open all feeders of the dead part that a branch will energise: its load comes back in blocks."""
        network = self._redispatch.dc.network
        ends = [int(network.start[branch]), int(network.end[branch])]
        parts = sight.island[[end for end in ends if dead[end]]]
        return [
            Setpoint(f"SCADA>{bus.station}", bus.name, "feeders_closed", 0.0)
            for bus, label in zip(self._model.buses, sight.island, strict=True)
            if bus.feeders_tag and label in parts
        ]

    def _start(self, t_s: float, unit: int, sight: Sight, dead: Flags) -> Setpoint | None:
        """Synchronise a unit whose bus is alive and near nominal frequency."""
        bus = int(self._unit_bus[unit])
        if dead[bus] or not sight.steady(int(sight.island[bus])):
            return None
        self._unit_due[unit] = t_s + RETRY_S
        self._believed.started(unit)
        entry = self._model.units[unit]
        return Setpoint(entry.command_link, entry.name, "unit_on", 1.0)

    def _believed_capacity(self) -> dict[int, float]:
        """Label of an island -> capacity of its units that run, MW."""
        return self._by_island(self._believed.capacity_mw)

    def _by_island(self, amount: Floats) -> dict[int, float]:
        island = self._redispatch.island[self._unit_bus]
        total = np.bincount(island, weights=amount, minlength=len(self._load_mw))
        return {int(label): float(total[label]) for label in np.unique(island)}

    def _look(self) -> Sight:
        island = self._redispatch.island
        power = self._received.take(self._power_slots)
        room = np.clip(self._believed.capacity_mw - power, 0.0, self._reach)
        headroom = self._by_island(room)
        hz = self._received.values[self._frequency_slots]
        frequencies: dict[int, float] = {}
        for label in headroom:
            here = island[self._unit_bus] == label
            running = here & self._believed.on
            if running.any():
                frequencies[label] = finite_median(hz[running], self._frequency_low[running])
        return Sight(
            self._received.take(self._voltage_slots, missing=1.0),
            island,
            self._load_mw,
            frequencies,
            headroom,
            self._model.nominal_frequency_hz,
        )

    def _dead(self, sight: Sight) -> Flags:
        return np.asarray(sight.voltage_pu < DEAD_PU)
