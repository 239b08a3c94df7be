"""The INP's own controls: our PLCs against EPANET running them itself, and what they may ask for."""

import itertools
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from simulator.water.controls import read_controls
from simulator.water.network import find_inp
from simulator.water.plc import PumpController
from simulator.water.true_signals import TrueSignals
from simulator.water.water import Water
from tests.data import shared_data
from tests.reference import epanet_controls

SCAN_S = 60
LATE_S = SCAN_S + 1  # EPANET acts up to a second of flow before a level is reached
FOOT = 0.3048


def packaged(package: str, file: str) -> Path:
    return Path(find_spec(package).submodule_search_locations[0]) / file


def network(name: str) -> Path:
    match name:
        case "ctown":
            return shared_data("ctown.inp")
        case "ky4":
            return packaged("epyt", "networks/asce-tf-wdst/ky4.inp")
        case "ltown":
            return packaged("epyt", "networks/L-TOWN.inp")
        case "net6":
            return packaged("wntr", "library/networks/Net6.inp")
        case _:
            return find_inp(name)


def levels_without_switching(scans, before, switched, t_s):
    """Levels at ``t_s`` had EPANET not switched since the last scan: what a PLC sees that switches itself.

    One array for each of EPANET's own times in between, from there on at the rate until then. switched: times
    at which EPANET did; at a scan itself it may, a second short of the level.
    """
    event, found = before[t_s], []
    while event % SCAN_S or event in switched:
        last = before[event]
        rate = (scans[event].level_m - scans[last].level_m) / (event - last)
        found.insert(0, scans[event].level_m + rate * (t_s - event))
        if event % SCAN_S == 0:
            break
        event = last
    return found or [scans[t_s].level_m]


@pytest.mark.parametrize(
    ("name", "hours"),
    [("net1", 24), ("net3", 24), ("micropolis", 24), ("ky4", 24), ("ltown", 24), ("ctown", 24), ("net6", 8)],
)
def test_on_epanets_levels_our_plcs_order_what_epanet_does_within_one_scan(name, hours):
    path = network(name)
    controls = read_controls(str(path), deadband_m=0.0)
    controller = PumpController(controls)
    scans = epanet_controls.run(path, hours, SCAN_S)
    times = np.array(sorted(scans))
    theirs = np.array([scans[t].open[list(controls.links)] for t in times.tolist()])
    before = {t: last for last, t in itertools.pairwise(times.tolist())}
    # EPANET looks at [RULES] for the first time after its first step, at [CONTROLS] before it.
    first = 0 if all(action.simple for action in controls.actions) else 1
    switched = set(times[1:][(theirs[1:] != theirs[:-1]).any(axis=1)].tolist()) if first == 0 else set()
    for minute in range(first, hours * 60 + 1):
        t_s = SCAN_S * minute
        views = levels_without_switching(scans, before, switched, t_s) if minute else [scans[0].level_m]
        for levels in views:
            ours = controller.step(t_s, levels)
        near = theirs[(times >= t_s - LATE_S) & (times <= t_s + (LATE_S if first else 0))]
        agrees = (near == ours).any(axis=0)
        assert agrees.all(), (t_s, [n for n, ok in zip(controller.names, agrees, strict=True) if not ok])
    assert (theirs != theirs[0]).any()


@pytest.mark.parametrize(("name", "step_s"), [("ky4", 60.0), ("ltown", 60.0), ("ctown", 10.0)])
def test_a_free_day_switches_as_epanets(name, step_s):
    """Each on its own levels; at a scan of 60 s C-Town's T2 just reaches 5.5 m, and with EPANET just not."""
    path = network(name)
    scans = epanet_controls.run(path, 24, SCAN_S)
    controls = read_controls(str(path), deadband_m=0.0)
    water, controller = Water(str(path), step_s), PumpController(controls)
    history = []
    for step in range(round(24 * 3600 / step_s) + 1):
        history.append((step * step_s, controller.step(step * step_s, water.tank_level_m)))
        controller.apply(water)
        water.advance((step + 1) * step_s)
    reference = [(t, scan.open[list(controls.links)]) for t, scan in sorted(scans.items())]
    ours, theirs = switchings(history), switchings(reference)
    assert [(link, on) for link, _, on in ours] == [(link, on) for link, _, on in theirs]
    assert all(-1.0 <= a[1] - b[1] <= LATE_S for a, b in zip(ours, theirs, strict=True))


def switchings(history):
    """(link, t_s, on) of every change, link by link."""
    return sorted(
        (link, t_s, bool(now[link]))
        for (_, last), (t_s, now) in itertools.pairwise(history)
        for link in np.flatnonzero(now != last).tolist()
    )


def net1_with(tmp_path: Path, rules: str = "", controls: str = "", pump: str = "HEAD 1") -> Path:
    text = find_inp("net1").read_text().replace("HEAD 1\t;", f"{pump}\t;")
    start, end = text.index("[CONTROLS]"), text.index("[ENERGY]")
    inp = tmp_path / "changed.inp"
    inp.write_text(f"{text[:start]}[CONTROLS]\n{controls}\n[RULES]\n{rules}\n{text[end:]}")
    return inp


