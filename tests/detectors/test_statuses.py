"""Switch statuses: near their thresholds, perturbed and missing."""

from pathlib import Path

import numpy as np
import pytest

from detectors.certificate import certified_vs_eps
from detectors.dataset import load_run
from detectors.dc import GridIndex
from detectors.judge import GridJudge
from detectors.members import grid_judge, water_judge
from detectors.model import Model
from detectors.perturbation import Perturbation
from streams.errors import BadInput

from . import synthetic


def test_eps_of_single_tags_is_checked_against_the_plant(model: Model) -> None:
    plant = synthetic.plant()
    status, load = plant.branches[0].status_tag, plant.buses[0].load_tag
    metered = next(t.name for t in plant.tags if t.protected)
    for tag, value, hint in (
        (status, 0.25, "below 0.25"),
        ("nonsense", 1.0, "plant model"),
        (metered, 1.0, "protected"),
    ):
        for build in (grid_judge, water_judge):
            with pytest.raises(BadInput, match=hint) as caught:
                build(model, plant, Perturbation(0.0, {tag: value}))
            assert tag in str(caught.value)
    assert grid_judge(model, plant, Perturbation(0.0, {status: 0.2, load: 3.0, metered: 0.0})).reach[0] == 3.0


def every_verdict(judge: GridJudge, values: np.ndarray, states: np.ndarray) -> list[str]:
    """Fast and slow path, in every position of the ring."""
    out = []
    for shift in range(judge.window):
        turned = np.roll(values, shift, axis=0), np.roll(states, shift, axis=0)
        newest = (judge.window - 1 + shift) % judge.window
        fast, slow = judge.judge(*turned, newest), judge._judge_slowly(*turned, newest)
        assert fast == slow
        out.append(fast.value)
    return out


@pytest.mark.parametrize("status", [0.75, 0.7599, 0.2401, 0.25, 0.505, 0.745])
@pytest.mark.parametrize("where", ["newest", "one", "all"])
def test_a_status_near_a_threshold_certifies_nothing_that_eps_undoes(
    grid: GridJudge, windows: list[tuple[np.ndarray, np.ndarray]], status: float, where: str
) -> None:
    part = {"newest": slice(-1, None), "one": slice(2, 3), "all": slice(None)}[where]
    checked = 0
    for values, states in windows[::12]:
        for branch in (3, 60, 140):
            near = states.copy()
            near[part, branch] = status
            judged = grid.judge(values, near, grid.window - 1)
            if abs(status - 0.5) > 0.235:  # 0.01 carries it over a threshold
                assert judged.value == "uncertain"
                assert judged.method.split(":")[0] in ("plain", "none")
            if judged.value == "uncertain":
                continue
            checked += 1
            for by in (-0.01, 0.01):
                moved = near.copy()
                moved[part, branch] += by
                assert grid.judge(values, moved, grid.window - 1).alarm == judged.alarm
    assert checked or where == "newest" or abs(status - 0.5) > 0.235


@pytest.mark.parametrize("by", [0.01, 0.24, 0.2499999])
def test_perturbed_exact_statuses_change_no_verdict(
    model: Model, windows: list[tuple[np.ndarray, np.ndarray]], by: float
) -> None:
    plant, rng = synthetic.plant(), np.random.default_rng(5)
    table = {b.status_tag: by for b in plant.branches}
    judge = grid_judge(model, plant, Perturbation(0.01, table))
    for values, states in windows[::10]:
        judged = judge.judge(values, states, judge.window - 1)
        moved = states + by * rng.choice([-1.0, 1.0], states.shape)
        again = judge.judge(values, moved, judge.window - 1)
        assert again.alarm == judged.alarm
        assert again.score == judged.score


def test_verdicts_do_not_depend_on_the_path_or_the_ring(
    grid: GridJudge, windows: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    for values, states in windows[::10]:
        assert len(set(every_verdict(grid, values, states))) == 1
        near, gone = states.copy(), states.copy()
        near[1, 7], gone[3:, 7] = 0.755, np.nan
        assert set(every_verdict(grid, values, near)) == {"uncertain"}
        assert len(set(every_verdict(grid, values, gone))) == 1


def test_a_missing_status_may_be_either(
    grid: GridJudge, windows: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    certified = 0
    for values, states in windows[::6]:
        for branches in ([5], [5, 90]):
            gone = states.copy()
            gone[:, branches] = np.nan
            judged = grid.judge(values, gone, grid.window - 1)
            found = []
            for number in range(2 ** len(branches)):
                whole = states.copy()
                for place, branch in enumerate(branches):
                    whole[:, branch] = number >> place & 1
                found.append(grid.judge(values, whole, grid.window - 1))
            if judged.value == "uncertain":
                continue
            certified += 1
            assert {one.value for one in found} == {judged.value}
            assert judged.low <= min(one.low for one in found)
            assert judged.high >= max(one.high for one in found)
            names = [grid.features.index.status_names[b] for b in branches]
            assert set(names) <= set(judged.free_tags)
    assert certified > 5


def test_many_missing_statuses_leave_the_plain_decision(
    grid: GridJudge, windows: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    for values, states in windows[::6]:
        if not (states == states[-1]).all():
            continue
        judged = grid.judge(values, states, grid.window - 1)
        gone = states.copy()
        gone[-1, :40] = np.nan
        plain = grid.judge(values, gone, grid.window - 1)
        assert plain.value == "uncertain"
        assert plain.margin is None
        assert plain.method.startswith("plain: 40 switch statuses missing")
        assert plain.score == pytest.approx(judged.score, rel=1e-9)
        gone[:, :40] = np.nan
        before = states[-1] > 0.5
        held = grid.judge(values, gone, grid.window - 1, before)
        assert held.score == pytest.approx(judged.score, rel=1e-9)


def test_sweeps_certify_no_window_with_a_status_near_a_threshold(model: Model, runs: list[Path]) -> None:
    run = load_run(runs[4])
    column = GridIndex.build(run.plant).status_tag[3]
    telemetry = run.telemetry[:60].copy()
    telemetry[:, column] = 0.755
    rows = certified_vs_eps(model, telemetry, run.plant, [0.0, 0.004, 0.01])
    shares = [r["certified_alarm"] + r["certified_normal"] for r in rows if r["network"] == "certified"]
    assert shares[0] == pytest.approx(1.0)
    assert shares[1] > 0
    assert shares[2] == 0.0
