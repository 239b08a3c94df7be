"""pandapower files against pandapower's own power flow; ``data/make_pandapower.py`` made the files."""

import json
from pathlib import Path

import numpy as np
import pytest

from simulator.grid.case import load_case
from simulator.grid.cases.pandapower_json import read_document
from streams.errors import BadInput
from tests.simulator.grid.driving import published_flow, solve_published

DATA = Path(__file__).parent / "data"


def spoilt(folder, table, column, row, value):
    """Path of version 3's file with one value changed."""
    content = json.loads((DATA / "pandapower_3.json").read_text())
    frame = content["_object"][table]
    rows = json.loads(frame["_object"])
    if column not in rows["columns"]:
        rows["columns"].append(column)
        for line in rows["data"]:
            line.append(None)
    rows["data"][row][rows["columns"].index(column)] = value
    frame["_object"] = json.dumps(rows)
    path = folder / "net.json"
    path.write_text(json.dumps(content))
    return str(path)


@pytest.mark.parametrize("version", [2, 3])
def test_voltages_are_pandapowers(version):
    """Cables, taps on both sides, phase shifters, iron losses, three windings, switches, wards, shunts."""
    path = DATA / f"pandapower_{version}.json"
    case, result = load_case(str(path)), read_document(path).frame("res_bus")
    flow = published_flow(case)
    # From a flat start, so that the printed voltages do not help.
    flow.islands[0].voltage = np.ones(len(case.bus_name), dtype=np.complex128)
    assert solve_published(flow, case) != "none"
    voltages = zip(result.floats("vm_pu"), result.floats("va_degree"), strict=True)
    expected = dict(zip(result.index.tolist(), voltages, strict=True))
    turn = 3.0 - np.degrees(np.angle(flow.voltage[case.reference_bus]))
    for name, voltage in zip(case.bus_name[:-1], flow.voltage, strict=False):
        magnitude, angle = expected[int(name)]
        assert abs(voltage) == pytest.approx(magnitude, abs=1e-8)
        assert (np.degrees(np.angle(voltage)) + turn - angle + 180.0) % 360.0 - 180.0 == pytest.approx(
            0.0, abs=1e-6
        )
    slack = np.flatnonzero(case.unit_bus == case.reference_bus)[0]
    assert flow.unit_mw[slack] == pytest.approx({2: 25.440740, 3: 25.440766}[version], abs=1e-4)


def test_what_is_read():
    case = load_case(str(DATA / "pandapower_3.json"))
    assert case.nominal_hz == 50.0
    assert case.base_mva == 10.0
    # Buses 10 and 12 are one with 4 and 6 over closed switches, 14 is out of service, 15 is a star point.
    assert case.bus_name == ("3", "4", "5", "6", "7", "8", "9", "11", "13", "15")
    assert case.unit_p_max_mw.tolist() == [80.0, 40.0]
    assert case.unit_scheduled_mw[1] == pytest.approx(16.2)
    assert case.unit_cost_per_mwh == pytest.approx([30.0, 14.0])
    assert case.load_mw[list(case.load_bus).index(case.bus_index("7"))] == 12.0
    line = case.branch_index("4-5#1")
    assert case.branch_rating_mva[line] == pytest.approx(np.sqrt(3.0) * 110.0 * 0.6 * 2 * 0.9)
    declared = " ".join(case.assumptions)
    for words in (
        "Static generators",
        "one open switch",
        "iron losses",
        "without max_p_mw",
        "Isolated buses",
    ):
        assert words in declared


@pytest.mark.parametrize(
    ("table", "column", "row", "value", "named"),
    [
        ("line", "max_i_ka", 2, 0.0, r"net\.json line 2 max_i_ka: 0.0 is not allowed; allowed: above 0 kA"),
        ("line", "max_i_ka", 0, -1.0, "line 0 max_i_ka"),
        ("line", "length_km", 1, None, "line 1 length_km: nan"),
        ("line", "from_bus", 1, 99, "line 1 from_bus: 99"),
        ("load", "bus", 0, 99, "load 0 bus: 99"),
        ("load", "p_mw", 0, "much", "load p_mw: 'much'"),
        ("bus", "vn_kv", 0, 0.0, "bus 3 vn_kv: 0.0"),
        ("trafo", "sn_mva", 0, 0.0, "trafo 0 sn_mva: 0.0"),
        ("trafo", "tap_dependency_table", 0, True, "trafo 0 tap_dependency_table"),
        ("trafo3w", "tap_at_star_point", 0, True, "trafo3w 0 tap_at_star_point"),
        ("impedance", "rtf_pu", 0, 0.5, "impedance 0 rtf_pu"),
        ("switch", "z_ohm", 0, 0.1, "switch 0 z_ohm: 0.1"),
        ("ext_grid", "in_service", 0, False, r"no reference \(slack\) bus"),
        ("gen", "min_p_mw", 0, 50.0, "Pmax"),
    ],
)
def test_refused_at_load(tmp_path, table, column, row, value, named):
    with pytest.raises(BadInput, match=named):
        load_case(spoilt(tmp_path, table, column, row, value))


def test_elements_that_are_not_represented(tmp_path):
    content = json.loads((DATA / "pandapower_3.json").read_text())
    frame = content["_object"]["motor"]
    rows = json.loads(frame["_object"])
    rows["index"], rows["data"] = [0], [[name == "in_service" or None for name in rows["columns"]]]
    frame["_object"] = json.dumps(rows)
    (tmp_path / "net.json").write_text(json.dumps(content))
    with pytest.raises(BadInput, match=r"motor 0 in_service.*no motors"):
        load_case(str(tmp_path / "net.json"))


def test_line_without_rating(tmp_path):
    path = spoilt(tmp_path, "line", "max_i_ka", 0, None)
    with pytest.raises(BadInput, match="branch 3-4 rating"):
        load_case(path)
    assert (load_case(path, "derived").branch_rating_mva > 0.0).all()


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"a": 1}', '{"_class": "other", "_object": {}}', "\x00"])
def test_files_that_are_no_network(tmp_path, text):
    (tmp_path / "net.json").write_text(text)
    with pytest.raises(BadInput, match=r"net\.json"):
        load_case(str(tmp_path / "net.json"))
