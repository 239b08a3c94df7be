"""Certified detection by size and kind of load shift, at the scale of a real training. Minutes long."""

from pathlib import Path

import pytest

from detectors.certificate import certified_vs_eps
from detectors.config import MemberConfig, TrainConfig
from detectors.model import load_model
from detectors.train import train

from . import synthetic

FLOORS = {
    (0.01, 0.2, "one"): 0.9,
    (0.01, 0.3, "one"): 0.95,
    (0.01, 0.2, "random"): 0.95,
    (0.01, 0.3, "random"): 0.98,
    (0.01, 0.3, "several"): 0.8,
    (0.02, 0.3, "one"): 0.9,
    (0.02, 0.3, "random"): 0.9,
}
"""(eps, tau, kind) -> least certified share. "several" holds shifts that no protected flow shows."""


@pytest.mark.slow
@pytest.mark.parametrize("eps", [0.01, 0.02])
def test_certified_detection(eps: float, tmp_path: Path) -> None:
    runs = [synthetic.write(synthetic.record(4800, 1000 + i), tmp_path / f"run{i}") for i in range(10)]
    config = TrainConfig(eps=eps, grid=MemberConfig(eps_train=1.1 * eps), water=MemberConfig(enabled=False))
    model = load_model(train(config, runs, tmp_path / "model"))
    figures = model.spec.members["grid"].figures
    assert figures["certified_normal"] >= 0.99
    assert figures["false_alarm"] <= 0.001
    assert figures["twin_certified_normal"] < 0.1
    for tau in (0.1, 0.2, 0.3, 0.5):
        for kind in synthetic.KINDS:
            run = synthetic.record(1600, 77 + int(100 * tau), attack=kind, tau=tau, water=False)
            rows = certified_vs_eps(model, run.telemetry, synthetic.plant(), [eps], tampered=run.tampered)
            shown = {r["network"]: (r["certified_detection"], r["detection"]) for r in rows}
            print(eps, tau, kind, shown)
            assert shown["certified"][0] >= FLOORS.get((eps, tau, kind), 0.0)
