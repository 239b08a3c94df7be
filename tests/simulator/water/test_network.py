import sys
from pathlib import Path

import pytest

from simulator.water.network import CATALOGUE, find_inp
from simulator.water.project import close_project, open_project
from simulator.water.water import Water
from streams.errors import BadInput


@pytest.mark.parametrize("name", CATALOGUE)
def test_catalogue_networks_are_found_and_open(name):
    close_project(open_project(find_inp(name)))


def test_finding_a_network_does_not_import_its_package():
    find_inp("net1")
    assert "epyt" not in sys.modules


def test_any_inp_opens_by_path():
    water = Water(str(find_inp("net1")))
    assert water.layout.tank_names == ("2",)
    water.close()
    water.close()


def test_unknown_name_is_refused():
    with pytest.raises(BadInput, match=r"water.network: 'atlantis'.*micropolis"):
        Water("atlantis")


BROKEN = {
    "empty": (b"", "not enough nodes"),
    "nonsense": (b"garbage\n", "not enough nodes"),
    "binary": (bytes(range(256)) * 40, "Error"),
    "number": (b"[JUNCTIONS]\n a b c\n[END]\n", "illegal numeric value b"),
    "no_source": (
        b"[JUNCTIONS]\n A 0 1\n B 0 1\n[PIPES]\n P A B 10 10 100\n[END]\n",
        "no tanks or reservoirs",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_is_no_network_is_refused_in_one_sentence(kind, tmp_path, monkeypatch):
    content, reason = BROKEN[kind]
    inp = tmp_path / "input" / f"{kind}.inp"
    scratch = tmp_path / "scratch"
    inp.parent.mkdir()
    scratch.mkdir()
    inp.write_bytes(content)
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.chdir(scratch)
    with pytest.raises(BadInput) as caught:
        Water(str(inp))
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert str(inp) in sentence
    assert reason in sentence
    assert list(inp.parent.iterdir()) == [inp]
    assert list(scratch.iterdir()) == []


def test_a_folder_is_no_network(tmp_path: Path):
    with pytest.raises(BadInput):
        Water(str(tmp_path))


@pytest.mark.parametrize("step_s", [0.0, -1.0, 61.0, float("nan"), float("inf"), 0.5, 7.0, 7.5, 45.0, 120.0])
def test_a_hydraulic_step_that_does_not_divide_a_minute_is_refused(step_s):
    with pytest.raises(BadInput, match=r"hydraulic_step_s.*divide 60 s"):
        Water("net1", hydraulic_step_s=step_s)


@pytest.mark.parametrize("step_s", [1.0, 4.0, 5.0, 12.0, 30.0, 60.0])
def test_hydraulic_steps_that_divide_a_minute_run(step_s):
    water = Water("net1", hydraulic_step_s=step_s)
    water.advance(120.0)
    assert water.t_s == 120.0


NETWORK = """
[JUNCTIONS]
 A  0  1
 B  0  1
 C  0  1
 D  0  {demand}
[RESERVOIRS]
 R  50
[TANKS]
 T  20  3  {low}  {high}  10  0
[PIPES]
 P1  R  A  100  300  100
 P2  A  B  100  300  100
 P3  T  A  100  300  100
 P4  C  D  100  300  100
{join}
[OPTIONS]
 UNITS    LPS
 HEADLOSS {headloss}
[END]
"""
GOOD = {"demand": "1", "low": "1", "high": "5", "join": " P5 B C 100 300 100 0 Closed", "headloss": "H-W"}


def written(folder, **changes):
    inp = folder / "network.inp"
    inp.write_text(NETWORK.format(**(GOOD | changes)))
    return str(inp)


def test_a_closed_pipe_connects_for_it_may_be_opened(tmp_path):
    Water(written(tmp_path)).close()


@pytest.mark.parametrize("demand", ["1", "0"])
def test_junctions_without_a_source_are_named(tmp_path, demand):
    with pytest.raises(BadInput, match=r"junctions all reach a tank or reservoir \(junction C and 1 more"):
        Water(written(tmp_path, join="", demand=demand))


def test_a_junction_without_any_link_is_named(tmp_path):
    inp = written(tmp_path, join=GOOD["join"] + "\n[JUNCTIONS]\n E  0  1")
    with pytest.raises(BadInput, match=r"unconnected node with ID:  E"):
        Water(inp)


def test_a_tank_without_any_link_is_named(tmp_path):
    inp = written(tmp_path, join=GOOD["join"] + "\n[TANKS]\n T2  20  3  1  5  10  0")
    with pytest.raises(BadInput, match=r"nodes all have a link \(node T2 has none"):
        Water(inp)


def test_a_node_at_no_height_is_named(tmp_path):
    inp = written(tmp_path, join=GOOD["join"] + "\n[JUNCTIONS]\n E  nan  1\n[PIPES]\n P6 E A 10 300 100")
    with pytest.raises(BadInput, match=r"finite elevations \(not so node E"):
        Water(inp)


def test_a_tank_without_a_range_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"tanks have a range \(tank T: 3 m"):
        Water(written(tmp_path, low="3", high="3"))


def test_a_headloss_formula_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"network.inp.*invalid option value X-Y"):
        Water(written(tmp_path, headloss="X-Y"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("1.0,2.0\n", "2 columns"),
        ("a\n", "could not convert"),
        ("-1.0\n", "at least 0"),
        ("nan\n", "at least 0"),
    ],
)
def test_patterns_that_do_not_fit_are_refused(tmp_path, content, reason):
    path = tmp_path / "patterns.csv"
    path.write_text(content)
    with pytest.raises(BadInput, match=rf"water.patterns.*{reason}"):
        Water("net1", patterns=str(path))
    with pytest.raises(BadInput, match=r"water.patterns.*not found"):
        Water("net1", patterns=str(tmp_path / "none.csv"))


def test_patterns_of_a_file_take_the_place_of_the_inps(tmp_path):
    path = tmp_path / "patterns.csv"
    path.write_text("0.5\n2.0\n")
    water = Water("net1", patterns=str(path))
    base = water.layout.base_demand_m3h.sum()
    for hour, factor in ((1.9, 0.5), (3.9, 2.0), (5.9, 0.5)):
        water.advance(hour * 3600.0)
        assert water.node_demand_m3h.sum() == pytest.approx(factor * base)
