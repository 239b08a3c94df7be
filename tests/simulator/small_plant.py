"""A small plant for tests: IEEE 14 and a small water network, and how to run it."""

from collections.abc import Iterator
from contextlib import contextmanager

from simulator.plant import Plant, Report
from simulator.settings import GridSettings, PlantSettings, WaterSettings
from streams.messages import Command, Setpoint, Tap

SCAN_S = 4.0


def settings(**changes) -> PlantSettings:
    """IEEE 14 and Net1 on its bus 2."""
    values = {
        "seed": 5,
        "duration_s": 86_400.0,
        "scan_s": SCAN_S,
        "exchange_s": SCAN_S,
        "start": "2025-07-15T12:00:00",
        "grid": GridSettings(network="ieee14", security="n-0", protected_flows=4),
        "water": WaterSettings(network="net1", bus="2"),
        "protected_links": {},
        "budgets": (),
    }
    return PlantSettings(**(values | changes))


@contextmanager
def running(**changes) -> Iterator["Driver"]:
    """A plant that is closed at the end."""
    driver = Driver(Plant(settings(**changes)))
    try:
        yield driver
    finally:
        driver.plant.close()


class Driver:
    """Advances a plant scan by scan and keeps what happened. checks: called after every scan."""

    def __init__(self, plant: Plant) -> None:
        self.plant, self.k = plant, 0
        self.checks = []
        self.events = []
        self.report: Report = plant.advance([], 0.0)

    def scan(self, *inputs: Command | Tap) -> Report:
        self.k += 1
        self.report = self.plant.advance(inputs, self.k * SCAN_S)
        self.events += self.report.events
        for check in self.checks:
            check(self.plant)
        return self.report

    def hours(self, hours: float) -> Report:
        for _ in range(round(hours * 3600.0 / SCAN_S)):
            self.scan()
        return self.report

    def kinds(self, *kinds: str) -> list:
        return [event for event in self.events if event.kind in kinds]

    def value(self, tag: str, of: str = "received") -> float:
        names = [own.name for own in self.plant.model.tags]
        return float(getattr(self.report, of)[names.index(tag)])

    def isolate(self, bus: str) -> None:
        """Open every branch at a bus."""
        for i, branch in enumerate(self.plant.model.branches):
            if bus in (branch.from_bus, branch.to_bus):
                self.plant.grid.open_branch(i, "test")


def order(link: str, element: str, quantity: str, value: float) -> Command:
    """One set-point as a command."""
    setpoint = Setpoint(link=link, element=element, quantity=quantity, value=value)
    return Command(producer="control", seq=0, k=0, t_s=0.0, power_mw=[], setpoints=[setpoint])


def unit_orders(plant: Plant, power_mw: dict[str, float]) -> Command:
    """Set-points of these units as a command."""
    power = [power_mw.get(unit.name, float("nan")) for unit in plant.model.units]
    return Command(producer="control", seq=0, k=0, t_s=0.0, power_mw=power, setpoints=[])
