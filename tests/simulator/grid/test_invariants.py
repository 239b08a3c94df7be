"""Random driving: every power flow balances, every megawatt is accounted for, every run repeats."""

from collections import Counter

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.events import EventLog
from tests.simulator.grid.driving import drive_randomly, start, watched

KINDS = {
    "switch", "island", "line_trip", "generator_trip", "field_forced", "load_shed", "solver",
    "voltage_collapse",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "steps"), [("ieee14", 1500), ("ieee39", 1500), ("rts24", 1500), ("ieee118", 1000)]
)
def test_balance_and_bookkeeping_under_random_driving(name, steps):
    """The balance is checked after every power flow by the driver; here is what the events must say."""
    case = load_case(name)
    seen, tripped, grid_before, last_s = Counter(), Counter(), None, 0.0
    for grid, events in drive_randomly(case, 5, steps):
        if grid is not grid_before:
            grid_before, last_s = grid, 0.0
            tripped = Counter()
        for event in events:
            assert event.kind in KINDS
            assert np.isfinite(event.value)
            assert last_s <= event.t_s <= grid.t_s
            last_s = event.t_s
            if event.kind == "generator_trip":
                tripped[event.element] += 1
            elif event.cause == "started":
                tripped[event.element] -= 1
        off = {case.unit_name[i] for i in np.flatnonzero(~grid.unit_on)}
        assert {unit for unit, times in tripped.items() if times} == off
        assert set(tripped.values()) <= {0, 1}
        seen.update((event.kind, event.cause) for event in events)
    assert seen["line_trip", "overload"] or name in ("ieee14", "rts24")
    for what in (
        ("load_shed", "ufls"),
        ("load_shed", "uvls"),
        ("load_shed", "island"),
        ("generator_trip", "frequency"),
    ):
        assert seen[what], what
    assert seen["solver", "no power flow solution"]


@pytest.mark.parametrize("name", ["ieee39", "ieee118"])
def test_twin_runs_are_bit_equal(name):
    first, second = (list(trace(name)) for _ in range(2))
    assert len(first) == 300
    for one, other in zip(first, second, strict=True):
        assert one == other


def trace(name):
    for grid, events in drive_randomly(load_case(name), 11, 300):
        state = (grid.bus_voltage_pu, grid.unit_power_mw, grid.bus_frequency_hz, grid.branch_flow_from_mw)
        yield events, [array.tobytes() for array in (*state, grid.load_served_mw)], grid.shed_mw_by_cause


def test_calm_running_reports_nothing():
    case = load_case("ieee118")
    grid, rng = watched(start(case)), np.random.default_rng(0)
    for _ in range(300):
        noise = 1.0 + 0.003 * rng.standard_normal(len(case.load_mw))
        grid.set_demand(case.load_mw * noise, case.load_mvar * noise)
        assert grid.advance(grid.t_s + 4.0) == []
    assert abs(grid.bus_frequency_hz - 60.0).max() < 0.05


def test_the_log_hands_out_each_event_once():
    log = EventLog(load_case("ieee14"))
    log.islands(1.0, [3, 2])
    assert [event.value for event in log.take()] == [3.0]
    assert log.take() == []
