"""Certificates on windows of runs, and attacks on them. An attack that breaks one is the worst bug there
is."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from detectors.certificate import ASSUMPTIONS, certified_vs_eps, certify_windows
from detectors.dataset import load_run, switch_states
from detectors.judge import GridJudge, WaterJudge
from detectors.model import Model
from detectors.perturbation import Perturbation
from streams.errors import BadInput

from . import synthetic
from .test_bounds import pgd


def middle(values: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Mean over the scans of the newest topology: the only ones that are read."""
    return values[(states == states[-1]).all(axis=1)].mean(axis=0)


def test_no_attack_on_raw_scans_breaks_a_grid_certificate(
    grid: GridJudge, windows: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    rng = np.random.default_rng(0)
    broken, seen = 0, set()
    for values, states in windows:
        judged = grid.judge(values, states, grid.window - 1)
        seen.add(judged.value)
        if judged.value == "uncertain":
            continue
        alarm = judged.value == "certified_alarm"
        assert judged.margin is not None
        assert judged.margin >= 0
        bounder = grid.plan(states[-1] > 0.5, np.zeros(values.shape[1], dtype=bool)).bounder
        assert bounder is not None
        worst = pgd(bounder, middle(values, states), not alarm, rng, steps=15)
        broken += (worst > 0) != alarm
        assert judged.low <= worst <= judged.high
        for _ in range(5):
            moved = values + grid.reach * rng.choice([-1.0, 1.0], values.shape)
            switched = states + 0.01 * rng.choice([-1.0, 1.0], states.shape)
            broken += grid.judge(moved, switched, grid.window - 1).alarm != alarm
            # Nothing is certified around the moved window, but its plain decision must stay.
            broken += grid.judge(moved, states, grid.window - 1).alarm != alarm
    assert broken == 0
    assert {"certified_normal", "certified_alarm"} <= seen


def test_protected_tags_and_switches_do_not_move(grid: GridJudge) -> None:
    index = grid.features.index
    assert not grid.reach[index.protected].any()
    assert np.allclose(grid.reach[~index.protected], 0.01 * index.width[~index.protected])
    with pytest.raises(BadInput, match="switch status could flip"):
        Perturbation(0.25)
    with pytest.raises(BadInput):
        Perturbation(float("nan"))


def test_one_missing_scan_value_is_not_filled_in(
    grid: GridJudge, windows: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    values, states = (x.copy() for x in windows[0])
    values[2, 5] = np.nan
    partial = grid.judge(values, states, grid.window - 1)
    rest = np.delete(np.arange(grid.window), 2)
    alone = grid.judge(values[rest], states[rest], grid.window - 2)
    assert partial.score == pytest.approx(alone.score, abs=1e-9)
    assert partial.free_tags == ()


def test_a_lost_tag_is_free_over_its_range(
    grid: GridJudge, windows: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    index, rng = grid.features.index, np.random.default_rng(1)
    checked = 0
    for values, states in windows[:60]:
        column = int(rng.integers(values.shape[1]))
        lost = values.copy()
        lost[:, column] = np.nan
        judged = grid.judge(lost, states, grid.window - 1)
        if judged.value == "uncertain":
            continue
        assert judged.free_tags == (index.names[column],)
        missing = np.arange(values.shape[1]) == column
        bounder = grid.plan(states[-1] > 0.5, missing).bounder
        assert bounder is not None
        for value in (
            index.low[column],
            index.high[column],
            rng.uniform(index.low[column], index.high[column]),
        ):
            centre = middle(values, states)
            centre[column] = value
            noisy = centre + np.where(missing, 0.0, grid.reach * rng.choice([-1.0, 1.0], missing.size))
            assert (bounder.logit(noisy) > 0) == (judged.value == "certified_alarm")
            checked += 1
    assert checked > 20


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_windows_that_cannot_be_judged_are_uncertain(
    grid: GridJudge, windows: list[tuple[np.ndarray, np.ndarray]], share: float
) -> None:
    values, states = (x.copy() for x in windows[0])
    holes = np.random.default_rng(2).random(values.shape) < share
    values[holes] = np.nan
    judged = grid.judge(values, states, grid.window - 1)
    assert judged.value == "uncertain"
    assert judged.margin is None
    assert judged.method.split(":")[0] in ("plain", "none")


def test_switching_uses_only_scans_of_the_newest_topology(
    grid: GridJudge, windows: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    values, states = (x.copy() for x in windows[0])
    line = int(np.flatnonzero(states[-1] > 0.5)[0])
    states[: grid.window - 2, line] = 0.0
    assert grid.judge(values, states, grid.window - 1).method == "none: too few scans of this topology"
    states[:, line] = 1.0
    whole = grid.judge(values, states, grid.window - 1)
    states[-1, line] = np.nan
    judged = grid.judge(values, states, grid.window - 1)
    assert judged.method == "plain: switch status missing"
    assert judged.score == pytest.approx(whole.score, abs=1e-9)


def test_every_line_open_does_not_crash(
    grid: GridJudge, windows: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    values, states = windows[0]
    judged = grid.judge(values, np.zeros_like(states), grid.window - 1)
    assert judged.value == "uncertain"


def test_no_attack_breaks_a_water_certificate(water: WaterJudge) -> None:
    recording = synthetic.water_only(1440, 50, attacked=True)
    ix, rng = water.features.index, np.random.default_rng(3)
    samples = recording.telemetry[:, ix.columns]
    seen = set()
    for end in range(ix.samples, 1440, 23):
        window = samples[end - ix.samples : end].copy()
        if end % 2:
            window[: int(rng.integers(0, 80))] = np.nan
        judged = water.judge(window)
        seen.add(judged.value)
        if judged.value == "uncertain":
            continue
        alarm = judged.value == "certified_alarm"
        lost = np.isnan(window)
        bounder = water.bounder(lost.reshape(-1))
        assert bounder is not None
        centre = np.where(lost, (ix.low + ix.high) / 2, window).reshape(-1)
        worst = pgd(bounder, centre, not alarm, rng, steps=15)
        assert (worst > 0) == alarm
        for _ in range(5):
            moved = window + water.reach * rng.choice([-1.0, 1.0], window.shape)
            assert water.judge(moved).alarm == alarm
    assert {"certified_normal", "certified_alarm"} <= seen


@pytest.mark.parametrize("times", [[0.0, 4.0, np.nan], [0.0, 4.0, 4.0], [0.0, 8.0, 4.0]])
def test_times_that_do_not_increase_are_refused(model: Model, tmp_path: Path, times: list[float]) -> None:
    recording = synthetic.record(3, 5, attack=None, water=False)
    recording.t_s[:] = times
    folder = synthetic.write(recording, tmp_path / "run")
    with pytest.raises(BadInput, match="t_s of row 3"):
        certify_windows(model, folder)
    with pytest.raises(BadInput, match="t_s of row 3"):
        certified_vs_eps(model, recording.telemetry, synthetic.plant(), [0.01], recording.t_s)


def test_certificates_of_a_run_folder(model: Model, runs: list[Path]) -> None:
    made = certify_windows(model, runs[4], stride=50)
    assert {c.domain for c in made} == {"grid", "water"}
    for certificate in made:
        assert certificate.model_sha256 == model.digest()
        assert certificate.plant_model_sha256 == synthetic.plant().digest()
        assert certificate.assumptions == ASSUMPTIONS
        assert (certificate.margin is None) == (certificate.verdict == "uncertain")
        assert certificate.eps_share == 0.01
    document = msgspec.json.encode(made)
    assert len(msgspec.json.decode(document)) == len(made)
    alone = certify_windows(model, runs[4] / "telemetry.parquet", Perturbation(0.002), ["grid"], 50)
    assert {c.eps_share for c in alone} == {0.002}


def test_certified_share_falls_with_eps_and_the_twin_has_less(model: Model, runs: list[Path]) -> None:
    run = load_run(runs[4], labelled=True)
    rows = certified_vs_eps(
        model, run.telemetry, run.plant, [0.0, 0.002, 0.01, 0.05], run.t_s, run.label("grid"), "grid", 3
    )
    by_network = {name: [r for r in rows if r["network"] == name] for name in ("certified", "twin")}
    for entries in by_network.values():
        shares = [r["certified_alarm"] + r["certified_normal"] for r in entries]
        assert shares[0] == pytest.approx(1.0)
        assert shares == sorted(shares, reverse=True)
    assert by_network["certified"][2]["certified_quiet"] > 0.95 > by_network["twin"][2]["certified_quiet"]
    water = certified_vs_eps(
        model, run.telemetry, run.plant, [0.01], run.t_s, run.label("water"), domain="water", stride=10
    )
    assert len(water) == 2


def test_fast_path_equals_slow_path(grid: GridJudge, windows: list[tuple[np.ndarray, np.ndarray]]) -> None:
    whole = [(v, s) for v, s in windows if (s == 1.0).all()][:10]
    for values, states in whole:
        slow = grid._judge_slowly(values, states, grid.window - 1)
        fast = grid.judge(values, states, grid.window - 1)
        assert fast.value == slow.value
        assert fast.low == pytest.approx(slow.low, abs=1e-9)


def test_branches_without_status_count_as_closed(runs: list[Path]) -> None:
    run = load_run(runs[4])
    assert np.array_equal(switch_states(run, np.array([-1, -1])), np.ones((run.t_s.size, 2)))


def test_a_bad_folder_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        certify_windows(model, tmp_path)
    (tmp_path / "plant_model.json").write_bytes(synthetic.plant().encode())
    (tmp_path / "telemetry.parquet").write_bytes(b"garbage")
    with pytest.raises(BadInput, match=r"telemetry\.parquet"):
        certify_windows(model, tmp_path)
