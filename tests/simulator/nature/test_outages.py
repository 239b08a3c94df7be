"""What fails, how often, in which weather, and how long the crews take."""

from datetime import datetime

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.nature import outages, reliability
from simulator.nature.instrument_failures import frozen_instruments
from simulator.nature.outages import failures, random_faults
from simulator.nature.reliability import YEAR_H, Hazard
from simulator.nature.repairs import TRAVEL_S, Failure, Outage, repaired
from simulator.nature.storms import NORMAL_H, STORM_H, Spell, drawn_storms
from simulator.settings import NatureSettings
from simulator.water.engine import Engine
from simulator.water.network import find_inp

YEAR_S = YEAR_H * 3600.0
HOUR_S = 3600.0

# IEEE RTS-79, branch outage data: kV, miles, permanent and transient outages a year, hours out.
RTS_LINES = [
    (138, 55.0, 0.51, 2.9, 10),
    (138, 22.0, 0.33, 1.2, 10),
    (138, 33.0, 0.39, 1.7, 10),
    (138, 50.0, 0.48, 2.6, 10),
    (138, 31.0, 0.38, 1.6, 10),
    (138, 27.0, 0.36, 1.4, 10),
    (138, 23.0, 0.34, 1.2, 10),
    (138, 16.0, 0.30, 0.8, 10),
    (138, 43.0, 0.44, 2.3, 10),
    (230, 33.0, 0.40, 0.8, 11),
    (230, 29.0, 0.39, 0.7, 11),
    (230, 67.0, 0.52, 1.6, 11),
    (230, 60.0, 0.49, 1.5, 11),
    (230, 27.0, 0.38, 0.7, 11),
    (230, 12.0, 0.33, 0.3, 11),
    (230, 34.0, 0.41, 0.8, 11),
    (230, 36.0, 0.41, 0.9, 11),
    (230, 18.0, 0.35, 0.4, 11),
    (230, 16.0, 0.34, 0.4, 11),
    (230, 10.0, 0.32, 0.2, 11),
    (230, 73.0, 0.54, 1.8, 11),
    (230, 27.5, 0.38, 0.7, 11),
    (230, 15.0, 0.34, 0.4, 11),
    (230, 47.0, 0.45, 1.2, 11),
]


@pytest.mark.parametrize(("kv", "miles", "permanent", "transient", "hours"), RTS_LINES)
def test_rates_of_lines_are_those_of_the_test_system(kv, miles, permanent, transient, hours):
    rates = reliability.FROM_230_KV if kv >= 230 else reliability.BELOW_230_KV
    assert rates.terminal + rates.per_mile * miles == pytest.approx(permanent, abs=0.0101)
    assert rates.transient_per_mile * miles == pytest.approx(transient, abs=0.0501)
    assert rates.repair_h == hours


def test_lengths_follow_from_reactance():
    """The test system's own lines, whose lengths are published."""
    case = load_case("rts24")
    miles = reliability.line_miles(case)
    for name, published in (("1-3", 55.0), ("2-4", 33.0), ("11-13", 33.0), ("17-22", 73.0), ("21-22", 47.0)):
        assert miles[case.branch_index(name)] == pytest.approx(published, rel=0.05)
    assert miles[case.branch_index("3-24")] == 0.0


def test_hazards_of_the_test_system():
    case = load_case("rts24")
    permanent, transient = reliability.line_hazards(case)
    line, transformer = case.branch_index("1-3"), case.branch_index("3-24")
    assert permanent.per_year[line] == pytest.approx(0.51, abs=0.02)
    assert transient.per_year[line] == pytest.approx(2.9, abs=0.15)
    assert (permanent.per_year[transformer], permanent.repair_h[transformer]) == (0.02, 768.0)
    assert transient.per_year[transformer] == 0.0
    units = reliability.unit_hazard(case)
    rate = dict(zip(np.round(case.unit_p_max_mw).tolist(), units.per_year.tolist(), strict=True))
    assert rate[400.0] == pytest.approx(8760.0 / 1100.0)
    assert rate[0.0] == 0.0
    # Forced outage rates of the report: MTTR / (MTTF + MTTR).
    published = {
        12: 0.02,
        20: 0.10,
        50: 0.01,
        76: 0.02,
        100: 0.04,
        155: 0.04,
        197: 0.05,
        350: 0.08,
        400: 0.12,
    }
    for size, (to_failure_h, repair_h) in reliability.UNITS.items():
        assert repair_h / (to_failure_h + repair_h) == pytest.approx(published[size], abs=1e-3)


def test_storm_rates_keep_the_mean():
    normal, adverse = reliability.storm_factors(0.5)
    assert (normal * NORMAL_H + adverse * STORM_H) / (NORMAL_H + STORM_H) == pytest.approx(1.0)
    assert adverse * STORM_H == pytest.approx(normal * NORMAL_H)
    assert reliability.storm_factors(0.0) == (1.0, 1.0)


def test_burst_by_hand():
    # A tenth of a 300 mm pipe, 70.7 cm2: 0.6 A sqrt(2 g h) at 30 m.
    leak = reliability.burst_coefficient(0.3) * np.sqrt(30.0)
    assert leak == pytest.approx(3600.0 * 0.6 * 0.00706858 * np.sqrt(2 * 9.80665 * 30.0), rel=1e-5)


