"""A model directory: what was trained, for which tags, and the weights.

``model.json`` holds everything but arrays; ``weights.npz`` the certified networks, calibrations and local
rows in float64; ``twin.npz`` the normally trained networks of the same shape, for comparison only. The hash
covers model.json and every array of weights.npz (name, shape, bytes), not the zip around them.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.bounds.dense import Dense
from detectors.model_spec import ModelSpec, check_arrays, check_spec
from streams.errors import BadInput
from streams.plant_model import PlantModel

SCHEMA = 1
MODELS = Path(__file__).parent / "models"
Floats = NDArray[np.float64]
_DOMAINS = ("grid", "water")


@dataclass(frozen=True)
class Model:
    """A loaded model directory. arrays, twin: name -> array of weights.npz and twin.npz."""

    folder: Path
    spec: ModelSpec
    arrays: Mapping[str, Floats]
    twin: Mapping[str, Floats]

    def digest(self) -> str:
        """sha256 over model.json and the arrays of weights.npz, hex."""
        total = hashlib.sha256(msgspec.json.encode(self.spec, order="deterministic"))
        for name in sorted(self.arrays):
            array = np.ascontiguousarray(self.arrays[name])
            total.update(f"{name} {array.dtype.str} {array.shape}".encode())
            total.update(array.tobytes())
        return total.hexdigest()

    def network(self, domain: str, twin: bool = False) -> Dense:
        """One member's network. Raises BadInput where the twin was not kept or arrays are missing."""
        arrays, file = (self.twin, "twin.npz") if twin else (self.arrays, "weights.npz")
        count = len(self.spec.members[domain].layers) - 1
        try:
            weights = tuple(arrays[f"{domain}.w{i}"] for i in range(count))
            biases = tuple(arrays[f"{domain}.b{i}"] for i in range(count))
        except KeyError as error:
            raise BadInput(
                str(self.folder / file), f"no array {error}", "every layer of every member"
            ) from None
        try:
            network = Dense(weights, biases)
        except BadInput as error:
            where = f"{self.folder / file}: {domain}, {error.where}"
            raise BadInput(where, error.value, error.allowed) from None
        if network.outputs != 1:
            raise BadInput(f"{self.folder / file}: {domain}, outputs", network.outputs, "1")
        sizes = (network.inputs, *[w.shape[0] for w in weights])
        if sizes != self.spec.members[domain].layers:
            where = f"{self.folder / file}: {domain} network"
            raise BadInput(where, sizes, f"layers {self.spec.members[domain].layers}")
        return network


def network_arrays(domain: str, network: Dense) -> dict[str, Floats]:
    """Arrays of one network under the names of weights.npz."""
    parts = {f"{domain}.w{i}": w for i, w in enumerate(network.weights)}
    return parts | {f"{domain}.b{i}": b for i, b in enumerate(network.biases)}


