"""Missing values leave a plain decision where they leave no certificate."""

import numpy as np
import pytest

from detectors.bridge import bridge
from detectors.judge import GridJudge, WaterJudge
from detectors.water_features import WaterFeatures

from . import synthetic


def test_scattered_missing_values_leave_the_plain_decision(
    grid: GridJudge, windows: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    values, states = next((v.copy(), s) for v, s in windows if (s == s[-1]).all())
    judged = grid.judge(values, states, grid.window - 1)
    for scan in range(grid.window):
        values[scan, 7 * scan + 3] = np.nan
    plain = grid.judge(values, states, grid.window - 1)
    assert plain.method == "plain: too few complete scans"
    assert plain.alarm == judged.alarm


def water_window(seed: int) -> np.ndarray:
    recording = synthetic.water_only(400, seed, attacked=False)
    return recording.telemetry


@pytest.mark.parametrize("age", [0, 2, 6, 40])
@pytest.mark.parametrize("kind", ["level", "inflow"])
def test_one_missing_sample_does_not_blind_the_water_member(water: WaterJudge, age: int, kind: str) -> None:
    ix = water.features.index
    window = water_window(51)[200 : 200 + ix.samples, ix.columns].copy()
    column = 0 if kind == "level" else len(ix.tanks)
    whole = water.judge(window)
    assert whole.value == "certified_normal"
    false = window.copy()
    false[-60:, 0] += np.linspace(0.0, 0.4 * (ix.high[0] - ix.low[0]), 60)
    assert water.judge(false).alarm
    for case, alarm in ((window, False), (false, True)):
        case[-1 - age, column] = np.nan
        judged = water.judge(case)
        assert not judged.method.startswith("none")
        assert judged.alarm == alarm
        if judged.margin is not None:
            assert judged.value == ("certified_alarm" if alarm else "certified_normal")


def test_every_fifth_sample_missing_leaves_the_plain_decision(water: WaterJudge) -> None:
    ix = water.features.index
    window = water_window(52)[200 : 200 + ix.samples, ix.columns].copy()
    window[2::5, : len(ix.tanks)] = np.nan
    judged = water.judge(window)
    assert judged.value == "uncertain"
    assert judged.method.startswith("plain")
    assert not judged.alarm
    window[-60:, 0] += np.linspace(0.0, 0.4 * (ix.high[0] - ix.low[0]), 60)
    assert water.judge(window).alarm


def test_long_gaps_and_the_time_before_the_start_are_not_bridged(water: WaterJudge) -> None:
    ix = water.features.index
    window = water_window(53)[200 : 200 + ix.samples, ix.columns].copy()
    gone = window.copy()
    gone[-6:] = np.nan
    assert water.judge(gone).method.startswith("none")
    gone = window.copy()
    gone[:-5] = np.nan
    assert water.judge(gone).method.startswith("none")


def test_bridged_rows_read_what_they_say() -> None:
    features = WaterFeatures(synthetic.plant())
    ix, rng = features.index, np.random.default_rng(6)
    n, tanks = ix.samples, len(ix.tanks)
    window = rng.uniform(1.0, 5.0, (n, ix.columns.size))
    missing = np.zeros(window.shape, dtype=bool)
    missing[40:43, 0] = missing[n - 3 :, 1] = missing[n - 2 :, tanks + 1] = missing[60, tanks] = True
    missing[:4, 2] = missing[50:56, tanks + 2] = True
    filled = window.copy()
    filled[40:43, 0] = np.interp([40, 41, 42], [39, 43], [window[39, 0], window[43, 0]])
    filled[n - 2 :, tanks + 1] = window[n - 3, tanks + 1]
    filled[60, tanks] = (window[59, tanks] + window[61, tanks]) / 2
    for at in range(n - 3, n):
        inflow = (filled[at - 1, tanks + 1] + filled[at, tanks + 1]) / 2
        filled[at, 1] = filled[at - 1, 1] + inflow * ix.period_s / 3600 / ix.area_m2[1]
    over, left = bridge(ix, features.raw, missing.reshape(-1))
    assert np.flatnonzero(left.reshape(window.shape).any(axis=0)).tolist() == [2, tanks + 2]
    assert not over[:, missing.reshape(-1) & ~left].any()
    assert np.allclose(over @ window.reshape(-1), features.raw @ filled.reshape(-1), atol=1e-12)
