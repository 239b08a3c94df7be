import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from detectors.role import DetectorRole
from streams.errors import BadInput
from streams.messages import PlantModelMessage, Telemetry, Verdict
from streams.plant_model import PlantModel

from . import synthetic


def inboxes(recording: synthetic.Recording, plant: PlantModel) -> Iterator[dict[str, list]]:
    """What the loop hands a detector: every station each exchange, slow stations once a minute."""
    stations: dict[str, list[int]] = {}
    for i, tag in enumerate(plant.tags):
        stations.setdefault(tag.station, []).append(i)
    for k, values in enumerate(recording.telemetry):
        messages = [
            Telemetry(
                s, k, k, recording.t_s[k], link=plant.tags[c[0]].link, values=[float(values[i]) for i in c]
            )
            for s, c in stations.items()
            if plant.tags[c[0]].period_s <= 4.0 or k % 15 == 0
        ]
        model = [PlantModelMessage("plant", 0, 0, 0.0, document=plant.encode())] if k == 0 else []
        yield {"model": model, "telemetry": messages}


def play(role: DetectorRole, recording: synthetic.Recording) -> list[list[Verdict]]:
    steps = enumerate(inboxes(recording, synthetic.plant()))
    return [[o.message for o in role.step(k, recording.t_s[k], inbox)] for k, inbox in steps]


def test_verdicts_follow_tampering(model_dir: Path) -> None:
    recording = synthetic.record(160, 31, attack="random", tau=0.4, outages=False)
    out = play(DetectorRole(model_dir), recording)
    grid = [next(v for v in step if v.detector == "certified" and v.domain == "grid") for step in out]
    assert [v.seq for step in out for v in step] == list(range(sum(len(s) for s in out)))
    for k, verdict in enumerate(grid):
        recent = recording.tampered[max(0, k - 5) : k + 1]
        if k < 2:
            assert verdict.value == "uncertain"
        elif recent.all():
            assert verdict.value == "certified_alarm"
            assert verdict.alarm
        elif not recent.any():
            assert verdict.value == "certified_normal"
        assert (verdict.margin is None) == (verdict.value == "uncertain")
    water = [
        k for k, step in enumerate(out) for v in step if v.domain == "water" and v.detector == "certified"
    ]
    assert water == list(range(0, 160, 15))
    monitors = [v for step in out for v in step if v.detector == "residual"]
    assert monitors
    assert all(v.value is None and v.margin is None for v in monitors)


def test_same_input_same_verdicts(model_dir: Path) -> None:
    recording = synthetic.record(60, 32)
    assert play(DetectorRole(model_dir), recording) == play(DetectorRole(model_dir), recording)


def test_judges_as_certify_does(model_dir: Path, runs: list[Path]) -> None:
    """The loop's verdicts are those of the recorded telemetry."""
    from detectors.certificate import certify_windows
    from detectors.model import load_model

    recording = synthetic.record(2400, 2001, outage_pool=6)
    short = synthetic.Recording(
        recording.t_s[:120],
        recording.telemetry[:120],
        recording.tampered,
        recording.tampered_water,
        [],
        recording.closed,
    )
    out = play(DetectorRole(model_dir), short)
    made = [c for c in certify_windows(load_model(model_dir), runs[4], domains=["grid"]) if c.t_s < 480]
    for certificate in made:
        verdict = out[round(certificate.t_s / 4)][0]
        assert verdict.value == certificate.verdict
        assert verdict.score == pytest.approx(certificate.score, abs=1e-9)


def test_a_silent_station_and_a_bad_report_are_missing(model_dir: Path) -> None:
    recording = synthetic.record(12, 33, attack=None, outages=False)
    role = DetectorRole(model_dir)
    plant = synthetic.plant()
    victim = plant.buses[10].station
    for k, inbox in enumerate(inboxes(recording, plant)):
        if k > 2:
            inbox["telemetry"] = [m for m in inbox["telemetry"] if m.producer != victim]
            inbox["telemetry"].append(Telemetry(victim, k, k, 0.0, link=f"{victim}>SCADA", values=[1.0]))
        verdicts = [o.message for o in role.step(k, recording.t_s[k], inbox)]
    assert verdicts[0].method.startswith("none")
    assert verdicts[0].value == "uncertain"


def test_eps_is_a_share_a_table_or_the_models_own(model_dir: Path) -> None:
    assert DetectorRole(model_dir).eps.share == 0.01
    assert DetectorRole(model_dir, 0.002).eps.share == 0.002
    table = DetectorRole(model_dir, {"S1/load_mw": 3.0}).eps
    assert table.share == 0.0
    assert table.per_tag == {"S1/load_mw": 3.0}
    with pytest.raises(BadInput):
        DetectorRole(model_dir, -0.1)
    with pytest.raises(BadInput):
        DetectorRole(model_dir / "none")


def test_needs_a_plant_model_that_fits(model_dir: Path) -> None:
    with pytest.raises(BadInput, match="plant model"):
        DetectorRole(model_dir).step(0, 0.0, {})
    other = synthetic.plant_model(np.arange(186)[::-1].astype(float))
    message = PlantModelMessage("plant", 0, 0, 0.0, document=other.encode())
    with pytest.raises(BadInput, match="fits"):
        DetectorRole(model_dir).step(0, 0.0, {"model": [message]})


@pytest.mark.parametrize(
    "module", ["detectors.role", "detectors.hub", "detectors.certificate", "detectors.bench"]
)
def test_torch_is_for_training_only(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_detectors_know_only_streams() -> None:
    root = Path(__file__).parents[2] / "detectors"
    for file in root.rglob("*.py"):
        text = file.read_text()
        assert "import simulator" not in text
        assert "from simulator" not in text
        assert "scenarios" not in text