def save_model(
    folder: Path, spec: ModelSpec, arrays: Mapping[str, Floats], twin: Mapping[str, Floats]
) -> Model:
    """Write a model directory and return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    model = Model(folder, spec, dict(arrays), dict(twin))
    for name, content in (("weights.npz", arrays), ("twin.npz", twin)):
        part = folder / f"{name}.part"
        with part.open("wb") as handle:
            np.savez_compressed(handle, **content)  # type: ignore[arg-type]
        part.replace(folder / name)
    text = msgspec.json.format(msgspec.json.encode(spec, order="deterministic"), indent=1)
    (folder / "model.json").write_bytes(text + b"\n")
    return model


def load_model(path: Path) -> Model:
    """Read and check a model directory. Raises BadInput with one sentence where it is missing or corrupt."""
    file = path / "model.json"
    try:
        spec = msgspec.json.decode(file.read_bytes(), type=ModelSpec)
    except OSError as error:
        raise BadInput(str(file), error.strerror or "unreadable", "a model directory") from None
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadInput(str(file), str(error), f"a model description of schema {SCHEMA}") from None
    if spec.schema != SCHEMA:
        raise BadInput(f"{file}: schema", spec.schema, str(SCHEMA))
    if not spec.members or set(spec.members) - set(_DOMAINS):
        raise BadInput(f"{file}: members", sorted(spec.members), "grid, water or both")
    twin = _arrays(path / "twin.npz") if (path / "twin.npz").is_file() else {}
    model = Model(path, spec, _arrays(path / "weights.npz"), twin)
    check_spec(file, spec)
    for domain in spec.members:
        model.network(domain)
        if any(name.startswith(f"{domain}.") for name in twin):
            model.network(domain, twin=True)
    check_arrays(path / "weights.npz", spec, model.arrays)
    return model


def _arrays(path: Path) -> dict[str, Floats]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        raise BadInput(str(path), "missing", "a file of float64 arrays") from None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError) as error:
        raise BadInput(str(path), str(error).splitlines()[0][:120], "a file of float64 arrays") from None
    for name, array in found.items():
        if array.dtype != np.float64 or not np.isfinite(array).all():
            raise BadInput(f"{path}: {name}", str(array.dtype), "finite float64 values")
    return found


def model_folder(name_or_folder: str) -> Path:
    """Folder of a shipped model by name, or the folder itself. Raises BadInput where neither exists."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", name_or_folder) and (MODELS / name_or_folder).is_dir():
        return MODELS / name_or_folder
    folder = Path(name_or_folder)
    if not folder.is_dir():
        shipped = sorted(p.name for p in MODELS.iterdir() if p.is_dir()) if MODELS.is_dir() else []
        raise BadInput(
            "model", name_or_folder, f"a model directory or one of {', '.join(shipped) or '(none shipped)'}"
        )
    return folder


def fits(model: Model, plant: PlantModel) -> str | None:
    """None where every tag that the model reads exists with the same range; else the reason, one clause."""
    known = {tag.name: tag for tag in plant.tags}
    for domain, member in model.spec.members.items():
        for spec in member.tags:
            tag = known.get(spec.name)
            if tag is None:
                return f"the plant has no tag {spec.name} that the {domain} member reads"
            if (tag.low, tag.high) != (spec.low, spec.high):
                trained = f"trained for {spec.low:g} to {spec.high:g}"
                return f"tag {spec.name} ranges over {tag.low:g} to {tag.high:g}, {trained}"
            if tag.protected != spec.protected:
                return f"tag {spec.name} is {'' if tag.protected else 'not '}protected, unlike in training"
            if tag.period_s != spec.period_s:
                return f"tag {spec.name} reports every {tag.period_s:g} s, trained for {spec.period_s:g} s"
    if "grid" in model.spec.members and tuple(b.name for b in plant.branches) != model.spec.branches:
        return "the plant's branches differ from those of training"
    for domain, present in (("grid", _grid_tags(plant)), ("water", _water_tags(plant))):
        if domain not in model.spec.members:
            continue
        names = [spec.name for spec in model.spec.members[domain].tags]
        extra = [name for name in present if name not in names]
        if extra:
            return f"the plant has a tag {extra[0]} that the {domain} member does not know"
        if present != names:
            return f"the plant lists the {domain} member's tags in another order or number than in training"
    return None


def require_fit(model: Model, plant: PlantModel) -> None:
    """Raises BadInput where the model was trained for other tags or ranges."""
    reason = fits(model, plant)
    if reason is not None:
        raise BadInput("model", str(model.folder), f"a model that fits ({reason})")


def _water_tags(plant: PlantModel) -> list[str]:
    tanks = [t for t in plant.tanks if t.level_tag and t.inflow_tag]
    return [*(t.level_tag for t in tanks), *(t.inflow_tag for t in tanks)]


def _grid_tags(plant: PlantModel) -> list[str]:
    return [
        *(b.load_tag for b in plant.buses if b.load_tag),
        *(u.power_tag for u in plant.units if u.power_tag),
        *(b.flow_tag for b in plant.branches if b.flow_tag),
    ]
