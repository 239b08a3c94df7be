import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from detectors.model import Model, fits, load_model, model_folder, save_model
from streams.errors import BadInput
from streams.plant_model import PlantModel

from .synthetic import plant


def changed(which: str, **fields: object) -> PlantModel:
    model = plant()
    tags = tuple(msgspec.structs.replace(t, **fields) if t.name == which else t for t in model.tags)
    return msgspec.structs.replace(model, tags=tags)


def test_round_trip_keeps_hash_and_weights(model: Model, tmp_path: Path) -> None:
    save_model(tmp_path, model.spec, model.arrays, model.twin)
    again = load_model(tmp_path)
    assert again.digest() == model.digest()
    for a, b in zip(again.network("grid").weights, model.network("grid").weights, strict=True):
        assert np.array_equal(a, b)
    assert again.network("water", twin=True).inputs == model.network("water").inputs


def test_hash_follows_every_weight(model: Model) -> None:
    arrays = dict(model.arrays)
    arrays["grid.b0"] = arrays["grid.b0"].copy()
    arrays["grid.b0"][0] = np.nextafter(arrays["grid.b0"][0], 1.0)
    assert Model(model.folder, model.spec, arrays, model.twin).digest() != model.digest()


def test_fit(model: Model) -> None:
    assert fits(model, plant()) is None
    load = plant().buses[0].load_tag
    level = plant().tanks[0].level_tag
    assert "ranges" in (fits(model, changed(load, high=999.0)) or "")
    assert "protected" in (fits(model, changed(load, protected=True)) or "")
    assert "no tag" in (fits(model, changed(level, name="other")) or "")
    assert "reports" in (fits(model, changed(level, period_s=30.0)) or "")
    branches = plant().branches[1:]
    assert "branches" in (fits(model, msgspec.structs.replace(plant(), branches=branches)) or "")


def test_missing_and_corrupt_directories_are_one_sentence(model_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no-such"):
        model_folder("no-such")
    with pytest.raises(BadInput):
        load_model(tmp_path)
    for name, content in (
        ("model.json", b"{"),
        ("weights.npz", b"garbage"),
        ("model.json", b'{"schema": 1}'),
    ):
        folder = tmp_path / "broken"
        shutil.copytree(model_dir, folder)
        (folder / name).write_bytes(content)
        with pytest.raises(BadInput) as caught:
            load_model(folder)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
        shutil.rmtree(folder)


def test_weights_that_do_not_chain_or_are_not_finite_are_refused(model: Model, tmp_path: Path) -> None:
    for name, value in (("grid.w0", np.zeros((3, 3))), ("grid.b0", np.full(32, np.nan))):
        save_model(tmp_path, model.spec, dict(model.arrays) | {name: value}, model.twin)
        with pytest.raises(BadInput):
            load_model(tmp_path)
    arrays = {n: a for n, a in model.arrays.items() if n != "grid.w1"}
    save_model(tmp_path, model.spec, arrays, model.twin)
    with pytest.raises(BadInput, match=r"grid\.w1"):
        load_model(tmp_path)
