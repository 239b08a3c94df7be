"""Training data of the twin: labels, seeds, who attacks in them, and going on after an interruption."""

import os
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from detectors.dataset import load_run
from scenarios import training_data
from scenarios.catalogue import SCENARIOS, attackers
from scenarios.scenario import load_scenario
from scenarios.scenario_sections import MAX_SEED
from scenarios.training_data import DataConfig, generate, label
from scenarios.training_strata import training_start
from scenarios.workers import run_arms
from streams.plant_model import PlantModel
from tests.scenarios.recorded import columns, same_bits
from tests.scenarios.tiny import TOML

SHIPPED = {attack.attacker for name in SCENARIOS for attack in load_scenario(name).attack}
RUNS = 3
EPS = 0.3


class Enough(Exception):
    """Enough was seen."""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Small networks in a scenario whose own attack is one of those that ship."""
    text = TOML.format(model="default").replace("random_shift", sorted(SHIPPED)[0])
    path = tmp_path_factory.mktemp("data") / "small.toml"
    path.write_text(text)
    assert load_scenario(str(path)).attack[0].attacker in SHIPPED
    return DataConfig(
        scenario=str(path), runs=RUNS, duration_s=600.0, outage_share=0.5, tampered_share=1.0, eps=EPS
    )


def in_this_process(plans, run, processes, on_progress, on_done):
    run_arms(plans, run, 1, on_progress, on_done)


@pytest.fixture
def alone(monkeypatch):
    """Runs one after the other, in this process; gives the folders of those that ran."""
    ran = []

    def note(plans, *others):
        ran.extend(plan.folder.name for plan in plans)
        in_this_process(plans, *others)

    monkeypatch.setattr(training_data, "usable_cores", lambda: 1)
    monkeypatch.setattr(training_data, "run_arms", note)
    return ran


@pytest.fixture(scope="module")
def data(config, tmp_path_factory):
    """(folders, progress) of a generation that nothing disturbed, several runs at once."""
    progress = []
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_data, "usable_cores", lambda: 2)
        patch.setattr(training_data, "run_arms", in_this_process)
        folders = generate(config, folder, lambda done, of: progress.append((done, of)))
    return folders, progress


def plans_of(config, monkeypatch, tmp_path):
    """What would run, without running it."""
    plans = []

    def note(batch, *others):
        plans.extend(batch)
        raise Enough

    with monkeypatch.context() as patch:
        patch.setattr(training_data, "usable_cores", lambda: config.runs)
        patch.setattr(training_data, "run_arms", note)
        with pytest.raises(Enough):
            generate(config, tmp_path, lambda done, of: None)
    assert len(plans) == config.runs
    return plans


def names_of(plans):
    return {attack.attacker for plan in plans for attack in plan.scenario.attack}


def test_runs_start_when_their_stratum_says(config, monkeypatch, tmp_path):
    many = msgspec.structs.replace(config, runs=12)
    starts = [plan.scenario.scenario.start for plan in plans_of(many, monkeypatch, tmp_path)]
    assert starts == [training_start(config.first_seed, n).isoformat() for n in range(12)]
    assert {start[5:7] for start in starts} == {f"{month:02}" for month in range(1, 13)}


def test_every_run_is_recorded_and_labelled(data):
    folders, progress = data
    assert progress == [(done, RUNS) for done in range(RUNS + 1)]
    assert len(set(folders)) == RUNS
    for folder in folders:
        run = load_run(folder, labelled=True)
        assert run.t_s.tolist() == [4.0 * k for k in range(151)]
        assert {"tampered", "tampered_grid", "tampered_water", "harmful"} <= set(run.labels)


def test_tampered_is_exactly_where_received_differs_from_measured(data):
    seen = set()
    for folder in data[0]:
        model = PlantModel.decode((folder / "plant_model.json").read_bytes())
        levels = {tank.level_tag for tank in model.tanks}
        measured, received = (columns(folder / f"{name}.parquet") for name in ("measured", "telemetry"))
        labels = columns(folder / "labels.parquet")
        assert labels["t_s"].tolist() == received["t_s"].tolist()
        for k in range(len(labels["t_s"])):
            differ = {
                tag.name
                for tag in model.tags
                if not np.array_equal(measured[tag.name][k], received[tag.name][k], equal_nan=True)
            }
            assert labels["tampered"][k] == bool(differ)
            assert labels["tampered_water"][k] == bool(differ & levels)
            assert labels["tampered_grid"][k] == bool(differ - levels)
            seen.add(bool(differ))
    assert seen == {True, False}


def test_tampering_stays_within_the_declared_reach_and_off_protected_tags(data):
    for folder in data[0]:
        model = PlantModel.decode((folder / "plant_model.json").read_bytes())
        measured, received = (columns(folder / f"{name}.parquet") for name in ("measured", "telemetry"))
        for tag in model.tags:
            moved = np.nan_to_num(np.abs(received[tag.name] - measured[tag.name]))
            reach = 0.0 if tag.protected else EPS * (tag.high - tag.low)
            assert moved.max() <= reach * (1.0 + 1e-9)


def test_labels_of_a_hand_made_record(tiny_prepared, tmp_path):
    model = tiny_prepared.plant_model
    load, level = model.buses[1].load_tag, model.tanks[0].level_tag
    scans, nan = 6, np.nan
    measured = {"t_s": [4.0 * k for k in range(scans)]} | {tag.name: [1.0] * scans for tag in model.tags}
    received = dict(measured)
    # Missing in both is clean; missing in one, or another value, is tampered with.
    measured[load], received[load] = [1.0, nan, nan, 1.0, 1.0, 1.0], [1.0, nan, 1.0, nan, 1.1, 1.0]
    measured[level], received[level] = [1.0] * 4 + [2.0, 2.0], [1.0] * 4 + [2.0, 2.5]
    loading = {"t_s": measured["t_s"]} | {branch.name: [0.5] * scans for branch in model.branches}
    loading[model.branches[3].name] = [0.5, 1.0, 1.01, 0.5, 0.5, 7.0]
    (tmp_path / "plant_model.json").write_bytes(model.encode())
    for name, table in (("measured", measured), ("telemetry", received), ("loading", loading)):
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet")
    label(tmp_path)
    labels = columns(tmp_path / "labels.parquet")
    assert labels["tampered_grid"].tolist() == [False, False, True, True, True, False]
    assert labels["tampered_water"].tolist() == [False] * 5 + [True]
    assert labels["tampered"].tolist() == [False, False, True, True, True, True]
    assert labels["harmful"].tolist() == [False, False, True, False, False, True]


def test_seeds_start_above_those_of_evaluation(config, monkeypatch, tmp_path):
    many = msgspec.structs.replace(config, runs=5)
    seeds = [plan.scenario.scenario.seed for plan in plans_of(many, monkeypatch, tmp_path)]
    assert seeds == [1_000_000 + number for number in range(5)]
    assert min(seeds) > MAX_SEED
    later = msgspec.structs.replace(many, first_seed=2_000_000)
    seeds = [plan.scenario.scenario.seed for plan in plans_of(later, monkeypatch, tmp_path)]
    assert seeds == [2_000_000 + number for number in range(5)]


def test_attackers_of_shipped_scenarios_never_train(config, monkeypatch, tmp_path):
    many = msgspec.structs.replace(config, runs=40)
    plans = plans_of(many, monkeypatch, tmp_path)
    assert all(plan.scenario.attack for plan in plans)
    used = names_of(plans)
    # Each plan draws its own tampering, so forty of them show what there is to draw.
    assert used <= set(attackers())
    assert not used & SHIPPED
    assert set(attackers()) - used
    flagship = msgspec.structs.replace(many, scenario="flagship", runs=3)
    assert not names_of(plans_of(flagship, monkeypatch, tmp_path)) & SHIPPED


def test_runs_without_tampering_are_clean(config, monkeypatch, tmp_path):
    clean = msgspec.structs.replace(config, runs=10, tampered_share=0.0)
    assert not names_of(plans_of(clean, monkeypatch, tmp_path))
    some = msgspec.structs.replace(config, runs=20, tampered_share=0.5)
    attacked = [bool(plan.scenario.attack) for plan in plans_of(some, monkeypatch, tmp_path)]
    assert {True, False} == set(attacked)


def test_an_interrupted_generation_goes_on_and_ends_with_the_same_data(
    config, data, alone, tmp_path, monkeypatch
):
    progress = []

    def stop(folder):
        if folder.name == "run-0001":
            raise KeyboardInterrupt
        label(folder)

    with monkeypatch.context() as patch:
        patch.setattr(training_data, "label", stop)
        with pytest.raises(KeyboardInterrupt):
            generate(config, tmp_path, lambda done, of: None)
    kept = (tmp_path / "run-0000" / "telemetry.parquet").stat().st_mtime_ns
    assert alone == ["run-0000", "run-0001"]
    alone.clear()
    folders = generate(config, tmp_path, lambda done, of: progress.append((done, of)))
    assert alone == ["run-0001", "run-0002"]
    assert progress == [(1, RUNS), (2, RUNS), (3, RUNS)]
    assert (tmp_path / "run-0000" / "telemetry.parquet").stat().st_mtime_ns == kept
    for folder, undisturbed in zip(folders, data[0], strict=True):
        for name in ("telemetry", "labels"):
            assert same_bits(columns(folder / f"{name}.parquet"), columns(undisturbed / f"{name}.parquet"))
    alone.clear()
    assert generate(config, tmp_path, lambda done, of: None) == folders
    assert alone == []


def test_labels_cut_off_while_being_written_are_written_again(config, data, alone, tmp_path, monkeypatch):
    one = msgspec.structs.replace(config, runs=1)
    write = pq.write_table

    def stop(table, where, *others, **more):
        write(table, where, *others, **more)
        if isinstance(where, str | Path):
            os.truncate(where, 100)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training_data.pq, "write_table", stop)
        with pytest.raises(KeyboardInterrupt):
            generate(one, tmp_path, lambda done, of: None)
    (folder,) = generate(one, tmp_path, lambda done, of: None)
    assert same_bits(columns(folder / "labels.parquet"), columns(data[0][0] / "labels.parquet"))
