"""Plant and control centre bound together, without a bus."""

from simulator.control.centre import ControlCentre
from simulator.control.telemetry_vector import TelemetryVector
from simulator.plant_role import PlantRole
from simulator.settings import ControlSettings, GridSettings, PlantSettings, WaterSettings
from streams.messages import Command, Event, Telemetry

STEP_S = 4.0


class Loop:
    """One exchange per ``step``: commands of the last one reach the plant, telemetry reaches the centre."""

    def __init__(self, network="ieee39", budgets=(), load_scale=0.7, control=None, security="n-1", **grid):
        control = control or ControlSettings()
        settings = PlantSettings(
            seed=7,
            duration_s=86_400.0,
            scan_s=STEP_S,
            exchange_s=STEP_S,
            start="2025-07-15T12:00:00",
            grid=GridSettings(network=network, security=security, load_scale=load_scale, **grid),
            water=WaterSettings(network="net1"),
            protected_links={},
            budgets=tuple(budgets),
            control=control,
        )
        self.role = PlantRole(settings)
        self.grid, self.case, self.model = self.role.plant.grid, self.role.plant._case, self.role.plant.model
        self.centre = ControlCentre(self.model, control)
        self.vector = TelemetryVector(self.model)
        self.k, self.t_s = 0, 0.0
        self.commands, self.events, self.orders = [], [], []
        self.telemetry = []

    def step(self, taps=()):
        out = self.role.step(self.k, self.t_s, {"commands": self.commands, "taps": list(taps)})
        self.events += [o.message for o in out if isinstance(o.message, Event)]
        self.telemetry = [o.message for o in out if isinstance(o.message, Telemetry)]
        received, stations = self.vector.assemble(self.telemetry)
        water_reported = any(tank.station in stations for tank in self.model.tanks)
        power_mw, setpoints = self.centre.decide(self.t_s, received, water_reported)
        self.orders += [(self.t_s, s) for s in setpoints if s.quantity != "level_m"]
        self.commands = [
            Command("control", self.k, self.k, self.t_s, power_mw=power_mw.tolist(), setpoints=setpoints)
        ]
        self.k, self.t_s = self.k + 1, self.t_s + STEP_S

    def run(self, seconds, taps=()):
        self.step(taps)
        for _ in range(round(seconds / STEP_S) - 1):
            self.step()

    def open(self, *branches, cause="fault"):
        for name in branches:
            self.grid.open_branch(self.case.branch_index(name), cause)

    def closed(self, name):
        return bool(self.grid.branch_closed[self.case.branch_index(name)])

    def ordered(self, quantity):
        return [(t, s.element, s.value) for t, s in self.orders if s.quantity == quantity]

    def close(self):
        self.role.close()
