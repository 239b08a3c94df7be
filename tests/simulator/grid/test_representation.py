"""What the grid model does not know: changed as declared, and declared."""

import math

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.cases.costs import DEFAULT_COST_PER_MWH
from tests.simulator.grid.case_files import SMALL, appended, small
from tests.simulator.grid.driving import published_flow, solve_published, start

UNIT_7 = "\t7\t45\t0\t50\t-50\t1.01\t100\t1\t90\t0;"
LOAD_7 = "\t7\t2\t40\t10\t"
COSTS = SMALL[SMALL.index("mpc.gencost") :]
DC = """mpc.dcline = [
10 300 1 25 24 3 -2 1 1 -100 100 -Inf Inf -Inf Inf 1 0;
10 4 0 9 9 0 0 1 1 0 0 0 0 0 0 0 0;
];"""


def noted(case, *words):
    """The one sentence with all words."""
    (note,) = (n for n in case.assumptions if all(word in n for word in words))
    return note


def test_dc_line_is_a_pair_of_injections(tmp_path):
    plain, case = load_case(small(tmp_path)), load_case(small(tmp_path, appended(DC), name="dc.m"))
    demand = zip(case.load_mw.tolist(), case.load_mvar.tolist(), strict=True)
    power = dict(zip([case.bus_name[b] for b in case.load_bus], demand, strict=True))
    assert power["10"] == (25.0, -3.0)
    assert power["300"] == (60.0 - 24.0, 20.0 + 2.0)
    assert power["4"] == (30.0, 5.0)
    assert case.load_mw.sum() == plain.load_mw.sum() + 1.0
    assert "10-300 (25 MW)" in noted(case, "DC lines")


def test_loss_of_a_dc_line_without_printed_end(tmp_path):
    case = load_case(
        small(tmp_path, appended(DC.replace("25 24", "25 0").replace("1 0;\n10", "1 0.02;\n10")))
    )
    assert case.load_mw[
        case.bus_name.index("300") - 0 if False else list(case.load_bus).index(2)
    ] == pytest.approx(60.0 - (25.0 - 1.0 - 0.02 * 25.0))


def test_negative_load_stays_and_is_named(tmp_path):
    case = load_case(small(tmp_path, (LOAD_7, "\t7\t2\t-40\t10\t")))
    assert case.load_mw.min() == -40.0
    assert noted(case, "Negative loads", "40 MW").endswith("7.")


@pytest.mark.parametrize("q_range", ["50\t-50", "0\t0"])
def test_dispatchable_load_is_a_load(tmp_path, q_range):
    """It draws its schedule; with reactive range at a bus that holds its voltage, a condenser stays."""
    drawing = "\t7\t-25\t-5\t" + q_range + "\t1.01\t100\t1\t0\t-30;"
    case = load_case(small(tmp_path, (UNIT_7, drawing)))
    at_7 = list(case.load_bus).index(case.bus_index("7"))
    condenser = q_range != "0\t0"
    assert case.load_mw[at_7] == 40.0 + 25.0
    assert case.load_mvar[at_7] == 10.0 + (0.0 if condenser else 5.0)
    assert case.unit_name == (("G10", "G7") if condenser else ("G10",))
    assert case.unit_p_max_mw.tolist() == ([200.0, 0.0] if condenser else [200.0])
    assert "7" in noted(case, "only draw power")


def test_isolated_buses_and_what_is_out_of_service(tmp_path):
    case = load_case(
        small(tmp_path, ("\t4\t1\t30\t", "\t4\t4\t30\t"), (UNIT_7, UNIT_7.replace("\t1\t90", "\t0\t90")))
    )
    assert case.bus_name == ("10", "7", "300")
    assert len(case.branch_name) == 3
    assert case.unit_name == ("G10",)
    assert case.unit_cost_per_mwh == pytest.approx([24.0])
    assert "30 MW" in noted(case, "Isolated buses", "4")
    assert "1 units" in noted(case, "Out of service")


def test_bus_without_load_and_connection_is_left_out(tmp_path):
    case = load_case(small(tmp_path, ("\t4\t1\t30\t5\t", "\t4\t1\t0\t0\t"), ("0.98\t0\t1\t", "0.98\t0\t0\t")))
    assert case.bus_name == ("10", "7", "300")
    assert "4" in noted(case, "without load and without connection")


