"""Members of a model at run time: features, calibration and networks of one plant model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from detectors.bounds.dense import Dense, Floats
from detectors.features import Calibration
from detectors.grid_calibration import GridCalibration, KnownOutages
from detectors.grid_features import GridFeatures
from detectors.judge import GridJudge, WaterJudge
from detectors.model import Model, require_fit
from detectors.monitors.residual import NodalMonitor, TankMonitor
from detectors.perturbation import Perturbation
from detectors.rows import Combination
from detectors.water_features import WaterFeatures
from streams.errors import BadInput
from streams.plant_model import PlantModel


def grid_arrays(features: GridFeatures, calibration: GridCalibration) -> dict[str, Floats]:
    """What weights.npz keeps of the grid member beside its network."""
    shift = features.shift
    more = {} if shift is None else {"grid.shift.flow": shift.flow, "grid.shift.bus": shift.bus}
    known = calibration.known
    if known is not None:
        more |= {
            "grid.known.closed": known.closed.astype(float),
            "grid.known.shift": known.shift,
            "grid.known.sigma": known.sigma,
        }
    if calibration.level is not None:
        more["grid.level"] = calibration.level
    return more | {
        "grid.local.flow": features.local.flow,
        "grid.local.bus": features.local.bus,
        "grid.local.defined": features.local.defined.astype(float),
        "grid.usual.closed": calibration.usual_closed.astype(float),
        "grid.usual.coefficients": calibration.usual.coefficients,
        "grid.usual.sigma": calibration.usual.sigma,
        "grid.other.coefficients": calibration.other.coefficients,
        "grid.other.sigma": calibration.other.sigma,
    }


def water_arrays(calibration: Calibration) -> dict[str, Floats]:
    """What weights.npz keeps of the water member beside its network."""
    return {"water.coefficients": calibration.coefficients, "water.sigma": calibration.sigma}


def _calibration(arrays: Mapping[str, Floats], name: str, rows: int, *regressors: int) -> Calibration:
    found = Calibration(arrays[f"{name}.coefficients"], arrays[f"{name}.sigma"])
    shapes = [(rows, count) for count in regressors]
    good = found.coefficients.shape in shapes and found.sigma.shape == (rows,)
    if not good or not (found.sigma > 0).all():
        raise BadInput(name, found.coefficients.shape, f"{rows} rows with positive sigma")
    return found


def grid_parts(model: Model, plant: PlantModel) -> tuple[GridFeatures, GridCalibration]:
    """Features and calibration of the grid member. Raises BadInput where arrays are missing or do not
    chain."""
    arrays = model.arrays
    try:
        local = Combination(
            arrays["grid.local.flow"], arrays["grid.local.bus"], arrays["grid.local.defined"] > 0.5
        )
        protected = {tag.name for tag in plant.tags if tag.protected}
        flows = sum(b.flow_tag in protected for b in plant.branches)
        for name, wanted in (("flow", len(plant.branches)), ("bus", len(plant.buses))):
            found = arrays[f"grid.local.{name}"].shape
            if found != (flows, wanted):
                where = f"{model.folder / 'weights.npz'}: grid.local.{name}"
                raise BadInput(where, found, f"the shape {(flows, wanted)} of this plant")
        features = GridFeatures(plant, local, _shift_rows(arrays))
        rows, wide = features.rows_count, 2 + features.flows_count
        usual, other = (_calibration(arrays, f"grid.{name}", rows, wide, 3) for name in ("usual", "other"))
        if usual.coefficients.shape[1] != wide:
            usual, other = features.on_all_flows(usual), features.on_all_flows(other)
        calibration = GridCalibration(
            arrays["grid.usual.closed"] > 0.5, usual, other, _known_outages(arrays), arrays.get("grid.level")
        )
    except KeyError as error:
        raise BadInput(
            str(model.folder / "weights.npz"), f"no array {error}", "every array of a model"
        ) from None
    return features, calibration


def _shift_rows(arrays: Mapping[str, Floats]) -> Combination | None:
    """None where the model was made before there were any, or without."""
    if "grid.shift.flow" not in arrays:
        return None
    flow, bus = arrays["grid.shift.flow"], arrays["grid.shift.bus"]
    return Combination(flow, bus, np.ones(len(flow), dtype=bool))


def _known_outages(arrays: Mapping[str, Floats]) -> KnownOutages | None:
    """None where the model was made before there were any, or without."""
    if "grid.known.closed" not in arrays:
        return None
    return KnownOutages(
        arrays["grid.known.closed"] > 0.5, arrays["grid.known.shift"], arrays["grid.known.sigma"]
    )


def grid_judge(model: Model, plant: PlantModel, eps: Perturbation, network: Dense | None = None) -> GridJudge:
    """The grid member ready to judge; ``network`` replaces the certified one (the twin in reports).

    Raises BadInput where the model's arrays do not fit the plant or eps names what it must not.
    """
    eps.check(plant)
    features, calibration = grid_parts(model, plant)
    spec = model.spec.members["grid"]
    net = network or model.network("grid")
    return GridJudge(features, net, calibration, eps, spec.window, spec.min_scans, spec.min_rows)


def water_judge(
    model: Model, plant: PlantModel, eps: Perturbation, network: Dense | None = None
) -> WaterJudge:
    """The water member ready to judge. Raises BadInput as ``grid_judge`` does."""
    eps.check(plant)
    features = WaterFeatures(plant)
    samples, trained = features.index.samples, model.spec.members["water"].window
    if samples != trained:
        where = f"{model.folder / 'model.json'}: members.water.window"
        raise BadInput(where, trained, f"{samples}, the samples this plant reports in that time")
    try:
        calibration = _calibration(model.arrays, "water", features.rows_count, 2)
    except KeyError as error:
        raise BadInput(
            str(model.folder / "weights.npz"), f"no array {error}", "every array of a model"
        ) from None
    return WaterJudge(
        features, network or model.network("water"), calibration, eps, model.spec.members["water"].min_rows
    )


class Members(NamedTuple):
    """All that judges one plant; None where the model has no such member."""

    grid: GridJudge | None
    nodal: NodalMonitor | None
    water: WaterJudge | None
    tanks: TankMonitor | None


def build_all(model: Model, plant: PlantModel, eps: Perturbation | None = None) -> Members:
    """Every judge and monitor of a model for a plant; eps: default the model's own.

    Raises BadInput where anything does not fit, so that a caller can check a model before a run.
    """
    require_fit(model, plant)
    chosen = eps or Perturbation(model.spec.eps)
    grid, nodal, water, tanks = None, None, None, None
    if "grid" in model.spec.members:
        grid, nodal = grid_judge(model, plant, chosen), NodalMonitor.load_from(plant, model.arrays)
        grid.plan(grid.calibration.usual_closed, np.zeros(grid.reach.size, dtype=bool))
        if nodal.mean.shape != (nodal.rows.shape[0],):
            where = f"{model.folder / 'weights.npz'}: monitor.grid.mean"
            raise BadInput(where, nodal.mean.shape, f"the {nodal.rows.shape[0]} metered buses of this plant")
    if "water" in model.spec.members:
        water, tanks = water_judge(model, plant, chosen), TankMonitor.load_from(plant, model.arrays)
    return Members(grid, nodal, water, tanks)


def lower_output(network: Dense, by: float) -> Dense:
    """The same network with its output bias lowered by ``by`` (0 or more)."""
    last = np.asarray(network.biases[-1] - by)
    return Dense(network.weights, (*network.biases[:-1], last))
