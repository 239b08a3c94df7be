"""The seam: same inputs, same truth; tampering changes beliefs only; balances hold."""

import numpy as np
import pytest

from simulator.plant import Plant
from simulator.settings import GridSettings, PlantSettings, TapBudget, WaterSettings
from streams.errors import BadInput
from streams.messages import Tap
from tests.simulator.balances import Balances
from tests.simulator.small_plant import unit_orders

SCAN_S = 4.0


def settings(**changes):
    values = {
        "seed": 3,
        "duration_s": 600.0,
        "scan_s": SCAN_S,
        "exchange_s": SCAN_S,
        "start": "2025-07-15T12:00:00",
        "grid": GridSettings(load_scale=0.9),
        "water": WaterSettings(bus="76", replication=50, cooled_unit="G89", cooling_node="TN458"),
        "protected_links": {},
        "budgets": (),
    }
    return PlantSettings(**(values | changes))


@pytest.fixture
def plant():
    made = []

    def make(**changes):
        made.append(Plant(settings(**changes)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def hold(plant):
    """The commands of a control centre that keeps the schedule."""
    return unit_orders(plant, {unit.name: unit.scheduled_mw for unit in plant.model.units})


def run(plant, scans, inputs=None):
    """Reports of so many scans; energy and water are balanced in each."""
    given, balances = inputs or {}, Balances(plant)
    reports = [plant.advance(given.get(0, []), 0.0)]
    for k in range(1, scans + 1):
        reports.append(plant.advance(given.get(k, []), k * SCAN_S))
        balances(plant)
    return reports


def test_same_inputs_same_truth(plant):
    one, two = plant(), plant()
    for a, b in zip(run(one, 40, {1: [hold(one)]}), run(two, 40, {1: [hold(two)]}), strict=True):
        for x, y in zip(a[:5], b[:5], strict=True):
            np.testing.assert_array_equal(x, y)
        assert a.events == b.events


def test_what_a_start_without_solution_costs_is_told_with_the_first_report(plant):
    twin = plant(
        grid=GridSettings("ieee14", load_scale=6.0, protected_flows=4),
        water=WaterSettings(network="net1"),
    )
    events = twin.advance([], 0.0).events
    assert {event.t_s for event in events} == {0.0}
    shed = sum(event.value for event in events if event.kind == "load_shed")
    assert shed > 0.0
    assert sum(twin.outcomes.shed_mw_by_cause.values()) == pytest.approx(shed)
    assert not [event for event in events if event.kind == "switch"]
    assert [n for n in twin.assumptions if "no power flow solution" in n and f"{shed:.0f} MW" in n]


def test_a_contaminant_is_counted_in_every_district(plant):
    water = WaterSettings(network="net1", replication=7, quality="contaminant")
    twin = plant(water=water, grid=GridSettings("ieee14", ratings="derived"))
    twin.water.set_injection("11", 60.0)
    report = run(twin, 150)[-1]
    consumed = twin.water.contaminant_consumed_g
    assert 1.0 < consumed < 600.0
    assert twin.outcomes.figures()["contaminant_consumed_g"] == 7 * consumed
    assert np.isfinite(report.true).all()
    assert plant().outcomes.figures()["contaminant_consumed_g"] is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"quality": "age", "trace_node": "9"}, 'trace_node.*quality is "trace"'),
        ({"quality": "trace"}, "trace_node: ''"),
        ({"chlorine_source_mg_l": 1.0}, 'chlorine_source_mg_l.*quality is "chlorine"'),
        ({"network": "micropolis", "quality": "chlorine"}, "chlorine_source_mg_l: None"),
    ],
)
def test_quality_that_does_not_fit_is_refused(plant, given, words):
    with pytest.raises(BadInput, match=words):
        plant(water=WaterSettings(**({"network": "net1"} | given)))


def test_another_seed_is_another_day(plant):
    one, two = run(plant(), 3)[-1], run(plant(seed=4), 3)[-1]
    assert not np.array_equal(one.true, two.true)


def test_measured_is_near_truth_and_received_is_measured(plant):
    twin = plant()
    report = run(twin, 5)[-1]
    np.testing.assert_array_equal(report.measured, report.received)
    span = np.array([tag.high - tag.low for tag in twin.model.tags])
    assert np.nanmax(np.abs(report.measured - report.true) / span) < 0.05


def test_true_values_lie_in_their_published_ranges(plant):
    twin = plant()
    for report in run(twin, 20):
        for tag, value in zip(twin.model.tags, report.true, strict=True):
            assert tag.low - 1e-9 <= value <= tag.high + 1e-9, tag.name


def test_tampering_changes_beliefs_not_physics(plant):
    station = "S15>SCADA"
    budget = TapBudget(
        links=(station,), eps_share=0.2, eps_tags={}, allow_drop=False, start_s=0.0, end_s=600.0
    )
    tap = Tap(
        producer="attacker",
        seq=0,
        k=1,
        t_s=4.0,
        link=station,
        operation="offset",
        tags=["S15/load_mw"],
        values=[1000.0],
        start_s=8.0,
        end_s=40.0,
    )
    honest, lied = plant(), plant(budgets=(budget,))
    slot = [tag.name for tag in honest.model.tags].index("S15/load_mw")
    tag = honest.model.tags[slot]
    kinds = []
    for k, (a, b) in enumerate(zip(run(honest, 12), run(lied, 12, {1: [tap]}), strict=True)):
        np.testing.assert_array_equal(a.true, b.true)
        np.testing.assert_array_equal(a.measured, b.measured)
        shift = b.received[slot] - b.measured[slot]
        if 8.0 <= k * SCAN_S < 40.0:
            assert shift == pytest.approx(0.2 * (tag.high - tag.low))
        else:
            assert shift == 0.0
        kinds += [event.kind for event in b.events]
    assert kinds.count("tap_in") == kinds.count("tap_out") == 1