def test_failures_come_at_their_rate_and_cluster_in_storms():
    names = tuple(f"L{i}" for i in range(2000))
    storms = drawn_storms(1, datetime(2025, 1, 1), YEAR_S, [1])
    hazard = Hazard(np.full(2000, 0.5), np.full(2000, 10.0), 0.5)
    found = failures(1, "line", names, hazard, [1] * 2000, storms, YEAR_S)
    inside = [f for f in found if any(s.start_s <= f.t_s < s.end_s for s in storms)]
    stormy_h = sum(min(s.end_s, YEAR_S) - max(s.start_s, 0.0) for s in storms if s.start_s < YEAR_S) / HOUR_S
    normal, adverse = reliability.storm_factors(0.5)
    assert len(inside) == pytest.approx(1000.0 * adverse * stormy_h / YEAR_H, rel=0.1)
    assert len(found) - len(inside) == pytest.approx(1000.0 * normal * (1 - stormy_h / YEAR_H), rel=0.1)
    assert np.mean([f.work_s for f in found]) == pytest.approx(9.0 * HOUR_S, rel=0.1)
    assert found == sorted(found)


def test_a_line_fails_whatever_other_lines_there_are():
    hazard = Hazard(np.full(40, 20.0), np.full(40, 10.0), 0.5)
    names = tuple(f"L{i}" for i in range(40))
    storms = [Spell(1, 1000.0, 9000.0)]
    every = failures(4, "line", names, hazard, [1] * 40, storms, 0.2 * YEAR_S)
    few = Hazard(hazard.per_year[:5], hazard.repair_h[:5], 0.5)
    some = failures(4, "line", names[:5], few, [1] * 5, storms, 0.2 * YEAR_S)
    assert some == [f for f in every if f.position < 5]
    assert len(some) > 5
    assert failures(5, "line", names[:5], few, [1] * 5, storms, 0.2 * YEAR_S) != some


def test_one_crew_takes_one_after_the_other():
    jobs = [Failure(0.0, "line", 0, 3600.0), Failure(10.0, "line", 1, 0.0), Failure(20.0, "line", 2, 60.0)]
    one = repaired(jobs, 1)
    assert [o.end_s for o in one] == [TRAVEL_S + 3600.0, 2 * TRAVEL_S + 3600.0, 3 * TRAVEL_S + 3660.0]
    two = repaired(jobs, 2)
    assert [o.end_s for o in two] == [TRAVEL_S + 3600.0, 10.0 + TRAVEL_S, 10.0 + 2 * TRAVEL_S + 60.0]
    assert [o.end_s for o in repaired(jobs, None)] == [TRAVEL_S + 3600.0, 10.0 + TRAVEL_S, 80.0 + TRAVEL_S]


def test_what_is_out_does_not_fail_again():
    again = [Failure(0.0, "line", 0, 0.0), Failure(10.0, "line", 0, 0.0), Failure(10.0, "pump", 0, 0.0)]
    assert repaired(again, 2) == [Outage(0.0, "line", 0, TRAVEL_S), Outage(10.0, "pump", 0, 10.0 + TRAVEL_S)]


@pytest.fixture(scope="module")
def layout():
    engine = Engine(find_inp("net3"))
    yield engine.layout
    engine.close()


def test_pipes_have_length_and_diameter(layout):
    pipe = layout.link_names.index("20")  # Net3: 99 ft of 99 inches
    assert layout.link_length_m[pipe] == pytest.approx(99 * 0.3048)
    assert layout.link_diameter_m[pipe] == pytest.approx(99 * 0.0254)
    assert (layout.link_length_m[layout.pumps] == 0.0).all()


def test_a_year_of_random_outages(layout):
    case, seconds = load_case("ieee118"), YEAR_S
    settings = NatureSettings(outages=True)
    storms = drawn_storms(3, datetime(2025, 1, 1), seconds, [1])
    faults = random_faults(3, settings, case, layout, storms, seconds)
    assert faults == random_faults(3, settings, case, layout, storms, seconds)
    assert faults != random_faults(4, settings, case, layout, storms, seconds)
    kinds = {fault.kind for fault in faults}
    assert kinds >= {"line", "unit", "burst"}
    lines = [fault for fault in faults if fault.kind == "line"]
    lasting = [f for f in lines if f.end_s - f.start_s > outages.RECLOSE_S + 1e-6]
    assert 0 < len(lasting) < len(lines)
    for fault in lasting:
        assert fault.end_s - fault.start_s >= TRAVEL_S
    stormy = [f for f in lines if f.cause == "storm"]
    assert stormy
    for fault in stormy:
        assert any(s.start_s <= fault.start_s < s.end_s for s in storms)
    junctions = {layout.node_names[i] for i in layout.junctions}
    assert {f.element for f in faults if f.kind == "burst"} <= junctions
    miles = layout.link_length_m.sum() / reliability.MILE_M
    bursts = sum(f.kind == "burst" for f in faults)
    assert bursts == pytest.approx(0.14 * miles, abs=3 * np.sqrt(0.14 * miles))


def test_instruments_freeze_rarely():
    names = tuple(f"S{i}/load_mw" for i in range(1000))
    faults = frozen_instruments(1, names, 5 * YEAR_S)
    assert len(faults) == pytest.approx(1000 * 5 * YEAR_H * 1e-6, abs=3 * np.sqrt(43.8))
    assert np.mean([f.end_s - f.start_s for f in faults]) == pytest.approx(24 * HOUR_S, rel=0.5)
    few = frozen_instruments(1, names[:100], 5 * YEAR_S)
    assert few == [f for f in faults if f.element in names[:100]]
