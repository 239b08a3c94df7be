"""Which windows of a run go into the curves against eps."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from scenarios import eps_curves
from scenarios.eps_curves import EPS_GRID, write_eps_curves
from tests.scenarios.made_run import ATTACK_S, made_model, make_run


@pytest.fixture
def swept(monkeypatch):
    """Calls of the sweep, which answers with shares that fall with eps."""
    calls = []

    def sweep(model, telemetry, plant, eps_grid, t_s, tampered, domain, stride):
        calls.append((domain, tampered, stride))
        return [
            {
                "network": network,
                "eps": eps,
                "certified_quiet": 1.0 - eps,
                "certified_detection": 0.5 if tampered.any() else None,
                "detection": 1.0 if tampered.any() else None,
                "false_alarm": 0.0,
            }
            for network in ("certified", "twin")
            for eps in eps_grid
        ]

    monkeypatch.setattr(eps_curves, "certified_vs_eps", sweep)
    spec = SimpleNamespace(members={"grid": None}, eps=0.01)
    monkeypatch.setattr(eps_curves, "load_model", lambda folder: SimpleNamespace(spec=spec))
    return calls


def test_quiet_windows_come_from_the_arm_without_attack(swept, tmp_path):
    folder = make_run(tmp_path / "run", ("defended", "nuisance"))
    write_eps_curves(folder, made_model(), tmp_path)
    content = json.loads((folder / "eps_curves.json").read_text())
    assert content["certified_eps"] == 0.01
    assert [curve["name"] for curve in content["curves"]] == ["model", "normally trained twin"]
    curve = content["curves"][0]
    assert curve["certified_normal_share"] == [1.0 - eps for eps in EPS_GRID]
    assert curve["certified_detection_share"] == [0.5] * len(EPS_GRID)
    (_, quiet, stride), (_, attacked, _) = swept
    assert not quiet.any()
    assert stride == 1
    assert np.array_equal(attacked, np.arange(301) * 4.0 >= ATTACK_S)


def test_without_arms_that_have_detectors_there_is_nothing(swept, tmp_path):
    folder = make_run(tmp_path / "run", ("baseline",))
    write_eps_curves(folder, made_model(), tmp_path)
    assert not (folder / "eps_curves.json").exists()
