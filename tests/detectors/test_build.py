"""Damaged and odd model folders are refused in one sentence that names file and field."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from detectors.members import build_all
from detectors.model import Model, load_model, save_model
from streams.errors import BadInput

from .synthetic import plant

ARRAYS = {
    "grid.local.flow": [None, (28, 185), (27, 186), (186,)],
    "grid.local.bus": [None, (28,), (27, 118), (28, 117)],
    "grid.local.defined": [None, (27,), (28, 1)],
    "grid.usual.closed": [None, (185,), ()],
    "grid.usual.coefficients": [None, (56, 2)],
    "grid.usual.sigma": [None, (55,), "zero"],
    "grid.other.coefficients": [None, (55, 3)],
    "grid.other.sigma": [None, (56, 1), "zero"],
    "water.coefficients": [None, (12, 1)],
    "water.sigma": [None, (11,), "zero"],
    "monitor.grid.mean": [None, (3,)],
    "monitor.grid.slope": [None, (3,)],
    "monitor.grid.sigma": [None, (3,), "zero"],
    "monitor.grid.limits": [None, (3,), "zero"],
    "monitor.water.drift": [None, (2,)],
    "monitor.water.scale": [(2,)],
    "monitor.water.sigma": [None, (2,), "zero"],
    "monitor.water.limit": [None, (2,), "zero"],
    "grid.w1": [None, (2, 2), ()],
    "water.b0": [None, (2,)],
}


def refusal(folder: Path) -> str:
    with pytest.raises(BadInput) as caught:
        build_all(load_model(folder), plant())
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ARRAYS)
def test_missing_and_misshapen_arrays(model: Model, tmp_path: Path, name: str) -> None:
    for change in ARRAYS[name]:
        arrays = dict(model.arrays)
        if change is None:
            del arrays[name]
        elif change == "zero":
            arrays[name] = np.zeros_like(arrays[name])
        else:
            arrays[name] = np.ones(change)
        save_model(tmp_path, model.spec, arrays, model.twin)
        told = refusal(tmp_path)
        assert "weights.npz" in told
        assert name in told or name.split(".")[1][0] in "wb" or (name, change) == ("monitor.grid.mean", (3,))


@pytest.mark.parametrize(
    ("domain", "field", "value"),
    [
        ("grid", "window", 0),
        ("grid", "window", 10**9),
        ("grid", "min_scans", 0),
        ("grid", "min_scans", 7),
        ("grid", "min_rows", 0.0),
        ("grid", "min_rows", 1.5),
        ("grid", "tags", ()),
        ("grid", "layers", (56,)),
        ("water", "tags", ()),
        ("water", "window", -1),
        ("water", "window", 120),
        ("water", "min_rows", -0.1),
    ],
)
def test_odd_members(model: Model, tmp_path: Path, domain: str, field: str, value: object) -> None:
    member = msgspec.structs.replace(model.spec.members[domain], **{field: value})
    spec = msgspec.structs.replace(model.spec, members=model.spec.members | {domain: member})
    save_model(tmp_path, spec, model.arrays, model.twin)
    told = refusal(tmp_path)
    assert "model.json" in told
    assert f"{domain}.{field}" in told


def test_odd_eps_and_ranges(model: Model, tmp_path: Path) -> None:
    save_model(tmp_path, msgspec.structs.replace(model.spec, eps=0.25), model.arrays, model.twin)
    assert "eps" in refusal(tmp_path)
    grid = model.spec.members["grid"]
    tag = msgspec.structs.replace(grid.tags[0], high=grid.tags[0].low)
    member = msgspec.structs.replace(grid, tags=(tag, *grid.tags[1:]))
    spec = msgspec.structs.replace(model.spec, members=model.spec.members | {"grid": member})
    save_model(tmp_path, spec, model.arrays, model.twin)
    assert tag.name in refusal(tmp_path)


def test_tags_in_another_order_do_not_fit(model: Model, tmp_path: Path) -> None:
    for domain in ("grid", "water"):
        member = model.spec.members[domain]
        turned = msgspec.structs.replace(member, tags=member.tags[::-1])
        spec = msgspec.structs.replace(model.spec, members=model.spec.members | {domain: turned})
        save_model(tmp_path, spec, model.arrays, model.twin)
        assert "order" in refusal(tmp_path)


def test_a_twin_of_another_shape(model: Model, tmp_path: Path) -> None:
    for twin in (
        dict(model.twin) | {"grid.w1": np.ones((3, 3))},
        dict(model.twin) | {"water.b1": np.ones(3)},
        {n: a for n, a in model.twin.items() if n != "grid.w0"},
    ):
        save_model(tmp_path, model.spec, model.arrays, twin)
        assert "twin.npz" in refusal(tmp_path)


def test_a_plant_of_other_size_is_refused(model: Model) -> None:
    small = plant()
    buses = (*small.buses, msgspec.structs.replace(small.buses[0], name="new", load_tag="", voltage_tag=""))
    with pytest.raises(BadInput, match=r"grid\.local\.bus"):
        build_all(model, msgspec.structs.replace(small, buses=buses))
    tank = msgspec.structs.replace(small.tanks[0], name="T9")
    with pytest.raises(BadInput, match="water member"):
        build_all(model, msgspec.structs.replace(small, tanks=(*small.tanks, tank)))


def test_all_is_built(model_dir: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model_dir, tmp_path / "copy")
    (folder / "twin.npz").unlink()
    assert all(build_all(load_model(folder), plant()))