def test_a_tapped_command_moves_a_unit_within_its_budget(plant):
    probe = plant()
    unit = max(probe.model.units, key=lambda u: u.scheduled_mw)
    reach_mw = 0.1 * (unit.p_max_mw - unit.p_min_mw)
    budget = TapBudget(
        links=(unit.command_link,), eps_share=0.1, eps_tags={}, allow_drop=False, start_s=0.0, end_s=600.0
    )
    lied = plant(budgets=(budget,))
    tap = Tap(
        producer="attacker",
        seq=0,
        k=1,
        t_s=4.0,
        link=unit.command_link,
        operation="offset",
        tags=[unit.name],
        values=[-1e6],
        start_s=4.0,
        end_s=400.0,
    )
    command = hold(lied)
    lied.advance([], 0.0)
    lied.advance([tap], 4.0)
    lied.advance([command], 8.0)
    setpoint = lied.grid._dynamics.units.setpoint[lied._unit_position[unit.name]]
    assert setpoint == pytest.approx(unit.scheduled_mw - reach_mw, abs=1e-6)


def test_a_tap_without_budget_is_refused_and_seen(plant):
    tap = Tap(
        producer="attacker",
        seq=0,
        k=1,
        t_s=4.0,
        link="S15>SCADA",
        operation="offset",
        tags=["S15/load_mw"],
        values=[10.0],
        start_s=4.0,
        end_s=40.0,
    )
    reports = run(plant(), 3, {1: [tap]})
    assert [event.kind for report in reports for event in report.events] == ["tap_refused"]
    assert all(np.array_equal(r.measured, r.received, equal_nan=True) for r in reports)


def test_protected_tags_are_the_concentrators_and_the_tank_inflow(plant):
    model = plant().model
    protected = {tag.name.split("/")[0] for tag in model.tags if tag.protected}
    assert protected == {"PDC", "FM-Tank"}
    assert sum(tag.station == "PDC" for tag in model.tags) == 28
    flows = [b for b in model.branches if b.flow_tag]
    assert 0.14 <= 28 / len(flows) <= 0.16


def test_the_operators_model_is_a_little_off_and_the_same_for_every_seed(plant):
    one, two = plant(), plant(seed=9)
    case = one._case
    error = np.array([b.x_pu for b in one.model.branches]) / case.branch_x - 1.0
    assert 0.01 < error.std() < 0.02
    assert [b.x_pu for b in one.model.branches] == [b.x_pu for b in two.model.branches]


def test_pumps_stop_when_their_feeder_is_shed(plant):
    twin = plant()
    run(twin, 2)
    assert twin.water.pump_running.any()
    twin.grid.feeder_alive = lambda bus, block: False
    twin.advance([], 16.0)
    assert not (twin.water.pump_running & twin.water._orders.alive).any()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"water": WaterSettings(bus="nosuch")}, "nosuch"),
        ({"water": WaterSettings(cooled_unit="G999")}, "G999"),
        ({"grid": GridSettings(network="nosuch")}, "nosuch"),
        ({"water": WaterSettings(network="nosuch")}, "nosuch"),
        ({"protected_links": {"S1>MARS": True}}, "S1>MARS"),
        (
            {
                "budgets": (
                    TapBudget(
                        links=("S1>MARS",),
                        eps_share=0.1,
                        eps_tags={},
                        allow_drop=False,
                        start_s=0.0,
                        end_s=9.0,
                    ),
                )
            },
            "S1>MARS",
        ),
    ],
)
def test_what_does_not_exist_is_named(changes, named):
    with pytest.raises(BadInput, match=named):
        Plant(settings(**changes))


def test_derating_is_told_when_it_begins_and_when_it_ends(plant, monkeypatch):
    # Units see their water anew after every hydraulic solution: here at every scan.
    water = WaterSettings(cooled_unit="G89", cooling_node="TN458", hydraulic_step_s=SCAN_S)
    one = plant(water=water)
    capacity_mw = float(one._case.unit_p_max_mw[one._case.unit_index("G89")])
    shares = iter([1.0, 1.0, 0.5, 0.8, 1.0, 1.0])
    monkeypatch.setattr(one.coupling.coolings, "_delivered_fraction", lambda node: next(shares))
    events = [event for report in run(one, 5) for event in report.events if event.kind == "plant_derated"]
    # A tower bears the loss of its blow-down: 205 of 225 gallons are needed.
    lacking_mw = [capacity_mw * (1.0 - share * 225.0 / 205.0) for share in (0.5, 0.8)]
    assert [(event.element, event.t_s) for event in events] == [("G89", 3 * SCAN_S), ("G89", 5 * SCAN_S)]
    assert [event.value for event in events] == pytest.approx([lacking_mw[0], 0.0])
    assert one.outcomes.plant_derated_mwh == pytest.approx(sum(lacking_mw) * SCAN_S / 3600.0)


def test_shedding_by_cause_is_the_sum_of_its_events(plant):
    """Each cut counts where and when it happens, whatever its customers would draw later."""
    one = plant()
    for unit in np.argsort(-one.grid.unit_power_mw)[:6]:
        one.grid._trip_unit(int(unit), "test")
    events = [event for report in run(one, 20) for event in report.events if event.kind == "load_shed"]
    by_cause = dict.fromkeys(one.outcomes.shed_mw_by_cause, 0.0)
    for event in events:
        by_cause[event.cause] += event.value
    assert by_cause["ufls"] > 100.0
    assert by_cause == pytest.approx(one.outcomes.shed_mw_by_cause)
