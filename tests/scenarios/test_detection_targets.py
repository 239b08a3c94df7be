"""The bench of detection targets on a plant of a few short runs."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.config import MemberConfig
from scenarios.bench.detection_judges import Rows, linear_judge
from scenarios.bench.detection_targets import Plan, Row, measure, run_plant
from scenarios.bench.detection_world import FIRST_SEED, Size, World, another_operator, build_world
from scenarios.bench.tampering import KINDS, Tampering
from scenarios.short_runs import Order, record

SIZE = Size(taught=14, measured=3, duration_s=240.0, stride=4, copies=1, taus=(0.2, 0.5))


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.prepare.CANDIDATES", 20)


@pytest.fixture(scope="module")
def world() -> World:
    with pytest.MonkeyPatch.context() as patch:
        # Processes would take longer to start than the runs do.
        patch.setattr("scenarios.short_runs.usable_cores", lambda: 1)
        return build_world(0, SIZE)


def test_runs_are_a_function_of_their_order_and_clean() -> None:
    order = Order("flagship", FIRST_SEED, 3, 200.0, (0.9, 1.0), 0.5)
    first, again = record(order), record(order)
    assert np.array_equal(first.telemetry, again.telemetry, equal_nan=True)
    assert not first.labels["tampered"].any()
    assert first.t_s[0] == 160.0
    assert first.t_s[-1] == 200.0
    other = record(order._replace(number=4))
    assert not np.array_equal(first.telemetry, other.telemetry, equal_nan=True)


def test_tampering_keeps_total_and_protected_flows_and_fits_itself(world: World) -> None:
    index, tampering = world.grid, Tampering(world.grid)
    loads, guarded = np.flatnonzero(index.sign < 0), index.flow_column[index.protected_branches]
    for kind in KINDS:
        for tau in SIZE.taus:
            data, visible = world.tampered[kind, tau]
            moved = data.mean - world.clean.mean
            assert np.abs(moved[:, loads].sum(axis=1)).max() < 1e-6
            assert (np.abs(moved[:, loads]) <= tau * world.clean.mean[:, loads] + 1e-6).all()
            assert not moved[:, guarded].any()
            assert visible.mean() > 0.9
            shift = np.zeros((len(moved), index.n_bus))
            np.add.at(shift.T, index.bus_of[loads], moved[:, loads].T)
            w = int(np.argmax(visible))
            closed = data.topologies[data.topology[w]]
            flows = -tampering.factors(closed) @ shift[w]
            free = np.setdiff1d(np.flatnonzero(index.flow_column >= 0), index.protected_branches)
            assert moved[w, index.flow_column[free]] == pytest.approx(flows[free], abs=1e-6)


def test_another_operator_knows_other_reactances(world: World) -> None:
    plants = [another_operator(world.plant, number) for number in (0, 1, 2)]
    assert plants[0] == world.plant
    x = np.array([[b.x_pu for b in plant.branches] for plant in plants])
    assert 0.005 < np.std(x[1] / x[2]) < 0.05


def test_linear_rows_by_their_definition(world: World) -> None:
    rows = Rows(world, MemberConfig(shift_rows=4), 0.01)
    flows = world.grid.protected_branches.size
    judge = linear_judge(rows, slice(flows, rows.features.rows_count), 1.0)
    # The threshold is the largest value of the clean windows, so that all of them are certified.
    assert (judge(world.taught, 0.0).high <= 0.0).all()
    assert (judge(world.taught, 0.0).high == 0.0).any()
    data, _ = world.tampered["random", 0.5]
    zero, some = judge(data, 0.0), judge(data, 0.01)
    assert np.array_equal(zero.low, zero.plain)
    assert (some.low <= some.plain).all()
    row: Row = measure(world, "linear", judge, 0.01, 0.0, Plan(size=SIZE))
    assert row.certified["random"][1] >= row.certified["random"][0]
    assert row.certified["random"][1] > 0.5
    assert row.plain["one"][0] >= row.certified["one"][0]
    assert 0.0 <= row.worst_kind(0.2) <= row.mean(0.2) <= row.mean(0.5) + 0.1


def test_a_trained_network_keeps_what_its_rows_certify(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenarios.bench.detection_targets.build_world", lambda number, size: world)
    plan = Plan(plants=1, size=SIZE, steps=120, eps=(0.01,), methods=("interval", "natural"))
    table, figures = run_plant(0, plan)
    found = {row.detector: row for row in table}
    assert set(found) == {
        "linear, plain rows", "linear, local rows", "linear, shift rows", "interval", "natural",
    }  # fmt: skip
    assert found["interval"].mean(0.5) > found["natural"].mean(0.5)
    assert found["interval"].certified_normal > found["natural"].certified_normal
    assert len(figures) == 1
    assert 0.0 <= figures[0].value <= 100.0
