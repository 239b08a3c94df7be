import itertools

import numpy as np
import pytest

from simulator.water.controls import read_controls
from simulator.water.network import find_inp
from simulator.water.plc import FailSafe, PumpController
from simulator.water.plc_graph import Schedule, schedule_actions
from simulator.water.pump_rules import pump_rules
from tests.reference import epanet_controls
from tests.simulator.water.driving import controlled

FOOT = 0.3048


def switchings(history):
    """(minute, pump, on) of every change."""
    return [
        (minute, pump, bool(now[pump]))
        for minute, (last, now) in enumerate(itertools.pairwise(history), start=1)
        for pump in np.flatnonzero(now != last).tolist()
    ]


@pytest.mark.parametrize("network", ["net1", "net3", "micropolis"])
def test_an_untouched_day_is_epanets_own_within_one_scan(network):
    water, controller = controlled(network)
    oracle = epanet_controls.run(find_inp(network), 24)
    ours, theirs, gap_m = [], [], 0.0
    for minute in range(24 * 60):
        expected = oracle[60 * minute]
        gap_m = max(gap_m, float(np.abs(water.tank_level_m - expected.level_m).max()))
        on = controller.step(60.0 * minute, water.tank_level_m)
        controller.apply(water)
        water.advance(60.0 * minute + 60.0)
        ours.append(on[: len(water.layout.pumps)])
        theirs.append(expected.pump_open)
    # One scan of one pump moves a level by at most about 4 cm here.
    assert gap_m < 0.04
    if network == "micropolis":
        # Rules with one threshold chatter: each minute's state may lag the oracle's by one.
        near = [
            o.tolist() in (t.tolist(), u.tolist()) for o, t, u in zip(ours, theirs, theirs[1:], strict=False)
        ]
        assert np.mean(near) > 0.98
        return
    mine, reference = switchings(ours), switchings(theirs)
    assert [(pump, on) for _, pump, on in mine] == [(pump, on) for _, pump, on in reference]
    assert all(abs(a[0] - b[0]) <= 1 for a, b in zip(mine, reference, strict=True))


def test_hysteresis():
    controller = PumpController(read_controls("net1"))
    seen = [
        bool(controller.step(60.0 * i, [v * FOOT])[0])
        for i, v in enumerate((120, 141, 120, 109, 120, 139, 141))
    ]
    assert seen == [True, False, False, True, True, True, False]


def test_a_missing_level_changes_nothing():
    controller = PumpController(read_controls("net1"))
    controller.step(0.0, [141 * FOOT])
    assert not controller.step(60.0, [np.nan])[0]
    controller.step(120.0, [100 * FOOT])
    assert controller.step(180.0, [np.nan])[0]


def test_modes():
    controller = PumpController(read_controls("net1"))
    assert controller.mode("9") == "auto"
    controller.order_level("9", 141 * FOOT)
    assert controller.mode("9") == "estimate"
    assert not controller.step(0.0, [100 * FOOT])[0]
    assert not controller.step(60.0, [np.nan])[0]
    controller.order_on("9", True)
    assert controller.mode("9") == "manual"
    assert controller.step(120.0, [141 * FOOT])[0]
    controller.order_auto("9")
    assert controller.mode("9") == "auto"
    assert not controller.step(180.0, [141 * FOOT])[0]
    with pytest.raises(KeyError):
        controller.order_on("nowhere", True)


def test_two_plcs_decide_their_own_links_on_what_each_receives():
    controls = read_controls("micropolis", 0.0)
    names = controls.layout.link_names
    second = [names.index("HSP#2")]
    first = [link for link in controls.links if link not in second]
    full, low = PumpController(controls, links=first), PumpController(controls, links=second)
    assert low.names == ("HSP#2",)
    on = dict(zip(full.names, full.step(12 * 3600.0, [112 * FOOT]).tolist(), strict=True))
    assert on == {
        **{f"WellPump#{i}": True for i in range(1, 5)},
        "HSP#1": False,
        "HSP#3": False,
        "ResvrPump": True,
    }
    assert low.step(12 * 3600.0, [100 * FOOT]).tolist() == [True]


@pytest.mark.parametrize(
    ("on_stale", "before", "after"),
    [
        ("hold", True, True),
        ("stop", True, False),
        ("run", False, True),
        ("schedule", False, True),
        ("hold", False, False),
    ],
)
def test_fail_safe_after_the_last_value_is_too_old(on_stale, before, after):
    controls = read_controls("net1")
    (link,) = controls.links
    fallback = {link: schedule_actions(Schedule("9", (6 * 3600.0,), (22 * 3600.0,)), link)}
    controller = PumpController(controls, 12 * 3600.0, fail_safe=FailSafe(120.0, on_stale, fallback))
    level = (100 if before else 141) * FOOT
    assert controller.step(0.0, [level])[0] == before
    assert [bool(controller.step(60.0 * i, [np.nan])[0]) for i in (1, 2)] == [before, before]
    assert controller.step(180.0, [np.nan])[0] == after
    if on_stale == "schedule":
        assert not controller.step(11 * 3600.0, [np.nan])[0]
    controller.order_level("9", 141 * FOOT)
    assert not controller.step(11 * 3600.0 + 60.0, [np.nan])[0]
    controller.order_auto("9")
    assert controller.step(11 * 3600.0 + 120.0, [100 * FOOT])[0]