def test_several_units_at_a_bus(tmp_path):
    """Names are numbered; the last set-point holds for all, as in MATPOWER."""
    second = UNIT_7 + "\n" + UNIT_7.replace("45", "5").replace("1.01", "1.03")
    case = load_case(small(tmp_path, (UNIT_7, second), (COSTS, "")))
    assert case.unit_name == ("G10", "G7.1", "G7.2")
    assert case.unit_voltage_pu.tolist() == [1.02, 1.03, 1.03]
    assert case.unit_cost_per_mwh.tolist() == [DEFAULT_COST_PER_MWH] * 3
    assert "20 per MWh" in noted(case, "no costs")


def test_unit_at_a_load_bus_holds_the_printed_voltage(tmp_path):
    case = load_case(small(tmp_path, (LOAD_7 + "0\t0\t1\t1\t", "\t7\t1\t40\t10\t0\t0\t1\t1.005\t")))
    assert case.unit_voltage_pu.tolist() == [1.02, 1.005]
    assert noted(case, "PQ").endswith("7.")


def test_two_slacks_and_parallel_branches(tmp_path):
    line = "\t10\t7\t0.01\t0.08\t0.02\t150\t0\t0\t0\t0\t1\t-360\t360;"
    case = load_case(
        small(
            tmp_path, (LOAD_7, "\t7\t3\t40\t10\t"), (line, line + "\n" + line.replace("\t10\t7", "\t7\t10"))
        )
    )
    assert case.bus_name[case.reference_bus] == "10"
    assert "10, 7" in noted(case, "slack")
    assert case.branch_name[:2] == ("10-7#1", "7-10#2")


def test_branch_without_impedance_conducts(tmp_path):
    case = load_case(small(tmp_path, ("\t0.01\t0.08\t", "\t0\t0\t")))
    flow = published_flow(case)
    assert solve_published(flow, case) == "warm"
    assert "1 branches" in noted(case, "x = 1e-05")
    assert abs(np.angle(flow.voltage[0] / flow.voltage[1])) < 1e-4


def test_units_without_limits(tmp_path):
    case = load_case(small(tmp_path, (UNIT_7, "\t7\t45\t0\tInf\t-Inf\t1.01\t100\t1\tInf\t-Inf;")))
    assert case.unit_p_max_mw[1] == 1.25 * 45.0
    assert case.unit_p_min_mw[1] == 0.0
    assert np.isfinite(case.unit_q_max_mvar).all()
    assert noted(case, "without limit").startswith("1 units")


def test_piecewise_costs(tmp_path):
    costs = "mpc.gencost = [\n1 0 0 3 0 0 50 500 200 3500;\n1 0 0 2 0 0 100 900 0 0;\n];\n"
    case = load_case(small(tmp_path, (COSTS, costs)))
    assert case.unit_cost_per_mwh == pytest.approx([20.0, 9.0])


def test_traits_by_fuel(tmp_path):
    case = load_case(small(tmp_path, appended("mpc.genfuel = {'nuclear'; 'solar'};")))
    assert case.unit_inertia_s.tolist() == [5.0, 0.0]
    assert case.unit_droop_pu.tolist() == [0.05, math.inf]
    assert case.unit_ramp_mw_per_min.tolist() == [10.0, 90.0]
    assert "RTS-79" in noted(case, "by fuel")
    grid = start(case)
    grid.advance(60.0)
    # The solar unit neither stores energy nor answers frequency: the reactor takes all losses.
    assert grid.unit_power_mw[1] == pytest.approx(case.unit_p_max_mw[1] * 120.0 / 280.0, rel=1e-6)


def test_ramps_of_the_case(tmp_path):
    """RAMP_AGC in MW/min comes first, RAMP_30 in MW per half hour second."""
    wide = "\t0" * 6
    changes = (
        ("200\t10;", f"200\t10{wide}\t4\t30\t90\t0\t0;"),
        (UNIT_7, UNIT_7.replace("90\t0;", f"90\t0{wide}\t0\t30\t90\t0\t0;")),
    )
    case = load_case(small(tmp_path, *changes))
    assert case.unit_ramp_mw_per_min.tolist() == [4.0, 3.0]
    assert noted(case, "Ramps are the case's own")
