"""Short training runs: what is tampered with in them, how they are labelled, and going on with them."""

import msgspec
import numpy as np
import pytest

from detectors.dataset import load_run
from scenarios import training_data
from scenarios.short_runs import Order, outage, record
from scenarios.training_data import DataConfig, generate
from scenarios.training_shorts import STRETCH, ShortRun, tamper, write_short_run
from simulator.control.dc_model import build_dc_model
from tests.scenarios.recorded import columns, same_bits
from tests.scenarios.tiny import TOML

EPS = 0.3


@pytest.fixture(scope="module")
def order(tmp_path_factory):
    path = tmp_path_factory.mktemp("short") / "small.toml"
    path.write_text(TOML.format(model="default"))
    return Order(str(path), 1_000_000, 1, 600.0, (0.9, 1.0), 0.5)


@pytest.fixture(scope="module")
def clean(order):
    return record(order)


@pytest.fixture(scope="module")
def told(order, clean, tmp_path_factory):
    return tamper(clean.plant, clean.telemetry, ShortRun(order, tmp_path_factory.mktemp("told"), EPS))


def test_every_other_stretch_is_tampered_with(clean, told):
    received, tampered = told
    assert tampered.tolist() == [k // STRETCH % 2 == 1 for k in range(len(tampered))]
    moved = ((received != clean.telemetry) & ~np.isnan(clean.telemetry)).any(axis=1)
    assert np.array_equal(moved, tampered)


def test_shifts_keep_the_total_fit_themselves_and_move_nothing_protected(clean, told):
    received, _ = told
    plant, moved = clean.plant, np.nan_to_num(received - clean.telemetry)
    at = {tag.name: i for i, tag in enumerate(plant.tags)}
    assert not moved[:, [tag.protected for tag in plant.tags]].any()
    levels = [at[tank.level_tag] for tank in plant.tanks]
    assert not moved[:, levels].any()
    reach = EPS * np.array([tag.high - tag.low for tag in plant.tags])
    loads = [at[bus.load_tag] for bus in plant.buses if bus.load_tag]
    assert (np.abs(moved[:, loads]) <= reach[loads] + 1e-9).all()
    assert np.abs(moved[:, loads].sum(axis=1)).max() < 1e-9
    state = np.array([received[STRETCH, at[b.status_tag]] if b.status_tag else 1.0 for b in plant.branches])
    ptdf = build_dc_model(plant, state > 0.5).ptdf
    shift = np.array([moved[STRETCH, at[bus.load_tag]] if bus.load_tag else 0.0 for bus in plant.buses])
    for flow, branch in zip(-ptdf @ shift, plant.branches, strict=True):
        if branch.flow_tag and not plant.tags[at[branch.flow_tag]].protected:
            assert moved[STRETCH, at[branch.flow_tag]] == pytest.approx(flow, abs=1e-9)


def test_the_outage_of_a_run_is_that_of_its_stratum(order, clean):
    assert outage(clean.plant, 1_000_000, 1, 0.5)
    assert outage(clean.plant, 1_000_000, 0, 0.5) == ""
    name = outage(clean.plant, 1_000_000, 1, 0.5)
    at = {tag.name: i for i, tag in enumerate(clean.plant.tags)}
    (branch,) = [b for b in clean.plant.branches if b.name == name]
    assert (clean.telemetry[-5:, at[branch.status_tag]] < 0.5).all()


def test_a_written_run_reads_back_with_its_labels(order, told, tmp_path):
    folder = write_short_run(ShortRun(order, tmp_path / "run", EPS))
    run = load_run(folder, labelled=True)
    received, tampered = told
    assert np.array_equal(run.telemetry, received, equal_nan=True)
    assert np.array_equal(run.label("grid"), tampered)
    assert not run.label("water").any()


def test_an_interrupted_generation_goes_on_with_the_short_runs_left(order, tmp_path, monkeypatch):
    config = DataConfig(
        scenario=order.scenario, runs=1, duration_s=600.0, short_runs=3, short_duration_s=600.0
    )
    monkeypatch.setattr("scenarios.short_runs.usable_cores", lambda: 1)
    monkeypatch.setattr(training_data, "usable_cores", lambda: 1)
    whole, ran = training_data.write_short_run, []

    def stop(run):
        if len(ran) == 1:
            raise KeyboardInterrupt
        ran.append(run.folder.name)
        return whole(run)

    with monkeypatch.context() as patch:
        patch.setattr(training_data, "write_short_run", stop)
        with pytest.raises(KeyboardInterrupt):
            generate(config, tmp_path / "a", lambda done, of: None)
    assert ran == ["run-0001"]
    progress = []
    folders = generate(config, tmp_path / "a", lambda done, of: progress.append((done, of)))
    assert progress == [(2, 4), (3, 4), (4, 4)]
    assert [folder.name for folder in folders] == [f"run-{n:04d}" for n in range(4)]
    alone = msgspec.structs.replace(config, short_runs=1)
    again = generate(alone, tmp_path / "b", lambda done, of: None)[1]
    assert same_bits(columns(folders[1] / "telemetry.parquet"), columns(again / "telemetry.parquet"))