PRESSURE_RULES = """RULE STOP
IF NODE 22 PRESSURE ABOVE 119
THEN PUMP 9 STATUS IS CLOSED

RULE START
IF NODE 22 PRESSURE BELOW 109
THEN PUMP 9 STATUS IS OPEN
"""


def drive_on_signals(water, controller, controls, hours, first):
    """Scan once a minute on all that the controls ask for; yields the minute, what is on, and settings.

    first: minute of the first scan.
    """
    signals = TrueSignals(controls.signals, water)
    for minute in range(round(hours * 60)):
        if minute >= first:
            controller.step(60.0 * minute, signals.read())
            controller.apply(water)
        yield minute, controller.on.copy(), list(controller.setting)
        water.advance(60.0 * minute + 60.0)


VARIANTS = {
    "pressure rules": {"rules": PRESSURE_RULES},
    "pressure controls": {
        "controls": "LINK 9 CLOSED IF NODE 22 ABOVE 119\nLINK 9 OPEN IF NODE 22 BELOW 109\n"
    },
    "head": {
        "rules": "RULE 1\nIF NODE 22 HEAD ABOVE 970\nTHEN PUMP 9 STATUS IS CLOSED\n\n"
        "RULE 2\nIF TANK 2 HEAD BELOW 965\nTHEN PUMP 9 STATUS IS OPEN\n"
    },
    "link status": {
        "rules": "RULE 1\nIF PUMP 9 STATUS IS OPEN\nTHEN PIPE 110 STATUS IS CLOSED\n"
        "ELSE PIPE 110 STATUS IS OPEN\n\nRULE 2\nIF SYSTEM CLOCKTIME >= 6 AM\nAND SYSTEM CLOCKTIME < 9 AM\n"
        "THEN PUMP 9 STATUS IS CLOSED\nELSE PUMP 9 STATUS IS OPEN\n"
    },
    "link flow": {"rules": "RULE 1\nIF LINK 9 FLOW ABOVE 1860\nTHEN PUMP 9 SETTING IS 0.95\n"},
    "speeds": {
        "controls": "LINK 9 0.9 IF NODE 2 ABOVE 125\nLINK 9 0 IF NODE 2 ABOVE 130\n"
        "LINK 9 1 IF NODE 2 BELOW 118\n"
    },
    "speed pattern": {"pump": "HEAD 1 PATTERN 1"},
    "slow pump opens at full speed": {
        "pump": "HEAD 1 SPEED 0.9",
        "controls": "LINK 9 CLOSED IF NODE 2 ABOVE 123\nLINK 9 OPEN IF NODE 2 BELOW 116\n",
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_whatever_a_control_may_ask_for_acts_as_in_epanet(variant, tmp_path):
    inp = net1_with(tmp_path, **VARIANTS[variant])
    # Between two slow fillings a scan of draining grows to minutes: half a day is compared where it would.
    hours = 6 if "slow" in variant else 12
    scans = epanet_controls.run(inp, hours, SCAN_S)
    controls = read_controls(str(inp), deadband_m=0.0)
    water, controller = Water(str(inp)), PumpController(controls)
    first = 0 if all(action.simple for action in controls.actions) else 1
    pump = water.layout.link_names.index("9")
    apart = changes = 0
    # Two scans: the lateness of the last switching is in the levels of this one.
    for minute, on, setting in drive_on_signals(water, controller, controls, hours, first):
        near = [scan for t, scan in scans.items() if abs(t - SCAN_S * minute) <= 2 * SCAN_S]
        states = [tuple(scan.open[list(controls.links)].tolist()) for scan in near]
        apart += tuple(on.tolist()) not in states
        speeds = [scan.setting[pump] for scan in near if scan.open[pump]]
        if on[0] and speeds:
            given = water.layout.link_setting[pump] if setting[0] is None else setting[0]
            apart += min(abs(given - speed) for speed in speeds) > 1e-9
        changes += states[0] != states[-1] or len(set(speeds)) > 1
    assert changes > 0
    assert apart == 0


def test_a_disabled_control_is_not_run(tmp_path):
    controls = "LINK 9 CLOSED IF NODE 2 ABOVE 123 DISABLED\nLINK 9 OPEN IF NODE 2 BELOW 116\n"
    rules = PRESSURE_RULES.replace("IS CLOSED\n", "IS CLOSED\nDISABLED\n")
    read = read_controls(str(net1_with(tmp_path, rules, controls)))
    assert [action.order.is_open for action in read.actions] == [True, True]


def test_epanet_never_acts_on_true_pressure(tmp_path):
    """A disabled control on a junction acts all the same inside EPANET's solver."""
    inp = net1_with(tmp_path, **VARIANTS["pressure controls"])
    water = Water(str(inp))
    water.advance(3600.0)
    assert water.pressure_m("22") > 119 * FOOT / 0.4333
    assert water.pump_flow_m3h[0] > 0.0


def test_what_cannot_be_run_is_named(tmp_path):
    rules = "RULE BUSY\nIF SYSTEM DEMAND ABOVE 1500\nTHEN PUMP 9 STATUS IS OPEN\n"
    controls = read_controls(str(net1_with(tmp_path, rules)))
    assert "rule BUSY asks for what no PLC here measures and is not run" in controls.assumptions
    assert not any(action.link == 9 and not action.simple for action in controls.actions)