def test_a_level_never_heard_of_is_stale_too():
    controller = PumpController(read_controls("net1"), fail_safe=FailSafe(120.0, "stop"))
    assert [bool(controller.step(60.0 * i, [np.nan])[0]) for i in range(4)] == [True, True, True, False]


def test_thresholds_hold_at_equality_as_in_epanet():
    controller = PumpController(read_controls("net1"))
    assert not controller.step(0.0, [140 * FOOT])[0]
    assert controller.step(60.0, [110 * FOOT])[0]


def test_schedule_repeats_every_day_and_starts_as_it_stands():
    afternoon = PumpController(read_controls("net3"), start_clock_s=14 * 3600.0)
    levels = [5.5, 5.0, 5.0]
    assert afternoon.on[0]
    seen = {hour: bool(afternoon.step(3600.0 * hour, levels)[0]) for hour in range(50)}
    assert [hour for hour in seen if hour and seen[hour] != seen[hour - 1]] == [1, 11, 25, 35, 49]


def test_net3_bypass_opens_when_its_pump_stops():
    controller = PumpController(read_controls("net3"))
    assert controller.names == ("10", "335", "330")
    low, high = [5.0, 5.0, 5.0], [6.0, 5.0, 5.0]
    assert controller.step(0.0, low)[1:].tolist() == [True, False]
    assert controller.step(60.0, high)[1:].tolist() == [False, True]


def test_rules_in_words_of_the_plant_model():
    (net1,) = pump_rules(read_controls("net1"))
    assert (net1.pump, net1.tank) == ("9", "2")
    assert (net1.on_level_m, net1.off_level_m) == pytest.approx((110 * FOOT, 140 * FOOT))
    micropolis = {rule.pump: rule for rule in pump_rules(read_controls("micropolis"))}
    first = micropolis["HSP#1"]
    assert (first.on_level_m, first.off_level_m) == pytest.approx((111 * FOOT - 0.3, 111 * FOOT))
    assert [band.on_level_m for band in first.bands] == [pytest.approx(111 * FOOT - 0.3), -np.inf]
    night = micropolis["HSP#3"].bands[1]
    assert (night.from_clock_s, night.to_clock_s) == (20 * 3600.0, 6 * 3600.0)
    assert (night.on_level_m, night.off_level_m) == pytest.approx((110 * FOOT - 0.3, 110 * FOOT))
    assert micropolis["ResvrPump"] == ("ResvrPump", "", 0.0, 0.0, ())


def test_assumptions_name_what_is_not_the_inps():
    controls = read_controls("micropolis")
    assert "pump ResvrPump has no control in the INP and stays on" in controls.assumptions
    assert any("0.3 m lower" in sentence for sentence in controls.assumptions)
    assert read_controls("net1").assumptions == ()


def test_pumps_without_any_control_follow_the_nearest_tank(tmp_path):
    text = find_inp("net1").read_text()
    start, end = text.index("[CONTROLS]"), text.index("[RULES]")
    inp = tmp_path / "bare.inp"
    inp.write_text(text[:start] + text[end:])
    controls = read_controls(str(inp))
    assert controls.assumptions == (
        "pump 9 has no control in the INP: it follows tank 2, on below 39.62 m, off above 44.20 m",
    )
    controller = PumpController(controls)
    assert [bool(controller.step(0.0, [level])[0]) for level in (45.0, 42.0, 39.0, 42.0)] == [
        False,
        False,
        True,
        True,
    ]


RULES = """[RULES]
RULE HIGH
IF TANK 2 LEVEL ABOVE 130
THEN PUMP 9 STATUS IS CLOSED
ELSE PUMP 9 STATUS IS OPEN
PRIORITY 1

RULE MORNING
IF SYSTEM CLOCKTIME = 6 AM
OR SYSTEM TIME = 30
THEN PIPE 12 STATUS IS CLOSED
PRIORITY 2

RULE DEMAND
IF SYSTEM DEMAND BELOW 10
THEN PUMP 9 STATUS IS OPEN

"""


def test_else_and_times_and_what_is_left_out(tmp_path):
    text = find_inp("net1").read_text()
    start, end = text.index("[CONTROLS]"), text.index("[ENERGY]")
    inp = tmp_path / "rules.inp"
    inp.write_text(text[:start] + RULES + text[end:])
    controls = read_controls(str(inp), 0.0)
    assert "rule DEMAND asks for what no PLC here measures and is not run" in controls.assumptions
    controller = PumpController(controls)
    pump, pipe = controller.names.index("9"), controller.names.index("12")
    assert not controller.step(0.0, [131 * FOOT])[pump]
    assert controller.step(60.0, [129 * FOOT])[pump]
    assert controller.step(5 * 3600.0, [129 * FOOT])[pipe]
    assert not controller.step(6 * 3600.0 + 30.0, [129 * FOOT])[pipe]
