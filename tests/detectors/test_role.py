import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from detectors.role import DetectorRole
from streams.codec import decode, encode
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
    return [[o.message for o in role.step(k, float(recording.t_s[k]), inbox)] for k, inbox in steps]


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
        assert (verdict.score, verdict.margin) == (certificate.score, certificate.margin)
        assert verdict.method == certificate.method


def test_a_silent_station_and_a_bad_report_are_missing(model_dir: Path) -> None:
    recording = synthetic.record(12, 33, attack=None, outages=False)
    role = DetectorRole(model_dir)
    plant = synthetic.plant()
    victim = "PDC"  # all protected flows: without it no row is left
    for k, inbox in enumerate(inboxes(recording, plant)):
        if k > 2:
            inbox["telemetry"] = [m for m in inbox["telemetry"] if m.producer != victim]
            inbox["telemetry"].append(Telemetry(victim, k, k, 0.0, link=f"{victim}>SCADA", values=[1.0]))
        verdicts = [o.message for o in role.step(k, recording.t_s[k], inbox)]
    assert verdicts[0].method.startswith("none")
    assert verdicts[0].value == "uncertain"


def test_a_status_lost_for_good_does_not_blind(model_dir: Path) -> None:
    recording = synthetic.record(50, 34, attack="random", tau=0.4, outages=False)
    plant = synthetic.plant()
    names = [t.name for t in plant.tags]
    lost = [names.index(b.status_tag) for b in plant.branches[:3]]
    recording.telemetry[5:, lost] = np.nan
    for step in play(DetectorRole(model_dir), recording)[2:]:
        verdict = step[0]
        assert not verdict.method.startswith("none")
        if verdict.k >= 5 and recording.tampered[verdict.k - 5 : verdict.k + 1].all():
            assert verdict.alarm
        elif not recording.tampered[: verdict.k + 1].any():
            assert not verdict.alarm


def test_what_a_lost_switch_last_showed_outlives_the_window(model_dir: Path) -> None:
    role = DetectorRole(model_dir, monitors=False)
    plant = synthetic.plant()
    recording = synthetic.record(30, 35, attack=None, outages=False, water=False)
    column = [t.name for t in plant.tags].index(plant.branches[2].status_tag)
    recording.telemetry[:8, column] = 0.0
    recording.telemetry[8:, column] = np.nan
    last = play(role, recording)[-1][0]
    open_ = DetectorRole(model_dir, monitors=False)
    recording.telemetry[:, column] = 0.0
    told = play(open_, recording)[-1][0]
    assert last.score == told.score
    assert last.method != "none"


@pytest.mark.parametrize("value", [1e300, -1.7e308, 5e-324])
def test_absurd_values_alarm_and_leave_the_detector_alive(model_dir: Path, value: float) -> None:
    plant = synthetic.plant()
    recording = synthetic.record(12, 36, attack=None, outages=False)
    names = [t.name for t in plant.tags]
    columns = [plant.buses[48].load_tag, plant.branches[0].flow_tag, plant.tanks[0].level_tag]
    recording.telemetry[6:, [names.index(c) for c in columns]] = value
    out = play(DetectorRole(model_dir), recording)
    for verdict in (v for step in out for v in step):
        assert decode(encode(verdict)) == verdict
        assert np.isfinite(verdict.score)
    assert [v.alarm for v in out[-1] if v.detector == "residual"] == [True]
    if abs(value) > 1.0:
        assert all(v.alarm and v.value != "certified_normal" for v in out[-1])


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
