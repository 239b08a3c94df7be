"""Every physical figure of a summary on a case worked by hand.

``HAND_WORKED`` has one entry per figure; ``tests/scenarios/test_outcomes_page.py`` sees to it that none is
missing and that each is defined in docs/outcomes.md.
"""

import math
from contextlib import contextmanager

import numpy as np
import pytest

from simulator.outcomes import Outcomes
from simulator.settings import CoolingSettings, WaterSettings
from tests.simulator.balances import Balances
from tests.simulator.small_plant import SCAN_S, running
from tests.simulator.small_town import write_pipe

BUS_14_MW = 14.9
QUARTER_SCANS = 225  # of an hour
REQUIRED_M = 20.0 * 0.7030696  # 20 psi
REPLICATION = 40


@contextmanager
def steady(folder, head_m=30.0, **changes):
    """IEEE 14 at its nominal load and a customer at a reservoir, without noise; balances are checked."""
    town = write_pipe(folder, head_m, full_m=changes.pop("full_m", None))
    own = {"water": WaterSettings(network=town, replication=REPLICATION)} | changes
    with running(**own) as driver:
        nominal = driver.plant._case.load_mw.copy(), driver.plant._case.load_mvar.copy()
        driver.plant._nature.electric.at = lambda scan: nominal
        driver.plant._nature.water.at = lambda step: 1.0
        driver.checks.append(Balances(driver.plant))
        yield driver


def scans(driver, count):
    for _ in range(count):
        driver.scan()


def figures(driver):
    return driver.plant.outcomes.figures()


def bus_14(driver, blocks):
    """So many of the twenty feeders of bus 14 open."""
    load = np.array([driver.plant.grid._load_of_bus["14"]])
    driver.plant.grid.feeders.restore(load, "planned")
    driver.plant.grid.feeders.shed(load, blocks, "planned")


def energy_not_served_mwh(folder):
    """Half of 14.9 MW for a quarter of an hour, then all of it for another."""
    with steady(folder) as driver:
        bus_14(driver, 10)
        scans(driver, QUARTER_SCANS)
        bus_14(driver, 20)
        scans(driver, QUARTER_SCANS)
        bus_14(driver, 0)
        scans(driver, QUARTER_SCANS)
        return figures(driver)["energy_not_served_mwh"], BUS_14_MW * (0.5 + 1.0) * 0.25


def peak_load_shed_mw(folder):
    """The most at one time: three quarters, not the sum of what was open one after another."""
    with steady(folder) as driver:
        for blocks in (5, 15, 10, 0):
            bus_14(driver, blocks)
            scans(driver, 3)
        return figures(driver)["peak_load_shed_mw"], 0.75 * BUS_14_MW


def shed_mw_by_cause(folder):
    """Bus 14 cut off twice counts twice, under the cause that cut it."""
    with steady(folder) as driver:
        scans(driver, 1)
        for _ in range(2):
            driver.isolate("14")
            scans(driver, 1)
            for branch in np.flatnonzero(~driver.plant.grid.branch_closed):
                driver.plant.grid.close_branch(int(branch))
            scans(driver, 1)
        by_cause = driver.plant.outcomes.shed_mw_by_cause
        others = sum(mw for cause, mw in by_cause.items() if cause != "island")
        assert others == 0.0
        return by_cause["island"], 2 * BUS_14_MW


def lines_tripped(folder):
    """A line that trips, is closed and trips again counts twice; one that is opened by hand does not."""
    outcomes = Outcomes(60.0, 1)
    for kind in ("line_trip", "switch", "switch", "line_trip"):
        outcomes.add_event(kind, "overload", 1.0)
    return outcomes.figures()["lines_tripped"], 2.0


def generators_tripped(folder):
    """One by its own protection, and the condenser of bus 8 because its part of the grid went dead."""
    with steady(folder) as driver:
        scans(driver, 1)
        driver.plant.grid.trip_unit(driver.plant._unit_position["G6"], "test")
        driver.isolate("8")
        scans(driver, 2)
        return figures(driver)["generators_tripped"], 2.0


