"""Energy and mass balance of a plant, checked from its public state after any ``Plant.advance``."""

import numpy as np

from simulator.grid.powerflow import DEAD
from simulator.plant import Plant
from simulator.water.engine import STILL_M3H

POWER_TOLERANCE_MW = 5e-3  # the power flow's own mismatch, summed over an island
EXACT_MW = 1e-6
WATER_SHARE = 1e-4  # of what flowed: EPANET stops at a relative flow change of 1e-3 per solution


class Balances:
    """Call it after each ``Plant.advance`` of one scan; it raises AssertionError where something is lost.

    It must see every scan, because a feeder carries the pumps' power as it was when the scan began.
    """

    def __init__(self, plant: Plant) -> None:
        self._start_volume_m3 = float(plant.water.tank_volume_m3.sum())
        self._expected: dict[tuple[int, int], float] = {}
        self._backup_kwh = [state.backup.energy_kwh for state in plant.coupling.supplies.states]
        self.scans = 0
        self.grid_kwh = self.backup_kwh = self.pump_kwh = 0.0
        self._remember(plant)

    def __call__(self, plant: Plant) -> None:
        self.scans += 1
        check_islands(plant)
        check_demand(plant)
        self._check_pumps(plant)
        self._check_water(plant)
        self._remember(plant)

    def _check_pumps(self, plant: Plant) -> None:
        """The bus carries replication times what pumps draw, the backup what it feeds, and no one else."""
        grid, supplies = plant.grid, plant.coupling.supplies
        drawn = np.zeros(len(grid.load_demand_mw))
        for (load, feeder), mw in self._expected.items():
            drawn[load] += mw if grid.feeders.alive(load, feeder) else 0.0
        np.testing.assert_allclose(grid.feeders.draw_mw(), drawn, atol=EXACT_MW)
        hours = plant.settings.scan_s / 3600.0
        for n, state in enumerate(supplies.states):
            gained = state.backup.energy_kwh - self._backup_kwh[n]
            assert abs(gained - self._on_backup_kw[n] * hours) < 1e-9
            self.backup_kwh += gained
        self.grid_kwh += float(drawn.sum()) * 1000.0 * hours / plant.settings.water.replication
        self.pump_kwh += self._all_kw * hours

    def _check_water(self, plant: Plant) -> None:
        """Inflow = delivered + leaked + stored + spilled, since t = 0."""
        water = plant.water
        stored = float(water.tank_volume_m3.sum()) - self._start_volume_m3
        lost = water.supplied_m3 - water.delivered_m3 - water.leaked_m3 - stored - water.tank_overflow_m3
        throughput = abs(water.supplied_m3) + water.delivered_m3
        allowed = WATER_SHARE * throughput + STILL_M3H * water.t_s / 3600.0
        assert abs(lost) <= allowed, (lost, throughput)

    def _remember(self, plant: Plant) -> None:
        """What pumps draw now, and from where; a pump whose contactor is open draws nothing."""
        power_kw, replication = plant.water.pump_power_kw, plant.settings.water.replication
        self._expected, self._on_backup_kw = {}, []
        names, self._all_kw = plant.water.layout.pump_names, 0.0
        for own, state in zip(plant.coupling.supplies.declared, plant.coupling.supplies.states, strict=True):
            feeding = [float(power_kw[names.index(pump)]) for pump in own.pumps]
            for kw, carried in zip(feeding, state.carried, strict=True):
                assert carried or kw == 0.0
            place = (own.load, own.settings.feeder)
            on_mains_kw = sum(feeding) if state.source == "mains" else 0.0
            self._expected[place] = self._expected.get(place, 0.0) + replication * on_mains_kw / 1000.0
            self._on_backup_kw.append(sum(feeding) if state.source == "backup" else 0.0)
            self._all_kw += sum(feeding)
        self._backup_kwh = [state.backup.energy_kwh for state in plant.coupling.supplies.states]


def check_islands(plant: Plant) -> None:
    """Generation = served load + losses with shunts in every island; nothing in a dead one."""
    grid, case = plant.grid, plant._case
    flow = grid._flow
    losses_mw = flow.island_losses_mw
    load_island, unit_island = flow.bus_island[case.load_bus], flow.bus_island[case.unit_bus]
    for k in range(len(flow.islands)):
        generated = grid.unit_power_mw[unit_island == k].sum()
        served = grid.load_served_mw[load_island == k].sum()
        assert abs(generated - served - losses_mw[k]) < POWER_TOLERANCE_MW, (k, generated, served)
    assert not grid.load_served_mw[load_island == DEAD].any()
    assert not grid.unit_power_mw[unit_island == DEAD].any()


def check_demand(plant: Plant) -> None:
    """Demand = served + shed at every load; what is served beside that is the pumps' own draw."""
    grid = plant.grid
    connected = grid.load_demand_mw - grid.load_shed_mw
    assert (grid.load_shed_mw >= -EXACT_MW).all()
    factor = grid._dynamics.damping_factor(grid._flow.bus_island)
    served = grid.load_served_mw - grid.feeders.draw_mw()
    np.testing.assert_allclose(served, connected * factor, atol=EXACT_MW)
