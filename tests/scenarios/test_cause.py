"""The flagship's cascade has one cause: falsified telemetry, and enough of it; nothing fails by script."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import msgspec
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from scenarios.scenario import load_scenario
from scenarios.workers import usable_cores
from streams.plant_model import PlantModel
from tests.scenarios.flagship_arms import Way, run_way
from tests.scenarios.recorded import columns, same_bits

DURATION_S = load_scenario("flagship").scenario.duration_s
"""The whole of it: towns without pumps take two to four hours to run dry."""

WAYS = (
    Way("third", 1.0 / 3.0, False, DURATION_S),
    Way("as_shipped", 1.0, False, DURATION_S),
    Way("muted", 1.0, True, DURATION_S),
)


class Arm:
    """A recorded arm."""

    def __init__(self, done):
        self.folder, self.proposed = done
        self.figures = msgspec.json.decode((self.folder / "outcome.json").read_bytes())
        self.events = pq.read_table(self.folder / "events.parquet")
        self.model = PlantModel.decode((self.folder / "plant_model.json").read_bytes())

    def table(self, name):
        return columns(self.folder / f"{name}.parquet")

    def times(self, kind):
        return self.events.filter(pc.equal(self.events["kind"], kind))["t_s"].to_pylist()

    def __getitem__(self, figure):
        return self.figures["figures"][figure]


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    """Name of a way -> the recorded arm. One process each, as many at once as there are cores."""
    out = tmp_path_factory.mktemp("flagship")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(usable_cores(), len(WAYS)), mp_context=context) as pool:
        done = pool.map(run_way, ["flagship"] * len(WAYS), WAYS, [out] * len(WAYS))
        return {way.name: Arm(result) for way, result in zip(WAYS, done, strict=True)}


def test_the_attack_ends_in_a_cascade(arms):
    arm = arms["as_shipped"]
    trips = arm.events.filter(pc.equal(arm.events["kind"], "line_trip"))
    by_relay = trips.filter(pc.equal(trips["cause"], "overload"))
    assert by_relay.num_rows >= 3
    assert arm["lines_tripped"] == trips.num_rows
    load_mw = sum(bus.load_mw for bus in arm.model.buses)
    assert arm["peak_load_shed_mw"] >= 0.05 * load_mw > 200.0
    by_cause = arm.figures["shed_mw_by_cause"]
    assert by_cause["planned"] == 0.0
    assert sum(by_cause.values()) >= 0.05 * load_mw
    # First the lie, then the trips, then the darkness, then the pumps.
    assert arm.times("tap_in")[0] < trips["t_s"][0].as_py() < arm.times("load_shed")[0]
    assert arm.times("load_shed")[0] <= arm.times("pump_lost")[0]


def test_pumps_lost_with_the_grid_leave_customers_without_pressure(arms):
    arm, whole = arms["as_shipped"], arms["muted"]
    assert arm["low_pressure_node_hours"] > 10.0 * whole["low_pressure_node_hours"] + 1000.0
    assert arm["water_not_delivered_m3"] > 10.0 * whole["water_not_delivered_m3"]
    truth = arm.table("truth")
    after = truth["t_s"] > arm.times("pump_lost")[-1] + 60.0
    assert after.any()
    assert not any(truth[pump.status_tag][after].any() for pump in arm.model.pumps)


def test_without_the_taps_the_same_attackers_do_nothing(arms):
    arm = arms["muted"]
    # Both attackers were at work: one plans lies for substations, the other for tanks.
    assert {link[:3] for link in arm.proposed if not link.startswith("S")} == {"RTU"}
    assert any(link.startswith("S") for link in arm.proposed)
    quiet = {"line_trip", "generator_trip", "load_shed", "island", "pump_lost", "tap_in", "tap_refused"}
    assert not quiet & set(arm.events["kind"].to_pylist())
    assert arm["lines_tripped"] == arm["generators_tripped"] == 0
    assert arm["peak_load_shed_mw"] == arm["energy_not_served_mwh"] == 0.0
    assert same_bits(arm.table("telemetry"), arm.table("measured"))


def test_until_the_first_tap_nothing_tells_the_arms_apart(arms):
    first = arms["as_shipped"].times("tap_in")[0]
    for name in ("truth", "measured", "telemetry", "links", "loading"):
        one, other = (arms[way].table(name) for way in ("as_shipped", "muted"))
        before = one["t_s"] < first
        assert before.sum() > 400
        assert same_bits(*({tag: of[tag][before] for tag in of} for of in (one, other)))


def test_a_third_of_the_budget_trips_nothing(arms):
    arm = arms["third"]
    assert arm["lines_tripped"] == arm["generators_tripped"] == 0
    assert arm["peak_load_shed_mw"] == arm["energy_not_served_mwh"] == 0.0
    # It was no idle attacker: it tampered with substations, to the full of what it had left.
    tapped = arm.events.filter(pc.equal(arm.events["kind"], "tap_in"))["element"].to_pylist()
    assert sum(link.startswith("S") for link in tapped) > 50
    reach = load_scenario("flagship").attack[0].eps / 3.0
    measured, received = arm.table("measured"), arm.table("telemetry")
    moved = {
        tag.name: np.nanmax(np.abs(received[tag.name] - measured[tag.name])) / (tag.high - tag.low)
        for tag in arm.model.tags
        if tag.station.startswith("S")
    }
    assert 0.99 * reach < max(moved.values()) <= reach * (1.0 + 1e-9)
