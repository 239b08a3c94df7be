"""Networks of a trained detector as it judges: features and layers, each an operation of its own.

Unlike ``of_dense``, which composes the features with the first layer and so rounds, these are the deployed
function itself. ``write_onnx`` puts them into a file.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.bounds.dense import Dense
from detectors.features import AffineRows
from detectors.judge import GridJudge, WaterJudge
from detectors.verification.network import Network, chain
from detectors.verification.operations import Affine, Operation, Relu

Floats = NDArray[np.float64]


def grid_network(judge: GridJudge, closed: NDArray[np.bool_] | None = None) -> Network:
    """Logit of the means over a window's scans, one for each of ``judge.features.index.names``, in MW.

    closed: (branches,) the topology in which the scans were taken, by default the usual one.
    """
    topology = judge.calibration.usual_closed if closed is None else closed
    return detector_network(judge.network, judge.features.rows(topology, judge.calibration))


def water_network(judge: WaterJudge) -> Network:
    """Logit of a window of raw samples, (samples, columns) row by row, oldest first."""
    return detector_network(judge.network, judge.rows)


def detector_network(dense: Dense, rows: AffineRows) -> Network:
    """Dense layers with ReLU between them, behind rows.matrix @ x + rows.offset. Raises BadInput where the
    two do not fit."""
    operations: list[Operation] = [Affine([rows.matrix], rows.offset)]
    for weight, bias in zip(dense.weights, dense.biases, strict=True):
        operations += [Affine([weight], bias), Relu()]
    return chain(operations[:-1], rows.matrix.shape[1])
