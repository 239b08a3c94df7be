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


@pytest.mark.parametrize("step_s", [0.0, -1.0, 61.0, float("nan")])
def test_hydraulic_step_has_limits(step_s):
    with pytest.raises(BadInput, match="hydraulic_step_s"):
        Water("net1", hydraulic_step_s=step_s)
