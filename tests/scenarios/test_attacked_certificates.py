"""The shipped model's certificates on its own plant under attack: none may break.

A tenth of the windows of ``make test-full`` is attacked in ``make test``.
"""

import numpy as np
import pytest

from detectors.dataset import load_plant_model, load_run
from detectors.members import grid_judge, water_judge
from detectors.model import load_model, model_folder
from detectors.perturbation import Perturbation
from scenarios.arms import ARMS
from scenarios.prepare import prepare
from scenarios.run import run_scenario
from scenarios.scenario import load_scenario
from tests.detectors.attacks import carlini_wagner, logits_and_slopes, projected_gradient

SECONDS = 9_000
ATTACKS = {"projected gradient": projected_gradient, "Carlini-Wagner": carlini_wagner}
AT_ONCE = 2_000


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Model, plant model and telemetry of the flagship without attack and under attack without defence."""
    folder = tmp_path_factory.mktemp("attacked") / "run"
    scenario = load_scenario("flagship", (f"scenario.duration_s={SECONDS}",))
    arms = "baseline", "undefended"
    run_scenario(prepare(scenario, "flagship"), [ARMS[arm] for arm in arms], folder)
    plant = load_plant_model(folder / "plant_model.json")
    runs = [load_run(folder / arm / "telemetry.parquet", plant) for arm in arms]
    return load_model(model_folder("default")), plant, runs


def certified_grid(recorded, eps):
    """(bounder, centres, judgements) of certified windows in the commonest topology."""
    model, plant, runs = recorded
    judge = grid_judge(model, plant, Perturbation(eps))
    ix, window, found = judge.features.index, judge.window, []
    for run in runs:
        values, states = run.telemetry[:, ix.columns], run.telemetry[:, ix.status_tag]
        for end in range(window - 1, len(values), 3):
            part = slice(end - window + 1, end + 1)
            whole = not np.isnan(values[part]).any() and (states[part] == 1.0).all()
            judged = judge.judge(values[part], states[part], window - 1)
            if whole and judged.value != "uncertain":
                found.append((values[part].mean(axis=0), judged))
    closed, nothing = np.ones(len(ix.status_tag), dtype=bool), np.zeros(len(ix.columns), dtype=bool)
    bounder = judge.plan(closed, nothing).bounder
    return bounder, np.array([centre for centre, _ in found]), [judged for _, judged in found]


def certified_water(recorded, eps):
    """The same for complete windows of the water member."""
    model, plant, runs = recorded
    judge = water_judge(model, plant, Perturbation(eps))
    ix, found = judge.features.index, []
    for run in runs:
        samples = run.telemetry[:: round(ix.period_s / (run.t_s[1] - run.t_s[0]))][:, ix.columns]
        for end in range(ix.samples, len(samples) + 1):
            window = samples[end - ix.samples : end]
            judged = judge.judge(window)
            if not np.isnan(window).any() and judged.value != "uncertain":
                found.append((window.reshape(-1), judged))
    bounder = judge.bounder(np.zeros(ix.samples * ix.columns.size, dtype=bool))
    return bounder, np.array([centre for centre, _ in found]), [judged for _, judged in found]


def broken(bounder, centres, judged, attack, count, seed):
    """How many of ``count`` attacked windows end beyond the bound or flip the verdict, and whether the attack
    did anything at all."""
    rng, bad, closer = np.random.default_rng(seed), 0, 0.0
    alarm = np.array([j.value == "certified_alarm" for j in judged])
    low, high = (np.array([getattr(j, end) for j in judged]) for end in ("low", "high"))
    plain, _ = logits_and_slopes(bounder, centres)
    for first in range(0, count, AT_ONCE):
        some = rng.integers(len(centres), size=min(AT_ONCE, count - first))
        side = np.where(alarm[some], -1.0, 1.0)
        points = attack(bounder, centres[some], side, rng)
        assert (np.abs(points - centres[some]) <= bounder.reach * (1.0 + 1e-12)).all()
        values = bounder.logits(points)
        outside = (values < low[some]) | (values > high[some]) | ((values > 0.0) != alarm[some])
        bad += int(outside.sum())
        closer += float((side * (values - plain[some])).sum())
    return bad, closer / count


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("domain", ["grid", "water"])
@pytest.mark.parametrize("count", [2_500, pytest.param(25_000, marks=pytest.mark.slow)])
def test_no_attacked_window_breaks_its_certificate(recorded, domain, attack, count):
    bounder, centres, judged = (certified_grid if domain == "grid" else certified_water)(recorded, 0.01)
    assert {j.value for j in judged} == {"certified_normal", "certified_alarm"}
    bad, closer = broken(bounder, centres, judged, ATTACKS[attack], count, 1)
    assert bad == 0
    assert closer > 0.1


def test_the_attacks_break_a_bound_that_is_too_tight(recorded):
    """Bounds of a tenth of the box: both attacks must find their way out of them."""
    bounder, _, _ = certified_grid(recorded, 0.01)
    _, centres, judged = certified_grid(recorded, 0.001)
    for attack in ATTACKS.values():
        bad, _ = broken(bounder, centres, judged, attack, 500, 2)
        assert bad > 0
