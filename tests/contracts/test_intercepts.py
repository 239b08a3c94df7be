"""What an attacker sees on the links in its reach: values before its own tap, whichever end the link has."""

import numpy as np
import pytest

from simulator.plant_role import PlantRole
from simulator.settings import GridSettings, PlantSettings, TapBudget, WaterSettings
from streams import topics
from streams.messages import Command, Intercept, Setpoint, Tap, Truth

LINKS = ("RTU-Tank>PLC", "SCADA>PLC")


@pytest.fixture(scope="module")
def seen():
    """Intercepts by link, sent and received values, after a tap on the level's and the command's way."""
    budget = TapBudget(links=LINKS, eps_share=1.0, eps_tags={}, allow_drop=True, start_s=0.0, end_s=600.0)
    role = PlantRole(
        PlantSettings(
            seed=3,
            duration_s=120.0,
            scan_s=4.0,
            exchange_s=4.0,
            start="2025-07-15T12:00:00",
            grid=GridSettings(load_scale=0.9),
            water=WaterSettings(bus="76", replication=50, cooled_unit="G89", cooling_node="TN458"),
            protected_links={},
            budgets=(budget,),
        )
    )
    model = role.plant.model
    pump = model.pumps[0].name
    # Of a command the budget allows the loss and nothing else.
    tags = [(LINKS[0], model.tanks[0].level_tag, "offset"), (LINKS[1], pump, "drop")]
    taps = [
        Tap(
            "attacker",
            i,
            0,
            0.0,
            link=link,
            operation=operation,
            tags=[tag],
            values=[-0.5],
            start_s=4.0,
            end_s=200.0,
        )
        for i, (link, tag, operation) in enumerate(tags)
    ]
    off = Setpoint(LINKS[1], pump, "pump_on", 0.0)
    order = Command("control", 0, 14, 56.0, power_mw=[], setpoints=[off])
    for k in range(17):
        inbox = {topics.TAPS: taps if k == 1 else [], topics.COMMANDS: [order] if k == 15 else []}
        messages = [out.message for out in role.step(k, 4.0 * k, inbox)]
    truth = next(m for m in messages if isinstance(m, Truth))
    received = dict(
        zip([(e.link, e.tag) for e in model.link_tags], np.frombuffer(truth.links).tolist(), strict=True)
    )
    measured = dict(zip([t.name for t in model.tags], np.frombuffer(truth.measured).tolist(), strict=True))
    level = model.tanks[0].level_tag
    role.close()
    intercepts = {m.link: m.values for m in messages if isinstance(m, Intercept)}
    first = [e.tag for e in model.link_tags if e.link == LINKS[1]].index(pump)
    return intercepts, first, measured[level], received[LINKS[0], level], received[LINKS[1], pump]


def test_a_level_on_its_way_to_a_controller_is_seen_before_the_tap(seen):
    intercepts, _, measured, received, _ = seen
    assert intercepts[LINKS[0]] == [measured]
    assert received == pytest.approx(measured - 0.5)


def test_a_command_is_seen_before_the_tap(seen):
    intercepts, first, _, _, received = seen
    assert intercepts[LINKS[1]][first] == 0.0
    assert np.isnan(received)
