import msgspec
import numpy as np
import pytest

from simulator.control.received import ReceivedState
from simulator.control.water_scada import WaterScada


def run(model, minutes, level_of, inflow_m3h, safe_from=None):
    received = ReceivedState(model)
    scada, true, setpoints = WaterScada(model, received), 5.0, []
    for k in range(minutes + 1):
        if k:
            true += inflow_m3h / 60.0 / model.tanks[0].area_m2
        tank = model.tanks[0]
        came = {tank.level_tag: level_of(k, true), tank.inflow_tag: inflow_m3h}
        received.update(np.array([came.get(tag.name, np.nan) for tag in model.tags]))
        scada.observe(60.0)
        scada.safe = safe_from is not None and k >= safe_from
        setpoints.append(scada.setpoints())
    return true, setpoints


def test_estimate_follows_an_honest_level(model):
    true, setpoints = run(model, 120, lambda k, level: level, -80.0, safe_from=0)
    assert setpoints[-1][0].value == pytest.approx(true, abs=0.02)
    assert (setpoints[-1][0].element, setpoints[-1][0].quantity) == ("P1", "level_m")


@pytest.mark.parametrize("lie", [9.5, 0.5])
def test_a_spoofed_level_is_not_followed(model, lie):
    true, setpoints = run(model, 120, lambda k, level: lie if k > 10 else level, -80.0, safe_from=60)
    assert setpoints[-1][0].value == pytest.approx(true, abs=0.1)


def test_nothing_is_ordered_outside_the_safe_mode(model):
    _, setpoints = run(model, 5, lambda k, level: level, 0.0)
    assert not any(setpoints)


def test_pumps_are_released_once_after_it(model):
    received = ReceivedState(model)
    scada = WaterScada(model, received)
    level = model.tanks[0].level_tag
    received.update(np.array([5.0 if tag.name == level else np.nan for tag in model.tags]))
    scada.observe(60.0)
    scada.safe = True
    assert scada.setpoints()[0].quantity == "level_m"
    scada.safe = False
    assert scada.setpoints()[0].quantity == "pump_auto"
    assert scada.setpoints() == []


def test_no_level_yet_no_order(model):
    scada = WaterScada(model, ReceivedState(model))
    scada.observe(60.0)
    scada.safe = True
    assert scada.setpoints() == []
    assert np.isnan(scada._level).all()


def test_a_tank_without_a_flow_meter_has_no_estimate(model):
    tanks = tuple(msgspec.structs.replace(tank, inflow_tag="") for tank in model.tanks)
    _, setpoints = run(
        msgspec.structs.replace(model, tanks=tanks), 5, lambda k, level: level, 0.0, safe_from=0
    )
    assert not any(setpoints)