def min_frequency_hz(folder):
    """15 MW more, so slowly that nothing swings: droop and damping say how far frequency falls."""
    with steady(folder) as driver:
        scans(driver, 40)  # from the day's first demand to the nominal one
        grid, case = driver.plant.grid, driver.plant._case
        start_hz, losses_mw = float(grid.bus_frequency_hz[0]), grid.losses_mw
        demand_mw, demand_mvar = case.load_mw.copy(), case.load_mvar.copy()
        driver.plant._nature.electric.at = lambda scan: (demand_mw, demand_mvar)
        for _ in range(120):
            demand_mw[grid._load_of_bus["3"]] += 0.125
            driver.scan()
        scans(driver, 20)
        more_mw = 15.0 + grid.losses_mw - losses_mw
        droop_mw_hz = case.unit_p_max_mw.sum() / (0.05 * 60.0)
        damping_mw_hz = case.load_mw.sum() / 60.0
        fall_hz = more_mw / (droop_mw_hz + damping_mw_hz)
        assert fall_hz > 0.1
        return figures(driver)["min_frequency_hz"], pytest.approx(start_hz - fall_hz, abs=0.02 * fall_hz)


def water_not_delivered_m3(folder):
    """At 10 m instead of 14.06 the orifice law lets sqrt(10 / 14.06) of 36 m3/h out."""
    with steady(folder, head_m=10.0) as driver:
        scans(driver, 2 * QUARTER_SCANS)
        missing_m3h = 36.0 * (1.0 - math.sqrt(10.0 / REQUIRED_M))
        return figures(driver)["water_not_delivered_m3"], pytest.approx(
            REPLICATION * missing_m3h * 0.5, rel=1e-3
        )


def low_pressure_node_hours(folder):
    """One node with demand under 20 psi for half an hour; the one without demand does not count."""
    with steady(folder, head_m=10.0) as driver:
        scans(driver, 2 * QUARTER_SCANS)
        return figures(driver)["low_pressure_node_hours"], REPLICATION * 1 * 0.5


def tank_overflow_m3(folder):
    """A full tower at 29 m under a reservoir at 50 m: 21 m of head over 1,000 m of 200 mm, Hazen-Williams."""
    with steady(folder, head_m=50.0, full_m=4.0) as driver:
        scans(driver, 4 * QUARTER_SCANS)
        slope = (50.0 - 29.0) / 1000.0
        flow_m3s = (slope * 130.0**1.852 * 0.2**4.871 / 10.67) ** (1.0 / 1.852)
        return figures(driver)["tank_overflow_m3"], pytest.approx(REPLICATION * flow_m3s * 3600.0, rel=5e-3)


def contaminant_consumed_g(folder):
    """Nothing is known of it where water quality is not modelled."""
    with steady(folder) as driver:
        return figures(driver)["contaminant_consumed_g"], None


def plant_derated_mwh(folder):
    """A quarter of the required pressure delivers half the water; half of 140 MW lacks for half an hour."""
    cooling = CoolingSettings(unit="G2", node="J2", technology="coal_once_through", replication=100_000)
    with steady(folder, head_m=REQUIRED_M / 4.0, coolings=(cooling,)) as driver:
        scans(driver, 2 * QUARTER_SCANS)
        return figures(driver)["plant_derated_mwh"], pytest.approx(0.5 * 140.0 * 0.5, rel=1e-2)


HAND_WORKED = {
    f"outcome.{check.__name__}": check
    for check in (
        energy_not_served_mwh,
        peak_load_shed_mw,
        shed_mw_by_cause,
        lines_tripped,
        generators_tripped,
        min_frequency_hz,
        water_not_delivered_m3,
        low_pressure_node_hours,
        tank_overflow_m3,
        contaminant_consumed_g,
        plant_derated_mwh,
    )
}


@pytest.mark.parametrize("figure", HAND_WORKED)
def test_a_figure_is_what_a_hand_works_out(figure, tmp_path):
    found, expected = HAND_WORKED[figure](tmp_path)
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_every_figure_of_the_plant_is_in_the_table():
    own = Outcomes(60.0, 1)
    assert {f"outcome.{name}" for name in (*own.figures(), "shed_mw_by_cause")} == set(HAND_WORKED)


def test_a_quiet_run_has_no_harm():
    with running(water=WaterSettings(network="net1", bus="2")) as driver:
        driver.hours(0.2)
        harm = figures(driver)
    assert harm.pop("min_frequency_hz") > 59.9
    assert harm.pop("contaminant_consumed_g") is None
    assert set(harm.values()) == {0.0}
    assert driver.k == 0.2 * 3600 / SCAN_S
