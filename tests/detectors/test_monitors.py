import numpy as np
import pytest

from detectors.dc import GridIndex
from detectors.model import Model
from detectors.monitors.residual import NodalMonitor, TankMonitor, nodal_rows

from . import synthetic


def test_nodal_rows_balance_every_bus_of_a_lossless_grid() -> None:
    index = GridIndex.build(synthetic.plant())
    rows = nodal_rows(index)
    flow = np.random.default_rng(0).standard_normal(index.start.size)
    values = np.zeros(index.columns.size)
    values[index.flow_column] = flow
    net = np.zeros(index.n_bus)
    np.add.at(net, index.start, flow)
    np.add.at(net, index.end, -flow)
    for bus in range(index.n_bus):
        here = np.flatnonzero(index.bus_of == bus)
        if here.size:
            values[here[0]] = index.sign[here[0]] * net[bus]
    shown = rows @ values
    metered = np.isin(np.arange(index.n_bus), index.bus_of)
    assert np.abs(shown[metered]).max() < 1e-12


def test_nodal_monitor_sees_one_false_load_and_is_quiet_before(model: Model) -> None:
    monitor = NodalMonitor.load_from(synthetic.plant(), model.arrays)
    index = GridIndex.build(synthetic.plant())
    clean = synthetic.record(400, 60, attack=None, outage_pool=6, water=False).telemetry[:, index.columns]
    means = np.array([clean[i : i + 6].mean(axis=0) for i in range(0, 390, 6)])
    assert max(monitor.score(m) for m in means) <= 0
    false = means[3].copy()
    false[int(np.argmax(np.where(index.sign < 0, index.width, 0)))] += 100.0
    assert monitor.score(false) > 0
    false[0] = np.nan
    assert np.isfinite(monitor.score(false))


@pytest.mark.parametrize("value", [1e9, 1e300, -1.7e308])
def test_nodal_monitor_alarms_on_absurd_values(model: Model, value: float) -> None:
    monitor = NodalMonitor.load_from(synthetic.plant(), model.arrays)
    clean = synthetic.record(6, 62, attack=None, outages=False, water=False)
    scans = clean.telemetry[:, GridIndex.build(synthetic.plant()).columns]
    assert monitor.score_scans(scans) <= 0
    for column in range(0, scans.shape[1], 37):
        false = scans.copy()
        false[-1, column] = value
        assert 0 < monitor.score_scans(false) < np.inf
    assert 0 < monitor.score_scans(np.full_like(scans, value)) < np.inf


def test_tank_monitor_forgets_one_absurd_level(model: Model) -> None:
    monitor = TankMonitor.load_from(synthetic.plant(), model.arrays)
    clean = synthetic.water_only(1440, 61, attacked=False).telemetry[:, monitor.index.columns]
    clean[300, 0] = 1e308
    scores = [monitor.score(row) for row in clean]
    assert np.isfinite(scores).all()
    assert scores[300] > 0
    assert max(scores[900:]) <= 0


def test_tank_monitor_sees_a_slow_lie_and_waits_for_missing_values(model: Model) -> None:
    plant = synthetic.plant()
    monitor = TankMonitor.load_from(plant, model.arrays)
    clean = synthetic.water_only(1440, 61, attacked=False).telemetry[:, monitor.index.columns]
    assert max(monitor.score(row) for row in clean) <= 0
    false = clean.copy()
    false[600:, 0] += 0.01 * np.arange(840)
    monitor.reset()
    scores = [monitor.score(row) for row in false]
    assert max(scores[:600]) <= 0
    assert max(scores[600:700]) > 0
    monitor.reset()
    clean[100:110] = np.nan
    assert max(monitor.score(row) for row in clean) <= 0


def test_the_tank_monitor_s_alarm_begins_and_ends_with_the_lie(model: Model) -> None:
    """A false level is not learned: what the truth would be is still known when the lie is over."""
    monitor = TankMonitor.load_from(synthetic.plant(), model.arrays)
    received = synthetic.water_only(1440, 61, attacked=False).telemetry[:, monitor.index.columns].copy()
    for start in (300, 500, 700):
        received[start : start + 60, 0] += 20.0 * monitor.sigma[0]
    alarms = np.array([monitor.score(row) > 0 for row in received])
    for start in (300, 500, 700):
        assert alarms[start + 10 : start + 60].all()
        assert not alarms[start + 80 : start + 200].any()
    assert not alarms[:300].any()


@pytest.mark.parametrize("gap", [1, 5, 40])
def test_the_tank_monitor_is_quiet_after_the_inflow_was_lost(model: Model, gap: int) -> None:
    """It can no longer tell the level from the inflow, so it starts from the received one again."""
    monitor = TankMonitor.load_from(synthetic.plant(), model.arrays)
    n = len(monitor.index.tanks)
    clean = synthetic.water_only(1440, 61, attacked=False).telemetry[:, monitor.index.columns]
    for start in (0, 7, 300, 700):
        received = clean.copy()
        received[start : start + gap, n:] = np.nan
        monitor.reset()
        assert max(monitor.score(row) for row in received) <= 0
        received[1000:1060, 0] += 20.0 * monitor.sigma[0]
        monitor.reset()
        alarms = [monitor.score(row) > 0 for row in received]
        assert all(alarms[1010:1060])
        assert not any(alarms[1080:])
